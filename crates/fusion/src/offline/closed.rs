//! A closed vocabulary: what each source says when each value is so.

use super::layout::Layout;
use super::tables::Tables;
use super::{Problem, spread, temper};

/// Rounds at most.
const ROUNDS: u32 = 100;
/// Rounds in which the strength of the pool is chosen anew; then it stays.
const CHOOSING: std::ops::Range<u32> = 2..12;
/// A round that moves no probability by more than this is the last.
const STILL: f64 = 1e-6;
/// Rounds after that in which half of each count follows the tempered posterior.
const DOUBTING: u32 = 6;
/// The half.
const DOUBT: f64 = 0.5;
/// What is being learned of a closed vocabulary: every source's table of what it says
/// when each value is so, and of every item which value is so.
#[derive(Debug, Clone)]
pub struct Learner {
    layout: Layout,
    /// Per item and state.
    posterior: Vec<f64>,
    /// Per item and state: ln of prior × likelihood, up to a constant.
    scores: Vec<f64>,
    /// The share of each state among the items.
    prior: Vec<f64>,
    tables: Tables,
}

/// What was learned.
pub(super) struct Learned {
    /// Per item and state: ln of prior × likelihood, up to a constant.
    pub(super) scores: Vec<f64>,
    /// The share of each state among the items.
    pub(super) prior: Vec<f64>,
    /// How alike the sources are: see [`spread::alikeness`].
    pub(super) alikeness: f64,
    /// Rounds taken.
    pub(super) rounds: u32,
}

impl Learner {
    /// Nothing learned yet; each item is what the shares of its claims say.
    #[must_use]
    pub fn new(problem: &Problem) -> Self {
        Self::of(Layout::new(problem))
    }

    pub(super) fn of(layout: Layout) -> Self {
        let states = layout.values;
        Self {
            posterior: shares(&layout),
            scores: vec![0.0; layout.items * states],
            prior: vec![1.0 / states as f64; states],
            tables: Tables::new(&layout),
            layout,
        }
    }

    /// Learns until the tables stand still, and then, a few times, anew from what is
    /// half believed as it stands and half tempered: where the claims on an item err
    /// together, the sources have been taken for better than they are.
    pub(super) fn learn(mut self) -> Learned {
        let mut rounds = 0;
        while rounds < ROUNDS {
            self.maximise(CHOOSING.contains(&rounds));
            let moved = self.expect();
            rounds += 1;
            if moved < STILL && rounds >= CHOOSING.end {
                break;
            }
        }
        let alikeness = spread::alikeness(&self.agreement());
        // What doubt makes of the prior serves to rank values, and flattens it.
        let prior = self.prior.clone();
        for _ in 0..DOUBTING {
            self.doubt(alikeness);
            self.maximise(false);
            self.expect();
        }
        Learned {
            scores: self.scores,
            prior,
            alikeness,
            rounds: rounds + DOUBTING,
        }
    }

    /// The M-step: tables, posterior means, and the prior from what is believed of the
    /// items. `choose`: also how far the sources' tables are drawn to the pooled one.
    pub fn maximise(&mut self, choose: bool) {
        self.tables.learn(&self.layout, &self.posterior, choose);
        // How often each state is so among items with claims; once each before any.
        self.prior.fill(1.0);
        let rows = self.posterior.chunks_exact(self.layout.values).enumerate();
        for (_, row) in rows.filter(|(item, _)| self.layout.count(*item) > 0) {
            for (sum, p) in self.prior.iter_mut().zip(row) {
                *sum += p;
            }
        }
        let sum: f64 = self.prior.iter().sum();
        self.prior.iter_mut().for_each(|p| *p /= sum);
    }

    /// The E-step: sums what the claims on each item say for each state and turns it
    /// into probabilities. Returns the largest change of one.
    pub fn expect(&mut self) -> f64 {
        let states = self.layout.values;
        let log_prior: Vec<f64> = self.prior.iter().map(|p| libm::log(*p)).collect();
        let mut moved = 0.0_f64;
        let mut fresh = vec![0.0; states];
        let rows = self.scores.chunks_exact_mut(states);
        let rows = rows.zip(self.posterior.chunks_exact_mut(states));
        for (item, (scores, posterior)) in rows.enumerate() {
            scores.copy_from_slice(&log_prior);
            for column in self.layout.on_item(item) {
                let from = *column as usize * states;
                let logs = &self.tables.logs()[from..from + states];
                for (score, log) in scores.iter_mut().zip(logs) {
                    *score += log;
                }
            }
            temper::softmax(scores, 1.0, &mut fresh);
            for (old, new) in posterior.iter_mut().zip(&fresh) {
                moved = moved.max((*old - new).abs());
                *old = *new;
            }
        }
        moved
    }

    /// Draws what is believed half way to the tempered posterior.
    fn doubt(&mut self, alikeness: f64) {
        let states = self.layout.values;
        let mut tempered = vec![0.0; states];
        let rows = self.posterior.chunks_exact_mut(states);
        for (item, (posterior, scores)) in rows.zip(self.scores.chunks_exact(states)).enumerate() {
            let trust = temper::while_learning(alikeness, self.layout.count(item));
            temper::softmax(scores, trust, &mut tempered);
            for (p, tempered) in posterior.iter_mut().zip(&tempered) {
                *p += DOUBT * (tempered - *p);
            }
        }
    }

    /// Of each source with claims: how many of them agree with what is believed, and
    /// how many there are.
    fn agreement(&self) -> Vec<(f64, f64)> {
        let states = self.layout.values;
        let mut agreement = vec![(0.0, 0.0); self.layout.sources()];
        for item in 0..self.layout.items {
            for column in self.layout.on_item(item) {
                let column = *column as usize;
                let value = self.layout.column_value[column] as usize;
                let sums = &mut agreement[self.layout.column_source[column] as usize];
                sums.0 += self.posterior[item * states + value];
                sums.1 += 1.0;
            }
        }
        agreement.retain(|sums| sums.1 > 0.0);
        agreement
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
