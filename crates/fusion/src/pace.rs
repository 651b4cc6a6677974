//! How fast control changes: in an area, at a time.
//!
//! Wars are quiet for months and then fast for weeks, everywhere in an area at once.
//! So beside the rates that hold anywhere, the hazard of another holder follows the
//! changes that trackers showed in the area in the days before: an empirical rate, per
//! place and day.

use crate::dynamics::Rates;

/// More changes per place and day are counted as so many.
const MOST: f64 = 0.1;

/// Changes per place and day, day by day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    /// From which day since the epoch on how many; ascending.
    from: Vec<(i64, f64)>,
}

impl Pace {
    /// From rates, each of which holds from its day on. Days ascend.
    #[must_use]
    pub fn new(from: Vec<(i64, f64)>) -> Self {
        debug_assert!(from.is_sorted_by(|a, b| a.0 < b.0));
        Self { from }
    }

    /// The rates on a day since the epoch.
    #[must_use]
    pub fn rates(&self, day: i64) -> Rates {
        let after = self.from.partition_point(|(from, _)| *from <= day);
        let before = after.checked_sub(1).and_then(|i| self.from.get(i));
        let shown = before.map_or(0.0, |(_, rate)| rate.clamp(0.0, MOST));
        let Rates { a, b, g } = Rates::DEFAULT;
        Rates {
            a,
            // What trackers show are new holders. Two show a change twice, and some
            // change is shown by none.
            b: b + shown,
            g,
        }
    }

    /// The first day after a day on which the rates change.
    #[must_use]
    pub fn next_change(&self, day: i64) -> Option<i64> {
        let after = self.from.partition_point(|(from, _)| *from <= day);
        self.from.get(after).map(|(from, _)| *from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_anything_was_shown_the_rates_are_those_of_anywhere() {
        let pace = Pace::new(vec![(10, 0.02), (12, 0.0)]);
        assert_eq!(pace.rates(9), Rates::DEFAULT);
        assert!(pace.rates(11).b > 10.0 * Rates::DEFAULT.b);
        assert_eq!(pace.rates(500), Rates::DEFAULT);
        assert_eq!(
            (pace.next_change(9), pace.next_change(10)),
            (Some(10), Some(12))
        );
        assert_eq!(pace.next_change(12), None);
    }
}
