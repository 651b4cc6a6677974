//! A disk that fails or is full.

use std::path::Path;
use std::sync::Arc;

use ascertain_log::conformance::{PARTITIONS, append};
use ascertain_log::{
    AppendError, FollowError, LogReader, LogWriter, PartitionId, Record, Sequence,
};
use futures::StreamExt;

use super::{bodies, put};
use crate::simulated::SimulatedDisk;
use crate::{FileLog, FileLogOptions, OpenError};

fn open(disk: &SimulatedDisk) -> FileLog {
    FileLog::open(options(disk)).unwrap()
}

fn options(disk: &SimulatedDisk) -> FileLogOptions {
    let mut options = FileLogOptions::new("log", PARTITIONS);
    options.disk = Arc::new(disk.clone());
    options
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_log_goes_on_when_there_is_space_again() {
    let disk = SimulatedDisk::new(8 << 20, 1);
    let log = open(&disk);
    put(&log, &[(1, "a")]).await;
    let large = "x".repeat(1 << 18);
    let mut taken = 0;
    let refused = loop {
        match log.append(vec![append(2, &large), append(1, "b")]).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::NoSpace(_)), "{refused}");
    assert!(taken > 0);
    // What still fits is still taken.
    let mut expected = vec!["a"];
    expected.extend((0..taken).map(|_| "b"));
    assert_eq!(bodies(&log, 1).await, expected);
    disk.set_capacity(32 << 20);
    log.append(vec![append(2, &large), append(1, "d")])
        .await
        .unwrap();
    expected.push("d");
    assert_eq!(bodies(&log, 1).await, expected);
    drop(log);
    assert_eq!(bodies(&open(&disk), 1).await, expected);
}

#[tokio::test]
async fn the_last_of_the_space_is_left_to_others() {
    let disk = SimulatedDisk::new(8 << 20, 1);
    let mut options = options(&disk);
    options.min_free_bytes = 6 << 20;
    let log = FileLog::open(options).unwrap();
    put(&log, &[(1, "a")]).await;
    let large = "x".repeat(1 << 18);
    let refused = loop {
        if let Err(error) = log.append(vec![append(2, &large)]).await {
            break error;
        }
    };
    assert!(matches!(refused, AppendError::NoSpace(_)), "{refused}");
    let used: usize = disk.files().iter().map(|(_, length)| length).sum();
    assert!(used < 4 << 20, "{used} bytes are used");
    disk.set_capacity(16 << 20);
    put(&log, &[(1, "c")]).await;
    assert_eq!(bodies(&log, 1).await, ["a", "c"]);
}

#[tokio::test]
async fn an_unknown_outcome_is_said_and_nothing_is_taken_after_it() {
    let faults: [fn(&SimulatedDisk, bool); 2] =
        [SimulatedDisk::fail_write, SimulatedDisk::fail_sync];
    for broken in faults {
        let disk = SimulatedDisk::new(8 << 20, 1);
        let log = open(&disk);
        put(&log, &[(1, "a")]).await;
        broken(&disk, true);
        let unknown = log.append(vec![append(1, "b")]).await;
        assert!(matches!(unknown, Err(AppendError::OutcomeUnknown(_))));
        log.failed().await;
        // The disk is well again, but what a failed sync lost is not known.
        broken(&disk, false);
        let operations = disk.operations();
        let refused = log.append(vec![append(1, "c")]).await;
        assert!(matches!(refused, Err(AppendError::Refused(_))));
        assert_eq!(disk.operations(), operations);
        assert_eq!(bodies(&log, 1).await, ["a"]);
        drop(log);
        let log = open(&disk);
        assert_eq!(bodies(&log, 1).await[0], "a");
        put(&log, &[(1, "d")]).await;
    }
}

#[tokio::test]
async fn appends_that_wait_together_share_a_sync() {
    let disk = SimulatedDisk::new(64 << 20, 1);
    let log = open(&disk);
    put(&log, &[(1, "the space is made")]).await;
    let before = disk.operations();
    let appends = (0..500).map(|n| log.append(vec![append(1, &n.to_string())]));
    for outcome in futures::future::join_all(appends).await {
        outcome.unwrap();
    }
    // A group takes a write, a mark and a sync.
    assert!(disk.operations() - before < 500);
}

#[tokio::test]
async fn what_the_disk_cannot_read_is_damage_and_the_rest_is_read() {
    let disk = SimulatedDisk::new(8 << 20, 1);
    let log = open(&disk);
    for n in 0..20 {
        put(&log, &[(1, &format!("{n} {}", "x".repeat(1000)))]).await;
    }
    let segment = Path::new("log/00000000000000000001.seg");
    // A page amid the frames: the records in it, and no others, are lost.
    disk.cannot_read(segment, Some(16_384..20_480));
    assert!(matches!(
        next(&log, 2).await,
        Err(FollowError::Damaged { .. })
    ));
    drop(log);
    let Err(OpenError::Damaged(damages)) = FileLog::open(options(&disk)) else {
        panic!("it opened");
    };
    let lost = damages.iter().flat_map(|damage| damage.records.clone());
    let lost: Vec<_> = lost
        .map(|(_, range)| (range.start().0, range.end().0))
        .collect();
    let [(first, last)] = lost[..] else {
        panic!("{damages:?}");
    };
    assert!(first > 1 && last < 20);
    let log = FileLog::open_read_only(options(&disk)).unwrap();
    assert!(next(&log, first - 1).await.is_err());
    assert_eq!(
        next(&log, last).await.unwrap().position.sequence.0,
        last + 1
    );
    drop(log);
    disk.cannot_read(segment, None);
    assert_eq!(bodies(&open(&disk), 1).await.len(), 20);
}

async fn next(log: &FileLog, after: u64) -> Result<Record, FollowError> {
    let mut follow = log.follow(PartitionId(1), Sequence(after), None);
    let batch = follow.next().await.unwrap()?;
    Ok(batch[0].clone())
}
