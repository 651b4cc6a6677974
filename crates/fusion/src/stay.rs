//! Since when an outcome has been so.
//!
//! For each outcome i a ladder of times u holds the chance that i has been so
//! without a break on [u, now], given that i is so now. Over a gap every rung
//! shrinks by `α_i · stays / α_i'`: of the mass on i after the gap, the share that
//! was there before and never left. Evidence at a time changes no rung, since it
//! bears on the past only through the present.

/// Rungs beyond this number are thinned.
const MAX_RUNGS: usize = 32;

/// The ladder of one outcome: hours from any fixed epoch, ascending, with chances,
/// ascending.
#[derive(Debug, PartialEq, Default)]
pub struct Ladder(Vec<(i64, f64)>);

impl Clone for Ladder {
    /// With room for the next rungs: a ladder is copied where somebody goes on from it.
    fn clone(&self) -> Self {
        let mut rungs = Vec::with_capacity((self.0.len() + 8).min(MAX_RUNGS + 1));
        rungs.extend_from_slice(&self.0);
        Self(rungs)
    }
}

impl Ladder {
    /// A ladder from its rungs.
    #[must_use]
    pub fn from_rungs(rungs: impl IntoIterator<Item = (i64, f64)>) -> Self {
        Self(rungs.into_iter().collect())
    }

    /// Its rungs: hour and chance.
    pub fn rungs(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> + ExactSizeIterator {
        self.0.iter().copied()
    }

    /// Passes a gap over which the outcome kept a share of its mass, 0 to 1.
    pub fn shrink(&mut self, kept: f64) {
        self.0.iter_mut().for_each(|(_, chance)| *chance *= kept);
    }

    /// Adds the present hour: what is so now has been so since now.
    pub fn stand(&mut self, hour: i64) {
        self.0.push((hour, 1.0));
        // Below the lower quantile one rung is enough.
        let low = self.0.partition_point(|(_, chance)| *chance <= LOWER);
        if low > 1 {
            self.0.drain(..low - 1);
        }
        if self.0.len() > MAX_RUNGS {
            self.thin();
        }
    }

    /// Takes the rung away that adds least to the one before it.
    fn thin(&mut self) {
        let steps = self.0.windows(2).map(|pair| pair[1].1 - pair[0].1);
        // The last rung, the present, stays.
        let least = steps
            .take(self.0.len() - 2)
            .enumerate()
            .min_by(|(_, a), (_, b)| a.total_cmp(b));
        if let Some((i, _)) = least {
            self.0.remove(i + 1);
        }
    }

    /// The interval in which the outcome began with a chance of 80 %: the latest
    /// hour by which it had begun with a chance of at most 10 %, and the earliest
    /// by which it had begun with at least 90 %. The lower bound is `None` where
    /// even the first rung is more likely than that.
    #[must_use]
    pub fn began(&self) -> (Option<i64>, Option<i64>) {
        let mut rungs = self.rungs().rev();
        let earliest = rungs.find(|(_, chance)| *chance <= LOWER);
        let latest = self.rungs().find(|(_, chance)| *chance >= UPPER);
        (earliest.map(|(hour, _)| hour), latest.map(|(hour, _)| hour))
    }
}

const LOWER: f64 = 0.1;
const UPPER: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_placed_in_the_gap_where_the_mass_came() {
        let mut ladder = Ladder::default();
        ladder.stand(0);
        ladder.shrink(0.99);
        ladder.stand(10);
        ladder.shrink(0.05); // nearly all of it came after hour 10
        ladder.stand(20);
        ladder.shrink(0.98);
        ladder.stand(30);
        assert_eq!(ladder.began(), (Some(10), Some(20)));
    }

    #[test]
    fn what_was_so_from_the_start_has_no_lower_bound() {
        let mut ladder = Ladder::default();
        ladder.stand(0);
        ladder.shrink(0.99);
        ladder.stand(10);
        assert_eq!(ladder.began(), (None, Some(0)));
    }

    #[test]
    fn a_long_history_stays_small() {
        let mut ladder = Ladder::default();
        for hour in 0..10_000 {
            ladder.shrink(0.9999);
            ladder.stand(hour);
        }
        assert!(ladder.rungs().len() <= MAX_RUNGS);
        let rungs = ladder.rungs();
        assert!(rungs.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    }
}
