//! How good probabilities were, once the truth is known.

/// One answer and what turned out to be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Probability of each candidate value.
    pub p: Vec<f64>,
    /// Which of them is so.
    pub truth: usize,
    /// How much it counts, above 0.
    pub weight: f64,
}

/// Weighted means over predictions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scores {
    /// Share with the truth on top; k values that tie on top share the credit, 1/k.
    pub accuracy: f64,
    /// Σ over values of (p − y)², 0 to 2.
    pub brier: f64,
    /// −ln p(truth) in nats, after mixing 2 % of the uniform distribution into p.
    pub log_loss: f64,
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
    let mut scores = Scores {
        count: predictions.len() as u64,
        ..Scores::default()
    };
    for prediction in predictions {
        let share = prediction.weight / weight;
        let uniform = 1.0 / prediction.p.len() as f64;
        let top = prediction.p.iter().copied().fold(0.0, f64::max);
        let tied = prediction.p.iter().filter(|p| **p == top).count();
        if prediction.p[prediction.truth] == top {
            scores.accuracy += share / tied as f64;
        }
        let of_truth = 0.98 * prediction.p[prediction.truth] + 0.02 * uniform;
        scores.log_loss -= share * libm::log(of_truth);
        for (value, p) in prediction.p.iter().enumerate() {
            let y = if value == prediction.truth { 1.0 } else { 0.0 };
            scores.brier += share * (p - y) * (p - y);
        }
    }
    scores
}
