//! Archives: records at stated knowledge times, and records of another node.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used, clippy::panic)]

mod harness;

use ascertain_proto::log::v1::record_body::Content;
use ascertain_proto::log::v1::registry_change::Entity;
use ascertain_proto::log::v1::{RecordBody, RegistryChange};
use ascertain_proto::v1;
use harness::{Node, reason, registry, report, wire_time};
use prost::Message as _;
use tonic::Code;
use v1::import_result::Result as Outcome;

fn backfill(at: &str) -> Option<v1::Backfill> {
    Some(v1::Backfill {
        first_known_at: wire_time(at),
        partner_id: "hama-desk".to_owned(),
    })
}

fn stated(number: u32, at: &str) -> v1::SubmitReportRequest {
    let published_at = wire_time("2024-11-30T10:00:00Z");
    v1::SubmitReportRequest {
        report: Some(v1::Report {
            published_at,
            ..report(number)
        }),
        backfill: backfill(at),
        ..Default::default()
    }
}

/// A node that knows its registry since the end of November.
async fn archive() -> Node {
    let mut node = Node::empty().await;
    let request = v1::ApplyRegistryRequest {
        backfill: backfill("2024-11-29T00:00:00Z"),
        ..registry()
    };
    node.registry.apply_registry(request).await.unwrap();
    node
}

#[tokio::test]
async fn an_archive_comes_in_the_order_in_which_it_was_known() {
    let mut node = archive().await;
    node.ingest
        .submit_report(stated(1, "2024-11-30T18:00:00Z"))
        .await
        .unwrap();
    node.ingest
        .submit_report(stated(2, "2024-12-01T18:00:00Z"))
        .await
        .unwrap();
    let late = node
        .ingest
        .submit_report(stated(3, "2024-12-01T06:00:00Z"))
        .await
        .unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    assert_eq!(reason(&late), "BACKFILL_TOO_LATE");
    assert!(
        late.message().contains("2024-12-01T18:00:00Z"),
        "{}",
        late.message()
    );
    assert_eq!(node.reports().await, 2);
}

#[tokio::test]
async fn one_report_that_comes_too_late_costs_its_batch_nothing() {
    let mut node = archive().await;
    let times = [
        "2024-11-30T18:00:00Z",
        "2024-11-30T06:00:00Z",
        "2024-11-30T19:00:00Z",
    ];
    let submissions = times.iter().zip(1..).map(|(at, number)| {
        let request = stated(number, at);
        v1::ReportSubmission {
            report: request.report,
            backfill: request.backfill,
            validate_only: false,
            ..Default::default()
        }
    });
    let batch = v1::SubmitReportsRequest {
        submissions: submissions.collect(),
    };
    let answers = node
        .ingest
        .submit_reports(futures::stream::iter([batch]))
        .await
        .unwrap();
    let results = answers
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap()
        .results;
    let stored: Vec<bool> = results
        .iter()
        .map(|r| {
            matches!(
                r.result,
                Some(v1::submit_result::Result::Acknowledgement(_))
            )
        })
        .collect();
    assert_eq!(stored, [true, false, true]);
}

