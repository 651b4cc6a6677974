//! What every world keeps to, and what tells the scenarios apart.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::collections::BTreeMap;

use ascertain_domain::id::{PlaceId, SourceId};
use ascertain_domain::registry::{Registry, RegistryChange, check_change};
use ascertain_domain::report::{Claim, Originator, Polarity, Predicate, Report};
use ascertain_domain::source::{Grade, Reporting};
use ascertain_domain::state::Outcome;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_domain::violation::Violations;
use ascertain_simulator::{Scenario, World, simulate};

fn world(scenario: &Scenario, seed: u64) -> World {
    simulate(scenario, seed).unwrap()
}

fn originator(report: &Report) -> &SourceId {
    match &report.originator {
        Originator::Source(id) => id,
        Originator::Unregistered(_) => panic!("every source is registered"),
    }
}

/// Reports by sources whose id begins so.
fn by<'a>(world: &'a World, prefix: &'a str) -> impl Iterator<Item = &'a Report> {
    let of = move |r: &&Report| originator(r).as_str().starts_with(prefix);
    world.reports.iter().map(|r| &**r).filter(of)
}

fn event(report: &Report) -> Timestamp {
    let told = report.claims[0].event_time.and_then(|t| t.latest);
    told.unwrap_or(report.published_at)
}

/// The holder that a claim names outright.
fn holder(claim: &Claim) -> Option<Outcome> {
    match (&claim.predicate, claim.polarity) {
        (Predicate::Controls(actors), Polarity::Affirm) => {
            Some(Outcome::Side(actors.as_slice()[0].clone()))
        }
        (Predicate::FightingAt(_), Polarity::Affirm) => Some(Outcome::Contested),
        _ => None,
    }
}

fn share(of: impl Iterator<Item = bool>) -> f64 {
    let (mut all, mut yes) = (0.0, 0.0);
    for is in of {
        all += 1.0;
        yes += f64::from(u8::from(is));
    }
    assert!(all > 200.0, "only {all} to go by");
    yes / all
}

#[test]
fn the_same_seed_makes_the_same_world_and_another_seed_another() {
    for scenario in Scenario::all() {
        let scenario = Scenario {
            days: 60.0,
            cities: 2,
            ..scenario
        };
        let (a, b) = (world(&scenario, 5), world(&scenario, 5));
        assert_eq!(a.reports, b.reports, "{}", scenario.name);
        assert_eq!(a.truth, b.truth);
        assert_eq!(a.changes, b.changes);
        assert_ne!(a.truth, world(&scenario, 6).truth);
    }
}

#[test]
fn everything_that_is_registered_passes_the_registrys_checks() {
    for scenario in Scenario::all() {
        let world = world(
            &Scenario {
                days: 5.0,
                ..scenario
            },
            1,
        );
        let nothing = Registry::default();
        let mut wrong = Violations::default();
        for change in &world.changes {
            check_change(
                change,
                nothing.latest(),
                world.registry.latest(),
                &mut wrong,
            );
        }
        assert_eq!(wrong.finish(), Ok(()));
    }
}

#[test]
fn reports_name_what_is_registered_and_come_in_the_order_in_which_they_were_known() {
    for scenario in Scenario::all() {
        let world = world(
            &Scenario {
                days: 130.0,
                cities: 3,
                ..scenario
            },
            2,
        );
        let registry = world.registry.latest();
        let mut ids = std::collections::BTreeSet::new();
        let mut last = Timestamp::MIN;
        for report in &world.reports {
            assert!(ids.insert(report.id), "two reports have one id");
            assert!(last <= report.first_known_at);
            last = report.first_known_at;
            assert!(report.published_at <= report.first_known_at);
            assert!(
                event(report) <= report.published_at,
                "told before it was so"
            );
            assert!(world.begins <= event(report));
            assert!(registry.source(originator(report)).is_some());
            for claim in &report.claims {
                assert!(registry.place(&claim.place).is_some());
                let known = |actor| registry.actor(actor).is_some();
                assert!(claim.predicate.actors().iter().all(known));
            }
        }
    }
}

