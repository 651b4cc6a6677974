//! What is no crash: bytes that changed, files that went.

use std::fs;

use ascertain_log::conformance::next_records;
use ascertain_log::{FollowError, LogReader, PartitionId, Sequence};
use futures::StreamExt;

use super::{Home, bodies, put};
use crate::frame::FRAMES_START;
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
    home.segment_bytes = 200;
    let log = home.open();
    for text in ["a", "b", "c", "d", "e", "f"] {
        put(&log, &[(1, text)]).await;
    }
    assert!(home.segment(3).exists() && !home.segment(4).exists());
    home
}

/// Opens a damaged copy: it is refused, or holds what it held.
async fn is_detected_or_harmless(damaged: &Home, expected: &[Vec<String>], what: &str) -> bool {
    let log = match FileLog::open(damaged.options()) {
        Ok(log) => log,
        Err(OpenError::Damaged(_) | OpenError::Manifest { .. }) => return true,
        Err(error) => panic!("{what}: {error}"),
    };
    for (partition, expected) in (0..).zip(expected) {
        assert_eq!(bodies(&log, partition).await, *expected, "{what}");
    }
    false
}

#[tokio::test]
async fn a_changed_bit_or_a_cut_anywhere_is_detected_or_harmless() {
    let mut home = Home::new();
    home.segment_bytes = 2000;
    let log = home.open();
    for n in 0..12 {
        put(
            &log,
            &[(0, "r"), (1, &format!("{n}")), (2, &"z".repeat(n * 40))],
        )
        .await;
    }
    let mut expected = Vec::new();
    for partition in 0..3 {
        expected.push(bodies(&log, partition).await);
    }
    // As a kill leaves it, and as a drain does.
    let killed = home.copy();
    drop(log);
    let (mut tried, mut detected) = (0, 0);
    let mut random = fastrand::Rng::with_seed(3);
    let samples = if std::env::var_os("ASCERTAIN_LONG").is_some() {
        5000
    } else {
        250
    };
    for home in [&home, &killed] {
        let mut files: Vec<_> = fs::read_dir(home.folder.path()).unwrap().collect();
        files.sort_by_key(|file| file.as_ref().unwrap().file_name());
        for file in files {
            let name = file.unwrap().file_name();
            let bytes = fs::read(home.folder.path().join(&name)).unwrap();
            if bytes.is_empty() {
                continue;
            }
            // Most of a segment is blank: half of the samples where there is something.
            let set = (0..bytes.len()).filter(|at| bytes[*at] != 0);
            let set: Vec<usize> = set.collect();
            for n in 0..samples / 5 {
                let damaged = home.copy();
                let at = if n % 2 == 0 {
                    set[random.usize(0..set.len())]
                } else {
                    random.usize(0..bytes.len())
                };
                let mut changed = bytes.clone();
                let what = match n % 5 {
                    0..4 => {
                        changed[at] ^= 1 << random.u8(0..8);
                        format!("{}, a bit of byte {at}", name.display())
                    }
                    _ => {
                        changed.truncate(at);
                        format!("{}, cut at {at}", name.display())
                    }
                };
                fs::write(damaged.folder.path().join(&name), changed).unwrap();
                tried += 1;
                detected += usize::from(is_detected_or_harmless(&damaged, &expected, &what).await);
            }
        }
    }
    println!("damage to the files of a log: {tried} tried, {detected} detected, the rest harmless");
    assert!(detected > tried / 4);
}

#[tokio::test]
async fn the_last_records_of_a_lost_tail_are_named() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a"), (2, "b")]).await;
    let kept = home.written(1);
    put(&log, &[(1, "c"), (2, "d"), (1, "e")]).await;
    drop(log);
    home.edit(1, |bytes| bytes.truncate(kept));
    let found = damages(&home);
    let records = |damages: &[Damage]| {
        let mut all: Vec<_> = damages.iter().flat_map(|d| d.records.clone()).collect();
        all.sort_by_key(|(partition, _)| *partition);
        all
    };
    let lost = [
        (PartitionId(1), Sequence(2)..=Sequence(3)),
        (PartitionId(2), Sequence(2)..=Sequence(2)),
    ];
    assert_eq!(records(&found), lost, "{found:?}");
    // Nobody is told that the log ends there.
    let log = FileLog::open_read_only(home.options()).unwrap();
    let mut follow = log.follow(PartitionId(1), Sequence(1), None);
    let error = follow.next().await.unwrap();
    assert!(
        matches!(error, Err(FollowError::Damaged { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_last_segment_that_is_gone_is_missed() {
    let home = three_segments().await;
    fs::remove_file(home.segment(3)).unwrap();
    let found = damages(&home);
    assert_eq!(found[0].segment, home.segment(3));
    for number in 1..3 {
        fs::remove_file(home.segment(number)).unwrap();
    }
    assert_eq!(damages(&home)[0].segment, home.segment(1));
}

#[tokio::test]
async fn damage_is_named_by_segment_offset_and_records() {
    let home = three_segments().await;
    flip(&home, 2, FRAMES_START + 80);
    let damages = damages(&home);
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!(damages[0].segment, home.segment(2));
    assert_eq!(damages[0].offset, FRAMES_START as u64);
    let records = [(PartitionId(1), Sequence(3)..=Sequence(3))];
    assert_eq!(damages[0].records, records);
    let text = OpenError::Damaged(damages).to_string();
    assert!(text.contains("partition 1 lacks records 3 to 3"), "{text}");
    assert!(text.contains("00000000000000000002.seg"), "{text}");
}

#[tokio::test]
async fn around_the_damage_everything_can_be_read() {
    let home = three_segments().await;
    flip(&home, 2, FRAMES_START + 80);
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
    flip(&home, 1, home.written(1) - 1);
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

#[tokio::test]
async fn a_damaged_header_hides_no_record() {
    let home = three_segments().await;
    for segment in 1..=3 {
        let damaged = home.copy();
        flip(&damaged, segment, 20);
        let found = damages(&damaged);
        assert!(found.iter().all(|d| d.records.is_empty()), "{found:?}");
        let log = FileLog::open_read_only(damaged.options()).unwrap();
        assert!(log.recovery().end_is_known);
        assert_eq!(bodies(&log, 1).await, ["a", "b", "c", "d", "e", "f"]);
    }
}

#[tokio::test]
async fn without_its_last_segment_a_log_knows_not_how_far_it_went() {
    let home = three_segments().await;
    fs::remove_file(home.segment(3)).unwrap();
    let log = FileLog::open_read_only(home.options()).unwrap();
    assert!(!log.recovery().end_is_known);
    drop(log);
    let home = three_segments().await;
    home.edit(3, |bytes| bytes[..FRAMES_START].fill(0));
    let log = FileLog::open_read_only(home.options()).unwrap();
    assert!(!log.recovery().end_is_known);
    assert_eq!(bodies(&log, 1).await, ["a", "b", "c", "d", "e", "f"]);
}
