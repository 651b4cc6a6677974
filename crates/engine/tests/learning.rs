//! What is learned of sources, and what an answer makes of it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::id::{ClaimId, Digest, PlaceId, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::model::{LearnedSource, LearnedTable, SourceModel};
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version, check_change};
use ascertain_domain::report::{Actors, Claim, Extent, Modality, Polarity, Predicate, Report};
use ascertain_domain::source::{Alignment, Grade, Reporting, Source};
use ascertain_domain::state::Ppm;
use ascertain_domain::time::{HOUR_US, TimeInterval, TimePrecision, Timestamp};
use ascertain_domain::violation::Violations;
use ascertain_engine::{Calibrator, Counts, Family, Folded, Question, Site, learn};
use proptest::prelude::*;
use world::{actor_id, at, place_id, report, shared, source};

/// Where two sides fight, and who tells of it: four anchors, five others, two organs.
const PLACES: [&str; 4] = ["p0", "p1", "p2", "p3"];
const SIDES: [&str; 2] = ["east", "west"];
const ANCHORS: [&str; 4] = ["wire0", "wire1", "wire2", "wire3"];
const OTHERS: [&str; 5] = ["blog0", "blog1", "blog2", "blog3", "blog4"];
const ORGANS: [&str; 2] = ["organ0", "organ1"];
const CUT_DAY: f64 = 100.0;

type Rename<'a> = &'a dyn Fn(&str) -> String;

fn as_it_is(name: &str) -> String {
    name.to_owned()
}

fn every_source() -> Vec<&'static str> {
    [&ANCHORS[..], &OTHERS, &ORGANS].concat()
}

/// The registry, with every id renamed.
fn registry(rename: Rename<'_>) -> Registry {
    let mut registry = Registry::default();
    let mut apply = |change| {
        let sequence = registry.last_sequence() + 1;
        registry.apply(sequence, Version::LATEST, change);
    };
    for side in SIDES {
        apply(RegistryChange::Actor(ascertain_domain::actor::Actor {
            id: actor_id(&rename(side)),
            names: vec![],
            member_of: vec![],
        }));
    }
    let mut listed: Vec<_> = SIDES.iter().map(|s| actor_id(&rename(s))).collect();
    listed.sort();
    for place in PLACES {
        // Each place is an area of its own.
        apply(RegistryChange::Place(Place {
            id: place_id(&rename(place)),
            kind: PlaceKind::City,
            admin_level: 0,
            parent: None,
            home_area: place_id(&rename(place)),
            sides: listed.clone(),
            names: vec![],
            pcode: String::new(),
            geonames_id: 0,
            location: None,
            population: 0,
        }));
    }
    for (names, grade) in [
        (&ANCHORS[..], Grade::B),
        (&OTHERS[..], Grade::C),
        (&ORGANS[..], Grade::D),
    ] {
        for (i, name) in names.iter().enumerate() {
            let alignment = if grade == Grade::D {
                Alignment::OrganOf(actor_id(&rename(SIDES[i])))
            } else {
                Alignment::Independent
            };
            let mut source = source(&rename(name), grade, alignment);
            source.reporting = Reporting::Undeclared;
            apply(RegistryChange::Source(source));
        }
    }
    registry
}

