//! Reports in: what is refused, what is stored, and how often.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used, clippy::panic)]

mod harness;

use ascertain_domain::simhash::simhash;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::token::WriteToken;
use ascertain_proto::v1;
use harness::{Node, claim, reason, report, violations, wire_time};
use tonic::Code;
use v1::submit_result::Result as Outcome;

#[tokio::test]
async fn a_report_with_five_mistakes_names_all_five_and_nothing_is_stored() {
    let mut node = Node::with_registry().await;
    let bad = v1::Report {
        report_id: "R5".to_owned(),
        tlp: v1::Tlp::Red.into(),
        claims: vec![
            claim("Hame", v1::Predicate::Present, "opp"),
            v1::Claim {
                actors: Vec::new(),
                ..claim("Hama", v1::Predicate::Controls, "opp")
            },
            v1::Claim {
                event_time: Some(v1::TimeInterval {
                    latest: wire_time("2024-12-05T12:05:01Z"),
                    ..Default::default()
                }),
                ..claim("Hama", v1::Predicate::Present, "opp")
            },
        ],
        ..report(1)
    };
    let status = node.submit(bad).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let found = violations(&status);
    let expected = [
        ("report.report_id", "INVALID_UUID"),
        ("report.tlp", "MARKING_NOT_SUPPORTED"),
        ("report.claims[0].place", "PLACE_UNKNOWN"),
        ("report.claims[1].actors", "ACTOR_REQUIRED"),
        ("report.claims[2].event_time.latest", "EVENT_IN_FUTURE"),
    ];
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(f, r)| (f.as_str(), r.as_str()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(node.reports().await, 0);
}

#[tokio::test]
async fn a_bad_report_costs_its_neighbours_nothing() {
    let mut node = Node::with_registry().await;
    let submissions = (0..5).map(|i| v1::ReportSubmission {
        report: Some(if i == 2 {
            v1::Report {
                claims: Vec::new(),
                ..report(i)
            }
        } else {
            report(i)
        }),
        ..Default::default()
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
    for (i, result) in results.into_iter().enumerate() {
        match result.result.unwrap() {
            Outcome::Acknowledgement(ack) => {
                assert_ne!(i, 2);
                assert_eq!(ack.report_id, report(i.try_into().unwrap()).report_id);
            }
            Outcome::Rejection(rejection) => {
                assert_eq!((i, rejection.reason.as_str()), (2, "NO_CLAIMS"));
                assert_eq!(rejection.id, report(2).report_id);
            }
        }
    }
    assert_eq!(node.reports().await, 4);
}

#[tokio::test]
async fn the_same_report_sent_many_times_at_once_is_stored_once() {
    let node = Node::with_registry().await;
    let submit = |_| {
        let mut ingest = node.ingest.clone();
        async move {
            let request = v1::SubmitReportRequest {
                report: Some(report(1)),
                ..Default::default()
            };
            ingest
                .submit_report(request)
                .await
                .unwrap()
                .into_inner()
                .acknowledgement
                .unwrap()
        }
    };
    let acks = futures::future::join_all((0..20).map(submit)).await;
    assert_eq!(acks.iter().filter(|ack| !ack.duplicate).count(), 1);
    for ack in &acks {
        assert_eq!(ack.write_token, acks[0].write_token);
        assert_eq!(ack.first_recorded_at, acks[0].first_recorded_at);
    }
    assert_eq!(node.reports().await, 1);
}

#[tokio::test]
async fn the_same_report_twice_in_a_batch_is_stored_once() {
    let mut node = Node::with_registry().await;
    let submission = v1::ReportSubmission {
        report: Some(report(1)),
        ..Default::default()
    };
    let batch = v1::SubmitReportsRequest {
        submissions: vec![submission; 3],
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
    let duplicates: Vec<bool> = results
        .into_iter()
        .map(|result| match result.result.unwrap() {
            Outcome::Acknowledgement(ack) => ack.duplicate,
            Outcome::Rejection(rejection) => panic!("{rejection:?}"),
        })
        .collect();
    assert_eq!(duplicates, [false, true, true]);
    assert_eq!(node.reports().await, 1);
}

#[tokio::test]
async fn another_report_under_the_same_id_is_refused_with_the_differing_fields() {
    let mut node = Node::with_registry().await;
    node.submit(report(1)).await.unwrap();
    let other = v1::Report {
        text: "Fighters have left the city.".to_owned(),
        claims: vec![claim("Hama", v1::Predicate::Withdrew, "opp")],
        ..report(1)
    };
    let status = node.submit(other).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::AlreadyExists, "REPORT_ID_REUSED")
    );
    let fields: Vec<String> = violations(&status)
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(fields, ["report.claims", "report.text"]);
    assert_eq!(node.reports().await, 1);
}

#[tokio::test]
async fn a_report_goes_to_each_partition_that_its_places_name_with_the_same_body() {
    let mut node = Node::with_registry().await;
    let places = ["Hama", "Homs", "Idlib"];
    let claims = places.map(|place| claim(place, v1::Predicate::Present, "opp"));
    let ack = node
        .submit(v1::Report {
            claims: claims.to_vec(),
            ..report(1)
        })
        .await
        .unwrap();
    let token = WriteToken::decode(&ack.write_token).unwrap();
    let mut bodies = Vec::new();
    for (&partition, &sequence) in &token.positions {
        let records = node.records(partition).await;
        let record = records
            .into_iter()
            .find(|r| r.position.sequence.0 == sequence)
            .unwrap();
        // The registry was applied as 13 records of partition 0.
        assert_eq!(record.position.registry_sequence.0, 13);
        bodies.push(record.body);
    }
    assert!(bodies.len() > 1, "{token:?}");
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(node.reports().await, bodies.len());
    let Body::Report(stored) = decode_body(&bodies[0]).unwrap() else {
        panic!("no report")
    };
    assert_eq!(stored.places().len(), 3);
}

#[tokio::test]
async fn what_may_have_to_be_erased_is_not_in_the_body() {
    let mut node = Node::with_registry().await;
    node.submit(report(1)).await.unwrap();
    for partition in 1..4 {
        for record in node
            .records(partition)
            .await
            .iter()
            .filter(|r| harness::is_report(r))
        {
            let holds = |bytes: &[u8], text: &str| {
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            };
            for text in ["Fighters are inside the city.", "SOHR"] {
                assert!(!holds(&record.body, text), "{text}");
                assert!(holds(&record.content, text), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_long_text_leaves_its_likeness_in_the_body() {
    const TEXT: &str = "Fighters in pickup trucks are inside the city, and the last government \
        vehicles left the brigade headquarters on the hill an hour ago, residents say by phone.";
    let mut node = Node::with_registry().await;
    node.submit(report(1)).await.unwrap();
    node.submit(v1::Report {
        text: TEXT.to_owned(),
        ..report(2)
    })
    .await
    .unwrap();
    let mut stored = Vec::new();
    for partition in 1..4 {
        for mut record in node.records(partition).await {
            // A fold reads no content: erasing it changes nothing.
            record.content.clear();
            if let Body::Report(report) = decode_body(&record.body).unwrap() {
                stored.push((report.id.to_string(), report.text_simhash));
            }
        }
    }
    let of = |number| {
        stored
            .iter()
            .find(|(id, _)| *id == report(number).report_id)
    };
    assert_eq!(of(1).unwrap().1, None, "a text under 12 words has none");
    assert_eq!(of(2).unwrap().1, simhash(TEXT));
    assert!(simhash(TEXT).is_some());
}

#[tokio::test]
async fn tokens_grow() {
    let mut node = Node::with_registry().await;
    let first = node.submit(report(1)).await.unwrap();
    let second = node.submit(report(2)).await.unwrap();
    let [first, second] = [first, second].map(|ack| WriteToken::decode(&ack.write_token).unwrap());
    assert_eq!(first.incarnation, second.incarnation);
    for (partition, sequence) in &first.positions {
        assert!(second.positions[partition] > *sequence);
    }
}

#[tokio::test]
async fn validating_stores_nothing_and_reserves_nothing() {
    let mut node = Node::with_registry().await;
    let request = v1::SubmitReportRequest {
        report: Some(report(1)),
        validate_only: true,
        ..Default::default()
    };
    let ack = node
        .ingest
        .submit_report(request)
        .await
        .unwrap()
        .into_inner()
        .acknowledgement
        .unwrap();
    assert_eq!(
        (ack.write_token.as_str(), ack.first_recorded_at),
        ("", None)
    );
    assert_eq!(node.reports().await, 0);
    assert!(!node.submit(report(1)).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_report_too_large_for_the_log_costs_only_itself() {
    let mut node = Node::with_registry().await;
    let item = |i: usize| v1::Evidence {
        evidence_id: format!("e{i}"),
        kind: v1::EvidenceKind::Image.into(),
        custody_log: vec!["x".repeat(2_000); 64],
        ..Default::default()
    };
    let large = v1::Report {
        evidence: (0..16).map(item).collect(),
        ..report(1)
    };
    let submissions = [large, report(2)].map(|report| v1::ReportSubmission {
        report: Some(report),
        ..Default::default()
    });
    let batch = v1::SubmitReportsRequest {
        submissions: submissions.to_vec(),
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
    let Some(Outcome::Rejection(rejection)) = &results[0].result else {
        panic!("{results:?}")
    };
    assert_eq!(rejection.reason, "TOO_LONG");
    assert!(matches!(
        results[1].result,
        Some(Outcome::Acknowledgement(_))
    ));
}

#[tokio::test]
async fn many_batches_are_answered_in_their_order() {
    let mut node = Node::with_registry().await;
    let batches: Vec<v1::SubmitReportsRequest> = (0..30)
        .map(|b| v1::SubmitReportsRequest {
            submissions: (0..10)
                .map(|i| v1::ReportSubmission {
                    report: Some(report(b * 10 + i)),
                    ..Default::default()
                })
                .collect(),
        })
        .collect();
    let answers = node
        .ingest
        .submit_reports(futures::stream::iter(batches))
        .await
        .unwrap();
    let (mut answers, mut next) = (answers.into_inner(), 0);
    while let Some(answer) = answers.message().await.unwrap() {
        for result in answer.results {
            let Some(Outcome::Acknowledgement(ack)) = result.result else {
                panic!("refused")
            };
            assert_eq!(ack.report_id, report(next).report_id);
            next += 1;
        }
    }
    assert_eq!(next, 300);
    assert_eq!(node.reports().await, 300);
}

/// A batch as bytes, to send what no well-behaved client sends.
#[derive(Clone, PartialEq, prost::Message)]
struct RawBatch {
    #[prost(bytes = "vec", repeated, tag = "1")]
    submissions: Vec<Vec<u8>>,
}

#[tokio::test]
async fn a_text_that_is_no_utf_8_is_refused_with_its_field_and_costs_no_neighbour() {
    use prost::Message as _;

    let node = Node::with_registry().await;
    let submissions = (0..3).map(|i| {
        let submission = v1::ReportSubmission {
            report: Some(v1::Report {
                text: "spoilt".to_owned(),
                ..report(i)
            }),
            ..Default::default()
        };
        let mut bytes = submission.encode_to_vec();
        if i == 1 {
            let at = bytes.windows(6).position(|w| w == b"spoilt").unwrap();
            bytes[at] = 0xff;
        }
        bytes
    });
    let batch = RawBatch {
        submissions: submissions.collect(),
    };
    let mut client = tonic::client::Grpc::new(node.channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<RawBatch, v1::SubmitReportsResponse>::default();
    let path = "/ascertain.v1.IngestService/SubmitReports".parse().unwrap();
    let request = tonic::Request::new(futures::stream::iter([batch.clone(), batch]));
    let mut answers = client
        .streaming(request, path, codec)
        .await
        .unwrap()
        .into_inner();
    // The second batch shows that the stream goes on.
    for _ in 0..2 {
        let results = answers.message().await.unwrap().unwrap().results;
        for (i, result) in results.into_iter().enumerate() {
            match result.result.unwrap() {
                Outcome::Acknowledgement(_) => assert_ne!(i, 1),
                Outcome::Rejection(rejection) => {
                    assert_eq!((i, rejection.reason.as_str()), (1, "MALFORMED"));
                    assert_eq!(rejection.id, report(1).report_id);
                    assert_eq!(rejection.violations[0].field, "report.text");
                }
            }
        }
    }
    assert_eq!(node.reports().await, 2);
}
