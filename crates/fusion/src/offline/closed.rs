//! A closed vocabulary: what each source says when each value is so.

use super::layout::Layout;
use super::spread;

/// Rounds at most.
const ROUNDS: u32 = 100;
/// Rounds in which the strength of the pool is chosen anew; then it stays.
const CHOOSING: std::ops::Range<u32> = 2..12;
/// A round that moves no probability by more than this is the last.
const STILL: f64 = 1e-6;
/// What the pooled table is before any claim: right this often,
const RIGHT: f64 = 0.7;
/// and worth so many claims.
const RIGHT_STRENGTH: f64 = 4.0;
/// Strengths of the pool to choose from, claims of a source that weigh as much.
const STRENGTHS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// How much the strengths far from 1 must be worth it.
const STRENGTH_PENALTY: f64 = 0.01;

/// What was learned of a closed vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    /// ln of prior times likelihood of each value of each item, up to a constant.
    pub(crate) scores: Vec<f64>,
    /// The share of each value among the items.
    pub(crate) prior: Vec<f64>,
    /// Rounds taken.
    pub(crate) rounds: u32,
    /// How alike the sources are: see [`spread::alikeness`].
    pub(crate) alikeness: f64,
}

/// The state of the learning.
struct Tables<'a> {
    layout: &'a Layout,
    /// Per column and state: how often it was said when so.
    counts: Vec<f64>,
    /// Per source and state: how often anything was said when so.
    totals: Vec<f64>,
    /// Per column and state: ln φ(value | state).
    logs: Vec<f64>,
    /// Per state and value.
    pooled: Vec<f64>,
    strength: f64,
}

/// Posterior-mean EM: from the shares of the claims, tables, from the tables,
/// probabilities, until they stand still.
pub(crate) fn learn(layout: &Layout) -> Learned {
    let states = layout.values;
    let mut posterior = shares(layout);
    let mut scores = vec![0.0; posterior.len()];
    let mut tables = Tables {
        layout,
        counts: vec![0.0; layout.width() * states],
        totals: vec![0.0; layout.sources() * states],
        logs: vec![0.0; layout.width() * states],
        pooled: vec![0.0; states * states],
        strength: 8.0,
    };
    let mut prior = vec![1.0 / states as f64; states];
    let mut rounds = 0;
    while rounds < ROUNDS {
        tables.count(&posterior);
        if CHOOSING.contains(&rounds) {
            tables.choose_strength();
        } else {
            tables.pool();
        }
        tables.take_logs();
        prior = shares_of_states(&posterior, states);
        let log_prior: Vec<f64> = prior.iter().map(|p| libm::log(*p)).collect();
        let moved = expect(
            layout,
            &tables.logs,
            &log_prior,
            &mut scores,
            &mut posterior,
        );
        rounds += 1;
        if moved < STILL && rounds >= CHOOSING.end {
            break;
        }
    }
    let agreement = agreement(layout, &posterior);
    Learned {
        scores,
        prior,
        rounds,
        alikeness: spread::alikeness(&agreement),
    }
}

/// The E-step: sums what the claims on each item say for each state and turns it
/// into probabilities. Returns the largest change of one.
pub(crate) fn expect(
    layout: &Layout,
    logs: &[f64],
    log_prior: &[f64],
    scores: &mut [f64],
    posterior: &mut [f64],
) -> f64 {
    let states = log_prior.len();
    let mut moved = 0.0_f64;
    let mut fresh = vec![0.0; states];
    let rows = scores
        .chunks_exact_mut(states)
        .zip(posterior.chunks_exact_mut(states));
    for (item, (row, probabilities)) in rows.enumerate() {
        row.copy_from_slice(log_prior);
        for column in layout.on_item(item) {
            let from = *column as usize * states;
            for (score, log) in row.iter_mut().zip(&logs[from..from + states]) {
                *score += log;
            }
        }
        softmax(row, 1.0, &mut fresh);
        for (old, new) in probabilities.iter_mut().zip(&fresh) {
            moved = moved.max((*old - new).abs());
            *old = *new;
        }
    }
    moved
}

