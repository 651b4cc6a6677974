//! Scores summed up as answers come, so that no answer has to be kept.

/// Equal bins of the probability of the leading value.
pub(crate) const BINS: usize = 15;
/// The share of the uniform distribution that makes answers comparable which may
/// say 0.
const FLOOR: f64 = 0.02;
/// A probability below this is taken for this, so that no loss is infinite.
const LEAST: f64 = 1e-12;

/// Answers and what was so, summed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tally {
    count: u64,
    correct: f64,
    brier: f64,
    log_loss: f64,
    bins: [Bin; BINS],
}

/// Answers whose leading value had a probability in one range.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: u64,
    confidence: f64,
    correct: f64,
}

/// Sums over answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Totals {
    /// How many.
    pub(crate) count: u64,
    /// How many were right, ties shared.
    pub(crate) correct: f64,
    /// Of −ln p(truth).
    pub(crate) log_loss: f64,
}

/// Means over answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Means {
    /// How many answers.
    pub count: u64,
    /// Share with the truth on top; k values that tie on top share the credit, 1/k.
    pub accuracy: f64,
    /// Σ over values of (p − y)², 0 to 2.
    pub brier: f64,
    /// −ln p(truth), in nats; p is not taken below 10⁻¹².
    pub log_loss: f64,
    /// Expected calibration error: over 15 equal bins of the leading probability the
    /// mean distance between it and the share that was right.
    pub ece: f64,
}

/// Answers of like confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reliability {
    /// How many.
    pub count: u64,
    /// Mean probability of the leading value.
    pub confidence: f64,
    /// Share that was right.
    pub accuracy: f64,
}

impl Tally {
    /// Takes in an answer: probabilities of values, and which of them is so (`None`:
    /// one that the answer does not have). What is missing to 1 is on values that
    /// nobody named.
    pub(crate) fn add(&mut self, answer: &[f64], truth: Option<usize>) {
        let top = answer.iter().copied().fold(0.0, f64::max);
        let of_truth = truth.and_then(|t| answer.get(t).copied()).unwrap_or(0.0);
        let tied = answer.iter().filter(|p| **p >= top).count();
        #[allow(clippy::cast_precision_loss)] // as many as there are values
        let correct = if truth.is_some() && of_truth >= top && top > 0.0 {
            1.0 / tied as f64
        } else {
            0.0
        };
        let squares: f64 = answer.iter().map(|p| p * p).sum();
        self.count += 1;
        self.correct += correct;
        // Σ (p − y)² = Σ p² − 2 p(truth) + 1, whether the answer has it or not.
        self.brier += squares - 2.0 * of_truth + 1.0;
        self.log_loss -= libm::log(of_truth.max(LEAST));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )] // a probability times 15
        let bin = ((top * BINS as f64) as usize).min(BINS - 1);
        let bin = &mut self.bins[bin];
        bin.count += 1;
        bin.confidence += top;
        bin.correct += correct;
    }

    /// Takes in what another summed up.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.correct += other.correct;
        self.brier += other.brier;
        self.log_loss += other.log_loss;
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += other.count;
            bin.confidence += other.confidence;
            bin.correct += other.correct;
        }
    }

    /// The sums themselves.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            count: self.count,
            correct: self.correct,
            log_loss: self.log_loss,
        }
    }

    /// The means; `None` without answers.
    #[allow(clippy::cast_precision_loss)] // far fewer than 2^52
    pub(crate) fn means(&self) -> Option<Means> {
        let n = self.count as f64;
        let apart = |bin: &Bin| (bin.confidence - bin.correct).abs();
        (self.count > 0).then(|| Means {
            count: self.count,
            accuracy: self.correct / n,
            brier: self.brier / n,
            log_loss: self.log_loss / n,
            ece: self.bins.iter().map(apart).sum::<f64>() / n,
        })
    }

    /// The answers by confidence, rising; bins without any are left out.
    #[allow(clippy::cast_precision_loss)] // far fewer than 2^52
    pub(crate) fn reliability(&self) -> Vec<Reliability> {
        let bins = self.bins.iter().filter(|bin| bin.count > 0);
        bins.map(|bin| Reliability {
            count: bin.count,
            confidence: bin.confidence / bin.count as f64,
            accuracy: bin.correct / bin.count as f64,
        })
        .collect()
    }
}

