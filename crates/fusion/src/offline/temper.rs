//! How much of the evidence is to be believed.
//!
//! Claims on one item err together, which no one can see in the claims: shared errors
//! look like agreement. But the less sources differ in how often they disagree with
//! the rest, the more of that disagreement lies in the items and not in the sources,
//! and the more of it is shared. The constants were fitted to seven sets of claims
//! with known truths, and hold up on each when fitted to the other six
//! (docs/decisions/0014-offline-model.md).

/// What a log-odds is raised to: the surer, the more of it is not to be believed.
pub(super) const BEND: f64 = 0.75;
/// Factor on the log-odds with one claim and alikeness 1,
const TRUST: f64 = 2.75;
/// the same for what the tables are to be learned from once more, and at most 1,
const TRUST_WHILE_LEARNING: f64 = 2.3;
/// and how fast both fall with alikeness and with the number of claims.
const FALL: f64 = 0.4;

/// The factor on the log-odds of an item with so many claims.
pub(super) fn trust(alikeness: f64, claims: usize) -> f64 {
    TRUST * falling(alikeness, claims)
}

/// The same while the tables are learned, where there is no bend.
pub(super) fn while_learning(alikeness: f64, claims: usize) -> f64 {
    (TRUST_WHILE_LEARNING * falling(alikeness, claims)).min(1.0)
}

fn falling(alikeness: f64, claims: usize) -> f64 {
    libm::exp(-FALL * libm::log(alikeness * claims.max(1) as f64))
}

/// exp(−(factor × how far below the top)^bend), scaled to sum 1. The order of the
/// scores stays.
pub(super) fn bent(scores: &[f64], factor: f64, bend: f64, probabilities: &mut [f64]) {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (probability, score) in probabilities.iter_mut().zip(scores) {
        *probability = libm::exp(-libm::pow(factor * (top - score), bend));
        sum += *probability;
    }
    for probability in probabilities {
        *probability /= sum;
    }
}

/// exp(power × score), scaled to sum 1.
pub(super) fn softmax(scores: &[f64], power: f64, probabilities: &mut [f64]) {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (probability, score) in probabilities.iter_mut().zip(scores) {
        *probability = libm::exp(power * (score - top));
        sum += *probability;
    }
    for probability in probabilities {
        *probability /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_claims_and_more_alike_sources_are_believed_less_each() {
        assert!(trust(10.0, 5) < trust(10.0, 4));
        assert!(trust(11.0, 4) < trust(10.0, 4));
        // Together they are believed more: the log-odds grow with the claims.
        assert!(5.0 * trust(10.0, 5) > 4.0 * trust(10.0, 4));
        assert_eq!(while_learning(1.0, 1), 1.0);
    }

    #[test]
    fn a_bend_of_one_is_a_power() {
        let scores = [0.0, -2.0, -4.0];
        let (mut bent_, mut powered) = ([0.0; 3], [0.0; 3]);
        bent(&scores, 0.5, 1.0, &mut bent_);
        softmax(&scores, 0.5, &mut powered);
        for (a, b) in bent_.iter().zip(&powered) {
            assert!((a - b).abs() < 1e-15, "{a} {b}");
        }
        // e^0, e^-1, e^-2 over their sum.
        assert!((bent_[0] - 0.665_240_955_774_821_8).abs() < 1e-15);
    }
}