#[test]
fn the_truth_has_neither_gaps_nor_changes_that_change_nothing() {
    let world = world(&Scenario::hour_battles(), 4);
    for place in world.quarters.iter().chain(&world.cities) {
        let changes = world.truth.changes(place);
        assert_eq!(changes[0].0, world.begins);
        for pair in changes.windows(2) {
            assert!(
                pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1,
                "{place}: {pair:?}"
            );
            let just_before = pair[1].0.plus_micros(-1);
            assert_eq!(world.truth.at(place, just_before), Some(&pair[0].1));
            assert_eq!(world.truth.at(place, pair[1].0), Some(&pair[1].1));
        }
    }
    assert_eq!(
        world
            .truth
            .at(&PlaceId::new("nowhere").unwrap(), world.ends),
        None
    );
}

#[test]
fn tables_are_those_of_their_classes_on_average() {
    let of = |prefix: &str, so: usize, said: usize| {
        let (mut sum, mut count) = (0.0, 0.0);
        for seed in 0..60 {
            let world = world(
                &Scenario {
                    days: 1.0,
                    cities: 1,
                    ..Scenario::base()
                },
                seed,
            );
            for (_, table) in world
                .tables
                .iter()
                .filter(|(id, _)| id.as_str().starts_with(prefix))
            {
                sum += table[so][said];
                count += 1.0;
            }
        }
        sum / count
    };
    // Of the first actor's state media: its own, a foe that holds, a contest.
    for (so, said, mean) in [
        (0, 0, 0.96),
        (1, 0, 0.55),
        (1, 1, 0.18),
        (1, 3, 0.25),
        (3, 0, 0.65),
    ] {
        let found = of("state-media-1", so, said);
        assert!((found - mean).abs() < 0.03, "{so} {said}: {found}");
    }
    for (prefix, accuracy, contested) in [
        ("monitor", 0.92, 0.80),
        ("newswire", 0.88, 0.76),
        ("imagery", 0.975, 0.95),
        ("social", 0.70, 0.58),
    ] {
        assert!((of(prefix, 2, 2) - accuracy).abs() < 0.03, "{prefix}");
        assert!((of(prefix, 3, 3) - contested).abs() < 0.03, "{prefix}");
    }
}

#[test]
fn state_media_claim_their_own_ground_and_seldom_admit_a_foes() {
    let (mut at_home, mut abroad) = (Vec::new(), Vec::new());
    for seed in 0..4 {
        let world = world(&Scenario::base(), seed);
        for report in by(&world, "state-media").filter(|r| r.relays.is_empty()) {
            let claim = &report.claims[0];
            let (Some(said), Some(Outcome::Side(so))) =
                (holder(claim), world.truth.at(&claim.place, event(report)))
            else {
                continue;
            };
            let own = format!("actor-{}", &originator(report).as_str()[12..]);
            let says_own = matches!(&said, Outcome::Side(side) if side.as_str() == own);
            if so.as_str() == own {
                at_home.push(says_own);
            } else {
                abroad.push((says_own, said == Outcome::Side(so.clone())));
            }
        }
    }
    let at_home = share(at_home.into_iter());
    assert!((at_home - 0.96).abs() < 0.03, "{at_home}");
    // .55 of beliefs, and .18 of which 40 % are kept back.
    let claimed = share(abroad.iter().map(|(own, _)| *own));
    let admitted = share(abroad.iter().map(|(_, right)| *right));
    assert!((claimed - 0.59).abs() < 0.06, "{claimed}");
    assert!((admitted - 0.12).abs() < 0.04, "{admitted}");
}

#[test]
fn beliefs_are_put_in_the_forms_and_with_the_times_that_were_asked_for() {
    let world = world(&Scenario::base(), 8);
    // Of somebody who is always right of what is held: newest pictures.
    let forms = |is: fn(&Predicate, Polarity) -> bool| {
        share(by(&world, "imagery").filter_map(|r| {
            let claim = &r.claims[0];
            let held = matches!(
                world.truth.at(&claim.place, event(r)),
                Some(Outcome::Side(_))
            );
            held.then(|| is(&claim.predicate, claim.polarity))
        }))
    };
    let controls = forms(|p, a| matches!(p, Predicate::Controls(_)) && a == Polarity::Affirm);
    let denies = forms(|p, a| matches!(p, Predicate::Controls(_)) && a == Polarity::Deny);
    let lost = forms(|p, _| matches!(p, Predicate::Withdrew(_)));
    assert!((controls - 0.70).abs() < 0.05, "{controls}");
    assert!((denies - 0.12).abs() < 0.03, "{denies}");
    assert!((lost - 0.08).abs() < 0.03, "{lost}");
    let timed = share(by(&world, "social").map(|r| r.claims[0].event_time.is_some()));
    assert!((timed - 0.6).abs() < 0.03, "{timed}");
}

