//! Which states a reader wants, by what they say.

use std::collections::BTreeSet;

use ascertain_domain::id::ActorId;
use ascertain_domain::registry::View;
use ascertain_domain::state::{ControlState, Outcome, Status};
use ascertain_domain::time::Timestamp;
use ascertain_proto::inward;
use ascertain_proto::v1::{ListControlStatesRequest, Reason};

use crate::error::QueryError;
use crate::read::time;

const MAX_SIDES: usize = 100;
/// A probability of one, parts per million.
const WHOLE_PPM: u32 = 1_000_000;

/// States by their leading outcome and status.
pub(crate) struct Led {
    sides: BTreeSet<ActorId>,
    statuses: Vec<Status>,
}

impl Led {
    /// Reads `sides` and `statuses`; sides must be registered.
    pub(crate) fn from_wire(
        (sides, statuses): (&[String], &[i32]),
        registry: View<'_>,
    ) -> Result<Self, QueryError> {
        at_most("sides", sides.len(), MAX_SIDES)?;
        let sides = sides.iter().enumerate().map(|(i, side)| {
            let field = format!("sides[{i}]");
            let id = ActorId::new(side.as_str())
                .map_err(|error| QueryError::field(&field, Reason::Malformed, error.to_string()))?;
            match registry.actor(&id) {
                Some(_) => Ok(id),
                None => {
                    let what = format!("actor `{id}` is not in the registry");
                    Err(QueryError::field(&field, Reason::ActorUnknown, what))
                }
            }
        });
        let statuses = statuses.iter().enumerate().map(|(i, status)| {
            inward::status(*status).ok_or_else(|| {
                let what = format!("{status} is no status");
                QueryError::field(&format!("statuses[{i}]"), Reason::OutOfRange, what)
            })
        });
        Ok(Self {
            sides: sides.collect::<Result<_, _>>()?,
            statuses: statuses.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a state is among them.
    pub(crate) fn matches(&self, state: &ControlState) -> bool {
        let is_led = || match state.leader() {
            Some((Outcome::Side(side), _)) => self.sides.contains(side),
            _ => false,
        };
        (self.statuses.is_empty() || self.statuses.contains(&state.status))
            && (self.sides.is_empty() || is_led())
    }
}

/// What a list keeps.
pub(crate) struct Filter {
    led: Led,
    /// Probability of the leading outcome, parts per million, both included.
    confidence: (u32, u32),
    /// Both included.
    dispute: (f64, f64),
    max_staleness_us: Option<i64>,
    /// Published after this knowledge time.
    pub(crate) changed_since: Option<Timestamp>,
    pub(crate) with_evidence_only: bool,
}

impl Filter {
    /// Reads the filters of a request.
    pub(crate) fn from_wire(
        request: &ListControlStatesRequest,
        registry: View<'_>,
    ) -> Result<Self, QueryError> {
        let wrong = |field: &str, reason, what: String| Err(QueryError::field(field, reason, what));
        let led = Led::from_wire((&request.sides, &request.statuses), registry)?;
        let highest = match request.max_confidence_ppm {
            0 => WHOLE_PPM,
            highest => highest,
        };
        let confidence = (request.min_confidence_ppm, highest);
        for (field, value) in [
            ("min_confidence_ppm", confidence.0),
            ("max_confidence_ppm", confidence.1),
        ] {
            if value > WHOLE_PPM {
                let what = format!("{value} is above 1,000,000, which is certainty");
                return wrong(field, Reason::OutOfRange, what);
            }
        }
        if confidence.0 > confidence.1 {
            let what = format!("{} is above `max_confidence_ppm`", confidence.0);
            return wrong("min_confidence_ppm", Reason::IntervalReversed, what);
        }
        let dispute = (
            request.min_dispute.unwrap_or(0.0),
            request.max_dispute.unwrap_or(1.0),
        );
        for (field, value) in [("min_dispute", dispute.0), ("max_dispute", dispute.1)] {
            if !(0.0..=1.0).contains(&value) {
                let what = format!("{value} is not from 0 to 1");
                return wrong(field, Reason::OutOfRange, what);
            }
        }
        if dispute.0 > dispute.1 {
            let what = format!("{} is above `max_dispute`", dispute.0);
            return wrong("min_dispute", Reason::IntervalReversed, what);
        }
        let max_staleness_us = match &request.max_staleness {
            None => None,
            Some(age) if age.seconds < 0 || !(0..1_000_000_000).contains(&age.nanos) => {
                let what = "is no length of time from 0 on".to_owned();
                return wrong("max_staleness", Reason::OutOfRange, what);
            }
            Some(age) => {
                let micros = i64::from(age.nanos) / 1_000;
                Some(age.seconds.saturating_mul(1_000_000).saturating_add(micros))
            }
        };
        Ok(Self {
            led,
            confidence,
            dispute,
            max_staleness_us,
            changed_since: time("changed_since", request.changed_since.as_ref())?,
            with_evidence_only: request.with_evidence_only,
        })
    }

    /// Whether a state is kept, by what it says.
    pub(crate) fn matches(&self, state: &ControlState) -> bool {
        let confidence = state.leader().map_or(0, |(_, ppm)| ppm.0);
        let is_fresh = |age: i64| state.staleness_us.is_some_and(|us| us <= age);
        self.led.matches(state)
            && (self.confidence.0..=self.confidence.1).contains(&confidence)
            && (self.dispute.0..=self.dispute.1).contains(&state.dispute)
            && self.max_staleness_us.is_none_or(is_fresh)
    }
}

/// Refuses lists that are too long.
pub(crate) fn at_most(field: &str, count: usize, most: usize) -> Result<(), QueryError> {
    if count <= most {
        return Ok(());
    }
    let what = format!("names {count}; {most} are the most");
    Err(QueryError::field(field, Reason::TooLong, what))
}
