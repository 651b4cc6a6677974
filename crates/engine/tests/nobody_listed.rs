//! A place that nobody holds, and one that a party holds which the registry does not
//! list as a side there.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::Polarity::{self, Affirm, Deny};
use ascertain_domain::report::Report;
use ascertain_domain::source::{Alignment, Grade};
use ascertain_domain::state::{Outcome, Status};
use world::{actor_id, at, predicate, register, registry, report, said, shared, source, state};

const CONTROLS: usize = 0;
const PRESENT: usize = 1;
const WITHDREW: usize = 5;
const B: [&str; 3] = ["b0", "b1", "b2"];

/// The registry with three independent sources graded B more.
fn with_three() -> Registry {
    let mut registry = registry();
    for id in B {
        let mut wire = source(id, Grade::B, Alignment::Independent);
        wire.identity_verified = true;
        register(&mut registry, RegistryChange::Source(wire));
    }
    registry
}

type Said = (&'static str, usize, &'static str, Polarity, f64);

fn told(all: &[Said]) -> Vec<Report> {
    let reports = (1..)
        .zip(all)
        .map(|(n, (source, kind, actor, polarity, day))| {
            let claim = said(source, predicate(*kind, actor, actor), *polarity, *day);
            report(n, source, *day, vec![claim])
        });
    reports.collect()
}

fn each_day(
    days: std::ops::Range<i32>,
    kind: usize,
    actor: &'static str,
    polarity: Polarity,
) -> Vec<Said> {
    let days = days.flat_map(|day| B.map(|source| (source, kind, actor, polarity, f64::from(day))));
    days.collect()
}

/// The probability of an outcome on a day, and what is then said in a word.
fn on(day: f64, all: &[Said], outcome: &Outcome) -> (f64, Status) {
    let known: Vec<Said> = all.iter().filter(|s| s.4 <= day).copied().collect();
    let state = state(&with_three(), "city", &shared(&told(&known)), at(day));
    let found = state.outcomes.iter().find(|(o, _)| o == outcome).unwrap();
    (f64::from(found.1.0) / 1e6, state.status)
}

fn side(id: &str) -> Outcome {
    Outcome::Side(actor_id(id))
}

/// East holds, by all accounts, for five days.
fn east_held() -> Vec<Said> {
    each_day(0..5, CONTROLS, "east", Affirm)
}

/// And from the tenth day on an unlisted party, for a week.
fn a_stranger_took_it() -> Vec<Said> {
    let mut all = east_held();
    all.extend(each_day(10..17, CONTROLS, "stranger", Affirm));
    all
}

#[test]
fn who_left_by_all_accounts_holds_no_more_whoever_came() {
    let mut all = east_held();
    assert!(on(9.9, &all, &side("east")).0 > 0.95);
    all.extend(each_day(10..17, WITHDREW, "east", Affirm));
    assert!(on(16.1, &all, &side("east")).0 < 0.05);
    let left = |outcome: &Outcome| on(16.1, &all, outcome).0 / on(9.9, &all, outcome).0;
    assert!(
        left(&Outcome::Vacated) > 20.0,
        "{}",
        left(&Outcome::Vacated)
    );
}

#[test]
fn where_no_side_is_left_nobody_holds_rather_than_a_party_that_nobody_named() {
    let mut all = east_held();
    for side in ["east", "west"] {
        all.extend(each_day(10..17, PRESENT, side, Deny));
    }
    // In the order of days, as they were told.
    all.sort_by(|a, b| a.4.total_cmp(&b.4));
    let (vacated, status) = on(16.1, &all, &Outcome::Vacated);
    assert!(
        vacated > 0.5 && status == Status::Vacated,
        "{vacated} {status:?}"
    );
    assert!(vacated > on(16.1, &all, &Outcome::Other).0);
}

#[test]
fn a_party_that_is_not_listed_holds_once_three_independent_sources_say_so_for_days() {
    let all = a_stranger_took_it();
    let (at_once, _) = on(10.1, &all, &Outcome::Other);
    let (after_days, status) = on(13.1, &all, &Outcome::Other);
    assert!(at_once < 0.5, "{at_once}");
    assert!(
        after_days > 0.9 && status == Status::Held,
        "{after_days} {status:?}"
    );
    assert!(on(16.1, &all, &Outcome::Other).0 > 0.99);
}

#[test]
fn one_source_that_names_a_party_nobody_listed_is_not_believed_for_days() {
    let mut all = east_held();
    all.extend((10..17).map(|day| ("b0", CONTROLS, "stranger", Affirm, f64::from(day))));
    assert!(on(13.1, &all, &side("east")).0 > 0.5);
}

#[test]
fn a_listed_side_that_comes_back_is_believed_sooner_than_the_stranger_was() {
    let mut all = a_stranger_took_it();
    let (stranger, _) = on(11.1, &all, &Outcome::Other);
    all.extend(each_day(20..27, CONTROLS, "west", Affirm));
    let (back, _) = on(21.1, &all, &side("west"));
    assert!(back > 0.5 && back > stranger, "{back} {stranger}");
    assert!(on(26.1, &all, &side("west")).0 > 0.99);
}
