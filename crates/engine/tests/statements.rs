//! What each kind of claim does to an answer.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use ascertain_domain::registry::Registry;
use ascertain_domain::report::{Extent, Modality, Originator, Polarity, Report};
use ascertain_domain::source::SourceKind;
use ascertain_domain::state::{AnalyticConfidence, ControlState, Interest, Outcome, Status};
use world::{actor_id, at, picture, place_id, predicate, registry, report, said, shared, state};

const AFFIRM: Polarity = Polarity::Affirm;
const DENY: Polarity = Polarity::Deny;
const CONTROLS: usize = 0;
const PRESENT: usize = 1;
const FIGHTING: usize = 2;
const WITHDREW: usize = 5;
const BESIEGES: usize = 6;

fn one(
    number: u32,
    source: &str,
    kind: usize,
    actor: &str,
    polarity: Polarity,
    day: f64,
) -> Report {
    report(
        number,
        source,
        day,
        vec![said(source, predicate(kind, actor, actor), polarity, day)],
    )
}

fn ppm(state: &ControlState, outcome: &Outcome) -> u32 {
    state
        .outcomes
        .iter()
        .find(|(o, _)| o == outcome)
        .map_or(0, |(_, p)| p.0)
}

fn side(id: &str) -> Outcome {
    Outcome::Side(actor_id(id))
}

fn city(registry: &Registry, reports: &[Report], day: f64) -> ControlState {
    state(registry, "city", &shared(reports), at(day))
}

#[test]
fn a_place_without_evidence_is_unknown() {
    let state = city(&registry(), &[], 1.0);
    assert_eq!(state.status, Status::Unknown);
    assert_eq!(state.analytic_confidence, AnalyticConfidence::Low);
    assert!(
        state.contributions.is_empty() && state.since.is_none() && state.staleness_us.is_none()
    );
    assert_eq!(ppm(&state, &side("east")), ppm(&state, &side("west")));
}

#[test]
fn a_boast_moves_less_than_an_admission() {
    let registry = registry();
    let boast = city(
        &registry,
        &[one(1, "organ", CONTROLS, "east", AFFIRM, 0.0)],
        0.1,
    );
    let admission = city(
        &registry,
        &[one(1, "organ", WITHDREW, "east", AFFIRM, 0.0)],
        0.1,
    );
    assert!(ppm(&admission, &side("west")) > ppm(&boast, &side("east")));
    assert_eq!(boast.contributions[0].interest, Interest::SelfServing);
    assert_eq!(
        admission.contributions[0].interest,
        Interest::AgainstInterest
    );
}

#[test]
fn a_denial_does_not_assert_the_opposite_holder() {
    let state = city(
        &registry(),
        &[one(1, "wire", PRESENT, "east", DENY, 0.0)],
        0.1,
    );
    assert!(ppm(&state, &side("east")) < ppm(&state, &Outcome::Other) * 10);
    assert!(ppm(&state, &side("west")) < 990_000);
}

#[test]
fn presence_in_a_part_is_not_control() {
    let mut report = one(1, "wire", PRESENT, "west", AFFIRM, 0.0);
    report.claims[0].extent = Extent::Part;
    let state = city(
        &registry(),
        &[one(2, "wire", CONTROLS, "east", AFFIRM, -1.0), report],
        0.1,
    );
    assert!(ppm(&state, &side("west")) < 500_000);
    let inside = &state.presence[1];
    assert_eq!(inside.0, actor_id("west"));
    assert!(inside.1.0 > ppm(&state, &side("west")));
}

#[test]
fn who_besieges_a_place_is_outside_of_it() {
    let state = city(
        &registry(),
        &[one(1, "wire", BESIEGES, "west", AFFIRM, 0.0)],
        0.1,
    );
    assert!(state.besieged);
    assert!(ppm(&state, &side("east")) > ppm(&state, &side("west")));
    let later = city(
        &registry(),
        &[one(1, "wire", BESIEGES, "west", AFFIRM, 0.0)],
        60.0,
    );
    assert!(!later.besieged);
}

