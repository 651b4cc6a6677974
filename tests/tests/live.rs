//! Reports that come live: what was believed at a time stays what was believed then.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_proto::v1::{ControlState, GetControlStateRequest, KnowledgeBasis, ReadOptions};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::Node;
use prost::Message as _;
use prost_types::Timestamp;

const PLACES: [&str; 4] = ["hama-city", "kaso", "hama-military-airport", "homs-city"];

async fn believed(node: &Node, place: &str, known_at: Option<Timestamp>) -> ControlState {
    let request = GetControlStateRequest {
        place: place.to_owned(),
        read: Some(ReadOptions {
            as_known_at: known_at,
            ..ReadOptions::default()
        }),
    };
    let answer = node.client().get_control_state(request).await.unwrap();
    answer.state.unwrap()
}

fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_a_knowledge_time_is_the_same_whenever_it_is_asked() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    node.client().apply_registry(registry).await.unwrap();
    let mut asked: Vec<(&str, Timestamp, Vec<u8>)> = Vec::new();
    for (i, submission) in scenario.submissions.iter().enumerate() {
        let mut submission = submission.clone();
        submission.backfill = None;
        // Asked while it is on its way, with no word of what must be seen.
        let submissions = [submission];
        let submitting = node.submit(&submissions);
        let asking = async {
            let place = PLACES[i % PLACES.len()];
            let known_at = now();
            let state = believed(&node, place, Some(known_at)).await;
            (place, known_at, state)
        };
        let (submitted, (place, known_at, state)) = tokio::join!(submitting, asking);
        submitted.unwrap();
        assert_eq!(state.knowledge_basis(), KnowledgeBasis::Live);
        asked.push((place, known_at, state.encode_to_vec()));
        // The newest answer names the knowledge that it rests on: it stays, too.
        let newest = believed(&node, place, None).await;
        let (as_of, known_at) = (newest.as_of, newest.as_known_at.unwrap());
        let again = GetControlStateRequest {
            place: place.to_owned(),
            read: Some(ReadOptions {
                as_of,
                as_known_at: Some(known_at),
                ..ReadOptions::default()
            }),
        };
        let again = node.client().get_control_state(again).await.unwrap();
        assert_eq!(again.state.unwrap(), newest);
    }
    for (place, known_at, before) in &asked {
        let state = believed(&node, place, Some(*known_at)).await;
        assert_eq!(&state.encode_to_vec(), before, "{place} later");
    }
    node.stop().await;
    let node = Node::start(data.path()).await.unwrap();
    for (place, known_at, before) in &asked {
        let state = believed(&node, place, Some(*known_at)).await;
        assert_eq!(&state.encode_to_vec(), before, "{place} after a restart");
    }
    node.stop().await;
}
