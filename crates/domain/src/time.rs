//! Times. Everything is UTC, in whole microseconds since the Unix epoch.

use std::fmt;
use std::str::FromStr;

/// Microseconds in an hour.
pub const HOUR_US: i64 = 3_600_000_000;
/// Microseconds in a day.
pub const DAY_US: i64 = 24 * HOUR_US;

/// A moment, microseconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A time that cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not between the years 1 and 9999.
    #[error("time is not between the years 1 and 9999")]
    OutOfRange,
    /// Not RFC 3339.
    #[error("`{0}` is not a time in RFC 3339, such as 2024-12-05T08:30:00Z")]
    Malformed(String),
}

impl Timestamp {
    /// The earliest moment, 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// The latest moment, 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The moment so many microseconds after the Unix epoch.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside of [`Timestamp::MIN`] to [`Timestamp::MAX`].
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(TimeError::OutOfRange)
        }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment and so many microseconds, held at [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(
            self.0
                .saturating_add(micros)
                .clamp(Self::MIN.0, Self::MAX.0),
        )
    }

    /// The hour that this moment lies in.
    #[must_use]
    pub const fn slot(self) -> Slot {
        Slot(self.0.div_euclid(HOUR_US))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => t.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let t: jiff::Timestamp = text
            .parse()
            .map_err(|_| TimeError::Malformed(text.to_owned()))?;
        Self::from_micros(t.as_microsecond())
    }
}

/// An hour, counted from the Unix epoch. Reports of one slot are one step of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub i64);

impl Slot {
    /// Where the hour begins.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp(
            self.0
                .saturating_mul(HOUR_US)
                .clamp(Timestamp::MIN.0, Timestamp::MAX.0),
        )
    }

    /// Days from an earlier slot to this one; 0 if it is not earlier.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // hours within 10,000 years are exact in f64
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0.saturating_sub(earlier.0)).max(0) as f64 / 24.0
    }
}

/// Bounds of a time that is not known exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeInterval {
    /// Not before; `None`: no lower bound is known.
    pub earliest: Option<Timestamp>,
    /// Not after; `None`: no upper bound is known.
    pub latest: Option<Timestamp>,
    /// How the bounds are to be read.
    pub precision: TimePrecision,
}

impl TimeInterval {
    /// Both bounds. Never inlined, for the reason that [`TimeInterval::end`] gives.
    #[must_use]
    #[inline(never)]
    pub fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.earliest, self.latest)
    }

    /// The latest end that is known: the upper bound, else the lower.
    ///
    /// Never inlined: within `Option<TimeInterval>` rustc 1.95 reads one of the two
    /// bounds, at an address made from the other, before it looks whether there is
    /// an interval at all, and faults (docs/decisions/0012).
    #[must_use]
    #[inline(never)]
    pub fn end(&self) -> Option<Timestamp> {
        match self.latest {
            Some(latest) => Some(latest),
            None => self.earliest,
        }
    }
}

/// How exactly a time was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimePrecision {
    /// Only the bounds count.
    Unspecified,
    /// To the second or better.
    Instant,
    /// To the hour.
    Hour,
    /// Morning, noon, afternoon, evening or night.
    PartOfDay,
    /// To the day.
    Day,
    /// To the week.
    Week,
    /// To the month.
    Month,
    /// Not known.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_it_is_written() {
        let t: Timestamp = "2024-12-05T11:30:00+03:00".parse().unwrap();
        assert_eq!(t.to_string(), "2024-12-05T08:30:00Z");
        assert_eq!(t.slot().start().to_string(), "2024-12-05T08:00:00Z");
    }

    #[test]
    fn slots_before_the_epoch_begin_before_their_times() {
        let t = Timestamp::from_micros(-1).unwrap();
        assert_eq!(t.slot(), Slot(-1));
        assert!(t.slot().start() <= t);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert!("5 December".parse::<Timestamp>().is_err());
        assert_eq!(Timestamp::from_micros(i64::MAX), Err(TimeError::OutOfRange));
    }
}