#[test]
fn disagreement_is_shown_as_dispute_not_as_contest() {
    let reports = [
        one(1, "organ", CONTROLS, "east", AFFIRM, 0.0),
        one(2, "leaning", CONTROLS, "west", AFFIRM, 0.0),
    ];
    let state = city(&registry(), &reports, 0.1);
    assert!(state.dispute > 0.9);
    assert_ne!(state.status, Status::Contested);
}

#[test]
fn tied_evidence_has_no_favourite() {
    let reports = [
        one(1, "wire", CONTROLS, "east", AFFIRM, 0.0),
        one(2, "wire", CONTROLS, "west", AFFIRM, 0.0),
    ];
    let swapped = [
        one(1, "wire", CONTROLS, "west", AFFIRM, 0.0),
        one(2, "wire", CONTROLS, "east", AFFIRM, 0.0),
    ];
    let (a, b) = (
        city(&registry(), &reports, 0.1),
        city(&registry(), &swapped, 0.1),
    );
    assert_eq!(ppm(&a, &side("east")), ppm(&b, &side("west")));
}

#[test]
fn silence_fades_towards_uncertain_never_towards_another() {
    let reports = [one(1, "wire", CONTROLS, "east", AFFIRM, 0.0)];
    let (soon, late) = (
        city(&registry(), &reports, 1.0),
        city(&registry(), &reports, 400.0),
    );
    assert!(ppm(&late, &side("east")) < ppm(&soon, &side("east")));
    assert!(ppm(&late, &side("west")) < ppm(&late, &side("east")));
    assert_eq!(late.analytic_confidence, AnalyticConfidence::Low);
}

#[test]
fn members_count_for_their_side_and_strangers_for_other() {
    let member = city(
        &registry(),
        &[one(1, "wire", CONTROLS, "west-member", AFFIRM, 0.0)],
        0.1,
    );
    assert!(ppm(&member, &side("west")) > 500_000);
    assert_eq!(member.members_named, [actor_id("west-member")]);
    let stranger = city(
        &registry(),
        &[one(1, "wire", CONTROLS, "stranger", AFFIRM, 0.0)],
        0.1,
    );
    assert!(ppm(&stranger, &Outcome::Other) > ppm(&member, &Outcome::Other));
    // A rumour that names a third party does not move the two against each other.
    assert_eq!(ppm(&stranger, &side("east")), ppm(&stranger, &side("west")));
}

#[test]
fn plans_and_conditions_feed_no_state() {
    for modality in [Modality::Conditional, Modality::Intended] {
        let mut report = one(1, "wire", CONTROLS, "west", AFFIRM, 0.0);
        report.claims[0].modality = modality;
        let state = city(&registry(), &[report], 0.1);
        assert_eq!(state.outcomes, city(&registry(), &[], 0.1).outcomes);
        assert!(state.contributions.is_empty());
    }
}

#[test]
fn a_city_informs_its_quarters_weakly_and_its_area_not_at_all() {
    let registry = registry();
    let reports = shared(&[one(1, "wire", CONTROLS, "east", AFFIRM, 0.0)]);
    let at_once = at(0.1);
    let (city, quarter, area) = (
        state(&registry, "city", &reports, at_once),
        state(&registry, "north", &reports, at_once),
        state(&registry, "area", &reports, at_once),
    );
    assert!(ppm(&quarter, &side("east")) > 500_000);
    assert!(ppm(&quarter, &side("east")) < ppm(&city, &side("east")));
    assert_eq!(area.status, Status::Unknown);
    assert!(area.contributions.is_empty());
    assert_eq!(quarter.analytic_confidence, AnalyticConfidence::Low);
}

#[test]
fn the_parts_that_a_claim_names_hear_it_and_the_others_do_not() {
    let registry = registry();
    let mut report = one(1, "wire", PRESENT, "west", AFFIRM, 0.0);
    report.claims[0].extent = Extent::Part;
    report.claims[0].sub_places = vec![place_id("north")];
    let reports = shared(&[report]);
    let inside = |place: &str| {
        let state = state(&registry, place, &reports, at(0.1));
        state
            .presence
            .iter()
            .find(|(side, _)| *side == actor_id("west"))
            .unwrap()
            .1
            .0
    };
    assert!(inside("north") > 800_000);
    assert!(inside("south") < inside("north") - 200_000);
    assert_eq!(state(&registry, "city", &reports, at(0.1)).coverage, 0.5);
}

