//! What the sides say that they have.

use ascertain_engine::{ClaimedControl, Hold};

use super::{report_reference, timestamp};
use crate::v1;

/// What a side says.
#[must_use]
pub fn claimed_control(claimed: &ClaimedControl) -> v1::ClaimedControl {
    let hold = match claimed.hold {
        Hold::Nothing => v1::ClaimedHold::Nothing,
        Hold::Near => v1::ClaimedHold::Near,
        Hold::Present => v1::ClaimedHold::Present,
        Hold::Controls => v1::ClaimedHold::Controls,
    };
    let reports = claimed.reports.iter();
    v1::ClaimedControl {
        side_id: claimed.side.to_string(),
        hold: hold.into(),
        since: Some(timestamp(claimed.since)),
        newest: Some(timestamp(claimed.newest)),
        statement: claimed.statement.clone(),
        reports: reports
            .map(|(key, reference)| report_reference(key, reference))
            .collect(),
    }
}
