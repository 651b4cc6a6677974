//! A flood of unproven sources is reported, and outlives a restart.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_proto::v1::{
    ApplyRegistryRequest, Floods, GetNodeStatusRequest, Name, ReportSubmission, Source, SourceKind,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::Node;
use uuid::Uuid;

/// More voices at once than a quarter has.
const VOICES: u32 = 12;

fn voice(i: u32) -> Source {
    Source {
        source_id: format!("voice-{i}"),
        names: vec![Name {
            text: format!("Voice {i}"),
            ..Name::default()
        }],
        kind: SourceKind::Eyewitness.into(),
        ..Source::default()
    }
}

/// What an account claimed of the city, said of a quarter by another voice.
fn said_by(i: u32, scenario: &Scenario) -> ReportSubmission {
    let mut submission = scenario.submissions[0].clone();
    submission.backfill = None;
    let report = submission.report.as_mut().unwrap();
    report.report_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &i.to_be_bytes()).to_string();
    report.attribution_chain.truncate(1);
    report.attribution_chain[0].source_id = format!("voice-{i}");
    // In words of its own: of one text through many hands only the first would count.
    report.text.clear();
    let place = report.claims[0].place.as_mut().unwrap();
    place.place_id = "sawaaek".to_owned();
    submission
}

async fn floods(node: &Node) -> Floods {
    let request = GetNodeStatusRequest {};
    let status = node.client().get_node_status(request).await.unwrap();
    let reconcile = status.roles.iter().find(|role| role.role == "reconcile");
    reconcile.unwrap().floods.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_counted_and_the_place_is_named() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    let voices = ApplyRegistryRequest {
        sources: (0..VOICES).map(voice).collect(),
        ..ApplyRegistryRequest::default()
    };
    node.client().apply_registry(voices).await.unwrap();
    let reports: Vec<_> = (0..VOICES).map(|i| said_by(i, &scenario)).collect();
    let (few, more) = reports.split_at(6);
    seen(&node, few).await;
    assert_eq!(floods(&node).await, Floods::default(), "six are no flood");
    seen(&node, more).await;
    let flooded = floods(&node).await;
    assert_eq!(
        (flooded.places, flooded.worst_place_id.as_str()),
        (1, "sawaaek")
    );
    let voices = f64::from(VOICES);
    // None is discounted for being one of many; a moment has faded.
    let claims = flooded.worst_claims;
    assert!(claims > voices - 0.1 && claims <= voices, "{flooded:?}");
    node.stop().await;
    let node = Node::start(data.path()).await.unwrap();
    let after = floods(&node).await;
    assert_eq!(after.worst_place_id, "sawaaek", "{after:?}");
    node.stop().await;
}

/// Submits, and waits until what it caused is seen.
async fn seen(node: &Node, reports: &[ReportSubmission]) {
    let acks = node.submit(reports).await.unwrap();
    let tokens: Vec<String> = acks.into_iter().map(|ack| ack.write_token).collect();
    let now = prost_types::Timestamp::from(std::time::SystemTime::now()).to_string();
    node.state("sawaaek", &now, &tokens).await.unwrap();
}
