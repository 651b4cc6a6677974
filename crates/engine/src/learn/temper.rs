//! How far confidence is to be trusted: the exponent by which what was believed as
//! reports came best foretells what was reported afterwards.

use ascertain_domain::state::Ppm;
use ascertain_domain::time::{DAY_US, HOUR_US, Slot, Timestamp};
use ascertain_fusion::learn::{TEMPERS, surprise};

use super::Calibrator;
use super::counts::Counts;
use super::site::{GATE_GROUPS, Site};
use crate::series::modelled_series;

/// Hindsight of fewer days is none.
const HINDSIGHT_HOURS: i64 = 14 * 24;

impl Calibrator<'_> {
    pub(super) fn count_surprise(&self, site: &Site) -> Counts {
        let mut counts = Counts::default();
        let Some((first, _)) = site.span() else {
            return counts;
        };
        let last = self.cut_hour();
        let mut noons = noons(first, last);
        // Silence is known up to the cut.
        noons.push(Slot(last).start());
        // What a tracker goes on saying confirms what it said: no judge of it.
        if (site.sources.iter()).any(|speaker| self.silence_speaks(&speaker.id)) {
            return counts;
        }
        let family = site.family(self.registry, self.model.audience);
        let moments = modelled_series(family, &noons, Some(&self.model));
        let mut window = site.window();
        for (noon, (moment, after)) in noons.iter().zip(moments) {
            let hour = noon.slot().0;
            if hour + HINDSIGHT_HOURS > last || window.groups(hour, None) <= GATE_GROUPS {
                continue;
            }
            let surprises = surprise(&moment.filtered, &after);
            let sums = counts.surprise.iter_mut().zip(surprises);
            sums.for_each(|(sum, n)| *sum += n);
        }
        counts
    }

    pub(super) fn take_temper(&mut self, counts: &Counts) {
        // Of equals the one nearest to none at all; without any moment, that.
        let tried = TEMPERS.iter().zip(counts.surprise);
        let best = tried.min_by_key(|(temper, surprise)| (*surprise, temper.abs_diff(1_000_000)));
        if let Some((temper, _)) = best {
            self.model.temper = Ppm(*temper);
        }
    }
}

/// The noons from an hour to another.
fn noons(first: i64, last: i64) -> Vec<Timestamp> {
    let begins = Slot(first).start().micros().div_euclid(DAY_US);
    let ends = Slot(last).start().micros().div_euclid(DAY_US);
    let noon = |day: i64| Timestamp::from_micros(day * DAY_US + 12 * HOUR_US);
    (begins..ends).filter_map(|day| noon(day).ok()).collect()
}
