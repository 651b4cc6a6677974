//! What was so at a place, from when until when.

use ascertain_domain::time::{DAY_US, Timestamp};

/// A stretch for which the truth is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// From when; [`Timestamp::MIN`]: always.
    pub from: Timestamp,
    /// Until when, exclusive; [`Timestamp::MAX`]: for ever.
    pub until: Timestamp,
    /// Index into the values of [`super::Truth`].
    pub value: u32,
}

/// A change is known to have happened where no more than these days between two
/// stretches are open: a month, where a text gives no more than the month.
const MOST_OPEN_DAYS: i64 = 31;
/// A day is near a change up to so many days from it.
const NEAR_DAYS: i64 = 14;

/// A change of what is so, with the days between which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The UTC day on which the stretch before ended, counted from the epoch.
    pub last_day: i64,
    /// The UTC day on which the stretch after began.
    pub first_day: i64,
}

impl Change {
    /// The changes among the stretches of a place, in order.
    pub(crate) fn among(intervals: &[Interval]) -> Vec<Self> {
        let pairs = intervals.windows(2);
        let changed = pairs.filter(|two| two[0].value != two[1].value);
        changed
            .map(|two| Self {
                last_day: day(two[0].until),
                first_day: day(two[1].from),
            })
            .filter(|change| change.first_day - change.last_day <= MOST_OPEN_DAYS)
            .collect()
    }

    /// How many days after the change a day is, negative before it; `None` where it
    /// is more than 14 days away, or within what is open.
    pub(crate) fn offset(self, day: i64) -> Option<i64> {
        let after = day - self.first_day;
        let before = day - self.last_day;
        if (0..=NEAR_DAYS).contains(&after) {
            Some(after)
        } else if (-NEAR_DAYS..=0).contains(&before) {
            Some(before)
        } else {
            None
        }
    }
}

/// The UTC day of a time, counted from the epoch.
pub(crate) fn day(time: Timestamp) -> i64 {
    time.micros().div_euclid(DAY_US)
}
