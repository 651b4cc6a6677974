//! An open vocabulary: times, names, numbers. Each item has its own values, and of a
//! source one can only learn how often it is right.

use super::copying::{self, Copying};
use super::layout::Layout;
use super::{Posteriors, spread, temper};

/// Rounds at most.
const ROUNDS: u32 = 100;
/// A round that moves no probability by more than this is the last.
const STILL: f64 = 1e-6;
/// Rounds after which copying is looked for once each; before, nobody knows what is
/// wrong, after, it stays.
const LOOKING: std::ops::Range<u32> = 3..20;
/// Values that were wrong but that nobody claimed: what is wrong is spread over the
/// others claimed and these.
const UNCLAIMED: f64 = 3.0;
/// How often a source is right before any claim, and the claims that is worth.
const RIGHT: (f64, f64) = (0.7, 4.0);

/// What was learned of an open vocabulary.
pub(crate) struct Learned {
    /// Per item (value, ln of the likelihood up to a constant).
    pub(crate) scores: Posteriors,
    /// Rounds taken.
    pub(crate) rounds: u32,
}

/// The values claimed of each item, and which of them each claim says.
pub(crate) struct Candidates {
    /// Where the candidates of each item begin; one more at the end.
    pub(crate) starts: Vec<usize>,
    /// For each candidate its value.
    pub(crate) values: Vec<u32>,
    /// For each claim its candidate.
    pub(crate) of_claim: Vec<u32>,
}

impl Candidates {
    fn new(layout: &Layout) -> Self {
        let mut candidates = Self {
            starts: vec![0],
            values: Vec::new(),
            of_claim: Vec::with_capacity(layout.columns.len()),
        };
        for item in 0..layout.items {
            let said = |column: &u32| layout.column_value[*column as usize];
            let mut own: Vec<u32> = layout.on_item(item).iter().map(said).collect();
            own.sort_unstable();
            own.dedup();
            let from = candidates.values.len();
            for column in layout.on_item(item) {
                let rank = own.partition_point(|value| *value < said(column));
                candidates.of_claim.push((from + rank) as u32);
            }
            candidates.values.extend(own);
            candidates.starts.push(candidates.values.len());
        }
        candidates
    }

    /// Over how many values the errors on an item are spread.
    pub(crate) fn wrong_values(&self, item: usize) -> f64 {
        (self.starts[item + 1] - self.starts[item]) as f64 - 1.0 + UNCLAIMED
    }
}

/// Posterior-mean EM over how often each source is right.
pub(crate) fn learn(layout: &Layout) -> Learned {
    let candidates = Candidates::new(layout);
    let mut weights = vec![1.0; layout.columns.len()];
    let mut scores = vec![0.0; candidates.values.len()];
    let mut posterior = shares(layout, &candidates);
    let mut rounds = 0;
    let mut copying = Copying::new(layout);
    while rounds < ROUNDS {
        let agreement = agreement(layout, &candidates, &posterior, &weights);
        let alikeness = spread::alikeness(&agreement);
        let right = accuracies(&agreement, alikeness);
        let moved = expect(
            layout,
            &candidates,
            &right,
            &weights,
            &mut scores,
            &mut posterior,
        );
        rounds += 1;
        if LOOKING.contains(&rounds) {
            if let Some(copying) = &mut copying {
                copying.look(layout, &candidates, &posterior, &right);
                copying.weigh(layout, &candidates, &mut weights);
            }
        } else if rounds >= LOOKING.end && moved < STILL {
            break;
        }
    }
    let rows = candidates.starts.windows(2).map(|range| {
        let range = range[0]..range[1];
        let row = candidates.values[range.clone()].iter().copied();
        row.zip(scores[range].iter().copied()).collect()
    });
    Learned {
        scores: Posteriors::from_rows(rows),
        rounds,
    }
}

/// The share of each candidate among the claims on its item.
fn shares(layout: &Layout, candidates: &Candidates) -> Vec<f64> {
    let mut shares = vec![0.0; candidates.values.len()];
    for item in 0..layout.items {
        for claim in layout.item_starts[item]..layout.item_starts[item + 1] {
            shares[candidates.of_claim[claim] as usize] += 1.0 / layout.count(item) as f64;
        }
    }
    shares
}

/// Of each source: how many of its claims are believed, and how many there are, each
/// as far as it is its own.
fn agreement(
    layout: &Layout,
    candidates: &Candidates,
    posterior: &[f64],
    weights: &[f64],
) -> Vec<(f64, f64)> {
    let mut agreement = vec![(0.0, 0.0); layout.sources()];
    for (claim, column) in layout.columns.iter().enumerate() {
        let sums = &mut agreement[layout.column_source[*column as usize] as usize];
        sums.0 += weights[claim] * posterior[candidates.of_claim[claim] as usize];
        sums.1 += weights[claim];
    }
    agreement
}

/// How often each source is right: its own record, and that of all as so many claims
/// as they are alike.
fn accuracies(agreement: &[(f64, f64)], alikeness: f64) -> Vec<f64> {
    let saturated = |sums: &(f64, f64)| alikeness / (alikeness + sums.1);
    let mut agree = RIGHT.0 * RIGHT.1;
    let mut all = RIGHT.1;
    for sums in agreement {
        agree += sums.0 * saturated(sums);
        all += sums.1 * saturated(sums);
    }
    let mean = agree / all;
    let own = |(agree, all): &(f64, f64)| (agree + alikeness * mean) / (all + alikeness);
    agreement.iter().map(own).collect()
}

/// The E-step; returns the largest change of a probability.
fn expect(
    layout: &Layout,
    candidates: &Candidates,
    right: &[f64],
    weights: &[f64],
    scores: &mut [f64],
    posterior: &mut [f64],
) -> f64 {
    let mut moved = 0.0_f64;
    let mut fresh = Vec::new();
    let odds: Vec<f64> = right.iter().map(|r| libm::log(r / (1.0 - r))).collect();
    for item in 0..layout.items {
        let range = candidates.starts[item]..candidates.starts[item + 1];
        scores[range.clone()].fill(0.0);
        let spread = libm::log(candidates.wrong_values(item));
        for claim in layout.item_starts[item]..layout.item_starts[item + 1] {
            let source = layout.column_source[layout.columns[claim] as usize] as usize;
            let gain = weights[claim] * (odds[source] + spread);
            scores[candidates.of_claim[claim] as usize] += gain;
        }
        fresh.resize(range.len(), 0.0);
        temper::softmax(&scores[range.clone()], 1.0, &mut fresh);
        for (old, new) in posterior[range].iter_mut().zip(&fresh) {
            moved = moved.max((*old - new).abs());
            *old = *new;
        }
    }
    moved
}

/// The chance that an item is none of its candidates, from their scores.
pub(super) fn none(scores: &[f64]) -> f64 {
    let top = scores.iter().copied().fold(0.0, f64::max);
    // Nobody says so, and it could be any of several.
    let none = UNCLAIMED * libm::exp(-top);
    let claimed: f64 = scores.iter().map(|score| libm::exp(score - top)).sum();
    none / (none + claimed)
}

/// What a claim of a source is worth to somebody who repeats it: the likelihood of
/// saying so, when it is right and when it is wrong.
pub(crate) fn likelihoods(candidates: &Candidates, item: usize, right: f64) -> (f64, f64) {
    let least = copying::LEAST;
    let wrong = (1.0 - right) / candidates.wrong_values(item);
    (right.max(least), wrong.max(least))
}
