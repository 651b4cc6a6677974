//! The fold of claims into a belief, slot by slot.
//!
//! Beside the belief α the filter carries, for each independence group, the belief
//! as it stands without that group, all other weights held. Both pass gaps and
//! evidence alike, so that a group's weight can be told at any later time without
//! going back to the evidence.

use std::collections::BTreeMap;

use crate::dynamics::{ClashModel, Dynamics, Rates};
use crate::outcomes::{Outcomes, leader, normalise};
use crate::stay::Ladder;

/// The share of a slot's evidence that is taken to be no evidence at all, so that
/// no slot can rule anything out.
const EPSILON: f64 = 0.02;

/// What was said of one slot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// The slot, in hours from any fixed epoch.
    pub hour: i64,
    /// For each group that spoke: Σ w ln L(outcome), in the order of groups.
    pub evidence: BTreeMap<usize, Vec<f64>>,
    /// Total weight of the reports of fighting.
    pub clash: f64,
}

/// A place's belief, standing at an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    dynamics: Dynamics,
    outcomes: Outcomes,
    clash_model: ClashModel,
    /// Where it stands; `None` before the first step.
    hour: Option<i64>,
    alpha: Vec<f64>,
    clash: f64,
    without: BTreeMap<usize, Vec<f64>>,
    ladders: Vec<Ladder>,
    led: Vec<usize>,
}

/// A filter's state, to be kept and resumed.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Where it stands; `None` before the first step.
    pub hour: Option<i64>,
    /// The belief.
    pub alpha: Vec<f64>,
    /// Clash intensity.
    pub clash: f64,
    /// The belief without each group.
    pub without: BTreeMap<usize, Vec<f64>>,
    /// Since when, outcome by outcome.
    pub ladders: Vec<Ladder>,
    /// The last two different sides that led, the later last.
    pub led: Vec<usize>,
}

impl Filter {
    /// Before any evidence.
    #[must_use]
    pub fn new(outcomes: Outcomes) -> Self {
        Self::resume(
            outcomes,
            Standing {
                hour: None,
                alpha: outcomes.prior(),
                clash: 0.0,
                without: BTreeMap::new(),
                ladders: vec![Ladder::default(); outcomes.count()],
                led: Vec::new(),
            },
        )
    }

    /// From where another filter stood.
    #[must_use]
    pub fn resume(outcomes: Outcomes, standing: Standing) -> Self {
        let Standing {
            hour,
            alpha,
            clash,
            without,
            ladders,
            led,
        } = standing;
        Self {
            dynamics: Dynamics::new(outcomes),
            outcomes,
            clash_model: ClashModel::DEFAULT,
            hour,
            alpha,
            clash,
            without,
            ladders,
            led,
        }
    }

