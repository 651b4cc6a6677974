//! Baselines that choose among what was said of each item.

use ascertain_fusion::offline::{Posteriors, Problem};

/// Rounds at most.
const ROUNDS: usize = 100;
/// A round that changes no source by more than this is the last.
const STILL: f64 = 1e-9;
/// Nothing that is divided by or taken the logarithm of is below this.
const LEAST: f64 = 1e-6;

/// Claims by item, each pointing to what it says of it.
struct Said {
    /// Where the values of each item begin; one more at the end.
    starts: Vec<usize>,
    /// What is said of the items.
    values: Vec<u32>,
    /// For each claim (source, which of the values it says), in order of items.
    claims: Vec<(usize, usize)>,
    /// Number of claims of each source.
    counts: Vec<f64>,
}

impl Said {
    fn new(problem: &Problem) -> Self {
        let mut claims: Vec<(u32, u32, u32)> = problem
            .claims
            .iter()
            .map(|claim| (claim.item, claim.value, claim.source))
            .collect();
        claims.sort_unstable();
        claims.dedup();
        let mut said = Self {
            starts: vec![0; problem.items + 1],
            values: Vec::new(),
            claims: Vec::with_capacity(claims.len()),
            counts: vec![0.0; problem.sources],
        };
        let mut last = None;
        for (item, value, source) in claims {
            if last != Some((item, value)) {
                last = Some((item, value));
                said.values.push(value);
                said.starts[item as usize + 1] += 1;
            }
            said.claims.push((source as usize, said.values.len() - 1));
            said.counts[source as usize] += 1.0;
        }
        for item in 0..problem.items {
            said.starts[item + 1] += said.starts[item];
        }
        said
    }

    /// The sum of the weights of all who say each value.
    fn votes(&self, weights: &[f64]) -> Vec<f64> {
        let mut votes = vec![0.0; self.values.len()];
        for (source, value) in &self.claims {
            votes[*value] += weights[*source];
        }
        votes
    }

    /// Turns each item's values into shares of 1.
    fn shares(&self, mut votes: Vec<f64>) -> Vec<f64> {
        for range in self.starts.windows(2) {
            let own = &mut votes[range[0]..range[1]];
            let sum: f64 = own.iter().sum();
            let even = 1.0 / own.len() as f64;
            own.iter_mut()
                .for_each(|p| *p = if sum > 0.0 { *p / sum } else { even });
        }
        votes
    }

    /// The mean, over the claims of each source, of a number that each value has.
    fn mean_by_source(&self, of_value: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.counts.len()];
        for (source, value) in &self.claims {
            sums[*source] += of_value[*value];
        }
        let mean = |(sum, count): (&f64, &f64)| sum / count.max(1.0);
        sums.iter().zip(&self.counts).map(mean).collect()
    }

    /// The share of the claims of each source that are not the value with the most
    /// votes; values that tie share the lead.
    fn errors(&self, votes: &[f64]) -> Vec<f64> {
        let mut leads = vec![0.0; votes.len()];
        for range in self.starts.windows(2) {
            let own = &votes[range[0]..range[1]];
            let top = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let tied = own.iter().filter(|v| top - **v <= 1e-12).count() as f64;
            for (lead, vote) in leads[range[0]..range[1]].iter_mut().zip(own) {
                *lead = if top - vote <= 1e-12 { 1.0 / tied } else { 0.0 };
            }
        }
        let right = self.mean_by_source(&leads);
        right.iter().map(|right| 1.0 - right).collect()
    }

    fn rows(&self, p: &[f64]) -> Posteriors {
        Posteriors::from_rows(self.starts.windows(2).map(|range| {
            let values = self.values[range[0]..range[1]].iter().copied();
            values.zip(p[range[0]..range[1]].iter().copied()).collect()
        }))
    }
}

/// Repeats until what is known of the sources stands still.
fn iterate(mut sources: Vec<f64>, mut round: impl FnMut(&[f64]) -> Vec<f64>) -> Vec<f64> {
    for _ in 0..ROUNDS {
        let next = round(&sources);
        let moved = sources.iter().zip(&next).map(|(a, b)| (a - b).abs());
        let moved = moved.fold(0.0, f64::max);
        sources = next;
        if moved < STILL {
            break;
        }
    }
    sources
}

