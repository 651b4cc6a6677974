//! How far unproven sources may take a belief, all of them together.

use super::{Beliefs, Filter, FilterState, multiply};
use crate::dynamics::Clash;
use crate::outcomes::sharpness;

/// Against what others say all unproven sources together count for as much as one source
/// graded B does once: they change the odds of two outcomes 15 times.
const ODDS: f64 = 15.0;
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
    /// When somebody was heard last whose word weighed anything.
    pub heard: Option<i64>,
    /// The belief without each group that still makes a difference, besides.
    pub without: Beliefs,
}

impl FilterState {
    /// What is believed without all that unproven sources said, and so far is no different.
    pub(super) fn proven_mut(&mut self) -> &mut Proven {
        let Self {
            heard,
            alpha,
            clash,
            without,
            proven,
            ..
        } = self;
        proven.get_or_insert_with(|| Proven {
            belief: alpha.clone(),
            clash: *clash,
            heard: *heard,
            without: without.clone(),
        })
    }

    /// Forgets it where it makes no difference any more.
    pub(super) fn drop_proven(&mut self) {
        let Self {
            heard,
            alpha,
            clash,
            without,
            proven,
            ..
        } = self;
        let same = |p: &Proven| {
            p.belief == *alpha && p.clash == *clash && p.heard == *heard && p.without == *without
        };
        if proven.as_ref().is_some_and(same) {
            *proven = None;
        }
    }

    /// The belief without all that unproven sources said.
    #[must_use]
    pub fn proven(&self) -> &[f64] {
        self.proven.as_ref().map_or(&self.alpha, |p| &p.belief)
    }

    /// The same without a group, besides; the same itself for one that makes no difference.
    #[must_use]
    pub fn proven_without(&self, group: super::GroupId) -> &[f64] {
        self.proven.as_ref().map_or_else(
            || self.without(group),
            |p| p.without.get(group).unwrap_or(&p.belief),
        )
    }
}

impl Filter {
    /// Brings a belief back to where all unproven sources may take it from what is believed
    /// without them.
    ///
    /// The odds of any two outcomes stand apart by no more than e^(ln 15 / s) in the two
    /// beliefs, with s the sharpness of what is believed without them: who knows nothing
    /// bounds nobody.
    ///
    /// It is for what is read, never for what one goes on from: so it does not matter how
    /// often one looks.
    pub fn bound(&self, belief: &mut [f64], proven: &[f64]) {
        let ratio = |(a, p): (&f64, &f64)| if *p > 0.0 { a / p } else { 1.0 };
        let ratios = belief.iter().zip(proven).map(ratio);
        let ends = ratios.fold((f64::INFINITY, 0.0_f64), |(least, most), ratio| {
            let least = if ratio > 0.0 { least.min(ratio) } else { least };
            (least, most.max(ratio))
        });
        // No bound is closer than this.
        if ends.1 <= ODDS * ends.0 {
            return;
        }
        let sharp = sharpness(self.outcomes, proven);
        if sharp < KNOWS_NOTHING {
            return;
        }
        let least = ends.1 * libm::exp(-LN_ODDS / sharp);
        if ends.0 >= least * (1.0 - SLACK) {
            return;
        }
        let back: Vec<f64> = belief
            .iter()
            .zip(proven)
            .map(|pair| match ratio(pair) {
                near if near >= least || near <= 0.0 => 1.0,
                far => least / far,
            })
            .collect();
        multiply(belief, &back);
    }
}
