//! The scores of timed answers: over all days, over places that changed hands, and
//! near a change; as said, and among holders alone.

use crate::read::Change;
use crate::tally::{Tally, Totals, among, floored};

/// The days that scores are given for.
pub(crate) const BLOCKS: usize = 3;
/// Every day.
pub(crate) const ALL: usize = 0;
/// The days of places where the truth changes at least once.
pub(crate) const CHANGED_PLACES: usize = 1;
/// The days within 14 days of a change.
pub(crate) const NEAR_CHANGE: usize = 2;
/// Days from 14 before a change to 14 after it.
pub(crate) const AROUND: usize = 29;

/// The sums of one method.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    /// As said, by block.
    pub(crate) said: [Tally; BLOCKS],
    /// With 2 % spread evenly, by block.
    pub(crate) floored: [Tally; BLOCKS],
    /// Scaled to the holders alone, where a holder is so.
    pub(crate) holders: [Tally; BLOCKS],
    /// By day from 14 before a change to 14 after it: answers, and right ones.
    pub(crate) around: [(u64, f64); AROUND],
}

/// How the answers of two methods to the same days differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Apart {
    /// The days.
    pub(crate) days: u64,
    /// Sum of losses, one's minus the other's.
    pub(crate) log_loss: f64,
    /// Right answers, one's minus the other's.
    pub(crate) right: f64,
}

impl Apart {
    pub(crate) fn of(one: Totals, other: Totals) -> Self {
        Self {
            days: one.count,
            log_loss: one.log_loss - other.log_loss,
            right: one.correct - other.correct,
        }
    }
}

impl Sums {
    /// The sums near a change: as said, with the floor, among holders.
    pub(crate) fn near_change(&self) -> [&Tally; 3] {
        [&self.said, &self.floored, &self.holders].map(|tallies| &tallies[NEAR_CHANGE])
    }

    /// Takes in what another summed up.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.said, &other.said),
            (&mut self.floored, &other.floored),
            (&mut self.holders, &other.holders),
        ] {
            ours.iter_mut().zip(theirs).for_each(|(o, t)| o.merge(t));
        }
        for (ours, theirs) in self.around.iter_mut().zip(&other.around) {
            ours.0 += theirs.0;
            ours.1 += theirs.1;
        }
    }
}

/// Which outcomes are what.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    /// Those that are claimed or true somewhere.
    pub(crate) in_use: Vec<bool>,
    /// The sides.
    pub(crate) holders: Vec<bool>,
}

/// What is so on a day.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    /// The outcome.
    pub(crate) truth: usize,
    /// The blocks it belongs to.
    pub(crate) blocks: [bool; BLOCKS],
    /// How far it is from each change nearby, as an index of [`AROUND`].
    pub(crate) around: Vec<usize>,
}

impl Day {
    /// What is so on a UTC day at a place with such changes.
    pub(crate) fn of(day: i64, truth: usize, changes: &[Change]) -> Self {
        let offsets = changes.iter().filter_map(|change| change.offset(day));
        let around: Vec<usize> = offsets
            .filter_map(|o| usize::try_from(o + 14).ok())
            .collect();
        Self {
            truth,
            blocks: [true, !changes.is_empty(), !around.is_empty()],
            around,
        }
    }
}

impl Sums {
    /// Takes in an answer. What may say 0 has a floor put under all of its answers.
    pub(crate) fn add(&mut self, answer: &[f64], needs_floor: bool, day: &Day, kinds: &Kinds) {
        let with_floor = floored(answer, &kinds.in_use);
        let said = if needs_floor { &with_floor } else { answer };
        let is_held = kinds.holders[day.truth];
        let holders = is_held.then(|| {
            let holders = among(answer, &kinds.holders, &kinds.in_use);
            if !needs_floor {
                return holders;
            }
            let both = kinds.in_use.iter().zip(&kinds.holders);
            let in_use: Vec<bool> = both.map(|(u, h)| *u && *h).collect();
            floored(&holders, &in_use)
        });
        for block in (0..BLOCKS).filter(|block| day.blocks[*block]) {
            self.said[block].add(said, Some(day.truth));
            self.floored[block].add(&with_floor, Some(day.truth));
            if let Some(holders) = &holders {
                self.holders[block].add(holders, Some(day.truth));
            }
        }
        for offset in &day.around {
            self.around[*offset].0 += 1;
            self.around[*offset].1 += right(answer, day.truth);
        }
    }
}

/// The credit of an answer: 1, or 1/k where k values tie on top.
#[allow(clippy::cast_precision_loss)] // as many as there are values
fn right(answer: &[f64], truth: usize) -> f64 {
    let top = answer.iter().copied().fold(0.0, f64::max);
    let tied = answer.iter().filter(|p| **p >= top).count();
    if answer[truth] >= top {
        1.0 / tied as f64
    } else {
        0.0
    }
}
