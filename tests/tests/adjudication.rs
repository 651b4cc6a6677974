//! Rulings of operators stand beside what the evidence says, and move none of it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::time::Duration;

use ascertain_client::ClientError;
use ascertain_proto::v1::watch_control_states_response::Event;
use ascertain_proto::v1::{
    ActorReference, AdjudicateRequest, Adjudication, ControlState, ExplainControlStateRequest,
    GetControlStateRequest, ListAdjudicationsRequest, OutcomeKind, ReadOptions,
    RevokeAdjudicationRequest, WatchControlStatesRequest,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::Node;

const ID: &str = "0d4f8a52-0000-4000-8000-00000000000c";
const OTHER: &str = "0d4f8a52-0000-4000-8000-00000000000d";
const MORNING: &str = "2024-12-05T11:30:00+03:00";

async fn told() -> (Node, Vec<String>, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    let acks = node.submit(&scenario.submissions).await.unwrap();
    let tokens = acks.into_iter().map(|ack| ack.write_token).collect();
    (node, tokens, data)
}

fn ruling(id: &str) -> AdjudicateRequest {
    AdjudicateRequest {
        adjudication_id: id.to_owned(),
        place: "hama-city".to_owned(),
        holder: Some(ActorReference {
            name: "opposition".to_owned(),
            ..ActorReference::default()
        }),
        reason: "Two monitors were there.".to_owned(),
        valid_from: Some("2024-12-05T09:00:00+03:00".parse().unwrap()),
        valid_until: Some("2024-12-05T14:00:00+03:00".parse().unwrap()),
        ..AdjudicateRequest::default()
    }
}

async fn state(
    node: &Node,
    as_of: &str,
    known_at: Option<&str>,
    tokens: &[String],
) -> ControlState {
    let request = GetControlStateRequest {
        place: "hama-city".to_owned(),
        read: Some(ReadOptions {
            as_of: Some(as_of.parse().unwrap()),
            as_known_at: known_at.map(|time| time.parse().unwrap()),
            at_least: tokens.to_vec(),
            ..ReadOptions::default()
        }),
    };
    let answer = node.client().get_control_state(request).await;
    answer.unwrap().state.unwrap()
}

fn reason(error: ClientError) -> (String, Vec<(String, String)>) {
    let ClientError::Refused(refused) = error else {
        unreachable!("{error}");
    };
    let violations = refused.violations.iter();
    let found = violations.map(|v| (v.field.clone(), v.reason.clone()));
    (refused.reason.clone(), found.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_stands_beside_the_evidence_where_it_holds_and_can_be_taken_back() {
    let (node, mut tokens, _data) = told().await;
    let before = state(&node, MORNING, None, &tokens).await;
    let mut watch = node
        .client()
        .watch_control_states(WatchControlStatesRequest {
            places: vec!["hama-city".to_owned()],
            ..WatchControlStatesRequest::default()
        });
    // The current state, and that all was told.
    while !matches!(watch.next().await.unwrap(), Event::Progress(_)) {}

    let ruled = node.client().adjudicate(ruling(ID)).await.unwrap();
    let ack = ruled.acknowledgement.unwrap();
    assert!(!ack.duplicate);
    tokens.push(ack.write_token);
    // Whoever watches is told, although no number moved.
    let told = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Event::Change(change) = watch.next().await.unwrap() {
                return change.state.unwrap();
            }
        }
    });
    assert_eq!(told.await.unwrap().place_id, "hama-city");

    let after = state(&node, MORNING, None, &tokens).await;
    let shown = after.adjudication.clone().unwrap();
    assert_eq!(
        (shown.kind(), &*shown.side_id),
        (OutcomeKind::Side, "opposition")
    );
    assert_eq!(shown.reason, "Two monitors were there.");
    let unruled = ControlState {
        adjudication: None,
        as_known_at: before.as_known_at,
        ..after
    };
    assert_eq!(unruled, before);
    // It has a beginning and an end, and nobody knew of it before it was made.
    for time in ["2024-12-05T08:59:00+03:00", "2024-12-05T14:00:00+03:00"] {
        assert_eq!(state(&node, time, None, &tokens).await.adjudication, None);
    }
    let then = state(&node, MORNING, Some(MORNING), &tokens).await;
    assert_eq!(then.adjudication, None);
    let explain = ExplainControlStateRequest {
        place: "hama-city".to_owned(),
        read: Some(ReadOptions {
            as_of: Some(MORNING.parse().unwrap()),
            ..ReadOptions::default()
        }),
    };
    let explained = node.client().explain_control_state(explain).await.unwrap();
    let explained = explained.explanation.unwrap().state.unwrap();
    assert_eq!(explained.adjudication, Some(shown.clone()));

    // The same again is the same; of two the one known last counts.
    let again = node.client().adjudicate(ruling(ID)).await.unwrap();
    assert!(again.acknowledgement.unwrap().duplicate);
    let contested = AdjudicateRequest {
        kind: OutcomeKind::Contested.into(),
        holder: None,
        ..ruling(OTHER)
    };
    let ack = node
        .client()
        .adjudicate(contested)
        .await
        .unwrap()
        .acknowledgement;
    tokens.push(ack.unwrap().write_token);
    let shown = state(&node, MORNING, None, &tokens)
        .await
        .adjudication
        .unwrap();
    assert_eq!(shown.kind(), OutcomeKind::Contested);

    let revocation = RevokeAdjudicationRequest {
        adjudication_id: OTHER.to_owned(),
        revocation_id: "0d4f8a52-0000-4000-8000-00000000000e".to_owned(),
        reason: "The monitors erred.".to_owned(),
        validate_only: false,
    };
    let ack = node
        .client()
        .revoke_adjudication(revocation.clone())
        .await
        .unwrap();
    tokens.push(ack.acknowledgement.unwrap().write_token);
    let again = node.client().revoke_adjudication(revocation).await.unwrap();
    assert!(again.acknowledgement.unwrap().duplicate);
    let shown = state(&node, MORNING, None, &tokens)
        .await
        .adjudication
        .unwrap();
    assert_eq!(shown.adjudication_id, ID);
    let request = ListAdjudicationsRequest {
        place: "hama-city".to_owned(),
        ..ListAdjudicationsRequest::default()
    };
    let listed = node.client().list_adjudications(request).await.unwrap();
    let listed: Vec<(&str, bool)> = listed
        .adjudications
        .iter()
        .map(|a: &Adjudication| (&*a.adjudication_id, a.revoked_at.is_some()))
        .collect();
    assert_eq!(listed, [(OTHER, true), (ID, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_ruling_is_refused_with_every_mistake() {
    let (node, _, _data) = told().await;
    let bad = AdjudicateRequest {
        adjudication_id: "x".to_owned(),
        place: "nowhere at all".to_owned(),
        holder: None,
        reason: " ".to_owned(),
        valid_until: Some("2024-12-05T08:00:00+03:00".parse().unwrap()),
        ..ruling(ID)
    };
    let (_, found) = reason(node.client().adjudicate(bad).await.unwrap_err());
    let expected = [
        ("adjudication_id", "INVALID_UUID"),
        ("place", "PLACE_UNKNOWN"),
        ("reason", "REQUIRED"),
        ("valid_until", "INTERVAL_REVERSED"),
        ("holder", "REQUIRED"),
    ];
    let found: Vec<(&str, &str)> = found.iter().map(|(f, r)| (&**f, &**r)).collect();
    assert_eq!(found, expected);
    // Turkiye backs a side and is of none.
    for (name, expected) in [("nobody", "ACTOR_UNKNOWN"), ("russia", "ACTOR_NOT_ALLOWED")] {
        let bad = AdjudicateRequest {
            holder: Some(ActorReference {
                name: name.to_owned(),
                ..ActorReference::default()
            }),
            ..ruling(ID)
        };
        let (_, found) = reason(node.client().adjudicate(bad).await.unwrap_err());
        assert_eq!(found[0].1, expected, "{name}");
    }
    let unknown = RevokeAdjudicationRequest {
        adjudication_id: ID.to_owned(),
        revocation_id: OTHER.to_owned(),
        reason: "An error.".to_owned(),
        validate_only: false,
    };
    let (why, _) = reason(
        node.client()
            .revoke_adjudication(unknown)
            .await
            .unwrap_err(),
    );
    assert_eq!(why, "NOT_FOUND");
}
