//! What each source says when each value is so.

use super::layout::Layout;

/// What the pooled table is before any claim: right this often,
const RIGHT: f64 = 0.7;
/// and worth so many claims.
const RIGHT_STRENGTH: f64 = 4.0;
/// Strengths of the pool to choose from, claims of a source that weigh as much.
const STRENGTHS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// How much the strengths far from 1 must be worth it.
const STRENGTH_PENALTY: f64 = 0.01;

/// Of what is expected of a source, the share that follows from its own kind: that it
/// knows what is so or says what it likes to say, whatever is so (MACE; Hovy et al.,
/// NAACL 2013). It tells a source's rare rows from its frequent ones.
const OWN_KIND: f64 = 0.3;
/// What its kind is before any claim, claims: knowing as often as not, and liking each
/// value the same.
const KIND_STRENGTH: f64 = 0.2;

/// The sources' tables.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// Per column and state: how often it was said when so.
    counts: Vec<f64>,
    /// Per source and state: how often anything was said when so.
    totals: Vec<f64>,
    /// Per column and state: ln φ(value | state).
    logs: Vec<f64>,
    /// Per state and value: what sources have in common.
    pooled: Vec<f64>,
    /// Per source: how often it knows what is so.
    knows: Vec<f64>,
    /// Per column: how often it is said by one who does not know.
    likes: Vec<f64>,
    /// How many claims of a source weigh as much as what is expected of it.
    strength: f64,
}

impl Tables {
    /// Nothing learned yet.
    pub(super) fn new(layout: &Layout) -> Self {
        let states = layout.values;
        Self {
            counts: vec![0.0; layout.width() * states],
            totals: vec![0.0; layout.sources() * states],
            logs: vec![0.0; layout.width() * states],
            pooled: vec![0.0; states * states],
            knows: vec![0.5; layout.sources()],
            likes: vec![1.0 / states as f64; layout.width()],
            strength: 8.0,
        }
    }

    /// Per column and state: ln φ(value | state).
    pub(super) fn logs(&self) -> &[f64] {
        &self.logs
    }

    /// Learns from what is believed of each item in each state. `choose`: also how far
    /// sources are drawn to what is expected of them.
    pub(super) fn learn(&mut self, layout: &Layout, posterior: &[f64], choose: bool) {
        self.count(layout, posterior);
        if choose {
            self.choose_strength(layout);
        } else {
            self.pool(layout);
        }
        self.learn_kinds(layout);
        self.take_logs(layout);
    }

    /// Counts what was said, split over the states as far as they are believed.
    fn count(&mut self, layout: &Layout, posterior: &[f64]) {
        let states = layout.values;
        self.counts.fill(0.0);
        for item in 0..layout.items {
            let believed = &posterior[item * states..(item + 1) * states];
            for column in layout.on_item(item) {
                let from = *column as usize * states;
                for (count, p) in self.counts[from..from + states].iter_mut().zip(believed) {
                    *count += p;
                }
            }
        }
        self.totals.fill(0.0);
        for (source, counts) in layout.column_source.iter().zip(self.counts.chunks(states)) {
            let from = *source as usize * states;
            for (total, count) in self.totals[from..from + states].iter_mut().zip(counts) {
                *total += count;
            }
        }
    }

    /// What sources say in common: each source's counts, but no source's more than
    /// the strength.
    fn pool(&mut self, layout: &Layout) {
        let states = layout.values;
        let wrong = (1.0 - RIGHT) / (states as f64 - 1.0);
        for (state, row) in self.pooled.chunks_mut(states).enumerate() {
            row.fill(RIGHT_STRENGTH * wrong);
            row[state] = RIGHT_STRENGTH * RIGHT;
        }
        for (column, counts) in self.counts.chunks(states).enumerate() {
            let value = layout.column_value[column] as usize;
            let source = layout.column_source[column] as usize;
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

    /// Pools with the strength under which the counts are likeliest, among the last one
    /// and its neighbours: there are rounds enough to come from any to any other.
    fn choose_strength(&mut self, layout: &Layout) {
        let last = self.strength;
        let mut best = (f64::NEG_INFINITY, last);
        let near = |strength: &f64| last / 2.0 <= *strength && *strength <= last * 2.0;
        for strength in STRENGTHS.into_iter().filter(near) {
            self.strength = strength;
            self.pool(layout);
            let far = libm::log(strength);
            let worth = self.likelihood(layout) - STRENGTH_PENALTY * far * far;
            if worth > best.0 {
                best = (worth, strength);
            }
        }
        self.strength = best.1;
        self.pool(layout);
    }

    /// The log-likelihood of the counts when each source's rows are drawn around the
    /// pooled ones (Dirichlet-multinomial).
    fn likelihood(&self, layout: &Layout) -> f64 {
        let states = layout.values;
        let mut sum = 0.0;
        let own = libm::lgamma(self.strength);
        for total in self.totals.iter().filter(|total| **total > 0.0) {
            sum += own - libm::lgamma(self.strength + total);
        }
        let pooled: Vec<f64> = self.pooled.iter().map(|p| self.strength * p).collect();
        let logs: Vec<f64> = pooled.iter().map(|a| libm::lgamma(*a)).collect();
        for (column, counts) in self.counts.chunks(states).enumerate() {
            let value = layout.column_value[column] as usize;
            for (state, count) in counts.iter().enumerate() {
                let cell = state * states + value;
                sum += libm::lgamma(pooled[cell] + count) - logs[cell];
            }
        }
        sum
    }

    /// One round of expectation and maximisation over which claims were known.
    fn learn_kinds(&mut self, layout: &Layout) {
        let states = layout.values;
        let half = KIND_STRENGTH / 2.0;
        for (source, knows) in self.knows.iter_mut().enumerate() {
            let columns = layout.source_starts[source]..layout.source_starts[source + 1];
            let (mut known, mut guessed) = (half, half);
            for column in columns.clone() {
                let counts = &self.counts[column * states..(column + 1) * states];
                let right = counts[layout.column_value[column] as usize];
                let likes = &mut self.likes[column];
                let all: f64 = counts.iter().sum();
                let by_knowledge = right * *knows / (*knows + (1.0 - *knows) * *likes);
                known += by_knowledge;
                guessed += all - by_knowledge;
                *likes = half / states as f64 + all - by_knowledge;
            }
            for likes in &mut self.likes[columns] {
                *likes /= guessed;
            }
            *knows = known / (known + guessed);
        }
    }

    /// ln φ, the posterior mean of each source's table.
    fn take_logs(&mut self, layout: &Layout) {
        let states = layout.values;
        let columns = self.logs.chunks_mut(states).zip(self.counts.chunks(states));
        for (column, (logs, counts)) in columns.enumerate() {
            let value = layout.column_value[column] as usize;
            let source = layout.column_source[column] as usize;
            let totals = &self.totals[source * states..(source + 1) * states];
            let guess = (1.0 - self.knows[source]) * self.likes[column];
            for (state, log) in logs.iter_mut().enumerate() {
                let knowledge = if state == value {
                    self.knows[source]
                } else {
                    0.0
                };
                let expected = (1.0 - OWN_KIND) * self.pooled[state * states + value]
                    + OWN_KIND * (knowledge + guess);
                *log = libm::log(
                    (counts[state] + self.strength * expected) / (totals[state] + self.strength),
                );
            }
        }
    }
}