#[test]
fn newswires_relay_and_mostly_say_so() {
    let world = world(&Scenario::base(), 9);
    let declared = world
        .reports
        .iter()
        .filter(|r| !r.relays.is_empty())
        .count() as f64;
    let own = by(&world, "newswire").count() as f64;
    let share = declared / (declared + own);
    // At most 75 % × 75 %; less, as there is not always something to relay.
    assert!(share > 0.35 && share < 0.57, "{share}");
    assert!(
        world
            .reports
            .iter()
            .filter(|r| !r.relays.is_empty())
            .all(|r| { !originator(r).as_str().starts_with("newswire") })
    );
}

#[test]
fn followers_say_what_their_leader_said_within_hours() {
    let world = world(&Scenario::base(), 10);
    let mut said: BTreeMap<(&PlaceId, String), Vec<Timestamp>> = BTreeMap::new();
    for report in by(&world, "clique-1").filter(|r| originator(r).as_str() == "clique-1") {
        let claim = &report.claims[0];
        let what = format!("{:?} {:?}", claim.predicate, claim.polarity);
        said.entry((&claim.place, what))
            .or_default()
            .push(report.published_at);
    }
    let copies = share(by(&world, "clique-2").map(|r| {
        let claim = &r.claims[0];
        let what = format!("{:?} {:?}", claim.predicate, claim.polarity);
        let times = said.get(&(&claim.place, what)).into_iter().flatten();
        times
            .into_iter()
            .any(|t| (0..DAY_US).contains(&(r.published_at.micros() - t.micros())))
    }));
    assert!(copies > 0.6, "{copies}");
}

#[test]
fn who_claims_changes_only_never_repeats_itself() {
    for scenario in [Scenario::changes_only(), Scenario::tracker_outage()] {
        let world = world(&scenario, 11);
        let mut shown: BTreeMap<(SourceId, PlaceId), Outcome> = BTreeMap::new();
        let mut trackers: Vec<&Report> = by(&world, "tracker").collect();
        trackers.sort_by_key(|r| event(r));
        for report in trackers {
            let source = world.registry.latest().source(originator(report)).unwrap();
            assert_eq!(source.reporting, Reporting::ChangesOnly);
            let claim = &report.claims[0];
            let value = holder(claim).unwrap();
            let key = (source.id.clone(), claim.place.clone());
            let before = shown.insert(key, value.clone());
            assert_ne!(before, Some(value), "{claim:?}");
        }
        assert_eq!(
            shown.len(),
            3 * world.quarters.len(),
            "each place at least once"
        );
    }
}

#[test]
fn in_an_outage_most_of_a_map_goes_to_another_and_comes_back() {
    let changed_on = |world: &World, from: f64, to: f64| {
        let day = |r: &Report| (event(r).micros() - world.begins.micros()) as f64 / DAY_US as f64;
        by(world, "tracker-1")
            .filter(|r| (from..to).contains(&day(r)))
            .count()
    };
    let (usual, out) = (
        world(&Scenario::changes_only(), 12),
        world(&Scenario::tracker_outage(), 12),
    );
    let most = usual.quarters.len() / 2;
    for (from, to) in [(180.0, 180.1), (183.0, 183.1)] {
        assert!(changed_on(&out, from, to) > changed_on(&usual, from, to) + most);
    }
    assert_eq!(changed_on(&out, 0.0, 180.0), changed_on(&usual, 0.0, 180.0));
}

