//! A city with many quarters and many voices: what one report causes is large.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_proto::v1::{Name, Place, PlaceKind};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Node, digests};

const QUARTERS: usize = 120;
const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_moves_many_places_is_told_in_parts() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    registry.places.extend((0..QUARTERS).map(|i| Place {
        place_id: format!("quarter-{i}"),
        kind: PlaceKind::Neighbourhood.into(),
        parent_id: "hama-city".to_owned(),
        names: vec![Name {
            text: format!("Quarter {i}"),
            ..Name::default()
        }],
        ..Place::default()
    }));
    let client = node.client();
    client.apply_registry(registry).await.unwrap();
    let mut submissions = Vec::new();
    for round in 0..ROUNDS {
        for submission in &scenario.submissions {
            let mut submission = submission.clone();
            submission.backfill = None;
            let report = submission.report.as_mut().unwrap();
            let name = format!("{round} {}", report.report_id);
            report.report_id =
                uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string();
            submissions.push(submission);
        }
    }
    node.submit(&submissions).await.unwrap();
    let told = digests(&client, &client, "2025-01-01T00:00:00Z")
        .await
        .unwrap();
    assert!(told.belief_count > QUARTERS as u64, "{told:?}");
    node.stop().await;
    let node = Node::start(data.path()).await.unwrap();
    let client = node.client();
    let again = digests(&client, &client, "2025-01-01T00:00:00Z")
        .await
        .unwrap();
    assert_eq!(again, told);
    node.stop().await;
}
