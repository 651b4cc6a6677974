//! What one picture, one text and one snapshot count for.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use ascertain_domain::evidence::{Evidence, EvidenceKey, PerceptualHash};
use ascertain_domain::id::Digest;
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::{Polarity, Report};
use ascertain_domain::simhash::simhash;
use ascertain_domain::source::{Alignment, Grade, Reporting, Source};
use ascertain_domain::state::Outcome;
use ascertain_engine::{ClaimExplanation, Explanation, Family, explain};
use world::{
    actor_id, at, fold, place_id, predicate, register, registry, report, said, shared, source,
};

const TEXT: &str = "Our correspondent in the eastern quarter says that the last government \
    vehicles left the brigade headquarters shortly before dawn and that armed men in pickup \
    trucks were seen at the hospital, the grain silos and the northern roundabout an hour later.";
const OTHER_TEXT: &str = "Residents who reached the border on Tuesday described shelling through \
    the night, said the bakery had closed a week ago, and gave differing accounts of who was \
    manning the checkpoints on the road south, which one of them had last taken on Sunday.";
const HANDS: [&str; 3] = ["wire", "tracker", "blog"];

/// That a side holds the city.
fn holds(number: u32, source: &str, side: &str, day: f64) -> Report {
    let claim = said(source, predicate(0, side, side), Polarity::Affirm, day);
    report(number, source, day, vec![claim])
}

/// The same from each of three hands, a tenth of a day apart.
fn through_three_hands(carrying: impl Fn(usize, &mut Report)) -> Vec<Report> {
    let hands = HANDS.iter().enumerate().map(|(i, source)| {
        let mut report = holds(i as u32 + 1, source, "west", i as f64 / 10.0);
        carrying(i, &mut report);
        report
    });
    hands.collect()
}

fn explained(registry: &Registry, reports: &[Report], day: f64) -> Explanation {
    let view = registry.latest();
    let family = Family {
        place: view.place(&place_id("city")).unwrap(),
        registry: view,
        audience: Audience::Clear,
        reports: &shared(reports),
    };
    explain(family, at(day), at(day))
}

/// How each of these reports' claims entered, in their order.
fn claims(registry: &Registry, reports: &[Report]) -> Vec<ClaimExplanation> {
    let explanation = explained(registry, reports, 1.0);
    let all: Vec<&ClaimExplanation> = explanation.groups.iter().flat_map(|g| &g.claims).collect();
    let of = |report: &Report| all.iter().find(|c| c.report == report.key()).unwrap();
    reports.iter().map(|report| (*of(report)).clone()).collect()
}

fn repetitions(reports: &[Report]) -> Vec<f64> {
    let claims = claims(&registry(), reports);
    claims.iter().map(|claim| claim.repetition).collect()
}

fn picture(bytes: &[u8], hash: &str) -> Evidence {
    Evidence {
        perceptual_hash: Some(PerceptualHash::parse(hash).unwrap()),
        ..Evidence::of(EvidenceKey::Sha256(Digest::of(bytes)))
    }
}

fn chance(registry: &Registry, reports: &[Report], side: &str, day: f64) -> u32 {
    let state = fold(registry, "city", &shared(reports)).evaluate(at(day), at(day));
    let side = Outcome::Side(actor_id(side));
    let found = state.outcomes.iter().find(|(outcome, _)| *outcome == side);
    found.unwrap().1.0
}

#[test]
fn one_text_through_many_hands_counts_once() {
    let texts = [
        TEXT.to_owned(),
        TEXT.replace("grain", "wheat"),
        TEXT.to_uppercase(),
    ];
    assert_ne!(simhash(&texts[0]), simhash(&texts[1]));
    let reports = through_three_hands(|i, report| report.text_simhash = simhash(&texts[i]));
    let left = repetitions(&reports);
    assert_eq!(left[0], 1.0);
    assert!(left[1] < 0.05 && left[2] < 0.05, "{left:?}");
    let once = chance(&registry(), &reports[..1], "west", 1.0);
    let thrice = chance(&registry(), &reports, "west", 1.0);
    let apart = chance(&registry(), &through_three_hands(|_, _| ()), "west", 1.0);
    assert!(
        thrice - once < (apart - once) / 10,
        "{once} {thrice} {apart}"
    );
}

#[test]
fn different_texts_count_each() {
    let texts = [TEXT, OTHER_TEXT, "Too short to tell whose words these are."];
    let reports = through_three_hands(|i, report| report.text_simhash = simhash(texts[i]));
    assert_eq!(repetitions(&reports), [1.0; 3]);
}

