//! Bad reports: every mistake by its name and path.

use std::collections::BTreeSet;

use ascertain_domain::violation::{Reason, Violation};

use super::fixture::*;
use crate::inward::submission::check;
use crate::v1;

#[test]
fn every_mistake_of_the_header_is_named() {
    let bad = v1::Report {
        report_id: "R1".to_owned(),
        partner_reference: "x".repeat(65),
        root_report_id: "R0".to_owned(),
        version: 1,
        corrects_report_id: "R0".to_owned(),
        retracted_by: 9,
        published_at: None,
        language: "Arabic!".to_owned(),
        tlp: 0,
        text: "\u{7}".to_owned(),
        attribution_chain: Vec::new(),
        claims: Vec::new(),
        submitter_grade: Some(v1::AdmiraltyGrade {
            reliability: 9,
            credibility: 7,
        }),
        ..report()
    };
    let found: BTreeSet<(String, Reason)> = mistakes(&bad).into_iter().collect();
    let expected = [
        at("report_id", Reason::InvalidUuid),
        at("partner_reference", Reason::TooLong),
        at("root_report_id", Reason::InvalidUuid),
        at("version", Reason::OutOfRange),
        at("corrects_report_id", Reason::InvalidUuid),
        at("retracted_by", Reason::OutOfRange),
        at("published_at", Reason::Required),
        at("language", Reason::Malformed),
        at("tlp", Reason::Required),
        at("text", Reason::Malformed),
        at("attribution_chain", Reason::OriginatorRequired),
        at("claims", Reason::NoClaims),
        at("submitter_grade.reliability", Reason::OutOfRange),
        at("submitter_grade.credibility", Reason::OutOfRange),
    ];
    assert_eq!(found, expected.into());
}

#[test]
fn links_between_reports_fit_each_other() {
    let other = "5f0e6a9c-0000-4000-8000-0000000000ff";
    let cases = [
        (
            v1::Report {
                corrects_report_id: ID.to_owned(),
                ..report()
            },
            at("corrects_report_id", Reason::Cycle),
        ),
        (
            v1::Report {
                retracts_report_id: ID.to_ascii_uppercase(),
                ..report()
            },
            at("retracts_report_id", Reason::Cycle),
        ),
        (
            v1::Report {
                version: 3,
                ..report()
            },
            at("root_report_id", Reason::Required),
        ),
        (
            v1::Report {
                version: 10_001,
                root_report_id: other.to_owned(),
                ..report()
            },
            at("version", Reason::OutOfRange),
        ),
        (
            v1::Report {
                retracted_by: v1::Retractor::Originator.into(),
                ..report()
            },
            at("retracts_report_id", Reason::Required),
        ),
        // To correct takes a report, to retract does not.
        (
            v1::Report {
                corrects_report_id: other.to_owned(),
                claims: Vec::new(),
                ..report()
            },
            at("claims", Reason::NoClaims),
        ),
    ];
    for (bad, expected) in cases {
        assert_eq!(mistakes(&bad), [expected]);
    }
}

#[test]
fn a_party_is_known_or_said_not_to_be() {
    let mut report = report();
    report.attribution_chain.extend([
        v1::AttributionParty {
            name: "Nobody knows".to_owned(),
            role: v1::AttributionRole::Submitter.into(),
            ..Default::default()
        },
        v1::AttributionParty {
            source_id: "sohr".to_owned(),
            unregistered_kind: v1::SourceKind::Ngo.into(),
            ..Default::default()
        },
    ]);
    assert_eq!(
        mistakes(&report),
        [
            at("attribution_chain[2]", Reason::SourceUnknown),
            at("attribution_chain[3].role", Reason::Required),
            at(
                "attribution_chain[3].unregistered_kind",
                Reason::ReferenceContradicts
            ),
        ]
    );
}

#[test]
fn a_place_must_be_one_and_known() {
    let place = |place: v1::PlaceReference| mistake_of(|c| c.place = Some(place)).1;
    assert_eq!(
        mistake_of(|c| c.place = None),
        at("claims[0].place", Reason::Required)
    );
    let named = |name: &str| v1::PlaceReference {
        name: name.to_owned(),
        ..Default::default()
    };
    assert_eq!(place(named("Hame")), Reason::PlaceUnknown);
    // The city and its governorate share the name.
    assert_eq!(place(named("Hama")), Reason::PlaceAmbiguous);
    assert_eq!(
        place(v1::PlaceReference {
            pcode: "C2987".to_owned(),
            ..reference("hama")
        }),
        Reason::ReferenceContradicts
    );
    let nan = Some(v1::Point {
        latitude: f64::NAN,
        longitude: 0.0,
    });
    let (field, reason) = mistake_of(|c| {
        c.place = Some(v1::PlaceReference {
            point: nan,
            ..Default::default()
        });
    });
    assert_eq!(
        (field.as_str(), reason),
        ("report.claims[0].place.point", Reason::OutOfRange)
    );
}

#[test]
fn the_position_of_a_witness_is_not_kept() {
    let mut report = report();
    let point = Some(v1::Point {
        latitude: 35.131,
        longitude: 36.751,
    });
    report.claims[0].place = Some(v1::PlaceReference {
        point,
        ..Default::default()
    });
    let recorded = checked(&report).recorded.report.unwrap();
    assert_eq!(recorded.claims[0].place, Some(reference("hama-city")));
}

