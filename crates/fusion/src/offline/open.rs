//! An open vocabulary: times, names, numbers. Each item has its own values, and of a
//! source one can only learn how often it is right.

use super::copying::{self, Copying};
use super::layout::Layout;
use super::{Posteriors, spread, temper};

/// Rounds at most.
const ROUNDS: u32 = 100;
/// A round that moves no probability by more than this is the last.
const STILL: f64 = 1e-6;
/// Rounds after which copying is looked for once each; then what was found stays.
const LOOKING: std::ops::Range<u32> = 3..20;
/// The same for those who look before they believe.
const LOOKING_FIRST: std::ops::Range<u32> = 0..20;
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

/// Learns twice: believing first and looking for copying then, and the other way
/// round. Many who repeat each other are right because they are many, and being right
/// need not have copied; but many who are right agree, and look as if they had copied.
/// What foretells each claim better from the others stands.
pub(super) fn learn(layout: &Layout) -> Learned {
    let candidates = Candidates::new(layout);
    let learner = Learner::new(layout, &candidates).learn(LOOKING);
    let learner = if learner.copying.is_some() {
        let other = Learner::new(layout, &candidates).learn(LOOKING_FIRST);
        if other.foretelling() > learner.foretelling() {
            other
        } else {
            learner
        }
    } else {
        learner
    };
    let rows = candidates.starts.windows(2).map(|range| {
        let range = range[0]..range[1];
        let row = candidates.values[range.clone()].iter().copied();
        row.zip(learner.scores[range].iter().copied()).collect()
    });
    Learned {
        scores: Posteriors::from_rows(rows),
        rounds: learner.rounds,
    }
}

/// What is being learned.
struct Learner<'a> {
    layout: &'a Layout,
    candidates: &'a Candidates,
    /// Per claim: how much of it is its source's own.
    weights: Vec<f64>,
    /// Per candidate.
    scores: Vec<f64>,
    posterior: Vec<f64>,
    /// Per source.
    right: Vec<f64>,
    copying: Option<Copying>,
    rounds: u32,
}

impl<'a> Learner<'a> {
    fn new(layout: &'a Layout, candidates: &'a Candidates) -> Self {
        Self {
            layout,
            candidates,
            weights: vec![1.0; layout.columns.len()],
            scores: vec![0.0; candidates.values.len()],
            posterior: shares(layout, candidates),
            right: vec![RIGHT.0; layout.sources()],
            copying: Copying::new(layout),
            rounds: 0,
        }
    }

    /// Posterior-mean EM over how often each source is right.
    fn learn(mut self, looking: std::ops::Range<u32>) -> Self {
        let mut alikeness = RIGHT.1;
        while self.rounds < ROUNDS {
            if looking.contains(&self.rounds) {
                self.look();
            }
            let agreement = self.agreement();
            if self.rounds <= looking.end {
                alikeness = spread::alikeness(&agreement);
            }
            self.right = accuracies(&agreement, alikeness);
            let moved = self.expect();
            self.rounds += 1;
            if self.rounds > looking.end && moved < STILL {
                break;
            }
        }
        self
    }

    fn look(&mut self) {
        if let Some(copying) = &mut self.copying {
            copying.look(self.layout, self.candidates, &self.posterior, &self.right);
            copying.weigh(self.layout, self.candidates, &mut self.weights);
        }
    }

    /// What a claim adds to the score of its value.
    fn gain(&self, item: usize, claim: usize) -> f64 {
        let right = self.right[self.source(claim)];
        let spread = libm::log(self.candidates.wrong_values(item));
        self.weights[claim] * (libm::log(right / (1.0 - right)) + spread)
    }

    fn source(&self, claim: usize) -> usize {
        self.layout.column_source[self.layout.columns[claim] as usize] as usize
    }

    /// The E-step; returns the largest change of a probability.
    fn expect(&mut self) -> f64 {
        let mut moved = 0.0_f64;
        let mut fresh = Vec::new();
        for item in 0..self.layout.items {
            let range = self.candidates.starts[item]..self.candidates.starts[item + 1];
            self.scores[range.clone()].fill(0.0);
            for claim in self.layout.claims(item) {
                let gain = self.gain(item, claim);
                self.scores[self.candidates.of_claim[claim] as usize] += gain;
            }
            fresh.resize(range.len(), 0.0);
            temper::softmax(&self.scores[range.clone()], 1.0, &mut fresh);
            for (old, new) in self.posterior[range].iter_mut().zip(&fresh) {
                moved = moved.max((*old - new).abs());
                *old = *new;
            }
        }
        moved
    }

    /// Of each source: how many of its claims are believed, and how many there are,
    /// each as far as it is its own.
    fn agreement(&self) -> Vec<(f64, f64)> {
        let mut agreement = vec![(0.0, 0.0); self.layout.sources()];
        for (claim, weight) in self.weights.iter().enumerate() {
            let sums = &mut agreement[self.source(claim)];
            sums.0 += weight * self.posterior[self.candidates.of_claim[claim] as usize];
            sums.1 += weight;
        }
        agreement
    }

    /// How well each claim follows from the others on its item: the log-likelihood of
    /// what is believed without it, or of its being copied.
    fn foretelling(&self) -> f64 {
        let mut sum = 0.0;
        let mut believed = Vec::new();
        for item in 0..self.layout.items {
            let range = self.candidates.starts[item]..self.candidates.starts[item + 1];
            believed.resize(range.len(), 0.0);
            for claim in self.layout.claims(item) {
                let value = self.candidates.of_claim[claim] as usize - range.start;
                let mut scores = self.scores[range.clone()].to_vec();
                scores[value] -= self.gain(item, claim);
                temper::softmax(&scores, 1.0, &mut believed);
                let right = self.right[self.source(claim)];
                let (if_right, if_wrong) = likelihoods(self.candidates, item, right);
                let own = believed[value] * if_right + (1.0 - believed[value]) * if_wrong;
                let copied = self
                    .copying
                    .as_ref()
                    .map(|copying| copying.foretells(self.layout, self.candidates, item, claim));
                let (chance, same) = copied.unwrap_or((0.0, 0.0));
                sum += libm::log((1.0 - chance) * own + chance * same);
            }
        }
        sum
    }
}

/// The share of each candidate among the claims on its item.
fn shares(layout: &Layout, candidates: &Candidates) -> Vec<f64> {
    let mut shares = vec![0.0; candidates.values.len()];
    for item in 0..layout.items {
        for claim in layout.claims(item) {
            shares[candidates.of_claim[claim] as usize] += 1.0 / layout.count(item) as f64;
        }
    }
    shares
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
