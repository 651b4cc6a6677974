//! What is no crash: bytes that changed, files that went.

use std::fs;

use ascertain_log::conformance::next_records;
use ascertain_log::{FollowError, LogReader, PartitionId, Sequence};
use futures::StreamExt;

use super::{Home, bodies, put};
use crate::{Damage, FileLog, OpenError};

fn flip(home: &Home, segment: u32, at: usize) {
    let path = home.segment(segment);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0x08;
    fs::write(path, bytes).unwrap();
}

fn damages(home: &Home) -> Vec<Damage> {
    match FileLog::open(home.options()) {
        Err(OpenError::Damaged(damages)) => damages,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it opened"),
    }
}

async fn three_segments() -> Home {
    let mut home = Home::new();
    home.segment_bytes = 300;
    let log = home.open();
    for text in ["a", "b", "c", "d", "e", "f"] {
        put(&log, &[(1, text)]).await;
    }
    assert!(home.segment(3).exists() && !home.segment(4).exists());
    home
}

#[tokio::test]
async fn a_changed_byte_before_the_last_record_is_found_wherever_it_is() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a"), (2, "b")]).await;
    let before = fs::metadata(home.segment(1)).unwrap().len();
    put(&log, &[(1, "last")]).await;
    drop(log);
    for at in 0..usize::try_from(before).unwrap() {
        let damaged = home.copy();
        flip(&damaged, 1, at);
        assert_eq!(damages(&damaged).len(), 1, "byte {at}");
    }
}

#[tokio::test]
async fn damage_is_named_by_segment_offset_and_records() {
    let home = three_segments().await;
    flip(&home, 2, 64 + 80);
    let damages = damages(&home);
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!(damages[0].segment, home.segment(2));
    assert_eq!(damages[0].offset, 64);
    let records = [(PartitionId(1), Sequence(3)..=Sequence(3))];
    assert_eq!(damages[0].records, records);
    let text = OpenError::Damaged(damages).to_string();
    assert!(text.contains("partition 1 lacks records 3 to 3"), "{text}");
    assert!(text.contains("00000000000000000002.seg"), "{text}");
}

#[tokio::test]
async fn around_the_damage_everything_can_be_read() {
    let home = three_segments().await;
    flip(&home, 2, 64 + 80);
    let log = FileLog::open_read_only(home.options()).unwrap();
    assert_eq!(log.recovery().records, 5);
    assert_eq!(log.recovery().damages.len(), 1);

    let mut follow = log.follow(PartitionId(1), Sequence::ZERO, None);
    next_records(&mut follow, 2).await;
    let error = follow.next().await.unwrap();
    assert!(matches!(
        error,
        Err(FollowError::Damaged {
            sequence: Sequence(3),
            ..
        })
    ));
    let mut behind = log.follow(PartitionId(1), Sequence(3), None);
    let records = next_records(&mut behind, 3).await;
    assert_eq!(&records[0].body[..], b"d");
}

#[tokio::test]
async fn a_missing_segment_is_named_with_its_records() {
    let home = three_segments().await;
    fs::remove_file(home.segment(2)).unwrap();
    let damages = damages(&home);
    assert_eq!(damages[0].segment, home.segment(2));
    let records = [(PartitionId(1), Sequence(3)..=Sequence(4))];
    assert_eq!(damages[0].records, records);
}

#[tokio::test]
async fn a_segment_of_another_log_is_damage() {
    let (home, other) = (three_segments().await, three_segments().await);
    fs::copy(other.segment(2), home.segment(2)).unwrap();
    let found = damages(&home);
    assert!(found[0].detail.contains("another log"), "{found:?}");
}

#[tokio::test]
async fn a_segment_cut_short_before_the_last_is_damage() {
    let home = three_segments().await;
    let bytes = fs::read(home.segment(1)).unwrap();
    fs::write(home.segment(1), &bytes[..bytes.len() - 1]).unwrap();
    let records = [(PartitionId(1), Sequence(2)..=Sequence(2))];
    assert_eq!(damages(&home)[0].records, records);
}

#[tokio::test]
async fn a_byte_that_changes_under_an_open_log_is_not_served() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a"), (1, "b"), (1, "c")]).await;
    let end = usize::try_from(fs::metadata(home.segment(1)).unwrap().len()).unwrap();
    flip(&home, 1, end - 1);
    let mut follow = log.follow(PartitionId(1), Sequence::ZERO, None);
    next_records(&mut follow, 2).await;
    let error = follow.next().await.unwrap();
    assert!(matches!(
        error,
        Err(FollowError::Damaged {
            sequence: Sequence(3),
            ..
        })
    ));
    assert_eq!(bodies(&log, 2).await, [""; 0]);
}
