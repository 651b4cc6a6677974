//! How good probabilities were, once the truth is known.

mod calibration;

pub use calibration::{Bin, bins, expected_calibration_error};

use ascertain_fusion::offline::Posteriors;

/// Share of the uniform distribution that is mixed into every answer before its log
/// loss is taken, of every method alike, so that a single 0 does not decide.
pub const FLOOR: f64 = 0.02;
/// What a probability is at least in the raw log loss.
pub const RAW_FLOOR: f64 = 1e-15;

/// One answer and what turned out to be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Probability of each candidate value, one at least.
    pub p: Vec<f64>,
    /// Which of them is so.
    pub truth: usize,
    /// How much it counts, above 0.
    pub weight: f64,
}

impl Prediction {
    /// What was inferred of an item, against its true value. A truth that is no
    /// candidate becomes one, with what the others leave over. Weighs 1.
    #[must_use]
    pub fn of(posteriors: &Posteriors, item: usize, truth: u32) -> Self {
        let row = posteriors.row(item);
        let mut p: Vec<f64> = row.iter().map(|(_, p)| *p).collect();
        let found = row.iter().position(|(value, _)| *value == truth);
        let truth = found.unwrap_or_else(|| {
            let rest = (1.0 - p.iter().sum::<f64>()).max(0.0);
            p.push(rest);
            p.len() - 1
        });
        Self {
            p,
            truth,
            weight: 1.0,
        }
    }

    /// The largest probability.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.p.iter().copied().fold(0.0, f64::max)
    }

    /// 1 if the truth alone is on top, 1/k if k values share the top with it, else 0.
    #[must_use]
    pub fn credit(&self) -> f64 {
        let top = self.confidence();
        // Sums of the same shares in another order are no difference.
        let on_top = |p: &f64| top - *p <= 1e-12;
        if self.p.get(self.truth).is_some_and(on_top) {
            1.0 / self.p.iter().filter(|p| on_top(p)).count() as f64
        } else {
            0.0
        }
    }

    /// Σ over values of (p − y)², 0 to 2.
    #[must_use]
    pub fn brier(&self) -> f64 {
        let mut sum = 0.0;
        for (value, p) in self.p.iter().enumerate() {
            let y = if value == self.truth { 1.0 } else { 0.0 };
            sum += (p - y) * (p - y);
        }
        sum
    }

    /// −ln of the probability of the truth, after mixing in [`FLOOR`] of the uniform
    /// distribution.
    #[must_use]
    pub fn log_loss(&self) -> f64 {
        let of_truth = self.p.get(self.truth).copied().unwrap_or(0.0);
        -libm::log((1.0 - FLOOR) * of_truth + FLOOR / self.p.len() as f64)
    }

    /// −ln of the probability of the truth as it was given, not below [`RAW_FLOOR`].
    #[must_use]
    pub fn raw_log_loss(&self) -> f64 {
        let of_truth = self.p.get(self.truth).copied().unwrap_or(0.0);
        -libm::log(of_truth.max(RAW_FLOOR))
    }
}

/// Weighted means over predictions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scores {
    /// Share with the truth on top; values that tie on top share the credit.
    pub accuracy: f64,
    /// Σ over values of (p − y)², 0 to 2.
    pub brier: f64,
    /// −ln p(truth) in nats, after mixing 2 % of the uniform distribution into p.
    pub log_loss: f64,
    /// −ln p(truth) in nats, p as given but not below 10⁻¹⁵.
    pub raw_log_loss: f64,
    /// Expected calibration error: 15 equal bins of the top value's probability.
    pub ece: f64,
    /// Number of predictions.
    pub count: u64,
}

/// Scores predictions; all zero when there are none.
#[must_use]
pub fn score(predictions: &[Prediction]) -> Scores {
    let weight: f64 = predictions.iter().map(|p| p.weight).sum();
    if weight <= 0.0 {
        return Scores::default();
    }
    let mean = |of: fn(&Prediction) -> f64| {
        predictions.iter().map(|p| p.weight * of(p)).sum::<f64>() / weight
    };
    Scores {
        accuracy: mean(Prediction::credit),
        brier: mean(Prediction::brier),
        log_loss: mean(Prediction::log_loss),
        raw_log_loss: mean(Prediction::raw_log_loss),
        ece: expected_calibration_error(predictions),
        count: predictions.len() as u64,
    }
}