/// One claim: who says of which place, in which hour, that which side holds it (2: that
/// there is fighting).
type Told = (&'static str, usize, i64, usize);

fn told(number: u32, (source, place, hour, says): Told, rename: Rename<'_>) -> Report {
    let time = at(0.0).plus_micros(hour * HOUR_US);
    let predicate = match says {
        2 => Predicate::FightingAt(vec![]),
        side => Predicate::Controls(Actors::new(vec![actor_id(&rename(SIDES[side]))]).unwrap()),
    };
    let claim = Claim {
        id: ClaimId::new("c").unwrap(),
        place: place_id(&rename(PLACES[place])),
        predicate,
        polarity: Polarity::Affirm,
        extent: Extent::Whole,
        sub_places: vec![],
        event_time: Some(TimeInterval {
            earliest: Some(time),
            latest: Some(time),
            precision: TimePrecision::Instant,
        }),
        modality: Modality::Asserted,
    };
    let mut report = report(number, &rename(source), 0.0, vec![claim]);
    report.published_at = time;
    report.first_known_at = time;
    report.body_digest = Digest::of(&number.to_be_bytes());
    report
}

fn all_told(claims: &[Told], rename: Rename<'_>) -> Vec<Arc<Report>> {
    let reports: Vec<Report> = (1..)
        .zip(claims)
        .map(|(number, claim)| told(number, *claim, rename))
        .collect();
    shared(&reports)
}

fn families<'a>(
    registry: &'a Registry,
    reports: &'a [Arc<Report>],
) -> impl Iterator<Item = Family<'a>> {
    let view = registry.latest();
    view.places().map(move |place| Family {
        place,
        registry: view,
        audience: Audience::Clear,
        reports,
    })
}

fn learned(registry: &Registry, reports: &[Arc<Report>]) -> SourceModel {
    let view = registry.latest();
    learn(
        families(registry, reports),
        view,
        Audience::Clear,
        at(CUT_DAY),
    )
}

fn adopted(registry: &Registry, model: &SourceModel) -> Registry {
    let mut registry = registry.clone();
    world::register(&mut registry, RegistryChange::SourceModel(model.clone()));
    registry
}

fn learned_of<'a>(model: &'a SourceModel, source: &str) -> Option<&'a LearnedSource> {
    model.sources.get(&SourceId::new(source).unwrap())
}

/// Right, wrong, contested, of a source without a side while somebody holds.
fn while_held(model: &SourceModel, source: &str) -> Option<[u32; 3]> {
    match learned_of(model, source)?.table? {
        LearnedTable::Independent { holder, .. } => Some(holder.map(|p| p.0)),
        LearnedTable::Aligned { .. } => None,
    }
}

prop_compose! {
    fn any_told()(
        source in 0..every_source().len(),
        place in 0..PLACES.len(),
        hour in 0..2_400_i64,
        says in 0..3_usize,
    ) -> Told {
        (every_source()[source], place, hour, says)
    }
}

