//! kill -9 in the middle of a stream: what was acknowledged is there, once.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::collections::BTreeMap;
use std::time::Duration;

use ascertain_client::Client;
use ascertain_proto::v1::submit_result::Result as Submitted;
use ascertain_proto::v1::{GetReportRequest, ReportSubmission};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Node, Program, bodies, digests, import};
use tokio_stream::StreamExt as _;

const AS_OF: &str = "2025-01-01T00:00:00Z";
const REPORTS: usize = 600;
const ROUNDS: usize = 5;

/// Live reports made from the scenario's, each with an id of its own.
fn many(scenario: &Scenario) -> Vec<ReportSubmission> {
    (0..REPORTS)
        .map(|i| {
            let mut submission = scenario.submissions[i % scenario.submissions.len()].clone();
            submission.backfill = None;
            if let Some(report) = &mut submission.report {
                let name = format!("crash {i}");
                report.report_id =
                    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string();
                report.partner_reference = format!("N{i}");
            }
            submission
        })
        .collect()
}

/// Submits until the stream breaks or all is answered; what was acknowledged.
async fn submit(
    client: &Client,
    rest: &[ReportSubmission],
    acked: &mut BTreeMap<String, String>,
) -> bool {
    let stream = tokio_stream::iter(rest.to_vec()).map(|s| s);
    let sent = client
        .submit_all(stream, |result| match result.result {
            Some(Submitted::Acknowledgement(ack)) => {
                let recorded = ack.first_recorded_at.unwrap().to_string();
                let before = acked.insert(ack.report_id, recorded.clone());
                assert!(
                    before.is_none_or(|b| b == recorded),
                    "acknowledged with another stamp"
                );
            }
            other => panic!("refused: {other:?}"),
        })
        .await;
    sent.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_nine_exactly_once() {
    let data = tempfile::tempdir().unwrap();
    let scenario = Scenario::hama().unwrap();
    let submissions = many(&scenario);
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    let mut acked: BTreeMap<String, String> = BTreeMap::new();
    let mut applied = false;
    let mut broken = 0;
    for round in 0..=ROUNDS {
        let program = Program::start("ascertain", data.path(), &[], 3)
            .await
            .unwrap();
        let client = Client::connect(&program.url())
            .unwrap()
            .with_deadline(Duration::from_secs(60));
        if !applied {
            client.apply_registry(registry.clone()).await.unwrap();
            applied = true;
        }
        if round == ROUNDS {
            // Undisturbed at last: all again, what is there and what is not.
            assert!(submit(&client, &submissions, &mut acked).await);
            program.terminate().unwrap();
            break;
        }
        let (mut killer, killed) = (program, tokio::sync::oneshot::channel());
        let quarter = REPORTS / (ROUNDS + 1) * (round + 1);
        // Kill once so many are acknowledged, while the stream goes on.
        let (count, mut counted) = tokio::sync::watch::channel(acked.len());
        let kill = tokio::spawn(async move {
            let _ = counted.wait_for(|n| *n >= quarter).await;
            killer.kill().unwrap();
            let _ = killed.0.send(());
        });
        let stream = tokio_stream::iter(submissions.clone()).map(|s| s);
        let streamed = client
            .submit_all(stream, |result| {
                if let Some(Submitted::Acknowledgement(ack)) = result.result {
                    acked.insert(ack.report_id, ack.first_recorded_at.unwrap().to_string());
                    count.send_replace(acked.len());
                }
            })
            .await;
        broken += usize::from(streamed.is_err());
        drop(count);
        kill.await.unwrap();
        killed.1.await.unwrap();
    }
    assert!(broken > 0, "no stream was ever cut: the test shows nothing");
    assert_eq!(acked.len(), REPORTS);

    // Every acknowledged report is there, with the stamp that it was acknowledged with.
    let node = Node::start(data.path()).await.unwrap();
    let client = node.client();
    for (report_id, recorded) in &acked {
        let request = GetReportRequest {
            report_id: report_id.clone(),
            ..Default::default()
        };
        let found = client.get_report(request).await.unwrap().report.unwrap();
        assert_eq!(found.first_recorded_at.unwrap().to_string(), *recorded);
    }
    let disturbed = digests(&client, &client, AS_OF).await.unwrap();
    let records = bodies(&client).await.unwrap();
    let registered =
        (registry.places.len() + registry.actors.len() + registry.sources.len()) as u64;
    assert_eq!(disturbed.record_count, registered + REPORTS as u64);
    assert_eq!(
        records.len() as u64,
        disturbed.record_count,
        "nothing is there twice"
    );
    node.stop().await;

    // An undisturbed node that is given the same bodies believes the same.
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let client = node.client();
    import(&client, &records, &[100]).await.unwrap();
    assert_eq!(digests(&client, &client, AS_OF).await.unwrap(), disturbed);
    node.stop().await;
}
