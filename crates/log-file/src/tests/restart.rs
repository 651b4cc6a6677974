//! Stopping and starting again.

use ascertain_log::conformance::append;
use ascertain_log::{AppendError, FollowError, LogReader, LogWriter, PartitionId, Sequence};
use futures::StreamExt;

use super::{Home, bodies, put, whole};
use crate::{FileLog, FileLogOptions, OpenError};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let home = Home::new();
    let log = home.open();
    let incarnation = log.incarnation().await.unwrap();
    put(&log, &[(0, "registry"), (1, "a"), (1, "b")]).await;
    put(&log, &[(2, "c")]).await;
    let (ends, records) = (log.ends().await.unwrap(), whole(&log, 1).await);
    drop(log);

    let log = home.open();
    assert_eq!(log.recovery().records, 4);
    assert_eq!(log.recovery().torn_bytes, 0);
    assert_eq!(log.incarnation().await.unwrap(), incarnation);
    assert_eq!(log.ends().await.unwrap(), ends);
    assert_eq!(whole(&log, 1).await, records);
    put(&log, &[(1, "d")]).await;
    assert_eq!(bodies(&log, 1).await, ["a", "b", "d"]);
}

#[tokio::test]
async fn a_full_segment_is_followed_by_the_next() {
    let mut home = Home::new();
    home.segment_bytes = 500;
    let log = home.open();
    let texts: Vec<_> = (0..50).map(|n| n.to_string()).collect();
    for text in &texts {
        put(&log, &[(1, text), (2, text)]).await;
    }
    assert!(home.segment(10).exists());
    let length = std::fs::metadata(home.segment(5)).unwrap().len();
    assert!(length <= crate::frame::FRAMES_START as u64 + 500);
    drop(log);
    let log = home.open();
    assert_eq!(bodies(&log, 1).await, texts);
    assert_eq!(bodies(&log, 2).await, texts);
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a")]).await;
    let mut follow = log.follow(PartitionId(1), Sequence(1), None);
    let second = FileLog::open(home.options());
    assert!(matches!(second, Err(OpenError::Locked(_))));
    drop(log);
    home.open();
    let end = follow.next().await.unwrap();
    assert!(matches!(end, Err(FollowError::Unavailable(_))));
}

#[tokio::test]
async fn another_number_of_partitions_is_refused_by_name() {
    let home = Home::new();
    drop(home.open());
    let error = FileLog::open(FileLogOptions::new(home.folder.path(), 7))
        .err()
        .unwrap();
    let text = error.to_string();
    assert!(text.contains("was made with 3 partitions, not 7"), "{text}");
}

#[tokio::test]
async fn a_log_without_its_manifest_is_not_taken_for_a_new_one() {
    let home = Home::new();
    put(&home.open(), &[(1, "a")]).await;
    let manifest = home.folder.path().join("manifest");
    let bytes = std::fs::read(&manifest).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    let missing = FileLog::open(home.options());
    assert!(matches!(missing, Err(OpenError::Manifest { .. })));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        std::fs::write(&manifest, flipped).unwrap();
        let damaged = FileLog::open(home.options());
        assert!(matches!(damaged, Err(OpenError::Manifest { .. })), "{at}");
    }
}

#[tokio::test]
async fn a_file_half_made_is_swept_away() {
    let home = Home::new();
    put(&home.open(), &[(1, "a")]).await;
    let leftover = home.folder.path().join("00000000000000000002.seg.tmp");
    std::fs::write(&leftover, b"half a header").unwrap();
    assert_eq!(bodies(&home.open(), 1).await, ["a"]);
    assert!(!leftover.exists());
}

#[tokio::test]
async fn a_log_open_for_reading_takes_nothing() {
    let home = Home::new();
    put(&home.open(), &[(1, "a")]).await;
    let log = FileLog::open_read_only(home.options()).unwrap();
    assert_eq!(bodies(&log, 1).await, ["a"]);
    let refused = log.append(vec![append(1, "b")]).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))));
}
