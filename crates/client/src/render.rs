//! Answers as text for people, to be read at three in the morning. A likelihood
//! and the analytic confidence never stand in one phrase, and no probability is
//! ever shown as 0 or 1.

mod area;
mod comparison;
mod explanation;
mod model;
mod report;
mod state;
mod summary;
mod timeline;
mod words;

pub use area::area;
pub use comparison::comparison;
pub use explanation::explanation;
pub use model::{learned, source_model};
pub use report::{claim, originator, report};
pub use state::{adjudication, state};
pub use summary::summary;
pub use timeline::{Style, timeline};
pub use words::{
    analytic_confidence, changes, interest, leading, likelihood, outcome_kind, outcome_name,
    percent, span, status, time, when, word,
};

/// What every shown answer ends with.
pub const DISCLAIMER: &str =
    "Not for targeting or for decisions about individuals; no position on sovereignty.";

#[cfg(test)]
mod tests;
