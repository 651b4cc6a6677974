//! Disagreement between independence groups.

use std::sync::Arc;

use crate::standing::StandingClaim;

/// What a group said is forgotten with this scale, in days.
const FORGET_DAYS: f64 = 8.0;
/// A group with less than this in force says nothing any more.
const IN_FORCE: f64 = 0.05;

/// What a group's claims favour, outcome by outcome; at most 1 in all.
#[derive(Debug, Clone, PartialEq)]
pub struct Favours {
    /// Shared by all that go on from here until the group speaks again.
    weights: Arc<[f64]>,
    hour: i64,
}

impl Favours {
    /// Nothing favoured yet, of so many outcomes.
    #[must_use]
    pub fn none(outcomes: usize) -> Self {
        Self {
            weights: vec![0.0; outcomes].into(),
            hour: i64::MIN,
        }
    }

    /// What a standing claim favours at an hour: with its force, the outcomes under which
    /// its silence is most likely, among the first `judged`.
    #[must_use]
    pub fn standing(claim: &StandingClaim, hour: i64, judged: usize) -> Self {
        let mut favours = Self::none(claim.doubts.len());
        // On the day of the claim its silence has not begun.
        let force = claim.force(hour.max(claim.since + 1));
        favours.add(hour, force, &claim.doubts, judged);
        favours
    }

    /// From stored weights as of an hour.
    #[must_use]
    pub fn from_parts(weights: Vec<f64>, hour: i64) -> Self {
        Self {
            weights: weights.into(),
            hour,
        }
    }

    /// The weights, and the hour that they stand at.
    #[must_use]
    pub fn parts(&self) -> (&[f64], i64) {
        (&self.weights, self.hour)
    }

    /// The weights at an hour (or part of one) not before the last.
    fn at(&self, hour: f64) -> impl Iterator<Item = f64> {
        let kept = self.kept(hour);
        self.weights.iter().map(move |w| w * kept)
    }

    /// What is left of each weight at an hour.
    fn kept(&self, hour: f64) -> f64 {
        if self.hour == i64::MIN {
            return 1.0;
        }
        #[allow(clippy::cast_precision_loss)] // hours are exact in f64
        let days = ((hour - self.hour as f64) / 24.0).max(0.0);
        if days > 0.0 {
            libm::exp(-days / FORGET_DAYS)
        } else {
            1.0
        }
    }

    /// Whether it says anything any more at an hour.
    #[must_use]
    pub fn is_in_force(&self, hour: f64) -> bool {
        self.at(hour).sum::<f64>() >= IN_FORCE
    }

    /// Adds a claim of a weight at an hour, split evenly over the outcomes, among
    /// the first `judged`, under which it is most likely.
    #[allow(clippy::cast_precision_loss)] // K is small, hours are exact in f64
    pub fn add(&mut self, hour: i64, weight: f64, log_likelihoods: &[f64], judged: usize) {
        let kept = self.kept(hour as f64);
        let weights = Arc::make_mut(&mut self.weights);
        weights.iter_mut().for_each(|w| *w *= kept);
        self.hour = hour.max(self.hour);
        let judged = &log_likelihoods[..judged.min(log_likelihoods.len())];
        let most = judged.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let favoured = |ll: &&f64| **ll > most - 1e-9;
        let share = weight / judged.iter().filter(favoured).count() as f64;
        let both = weights.iter_mut().zip(judged);
        both.filter(|(_, ll)| favoured(ll))
            .for_each(|(w, _)| *w += share);
        let sum: f64 = weights.iter().sum();
        if sum > 1.0 {
            weights.iter_mut().for_each(|w| *w /= sum);
        }
    }
}

/// Disagreement at an hour: 2 W₂ / (W₁ + W₂) of the two largest sums of weights by
/// outcome over the groups in force, 0 to 1; and how many those are.
#[must_use]
pub fn disagreement<'a>(groups: impl Iterator<Item = &'a Favours>, hour: f64) -> (f64, u32) {
    let mut sums: Vec<f64> = Vec::new();
    let mut in_force = 0;
    for group in groups {
        let weights: Vec<f64> = group.at(hour).collect();
        if weights.iter().sum::<f64>() < IN_FORCE {
            continue;
        }
        in_force += 1;
        sums.resize(sums.len().max(weights.len()), 0.0);
        sums.iter_mut().zip(&weights).for_each(|(s, w)| *s += w);
    }
    sums.sort_by(|a, b| b.total_cmp(a));
    match sums.as_slice() {
        [first, second, ..] if first + second > 0.0 => (2.0 * second / (first + second), in_force),
        _ => (0.0, in_force),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn favouring(outcome: usize) -> Favours {
        let mut favours = Favours::none(3);
        let mut ll = vec![-3.0; 3];
        ll[outcome] = 0.0;
        favours.add(0, 1.0, &ll, 3);
        favours
    }

    #[test]
    fn one_voice_is_no_dispute_and_two_against_each_other_are_all_of_it() {
        let (a, b) = (favouring(0), favouring(1));
        assert_eq!(disagreement([&a].into_iter(), 0.0), (0.0, 1));
        assert_eq!(disagreement([&a, &a].into_iter(), 0.0), (0.0, 2));
        assert_eq!(disagreement([&a, &b].into_iter(), 0.0), (1.0, 2));
    }

    #[test]
    fn what_was_said_long_ago_is_no_longer_in_force() {
        let old = favouring(0);
        let against = favouring(1);
        let later = disagreement([&old, &against].into_iter(), 24.0 * 60.0);
        assert_eq!(later, (0.0, 0));
    }
}
