//! Good reports: resolved, taken apart and put together.

use ascertain_domain::id::Digest;
use prost::Message as _;

use super::fixture::*;
use crate::inward::submission::{differing_fields, join, submitted_digest};
use crate::{log, v1};

#[test]
fn a_good_report_is_resolved_and_its_texts_stand_beside_it() {
    let checked = checked(&report());
    let recorded = checked.recorded.report.as_ref().unwrap();
    assert_eq!(recorded.report_id, ID.to_lowercase());
    assert_eq!(recorded.tlp, v1::Tlp::Clear as i32);
    assert_eq!(recorded.attribution_chain[0].source_id, "sohr");
    let claim = &recorded.claims[1];
    assert_eq!(claim.claim_id, "c1");
    assert_eq!(claim.place.as_ref().unwrap().place_id, "hama-city");
    assert_eq!(claim.sub_places[0].place_id, "sawaaek");
    assert_eq!(claim.actors[0].actor_id, "opp");
    let bytes = recorded.encode_to_vec();
    for text in [
        "Fighters",
        "SOHR",
        "outlet",
        "example.org",
        "Sawaaek",
        "opposition",
    ] {
        assert!(
            !bytes.windows(text.len()).any(|w| w == text.as_bytes()),
            "{text}"
        );
    }
    let places: Vec<String> = checked.places.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["hama-city", "sawaaek"]);
    assert_eq!(checked.pending_links, ["clip"]);
    assert_eq!(
        Digest::of(&checked.content.encode_to_vec()).0.as_slice(),
        checked.recorded.content_commitment
    );
}

#[test]
fn what_was_taken_apart_comes_together_again() {
    let checked = checked(&report());
    let received_at = wire_time("2024-12-05T12:00:00Z");
    let joined = join(&checked.recorded, &checked.content, received_at);
    assert_eq!(joined.received_at, received_at);
    assert_eq!(joined.text, report().text);
    assert_eq!(joined.claims[1].place.as_ref().unwrap().name, "Hama");
    assert_eq!(joined.claims[1].sub_places[0].name, "Sawaaek");
    assert_eq!(joined.claims[1].actors[0].name, "opposition");
    assert_eq!(joined.attribution_chain[1].name, "A sister outlet");
    assert_eq!(joined.attribution_chain[0].locator, "https://example.org/1");
    assert_eq!(
        joined.evidence[0].original_locator,
        "https://example.org/photo"
    );
    // Erased content leaves the rest.
    let erased = join(&checked.recorded, &log::v1::ReportContent::default(), None);
    assert_eq!((erased.text.as_str(), erased.claims.len()), ("", 2));
}

#[test]
fn two_checks_of_one_report_differ_in_salt_only() {
    let (one, other) = (checked(&report()), checked(&report()));
    assert_ne!(
        one.recorded.content_commitment,
        other.recorded.content_commitment
    );
    assert_eq!(
        one.recorded.submitted_digest,
        other.recorded.submitted_digest
    );
    assert_eq!(one.recorded.report, other.recorded.report);
}

#[test]
fn white_is_clear_and_the_case_of_the_id_is_no_difference() {
    let clear = v1::Report {
        tlp: v1::Tlp::Clear.into(),
        report_id: ID.to_lowercase(),
        received_at: wire_time("2024-12-05T12:00:00Z"),
        ..report()
    };
    assert_eq!(submitted_digest(&clear), submitted_digest(&report()));
    let other = v1::Report {
        language: "ar".to_owned(),
        ..clear
    };
    assert_ne!(submitted_digest(&other), submitted_digest(&report()));
    assert_eq!(differing_fields(&other, &report()), ["language"]);
}