/// exp(power × score), scaled to sum 1.
pub(crate) fn softmax(scores: &[f64], power: f64, probabilities: &mut [f64]) {
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

impl Tables<'_> {
    /// Counts what was said, split over the states as far as they are believed.
    fn count(&mut self, posterior: &[f64]) {
        let states = self.layout.values;
        self.counts.fill(0.0);
        for item in 0..self.layout.items {
            let believed = &posterior[item * states..(item + 1) * states];
            for column in self.layout.on_item(item) {
                let from = *column as usize * states;
                for (count, p) in self.counts[from..from + states].iter_mut().zip(believed) {
                    *count += p;
                }
            }
        }
        self.totals.fill(0.0);
        for (source, counts) in self
            .layout
            .column_source
            .iter()
            .zip(self.counts.chunks(states))
        {
            let from = *source as usize * states;
            for (total, count) in self.totals[from..from + states].iter_mut().zip(counts) {
                *total += count;
            }
        }
    }

    /// What sources say in common: each source's counts, but no source's more than
    /// the strength.
    fn pool(&mut self) {
        let states = self.layout.values;
        let wrong = (1.0 - RIGHT) / (states as f64 - 1.0);
        for (state, row) in self.pooled.chunks_mut(states).enumerate() {
            row.fill(RIGHT_STRENGTH * wrong);
            row[state] = RIGHT_STRENGTH * RIGHT;
        }
        for (column, counts) in self.counts.chunks(states).enumerate() {
            let value = self.layout.column_value[column] as usize;
            let source = self.layout.column_source[column] as usize;
            let totals = &self.totals[source * states..(source + 1) * states];
            for (state, (count, total)) in counts.iter().zip(totals).enumerate() {
                self.pooled[state * states + value] +=
                    count * self.strength / (self.strength + total);
            }
        }
        for row in self.pooled.chunks_mut(states) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
    }

    /// Pools with the strength under which the counts are likeliest.
    fn choose_strength(&mut self) {
        let mut best = (f64::NEG_INFINITY, self.strength);
        for strength in STRENGTHS {
            self.strength = strength;
            self.pool();
            let far = libm::log(strength);
            let worth = self.likelihood() - STRENGTH_PENALTY * far * far;
            if worth > best.0 {
                best = (worth, strength);
            }
        }
        self.strength = best.1;
        self.pool();
    }

    /// The log-likelihood of the counts when each source's rows are drawn around the
    /// pooled ones (Dirichlet-multinomial).
    fn likelihood(&self) -> f64 {
        let states = self.layout.values;
        let mut sum = 0.0;
        let own = libm::lgamma(self.strength);
        for total in self.totals.iter().filter(|total| **total > 0.0) {
            sum += own - libm::lgamma(self.strength + total);
        }
        let pooled: Vec<f64> = self.pooled.iter().map(|p| self.strength * p).collect();
        let logs: Vec<f64> = pooled.iter().map(|a| libm::lgamma(*a)).collect();
        for (column, counts) in self.counts.chunks(states).enumerate() {
            let value = self.layout.column_value[column] as usize;
            for (state, count) in counts.iter().enumerate() {
                let cell = state * states + value;
                sum += libm::lgamma(pooled[cell] + count) - logs[cell];
            }
        }
        sum
    }

    /// ln φ, the posterior mean of each source's table.
    fn take_logs(&mut self) {
        let states = self.layout.values;
        let columns = self.logs.chunks_mut(states).zip(self.counts.chunks(states));
        for (column, (logs, counts)) in columns.enumerate() {
            let value = self.layout.column_value[column] as usize;
            let source = self.layout.column_source[column] as usize;
            let totals = &self.totals[source * states..(source + 1) * states];
            for (state, log) in logs.iter_mut().enumerate() {
                let pooled = self.strength * self.pooled[state * states + value];
                *log = libm::log((counts[state] + pooled) / (totals[state] + self.strength));
            }
        }
    }
}

/// The share of each value among an item's claims; even without any.
fn shares(layout: &Layout) -> Vec<f64> {
    let states = layout.values;
    let mut shares = vec![0.0; layout.items * states];
    for (item, row) in shares.chunks_exact_mut(states).enumerate() {
        let count = layout.count(item);
        if count == 0 {
            row.fill(1.0 / states as f64);
        }
        for column in layout.on_item(item) {
            row[layout.column_value[*column as usize] as usize] += 1.0 / count as f64;
        }
    }
    shares
}

/// How often each state is so, by what is believed of the items that have claims, and
/// once each for none.
fn shares_of_states(posterior: &[f64], states: usize) -> Vec<f64> {
    let mut prior = vec![1.0; states];
    for row in posterior.chunks_exact(states) {
        for (sum, p) in prior.iter_mut().zip(row) {
            *sum += p;
        }
    }
    let sum: f64 = prior.iter().sum();
    prior.iter_mut().for_each(|p| *p /= sum);
    prior
}

/// Of each source with claims: how many of them agree with what is believed, and how
/// many there are.
fn agreement(layout: &Layout, posterior: &[f64]) -> Vec<(f64, f64)> {
    let states = layout.values;
    let mut agreement = vec![(0.0, 0.0); layout.sources()];
    for item in 0..layout.items {
        for column in layout.on_item(item) {
            let column = *column as usize;
            let value = layout.column_value[column] as usize;
            let sums = &mut agreement[layout.column_source[column] as usize];
            sums.0 += posterior[item * states + value];
            sums.1 += 1.0;
        }
    }
    agreement.retain(|sums| sums.1 > 0.0);
    agreement
}
