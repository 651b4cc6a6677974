//! Requests to the registry.

use std::collections::BTreeSet;

use ascertain_domain::registry::Registry;
use ascertain_domain::violation::Reason;
use prost::Message as _;

use super::fixture::*;
use crate::inward::record::{Body, decode_body};
use crate::inward::registry;
use crate::{log, v1};

#[test]
fn home_areas_are_found_within_the_request_and_the_registry() {
    let registry = registered();
    let home = |id: &str| {
        let id = ascertain_domain::id::PlaceId::new(id).unwrap();
        registry.latest().place(&id).unwrap().home_area.to_string()
    };
    assert_eq!(
        ["sawaaek", "hama", "syria"].map(home),
        ["hama", "hama", "syria"]
    );
    let later = v1::ApplyRegistryRequest {
        places: vec![place(
            "kaso",
            "Kaso",
            v1::PlaceKind::Neighbourhood,
            "hama-city",
        )],
        ..Default::default()
    };
    let entities = registry::check(&later, &registry).unwrap();
    let Some(log::v1::registry_change::Entity::Place(kaso)) = &entities[0].wire.entity else {
        panic!("no place")
    };
    assert_eq!(kaso.home_area_id, "hama");
}

#[test]
fn every_mistake_of_a_registry_request_is_named() {
    let mut request = request();
    request.places[0].kind = 0;
    request.places[0].location = Some(v1::Point {
        latitude: 91.0,
        longitude: 0.0,
    });
    request.places[1].geometry_geojson = "{}".to_owned();
    request.places[2].side_ids.push("nobody".to_owned());
    request.places[3].names.clear();
    request.actors[0].actor_id = "Gov".to_owned();
    request.sources[0].protection_class = v1::ProtectionClass::Protected.into();
    request.sources[0].alignments.push(v1::Alignment {
        kind: v1::AlignmentKind::OrganOf.into(),
        ..Default::default()
    });
    let found = registry::check(&request, &Registry::default()).unwrap_err();
    let found: BTreeSet<(String, Reason)> =
        found.into_iter().map(|v| (v.field, v.reason)).collect();
    let expected = [
        ("actors[0].actor_id", Reason::Malformed),
        ("sources[0].protection_class", Reason::MarkingNotSupported),
        ("sources[0].alignments[0].actor_id", Reason::Required),
        ("places[0].kind", Reason::Required),
        ("places[0].location", Reason::OutOfRange),
        ("places[1].geometry_geojson", Reason::Malformed),
        ("places[3].names", Reason::Required),
        ("places[2].side_ids[0]", Reason::ActorUnknown),
        ("places[2].side_ids[1]", Reason::ActorUnknown),
    ];
    let expected: BTreeSet<(String, Reason)> = expected
        .into_iter()
        .map(|(f, r)| (f.to_owned(), r))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_applied_entity_is_read_back_as_it_was() {
    for entity in registry::check(&request(), &Registry::default()).unwrap() {
        let body = log::v1::RecordBody {
            stamp: Some(stamp("2024-12-05T12:00:00Z")),
            content: Some(log::v1::record_body::Content::RegistryChange(
                entity.wire.clone(),
            )),
        };
        let read = decode_body(&body.encode_to_vec()).unwrap();
        let Body::Registry(change, wire, version) = read else {
            panic!("no registry change")
        };
        assert_eq!((change, *wire), (entity.change, entity.wire));
        assert_eq!(version.first_known_at, version.first_recorded_at);
    }
}
