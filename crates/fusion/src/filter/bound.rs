//! How far unproven sources may take a belief, all of them together.

use super::{Filter, FilterState, multiply};
use crate::dynamics::Clash;
use crate::outcomes::{Outcomes, sharpness};

/// Against what others say all unproven sources together count for as much as one source
/// graded B does once: they change the odds of two outcomes 15 times.
const LN_ODDS: f64 = 2.708_050_201_102_21;
/// Where the others know less than this, nothing is held against anybody.
const KNOWS_NOTHING: f64 = 1e-3;
/// What floating point leaves of a bound that was kept.
const SLACK: f64 = 1e-9;

/// What is believed without all that unproven sources said.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// The belief.
    pub belief: Vec<f64>,
    /// How hard the place is fought for.
    pub clash: Clash,
}

impl Proven {
    pub(super) fn new(outcomes: Outcomes) -> Self {
        Self {
            belief: outcomes.prior(),
            clash: Clash::NONE,
        }
    }
}

impl Filter {
    /// The likelihoods that bring a belief back to where all unproven sources may take it
    /// from what is believed without them; `None` where it is there.
    ///
    /// The odds of any two outcomes stand apart by no more than e^(ln 15 / s) in the two
    /// beliefs, with s the sharpness of what is believed without them: who knows nothing
    /// bounds nobody.
    pub(super) fn bound(&self, alpha: &[f64], proven: &[f64]) -> Option<Vec<f64>> {
        let sharp = sharpness(self.outcomes, proven);
        if sharp < KNOWS_NOTHING {
            return None;
        }
        let ratio = |(a, p): (&f64, &f64)| if *p > 0.0 { a / p } else { 1.0 };
        let ratios: Vec<f64> = alpha.iter().zip(proven).map(ratio).collect();
        let least = ratios.iter().copied().fold(0.0, f64::max) * libm::exp(-LN_ODDS / sharp);
        let far = |ratio: &f64| *ratio < least * (1.0 - SLACK) && *ratio > 0.0;
        ratios.iter().any(far).then(|| {
            let back = |ratio: &f64| if far(ratio) { least / ratio } else { 1.0 };
            ratios.iter().map(back).collect()
        })
    }

    /// The same for a state of which one knows what was said later: `hindsight` of all, and
    /// of those who are not unproven, are likelihoods where the state stands. What all and
    /// those believe then, the bound holds between.
    #[must_use]
    pub fn bound_looking_back(
        &self,
        state: &FilterState,
        hindsight: &[f64],
        of_proven: &[f64],
    ) -> Option<Vec<f64>> {
        let (mut belief, mut proven) = (state.alpha.clone(), state.proven.belief.clone());
        multiply(&mut belief, hindsight);
        multiply(&mut proven, of_proven);
        self.bound(&belief, &proven)
    }
}
