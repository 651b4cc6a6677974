//! Two states of one place side by side.

use std::collections::BTreeMap;

use ascertain_domain::state::{Contribution, ControlState, Likelihood, Ppm};

/// A dispute that differs by more than this is told.
const DISPUTE: f64 = 0.1;
/// A group's weight that differs by less than this, in log-odds, has not changed.
const WEIGHT: f64 = 0.005;

/// What differs between two states of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateChange {
    /// Another status.
    Status,
    /// Another outcome leads.
    Leader,
    /// Another yardstick word for the leading outcome.
    Word,
    /// A siege began or ended.
    Besieged,
    /// The leading outcome has been so since another time.
    Since,
    /// The dispute differs by more than 0.1.
    Dispute,
    /// Another analytic confidence.
    AnalyticConfidence,
}

/// What differs from one state to another, in the order of [`StateChange`].
#[must_use]
pub fn changes(before: &ControlState, after: &ControlState) -> Vec<StateChange> {
    let leader = |state: &ControlState| state.leader().map(|(outcome, _)| outcome.clone());
    let since = |state: &ControlState| state.since.map(|since| (since.earliest, since.latest));
    let differs = [
        (StateChange::Status, before.status != after.status),
        (StateChange::Leader, leader(before) != leader(after)),
        (StateChange::Word, word(before) != word(after)),
        (StateChange::Besieged, before.besieged != after.besieged),
        (StateChange::Since, since(before) != since(after)),
        (
            StateChange::Dispute,
            (before.dispute - after.dispute).abs() > DISPUTE,
        ),
        (
            StateChange::AnalyticConfidence,
            before.analytic_confidence != after.analytic_confidence,
        ),
    ];
    let differing = differs.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(change, _)| change).collect()
}

/// Whether the status, the leading outcome or its word is among the changes: what readers
/// are told of.
#[must_use]
pub fn has_moved(changes: &[StateChange]) -> bool {
    let moves = [StateChange::Status, StateChange::Leader, StateChange::Word];
    changes.iter().any(|change| moves.contains(change))
}

fn word(state: &ControlState) -> Option<Likelihood> {
    state.leader().map(|(_, p): &(_, Ppm)| Likelihood::from(*p))
}

/// What one independence group does for an outcome in one answer, and in another.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDifference {
    /// The group's key.
    pub group: String,
    /// The originator's name.
    pub name: String,
    /// Its weight before; `None`: it was not there.
    pub before: Option<f64>,
    /// Its weight after; `None`: it is gone.
    pub after: Option<f64>,
}

impl GroupDifference {
    /// By how much more it speaks for the outcome, in log-odds.
    #[must_use]
    pub fn by(&self) -> f64 {
        self.after.unwrap_or(0.0) - self.before.unwrap_or(0.0)
    }
}

/// The groups that came, went, or weigh otherwise, those first that differ most. Both
/// lists must be weights of one outcome.
#[must_use]
pub fn group_differences(before: &[Contribution], after: &[Contribution]) -> Vec<GroupDifference> {
    let mut groups: BTreeMap<&str, GroupDifference> = BTreeMap::new();
    for (is_after, contribution) in before
        .iter()
        .map(|c| (false, c))
        .chain(after.iter().map(|c| (true, c)))
    {
        let group = groups
            .entry(&contribution.group)
            .or_insert_with(|| GroupDifference {
                group: contribution.group.clone(),
                name: contribution.name.clone(),
                before: None,
                after: None,
            });
        let weight = Some(contribution.weight);
        if is_after {
            group.after = weight;
        } else {
            group.before = weight;
        }
    }
    let mut groups: Vec<GroupDifference> = groups.into_values().collect();
    groups.retain(|group| {
        let came_or_went = group.before.is_none() != group.after.is_none();
        came_or_went || group.by().abs() >= WEIGHT
    });
    groups.sort_by(|a, b| {
        let more = b.by().abs().total_cmp(&a.by().abs());
        more.then_with(|| a.group.cmp(&b.group))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_domain::state::Interest;

    fn of(group: &str, weight: f64) -> Contribution {
        Contribution {
            group: group.to_owned(),
            name: group.to_owned(),
            reports: Vec::new(),
            weight,
            weight_lost: 0.0,
            interest: Interest::Neutral,
            reason: String::new(),
        }
    }

    #[test]
    fn groups_that_came_went_or_weigh_otherwise_are_told_and_no_others() {
        let before = [of("gone", 0.5), of("same", 1.0), of("turned", 1.0)];
        let after = [of("new", 0.25), of("same", 1.001), of("turned", -1.0)];
        let told = group_differences(&before, &after);
        let by: Vec<(&str, f64)> = told.iter().map(|g| (g.group.as_str(), g.by())).collect();
        assert_eq!(by, [("turned", -2.0), ("gone", -0.5), ("new", 0.25)]);
        assert_eq!((told[1].after, told[2].before), (None, None));
        assert!(group_differences(&before, &before).is_empty());
    }
}
