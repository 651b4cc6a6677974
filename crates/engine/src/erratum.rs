//! What a correction takes back, and how far states lie apart.

use std::collections::BTreeMap;

use ascertain_domain::id::PlaceId;
use ascertain_domain::state::ControlState;

use crate::versions::{SetAside, Sorted};

/// The reports that counted by what was known before, and by what was known after count no
/// longer or with fewer of their claims, in the order in which they were first known: those
/// that name any of the places.
#[must_use]
pub fn taken_back(before: &Sorted, after: &Sorted, places: &[PlaceId]) -> Vec<SetAside> {
    let names = |sorted: &Sorted| -> BTreeMap<_, usize> {
        let claims = sorted.in_force.iter();
        claims
            .map(|report| ((report.key(), report.body_digest), report.claims.len()))
            .collect()
    };
    let (before, still) = (names(before), names(after));
    let lost = |aside: &&SetAside| {
        let name = (aside.report.key(), aside.report.body_digest);
        before
            .get(&name)
            .is_some_and(|claims| still.get(&name).is_none_or(|left| left < claims))
    };
    let bears = |aside: &&SetAside| {
        let named = aside.report.places();
        named.iter().any(|place| places.contains(place))
    };
    let aside = after.set_aside.iter().filter(bears);
    aside.filter(lost).cloned().collect()
}

/// How far two states of a place lie apart: the total variation of their outcomes, parts per
/// million. An outcome that only one has counts as impossible in the other.
#[must_use]
pub fn distance(one: &ControlState, other: &ControlState) -> u32 {
    let chances = |state: &ControlState| -> BTreeMap<_, u32> {
        let outcomes = state.outcomes.iter();
        outcomes.map(|(o, p)| (o.clone(), p.0)).collect()
    };
    let (one, other) = (chances(one), chances(other));
    let more = one.iter().map(|(outcome, p)| {
        let there = other.get(outcome).copied().unwrap_or_default();
        p.saturating_sub(there)
    });
    // Both sum to one million: what one has more is what the other has less.
    more.sum()
}
