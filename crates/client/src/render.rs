//! Answers as text for people, to be read at three in the morning. A likelihood
//! and the analytic confidence never stand in one phrase, and no probability is
//! ever shown as 0 or 1.

mod explanation;
mod model;
mod report;
mod state;
mod summary;
mod words;

pub use explanation::explanation;
pub use model::{learned, source_model};
pub use report::{claim, originator, report};
pub use state::state;
pub use summary::summary;
pub use words::{
    analytic_confidence, interest, likelihood, outcome_name, percent, span, status, time, when,
    word,
};

/// What every shown answer ends with.
pub const DISCLAIMER: &str =
    "Not for targeting or for decisions about individuals; no position on sovereignty.";

#[cfg(test)]
mod tests;