    /// Where it stands, to be kept.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            hour: self.hour,
            alpha: self.alpha.clone(),
            clash: self.clash,
            without: self.without.clone(),
            ladders: self.ladders.clone(),
            led: self.led.clone(),
        }
    }

    /// The belief.
    #[must_use]
    pub fn alpha(&self) -> &[f64] {
        &self.alpha
    }

    /// The belief without a group; the belief itself for a group that never spoke.
    #[must_use]
    pub fn without(&self, group: usize) -> &[f64] {
        self.without.get(&group).unwrap_or(&self.alpha)
    }

    /// Since when each outcome has been so.
    #[must_use]
    pub fn ladders(&self) -> &[Ladder] {
        &self.ladders
    }

    /// The last side that led before a leading outcome.
    #[must_use]
    pub fn led_before(&self, leading: usize) -> Option<usize> {
        self.led.iter().rev().copied().find(|side| *side != leading)
    }

    /// Passes a gap to an hour, or part of one, not before where it stands.
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn pass_to(&mut self, hour: f64) {
        let Some(from) = self.hour else { return };
        let days = (hour - from as f64).max(0.0) / 24.0;
        if days == 0.0 {
            return;
        }
        let stretches: Vec<_> = self.clash_model.stretches(self.clash, days).collect();
        for (length, z) in stretches {
            self.pass_stretch(self.clash_model.rates(Rates::DEFAULT, z), length);
        }
        self.clash = self.clash_model.decayed(self.clash, days);
    }

    fn pass_stretch(&mut self, rates: Rates, days: f64) {
        let next = self.dynamics.forward(&self.alpha, rates, days);
        for (outcome, ladder) in self.ladders.iter_mut().enumerate() {
            let kept = if next[outcome] > 0.0 {
                self.alpha[outcome] * self.dynamics.stays(outcome, rates, days) / next[outcome]
            } else {
                1.0
            };
            ladder.shrink(kept.min(1.0));
        }
        self.alpha = next;
        for without in self.without.values_mut() {
            *without = self.dynamics.forward(without, rates, days);
        }
    }

    /// Takes the evidence of a slot in, not before where it stands.
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn take(&mut self, step: &Step) {
        self.pass_to(step.hour as f64);
        self.hour = Some(step.hour);
        for group in step.evidence.keys() {
            self.without
                .entry(*group)
                .or_insert_with(|| self.alpha.clone());
        }
        let all = factors(self.outcomes, &step.evidence, None);
        for (group, without) in &mut self.without {
            if step.evidence.contains_key(group) {
                let others = factors(self.outcomes, &step.evidence, Some(*group));
                multiply(without, &others);
            } else {
                multiply(without, &all);
            }
        }
        multiply(&mut self.alpha, &all);
        self.clash = self.clash_model.raised(self.clash, step.clash);
        for ladder in &mut self.ladders {
            ladder.stand(step.hour);
        }
        self.note_leader();
    }

    fn note_leader(&mut self) {
        let Some(side) = leader(&self.alpha).filter(|o| self.outcomes.is_side(*o)) else {
            return;
        };
        if self.led.last() != Some(&side) {
            self.led.push(side);
            if self.led.len() > 2 {
                self.led.remove(0);
            }
        }
    }

    /// What later steps say of an hour (or part of one) between where the filter
    /// stands and the first of them: a likelihood for each outcome, with all
    /// groups (`None`) or without one.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn hindsight(&self, hour: f64, later: &[Step], without: Option<usize>) -> Vec<f64> {
        // The clash intensity at the start of each gap, forward.
        let mut z = self.clash;
        let mut at = self.hour.map_or(hour, |h| h as f64);
        z = self.clash_model.decayed(z, (hour - at).max(0.0) / 24.0);
        at = hour;
        let mut gaps = Vec::with_capacity(later.len());
        for step in later {
            let days = (step.hour as f64 - at).max(0.0) / 24.0;
            gaps.push((z, days));
            z = self
                .clash_model
                .raised(self.clash_model.decayed(z, days), step.clash);
            at = step.hour as f64;
        }
        let mut message = vec![1.0; self.outcomes.count()];
        for (step, (z, days)) in later.iter().zip(gaps).rev() {
            let evidence = factors(self.outcomes, &step.evidence, without);
            message.iter_mut().zip(&evidence).for_each(|(m, e)| *m *= e);
            normalise(&mut message);
            let stretches: Vec<_> = self.clash_model.stretches(z, days).collect();
            for (length, z) in stretches.into_iter().rev() {
                let rates = self.clash_model.rates(Rates::DEFAULT, z);
                message = self.dynamics.backward(&message, rates, length);
            }
        }
        message
    }
}

/// Multiplies a belief by likelihoods.
pub fn multiply(belief: &mut [f64], likelihoods: &[f64]) {
    belief
        .iter_mut()
        .zip(likelihoods)
        .for_each(|(b, l)| *b *= l);
    normalise(belief);
}