#[test]
fn predicates_need_their_actors() {
    use v1::Predicate::{FightingAt, HandedOver};
    assert_eq!(
        mistake_of(|c| c.actors.clear()),
        at("claims[0].actors", Reason::ActorRequired)
    );
    assert_eq!(
        mistake_of(|c| c.to_actors = c.actors.clone()),
        at("claims[0].to_actors", Reason::ActorNotAllowed)
    );
    assert_eq!(
        mistake_of(|c| c.predicate = HandedOver.into()),
        at("claims[0].to_actors", Reason::ActorRequired)
    );
    assert_eq!(
        mistake_of(|c| c.actors[0].actor_id = "oppo".to_owned()),
        at("claims[0].actors[0]", Reason::ActorUnknown)
    );
    let mut report = report();
    report.claims[0].predicate = FightingAt.into();
    report.claims[0].actors.clear();
    checked(&report);
}

#[test]
fn numbers_that_mean_nothing_here_are_refused() {
    assert_eq!(
        mistake_of(|c| c.predicate = 99),
        at("claims[0].predicate", Reason::OutOfRange)
    );
    assert_eq!(
        mistake_of(|c| c.polarity = 0),
        at("claims[0].polarity", Reason::Required)
    );
    assert_eq!(
        mistake_of(|c| c.modality = -1),
        at("claims[0].modality", Reason::OutOfRange)
    );
}

#[test]
fn sub_places_lie_within_and_go_with_a_part() {
    assert_eq!(
        mistake_of(|c| {
            c.extent = v1::Extent::Whole.into();
            c.sub_places = vec![reference("sawaaek")];
        }),
        at("claims[0].extent", Reason::ExtentContradicts)
    );
    for outside in ["hama", "hama-city"] {
        assert_eq!(
            mistake_of(|c| c.sub_places = vec![reference(outside)]),
            at("claims[0].sub_places[0]", Reason::SubPlaceOutside)
        );
    }
    assert_eq!(
        mistake_of(|c| c.sub_places = vec![reference("sawaaek"); 2]),
        at("claims[0].sub_places[1]", Reason::Duplicate)
    );
}

#[test]
fn what_has_not_happened_is_a_plan_or_a_mistake() {
    let interval = |earliest: &str, latest: &str| {
        Some(v1::TimeInterval {
            earliest: wire_time(earliest),
            latest: wire_time(latest),
            ..Default::default()
        })
    };
    let future = || interval("2024-12-05T09:00:00Z", "2024-12-05T12:05:01Z");
    assert_eq!(
        mistake_of(|c| c.event_time = future()),
        at("claims[0].event_time.latest", Reason::EventInFuture)
    );
    assert_eq!(
        mistake_of(|c| c.event_time = interval("2024-12-05T09:00:00Z", "2024-12-05T08:00:00Z")),
        at("claims[0].event_time", Reason::IntervalReversed)
    );
    let mut plan = report();
    plan.claims[0].event_time = future();
    plan.claims[0].modality = v1::Modality::Conditional.into();
    assert_eq!(checked(&plan).flags, [""; 0]);
    // Within five minutes clocks may differ; published before it happened is flagged.
    let mut odd = report();
    odd.claims[0].event_time = interval("2024-12-05T09:00:00Z", "2024-12-05T12:05:00Z");
    let odd = checked(&odd);
    assert_eq!(odd.flags, ["TIME_INCONSISTENT"]);
    assert!(odd.recorded.time_inconsistent);
}

#[test]
fn evidence_has_an_id_a_kind_and_a_whole_digest() {
    let mut report = report();
    report.evidence.push(v1::Evidence {
        evidence_id: "photo".to_owned(),
        sha256: vec![7; 31],
        perceptual_hash: "none".to_owned(),
        ..Default::default()
    });
    report.evidence_ids.push("A clip".to_owned());
    assert_eq!(
        mistakes(&report),
        [
            at("evidence[1].evidence_id", Reason::Duplicate),
            at("evidence[1].kind", Reason::Required),
            at("evidence[1].sha256", Reason::Malformed),
            at("evidence[1].perceptual_hash", Reason::Malformed),
            at("evidence_ids[1]", Reason::Malformed),
        ]
    );
}

#[test]
fn a_perceptual_hash_says_what_is_wrong_with_it() {
    let described = |hash: &str| {
        let mut report = report();
        report.evidence[0].perceptual_hash = hash.to_owned();
        let found = check(&report, registered().latest(), received()).unwrap_err();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "report.evidence[0].perceptual_hash");
        found[0].description.clone()
    };
    assert!(described("0123456789abcdef").contains("ALGORITHM:HEX"));
    assert!(described("phash:0123").contains("4 hexadecimal digits"));
    assert!(described("phash:0123456789abcdeg").contains("'g'"));
    assert!(described(":0123456789abcdef").contains("names its algorithm"));
}

#[test]
fn more_than_a_hundred_mistakes_are_not_told_one_by_one() {
    let bad = v1::Claim {
        predicate: 0,
        polarity: 0,
        ..claim(v1::Predicate::Controls)
    };
    let found = check(
        &v1::Report {
            claims: vec![bad; 200],
            ..report()
        },
        registered().latest(),
        received(),
    );
    let found: Vec<Violation> = found.unwrap_err();
    assert_eq!(found.len(), 101);
    assert!(
        found[100]
            .description
            .contains("150 claims were not looked at"),
        "{}",
        found[100]
    );
}
