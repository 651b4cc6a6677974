//! Who repeats whom: sources that share errors, which would be a strange chance.

use super::layout::Layout;
use super::open::{Candidates, likelihoods};

/// How often one who copies copies a claim.
const COPIED: f64 = 0.8;
/// How likely a pair is to copy, before its claims.
const PRIOR: f64 = 0.1;
/// How far the claims of a pair count: errors on one item have causes in common.
const TRUST: f64 = 0.35;
/// Items that both must speak of.
const FEWEST: u32 = 3;
/// No likelihood of a claim is below this.
pub(super) const LEAST: f64 = 1e-3;
/// Beyond so many sources pairs are not looked at: their table would be too large.
const MOST_SOURCES: usize = 2_000;
/// Nor beyond so many pairs of claims on the same item.
const MOST_PAIRS: usize = 50_000_000;

/// For each pair of sources the chance that one copies the other.
pub(super) struct Copying {
    sources: usize,
    /// Per pair, both ways round the same.
    chance: Vec<f64>,
    evidence: Vec<f64>,
    shared: Vec<u32>,
}

impl Copying {
    /// Nothing yet; `None` where there are too many pairs to look at.
    pub(super) fn new(layout: &Layout) -> Option<Self> {
        let sources = layout.sources();
        let pairs = (0..layout.items).fold(0_usize, |sum, item| {
            let count = layout.count(item);
            sum.saturating_add(count.saturating_mul(count))
        });
        (sources <= MOST_SOURCES && pairs <= MOST_PAIRS).then(|| Self {
            sources,
            chance: vec![0.0; sources * sources],
            evidence: vec![0.0; sources * sources],
            shared: vec![0; sources * sources],
        })
    }

    /// Asks of each pair how much likelier its claims are if one copies the other:
    /// agreeing on what is wrong says much, agreeing on what is right little.
    pub(super) fn look(
        &mut self,
        layout: &Layout,
        candidates: &Candidates,
        posterior: &[f64],
        right: &[f64],
    ) {
        self.evidence.fill(0.0);
        self.shared.fill(0);
        let differ = libm::log(1.0 - COPIED);
        for item in 0..layout.items {
            let claims = layout.claims(item);
            for one in claims.clone() {
                let source = self.source(layout, one);
                let (if_right, if_wrong) = likelihoods(candidates, item, right[source]);
                let believed = posterior[candidates.of_claim[one] as usize];
                let agree = believed * libm::log(COPIED / if_right + 1.0 - COPIED)
                    + (1.0 - believed) * libm::log(COPIED / if_wrong + 1.0 - COPIED);
                for other in claims.clone().filter(|other| *other != one) {
                    let pair = source * self.sources + self.source(layout, other);
                    let same = candidates.of_claim[one] == candidates.of_claim[other];
                    self.evidence[pair] += if same { agree } else { differ };
                    self.shared[pair] += 1;
                }
            }
        }
        let prior = libm::log(PRIOR / (1.0 - PRIOR));
        for one in 0..self.sources {
            for other in 0..one {
                let (there, back) = (one * self.sources + other, other * self.sources + one);
                // Who copies whom cannot be told without times: the likelier of both.
                let evidence = self.evidence[there].max(self.evidence[back]);
                let chance = if self.shared[there] < FEWEST {
                    0.0
                } else {
                    1.0 / (1.0 + libm::exp(-(prior + TRUST * evidence)))
                };
                self.chance[there] = chance;
                self.chance[back] = chance;
            }
        }
    }

    /// The weight of each claim: one, shared with all who say the same and may have
    /// it from each other.
    pub(super) fn weigh(&self, layout: &Layout, candidates: &Candidates, weights: &mut [f64]) {
        for item in 0..layout.items {
            let claims = layout.claims(item);
            for one in claims.clone() {
                let row = self.source(layout, one) * self.sources;
                let same = |other: &usize| {
                    *other != one && candidates.of_claim[*other] == candidates.of_claim[one]
                };
                let copies = claims.clone().filter(same);
                let copied: f64 = copies
                    .map(|other| self.chance[row + self.source(layout, other)])
                    .sum();
                weights[one] = 1.0 / (1.0 + COPIED * copied);
            }
        }
    }

    /// The chance that a claim is copied from the likeliest one on its item, and
    /// whether that says the same: 1 or 0.
    pub(super) fn foretells(
        &self,
        layout: &Layout,
        candidates: &Candidates,
        item: usize,
        claim: usize,
    ) -> (f64, f64) {
        let row = self.source(layout, claim) * self.sources;
        let others = layout.claims(item).filter(|other| *other != claim);
        let mut best = (0.0, 0.0);
        for other in others {
            let chance = COPIED * self.chance[row + self.source(layout, other)];
            let same = candidates.of_claim[other] == candidates.of_claim[claim];
            if chance > best.0 {
                best = (chance, f64::from(u8::from(same)));
            }
        }
        best
    }

    fn source(&self, layout: &Layout, claim: usize) -> usize {
        layout.column_source[layout.columns[claim] as usize] as usize
    }
}