#[test]
fn colluders_tell_the_same_lie() {
    let scenario = Scenario::colluders(0.45, Grade::C);
    let world = world(&scenario, 13);
    let colluders: Vec<SourceId> = world
        .changes
        .iter()
        .filter_map(|c| match c {
            RegistryChange::Source(s) if s.grade == Grade::C && !s.identity_verified => {
                Some(s.id.clone())
            }
            _ => None,
        })
        .collect();
    assert_eq!(colluders.len(), 19);
    let mut told: BTreeMap<(PlaceId, i64), BTreeMap<Outcome, u32>> = BTreeMap::new();
    for report in world
        .reports
        .iter()
        .filter(|r| colluders.contains(originator(r)))
    {
        // Only those that tell when: the others may have been sent in the span before.
        let claim = &report.claims[0];
        if claim.event_time.is_none() {
            continue;
        }
        let span = (event(report).micros() - world.begins.micros()) / (10 * DAY_US);
        if let Some(said) = holder(claim) {
            *told
                .entry((claim.place.clone(), span))
                .or_default()
                .entry(said)
                .or_default() += 1;
        }
    }
    // Spans on which they agreed are told with one voice; on the others they err apart.
    let spoken: Vec<_> = told
        .values()
        .filter(|said| said.values().sum::<u32>() >= 5)
        .collect();
    let one_voice = share(spoken.iter().map(|said| said.len() == 1));
    assert!(one_voice > 0.58, "{one_voice}");
}

#[test]
fn a_flood_begins_on_its_day_and_says_one_thing() {
    let world = world(&Scenario::flood(Grade::C), 14);
    let from = world.begins.plus_micros(120 * DAY_US);
    assert!(by(&world, "flood").all(|r| r.published_at >= from));
    let first = Outcome::Side(world.sides[0].clone());
    let lies = share(by(&world, "flood").map(|r| holder(&r.claims[0]) == Some(first.clone())));
    assert!(lies > 0.9 && lies < 0.99, "{lies}");
    let a_day = by(&world, "flood").count() as f64 / 245.0;
    assert!((a_day - 24.0).abs() < 1.0, "{a_day}");
}

#[test]
fn ten_thousand_identities_speak_once_each_of_one_place_in_one_day() {
    let world = world(&Scenario::flood_of_new_identities(), 15);
    let all: Vec<&Report> = by(&world, "new-").collect();
    assert_eq!(all.len(), 10_000);
    let mut names: Vec<_> = all.iter().map(|r| originator(r)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 10_000);
    assert!(
        all.iter()
            .all(|r| r.claims[0].place == all[0].claims[0].place)
    );
    let times = all.iter().map(|r| event(r).micros());
    assert!(times.clone().max().unwrap() - times.min().unwrap() <= DAY_US);
}

#[test]
fn an_attack_changes_neither_the_war_nor_what_the_others_say() {
    let (quiet, attacked) = (
        world(&Scenario::base(), 16),
        world(&Scenario::flood(Grade::C), 16),
    );
    assert_eq!(quiet.truth, attacked.truth);
    let others = attacked
        .reports
        .iter()
        .filter(|r| !originator(r).as_str().starts_with("flood"));
    assert!(others.eq(quiet.reports.iter()));
}

#[test]
fn more_activity_means_as_many_times_the_reports() {
    let reports = |factor| {
        world(&Scenario::base().with_activity(factor), 17)
            .reports
            .len() as f64
    };
    let ratio = reports(4.0) / reports(1.0);
    assert!((ratio - 4.0).abs() < 0.2, "{ratio}");
}

#[test]
fn dishonest_anchors_are_graded_well_and_speak_for_the_first_actor() {
    let world = world(&Scenario::dishonest_anchors(), 18);
    let source = |id: &str| {
        world
            .registry
            .latest()
            .source(&SourceId::new(id).unwrap())
            .unwrap()
    };
    assert_eq!(
        (source("dishonest-1").grade, source("dishonest-2").grade),
        (Grade::A, Grade::B)
    );
    let own = Outcome::Side(world.sides[0].clone());
    let lies = share(by(&world, "dishonest").filter_map(|r| {
        let claim = &r.claims[0];
        let abroad = !matches!(world.truth.at(&claim.place, event(r)), Some(so) if *so == own);
        abroad
            .then(|| holder(claim))
            .flatten()
            .map(|said| said == own)
    }));
    assert!(lies > 0.4, "{lies}");
}

