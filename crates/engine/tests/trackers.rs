//! What a source whose silence means *still so* makes of an answer, and of the pace of its
//! area, when it contradicts itself.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::{Claim, Polarity, Report};
use ascertain_domain::source::{Alignment, Grade, Reporting, Source};
use ascertain_domain::state::{ControlState, Outcome};
use ascertain_engine::{Family, learn};
use world::{actor_id, at, place_id, predicate, register, registry, report, said, shared, state};

/// The registry with one source more: of no side, and nobody verified its channel.
fn with(id: &str, grade: Grade, reporting: Reporting) -> Registry {
    let mut registry = registry();
    register(
        &mut registry,
        RegistryChange::Source(Source {
            reporting,
            ..source(id, grade)
        }),
    );
    registry
}

fn source(id: &str, grade: Grade) -> Source {
    world::source(id, grade, Alignment::Independent)
}

fn holds(place: &str, side: &str, day: f64) -> Claim {
    Claim {
        place: place_id(place),
        ..said("", predicate(0, side, ""), Polarity::Affirm, day)
    }
}

/// One report that says so often one thing and another in turns.
fn in_turns(number: u32, source: &str, day: f64, times: usize) -> Report {
    let sides = ["east", "west"].into_iter().cycle().take(times);
    let claims = sides.map(|side| holds("city", side, day)).collect();
    report(number, source, day, claims)
}

fn learned(registry: &Registry, reports: &[Report]) -> SourceModel {
    let view = registry.latest();
    let reports = shared(reports);
    let families = view.places().map(|place| Family {
        place,
        registry: view,
        audience: Audience::Clear,
        reports: &reports,
    });
    learn(families, view, Audience::Clear, at(40.0))
}

fn probability(state: &ControlState, side: &str) -> u32 {
    let wanted = Outcome::Side(actor_id(side));
    let found = state.outcomes.iter().find(|(o, _)| *o == wanted);
    found.unwrap().1.0
}

#[test]
fn one_report_that_contradicts_itself_makes_no_tracker_and_no_pace() {
    let registry = with("stranger-list", Grade::F, Reporting::Undeclared);
    let model = learned(&registry, &[in_turns(1, "stranger-list", 10.0, 256)]);
    assert!(model.sources.is_empty(), "{model:?}");
    assert!(model.pace.is_empty(), "{model:?}");
    // Nor does it with a word here and there before it.
    let reports = [
        in_turns(1, "stranger-list", 9.0, 1),
        in_turns(2, "stranger-list", 10.0, 256),
    ];
    let model = learned(&registry, &reports);
    assert!(model.sources.is_empty(), "{model:?}");
}

#[test]
fn who_contradicts_itself_within_a_day_shows_one_change() {
    let registry = registry();
    let pace = |times| learned(&registry, &[in_turns(1, "watcher", 10.0, times)]).pace;
    assert!(!pace(2).is_empty());
    assert_eq!(pace(256), pace(2));
}

#[test]
fn an_unproven_tracker_sets_no_pace_where_a_proven_one_watches() {
    let registry = with("list", Grade::C, Reporting::ChangesOnly);
    let day_by_day = (0..20).map(|day| in_turns(100 + day, "list", 5.0 + f64::from(day), 2));
    let unproven: Vec<Report> = day_by_day.collect();
    let proven = vec![in_turns(1, "watcher", 4.0, 2)];
    let both = [proven.clone(), unproven.clone()].concat();
    assert!(!learned(&registry, &unproven).pace.is_empty());
    assert_eq!(
        learned(&registry, &both).pace,
        learned(&registry, &proven).pace
    );
}

#[test]
fn a_list_of_a_city_and_its_quarter_does_not_take_itself_back_each_day() {
    let registry = with("list", Grade::E, Reporting::ChangesOnly);
    let listed = |of_city: bool| -> Vec<Report> {
        let of_day = |day: u32| {
            let time = f64::from(day);
            let mut claims = vec![holds("north", "east", time)];
            claims.extend(of_city.then(|| holds("city", "west", time)));
            report(day, "list", time, claims)
        };
        (1..30).map(of_day).collect()
    };
    let north = |reports: &[Report]| state(&registry, "north", &shared(reports), at(30.0));
    let (alone, both) = (north(&listed(false)), north(&listed(true)));
    assert_eq!(both.outcomes, alone.outcomes);
    // What it says of the city alone is still heard in the quarter.
    let city = report(1, "list", 1.0, vec![holds("city", "west", 1.0)]);
    let (west, east) = (
        probability(&north(std::slice::from_ref(&city)), "west"),
        probability(&north(&[city]), "east"),
    );
    assert!(west > east, "{west} {east}");
}

#[test]
fn a_late_word_of_a_tracker_takes_nothing_back() {
    let registry = registry();
    let of_day = |number, side, day| report(number, "watcher", day, vec![holds("city", side, day)]);
    let mut late = of_day(3, "east", 5.0);
    late.first_known_at = at(11.0);
    let mut reports = vec![of_day(1, "east", 1.0), of_day(2, "west", 10.0), late];
    let city = |reports: &[Report]| state(&registry, "city", &shared(reports), at(12.5));
    let before = city(&reports);
    reports.push(of_day(4, "west", 12.0));
    let after = city(&reports);
    // It stood already: west says the same again.
    for side in ["east", "west"] {
        let (before, after) = (probability(&before, side), probability(&after, side));
        assert!(before.abs_diff(after) < 2_000, "{side}: {before} {after}");
    }
    // And what was said late changes less than it would, had it been said last.
    let on_time = [
        of_day(1, "east", 1.0),
        of_day(2, "west", 10.0),
        of_day(3, "east", 11.0),
    ];
    assert!(probability(&before, "west") > probability(&city(&on_time), "west") + 100_000);
}
