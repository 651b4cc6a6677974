//! What every log must do, as a suite that the tests of each log call. A broken
//! promise is a panic, as in any test: this module is compiled only for tests
//! (feature `conformance`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ascertain_domain::id::{PartnerId, ReportId, ReportKey};
use ascertain_domain::time::Timestamp;
use ascertain_domain::tombstone::Tombstone;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;

use crate::{
    Append, AppendError, Chain, End, Erase, Follow, FollowError, HEARTBEAT, Incarnation, LogWriter,
    MAX_RECORD_BYTES, PartitionId, Position, Record, Recorded, Sequence,
};

/// How many partitions the logs under test have.
pub const PARTITIONS: u32 = 3;

/// Longer than any batch takes on a busy machine: it decides that nothing comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every promise, each on a fresh log of [`PARTITIONS`] partitions that takes
/// records of up to [`MAX_RECORD_BYTES`].
pub async fn all<M, F>(make: M)
where
    M: Fn() -> F,
    F: Future<Output = Arc<dyn LogWriter>>,
{
    sequences_are_dense_and_keep_the_order_of_the_batch(make().await).await;
    positions_returned_are_the_positions_followed(make().await).await;
    knowledge_time_is_a_running_maximum(make().await).await;
    a_stated_time_is_refused_where_something_later_is_known(make().await).await;
    a_batch_is_all_or_nothing(make().await).await;
    an_empty_batch_changes_nothing(make().await).await;
    a_follower_sees_what_is_there_and_then_what_comes(make().await).await;
    a_follower_goes_on_from_where_it_was(make().await).await;
    several_followers_see_the_same(make().await).await;
    a_quiet_follower_hears_a_heartbeat(make().await).await;
    a_position_of_elsewhere_is_refused(make().await).await;
    the_chain_covers_the_bodies_and_not_the_content(make().await).await;
    what_is_erased_is_gone_and_the_chain_goes_on(make().await).await;
    large_records_pass_whole(make().await).await;
    appends_at_the_same_time_are_dense_and_none_is_lost(make().await).await;
}

/// A record for a partition with this text as its body.
#[must_use]
pub fn append(partition: u32, body: &str) -> Append {
    Append {
        partition: PartitionId(partition),
        body: Bytes::copy_from_slice(body.as_bytes()),
        content: Bytes::from(format!("content of {body}")),
        registry_sequence: Sequence::ZERO,
        recorded: Recorded::Now,
    }
}

/// The same record, recorded at another time.
#[must_use]
pub fn at(append: Append, recorded: Recorded) -> Append {
    Append { recorded, ..append }
}

/// The next `count` records of a follower; heartbeats are left out.
pub async fn next_records(follow: &mut Follow, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let batch = tokio::time::timeout(PATIENCE, follow.next())
            .await
            .expect("a record comes in time");
        records.extend(batch.expect("the stream goes on").expect("it can be read"));
    }
    assert_eq!(records.len(), count, "no more records than were appended");
    records
}

/// The error with which a follower ends at once.
pub async fn first_error(mut follow: Follow) -> FollowError {
    let error = follow.next().await.expect("an error, not silence");
    assert!(follow.next().await.is_none(), "an error ends the stream");
    error.expect_err("an error, not a batch")
}

/// The first `count` records of a partition.
pub async fn records_of(log: &Arc<dyn LogWriter>, partition: u32, count: usize) -> Vec<Record> {
    let mut follow = log.follow(PartitionId(partition), Sequence::ZERO, None);
    next_records(&mut follow, count).await
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn bodies(records: &[Record]) -> Vec<String> {
    let text = |record: &Record| String::from_utf8(record.body.to_vec()).unwrap();
    records.iter().map(text).collect()
}

fn positions(records: &[Record]) -> Vec<Position> {
    records.iter().map(|record| record.position).collect()
}

async fn sequences_are_dense_and_keep_the_order_of_the_batch(log: Arc<dyn LogWriter>) {
    let batch = vec![
        append(1, "a"),
        append(2, "x"),
        append(1, "b"),
        append(2, "y"),
        append(1, "c"),
    ];
    let placed = log.append(batch).await.unwrap();
    let stand: Vec<_> = placed
        .iter()
        .map(|at| (at.partition.0, at.sequence.0))
        .collect();
    assert_eq!(stand, [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)]);
    let next = log.append(vec![append(1, "d")]).await.unwrap();
    assert_eq!(next[0].sequence, Sequence(4));
    assert_eq!(bodies(&records_of(&log, 1, 4).await), ["a", "b", "c", "d"]);
    assert_eq!(bodies(&records_of(&log, 2, 2).await), ["x", "y"]);
}

