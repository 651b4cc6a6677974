//! Batches of a follower: what an erasure takes away is gone for all that follows it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_domain::id::PlaceId;
use ascertain_domain::time::Timestamp;
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::{Chain, Incarnation, PartitionId, Position, Record, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::log::v1::{Erasure, RecordBody, RecordedReport, Stamp, record_body::Content};
use ascertain_proto::v1;
use ascertain_replica::{ReportReplica, Taken};
use ascertain_store::{Batch, Store, StoreOptions};
use bytes::Bytes;
use prost::Message as _;

const PARTITION: PartitionId = PartitionId(1);

fn id(n: u8) -> String {
    format!("5f0e6a9c-0000-4000-8000-0000000000{n:02x}")
}

fn record(sequence: u64, content: Content) -> Record {
    let recorded = prost_types::Timestamp {
        seconds: 1_700_000_000,
        nanos: 0,
    };
    let body = RecordBody {
        stamp: Some(Stamp {
            first_recorded_at: Some(recorded),
            partner_id: "agency".to_owned(),
            ..Stamp::default()
        }),
        content: Some(content),
    };
    let time = Timestamp::from_micros(i64::try_from(sequence).unwrap()).unwrap();
    Record {
        position: Position {
            partition: PARTITION,
            sequence: Sequence(sequence),
            recorded_at: time,
            known_at: time,
            registry_sequence: Sequence(0),
            chain: Chain::START,
        },
        body: body.encode_to_vec().into(),
        content: Bytes::from_static(b"what somebody said"),
    }
}

fn report(sequence: u64, n: u8, place: &str, corrects: Option<u8>) -> Record {
    let report = v1::Report {
        report_id: id(n),
        corrects_report_id: corrects.map(id).unwrap_or_default(),
        version: if corrects.is_some() { 2 } else { 1 },
        published_at: Some(prost_types::Timestamp::default()),
        tlp: v1::Tlp::Clear.into(),
        attribution_chain: vec![v1::AttributionParty {
            source_id: "wire".to_owned(),
            role: v1::AttributionRole::Originator.into(),
            ..v1::AttributionParty::default()
        }],
        claims: vec![v1::Claim {
            claim_id: "0".to_owned(),
            place: Some(v1::PlaceReference {
                place_id: place.to_owned(),
                ..v1::PlaceReference::default()
            }),
            predicate: v1::Predicate::FightingAt.into(),
            polarity: v1::Polarity::Affirm.into(),
            ..v1::Claim::default()
        }],
        ..v1::Report::default()
    };
    record(
        sequence,
        Content::Report(RecordedReport {
            report: Some(report),
            ..RecordedReport::default()
        }),
    )
}

fn erasure(sequence: u64, n: u8, scope: v1::ErasureScope) -> Record {
    record(
        sequence,
        Content::Erasure(Erasure {
            partner_id: "agency".to_owned(),
            report_id: id(n),
            scope: scope.into(),
            ground: v1::ErasureGround::Safety.into(),
        }),
    )
}

struct Home {
    store: Store,
    reports: ReportReplica,
    _folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            dir: folder.path().join("store"),
            cache_bytes: 8 << 20,
            schema: "test",
            schema_version: 1,
            min_free_bytes: 0,
        };
        let (store, _) = Store::open(options).unwrap();
        Self {
            reports: ReportReplica::new(&store),
            store,
            _folder: folder,
        }
    }

    fn take(&self, records: &[Record]) -> Vec<Taken> {
        let mut batch = Batch::new();
        let taken = self.reports.take(records, Incarnation([1; 16]), &mut batch);
        self.store.commit(batch).unwrap();
        taken.unwrap()
    }

    /// The ids of the reports that bear on a place, by sequence.
    fn of(&self, place: &str) -> Vec<String> {
        let places = [PlaceId::new(place).unwrap()];
        let all = Sequence(u64::MAX);
        let found = self
            .reports
            .of_places(PARTITION, &places, all, None)
            .unwrap();
        found.iter().map(|report| report.id.to_string()).collect()
    }
}

#[test]
fn a_correction_in_the_batch_of_an_erasure_does_not_bring_the_erased_back() {
    let home = Home::new();
    home.take(&[report(1, 1, "hama", None)]);
    let taken = home.take(&[
        erasure(2, 1, v1::ErasureScope::Report),
        report(3, 2, "homs", Some(1)),
    ]);
    let Taken::Erasure(_, _, gone) = &taken[0] else {
        unreachable!("{taken:?}");
    };
    assert_eq!(gone.recordings.len(), 1);
    assert_eq!(home.of("hama"), Vec::<String>::new());
    assert_eq!(home.of("homs"), [id(2)]);
    assert!(
        home.reports
            .record(PARTITION, Sequence(1))
            .unwrap()
            .is_none()
    );
}

