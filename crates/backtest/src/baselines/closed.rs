//! Baselines that choose among the same few values everywhere.

use ascertain_fusion::offline::{Claim, Posteriors, Problem};

/// Rounds of expectation and maximisation at most.
const ROUNDS: usize = 100;
/// A round that moves no probability by more than this is the last.
const STILL: f64 = 1e-6;
/// No probability is below this within a logarithm.
const LEAST: f64 = 1e-10;

/// The claims in an order of their own, once each.
fn sorted(problem: &Problem) -> Vec<Claim> {
    let mut claims = problem.claims.clone();
    claims.sort_unstable();
    claims.dedup();
    claims
}

/// Sums a weight of each claim into its item's value, and scales each row to sum 1;
/// rows without any are even.
fn vote(problem: &Problem, claims: &[Claim], weight: impl Fn(&Claim) -> f64) -> Vec<f64> {
    let values = problem.values;
    let mut sums = vec![0.0; problem.items * values];
    for claim in claims {
        sums[claim.item as usize * values + claim.value as usize] += weight(claim);
    }
    for row in sums.chunks_mut(values.max(1)) {
        let sum: f64 = row.iter().sum();
        if sum > 0.0 {
            row.iter_mut().for_each(|p| *p /= sum);
        } else {
            row.fill(1.0 / values as f64);
        }
    }
    sums
}

/// The share of each value among an item's claims; even without any.
#[must_use]
pub fn majority(problem: &Problem) -> Posteriors {
    let shares = vote(problem, &sorted(problem), |_| 1.0);
    Posteriors::from_dense(problem.values, &shares)
}

/// Worker agreement with aggregate: a vote, weighted by how often the source agrees
/// with the majority (with the smallest value where several lead).
#[must_use]
pub fn wawa(problem: &Problem) -> Posteriors {
    let claims = sorted(problem);
    let values = problem.values;
    let shares = vote(problem, &claims, |_| 1.0);
    let leaders: Vec<usize> = shares.chunks(values.max(1)).map(leader).collect();
    let mut agreement = vec![(0.0, 0.0); problem.sources];
    for claim in &claims {
        let sums = &mut agreement[claim.source as usize];
        sums.1 += 1.0;
        if leaders[claim.item as usize] == claim.value as usize {
            sums.0 += 1.0;
        }
    }
    let weight = |claim: &Claim| {
        let (agree, all) = agreement[claim.source as usize];
        agree / all
    };
    Posteriors::from_dense(values, &vote(problem, &claims, weight))
}

/// The first of the largest.
fn leader(row: &[f64]) -> usize {
    let mut best = 0;
    for (value, p) in row.iter().enumerate() {
        if *p > row[best] {
            best = value;
        }
    }
    best
}

/// Each source is right with a probability of its own, and its errors are spread
/// evenly; by expectation and maximisation from the shares of the claims.
#[must_use]
pub fn one_coin(problem: &Problem) -> Posteriors {
    let claims = sorted(problem);
    let values = problem.values;
    expectation_maximisation(problem, &claims, |posterior| {
        let mut sums = vec![(0.0, 0.0); problem.sources];
        for claim in &claims {
            let own = &mut sums[claim.source as usize];
            own.0 += posterior[claim.item as usize * values + claim.value as usize];
            own.1 += 1.0;
        }
        let right: Vec<f64> = sums
            .iter()
            .map(|(right, all): &(f64, f64)| (right / all).clamp(1e-4, 1.0 - 1e-4))
            .collect();
        Box::new(move |claim: &Claim, state: usize| {
            let right = right[claim.source as usize];
            if claim.value as usize == state {
                libm::log(right)
            } else {
                libm::log((1.0 - right) / (values as f64 - 1.0).max(1.0))
            }
        })
    })
}