async fn positions_returned_are_the_positions_followed(log: Arc<dyn LogWriter>) {
    let mut one = append(1, "one");
    one.registry_sequence = Sequence(7);
    let placed = log.append(vec![one, append(1, "two")]).await.unwrap();
    let records = records_of(&log, 1, 2).await;
    assert_eq!(positions(&records), placed);
    assert_eq!(records[0].position.registry_sequence, Sequence(7));
    assert_eq!(records[0].content, Bytes::from("content of one"));
    let end = log.ends().await.unwrap()[1];
    assert_eq!(end.last_sequence, placed[1].sequence);
    assert_eq!(end.known_at, Some(placed[1].known_at));
    assert_eq!(end.chain, placed[1].chain);
}

async fn knowledge_time_is_a_running_maximum(log: Arc<dyn LogWriter>) {
    // Far ahead of every clock, so that the log's own time is the earlier one.
    let late = time(200_000_000_000);
    let early = time(1_000);
    let batch = vec![
        at(append(1, "copied"), Recorded::Of(late)),
        append(1, "by the clock"),
        at(append(1, "copied from before"), Recorded::Of(early)),
        at(append(2, "another partition"), Recorded::Of(early)),
    ];
    let placed = log.append(batch).await.unwrap();
    assert_eq!(placed[0].recorded_at, late);
    assert!(placed[1].recorded_at < late);
    assert_eq!(placed[2].recorded_at, early);
    let after = late.plus_micros(1);
    assert_eq!([0, 1, 2].map(|i| placed[i].known_at), [late, after, after]);
    assert_eq!(placed[3].known_at, early);
}

async fn a_stated_time_is_refused_where_something_later_is_known(log: Arc<dyn LogWriter>) {
    let stated = |text, seconds| at(append(1, text), Recorded::Stated(time(seconds)));
    let first = log.append(vec![stated("first", 100)]).await.unwrap();
    assert_eq!(first[0].recorded_at, time(100));
    assert_eq!(first[0].known_at, time(100));
    let same = log.append(vec![stated("same moment", 100)]).await.unwrap();
    assert_eq!(same[0].known_at, time(100));

    let batch = vec![
        append(2, "beside it"),
        stated("fits", 200),
        stated("too early", 150),
    ];
    match log.append(batch).await {
        Err(AppendError::LaterKnown {
            partition,
            known_at,
            stated,
        }) => {
            assert_eq!(partition, PartitionId(1));
            assert_eq!((known_at, stated), (time(200), time(150)));
        }
        other => panic!("refused for what is known later, not {other:?}"),
    }
    let ends = log.ends().await.unwrap();
    assert_eq!(ends[1].last_sequence, Sequence(2));
    assert_eq!(ends[1].known_at, Some(time(100)));
    assert_eq!(ends[2], End::EMPTY);
}

async fn a_batch_is_all_or_nothing(log: Arc<dyn LogWriter>) {
    let nowhere = log
        .append(vec![append(0, "fits"), append(PARTITIONS, "nowhere")])
        .await;
    assert!(matches!(
        nowhere,
        Err(AppendError::NoSuchPartition(PartitionId(PARTITIONS)))
    ));
    let mut large = append(0, "");
    large.content = Bytes::from(vec![7; MAX_RECORD_BYTES + 1]);
    let too_large = log.append(vec![append(0, "fits"), large]).await;
    assert!(matches!(
        too_large,
        Err(AppendError::TooLarge { bytes, limit })
            if bytes == MAX_RECORD_BYTES + 1 && limit == MAX_RECORD_BYTES
    ));
    let ends = log.ends().await.unwrap();
    assert_eq!(ends, vec![End::EMPTY; PARTITIONS as usize]);
    // And the log goes on as if neither had been asked for.
    let placed = log.append(vec![append(0, "first")]).await.unwrap();
    assert_eq!(placed[0].sequence, Sequence(1));
}

