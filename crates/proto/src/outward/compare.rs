//! Two states side by side, for the wire.

use ascertain_engine::{ClaimBetween, GroupDifference, StateChange};

use super::{report_reference, timestamp};
use crate::v1;

/// What differs.
#[must_use]
pub fn state_change(change: StateChange) -> v1::StateChange {
    match change {
        StateChange::Status => v1::StateChange::Status,
        StateChange::Leader => v1::StateChange::Leader,
        StateChange::Word => v1::StateChange::Word,
        StateChange::Besieged => v1::StateChange::Besieged,
        StateChange::Since => v1::StateChange::Since,
        StateChange::Dispute => v1::StateChange::Dispute,
        StateChange::AnalyticConfidence => v1::StateChange::AnalyticConfidence,
    }
}

/// A group that weighs otherwise.
#[must_use]
pub fn group_difference(group: &GroupDifference) -> v1::GroupDifference {
    v1::GroupDifference {
        group: group.group.clone(),
        name: group.name.clone(),
        weight_before: group.before,
        weight_after: group.after,
    }
}

/// A claim between two states.
#[must_use]
pub fn claim_between(claim: &ClaimBetween) -> v1::ClaimBetween {
    v1::ClaimBetween {
        report: Some(report_reference(&claim.report, &claim.partner_reference)),
        claim_id: claim.claim.to_string(),
        group: claim.group.clone(),
        name: claim.name.clone(),
        place_id: claim.place.to_string(),
        statement: claim.statement.clone(),
        first_known_at: Some(timestamp(claim.first_known_at)),
        entered_at: Some(timestamp(claim.entered)),
        newly_known: claim.newly_known,
        no_longer_counts: claim.no_longer_counts,
        entered_between: claim.entered_between,
    }
}
