//! The registry: all or none, adopted everywhere, and there after a restart.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used, clippy::panic)]

mod harness;

use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::v1;
use harness::{Node, actor, place, reason, registry, report, violations};
use tonic::Code;

#[tokio::test]
async fn a_request_with_one_mistake_applies_nothing() {
    let mut node = Node::empty().await;
    let mut request = registry();
    request.places[1].parent_id = "nowhere".to_owned();
    let status = node.registry.apply_registry(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        violations(&status),
        [("places[1].parent_id".to_owned(), "PLACE_UNKNOWN".to_owned())]
    );
    assert!(node.records(0).await.is_empty());
}

#[tokio::test]
async fn applying_a_file_again_changes_nothing() {
    let mut node = Node::empty().await;
    let first = node
        .registry
        .apply_registry(registry())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((first.applied, first.unchanged), (13, 0));
    let again = node
        .registry
        .apply_registry(registry())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((again.applied, again.unchanged), (0, 13));
    assert_eq!(node.records(0).await.len(), 13);
}

#[tokio::test]
async fn every_partition_adopts_what_partition_zero_holds() {
    let node = Node::with_registry().await;
    for partition in 1..4 {
        let records = node.records(partition).await;
        let body = decode_body(&records[0].body).unwrap();
        assert_eq!(
            body,
            Body::Adopt {
                registry_sequence: 13
            }
        );
    }
}

#[tokio::test]
async fn the_home_area_is_the_nearest_governorate_and_stays() {
    let mut node = Node::with_registry().await;
    let request = v1::GetPlaceRequest {
        place: "c2987".to_owned(),
    };
    let city = node
        .registry
        .get_place(request)
        .await
        .unwrap()
        .into_inner()
        .place
        .unwrap();
    assert_eq!(city.home_area_id, "hama");
    let moved = v1::Place {
        home_area_id: "homs".to_owned(),
        ..city
    };
    let request = v1::ApplyRegistryRequest {
        places: vec![moved],
        ..Default::default()
    };
    let status = node.registry.apply_registry(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(reason(&status), "HOME_AREA_IMMUTABLE");
}

#[tokio::test]
async fn nothing_lies_in_itself() {
    let mut node = Node::with_registry().await;
    let member = |id: &str, of: &str| v1::Actor {
        relations: vec![
            v1::ActorRelation {
                kind: v1::ActorRelationKind::BackedBy.into(),
                actor_id: "gov".to_owned(),
                ..Default::default()
            },
            v1::ActorRelation {
                kind: v1::ActorRelationKind::MemberOf.into(),
                actor_id: of.to_owned(),
                ..Default::default()
            },
        ],
        ..actor(id, id)
    };
    let request = v1::ApplyRegistryRequest {
        places: vec![
            place("a", "A", v1::PlaceKind::City, "b"),
            place("b", "B", v1::PlaceKind::City, "a"),
        ],
        actors: vec![member("x", "y"), member("y", "x")],
        ..Default::default()
    };
    let status = node.registry.apply_registry(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let found = violations(&status);
    assert!(
        found.iter().all(|(_, reason)| reason == "CYCLE"),
        "{found:?}"
    );
    let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "actors[0].relations[1].actor_id",
            "actors[1].relations[1].actor_id",
            "places[0].parent_id",
            "places[1].parent_id"
        ]
    );
}

#[tokio::test]
async fn a_place_that_is_not_there_names_the_nearest() {
    let mut node = Node::with_registry().await;
    let request = v1::GetPlaceRequest {
        place: "hama-citi".to_owned(),
    };
    let status = node.registry.get_place(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "PLACE_UNKNOWN")
    );
    assert!(
        status.message().contains("hama-city"),
        "{}",
        status.message()
    );
}

#[tokio::test]
async fn places_are_listed_by_area_and_searched_by_name() {
    let mut node = Node::with_registry().await;
    let request = v1::ListPlacesRequest {
        within_place_id: "hama".to_owned(),
        page_size: 3,
        ..Default::default()
    };
    let page = node
        .registry
        .list_places(request.clone())
        .await
        .unwrap()
        .into_inner();
    let ids: Vec<&str> = page.places.iter().map(|p| p.place_id.as_str()).collect();
    assert_eq!(ids, ["hama", "hama-city", "kaso"]);
    let other = v1::ListPlacesRequest {
        within_place_id: "homs".to_owned(),
        page_token: page.next_page_token.clone(),
        ..request.clone()
    };
    let status = node.registry.list_places(other).await.unwrap_err();
    assert_eq!(reason(&status), "PAGE_TOKEN_INVALID");
    let next = v1::ListPlacesRequest {
        page_token: page.next_page_token,
        ..request
    };
    let last = node.registry.list_places(next).await.unwrap().into_inner();
    assert_eq!((last.places.len(), last.next_page_token.as_str()), (1, ""));

    let request = v1::SearchPlacesRequest {
        query: "sawaek".to_owned(),
        ..Default::default()
    };
    let matches = node
        .registry
        .search_places(request)
        .await
        .unwrap()
        .into_inner()
        .matches;
    assert_eq!(matches[0].place.as_ref().unwrap().place_id, "sawaaek");
}

#[tokio::test]
async fn a_restart_knows_every_report_and_place_again() {
    let mut node = Node::with_registry().await;
    let before = node.submit(report(1)).await.unwrap();
    let (log, folder) = node.end().await;
    // The index goes on from where it was, then from nothing.
    let mut node = Node::over(log, folder).await;
    let after = node.submit(report(1)).await.unwrap();
    assert!(after.duplicate);
    assert_eq!(after.write_token, before.write_token);
    let (log, _gone) = node.end().await;
    let mut node = Node::over(log, tempfile::tempdir().unwrap()).await;
    assert!(node.submit(report(1)).await.unwrap().duplicate);
    assert!(!node.submit(report(2)).await.unwrap().duplicate);
    assert_eq!(node.reports().await, 2);
}

#[tokio::test]
async fn the_status_says_how_far_each_partition_is() {
    let node = Node::with_registry().await;
    let status = node.role.status().await;
    assert!(status.serving);
    assert_eq!(status.partitions.len(), 4);
    assert_eq!(status.partitions[0].processed_sequence, 13);
    assert_eq!(status.partitions[1].end_sequence, 1);
}