#[test]
fn hindsight_moves_the_past_and_not_what_was_known() {
    let registry = registry();
    let before = [one(1, "wire", CONTROLS, "east", AFFIRM, 0.0)];
    let after = [
        before[0].clone(),
        one(2, "organ", WITHDREW, "east", AFFIRM, 2.0),
    ];
    let then = city(&registry, &before, 1.9);
    let now = city(&registry, &after, 1.9);
    assert!(ppm(&now, &side("east")) < ppm(&then, &side("east")));
    assert_eq!(now.contributions.len(), 2);
}

#[test]
fn the_beginning_of_control_is_placed_between_the_reports() {
    let reports = [
        one(1, "wire", CONTROLS, "east", AFFIRM, 0.0),
        one(2, "leaning", CONTROLS, "east", AFFIRM, 7.0),
        one(3, "tracker", CONTROLS, "east", AFFIRM, 8.0),
        one(4, "wire", CONTROLS, "east", AFFIRM, 9.0),
        one(5, "leaning", CONTROLS, "east", AFFIRM, 10.0),
        one(6, "wire", CONTROLS, "west", AFFIRM, 20.0),
        one(7, "organ", WITHDREW, "east", AFFIRM, 20.1),
        one(8, "tracker", CONTROLS, "west", AFFIRM, 20.2),
    ];
    let state = city(&registry(), &reports, 21.0);
    assert_eq!(state.leader().map(|(o, _)| o), Some(&side("west")));
    assert_eq!(state.status, Status::Held);
    let since = state.since.unwrap();
    assert!(since.earliest.unwrap() >= at(6.9), "{since:?}");
    assert!(since.latest.unwrap() <= at(20.3), "{since:?}");
}

#[test]
fn many_unregistered_voices_of_one_partner_are_one_group() {
    let mut reports: Vec<Report> = (0..30)
        .map(|n| one(n, "blog", CONTROLS, "west", AFFIRM, 0.0))
        .collect();
    for report in &mut reports {
        report.originator = Originator::Unregistered(SourceKind::Eyewitness);
    }
    let state = city(&registry(), &reports, 0.1);
    assert_eq!(state.contributions.len(), 1);
    let alone = city(&registry(), &reports[..1], 0.1);
    let more = ppm(&state, &side("west")).abs_diff(ppm(&alone, &side("west")));
    assert!(more < 1_000, "thirty voices move {more} ppm more than one");
}

#[test]
fn one_picture_through_many_hands_is_one_group() {
    let mut reports = [
        one(1, "wire", PRESENT, "west", AFFIRM, 0.0),
        one(2, "blog", PRESENT, "west", AFFIRM, 0.1),
        one(3, "tracker", PRESENT, "west", AFFIRM, 0.2),
    ];
    for report in &mut reports {
        report.evidence = vec![picture(0)];
    }
    let state = city(&registry(), &reports, 0.3);
    assert_eq!(state.independent_groups, 1);
    let [first, second] = [&reports[..1], &reports[..2]].map(|r| city(&registry(), r, 0.3));
    let moved = ppm(&first, &Outcome::Contested).abs_diff(ppm(&second, &Outcome::Contested));
    assert!(moved < 5_000, "the second hand moves {moved} ppm");
}

#[test]
fn fighting_shakes_a_holder() {
    let registry = registry();
    let calm = [one(1, "wire", CONTROLS, "east", AFFIRM, 0.0)];
    let mut fought = vec![calm[0].clone()];
    let mut edge = one(2, "wire", FIGHTING, "west", AFFIRM, 0.5);
    edge.claims[0].extent = Extent::Outskirts;
    fought.push(edge);
    let (calm, fought) = (city(&registry, &calm, 1.5), city(&registry, &fought, 1.5));
    assert!(ppm(&fought, &side("east")) < ppm(&calm, &side("east")));
    assert!(ppm(&fought, &Outcome::Contested) > ppm(&calm, &Outcome::Contested));
}