/// Dawid and Skene (1979): each source has a table of what it says when each value is
/// so; maximum likelihood by expectation and maximisation from the shares of the
/// claims, without smoothing.
#[must_use]
pub fn dawid_skene(problem: &Problem) -> Posteriors {
    let claims = sorted(problem);
    let values = problem.values;
    expectation_maximisation(problem, &claims, |posterior| {
        let cell = move |source: u32, state: usize, value: u32| {
            (source as usize * values + state) * values + value as usize
        };
        let mut counts = vec![0.0; problem.sources * values * values];
        for claim in &claims {
            let row = &posterior[claim.item as usize * values..][..values];
            for (state, p) in row.iter().enumerate() {
                counts[cell(claim.source, state, claim.value)] += p;
            }
        }
        for row in counts.chunks_mut(values.max(1)) {
            let sum: f64 = row.iter().sum::<f64>().max(LEAST);
            for p in row {
                *p = libm::log((*p / sum).max(LEAST));
            }
        }
        Box::new(move |claim: &Claim, state: usize| counts[cell(claim.source, state, claim.value)])
    })
}

/// MACE (Hovy et al., NAACL 2013): a source knows and says what is so, or does not and
/// says what it likes to say; maximum likelihood with smoothing 0.1, from the shares
/// of the claims and half of all claims known.
#[must_use]
pub fn mace(problem: &Problem) -> Posteriors {
    let claims = sorted(problem);
    let values = problem.values;
    let mut knows = vec![0.5; problem.sources];
    let mut likes = vec![1.0 / values as f64; problem.sources * values];
    expectation_maximisation(problem, &claims, |posterior| {
        let smoothing = 0.1 / values as f64;
        let mut known = vec![(0.1, 0.2); problem.sources];
        let mut guessed = vec![smoothing; problem.sources * values];
        for claim in &claims {
            let source = claim.source as usize;
            let cell = source * values + claim.value as usize;
            let so = posterior[claim.item as usize * values + claim.value as usize];
            let knew = knows[source];
            let by_knowledge = so * knew / (knew + (1.0 - knew) * likes[cell]).max(LEAST);
            known[source].0 += by_knowledge;
            known[source].1 += 1.0;
            guessed[cell] += 1.0 - by_knowledge;
        }
        knows = known.iter().map(|(knew, all)| knew / all).collect();
        for row in guessed.chunks_mut(values.max(1)) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        likes = guessed;
        let (knows, likes) = (knows.clone(), likes.clone());
        Box::new(move |claim: &Claim, state: usize| {
            let source = claim.source as usize;
            let guess = (1.0 - knows[source]) * likes[source * values + claim.value as usize];
            let so = claim.value as usize == state;
            libm::log(if so { guess + knows[source] } else { guess }.max(LEAST))
        })
    })
}

/// ln of the likelihood of a claim in a state.
type LogLikelihood = Box<dyn Fn(&Claim, usize) -> f64>;

/// Expectation and maximisation over the items' values, from the shares of the claims.
fn expectation_maximisation(
    problem: &Problem,
    claims: &[Claim],
    mut maximise: impl FnMut(&[f64]) -> LogLikelihood,
) -> Posteriors {
    let values = problem.values;
    let mut posterior = vote(problem, claims, |_| 1.0);
    for _ in 0..ROUNDS {
        let likelihood = maximise(&posterior);
        let mut prior = vec![0.0; values];
        for row in posterior.chunks(values.max(1)) {
            for (sum, p) in prior.iter_mut().zip(row) {
                *sum += p / problem.items as f64;
            }
        }
        let log_prior = prior.iter().map(|p| libm::log(p.max(LEAST)));
        let log_prior: Vec<f64> = log_prior.collect();
        let mut scores: Vec<f64> = log_prior.repeat(problem.items);
        for claim in claims {
            for state in 0..values {
                scores[claim.item as usize * values + state] += likelihood(claim, state);
            }
        }
        for row in scores.chunks_mut(values.max(1)) {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|s| *s = libm::exp(*s - top));
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        let moved = posterior.iter().zip(&scores).map(|(a, b)| (a - b).abs());
        let moved = moved.fold(0.0, f64::max);
        posterior = scores;
        if moved < STILL {
            break;
        }
    }
    Posteriors::from_dense(values, &posterior)
}
