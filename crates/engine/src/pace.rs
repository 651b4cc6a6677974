//! How fast control changes in an area: read from the source model, and counted for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::id::{PlaceId, SourceId};
use ascertain_domain::model::SourceModel;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::View;
use ascertain_domain::report::{Claim, Originator, Report};
use ascertain_domain::source::Reporting;
use ascertain_domain::time::{DAY_US, Timestamp};
use ascertain_fusion::pace::Pace;

use crate::item::feeds;

/// Shown changes are forgotten with this scale, in days.
const FORGET_DAYS: f64 = 10.0;
/// So many places more are taken to have been quiet: a change in an area of two places
/// is no war.
const QUIET_PLACES: f64 = 5.0;
/// A rate below this, per place and day, is none.
const LEAST: f64 = 1e-5;
/// The administrative level of areas whose pace is counted together: a governorate.
const AREA_LEVEL: u8 = 1;

/// The pace of the area that a place lies in, as a source model has it.
#[must_use]
pub fn pace(place: &Place, registry: View<'_>, model: Option<&SourceModel>) -> Arc<Pace> {
    let area = pace_area(place, registry);
    let days = model.and_then(|model| model.pace.get(&area));
    let rates = days.into_iter().flatten();
    let of_day = |(day, ppm): (&i32, &u32)| (i64::from(*day), f64::from(*ppm) / 1e6);
    Arc::new(Pace::new(rates.map(of_day).collect()))
}

/// The area in which a place's pace is counted: the governorate that it lies in, else
/// its home area.
fn pace_area(place: &Place, registry: View<'_>) -> PlaceId {
    let mut at = Some(place);
    let mut seen = BTreeSet::new();
    while let Some(this) = at {
        if this.kind == PlaceKind::AdminUnit && this.admin_level == AREA_LEVEL {
            return this.id.clone();
        }
        if !seen.insert(&this.id) {
            break;
        }
        at = this
            .parent
            .as_ref()
            .and_then(|id| registry.place(id))
            .map(|p| &**p);
    }
    place.home_area.clone()
}

/// Counts the changes that trackers show, area by area.
///
/// What is counted are claims of sources whose silence means *still so* that differ
/// from the source's last claim on the place. The counts of places add up in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changes by area and day.
    shown: BTreeMap<PlaceId, BTreeMap<i64, u64>>,
    /// From which day on a place is spoken of.
    spoken_of: BTreeMap<PlaceId, BTreeMap<i64, u64>>,
}

impl Changes {
    /// The changes shown of one place by its reports, in the order in which they were
    /// known. `silence_speaks` says of which sources, when, silence means *still so*.
    #[must_use]
    pub fn of_place<'a>(
        place: &Place,
        registry: View<'_>,
        reports: impl Iterator<Item = &'a Arc<Report>>,
        silence_speaks: impl Fn(&SourceId, Timestamp) -> bool,
    ) -> Self {
        let area = pace_area(place, registry);
        let mut changes = Self::default();
        let mut last: BTreeMap<&SourceId, &Claim> = BTreeMap::new();
        for report in reports {
            let Originator::Source(source) = &report.originator else {
                continue;
            };
            if !silence_speaks(source, report.first_known_at) {
                continue;
            }
            let day = day_of(report.first_known_at);
            for claim in report
                .claims
                .iter()
                .filter(|c| c.place == place.id && feeds(c))
            {
                match last.insert(source, claim) {
                    Some(before) if says_the_same(before, claim) => {}
                    Some(_) => {
                        *changes
                            .shown
                            .entry(area.clone())
                            .or_default()
                            .entry(day)
                            .or_default() += 1;
                    }
                    None if changes.spoken_of.is_empty() => {
                        changes
                            .spoken_of
                            .entry(area.clone())
                            .or_default()
                            .insert(day, 1);
                    }
                    None => {}
                }
            }
        }
        changes
    }

    /// Adds the counts of other places.
    pub fn add(&mut self, others: Self) {
        let add = |to: &mut BTreeMap<PlaceId, BTreeMap<i64, u64>>,
                   from: BTreeMap<_, BTreeMap<i64, u64>>| {
            for (area, days) in from {
                let to = to.entry(area).or_default();
                for (day, count) in days {
                    *to.entry(day).or_default() += count;
                }
            }
        };
        add(&mut self.shown, others.shown);
        add(&mut self.spoken_of, others.spoken_of);
    }

    /// The pace of each area in millionths per place and day, from each day on, as a
    /// source model has it. A day's value counts the changes known before it; after the
    /// last of them it fades.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // counts are far below 2^52, rates within range
    pub fn pace(&self) -> BTreeMap<PlaceId, BTreeMap<i32, u32>> {
        let kept = libm::exp(-1.0 / FORGET_DAYS);
        let mut paces = BTreeMap::new();
        for (area, shown) in &self.shown {
            let spoken_of = self.spoken_of.get(area);
            let places = |day: i64| -> u64 {
                spoken_of.map_or(0, |days| days.range(..day).map(|(_, n)| n).sum())
            };
            let (mut pace, mut recent) = (BTreeMap::new(), 0.0);
            let mut next = shown.keys().next().copied();
            while let Some(today) = next {
                recent = (recent + shown.get(&today).map_or(0.0, |n| *n as f64)) * kept;
                let day = today + 1;
                let rate = recent / (FORGET_DAYS * (places(day) as f64 + QUIET_PLACES));
                let from = i32::try_from(day).unwrap_or(i32::MAX);
                // `round` is exact on every target.
                let ppm = (rate * 1e6).round() as u32;
                next = if rate < LEAST {
                    // Forgotten: nothing is written until the next change.
                    recent = 0.0;
                    pace.insert(from, 0);
                    shown.range(day..).next().map(|(day, _)| *day)
                } else {
                    pace.insert(from, ppm);
                    Some(day)
                };
            }
            paces.insert(area.clone(), pace);
        }
        paces
    }
}

fn says_the_same(a: &Claim, b: &Claim) -> bool {
    a.predicate == b.predicate && a.polarity == b.polarity && a.extent == b.extent
}

fn day_of(time: Timestamp) -> i64 {
    time.micros().div_euclid(DAY_US)
}

/// Whether a source is declared to report only changes.
#[must_use]
pub fn declared_changes_only(source: &SourceId, registry: View<'_>) -> bool {
    let source = registry.source(source);
    source.is_some_and(|s| matches!(s.reporting, Reporting::ChangesOnly | Reporting::Snapshot))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area() -> PlaceId {
        PlaceId::new("governorate").unwrap()
    }

    fn pace_of(days: &[i64]) -> BTreeMap<i32, u32> {
        let changes = Changes {
            shown: BTreeMap::from([(area(), days.iter().map(|day| (*day, 1)).collect())]),
            spoken_of: BTreeMap::from([(area(), BTreeMap::from([(0, 5)]))]),
        };
        changes.pace().remove(&area()).unwrap()
    }

    #[test]
    fn a_change_quickens_the_days_after_it_and_is_forgotten() {
        let pace = pace_of(&[100]);
        assert_eq!(pace.first_key_value().unwrap().0, &101);
        let rates: Vec<u32> = pace.values().copied().collect();
        assert!(rates.is_sorted_by(|a, b| a > b));
        assert_eq!(rates.last(), Some(&0));
    }

    #[test]
    fn between_wars_nothing_is_written_however_long_the_peace() {
        let one = pace_of(&[100]).len();
        assert_eq!(pace_of(&[100, 1_000_000]).len(), 2 * one);
    }
}