fn some_told() -> impl Strategy<Value = Vec<Told>> {
    prop::collection::vec(any_told(), 150..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn order_and_duplicates_of_reports_change_no_bit_of_a_model(
        (claims, order) in some_told().prop_flat_map(|claims| {
            let doubled: Vec<usize> = (0..claims.len()).chain((0..claims.len()).step_by(4)).collect();
            (Just(claims), Just(doubled).prop_shuffle())
        }),
    ) {
        let registry = registry(&as_it_is);
        let reports = all_told(&claims, &as_it_is);
        let shuffled: Vec<Arc<Report>> = order.iter().map(|i| Arc::clone(&reports[*i])).collect();
        let model = learned(&registry, &reports);
        prop_assert!(model.sources.values().any(|s| s.table.is_some()), "nothing to compare");
        prop_assert_eq!(&model, &learned(&registry, &shuffled));
        prop_assert_eq!(model.digest(), learned(&registry, &shuffled).digest());
    }

    #[test]
    fn how_places_are_shared_out_changes_no_bit_of_a_model(
        claims in some_told(),
        order in Just(vec![0, 1, 2, 3_usize]).prop_shuffle(),
        split in 0..5_usize,
    ) {
        let registry = registry(&as_it_is);
        let reports = all_told(&claims, &as_it_is);
        let mut calibrator = Calibrator::new(registry.latest(), Audience::Clear, at(CUT_DAY));
        let sites: Vec<Site> = families(&registry, &reports).map(|f| calibrator.site(f)).collect();
        let partition = |of: &[usize], calibrator: &Calibrator<'_>| {
            let mut counts = Counts::default();
            of.iter().for_each(|i| counts.add(calibrator.statistics(&sites[*i])));
            counts
        };
        loop {
            let (one, other) = order.split_at(split.min(order.len()));
            let mut counts = partition(other, &calibrator);
            counts.add(partition(one, &calibrator));
            if !calibrator.advance(&counts) {
                break;
            }
        }
        prop_assert_eq!(calibrator.finish(), learned(&registry, &reports));
    }

    #[test]
    fn a_source_that_said_nothing_changes_nothing(claims in some_told()) {
        let before = registry(&as_it_is);
        let mut after = before.clone();
        let silent = source("silent", Grade::A, Alignment::Independent);
        world::register(&mut after, RegistryChange::Source(silent));
        let reports = all_told(&claims, &as_it_is);
        prop_assert_eq!(learned(&before, &reports), learned(&after, &reports));
    }

    #[test]
    fn what_is_first_known_at_the_cut_or_later_is_not_read(claims in some_told(), cut in 1_200..2_400_i64) {
        let registry = registry(&as_it_is);
        let reports = all_told(&claims, &as_it_is);
        let cut = at(0.0).plus_micros(cut / 24 * 24 * HOUR_US);
        let known: Vec<_> = reports.iter().filter(|r| r.first_known_at < cut).cloned().collect();
        let of = |reports| learn(families(&registry, reports), registry.latest(), Audience::Clear, cut);
        prop_assert_eq!(of(&reports), of(&known));
    }

    #[test]
    fn other_names_give_the_same_model_under_other_names(claims in some_told()) {
        // Turns every order round.
        let other = |name: &str| -> String {
            name.chars().map(|c| match c {
                'a'..='z' => char::from(b'z' - (c as u8 - b'a')),
                '0'..='9' => char::from(b'9' - (c as u8 - b'0')),
                c => c,
            }).collect()
        };
        let model = learned(&registry(&as_it_is), &all_told(&claims, &as_it_is));
        let renamed = learned(&registry(&other), &all_told(&claims, &other));
        prop_assert_eq!(model.sources.len(), renamed.sources.len());
        for (id, one) in &model.sources {
            let two = learned_of(&renamed, &other(id.as_str())).unwrap();
            prop_assert_eq!((one.reporting, one.lag_hours), (two.reporting, two.lag_hours));
            let cells = |of: &LearnedSource| -> Vec<u32> {
                of.table.iter().flat_map(|t| t.rows().concat()).map(|p| p.0).collect()
            };
            let (one, two) = (cells(one), cells(two));
            prop_assert_eq!(one.len(), two.len());
            // Sums over sides run in another order.
            prop_assert!(one.iter().zip(&two).all(|(a, b)| a.abs_diff(*b) <= 3), "{:?} {:?}", one, two);
        }
    }

    #[test]
    fn whatever_is_learned_may_be_adopted(claims in some_told()) {
        let registry = registry(&as_it_is);
        let model = learned(&registry, &all_told(&claims, &as_it_is));
        let mut v = Violations::at("model");
        let change = RegistryChange::SourceModel(model);
        check_change(&change, registry.latest(), registry.latest(), &mut v);
        prop_assert_eq!(v.finish(), Ok(()));
    }

    #[test]
    fn a_resumable_point_answers_as_the_fold_does_whatever_model_is_in_force(
        claims in some_told(),
        temper in 200_000..1_500_000_u32,
        days in 0.0..60.0f64,
    ) {
        let before = registry(&as_it_is);
        let reports = all_told(&claims, &as_it_is);
        let mut model = learned(&before, &reports);
        model.temper = Ppm(temper);
        let registry = adopted(&before, &model);
        let view = registry.latest();
        let time = at(CUT_DAY + days);
        for family in families(&registry, &reports) {
            let mut folded = Folded::of(family);
            let question = Question::new(family.place, view, Audience::Clear, (time, time));
            prop_assert_eq!(folded.resume_point().evaluate(&question), Some(folded.evaluate(time, time)));
        }
    }
}

