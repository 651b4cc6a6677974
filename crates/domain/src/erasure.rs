//! What is to be erased of a report.

/// How much of a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Its text, names as written and locators: what it claims still counts.
    Content,
    /// All of it.
    Report,
}
