//! Whether what is said with 80 % is so in 80 of 100 cases.

use super::Prediction;

/// Bins of equal width that confidence, 0 to 1, is cut into.
const BINS: usize = 15;

/// The predictions whose top value has a probability within one range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    /// Lower end of the range; the upper one is 1/15 above. 1 belongs to the last bin.
    pub from: f64,
    /// Number of predictions.
    pub count: u64,
    /// Their weight.
    pub weight: f64,
    /// Their mean confidence; 0 without any.
    pub confidence: f64,
    /// Their accuracy; 0 without any.
    pub accuracy: f64,
}

/// Sorts predictions into 15 bins by their confidence, for a reliability diagram.
#[must_use]
pub fn bins(predictions: &[Prediction]) -> Vec<Bin> {
    let width = 1.0 / BINS as f64;
    let from = |bin: usize| Bin {
        from: bin as f64 * width,
        ..Bin::default()
    };
    let mut bins: Vec<Bin> = (0..BINS).map(from).collect();
    for prediction in predictions {
        let confidence = prediction.confidence();
        // Not negative, so the cast rounds down.
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.count += 1;
        bin.weight += prediction.weight;
        bin.confidence += prediction.weight * confidence;
        bin.accuracy += prediction.weight * prediction.credit();
    }
    for bin in bins.iter_mut().filter(|bin| bin.weight > 0.0) {
        bin.confidence /= bin.weight;
        bin.accuracy /= bin.weight;
    }
    bins
}

/// Σ over [`bins`] of |accuracy − confidence|, weighted; 0 without predictions.
#[must_use]
pub fn expected_calibration_error(predictions: &[Prediction]) -> f64 {
    let bins = bins(predictions);
    let weight: f64 = bins.iter().map(|bin| bin.weight).sum();
    if weight <= 0.0 {
        return 0.0;
    }
    let gaps = bins
        .iter()
        .map(|bin| bin.weight * (bin.accuracy - bin.confidence).abs());
    gaps.sum::<f64>() / weight
}