#[test]
fn what_is_erased_twice_in_a_batch_is_erased_once_and_stays_so() {
    let home = Home::new();
    home.take(&[report(1, 1, "hama", None)]);
    let taken = home.take(&[
        erasure(2, 1, v1::ErasureScope::Report),
        erasure(3, 1, v1::ErasureScope::Content),
        erasure(4, 1, v1::ErasureScope::Report),
    ]);
    let counts: Vec<usize> = taken
        .iter()
        .map(|taken| match taken {
            Taken::Erasure(_, _, gone) => gone.recordings.len(),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(counts, [1, 0, 0]);
    assert!(
        home.reports
            .record(PARTITION, Sequence(1))
            .unwrap()
            .is_none()
    );
    assert_eq!(home.reports.erased().unwrap().pending, 3);
    assert!(home.reports.compact_if_due(&home.store).unwrap());
    assert_eq!(home.reports.erased().unwrap().pending, 0);
}

#[test]
fn after_a_stop_an_erasure_tells_the_same_once_more() {
    let home = Home::new();
    home.take(&[report(1, 1, "hama", None)]);
    let batch = [erasure(2, 1, v1::ErasureScope::Report)];
    let first = format!("{:?}", home.take(&batch));
    assert!(first.contains("hama"), "{first}");
    assert_eq!(format!("{:?}", home.take(&batch)), first);
}

#[test]
fn what_was_linked_is_erased_in_any_order_and_leaves_no_trace() {
    // The second corrects the first to another place, the third the second.
    let told = || {
        let home = Home::new();
        home.take(&[
            report(1, 1, "hama", None),
            report(2, 2, "homs", Some(1)),
            report(3, 3, "idlib", Some(2)),
        ]);
        home
    };
    let orders = [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ];
    for order in orders {
        for at_once in [false, true] {
            let home = told();
            let erasures: Vec<Record> = (4..)
                .zip(order)
                .map(|(sequence, n)| erasure(sequence, n, v1::ErasureScope::Report))
                .collect();
            match at_once {
                true => drop(home.take(&erasures)),
                false => {
                    for (i, erasure) in erasures.iter().enumerate() {
                        home.take(std::slice::from_ref(erasure));
                        // What is left is read, and stands where it names a place itself.
                        let left = &order[i + 1..];
                        for (n, place) in [(1, "hama"), (2, "homs"), (3, "idlib")] {
                            let found = home.of(place).contains(&id(n));
                            assert_eq!(found, left.contains(&n), "{order:?} {place}");
                        }
                    }
                }
            }
            for place in ["hama", "homs", "idlib"] {
                assert_eq!(home.of(place), Vec::<String>::new(), "{order:?} {at_once}");
            }
        }
    }
}

#[test]
fn a_tombstone_tells_on_what_else_its_report_bore() {
    // The second took back what it corrects, and is known as a tombstone only.
    let home = Home::new();
    home.take(&[report(1, 1, "hama", None)]);
    let body = report(2, 2, "homs", Some(1)).body;
    let Ok(Body::Report(second)) = decode_body(&body) else {
        unreachable!("it is a report");
    };
    let stone = Record {
        body: Tombstone::of(&second).in_place_of(&body).into(),
        ..report(2, 2, "homs", Some(1))
    };
    let taken = home.take(&[stone, erasure(3, 2, v1::ErasureScope::Report)]);
    let Taken::Erasure(_, _, gone) = &taken[1] else {
        unreachable!("{taken:?}");
    };
    let ids =
        |places: &[PlaceId]| -> Vec<String> { places.iter().map(ToString::to_string).collect() };
    assert_eq!(ids(&gone.bore_on), ["hama", "homs"]);
    assert_eq!(ids(&gone.named), ["hama", "homs"]);
}

#[test]
fn what_an_erasure_touched_is_the_same_in_a_store_that_never_saw_the_reports() {
    // Three versions; erased one after the other, in every order.
    let records = [
        report(1, 1, "hama", None),
        report(2, 2, "homs", Some(1)),
        report(3, 3, "idlib", Some(2)),
    ];
    let stones = records.clone().map(|record| {
        let Ok(Body::Report(said)) = decode_body(&record.body) else {
            unreachable!("it is a report");
        };
        Record {
            body: Tombstone::of(&said).in_place_of(&record.body).into(),
            ..record
        }
    });
    let orders = [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ];
    for order in orders {
        let (lived, anew) = (Home::new(), Home::new());
        lived.take(&records);
        anew.take(&stones);
        for (sequence, n) in (4..).zip(order) {
            let erasure = [erasure(sequence, n, v1::ErasureScope::Report)];
            let of = |home: &Home| match home.take(&erasure).remove(0) {
                Taken::Erasure(_, _, gone) => (gone.recordings, gone.named),
                other => unreachable!("{other:?}"),
            };
            let (lived, anew) = (of(&lived), of(&anew));
            assert_eq!(lived, anew, "{order:?}, {n}");
            let named: Vec<&str> = lived.1.iter().map(PlaceId::as_str).collect();
            let expected: &[&str] = match n {
                1 => &["hama"],
                2 => &["hama", "homs"],
                _ => &["homs", "idlib"],
            };
            assert_eq!(named, expected, "{order:?}, {n}");
        }
    }
}

#[test]
fn of_several_erasures_the_first_that_takes_all_takes_it_in_every_store() {
    use v1::ErasureScope::{Content, Report};
    for scopes in [[Content, Report, Report], [Report, Content, Report]] {
        let erasures: Vec<Record> = (2..)
            .zip(scopes)
            .map(|(sequence, scope)| erasure(sequence, 1, scope))
            .collect();
        let (lived, anew) = (Home::new(), Home::new());
        let first = report(1, 1, "hama", None);
        let Ok(Body::Report(said)) = decode_body(&first.body) else {
            unreachable!("it is a report");
        };
        let stone = Record {
            body: Tombstone::of(&said).in_place_of(&first.body).into(),
            ..first.clone()
        };
        lived.take(&[first]);
        anew.take(&[stone]);
        let taken = |home: &Home| format!("{:?}", home.take(&erasures));
        assert_eq!(taken(&lived), taken(&anew), "{scopes:?}");
    }
}

#[test]
fn a_report_that_comes_once_more_before_its_erasure_is_erased_once_more() {
    let home = Home::new();
    let batch = [
        report(1, 1, "hama", None),
        erasure(2, 1, v1::ErasureScope::Report),
    ];
    let first = format!("{:?}", home.take(&batch[1..]));
    home.take(&batch[..1]);
    let again = format!("{:?}", home.take(&batch[1..]));
    assert_eq!(home.of("hama"), Vec::<String>::new());
    assert_eq!(again, first);
}
