//! What a static method has to beat: the usual ways of aggregating claims.

mod closed;
mod open;
#[cfg(test)]
mod tests;

pub use closed::{dawid_skene, mace, majority, one_coin, wawa};

use ascertain_fusion::offline::{Posteriors, Problem, is_open};

/// A way of aggregating.
pub type Baseline = fn(&Problem) -> Posteriors;

/// Every baseline for a closed vocabulary, under the name the literature gives it.
pub const STATIC: &[(&str, Baseline)] = &[
    ("majority", majority),
    ("wawa", wawa),
    ("one-coin", one_coin),
    ("mace", mace),
    ("dawid-skene", dawid_skene),
];

/// Every baseline for an open vocabulary, in memory linear in the claims.
pub const OPEN: &[(&str, Baseline)] = &[
    ("majority", open::majority),
    ("truth-finder", open::truth_finder),
    ("crh", open::crh),
    ("catd", open::catd),
    ("accu", open::accu),
];

/// The baselines that suit a problem's vocabulary.
#[must_use]
pub fn of(problem: &Problem) -> &'static [(&'static str, Baseline)] {
    if is_open(problem) { OPEN } else { STATIC }
}
