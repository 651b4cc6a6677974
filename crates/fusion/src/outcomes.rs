//! The outcomes of a place, and distributions over them.

/// How likely a party that is not listed is to take over, when control changes.
pub const OTHER_SHARE: f64 = 0.01;
/// How likely agreed sharing is to follow, when control changes.
pub const MIXED_SHARE: f64 = 0.01;
/// How likely nobody is to follow, when control changes. More likely than an unlisted
/// party: that a place is empty can only be told by who is not there, which fits both,
/// while who holds it would be named.
pub const VACATED_SHARE: f64 = 0.02;
/// The chance that a place is contested before anything is known.
pub const PRIOR_CONTESTED: f64 = 0.06;
/// Published probabilities keep this share of a uniform distribution, so that
/// none is ever 0 or 1.
const PUBLISHED_FLOOR: f64 = 1e-5;
/// And every outcome at least so many parts per million.
const LEAST_PARTS: f64 = 1.5;

/// The outcomes of a place with a number of sides: the sides, then contested,
/// mixed, vacated, other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes {
    sides: usize,
}

impl Outcomes {
    /// The outcomes for so many sides.
    #[must_use]
    pub const fn new(sides: usize) -> Self {
        Self { sides }
    }

    /// How many sides there are.
    #[must_use]
    pub const fn sides(self) -> usize {
        self.sides
    }

    /// How many outcomes there are.
    #[must_use]
    pub const fn count(self) -> usize {
        self.sides + 4
    }

    /// The index of *contested*.
    #[must_use]
    pub const fn contested(self) -> usize {
        self.sides
    }

    /// The index of *mixed*.
    #[must_use]
    pub const fn mixed(self) -> usize {
        self.sides + 1
    }

    /// The index of *vacated*.
    #[must_use]
    pub const fn vacated(self) -> usize {
        self.sides + 2
    }

    /// The index of *other*.
    #[must_use]
    pub const fn other(self) -> usize {
        self.sides + 3
    }

    /// Whether an outcome is one of the sides.
    #[must_use]
    pub const fn is_side(self, outcome: usize) -> bool {
        outcome < self.sides
    }

    /// π: with which chance each outcome follows when control changes; 0 for
    /// contested, sum 1. Uniform over the sides, small for the rest; without any
    /// sides, *other* has it all but mixed and vacated.
    #[must_use]
    pub fn entry_shares(self) -> Vec<f64> {
        let mut shares = vec![0.0; self.count()];
        shares[self.mixed()] = MIXED_SHARE;
        shares[self.vacated()] = VACATED_SHARE;
        let rest = 1.0 - MIXED_SHARE - VACATED_SHARE;
        if self.sides == 0 {
            shares[self.other()] = rest;
        } else {
            shares[self.other()] = OTHER_SHARE;
            #[allow(clippy::cast_precision_loss)] // a dozen sides at the most
            let each = (rest - OTHER_SHARE) / self.sides as f64;
            shares[..self.sides].fill(each);
        }
        shares
    }

    /// The distribution before anything is known.
    #[must_use]
    pub fn prior(self) -> Vec<f64> {
        let mut prior = self.entry_shares();
        for p in &mut prior {
            *p *= 1.0 - PRIOR_CONTESTED;
        }
        prior[self.contested()] = PRIOR_CONTESTED;
        prior
    }
}

/// How much a belief says: 0 for the prior, 1 for a certain one, and for every other that is
/// as far from the prior (total variation) as certainty of its likeliest outcome.
#[must_use]
pub fn sharpness(outcomes: Outcomes, belief: &[f64]) -> f64 {
    let prior = outcomes.prior();
    let apart: f64 = belief.iter().zip(&prior).map(|(p, q)| (p - q).abs()).sum();
    let likeliest = prior.iter().copied().fold(0.0, f64::max);
    (apart / 2.0 / (1.0 - likeliest)).min(1.0)
}

/// Scales to sum 1. What sums to nothing, or to no number, becomes uniform.
#[inline(always)]
pub fn normalise(values: &mut [f64]) {
    let sum: f64 = values.iter().sum();
    let share = 1.0 / sum;
    if sum > 0.0 && sum.is_finite() && share.is_finite() {
        values.iter_mut().for_each(|v| *v *= share);
    } else if !values.is_empty() {
        #[allow(clippy::cast_precision_loss)] // K is small
        let uniform = 1.0 / values.len() as f64;
        values.fill(uniform);
    }
}

/// The most probable outcome; the first of several.
#[must_use]
pub fn leader(values: &[f64]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, v) in values.iter().enumerate() {
        if best.is_none_or(|b| *v > values[b]) {
            best = Some(i);
        }
    }
    best
}

/// Log-odds, in nats, of a probability; held within ±27.6 (1e-12).
#[must_use]
pub fn log_odds(p: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    libm::log(p) - libm::log(1.0 - p)
}

/// A distribution in parts per million that sum to 1,000,000, by largest
/// remainder; of equal remainders the first. No part is 0 or 1,000,000 (for two
/// outcomes or more, at most 1,000).
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
pub fn parts_per_million(distribution: &[f64]) -> Vec<u32> {
    const WHOLE: f64 = 1e6;
    let mut values = distribution.to_vec();
    normalise(&mut values);
    let count = values.len().max(1) as f64;
    // With many outcomes an even share of that would be less than one part.
    let floor = PUBLISHED_FLOOR.max(LEAST_PARTS * count / WHOLE);
    let uniform = floor / count;
    let scaled: Vec<f64> = values
        .iter()
        .map(|p| (p * (1.0 - floor) + uniform) * WHOLE)
        .collect();
    // In range: 0 <= scaled <= 1e6.
    let mut parts: Vec<u32> = scaled.iter().map(|s| libm::floor(*s) as u32).collect();
    let missing = 1_000_000_u32.saturating_sub(parts.iter().sum());
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|a, b| {
        let remainder = |i: usize| scaled[i] - libm::floor(scaled[i]);
        remainder(*b).total_cmp(&remainder(*a)).then(a.cmp(b))
    });
    for i in order.iter().cycle().take(if parts.is_empty() {
        0
    } else {
        missing as usize
    }) {
        parts[*i] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_prior_are_distributions() {
        for sides in 0..5 {
            let outcomes = Outcomes::new(sides);
            for d in [outcomes.entry_shares(), outcomes.prior()] {
                assert!((d.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
            assert_eq!(outcomes.entry_shares()[outcomes.contested()], 0.0);
        }
    }

    #[test]
    fn parts_sum_to_a_million_and_none_is_certain() {
        for d in [
            vec![1.0, 0.0, 0.0],
            vec![1.0 / 3.0; 3],
            vec![0.5, 0.25, 0.25],
            vec![f64::NAN, 1.0],
            [vec![1.0], vec![0.0; 15]].concat(),
        ] {
            let parts = parts_per_million(&d);
            assert_eq!(parts.iter().sum::<u32>(), 1_000_000, "{d:?}");
            assert!(parts.iter().all(|p| *p > 0 && *p < 1_000_000), "{parts:?}");
        }
    }

    #[test]
    fn of_equals_the_first_leads() {
        assert_eq!(leader(&[0.2, 0.4, 0.4]), Some(1));
        assert_eq!(leader(&[]), None);
    }
}