#[test]
fn in_hour_battles_a_city_is_announced_entered_and_falls_within_a_day() {
    let world = world(&Scenario::hour_battles(), 19);
    let warned = world.reports.iter().filter(|r| {
        matches!(
            r.claims[0].predicate,
            Predicate::AtEdge(_) | Predicate::AdvancingOn(_) | Predicate::Besieges(_)
        )
    });
    assert!(warned.count() > 50);
    let mut fast = 0;
    for quarter in &world.quarters {
        for three in world.truth.changes(quarter).windows(3) {
            let hours = (three[2].0.micros() - three[1].0.micros()) / HOUR_US;
            fast += usize::from(three[1].1 == Outcome::Contested && hours < 24);
        }
    }
    assert!(fast > 30, "{fast}");
}

#[test]
fn one_report_in_twenty_names_a_neighbouring_quarter() {
    let right = |scenario: &Scenario| {
        let world = world(scenario, 20);
        share(by(&world, "imagery").filter_map(|r| {
            let claim = &r.claims[0];
            let so = world.truth.at(&claim.place, event(r)).unwrap();
            holder(claim).map(|said| said == *so)
        }))
    };
    assert!(right(&Scenario::wrong_places()) < right(&Scenario::base()));
}

#[test]
fn in_a_silence_the_best_sources_say_nothing() {
    let world = world(&Scenario::silence(), 21);
    let day = |r: &Report| (r.published_at.micros() - world.begins.micros()) / DAY_US;
    for prefix in ["monitor", "newswire"] {
        assert!(by(&world, prefix).all(|r| !(150..210).contains(&day(r))));
        assert!(by(&world, prefix).any(|r| day(r) >= 210));
    }
}

#[test]
fn what_is_taken_over_speaks_for_another_and_declares_nothing() {
    let world = world(&Scenario::takeover(), 22);
    let middle = world.begins.plus_micros(185 * DAY_US);
    let says = |prefix, side: usize, after: bool| {
        share(
            by(&world, prefix)
                .filter(|r| (event(r) > middle) == after)
                .filter_map(|r| {
                    holder(&r.claims[0])
                        .map(|said| said == Outcome::Side(world.sides[side].clone()))
                }),
        )
    };
    let gains = says("state-media-1", 1, true) - says("state-media-1", 1, false);
    let loses = says("state-media-1", 0, false) - says("state-media-1", 0, true);
    assert!(gains > 0.3 && loses > 0.3, "{gains} {loses}");
    let declared =
        |c: &&RegistryChange| matches!(c, RegistryChange::Source(s) if s.alignments.len() > 1);
    assert_eq!(world.changes.iter().filter(declared).count(), 0);
}

#[test]
fn grades_that_were_dealt_out_are_the_same_letters_on_other_sources() {
    let grades = |scenario: &Scenario| -> Vec<Grade> {
        let world = world(
            &Scenario {
                days: 1.0,
                ..scenario.clone()
            },
            23,
        );
        let of = |c: &RegistryChange| match c {
            RegistryChange::Source(s) => Some(s.grade),
            _ => None,
        };
        world.changes.iter().filter_map(of).collect()
    };
    let (right, dealt) = (
        grades(&Scenario::base()),
        grades(&Scenario::permuted_grades()),
    );
    assert_ne!(right, dealt);
    let sorted = |mut grades: Vec<Grade>| {
        grades.sort();
        grades
    };
    assert_eq!(sorted(right), sorted(dealt));
}

#[test]
fn a_place_gets_about_as_many_reports_as_were_asked_for() {
    for asked in [3.0, 100.0, 1000.0] {
        let (mut reports, mut places) = (0.0, 0.0);
        for seed in 0..6 {
            let world = world(&Scenario::base().with_reports_per_place(asked), seed);
            let of_quarters = world
                .reports
                .iter()
                .filter(|r| world.quarters.contains(&r.claims[0].place));
            reports += of_quarters.count() as f64;
            places += world.quarters.len() as f64;
        }
        let found = reports / places;
        assert!((found / asked - 1.0).abs() < 0.15, "{found} for {asked}");
    }
}