async fn an_empty_batch_changes_nothing(log: Arc<dyn LogWriter>) {
    assert_eq!(log.append(Vec::new()).await.unwrap(), []);
    let ends = log.ends().await.unwrap();
    assert_eq!(ends, vec![End::EMPTY; PARTITIONS as usize]);
}

async fn a_follower_sees_what_is_there_and_then_what_comes(log: Arc<dyn LogWriter>) {
    log.append(vec![append(1, "a"), append(1, "b")])
        .await
        .unwrap();
    let mut follow = log.follow(PartitionId(1), Sequence::ZERO, None);
    assert_eq!(bodies(&next_records(&mut follow, 2).await), ["a", "b"]);
    for text in ["c", "d"] {
        log.append(vec![append(2, "elsewhere"), append(1, text)])
            .await
            .unwrap();
        assert_eq!(bodies(&next_records(&mut follow, 1).await), [text]);
    }
}

async fn a_follower_goes_on_from_where_it_was(log: Arc<dyn LogWriter>) {
    let incarnation = log.incarnation().await.unwrap();
    let batch: Vec<_> = (1..=600).map(|n| append(1, &n.to_string())).collect();
    log.append(batch).await.unwrap();
    let mut follow = log.follow(PartitionId(1), Sequence(299), Some(incarnation));
    let records = next_records(&mut follow, 301).await;
    let expected: Vec<_> = (300..=600).map(|n: u64| n.to_string()).collect();
    assert_eq!(bodies(&records), expected);
    // From the very end only what comes is seen.
    let mut at_end = log.follow(PartitionId(1), Sequence(600), Some(incarnation));
    log.append(vec![append(1, "new")]).await.unwrap();
    assert_eq!(bodies(&next_records(&mut at_end, 1).await), ["new"]);
}

async fn several_followers_see_the_same(log: Arc<dyn LogWriter>) {
    let follow = || log.follow(PartitionId(2), Sequence::ZERO, None);
    let mut followers: Vec<_> = (0..4).map(|_| follow()).collect();
    let mut placed = Vec::new();
    for n in 0..20 {
        let batch = vec![append(2, &format!("{n}")), append(2, &format!("{n}, too"))];
        placed.extend(log.append(batch).await.unwrap());
    }
    let seen = join_all(followers.iter_mut().map(|follow| next_records(follow, 40))).await;
    for records in &seen {
        assert_eq!(positions(records), placed);
        assert_eq!(records, &seen[0]);
    }
}

async fn a_quiet_follower_hears_a_heartbeat(log: Arc<dyn LogWriter>) {
    let mut follow = log.follow(PartitionId(0), Sequence::ZERO, None);
    let batch = tokio::time::timeout(HEARTBEAT * 20, follow.next()).await;
    assert_eq!(batch.expect("a heartbeat").unwrap().unwrap(), []);
    log.append(vec![append(0, "news")]).await.unwrap();
    assert_eq!(bodies(&next_records(&mut follow, 1).await), ["news"]);
}

async fn a_position_of_elsewhere_is_refused(log: Arc<dyn LogWriter>) {
    log.append(vec![append(1, "only")]).await.unwrap();
    let incarnation = log.incarnation().await.unwrap();
    let beyond = first_error(log.follow(PartitionId(1), Sequence(2), Some(incarnation))).await;
    assert!(matches!(
        beyond,
        FollowError::BeyondEnd {
            partition: PartitionId(1),
            after: Sequence(2),
            end: Sequence(1)
        }
    ));
    let other = Some(Incarnation::draw());
    let changed = first_error(log.follow(PartitionId(1), Sequence(1), other)).await;
    assert!(matches!(changed, FollowError::IncarnationChanged));
    let nowhere = first_error(log.follow(PartitionId(PARTITIONS), Sequence::ZERO, None)).await;
    assert!(matches!(
        nowhere,
        FollowError::NoSuchPartition(PartitionId(PARTITIONS))
    ));
}