#[test]
fn a_picture_that_was_cropped_or_recoded_counts_once() {
    let hashes = [
        "phash:0123456789abcdef",
        // Five bits of 64.
        "phash:0123456789abcd0c",
        // Other five, with the name in capitals.
        "PHASH:f923456789abcdef",
    ];
    let reports = through_three_hands(|i, report| {
        report.evidence = vec![picture(&[i as u8], hashes[i])];
    });
    let left = repetitions(&reports);
    assert_eq!(left[0], 1.0);
    assert!(left[1] < 0.05 && left[2] < 0.05, "{left:?}");
}

#[test]
fn pictures_that_look_different_or_were_hashed_otherwise_count_each() {
    let hashes = [
        "phash:0123456789abcdef",
        "phash:0123456789ab3210",
        "dhash:0123456789abcdef",
    ];
    let reports = through_three_hands(|i, report| {
        report.evidence = vec![picture(&[i as u8], hashes[i])];
    });
    assert_eq!(repetitions(&reports), [1.0; 3]);
}

#[test]
fn a_report_of_many_claims_keeps_its_pictures_once() {
    let claims = (0..256).map(|i| {
        let side = ["east", "west"][i % 2];
        said("wire", predicate(0, side, side), Polarity::Affirm, 0.0)
    });
    let mut report = report(1, "wire", 0.0, claims.collect());
    report.evidence = (0..32)
        .map(|i: u8| picture(&[i], &format!("phash:01234567000{i:05b}")))
        .collect();
    assert_eq!(fold(&registry(), "city", &shared(&[report])).claims(), 288);
}

#[test]
fn made_up_kinds_of_hashes_take_no_room_from_usual_ones() {
    let mut flood = holds(100, "blog", "east", -1.0);
    flood.evidence = (0..32)
        .map(|i: u8| picture(&[100 + i], &format!("kind{i}:0123456789abcdef")))
        .collect();
    let hashes = ["phash:0123456789abcdef", "phash:0123456789abcd0c"];
    let mut reports = through_three_hands(|i, report| {
        report.evidence = vec![picture(&[i as u8], hashes[i % 2])];
    });
    reports.push(flood);
    let left = repetitions(&reports);
    assert_eq!(left[0], 1.0);
    assert!(left[1] < 0.05 && left[2] < 0.05, "{left:?}");
    let kept = fold(&registry(), "city", &shared(&reports)).claims();
    assert_eq!(
        kept,
        4 + 2 + 8,
        "claims, pictures, and the first made-up kinds"
    );
}

#[test]
fn who_sends_an_anchors_picture_first_takes_nothing_from_the_anchor() {
    let mut wire = holds(1, "wire", "east", 1.0);
    let mut first = holds(2, "blog", "west", 0.9);
    let mut second = report(3, "leaning", 0.91, vec![]);
    let edge = said("leaning", predicate(1, "west", ""), Polarity::Affirm, 0.91);
    second.claims = vec![edge];
    for report in [&mut wire, &mut first, &mut second] {
        report.evidence = vec![Evidence::of(EvidenceKey::Sha256(Digest::of(b"seen")))];
    }
    let mut registry = registry();
    let unknown = source("leaning", Grade::F, Alignment::Unknown);
    register(&mut registry, RegistryChange::Source(unknown));
    let left = claims(&registry, &[wire, first, second]);
    assert_eq!(left[0].repetition, 1.0);
    assert_eq!(
        left[0].repeats.as_ref().map(|(_, r)| r.as_str()),
        Some("R2")
    );
}

#[test]
fn it_is_told_whose_text_or_picture_a_report_repeats() {
    let reports = through_three_hands(|i, report| match i {
        0 => report.text_simhash = simhash(TEXT),
        1 => {
            report.text_simhash = simhash(TEXT);
            report.evidence = vec![world::picture(0)];
        }
        _ => report.evidence = vec![world::picture(0)],
    });
    let claims = claims(&registry(), &reports);
    let repeated: Vec<Option<String>> = claims
        .into_iter()
        .map(|claim| claim.repeats.map(|(_, reference)| reference))
        .collect();
    assert_eq!(repeated, [None, Some("R1".into()), Some("R2".into())]);
}

