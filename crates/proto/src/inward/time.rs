//! Times and intervals of the wire.

use ascertain_domain::time::{TimeError, TimeInterval, TimePrecision, Timestamp};
use ascertain_domain::violation::{Reason, Violations};

use super::enums;
use crate::v1;

/// How far ahead of our clock a partner's clock may be, microseconds.
const CLOCK_SKEW_US: i64 = 5 * 60 * 1_000_000;

/// A time of the wire, cut to whole microseconds.
///
/// # Errors
/// [`TimeError::OutOfRange`] outside the years 1 to 9999, or where the
/// nanoseconds are not within a second.
pub fn timestamp(wire: &prost_types::Timestamp) -> Result<Timestamp, TimeError> {
    if !(0..1_000_000_000).contains(&wire.nanos) {
        return Err(TimeError::OutOfRange);
    }
    let micros = wire
        .seconds
        .checked_mul(1_000_000)
        .and_then(|us| us.checked_add(i64::from(wire.nanos / 1_000)))
        .ok_or(TimeError::OutOfRange)?;
    Timestamp::from_micros(micros)
}

/// An optional time.
pub(super) fn optional(
    wire: Option<&prost_types::Timestamp>,
    field: &str,
    v: &mut Violations,
) -> Option<Timestamp> {
    match timestamp(wire?) {
        Ok(time) => Some(time),
        Err(_) => {
            let what = "is not between the years 1 and 9999 with 0 to 999,999,999 nanoseconds";
            v.add(field, Reason::OutOfRange, what);
            None
        }
    }
}

/// A time that must be given.
pub(super) fn required(
    wire: Option<&prost_types::Timestamp>,
    field: &str,
    v: &mut Violations,
) -> Option<Timestamp> {
    if wire.is_none() {
        v.add(field, Reason::Required, "is empty; give a time");
    }
    optional(wire, field, v)
}

/// An interval, with every mistake in it.
pub(super) fn interval(wire: &v1::TimeInterval, v: &mut Violations) -> TimeInterval {
    let earliest = optional(wire.earliest.as_ref(), "earliest", v);
    let latest = optional(wire.latest.as_ref(), "latest", v);
    not_reversed(earliest, latest, "", v);
    let precision = enums::known(wire.precision, "precision", v).map_or(
        TimePrecision::Unspecified,
        |precision| match precision {
            v1::TimePrecision::Unspecified => TimePrecision::Unspecified,
            v1::TimePrecision::Instant => TimePrecision::Instant,
            v1::TimePrecision::Hour => TimePrecision::Hour,
            v1::TimePrecision::PartOfDay => TimePrecision::PartOfDay,
            v1::TimePrecision::Day => TimePrecision::Day,
            v1::TimePrecision::Week => TimePrecision::Week,
            v1::TimePrecision::Month => TimePrecision::Month,
            v1::TimePrecision::Unknown => TimePrecision::Unknown,
        },
    );
    TimeInterval {
        earliest,
        latest,
        precision,
    }
}

/// Adds a mistake where an end comes before its beginning.
pub(super) fn not_reversed(
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    field: &str,
    v: &mut Violations,
) {
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        let what = format!("ends at {until}, before it begins at {from}");
        v.add(field, Reason::IntervalReversed, what);
    }
}

/// Adds a mistake where a time lies further ahead than clocks differ.
pub(super) fn not_ahead(
    time: Option<Timestamp>,
    received_at: Timestamp,
    field: &str,
    v: &mut Violations,
) {
    if let Some(time) = time
        && time > received_at.plus_micros(CLOCK_SKEW_US)
    {
        let what = format!(
            "{time} is more than five minutes after {received_at}, when it was received; \
             a forecast has modality CONDITIONAL or INTENDED"
        );
        v.add(field, Reason::EventInFuture, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_time_is_cut_to_microseconds_and_held_to_the_calendar() {
        let wire = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        assert_eq!(
            timestamp(&wire(-1, 999_999_999)).map(Timestamp::micros),
            Ok(-1)
        );
        for odd in [
            wire(0, -1),
            wire(0, 1_000_000_000),
            wire(i64::MAX, 0),
            wire(i64::MIN, 0),
        ] {
            assert_eq!(timestamp(&odd), Err(TimeError::OutOfRange));
        }
    }
}