/// The floored likelihoods of a slot, largest about 1, in the order of groups,
/// without one of them if asked.
fn factors(
    outcomes: Outcomes,
    evidence: &BTreeMap<usize, Vec<f64>>,
    except: Option<usize>,
) -> Vec<f64> {
    let mut sum = vec![0.0; outcomes.count()];
    for (_, log_likelihoods) in evidence.iter().filter(|(group, _)| Some(**group) != except) {
        sum.iter_mut()
            .zip(log_likelihoods)
            .for_each(|(s, l)| *s += l);
    }
    let most = sum.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = sum.iter().map(|s| libm::exp(s - most)).collect();
    #[allow(clippy::cast_precision_loss)] // K is small
    let mean = raw.iter().sum::<f64>() / raw.len() as f64;
    raw.iter()
        .map(|r| (1.0 - EPSILON) * r + EPSILON * mean)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Role, log_likelihoods};

    const TWO: Outcomes = Outcomes::new(2);

    fn step(hour: i64, said: &[(usize, Role, usize)]) -> Step {
        let mut step = Step {
            hour,
            ..Step::default()
        };
        for (group, role, label) in said {
            let mut fits = vec![0.0; TWO.count()];
            fits[*label] = 1.0;
            step.evidence
                .insert(*group, log_likelihoods(TWO, *role, &fits));
        }
        step
    }

    fn folded(steps: &[Step]) -> Filter {
        let mut filter = Filter::new(TWO);
        steps.iter().for_each(|s| filter.take(s));
        filter
    }

    #[test]
    fn going_on_from_a_standing_is_going_on() {
        let steps = [
            step(0, &[(0, Role::Independent(0.8), 0)]),
            step(50, &[(1, Role::OrganOf(1), 1)]),
        ];
        let half = folded(&steps[..1]);
        let mut resumed = Filter::resume(TWO, half.standing());
        resumed.take(&steps[1]);
        assert_eq!(resumed, folded(&steps));
    }

    #[test]
    fn without_a_group_equals_never_having_heard_it() {
        let both = step(
            10,
            &[
                (0, Role::Independent(0.9), 0),
                (1, Role::Independent(0.7), 1),
            ],
        );
        let later = step(60, &[(0, Role::Independent(0.9), 0)]);
        let with = folded(&[step(0, &[(1, Role::OrganOf(1), 1)]), both, later.clone()]);
        let only = [step(10, &[(0, Role::Independent(0.9), 0)]), later];
        let mut never = Filter::new(TWO);
        never.hour = Some(0);
        only.iter().for_each(|s| never.take(s));
        for (a, b) in with.without(1).iter().zip(never.alpha()) {
            assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn hindsight_agrees_with_the_forward_fold() {
        // The evidence of the whole is the same from either end.
        let steps = [
            step(0, &[(0, Role::Independent(0.8), 0)]),
            step(100, &[(1, Role::Independent(0.9), 1)]),
            step(130, &[(2, Role::Sympathetic(0), 2)]),
        ];
        let mut at_fifty = folded(&steps[..1]);
        let hindsight = at_fifty.hindsight(50.0, &steps[1..], None);
        at_fifty.pass_to(50.0);
        let mut smoothed = at_fifty.alpha().to_vec();
        multiply(&mut smoothed, &hindsight);
        assert!(smoothed[1] > at_fifty.alpha()[1]);
        assert!((smoothed.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn no_slot_rules_anything_out() {
        let many: Vec<_> = (0..50).map(|g| (g, Role::Independent(0.95), 0)).collect();
        let filter = folded(&[step(0, &many)]);
        assert!(
            filter.alpha().iter().all(|p| *p > 1e-6 && *p < 1.0),
            "{:?}",
            filter.alpha()
        );
    }

    #[test]
    fn the_side_that_led_before_is_remembered_through_a_contest() {
        let organ = |hour, label| step(hour, &[(0, Role::Independent(0.95), label)]);
        let mut filter = folded(&[organ(0, 0), organ(24, 0)]);
        filter.take(&organ(48, 2));
        filter.take(&organ(49, 2));
        assert_eq!(leader(filter.alpha()), Some(2));
        assert_eq!(filter.led_before(2), Some(0));
        for hour in 60..64 {
            filter.take(&organ(hour * 24, 1));
        }
        assert_eq!(filter.led_before(1), Some(0));
    }
}