#[test]
fn a_claim_whose_evidence_all_failed_weighs_a_fifth() {
    let failed = |evidence: &[bool]| {
        let mut report = holds(1, "wire", "west", 0.0);
        let items = evidence.iter().enumerate();
        report.evidence = items
            .map(|(i, failed)| Evidence {
                failed: *failed,
                ..Evidence::of(EvidenceKey::Sha256(Digest::of(&[i as u8])))
            })
            .collect();
        report
    };
    let weight = |report: Report| {
        let claim = claims(&registry(), &[report]).remove(0);
        (claim.evidence, claim.weight)
    };
    assert_eq!(weight(failed(&[])), (1.0, 1.0));
    assert_eq!(weight(failed(&[false])), (1.0, 1.0));
    assert_eq!(weight(failed(&[true, false])), (1.0, 1.0));
    assert_eq!(weight(failed(&[true, true])), (0.2, 0.2));
    let of = |report| chance(&registry(), &[report], "west", 0.1);
    let (sound, unsound, nothing) = (
        of(failed(&[false])),
        of(failed(&[true])),
        chance(&registry(), &[], "west", 0.1),
    );
    assert!(
        nothing < unsound && unsound < sound,
        "{nothing} {unsound} {sound}"
    );
}

/// The registry with a source that states all it knows each time.
fn with_a_snapshot() -> Registry {
    let mut registry = registry();
    let list = Source {
        reporting: Reporting::Snapshot,
        identity_verified: true,
        ..source("list", Grade::B, Alignment::Independent)
    };
    register(&mut registry, RegistryChange::Source(list));
    registry
}

/// Whether the last midnight's silence kept what was claimed from fading: a day without
/// evidence takes about 2,000 ppm from it.
fn standing_on(reports: &[Report], day: f64) -> bool {
    let registry = with_a_snapshot();
    let before = chance(&registry, reports, "west", day - 0.9);
    let after = chance(&registry, reports, "west", day + 0.1);
    after + 100 > before
}

#[test]
fn what_a_snapshot_has_not_repeated_for_a_fortnight_no_longer_stands() {
    let once = [holds(1, "list", "west", 0.0)];
    assert!(standing_on(&once, 2.0) && standing_on(&once, 14.0));
    assert!(!standing_on(&once, 16.0) && !standing_on(&once, 60.0));
    let watched = [holds(1, "watcher", "west", 0.0)];
    assert!(
        standing_on(&watched, 60.0),
        "who reports only changes stands on"
    );
}

#[test]
fn a_snapshot_that_says_it_again_renews_it_and_shows_no_change() {
    let weekly: Vec<Report> = (0..6)
        .map(|week| holds(week + 1, "list", "west", f64::from(week) * 7.0))
        .collect();
    assert!(standing_on(&weekly, 48.0) && !standing_on(&weekly, 52.0));
    let registry = with_a_snapshot();
    let explanation = explained(&registry, &weekly, 40.0);
    let claims = &explanation.groups[0].claims;
    assert!(
        claims[1..]
            .iter()
            .all(|c| c.likelihoods.iter().all(|l| *l == 1.0))
    );
    // After it lapsed the same is a claim again.
    let late = [
        holds(1, "list", "west", 0.0),
        holds(2, "list", "west", 30.0),
    ];
    let explanation = explained(&registry, &late, 31.0);
    let again = &explanation.groups[0].claims[1];
    assert!(again.likelihoods.iter().any(|l| *l < 0.5), "{again:?}");
}

#[test]
fn a_snapshot_stands_from_its_issue_however_old_what_it_states() {
    let mut old = holds(1, "list", "west", 0.0);
    (old.published_at, old.first_known_at) = (at(40.0), at(40.0));
    assert!(standing_on(&[old.clone()], 50.0) && !standing_on(&[old.clone()], 56.0));
    let mut again = holds(2, "list", "west", 0.0);
    (again.published_at, again.first_known_at) = (at(50.0), at(50.0));
    assert!(standing_on(&[old, again], 60.0));
}

#[test]
fn in_whatever_order_reports_are_handed_over_one_name_is_given() {
    let reports = through_three_hands(|i, report| {
        report.text_simhash = simhash(TEXT);
        report.evidence = vec![world::picture(i as u8)];
    });
    let mut backwards = shared(&reports);
    backwards.reverse();
    let forwards = fold(&registry(), "city", &shared(&reports)).resume_point();
    assert_eq!(
        forwards,
        fold(&registry(), "city", &backwards).resume_point()
    );
}