/// The share of each value among an item's claims.
pub(super) fn majority(problem: &Problem) -> Posteriors {
    let said = Said::new(problem);
    let votes = said.votes(&vec![1.0; problem.sources]);
    said.rows(&said.shares(votes))
}

/// TruthFinder (Yin, Han, Yu, KDD 2007) without likeness of values: a source is as
/// trustworthy as its facts are sure on average, a fact as sure as its sources make
/// it. Dampening 0.3, trust 0.9 at first.
pub(super) fn truth_finder(problem: &Problem) -> Posteriors {
    let said = Said::new(problem);
    let sure = |trust: &[f64]| -> Vec<f64> {
        let worth = |t: &f64| -libm::log((1.0 - t).max(LEAST));
        let votes = said.votes(&trust.iter().map(worth).collect::<Vec<f64>>());
        let logistic = |vote: f64| 1.0 / (1.0 + libm::exp(-0.3 * vote));
        votes.into_iter().map(logistic).collect()
    };
    let trust = iterate(vec![0.9; problem.sources], |trust| {
        said.mean_by_source(&sure(trust))
    });
    said.rows(&said.shares(sure(&trust)))
}

/// CRH (Li et al., SIGMOD 2014) with 0-1 loss: a source weighs −ln of its share of all
/// errors.
pub(super) fn crh(problem: &Problem) -> Posteriors {
    let said = Said::new(problem);
    let weights = iterate(vec![1.0; problem.sources], |weights| {
        let errors = said.errors(&said.votes(weights));
        let all: f64 = errors.iter().sum::<f64>().max(LEAST);
        let weight = |error: &f64| -libm::log(error.max(LEAST) / (all + LEAST));
        errors.iter().map(weight).map(|w| w.max(0.0)).collect()
    });
    said.rows(&said.shares(said.votes(&weights)))
}

/// CATD (Li et al., PVLDB 8(4), 2014) with 0-1 loss: a source weighs what the upper
/// end of the 95 % interval of its error variance leaves it, so that few claims earn
/// little.
pub(super) fn catd(problem: &Problem) -> Posteriors {
    let said = Said::new(problem);
    let weights = iterate(vec![1.0; problem.sources], |weights| {
        let errors = said.errors(&said.votes(weights));
        let weight = |(error, count): (&f64, &f64)| {
            // Half an error at least: nobody is infinitely good.
            chi_square_low(*count) / (error * count).max(0.5)
        };
        let weights: Vec<f64> = errors.iter().zip(&said.counts).map(weight).collect();
        let top = weights.iter().copied().fold(LEAST, f64::max);
        weights.into_iter().map(|weight| weight / top).collect()
    });
    said.rows(&said.shares(said.votes(&weights)))
}

/// The 2.5 % quantile of χ² (Wilson and Hilferty, 1931).
fn chi_square_low(degrees: f64) -> f64 {
    if degrees <= 0.0 {
        return 0.0;
    }
    let spread = 2.0 / (9.0 * degrees);
    let root = (1.0 - spread - 1.959_964 * spread.sqrt()).max(0.0);
    degrees * root * root * root
}

/// Accu (Dong, Berti-Equille, Srivastava, PVLDB 2(1), 2009) without copying: Bayes
/// with one accuracy for each source; errors are spread evenly over the item's other
/// values.
pub(super) fn accu(problem: &Problem) -> Posteriors {
    let said = Said::new(problem);
    let believed = |right: &[f64]| -> Vec<f64> {
        let odds = |r: &f64| libm::log(r.clamp(0.01, 0.99) / (1.0 - r.clamp(0.01, 0.99)));
        let mut scores = said.votes(&right.iter().map(odds).collect::<Vec<f64>>());
        let heads = said.votes(&vec![1.0; problem.sources]);
        for range in said.starts.windows(2) {
            let own = &mut scores[range[0]..range[1]];
            let others = libm::log((own.len() as f64 - 1.0).max(1.0));
            for (score, heads) in own.iter_mut().zip(&heads[range[0]..range[1]]) {
                *score += heads * others;
            }
            let top = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            own.iter_mut().for_each(|s| *s = libm::exp(*s - top));
        }
        said.shares(scores)
    };
    let right = iterate(vec![0.8; problem.sources], |right| {
        said.mean_by_source(&believed(right))
    });
    said.rows(&believed(&right))
}
