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

use crate::interest::proven;
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
/// from the source's last claim on the place, one a source, place and day at the most.
/// From the day on which a proven tracker speaks in an area, only what proven ones show
/// counts there. The counts of places add up in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    of_all: Shown,
    of_proven: Shown,
}

/// What some trackers showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    /// Changes by area and day.
    changes: BTreeMap<PlaceId, BTreeMap<i64, u64>>,
    /// From which day on a place is spoken of: how many of an area by that day.
    spoken_of: BTreeMap<PlaceId, BTreeMap<i64, u64>>,
}

impl Shown {
    /// Counts a change of a place of an area.
    fn change(&mut self, area: &PlaceId, day: i64) {
        let days = self.changes.entry(area.clone()).or_default();
        *days.entry(day).or_default() += 1;
    }

    /// Counts a place of an area as spoken of from a day on.
    fn speak(&mut self, area: &PlaceId, day: i64) {
        let days = self.spoken_of.entry(area.clone()).or_default();
        *days.entry(day).or_default() += 1;
    }

    fn add(&mut self, others: Self) {
        for (to, from) in [
            (&mut self.changes, others.changes),
            (&mut self.spoken_of, others.spoken_of),
        ] {
            for (area, days) in from {
                let to = to.entry(area).or_default();
                for (day, count) in days {
                    *to.entry(day).or_default() += count;
                }
            }
        }
    }

    /// How many places of an area were spoken of before a day.
    fn places(&self, area: &PlaceId, before: i64) -> u64 {
        let days = self.spoken_of.get(area);
        days.map_or(0, |days| days.range(..before).map(|(_, n)| n).sum())
    }
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
        let mut last: BTreeMap<&SourceId, (&Claim, Option<i64>)> = BTreeMap::new();
        for report in reports {
            let Originator::Source(source) = &report.originator else {
                continue;
            };
            if !silence_speaks(source, report.first_known_at) {
                continue;
            }
            let proven = registry.source(source).is_some_and(|s| proven(s));
            let day = day_of(report.first_known_at);
            for claim in report
                .claims
                .iter()
                .filter(|c| c.place == place.id && feeds(c))
            {
                let counted = last.get(source).and_then(|(_, counted)| *counted);
                let changed = (last.get(source)).is_some_and(|(b, _)| !says_the_same(b, claim));
                // Who contradicts itself within a day has shown no more than one change.
                let counts = changed && counted != Some(day);
                last.insert(source, (claim, if counts { Some(day) } else { counted }));
                let shown = [
                    Some(&mut changes.of_all),
                    proven.then_some(&mut changes.of_proven),
                ];
                for shown in shown.into_iter().flatten() {
                    if counts {
                        shown.change(&area, day);
                    }
                    if shown.spoken_of.is_empty() {
                        shown.speak(&area, day);
                    }
                }
            }
        }
        changes
    }

    /// Adds the counts of other places.
    pub fn add(&mut self, others: Self) {
        self.of_all.add(others.of_all);
        self.of_proven.add(others.of_proven);
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
        for (area, changes) in &self.of_all.changes {
            // Since when proven trackers tell how fast it goes there.
            let spoken_of = self.of_proven.spoken_of.get(area);
            let proven_from = spoken_of.and_then(|days| days.keys().next().copied());
            let told = |day: i64| match proven_from {
                Some(from) if from <= day => &self.of_proven,
                _ => &self.of_all,
            };
            let shown: BTreeMap<i64, u64> = changes
                .keys()
                .filter_map(|day| {
                    let count = told(*day).changes.get(area)?.get(day)?;
                    Some((*day, *count))
                })
                .collect();
            let (mut pace, mut recent) = (BTreeMap::new(), 0.0);
            let mut next = shown.keys().next().copied();
            while let Some(today) = next {
                if proven_from == Some(today) {
                    // What others showed before is not theirs.
                    recent = 0.0;
                }
                recent = (recent + shown.get(&today).map_or(0.0, |n| *n as f64)) * kept;
                let day = today + 1;
                let rate =
                    recent / (FORGET_DAYS * (told(today).places(area, day) as f64 + QUIET_PLACES));
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

    fn shown(days: &[i64]) -> Shown {
        Shown {
            changes: BTreeMap::from([(area(), days.iter().map(|day| (*day, 1)).collect())]),
            spoken_of: BTreeMap::from([(area(), BTreeMap::from([(0, 5)]))]),
        }
    }

    fn pace_of(days: &[i64]) -> BTreeMap<i32, u32> {
        let changes = Changes {
            of_all: shown(days),
            of_proven: Shown::default(),
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

    #[test]
    fn where_proven_trackers_speak_others_do_not_set_the_pace() {
        let mut of_all = shown(&[100]);
        of_all.add(shown(&(100..200).collect::<Vec<i64>>()));
        let alone = pace_of(&[100]);
        let changes = Changes {
            of_all: of_all.clone(),
            of_proven: shown(&[100]),
        };
        assert_eq!(changes.pace().remove(&area()), Some(alone));
        // Where they show no change there is none.
        let quiet = Changes {
            of_all: of_all.clone(),
            of_proven: shown(&[]),
        };
        assert!(quiet.pace()[&area()].is_empty());
        // Before they spoke, others set it, and that ends as they speak.
        let mut late = Changes {
            of_all,
            of_proven: shown(&[]),
        };
        late.of_proven.spoken_of = BTreeMap::from([(area(), BTreeMap::from([(150, 1)]))]);
        let pace = late.pace().remove(&area()).unwrap();
        assert!(pace[&150] > 0);
        assert_eq!(pace.last_key_value(), Some((&151, &0)));
    }
}
