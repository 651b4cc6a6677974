//! What must hold of the fold whatever happens: statements about evidence, each tried
//! on many made-up histories.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use std::sync::Arc;

use ascertain_domain::id::{ActorId, PartnerId, PlaceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::{Actors, Claim, Originator, Polarity, Predicate, Report};
use ascertain_domain::source::{Alignment, Grade, SourceKind};
use ascertain_domain::state::{AnalyticConfidence, Contribution, ControlState, Outcome, Status};
use ascertain_domain::time::{HOUR_US, Timestamp};
use ascertain_engine::{Family, Folded, Taken, explain, series};
use proptest::prelude::*;
use world::{
    PLACES, actor_id, at, fold, history, place_id, predicate, register, registry, registry_of,
    report, said, shared, some_reports, source, state, wild,
};

/// A fold without any reports.
fn empty(registry: &Registry, place: &str) -> Folded {
    fold(registry, place, &[])
}

/// Takes one report more; folds all anew where that is asked for.
fn take(folded: &mut Folded, registry: &Registry, place: &str, all: &[Arc<Report>]) -> Taken {
    let view = registry.latest();
    let newest = all.last().unwrap();
    let taken = folded.take(view.place(&place_id(place)).unwrap(), view, newest);
    if taken == Taken::Refold {
        *folded = fold(registry, place, all);
    }
    taken
}

/// Takes report after report, and asks after each of them.
fn one_by_one(registry: &Registry, place: &str, reports: &[Arc<Report>]) -> Folded {
    let mut folded = empty(registry, place);
    for known in 1..=reports.len() {
        take(&mut folded, registry, place, &reports[..known]);
        folded.resume_point();
    }
    folded
}

fn probability(state: &ControlState, side: &str) -> i64 {
    let wanted = Outcome::Side(actor_id(side));
    let found = state.outcomes.iter().find(|(o, _)| *o == wanted);
    i64::from(found.unwrap().1.0)
}

/// The largest difference of any outcome, in parts per million.
fn shift(before: &ControlState, after: &ControlState) -> u32 {
    let both = before.outcomes.iter().zip(&after.outcomes);
    both.map(|((_, a), (_, b))| a.0.abs_diff(b.0))
        .max()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn asking_after_every_report_equals_asking_once_at_the_end(
        reports in history(20..300),
        place in prop::sample::select(vec!["city", "north"]),
        back in 0..3_000_i64,
    ) {
        let registry = registry();
        let reports = shared(&reports);
        let mut folded = empty(&registry, place);
        for known in 1..=reports.len() {
            let all = &reports[..known];
            let taken = take(&mut folded, &registry, place, all);
            // Ids ascend with time here: nothing comes before what is there.
            prop_assert_ne!(taken, Taken::Refold);
            let point = folded.resume_point();
            if known % 40 == 0 || known == reports.len() {
                prop_assert_eq!(point, fold(&registry, place, all).resume_point());
                let now = all[known - 1].first_known_at;
                for time in [now, now.plus_micros(-back * HOUR_US), now.plus_micros(back * HOUR_US)] {
                    prop_assert_eq!(
                        folded.evaluate(time, now),
                        fold(&registry, place, all).evaluate(time, now)
                    );
                }
            }
        }
    }

    #[test]
    fn many_reports_taken_between_two_questions_equal_all_at_once(
        reports in history(20..200),
        asked in prop::collection::vec(any::<bool>(), 200),
    ) {
        let registry = registry();
        let reports = shared(&reports);
        let mut folded = empty(&registry, "city");
        for known in 1..=reports.len() {
            take(&mut folded, &registry, "city", &reports[..known]);
            if asked[known - 1] {
                let time = reports[known - 1].published_at;
                folded.evaluate(time, reports[known - 1].first_known_at);
            }
        }
        prop_assert_eq!(folded.resume_point(), fold(&registry, "city", &reports).resume_point());
    }

    #[test]
    fn names_of_actors_and_places_mean_nothing(
        reports in some_reports(30),
        order in Just("abcdefgh".chars().collect::<Vec<char>>()).prop_shuffle(),
        day in 0.0..150.0f64,
    ) {
        let actors = ["east", "north-side", "west", "west-member", "stranger"];
        let actor = |id: &str| {
            let i = actors.iter().position(|a| *a == id).unwrap();
            format!("{}-{id}", order[i])
        };
        let place = |id: &str| {
            let i = PLACES.iter().position(|p| *p == id).unwrap();
            format!("{}-{id}", order[7 - i])
        };
        let sides = ["east", "north-side", "west"];
        let plain = registry_of(&sides, &str::to_owned, &str::to_owned);
        let renamed = registry_of(&sides, &actor, &place);
        let again: Vec<Report> = reports.iter().map(|r| relabelled(r, &actor, &place)).collect();
        let (reports, again) = (shared(&reports), shared(&again));
        for id in PLACES {
            let before = state(&plain, id, &reports, at(day));
            let after = state(&renamed, &place(id), &again, at(day));
            for (outcome, ppm) in &before.outcomes {
                let name = match outcome {
                    Outcome::Side(side) => Outcome::Side(actor_id(&actor(side.as_str()))),
                    other => other.clone(),
                };
                let (_, other) = after.outcomes.iter().find(|(o, _)| *o == name).unwrap();
                prop_assert!(ppm.0.abs_diff(other.0) <= 1, "{before:?} {after:?}");
            }
            prop_assert!((before.dispute - after.dispute).abs() < 2e-6);
            prop_assert!((before.coverage - after.coverage).abs() < 2e-6);
            prop_assert_eq!(before.independent_groups, after.independent_groups);
            prop_assert_eq!(before.besieged, after.besieged);
        }
    }

    #[test]
    fn who_says_nothing_changes_nothing(reports in some_reports(30), day in 0.0..150.0f64) {
        let plain = registry();
        let mut more = registry();
        for (i, grade) in [Grade::A, Grade::F].into_iter().enumerate() {
            let id = format!("silent-{i}");
            let alignment = Alignment::OrganOf(actor_id("west"));
            register(&mut more, RegistryChange::Source(source(&id, grade, alignment)));
        }
        let reports = shared(&reports);
        for place in PLACES {
            prop_assert_eq!(
                state(&plain, place, &reports, at(day)),
                state(&more, place, &reports, at(day))
            );
            prop_assert_eq!(
                fold(&plain, place, &reports).resume_point(),
                fold(&more, place, &reports).resume_point()
            );
        }
    }

    #[test]
    fn what_is_retracted_was_never_there(
        (reports, gone) in history(2..60).prop_flat_map(|r| { let n = r.len(); (Just(r), 0..n) }),
        days in 0.0..60.0f64,
    ) {
        let registry = registry();
        let all = shared(&reports);
        let mut left = all.clone();
        let retracted = left.remove(gone);
        let time = at(days);
        for place in ["city", "north"] {
            let mut never = one_by_one(&registry, place, &left);
            let mut anew = fold(&registry, place, &left);
            prop_assert_eq!(never.resume_point(), anew.resume_point());
            prop_assert_eq!(never.evaluate(time, time), anew.evaluate(time, time));
            // Nor had it told anything of the time before it was known.
            let known = |reports: &[Arc<Report>]| -> Vec<Arc<Report>> {
                let before = |r: &&Arc<Report>| r.first_known_at < retracted.first_known_at;
                reports.iter().filter(before).cloned().collect()
            };
            prop_assert_eq!(
                fold(&registry, place, &known(&all)).evaluate(time, time),
                fold(&registry, place, &known(&left)).evaluate(time, time)
            );
        }
    }

    #[test]
    fn the_newest_word_of_an_anchor_for_a_holder_never_lowers_it(
        reports in history(1..60),
        anchor in prop::sample::select(vec![Grade::A, Grade::B]),
        spoke_before in any::<bool>(),
        holder in prop::sample::select(vec!["east", "west"]),
        later in 1..500_i64,
    ) {
        let mut registry = registry();
        let envoy = if spoke_before { "wire" } else { "envoy" };
        register(&mut registry, RegistryChange::Source(source(envoy, anchor, Alignment::Independent)));
        let mut reports = reports;
        let newest = reports.last().unwrap().first_known_at.plus_micros(later * HOUR_US);
        let before = state(&registry, "city", &shared(&reports), newest);
        let claim = Claim { event_time: None, ..said(envoy, predicate(0, holder, ""), Polarity::Affirm, 0.0) };
        let mut word = report(9_999, envoy, 0.0, vec![claim]);
        (word.first_known_at, word.published_at) = (newest, newest);
        reports.push(word);
        let after = state(&registry, "city", &shared(&reports), newest);
        let (before, after) = (probability(&before, holder), probability(&after, holder));
        // One part in a million is rounding.
        prop_assert!(after + 1 >= before, "from {before} to {after}");
    }

    #[test]
    fn of_reports_of_one_instant_it_does_not_matter_which_comes_first(
        (reports, shuffled) in history(2..30).prop_flat_map(|mut reports| {
            // A few instants, each of many reports; some arrive twice.
            for (i, report) in reports.iter_mut().enumerate() {
                report.first_known_at = at(f64::from(i as u32 / 5) * 3.0);
            }
            let doubled: Vec<Report> = reports.iter().chain(reports.iter().step_by(4)).cloned().collect();
            (Just(reports), Just(doubled).prop_shuffle())
        }),
    ) {
        let registry = registry();
        let (reports, arrived) = (shared(&reports), shared(&shuffled));
        let mut folded = empty(&registry, "city");
        for known in 1..=arrived.len() {
            take(&mut folded, &registry, "city", &arrived[..known]);
            folded.resume_point();
        }
        prop_assert_eq!(folded.resume_point(), fold(&registry, "city", &reports).resume_point());
    }

    #[test]
    fn nothing_that_can_be_said_makes_anything_certain_or_no_number(
        sides in 0..13_usize,
        parent in prop::sample::select(vec![None, Some("city"), Some("north")]),
        reports in wild::reports(12),
        as_of in prop::collection::vec(wild::moment(), 3),
        known in wild::moment(),
    ) {
        let registry = wild::registry(sides, parent);
        let reports = shared(&reports);
        for place in PLACES {
            let mut folded = fold(&registry, place, &reports);
            let point = folded.resume_point();
            let beliefs = point.filter.without.iter().map(|(_, b)| b).chain([&*point.filter.alpha]);
            for p in beliefs.flatten() {
                prop_assert!(*p >= 0.0 && *p < 1.0, "{point:?}");
            }
            for time in as_of.iter().copied().chain([Timestamp::MIN, Timestamp::MAX]) {
                for known in [known, Timestamp::MIN, Timestamp::MAX] {
                    sound(&folded.evaluate(time, known))?;
                }
            }
        }
        let view = registry.latest();
        let place = view.place(&place_id("city")).unwrap();
        let family = Family { place, registry: view, audience: Audience::Clear, reports: &reports };
        sound(&explain(family, as_of[0], known).state)?;
        let mut times = as_of;
        times.sort();
        for moment in series(family, &times) {
            for p in moment.filtered.iter().chain(&moment.smoothed) {
                prop_assert!(*p >= 0.0 && *p <= 1.0, "{moment:?}");
            }
        }
    }

    #[test]
    fn the_eleventh_report_of_a_flooding_source_moves_next_to_nothing(
        reports in some_reports(12),
        words in prop::collection::vec((0..10_usize, any::<bool>()), 1..3),
        hours in prop::collection::vec(0..24_i64, 30),
    ) {
        // It says one thing, or one thing and another in turns, within a day.
        let registry = registry();
        let mut told = shared(&reports);
        let start = at(160.0);
        let mut hours = hours;
        hours.sort_unstable();
        let end = start.plus_micros(25 * HOUR_US);
        let mut before = state(&registry, "city", &told, end);
        for (i, hour) in hours.iter().enumerate() {
            let (kind, deny) = words[i % words.len()];
            let polarity = if deny { Polarity::Deny } else { Polarity::Affirm };
            let claim = Claim { event_time: None, ..said("blog", predicate(kind, "west", "east"), polarity, 0.0) };
            let mut report = report(5_000 + i as u32, "blog", 0.0, vec![claim]);
            report.first_known_at = start.plus_micros(hour * HOUR_US);
            report.published_at = report.first_known_at;
            told.push(Arc::new(report));
            let after = state(&registry, "city", &told, end);
            if i >= 10 {
                // A hundredth is aimed at; docs/decisions/0026 says where it was missed.
                prop_assert!(shift(&before, &after) <= 50_000, "report {} moves {}", i + 1, shift(&before, &after));
            }
            before = after;
        }
    }
}

/// Whether a state is a distribution without certainties, and all of it numbers.
fn sound(state: &ControlState) -> Result<(), TestCaseError> {
    let open = |p: u32| p > 0 && p < 1_000_000;
    prop_assert_eq!(
        state.outcomes.iter().map(|(_, p)| p.0).sum::<u32>(),
        1_000_000
    );
    prop_assert!(state.outcomes.iter().all(|(_, p)| open(p.0)), "{state:?}");
    prop_assert!(state.presence.iter().all(|(_, p)| open(p.0)), "{state:?}");
    prop_assert!((0.0..=1.0).contains(&state.dispute), "{state:?}");
    prop_assert!((0.0..=1.0).contains(&state.coverage), "{state:?}");
    let finite = |c: &Contribution| c.weight.is_finite() && c.weight_lost.is_finite();
    prop_assert!(state.contributions.iter().all(finite), "{state:?}");
    Ok(())
}

/// A report with the ids of its actors and places changed.
fn relabelled(
    report: &Report,
    actor: &dyn Fn(&str) -> String,
    place: &dyn Fn(&str) -> String,
) -> Report {
    let all = |actors: &[_]| -> Vec<_> {
        let renamed = actors.iter().map(|a: &ActorId| actor(a.as_str()));
        renamed.map(|id| actor_id(&id)).collect()
    };
    let some = |actors: &Actors| Actors::new(all(actors.as_slice())).unwrap();
    let predicate = |predicate: &Predicate| match predicate {
        Predicate::Controls(a) => Predicate::Controls(some(a)),
        Predicate::Present(a) => Predicate::Present(some(a)),
        Predicate::FightingAt(a) => Predicate::FightingAt(all(a)),
        Predicate::AtEdge(a) => Predicate::AtEdge(some(a)),
        Predicate::AdvancingOn(a) => Predicate::AdvancingOn(some(a)),
        Predicate::Withdrew(a) => Predicate::Withdrew(some(a)),
        Predicate::Besieges(a) => Predicate::Besieges(some(a)),
        Predicate::HandedOver { from, to } => Predicate::HandedOver {
            from: some(from),
            to: some(to),
        },
    };
    let renamed = |id: &PlaceId| place_id(&place(id.as_str()));
    let claims = report.claims.iter().map(|claim| Claim {
        place: renamed(&claim.place),
        sub_places: claim.sub_places.iter().map(renamed).collect(),
        predicate: predicate(&claim.predicate),
        ..claim.clone()
    });
    Report {
        claims: claims.collect(),
        ..report.clone()
    }
}

#[test]
fn ten_thousand_unproven_identities_do_not_carry_a_place_against_two_anchors() {
    let mut registry = registry();
    for (id, grade) in [("anchor-1", Grade::B), ("anchor-2", Grade::B)] {
        let anchor = source(id, grade, Alignment::Independent);
        register(&mut registry, RegistryChange::Source(anchor));
    }
    for i in 0..5_000 {
        let face = source(&format!("face-{i}"), Grade::F, Alignment::Unknown);
        register(&mut registry, RegistryChange::Source(face));
    }
    let claims = |kind, side| Claim {
        event_time: None,
        ..said("", predicate(kind, side, "west"), Polarity::Affirm, 0.0)
    };
    // In one and the same hour, in which two count for less than twice one.
    let anchors = [("anchor-1", 10.0), ("anchor-2", 10.0)]
        .into_iter()
        .zip(0..);
    let anchors: Vec<Report> = anchors
        .map(|((id, day), i)| report(i, id, day, vec![claims(0, "east")]))
        .collect();
    let end = at(15.0);
    let before = state(&registry, "city", &shared(&anchors), end);
    assert_eq!(before.status, Status::Held);
    // It is held by another, fought for, besieged, left, handed over: whatever they say.
    for (kind, side) in [
        (0, "west"),
        (2, "west"),
        (6, "west"),
        (5, "east"),
        (7, "east"),
    ] {
        let mut told = anchors.clone();
        // Half are registered and unproven; half are nobody's, each from a partner of its own.
        for i in 0..10_000_u32 {
            let id = format!("face-{}", i / 2);
            let day = 10.5 + f64::from(i) / 2_500.0;
            let mut report = report(100 + i, &id, day, vec![claims(kind, side)]);
            if i % 2 == 1 {
                report.originator = Originator::Unregistered(SourceKind::Eyewitness);
                report.partner = PartnerId::new(&format!("partner-{i}")).unwrap();
            }
            told.push(report);
        }
        let after = state(&registry, "city", &shared(&told), end);
        assert_eq!(after.status, before.status, "{kind}: {:?}", after.outcomes);
        assert!(
            probability(&after, "east") >= 500_000,
            "{kind}: {:?}",
            after.outcomes
        );
    }
}

#[test]
fn however_many_unproven_sources_have_one_word_on_a_siege_and_are_one_voice() {
    let mut registry = registry();
    for (id, grade) in [("anchor-1", Grade::B), ("anchor-2", Grade::B)] {
        let anchor = source(id, grade, Alignment::Independent);
        register(&mut registry, RegistryChange::Source(anchor));
    }
    let faces: Vec<String> = (0..5).map(|i| format!("face-{i}")).collect();
    for face in &faces {
        let face = source(face, Grade::F, Alignment::Unknown);
        register(&mut registry, RegistryChange::Source(face));
    }
    let claim = |polarity| Claim {
        event_time: None,
        ..said("", predicate(6, "west", "west"), polarity, 0.0)
    };
    let besiege = |i: usize, id: &str, polarity| report(i as u32, id, 10.0, vec![claim(polarity)]);
    let mut told: Vec<Report> = (0..5)
        .map(|i| besiege(i, &faces[i], Polarity::Affirm))
        .collect();
    let alone = state(&registry, "city", &shared(&told), at(10.5));
    assert!(alone.besieged);
    // Five groups that agree, and yet one voice.
    assert_eq!(alone.analytic_confidence, AnalyticConfidence::Low);
    told.push(besiege(5, "anchor-1", Polarity::Deny));
    told.push(besiege(6, "anchor-2", Polarity::Deny));
    assert!(!state(&registry, "city", &shared(&told), at(10.5)).besieged);
}

/// Registers sources of a grade, whose channels nobody verified.
fn register_all(registry: &mut Registry, ids: &[String], grade: Grade) {
    for id in ids {
        let one = source(id, grade, Alignment::Independent);
        register(registry, RegistryChange::Source(one));
    }
}

/// What somebody says of the city, without a time.
fn untold(kind: usize, side: &str) -> Claim {
    Claim {
        event_time: None,
        ..said("", predicate(kind, side, "west"), Polarity::Affirm, 0.0)
    }
}

#[test]
fn of_many_who_speak_later_the_strongest_64_are_left_out_one_by_one() {
    let mut registry = registry();
    let ids: Vec<String> = (0..80).map(|i| format!("voice-{i:02}")).collect();
    register_all(&mut registry, &ids, Grade::B);
    // They hold each other in balance, and each weighs a little less than the one before.
    let told: Vec<Report> = ids
        .iter()
        .zip(0_u32..)
        .map(|(id, i)| {
            let side = if i % 2 == 0 { "east" } else { "west" };
            report(i, id, 20.0 + f64::from(i) / 24.0, vec![untold(0, side)])
        })
        .collect();
    let past = state(&registry, "city", &shared(&told), at(10.0));
    let moved = past.contributions.iter().filter(|c| c.weight.abs() > 0.0);
    let mut moved: Vec<&str> = moved.map(|c| c.group.as_str()).collect();
    moved.sort_unstable();
    let first: Vec<String> = ids[..64].iter().map(|id| format!("source:{id}")).collect();
    assert_eq!(moved, first);
    // All of them count in the answer; the others only are not told apart.
    assert_eq!(past.contributions.len(), 80);
    let fewer = state(&registry, "city", &shared(&told[..79]), at(10.0));
    assert_ne!(past.outcomes, fewer.outcomes);
}

#[test]
fn unproven_sources_carry_no_city_by_its_quarters() {
    let ids: Vec<String> = (0..12).map(|i| format!("face-{i}")).collect();
    let of = |place: &str, side: &str| Claim {
        place: place_id(place),
        ..untold(0, side)
    };
    let both = |side: &str| vec![of("north", side), of("south", side)];
    let mut anchors = vec![
        report(0, "wire", 10.0, both("east")),
        report(1, "tracker", 10.5, both("east")),
    ];
    let mut told = anchors.clone();
    for i in 0..96_u32 {
        let id = &ids[i as usize % ids.len()];
        told.push(report(10 + i, id, 11.0 + f64::from(i) / 24.0, both("west")));
    }
    let end = at(15.0);
    let under = |grade| {
        let mut registry = registry();
        register_all(&mut registry, &ids, grade);
        state(&registry, "city", &shared(&told), end)
    };
    anchors.truncate(2);
    let alone = state(&registry(), "city", &shared(&anchors), end);
    let (flooded, proven) = (under(Grade::F), under(Grade::B));
    assert!(
        probability(&alone, "east") > 700_000,
        "{:?}",
        alone.outcomes
    );
    // Whom somebody vouches for they may carry it.
    assert!(
        probability(&proven, "west") > 700_000,
        "{:?}",
        proven.outcomes
    );
    let odds = |state: &ControlState| {
        probability(state, "east") as f64 / probability(state, "west") as f64
    };
    assert!(odds(&flooded) > 1.0, "{:?}", flooded.outcomes);
    assert!(odds(&flooded) < odds(&alone));
}
