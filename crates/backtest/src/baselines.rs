//! What a static method has to beat: the usual ways of aggregating claims.

mod closed;

pub use closed::{dawid_skene, majority, one_coin, wawa};

use ascertain_fusion::offline::{Posteriors, Problem};

/// A way of aggregating.
pub type Baseline = fn(&Problem) -> Posteriors;

/// Every baseline for a closed vocabulary, under the name the literature gives it.
pub const STATIC: &[(&str, Baseline)] = &[
    ("majority", majority),
    ("wawa", wawa),
    ("one-coin", one_coin),
    ("dawid-skene", dawid_skene),
];