#[tokio::test]
async fn nothing_was_known_in_the_future() {
    let mut node = archive().await;
    let status = node
        .ingest
        .submit_report(stated(1, "2024-12-05T12:00:01Z"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(harness::violations(&status)[0].0, "backfill.first_known_at");
}

async fn bodies(node: &Node) -> Vec<v1::ImportedRecord> {
    let mut bodies = Vec::new();
    for partition in 0..4 {
        bodies.extend(
            node.records(partition)
                .await
                .into_iter()
                .filter_map(|record| {
                    use ascertain_proto::inward::record::{Body, decode_body};
                    let adopt = matches!(decode_body(&record.body), Ok(Body::Adopt { .. }));
                    (!adopt).then_some(v1::ImportedRecord {
                        body: record.body,
                        content: record.content,
                    })
                }),
        );
    }
    bodies
}

async fn import(node: &mut Node, records: Vec<v1::ImportedRecord>) -> Vec<Outcome> {
    let batch = v1::ImportRecordsRequest { records };
    let answers = node
        .ingest
        .import_records(futures::stream::iter([batch]))
        .await
        .unwrap();
    let results = answers
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap()
        .results;
    results.into_iter().map(|r| r.result.unwrap()).collect()
}

#[tokio::test]
async fn a_node_that_imports_another_holds_the_same_records() {
    let mut one = archive().await;
    one.ingest
        .submit_report(stated(1, "2024-11-30T18:00:00Z"))
        .await
        .unwrap();
    one.submit(report(2)).await.unwrap();
    let mut other = Node::empty().await;
    for duplicate in [false, true] {
        for outcome in import(&mut other, bodies(&one).await).await {
            let Outcome::Acknowledgement(ack) = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(ack.duplicate, duplicate);
        }
    }
    let as_of = prost_types::Timestamp::default();
    let (a, b) = (
        one.role.digest(as_of).await.unwrap(),
        other.role.digest(as_of).await.unwrap(),
    );
    assert_eq!((a.records, a.record_count), (b.records, b.record_count));
    assert_ne!(a.log, b.log);
    // What was stated keeps its time as long as nothing live came before.
    let mut known = Vec::new();
    for partition in 1..4 {
        let records = other.records(partition).await;
        known.extend(
            records
                .iter()
                .filter(|r| harness::is_report(r))
                .map(|r| r.position.known_at),
        );
    }
    assert_eq!(
        known.iter().min(),
        Some(&harness::time("2024-11-30T18:00:00Z"))
    );
}

#[tokio::test]
async fn two_nodes_that_accepted_one_report_agree_after_exchanging_it() {
    let (mut one, mut other) = (Node::with_registry().await, Node::empty().await);
    let registry = bodies(&one).await;
    import(&mut other, registry).await;
    one.submit(report(1)).await.unwrap();
    other
        .submit(v1::Report {
            text: "Another text.".to_owned(),
            ..report(1)
        })
        .await
        .unwrap();
    let (ones, others) = (bodies(&one).await, bodies(&other).await);
    import(&mut one, others).await;
    import(&mut other, ones).await;
    let as_of = prost_types::Timestamp::default();
    let (a, b) = (
        one.role.digest(as_of).await.unwrap(),
        other.role.digest(as_of).await.unwrap(),
    );
    assert_eq!(a.records, b.records);
    // Each still knows its own submission again.
    assert!(one.submit(report(1)).await.unwrap().duplicate);
}

#[tokio::test]
async fn content_that_the_body_does_not_commit_to_is_refused() {
    let mut one = Node::with_registry().await;
    one.submit(report(1)).await.unwrap();
    let mut records = bodies(&one).await;
    let forged = records.last_mut().unwrap();
    forged.content = bytes::Bytes::from_static(b"\x12\x05forged");
    let mut other = Node::empty().await;
    let outcomes = import(&mut other, records).await;
    assert!(matches!(outcomes.last(), Some(Outcome::Rejection(_))));
    assert_eq!(other.reports().await, 0);
}

/// A node that has a report, and the report's record.
async fn one_report() -> (Node, v1::ImportedRecord) {
    let mut node = Node::with_registry().await;
    node.submit(report(1)).await.unwrap();
    let record = bodies(&node).await.pop().unwrap();
    (node, record)
}

/// The record of a report as another program would have written it.
fn changed(record: &v1::ImportedRecord, change: fn(&mut RecordBody)) -> v1::ImportedRecord {
    let mut body = RecordBody::decode(record.body.clone()).unwrap();
    change(&mut body);
    v1::ImportedRecord {
        body: body.encode_to_vec().into(),
        content: record.content.clone(),
    }
}

fn report_in(body: &mut RecordBody) -> &mut v1::Report {
    let Some(Content::Report(recorded)) = &mut body.content else {
        panic!("no report")
    };
    recorded.report.as_mut().unwrap()
}

/// What the import of one record is refused with: code, reason, and fields.
async fn rejected(
    node: &mut Node,
    record: v1::ImportedRecord,
) -> (Code, String, Vec<(String, String)>) {
    let outcome = import(node, vec![record]).await.remove(0);
    let Outcome::Rejection(rejection) = outcome else {
        panic!("{outcome:?}")
    };
    let violations = rejection.violations.into_iter();
    let fields = violations.map(|v| (v.field, v.reason)).collect();
    (Code::from(rejection.code), rejection.reason, fields)
}

fn bad(reason: &str, field: &str) -> (Code, String, Vec<(String, String)>) {
    let told = vec![(field.to_owned(), reason.to_owned())];
    (Code::InvalidArgument, reason.to_owned(), told)
}

fn stands_against(reason: &str) -> (Code, String, Vec<(String, String)>) {
    (Code::FailedPrecondition, reason.to_owned(), Vec::new())
}

#[tokio::test]
async fn what_is_marked_higher_than_is_protected_is_not_imported() {
    let (_one, record) = one_report().await;
    let marked = changed(&record, |body| report_in(body).tlp = v1::Tlp::Amber.into());
    let mut other = Node::with_registry().await;
    let refusal = rejected(&mut other, marked).await;
    assert_eq!(refusal, bad("MARKING_NOT_SUPPORTED", "body.report.tlp"));
    assert_eq!(other.reports().await, 0);
}

#[tokio::test]
async fn a_record_of_the_future_is_not_imported() {
    let (_one, record) = one_report().await;
    let early = changed(&record, |body| {
        body.stamp.as_mut().unwrap().first_known_at = wire_time("2024-12-05T12:00:01Z");
    });
    let mut other = Node::with_registry().await;
    let refusal = rejected(&mut other, early).await;
    assert_eq!(refusal, bad("OUT_OF_RANGE", "body.stamp.first_known_at"));
    assert_eq!(other.reports().await, 0);
}

#[tokio::test]
async fn a_report_that_names_whom_the_node_does_not_know_is_not_imported() {
    let (_one, record) = one_report().await;
    let mut without_the_source = registry();
    without_the_source.sources.retain(|s| s.source_id != "sohr");
    let mut without_the_actor = registry();
    without_the_actor.actors.retain(|a| a.actor_id != "opp");
    for place in &mut without_the_actor.places {
        place.side_ids.clear();
    }
    let mut without_the_place = registry();
    let in_hama = ["hama-city", "sawaaek", "kaso"];
    let places = &mut without_the_place.places;
    places.retain(|p| !in_hama.contains(&p.place_id.as_str()));
    let cases = [
        (without_the_source, bad("SOURCE_UNKNOWN", "body.report")),
        (without_the_actor, bad("ACTOR_UNKNOWN", "body.report")),
        (
            without_the_place,
            bad("PLACE_UNKNOWN", "body.report.claims"),
        ),
    ];
    for (registry, expected) in cases {
        let mut other = Node::empty().await;
        other.registry.apply_registry(registry).await.unwrap();
        assert_eq!(rejected(&mut other, record.clone()).await, expected);
        assert_eq!(other.reports().await, 0);
    }
}

#[tokio::test]
async fn what_was_erased_is_not_imported() {
    let (mut one, record) = one_report().await;
    let mut other = Node::with_registry().await;
    let erasure = || v1::EraseReportRequest {
        report_id: report(1).report_id,
        scope: v1::ErasureScope::Report.into(),
        ground: v1::ErasureGround::Law.into(),
        ..Default::default()
    };
    other.ingest.erase_report(erasure()).await.unwrap();
    let refusal = rejected(&mut other, record).await;
    assert_eq!(refusal, stands_against("REPORT_ERASED"));
    // Nor what stands in its place where it was.
    one.ingest.erase_report(erasure()).await.unwrap();
    let tombstone = |record: &v1::ImportedRecord| {
        use ascertain_proto::inward::record::{Body, decode_body};
        matches!(decode_body(&record.body), Ok(Body::Erased(..)))
    };
    let records = bodies(&one).await;
    let tombstone = records.into_iter().find(tombstone).unwrap();
    let mut third = Node::with_registry().await;
    let refusal = rejected(&mut third, tombstone).await;
    assert_eq!(refusal, stands_against("REPORT_ERASED"));
    assert_eq!(other.reports().await + third.reports().await, 0);
}

#[tokio::test]
async fn a_place_that_lies_elsewhere_by_another_node_is_not_imported() {
    let one = Node::with_registry().await;
    let city = bodies(&one).await.into_iter().find(|record| {
        let body = RecordBody::decode(record.body.clone()).unwrap();
        matches!(
            body.content,
            Some(Content::RegistryChange(RegistryChange {
                entity: Some(Entity::Place(place))
            })) if place.place_id == "hama-city"
        )
    });
    let mut other = Node::empty().await;
    let mut registry = registry();
    registry.places[0].home_area_id = "homs".to_owned();
    other.registry.apply_registry(registry).await.unwrap();
    let refusal = rejected(&mut other, city.unwrap()).await;
    assert_eq!(refusal, stands_against("HOME_AREA_IMMUTABLE"));
}

#[tokio::test]
async fn a_record_is_no_larger_than_a_log_takes_and_a_batch_neither_empty_nor_endless() {
    let (_one, record) = one_report().await;
    let mut other = Node::with_registry().await;
    let large = v1::ImportedRecord {
        content: vec![0; (1 << 20) + 1].into(),
        ..record.clone()
    };
    let refusal = rejected(&mut other, large).await;
    assert_eq!(refusal, bad("TOO_LONG", "body"));
    for (count, expected) in [(0, "REQUIRED"), (1_001, "TOO_LONG")] {
        let batch = v1::ImportRecordsRequest {
            records: vec![record.clone(); count],
        };
        let answers = other
            .ingest
            .import_records(futures::stream::iter([batch]))
            .await;
        let answer = answers.unwrap().into_inner().message().await;
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason(&status), expected);
        let told = [("records".to_owned(), expected.to_owned())];
        assert_eq!(harness::violations(&status), told);
    }
    assert_eq!(other.reports().await, 0);
}
