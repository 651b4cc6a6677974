//! Made-up towns and what is reported of them.

#![allow(dead_code)] // not every bench needs all of it

#[path = "../made_up/mod.rs"]
mod made_up;

use std::sync::Arc;

use ascertain_domain::id::{ActorId, PlaceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::{Registry, Version};
use ascertain_domain::report::{Actors, Predicate, Report};
use ascertain_domain::source::{Grade, Reporting, SourceKind};
use ascertain_domain::time::{DAY_US, Timestamp};
use ascertain_engine::{Family, Folded};
use made_up::{of_actor, of_place, of_source};

/// Sources that report now and then.
pub const SOURCES: usize = 30;
/// Where the history ends: a year after its beginning.
pub const END: i64 = 1_735_689_600_000_000;
/// How long it is.
pub const YEAR: i64 = 365 * DAY_US;

fn actor(id: &str) -> ActorId {
    ActorId::new(id).unwrap()
}

/// The town of a number.
pub fn town(number: usize) -> PlaceId {
    PlaceId::new(&format!("town-{number}")).unwrap()
}

/// So many towns, each an area of its own, with two sides; the sources that report now
/// and then, and after them so many trackers that report changes only.
pub fn registry(towns: usize, trackers: usize) -> Registry {
    let mut registry = Registry::default();
    let mut apply = |change| {
        let sequence = registry.last_sequence() + 1;
        registry.apply(sequence, Version::LATEST, change);
    };
    for id in ["east", "west"] {
        apply(of_actor(&actor(id)));
    }
    for number in 0..towns {
        apply(of_place(town(number), vec![actor("east"), actor("west")]));
    }
    let grades = [Grade::A, Grade::B, Grade::C, Grade::D, Grade::F];
    for i in 0..SOURCES + trackers {
        let (kind, reporting, grade) = if i < SOURCES {
            let grade = grades[i % grades.len()];
            (SourceKind::Newsroom, Reporting::Episodic, grade)
        } else {
            (SourceKind::Aggregator, Reporting::ChangesOnly, Grade::B)
        };
        apply(of_source(i, (kind, reporting), grade));
    }
    registry
}

/// A report: its number, whose it is, of which town, when it was known and published,
/// and what it says.
pub fn said(
    number: usize,
    source: usize,
    place: PlaceId,
    (known, event): (i64, i64),
    predicate: Predicate,
) -> Arc<Report> {
    let time = |micros| Timestamp::from_micros(micros).unwrap();
    let times = (time(known), time(event));
    made_up::said(number, source, place, times, predicate)
}

/// Who holds a town at a time: one side and then the other, in turns of 40 days.
fn holder(event: i64) -> Actors {
    let side = if (event / (40 * DAY_US)) % 2 == 0 {
        "east"
    } else {
        "west"
    };
    Actors::new(vec![actor(side)]).unwrap()
}

/// The report of a number about the first town: of one source after another, now and
/// then of fighting.
pub fn report(number: usize, known: i64, event: i64) -> Arc<Report> {
    report_of(town(0), number, known, event)
}

/// The same of a town.
pub fn report_of(place: PlaceId, number: usize, known: i64, event: i64) -> Arc<Report> {
    let predicate = match number % 11 {
        3 => Predicate::FightingAt(vec![actor("east"), actor("west")]),
        5 => Predicate::Present(holder(event)),
        7 => Predicate::AtEdge(holder(event)),
        _ => Predicate::Controls(holder(event)),
    };
    let source = (number * 7) % SOURCES;
    said(number, source, place, (known, event), predicate)
}

/// What a tracker says of the first town.
pub fn tracked(number: usize, tracker: usize, event: i64) -> Arc<Report> {
    let predicate = Predicate::Controls(holder(event));
    said(
        number,
        SOURCES + tracker,
        town(0),
        (event, event),
        predicate,
    )
}

/// So many reports of the first town, spread evenly over the year before the end.
pub fn history(count: usize) -> Vec<Arc<Report>> {
    history_of(&town(0), count, 0)
}

/// The same of a town, numbered from a number on.
pub fn history_of(place: &PlaceId, count: usize, first: usize) -> Vec<Arc<Report>> {
    let told = (0..count).map(|i| {
        let time = END - YEAR + YEAR / count as i64 * i as i64;
        report_of(place.clone(), first + i, time, time)
    });
    told.collect()
}

/// The family of a town.
pub fn family<'a>(
    registry: &'a Registry,
    place: &PlaceId,
    reports: &'a [Arc<Report>],
) -> Family<'a> {
    let view = registry.latest();
    Family {
        place: view.place(place).unwrap(),
        registry: view,
        audience: Audience::Clear,
        reports,
    }
}

/// A fold of the first town, up to date.
pub fn folded(registry: &Registry, reports: &[Arc<Report>]) -> Folded {
    let mut folded = Folded::of(family(registry, &town(0), reports));
    folded.resume_point();
    folded
}