/// What anchors say of every place every third day: east holds all of it.
fn anchors_agree(anchors: &[&'static str]) -> Vec<Told> {
    let mut claims = Vec::new();
    for day in (0..90).step_by(3) {
        for place in 0..PLACES.len() {
            for (i, anchor) in anchors.iter().enumerate() {
                claims.push((*anchor, place, day * 24 + i as i64, 0));
            }
        }
    }
    claims
}

/// A source that says the same of every place every fifth day.
fn says(source: &'static str, says: usize, hour: i64) -> Vec<Told> {
    let days = (1..90).step_by(5);
    let claims =
        days.flat_map(|day| (0..PLACES.len()).map(move |p| (source, p, day * 24 + hour, says)));
    claims.collect()
}

#[test]
fn a_crowd_that_lies_together_cannot_vouch_for_itself() {
    let mut claims = anchors_agree(&ANCHORS);
    for (i, liar) in OTHERS.iter().enumerate().take(4) {
        claims.extend(says(liar, 1, i as i64));
    }
    claims.extend(says(OTHERS[4], 0, 9));
    let registry = registry(&as_it_is);
    let reports = all_told(&claims, &as_it_is);
    let model = learned(&registry, &reports);
    for liar in &OTHERS[..4] {
        let [right, wrong, _] = while_held(&model, liar).unwrap();
        assert!(wrong > 5 * right, "{liar}: {right} {wrong}");
    }
    let [right, wrong, _] = while_held(&model, OTHERS[4]).unwrap();
    let [anchor, ..] = while_held(&model, ANCHORS[0]).unwrap();
    assert!(right > wrong && anchor > 850_000);
    // What a liar says alone counts against it, from then on.
    let lie = all_told(&[(OTHERS[0], 0, 2_390, 1)], &as_it_is);
    let side = |registry: &Registry| {
        let mut fold = Folded::of(Family {
            place: registry.latest().place(&place_id("p0")).unwrap(),
            registry: registry.latest(),
            audience: Audience::Clear,
            reports: &lie,
        });
        fold.evaluate(at(CUT_DAY), at(CUT_DAY)).outcomes[1].1.0
    };
    let (before, after) = (side(&registry), side(&adopted(&registry, &model)));
    assert!(before > 600_000 && after < 400_000, "{before} {after}");
}

#[test]
fn of_few_who_speak_nothing_is_learned() {
    // Two anchors and one more: beside each no more than two.
    let mut claims = anchors_agree(&ANCHORS[..2]);
    claims.extend(says(OTHERS[0], 1, 5));
    let model = learned(&registry(&as_it_is), &all_told(&claims, &as_it_is));
    assert!(
        model
            .sources
            .values()
            .all(|s| s.table.is_none() && s.lag_hours.is_none() && s.track_record.is_empty())
    );
    assert!(model.copies.is_empty());
    // With one more beside each, everything is.
    claims.extend(says(OTHERS[1], 0, 6));
    let model = learned(&registry(&as_it_is), &all_told(&claims, &as_it_is));
    assert!(while_held(&model, OTHERS[0]).is_some());
}

#[test]
fn without_an_anchor_no_table_is_learned() {
    let claims: Vec<Told> = OTHERS
        .iter()
        .enumerate()
        .flat_map(|(i, other)| says(other, usize::from(i == 0), i as i64))
        .collect();
    let model = learned(&registry(&as_it_is), &all_told(&claims, &as_it_is));
    assert!(model.sources.values().all(|s| s.table.is_none()));
}

#[test]
fn what_is_said_of_contests_stays_with_the_prior() {
    let mut claims = anchors_agree(&ANCHORS);
    claims.extend(says(OTHERS[0], 2, 5));
    let model = learned(&registry(&as_it_is), &all_told(&claims, &as_it_is));
    // Grade C: right 0.78 of the time, contested half of the rest.
    let [_, _, contested] = while_held(&model, OTHERS[0]).unwrap();
    assert!(contested.abs_diff(110_000) < 20, "{contested}");
}

#[test]
fn an_organ_that_claims_everything_is_believed_less_when_it_does_and_more_when_it_admits() {
    let mut claims = anchors_agree(&ANCHORS);
    // East holds everything, and west's organ says that west does.
    claims.extend(says(ORGANS[1], 1, 7));
    let model = learned(&registry(&as_it_is), &all_told(&claims, &as_it_is));
    let Some(LearnedTable::Aligned { foe, .. }) =
        learned_of(&model, ORGANS[1]).and_then(|s| s.table)
    else {
        panic!("it has a side of its own");
    };
    // The prior: 0.40 own, 0.33 correct.
    assert!(foe[0].0 > 600_000 && foe[1].0 < 150_000, "{foe:?}");
    let record = &learned_of(&model, ORGANS[1]).unwrap().track_record;
    assert_eq!(record.len(), 1);
    assert_eq!(record[0].predicate, "controls");
    assert!(record[0].claims > 60 && record[0].true_share.0 < 50_000);
}

/// Who holds which place turns round every ten days, and a source tells each turn.
fn turns(source: &'static str, hour: i64) -> Vec<Told> {
    let turns = (0..9_i64).flat_map(|turn| (0..PLACES.len()).map(move |place| (turn, place)));
    turns
        .map(|(turn, place)| {
            let says = ((turn + place as i64) % 2) as usize;
            (source, place, turn * 240 + hour, says)
        })
        .collect()
}

#[test]
fn who_never_repeats_itself_is_found_to_report_changes_only() {
    let mut claims = turns(ANCHORS[0], 1);
    claims.extend(says(OTHERS[0], 0, 3));
    let mut registry = registry(&as_it_is);
    let reports = all_told(&claims, &as_it_is);
    let model = learned(&registry, &reports);
    let habit = |model: &SourceModel, source| learned_of(model, source).and_then(|s| s.reporting);
    assert_eq!(habit(&model, ANCHORS[0]), Some(Reporting::ChangesOnly));
    assert_eq!(habit(&model, OTHERS[0]), Some(Reporting::Episodic));
    // Its silence speaks only once the model is in force.
    let later = |registry: &Registry| {
        let family = families(registry, &reports).next().unwrap();
        let told: Vec<_> = reports
            .iter()
            .filter(|r| r.partner_reference != "R0")
            .cloned()
            .collect();
        let of_anchor = |r: &&Arc<Report>| match &r.originator {
            ascertain_domain::report::Originator::Source(id) => id.as_str() == ANCHORS[0],
            ascertain_domain::report::Originator::Unregistered(_) => false,
        };
        let alone: Vec<Arc<Report>> = told.iter().filter(of_anchor).cloned().collect();
        let mut fold = Folded::of(Family {
            reports: &alone,
            ..family
        });
        fold.evaluate(at(400.0), at(400.0)).leader().unwrap().1.0
    };
    let (before, after) = (later(&registry), later(&adopted(&registry, &model)));
    assert!(after > before + 100_000, "{before} {after}");
    // What is declared stands.
    let declared = Source {
        reporting: Reporting::Episodic,
        ..source(ANCHORS[0], Grade::B, Alignment::Independent)
    };
    world::register(&mut registry, RegistryChange::Source(declared));
    assert_eq!(habit(&learned(&registry, &reports), ANCHORS[0]), None);
}

#[test]
fn who_repeats_the_errors_of_another_is_found_and_who_errs_alone_is_not() {
    let mut claims = anchors_agree(&ANCHORS);
    // The first is wrong every other time, and the second follows within hours; the
    // third errs as often, at other times.
    for turn in 0..17_i64 {
        for place in 0..PLACES.len() {
            // Twice right, twice wrong: it is no tracker of changes.
            let wrong = usize::from((turn + place as i64) % 4 < 2);
            let hour = turn * 120;
            claims.push((OTHERS[0], place, hour + 30, wrong));
            claims.push((OTHERS[1], place, hour + 34, wrong));
            claims.push((OTHERS[2], place, hour + 40, 1 - wrong));
        }
    }
    let registry = registry(&as_it_is);
    let model = learned(&registry, &all_told(&claims, &as_it_is));
    let pair = |a: &str, b: &str| (SourceId::new(a).unwrap(), SourceId::new(b).unwrap());
    let found: Vec<_> = model.copies.keys().cloned().collect();
    assert_eq!(found, [pair(OTHERS[1], OTHERS[0])]);
    assert!(model.copies[&pair(OTHERS[1], OTHERS[0])].0 > 900_000);
    // From then on what follows counts less.
    let fresh = all_told(
        &[(OTHERS[0], 0, 2_350, 0), (OTHERS[1], 0, 2_352, 0)],
        &as_it_is,
    );
    let registry = adopted(&registry, &model);
    let family = Family {
        reports: &fresh,
        ..families(&registry, &fresh).next().unwrap()
    };
    let explained = ascertain_engine::explain(family, at(CUT_DAY), at(CUT_DAY));
    let copying = |source: &str| {
        let key = format!("source:{source}");
        let groups = &explained.groups;
        let group = groups.iter().find(|g| g.contribution.group == key).unwrap();
        group.claims[0].copying
    };
    assert_eq!(copying(OTHERS[0]), 1.0);
    assert!(copying(OTHERS[1]) < 0.3, "{}", copying(OTHERS[1]));
}

#[test]
fn a_model_that_mistrusts_confidence_makes_answers_less_sure_and_explains_what_it_says() {
    let before = registry(&as_it_is);
    let reports = all_told(
        &[(ANCHORS[0], 0, 2_300, 0), (OTHERS[0], 0, 2_310, 1)],
        &as_it_is,
    );
    let model = |temper| SourceModel {
        cut: at(CUT_DAY),
        audience: Audience::Clear,
        method: String::new(),
        input_digest: Digest::of(&[]),
        sources: BTreeMap::new(),
        copies: BTreeMap::new(),
        pace: BTreeMap::new(),
        temper: Ppm(temper),
    };
    let state = |temper| {
        let registry = adopted(&before, &model(temper));
        let place: PlaceId = place_id("p0");
        let mut fold = Folded::of(Family {
            place: registry.latest().place(&place).unwrap(),
            registry: registry.latest(),
            audience: Audience::Clear,
            reports: &reports,
        });
        let time: Timestamp = at(CUT_DAY);
        fold.evaluate(time, time)
    };
    let (sure, doubtful) = (state(1_000_000), state(500_000));
    let odds = |p: u32| (f64::from(p) / f64::from(1_000_000 - p)).ln();
    let lead = |s: &ascertain_domain::state::ControlState| s.leader().unwrap().clone();
    assert_eq!(lead(&sure).0, lead(&doubtful).0);
    assert!(lead(&sure).1 > lead(&doubtful).1);
    // Half the exponent, half the log-odds between two outcomes.
    let between = |s: &ascertain_domain::state::ControlState| {
        let p = |i: usize| f64::from(s.outcomes[i].1.0);
        (p(0) / p(1)).ln()
    };
    assert!((between(&sure) - 2.0 * between(&doubtful)).abs() < 1e-3);
    // Without its strongest group an answer stands at its odds less the group's weight.
    let strongest = &doubtful.contributions[0];
    let registry = adopted(&before, &model(500_000));
    let family = Family {
        reports: &reports,
        ..families(&registry, &reports).next().unwrap()
    };
    let told = ascertain_engine::explain(family, at(CUT_DAY), at(CUT_DAY));
    let without = told.groups[0].without_group[0].1.0;
    let lost = odds(lead(&doubtful).1.0) - odds(without);
    assert!(
        (lost - strongest.weight).abs() < 0.05,
        "{lost} {}",
        strongest.weight
    );
}