/// An answer with 2 % of it spread evenly over the values that are in use.
#[allow(clippy::cast_precision_loss)] // as many as there are values
pub(crate) fn floored(answer: &[f64], in_use: &[bool]) -> Vec<f64> {
    let count = in_use.iter().filter(|used| **used).count().max(1);
    let each = FLOOR / count as f64;
    answer
        .iter()
        .zip(in_use)
        .map(|(p, used)| (1.0 - FLOOR) * p + if *used { each } else { 0.0 })
        .collect()
}

/// What an answer says of some values alone, scaled to sum 1; even over those in
/// use where it says nothing of them.
#[allow(clippy::cast_precision_loss)] // as many as there are values
pub(crate) fn among(answer: &[f64], values: &[bool], in_use: &[bool]) -> Vec<f64> {
    let kept = answer
        .iter()
        .zip(values)
        .map(|(p, v)| if *v { *p } else { 0.0 });
    let sum: f64 = kept.clone().sum();
    if sum > 0.0 {
        return kept.map(|p| p / sum).collect();
    }
    let both: Vec<bool> = values.iter().zip(in_use).map(|(v, u)| *v && *u).collect();
    let count = both.iter().filter(|v| **v).count().max(1) as f64;
    both.iter()
        .map(|v| if *v { 1.0 / count } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(answers: &[(&[f64], usize)]) -> Means {
        let mut tally = Tally::default();
        for (answer, truth) in answers {
            tally.add(answer, Some(*truth));
        }
        tally.means().unwrap()
    }

    #[test]
    fn a_coin_is_right_half_the_time_and_knows_it() {
        let coin = means(&[(&[0.5, 0.5], 0), (&[0.5, 0.5], 1)]);
        assert_eq!((coin.accuracy, coin.brier, coin.ece), (0.5, 0.5, 0.0));
        assert!((coin.log_loss - std::f64::consts::LN_2).abs() < 1e-15);
    }

    #[test]
    fn who_is_sure_and_wrong_pays_for_it() {
        let wrong = means(&[(&[1.0, 0.0], 1)]);
        assert_eq!((wrong.accuracy, wrong.brier, wrong.ece), (0.0, 2.0, 1.0));
        assert!(wrong.log_loss > 27.0 && wrong.log_loss.is_finite());
    }

    #[test]
    fn a_truth_that_nobody_named_is_a_miss() {
        let mut tally = Tally::default();
        tally.add(&[0.75, 0.25], None);
        let means = tally.means().unwrap();
        assert_eq!(means.accuracy, 0.0);
        assert_eq!(means.brier, 0.75 * 0.75 + 0.25 * 0.25 + 1.0);
    }

    #[test]
    fn sums_of_parts_are_sums_of_all() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        one.add(&[0.75, 0.25], Some(0));
        two.add(&[0.25, 0.75], Some(0));
        one.merge(&two);
        assert_eq!(
            one.means(),
            Some(means(&[(&[0.75, 0.25], 0), (&[0.25, 0.75], 0)]))
        );
    }

    #[test]
    fn an_answer_of_nothing_but_others_is_even_among_holders() {
        let (holders, used) = ([true, true, false], [true, true, true]);
        assert_eq!(among(&[0.0, 0.0, 1.0], &holders, &used), [0.5, 0.5, 0.0]);
        assert_eq!(among(&[0.25, 0.25, 0.5], &holders, &used), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_floor_is_spread_over_the_values_in_use() {
        let floored = floored(&[1.0, 0.0, 0.0], &[true, true, false]);
        assert_eq!(floored, [0.99, 0.01, 0.0]);
    }
}
