//! Many beliefs over the same outcomes, in one piece of memory: they all move at once.

use super::GroupId;

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

    /// The groups, and all values, one belief after another.
    pub(super) fn parts_mut(&mut self) -> (&[GroupId], &mut [f64]) {
        (&self.groups, &mut self.values)
    }
}
