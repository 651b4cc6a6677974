//! Many beliefs over the same outcomes, in one piece of memory: they all move at once.

use std::collections::BTreeSet;

use super::GroupId;

/// A group that makes no more difference than this to any outcome is dropped.
const NO_DIFFERENCE: f64 = 1e-7;
/// For so many groups, those that make most difference, the belief without them is kept.
pub(super) const MOST_GROUPS: usize = 128;

/// Beliefs over the same outcomes, one for each of some groups, in the order of ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Beliefs {
    groups: Vec<GroupId>,
    outcomes: usize,
    /// One belief after another.
    values: Vec<f64>,
}

impl Beliefs {
    /// None yet, over so many outcomes, at least one.
    #[must_use]
    pub fn over(outcomes: usize) -> Self {
        Self {
            groups: Vec::new(),
            outcomes: outcomes.max(1),
            values: Vec::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether there is one of a group.
    #[must_use]
    pub fn contains(&self, group: GroupId) -> bool {
        self.groups.binary_search(&group).is_ok()
    }

    /// That of a group.
    #[must_use]
    pub fn get(&self, group: GroupId) -> Option<&[f64]> {
        let i = self.groups.binary_search(&group).ok()?;
        self.values.chunks_exact(self.outcomes).nth(i)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &[f64])> {
        let groups = self.groups.iter().copied();
        groups.zip(self.values.chunks_exact(self.outcomes))
    }

    /// Adds that of a group that has none; of a value for each outcome.
    pub fn add(&mut self, group: GroupId, belief: &[f64]) {
        if let Err(i) = self.groups.binary_search(&group)
            && belief.len() == self.outcomes
        {
            self.groups.insert(i, group);
            let at = i * self.outcomes;
            self.values.splice(at..at, belief.iter().copied());
        }
    }

    /// Keeps those that are to be kept.
    pub fn retain(&mut self, keep: impl Fn(GroupId, &[f64]) -> bool) {
        let kept: Vec<bool> = self
            .iter()
            .map(|(group, belief)| keep(group, belief))
            .collect();
        let mut of_each = kept.iter();
        self.groups.retain(|_| of_each.next() == Some(&true));
        let mut of_each = kept
            .iter()
            .flat_map(|kept| std::iter::repeat_n(kept, self.outcomes));
        self.values.retain(|_| of_each.next() == Some(&true));
    }

    /// Drops the groups that make no difference to a belief any more.
    pub(super) fn drop_idle(&mut self, belief: &[f64]) {
        self.retain(|_, p| difference(belief, p) > NO_DIFFERENCE);
    }

    /// Keeps the groups that make most difference to a belief, where they are too many.
    pub(super) fn keep_most(&mut self, belief: &[f64]) {
        if self.len() <= MOST_GROUPS {
            return;
        }
        let of = |(group, p): (GroupId, &[f64])| (difference(belief, p), group);
        let mut ranked: Vec<(f64, GroupId)> = self.iter().map(of).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let least: BTreeSet<GroupId> = ranked.drain(MOST_GROUPS..).map(|(_, id)| id).collect();
        self.retain(|group, _| !least.contains(&group));
    }

    /// The groups, and all values, one belief after another.
    pub(super) fn parts_mut(&mut self) -> (&[GroupId], &mut [f64]) {
        (&self.groups, &mut self.values)
    }
}

fn difference(alpha: &[f64], without: &[f64]) -> f64 {
    let each = alpha.iter().zip(without).map(|(a, w)| (a - w).abs());
    each.fold(0.0, f64::max)
}
