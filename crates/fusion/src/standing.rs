//! Standing claims: what a source that reports only changes goes on saying by its
//! silence.
//!
//! A tracker shows a change some time after it: with a rate of one over its lag.
//! So a day of silence speaks against every outcome that it would have shown by
//! now, by days / lag in log-likelihood (the exponential waiting time of a renewal
//! process), and a change that it does show is rare news, worth much more than a
//! repeated claim ([`crate::tables::Change`]). Silence is taken in once a day, on a grid
//! anchored at the epoch, so that it does not depend on what arrives when.
//!
//! A source that states all it knows each time (a snapshot) says what it holds again and
//! again: what it has not repeated for a while no longer stands.

/// Silence is taken in every so many hours since the epoch.
pub const GRID_HOURS: i64 = 24;
/// For so long silence counts in full, in days.
const FULL_DAYS: f64 = 180.0;
/// Then it halves with every so many days: the source may have lost sight of the place.
const HALVING_DAYS: f64 = 180.0;
/// After so many days it says nothing any more.
const OVER_DAYS: f64 = 1_800.0;

/// What a snapshot source has not said again for so many days no longer stands: twice a
/// week's issue.
pub const SNAPSHOT_DAYS: u32 = 14;

/// What a source goes on saying of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingClaim {
    /// The hour of the claim, or of its last repetition.
    pub since: i64,
    /// ln-likelihood of a day of silence under each outcome, not above 0.
    pub doubts: Vec<f64>,
    /// After so many days without repetition it no longer stands, and until then it counts
    /// in full; `None`: it fades slowly, as for those who report only changes.
    pub lapse_days: Option<u32>,
    /// Whether its source is unproven.
    pub unproven: bool,
}

impl StandingClaim {
    /// How much a grid hour's silence counts, 0 to 1; 0 before the claim and when it
    /// is over.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn force(&self, hour: i64) -> f64 {
        let age = (hour - self.since) as f64 / 24.0;
        if age <= 0.0 || age > self.over_days() {
            0.0
        } else if self.lapse_days.is_some() || age <= FULL_DAYS {
            1.0
        } else {
            libm::exp2(-(age - FULL_DAYS) / HALVING_DAYS)
        }
    }

    /// Whether its silence says something at an hour or later.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn is_in_force(&self, hour: i64) -> bool {
        (hour - self.since) as f64 / 24.0 <= self.over_days()
    }

    fn over_days(&self) -> f64 {
        self.lapse_days.map_or(OVER_DAYS, f64::from)
    }
}

/// The first grid hour after an hour.
#[must_use]
pub const fn next_grid_hour(hour: i64) -> i64 {
    (hour.div_euclid(GRID_HOURS) + 1) * GRID_HOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_in_full_for_half_a_year_and_then_fades() {
        let claim = StandingClaim {
            since: 0,
            doubts: vec![0.0, -0.3],
            lapse_days: None,
            unproven: false,
        };
        assert_eq!(claim.force(0), 0.0);
        assert_eq!(claim.force(24), 1.0);
        assert_eq!(claim.force(24 * 360), 0.5);
        assert_eq!(claim.force(24 * 2_000), 0.0);
        assert!(!claim.is_in_force(24 * 2_000));
    }

    #[test]
    fn what_a_snapshot_has_not_repeated_for_a_fortnight_no_longer_stands() {
        let claim = StandingClaim {
            since: 0,
            doubts: vec![0.0, -0.3],
            lapse_days: Some(SNAPSHOT_DAYS),
            unproven: false,
        };
        assert_eq!(claim.force(24), 1.0);
        assert_eq!(claim.force(24 * 14), 1.0);
        assert_eq!(claim.force(24 * 14 + 1), 0.0);
        assert!(claim.is_in_force(24 * 14) && !claim.is_in_force(24 * 15));
    }

    #[test]
    fn the_grid_is_that_of_midnights() {
        assert_eq!(next_grid_hour(0), 24);
        assert_eq!(next_grid_hour(23), 24);
        assert_eq!(next_grid_hour(-1), 0);
    }
}
