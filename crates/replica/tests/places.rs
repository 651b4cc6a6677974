//! The index of places: a report that names places of several partitions.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used)]

use ascertain_domain::id::PlaceId;
use ascertain_log::{
    Append, Incarnation, LogReader, LogWriter, MemoryLog, PartitionId, Record, Recorded, Sequence,
};
use ascertain_proto::log::v1::{RecordBody, RecordedReport, Stamp, record_body::Content};
use ascertain_proto::v1;
use ascertain_replica::ReportReplica;
use ascertain_store::{Batch, MemoryMedium, Store, StoreOptions};
use futures::StreamExt as _;
use prost::Message as _;

fn body(number: u8, places: &[&str]) -> Vec<u8> {
    let claim = |(n, place): (usize, &&str)| v1::Claim {
        claim_id: format!("c{n}"),
        place: Some(v1::PlaceReference {
            place_id: (*place).to_owned(),
            ..Default::default()
        }),
        actors: vec![v1::ActorReference {
            actor_id: "gov".to_owned(),
            ..Default::default()
        }],
        predicate: v1::Predicate::Controls.into(),
        polarity: v1::Polarity::Affirm.into(),
        ..Default::default()
    };
    let time = Some("2024-12-05T12:00:00Z".parse().unwrap());
    let report = v1::Report {
        report_id: format!("5f0e6a9c-0000-4000-8000-{number:012}"),
        attribution_chain: vec![v1::AttributionParty {
            source_id: "sohr".to_owned(),
            role: v1::AttributionRole::Originator.into(),
            ..Default::default()
        }],
        published_at: time,
        claims: places.iter().enumerate().map(claim).collect(),
        tlp: v1::Tlp::Clear.into(),
        ..Default::default()
    };
    let body = RecordBody {
        stamp: Some(Stamp {
            first_recorded_at: time,
            first_node: "test".to_owned(),
            first_known_at: None,
            partner_id: "local".to_owned(),
            caller_id: "local".to_owned(),
        }),
        content: Some(Content::Report(RecordedReport {
            report: Some(report),
            submitted_digest: vec![number; 32],
            content_commitment: vec![0; 32],
            ..Default::default()
        })),
    };
    body.encode_to_vec()
}

async fn records(log: &MemoryLog, partition: PartitionId) -> Vec<Record> {
    let mut follow = log.follow(partition, Sequence::ZERO, None);
    follow.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_report_of_another_partition_takes_no_other_reports_place() {
    let (one, other) = (PartitionId(1), PartitionId(2));
    let log = MemoryLog::new(3);
    let append = |partition, body: Vec<u8>| Append {
        partition,
        body: body.into(),
        content: Default::default(),
        registry_sequence: Sequence(1),
        recorded: Recorded::Now,
    };
    // Both are the first of their partition; the second stands in the third, too.
    let batch = vec![
        append(one, body(1, &["homs-city"])),
        append(other, body(2, &["homs-city", "idlib-city"])),
        append(one, body(2, &["homs-city", "idlib-city"])),
    ];
    log.append(batch).await.unwrap();
    let homs = [PlaceId::new("homs-city").unwrap()];
    let idlib = [PlaceId::new("idlib-city").unwrap()];
    for order in [[one, other], [other, one]] {
        let options = StoreOptions {
            dir: "memory".into(),
            cache_bytes: 0,
            schema: "test",
            schema_version: 1,
            min_free_bytes: 0,
        };
        let (store, _) = Store::open_in_memory(&MemoryMedium::new(), options).unwrap();
        let reports = ReportReplica::new(&store);
        for partition in order {
            let mut writes = Batch::new();
            let batch = records(&log, partition).await;
            reports
                .take(&batch, Incarnation([0; 16]), &mut writes)
                .unwrap();
            store.commit(writes).unwrap();
        }
        let known = |partition, places: &[PlaceId]| {
            let up_to = Sequence(9);
            reports
                .of_places(partition, places, up_to, None)
                .unwrap()
                .len()
        };
        assert_eq!(known(one, &homs), 2, "{order:?}");
        assert_eq!(known(other, &idlib), 1, "{order:?}");
    }
}