async fn the_chain_covers_the_bodies_and_not_the_content(log: Arc<dyn LogWriter>) {
    for text in ["a", "b", "c"] {
        let mut other = append(2, text);
        other.content = Bytes::new();
        log.append(vec![append(1, text), other]).await.unwrap();
    }
    let with = records_of(&log, 1, 3).await;
    let without = records_of(&log, 2, 3).await;
    let mut chain = Chain::START;
    for (one, other) in with.iter().zip(&without) {
        chain = chain.extend(&one.body);
        assert_eq!(one.position.chain, chain);
        assert_eq!(other.position.chain, chain);
        assert!(other.content.is_empty());
    }
    assert_eq!(log.ends().await.unwrap()[1].chain, chain);
}

async fn large_records_pass_whole(log: Arc<dyn LogWriter>) {
    let large = |byte: u8| Append {
        body: Bytes::from(vec![byte; MAX_RECORD_BYTES / 2]),
        content: Bytes::from(vec![byte; MAX_RECORD_BYTES - MAX_RECORD_BYTES / 2]),
        ..append(1, "")
    };
    let batch: Vec<_> = (1..=6).map(large).collect();
    log.append(batch).await.unwrap();
    for (byte, record) in (1..=6).zip(records_of(&log, 1, 6).await) {
        assert_eq!(record.payload_bytes(), MAX_RECORD_BYTES);
        assert!(
            record
                .body
                .iter()
                .chain(&record.content)
                .all(|b| *b == byte)
        );
    }
}

async fn appends_at_the_same_time_are_dense_and_none_is_lost(log: Arc<dyn LogWriter>) {
    let writers = (0..8_u32).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in 0..25 {
                let batch = vec![
                    append(1, &format!("{writer}/{n}")),
                    append(writer % PARTITIONS, "noise"),
                    append(1, &format!("{writer}/{n}+")),
                ];
                log.append(batch).await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    // Writers 1, 4 and 7 make their noise in partition 1 as well.
    let records = records_of(&log, 1, 8 * 25 * 2 + 3 * 25).await;
    let mut seen: Vec<_> = bodies(&records);
    for (n, record) in (1..).zip(&records) {
        assert_eq!(record.position.sequence, Sequence(n));
    }
    for writer in 0..8 {
        let own: Vec<_> = seen
            .iter()
            .filter(|b| b.starts_with(&format!("{writer}/")))
            .collect();
        let expected: Vec<_> = (0..25)
            .flat_map(|n| [format!("{writer}/{n}"), format!("{writer}/{n}+")])
            .collect();
        assert!(
            own.into_iter().eq(&expected),
            "a writer's own order is kept"
        );
    }
    seen.retain(|body| body != "noise");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 8 * 25 * 2);
}

async fn what_is_erased_is_gone_and_the_chain_goes_on(log: Arc<dyn LogWriter>) {
    let body =
        |n: u32| format!("{n} what somebody said of a place, at some length, and of another");
    let batch = (0..4).map(|n| append(1, &body(n))).collect();
    log.append(batch).await.expect("it takes them");
    let key = ReportKey {
        partner: PartnerId::new("agency").expect("an id"),
        report: ReportId(uuid::Uuid::from_u128(7)),
    };
    let erase = |sequence, tombstone| Erase {
        partition: PartitionId(1),
        sequence: Sequence(sequence),
        tombstone,
    };
    let left = Tombstone {
        key,
        links: Vec::new(),
        places: Vec::new(),
    };
    let stone = Bytes::from(left.in_place_of(body(1).as_bytes()));
    // One loses its content, another its body, too; a third is erased twice.
    for _ in 0..2 {
        let what = vec![
            erase(1, None),
            erase(2, Some(stone.clone())),
            erase(4, None),
        ];
        log.erase(what).await.expect("it erases");
    }
    // There is no such record: nothing is to be erased.
    log.erase(vec![erase(9, None)])
        .await
        .expect("nothing to do");
    log.append(vec![append(1, "after")])
        .await
        .expect("it goes on");
    let records = records_of(&log, 1, 5).await;
    let mut chain = Chain::START;
    for record in &records {
        chain = chain.extend(&record.body);
        assert_eq!(record.position.chain, chain);
    }
    assert_eq!(records[0].body, body(0));
    assert_eq!(Tombstone::read(&records[1].body), Some(left));
    assert_eq!(records[2].content, format!("content of {}", body(2)));
    for erased in [0, 1, 3] {
        assert!(records[erased].content.is_empty());
    }
    assert_eq!(records[4].content, "content of after");
}
