//! The three binaries in processes of their own, over gRPC followers.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::Path;

use ascertain_client::Client;
use ascertain_proto::v1::FitSourceModelRequest;
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Node, Program, bodies, digests, import, state_entries};
use prost::Message as _;

const AS_OF: &str = "2025-01-01T00:00:00Z";

async fn reconcile(data: &Path, ingest: &Program) -> Program {
    let set = [format!("reconcile.report_log={}", ingest.url())];
    Program::start("ascertain-reconcile", data, &set, 1)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_believe_what_one_believes_and_two_owners_write_the_same() {
    let scenario = Scenario::hama().unwrap();
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    node.apply(&scenario).await.unwrap();
    node.submit(&scenario.submissions).await.unwrap();
    let client = node.client();
    let expected = digests(&client, &client, AS_OF).await.unwrap();
    let records = bodies(&client).await.unwrap();
    node.stop().await;

    let data = tempfile::tempdir().unwrap();
    let ingest = Program::start("ascertain-ingest", &data.path().join("a"), &[], 1)
        .await
        .unwrap();
    let owner = reconcile(&data.path().join("b"), &ingest).await;
    let set = [
        format!("query.report_log={}", ingest.url()),
        format!("query.state_log={}", owner.url()),
    ];
    let query = Program::start("ascertain-query", &data.path().join("c"), &set, 1)
        .await
        .unwrap();
    let (to_ingest, to_query) = (
        Client::connect(&ingest.url()).unwrap(),
        Client::connect(&query.url()).unwrap(),
    );
    import(&to_ingest, &records, &[20, 1, 7]).await.unwrap();
    assert_eq!(
        digests(&to_ingest, &to_query, AS_OF).await.unwrap(),
        expected
    );

    // Another owner of the same partitions, late, and elsewhere.
    let second = reconcile(&data.path().join("d"), &ingest).await;
    let (first, second) = (
        Client::connect(&owner.url()).unwrap(),
        Client::connect(&second.url()).unwrap(),
    );
    let entries = state_entries(&first).await.unwrap();
    assert!(entries.len() > scenario.submissions.len());
    assert_eq!(entries, state_entries(&second).await.unwrap());
    // Each fits the same source model, to the byte.
    let fit = async |client: &Client| {
        let request = FitSourceModelRequest {
            day: "2024-12-09".to_owned(),
            ..FitSourceModelRequest::default()
        };
        let model = client.fit_source_model(request, |_| {}).await.unwrap();
        model.encode_to_vec()
    };
    assert_eq!(fit(&first).await, fit(&second).await);
    for program in [query, owner, ingest] {
        program.terminate().unwrap();
    }
}
