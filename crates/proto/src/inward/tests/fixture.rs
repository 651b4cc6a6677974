//! A small registry, and a good report over it.

use ascertain_domain::registry::{Registry, Version};
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::Reason;
use prost::Message as _;

use crate::inward::registry;
use crate::inward::submission::{Checked, check};
use crate::{log, outward, v1};

pub(super) const ID: &str = "5F0E6A9C-0000-4000-8000-000000000001";

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn wire_time(text: &str) -> Option<prost_types::Timestamp> {
    Some(outward::timestamp(time(text)))
}

pub(super) fn received() -> Timestamp {
    time("2024-12-05T12:00:00Z")
}

pub(super) fn names(text: &str) -> Vec<v1::Name> {
    vec![v1::Name {
        text: text.to_owned(),
        ..Default::default()
    }]
}

pub(super) fn place(id: &str, name: &str, kind: v1::PlaceKind, parent: &str) -> v1::Place {
    v1::Place {
        place_id: id.to_owned(),
        kind: kind.into(),
        parent_id: parent.to_owned(),
        names: names(name),
        ..Default::default()
    }
}

pub(super) fn request() -> v1::ApplyRegistryRequest {
    use v1::PlaceKind::{AdminUnit, City, Neighbourhood};
    let actor = |id: &str, name: &str| v1::Actor {
        actor_id: id.to_owned(),
        kind: v1::ActorKind::RebelGroup.into(),
        names: names(name),
        relations: Vec::new(),
    };
    v1::ApplyRegistryRequest {
        places: vec![
            place("sawaaek", "Sawaaek", Neighbourhood, "hama-city"),
            v1::Place {
                pcode: "C2987".to_owned(),
                location: Some(v1::Point {
                    latitude: 35.13,
                    longitude: 36.75,
                }),
                ..place("hama-city", "Hama", City, "hama")
            },
            v1::Place {
                admin_level: 1,
                side_ids: vec!["opp".to_owned(), "gov".to_owned()],
                ..place("hama", "Hama", AdminUnit, "syria")
            },
            place("syria", "Syria", AdminUnit, ""),
        ],
        actors: vec![actor("gov", "Government"), actor("opp", "Opposition")],
        sources: vec![v1::Source {
            source_id: "sohr".to_owned(),
            names: names("SOHR"),
            kind: v1::SourceKind::Monitor.into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(super) fn registered() -> Registry {
    let mut registry = Registry::default();
    for (entity, sequence) in registry::check(&request(), &registry.clone())
        .unwrap()
        .into_iter()
        .zip(1..)
    {
        registry.apply(sequence, Version::LATEST, entity.change);
    }
    registry
}

pub(super) fn reference(id: &str) -> v1::PlaceReference {
    v1::PlaceReference {
        place_id: id.to_owned(),
        ..Default::default()
    }
}

pub(super) fn claim(predicate: v1::Predicate) -> v1::Claim {
    v1::Claim {
        place: Some(v1::PlaceReference {
            pcode: "c2987".to_owned(),
            name: "Hama".to_owned(),
            ..Default::default()
        }),
        actors: vec![v1::ActorReference {
            name: "opposition".to_owned(),
            ..Default::default()
        }],
        predicate: predicate.into(),
        polarity: v1::Polarity::Affirm.into(),
        ..Default::default()
    }
}

pub(super) fn report() -> v1::Report {
    v1::Report {
        report_id: ID.to_owned(),
        attribution_chain: vec![
            v1::AttributionParty {
                name: "SOHR".to_owned(),
                role: v1::AttributionRole::Originator.into(),
                locator: "https://example.org/1".to_owned(),
                ..Default::default()
            },
            v1::AttributionParty {
                name: "A sister outlet".to_owned(),
                unregistered_kind: v1::SourceKind::Newsroom.into(),
                role: v1::AttributionRole::Relay.into(),
                ..Default::default()
            },
        ],
        published_at: wire_time("2024-12-05T10:30:00Z"),
        claims: vec![
            claim(v1::Predicate::Controls),
            v1::Claim {
                sub_places: vec![v1::PlaceReference {
                    name: "Sawaaek".to_owned(),
                    ..Default::default()
                }],
                ..claim(v1::Predicate::Present)
            },
        ],
        evidence: vec![v1::Evidence {
            evidence_id: "photo".to_owned(),
            kind: v1::EvidenceKind::Image.into(),
            sha256: vec![7; 32],
            original_locator: "https://example.org/photo".to_owned(),
            ..Default::default()
        }],
        evidence_ids: vec!["clip".to_owned()],
        tlp: v1::Tlp::White.into(),
        text: "Fighters\nin the city".to_owned(),
        ..Default::default()
    }
}

pub(super) fn checked(report: &v1::Report) -> Checked {
    check(report, registered().latest(), received()).unwrap()
}

pub(super) fn mistakes(report: &v1::Report) -> Vec<(String, Reason)> {
    let found = check(report, registered().latest(), received()).unwrap_err();
    found.into_iter().map(|v| (v.field, v.reason)).collect()
}

/// The only mistake of a report with one claim changed.
pub(super) fn mistake_of(change: impl FnOnce(&mut v1::Claim)) -> (String, Reason) {
    let mut report = report();
    change(&mut report.claims[0]);
    let found = mistakes(&report);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

pub(super) fn at(field: &str, reason: Reason) -> (String, Reason) {
    (format!("report.{field}"), reason)
}

pub(super) fn body(checked: &Checked, stamp: log::v1::Stamp) -> Vec<u8> {
    let body = log::v1::RecordBody {
        stamp: Some(stamp),
        content: Some(log::v1::record_body::Content::Report(
            checked.recorded.clone(),
        )),
    };
    body.encode_to_vec()
}

pub(super) fn stamp(at: &str) -> log::v1::Stamp {
    log::v1::Stamp {
        first_recorded_at: wire_time(at),
        partner_id: "desk".to_owned(),
        ..Default::default()
    }
}
