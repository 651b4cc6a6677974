//! What a crash leaves: a tail that was never acknowledged.

use std::fs;

use super::{Home, bodies, put};
use crate::frame::FRAMES_START;
use crate::{FileLog, OpenError};

/// The folder as it is right after an append, before the group is marked as settled.
async fn unsettled(batch: &[(u32, &str)]) -> (Home, usize) {
    loop {
        let home = Home::new();
        let log = home.open();
        put(&log, &[(1, "a"), (2, "b")]).await;
        let kept = home.written(1);
        put(&log, batch).await;
        let copy = home.copy();
        if copy.mark(1).settled == kept as u64 {
            return (copy, kept);
        }
        // The machine was so busy that the mark came before the copy.
    }
}

#[tokio::test]
async fn a_group_that_lacks_any_of_its_sectors_is_cut_and_all_before_it_is_there() {
    let long = "x".repeat(700);
    let batch: Vec<_> = (0..10).map(|_| (1, long.as_str())).collect();
    let (home, kept) = unsettled(&batch).await;
    let end = home.written(1);
    let mut sector = kept - kept % 512;
    while sector < end {
        let crashed = home.copy();
        crashed.edit(1, |bytes| {
            bytes[sector.max(kept)..(sector + 512).min(end)].fill(0);
        });
        let log = crashed.open();
        assert!(log.recovery().torn_bytes > 0);
        assert_eq!(bodies(&log, 1).await, ["a"], "sector at {sector}");
        assert_eq!(bodies(&log, 2).await, ["b"], "sector at {sector}");
        // And the log goes on where it was.
        put(&log, &[(1, "next")]).await;
        drop(log);
        assert_eq!(bodies(&crashed.open(), 1).await, ["a", "next"]);
        sector += 512;
    }
}

#[tokio::test]
async fn a_group_that_changed_or_was_cut_off_is_no_crash() {
    let long = "x".repeat(700);
    let (home, kept) = unsettled(&[(1, &long), (2, &long)]).await;
    let end = home.written(1);
    for at in (kept..end).step_by(3) {
        let damaged = home.copy();
        damaged.edit(1, |bytes| bytes[at] ^= 0x10);
        let opened = FileLog::open(damaged.options());
        assert!(matches!(opened, Err(OpenError::Damaged(_))), "byte {at}");
        if at % 10 == 0 {
            let damaged = home.copy();
            damaged.edit(1, |bytes| bytes.truncate(at));
            let opened = FileLog::open(damaged.options());
            assert!(matches!(opened, Err(OpenError::Damaged(_))), "cut at {at}");
        }
    }
}

#[tokio::test]
async fn once_it_is_settled_missing_sectors_are_no_crash_either() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, &"x".repeat(3000))]).await;
    drop(log);
    home.edit(1, |bytes| bytes[13_312..13_824].fill(0));
    let opened = FileLog::open(home.options());
    assert!(matches!(opened, Err(OpenError::Damaged(_))));
}

#[tokio::test]
async fn a_batch_without_its_end_is_not_there_at_all() {
    let long = "x".repeat(700);
    let (home, _) = unsettled(&[(1, "one"), (2, &long)]).await;
    let end = home.written(1);
    home.edit(1, |bytes| bytes[end - end % 512..end].fill(0));
    let log = home.open();
    assert_eq!(bodies(&log, 1).await, ["a"]);
}

#[tokio::test]
async fn noise_behind_the_last_record_is_cleared() {
    let home = Home::new();
    put(&home.open(), &[(1, "a")]).await;
    let end = home.written(1);
    let whole = fs::read(home.segment(1)).unwrap();
    // The frame itself once more is noise, too, if it is not whole.
    let half = whole[FRAMES_START..FRAMES_START + 40].to_vec();
    for noise in [vec![0xA5; 300], half] {
        let crashed = home.copy();
        crashed.edit(1, |bytes| {
            bytes[end..end + noise.len()].copy_from_slice(&noise);
        });
        let log = crashed.open();
        // The noise may end with zeros.
        let torn = noise.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        assert_eq!(log.recovery().torn_bytes, torn as u64);
        assert_eq!(bodies(&log, 1).await, ["a"]);
        drop(log);
        let after = fs::read(crashed.segment(1)).unwrap();
        assert_eq!(after[FRAMES_START..], whole[FRAMES_START..]);
    }
}

#[tokio::test]
async fn a_segment_that_was_made_and_never_used_is_swept_away() {
    let home = Home::new();
    put(&home.open(), &[(1, "a")]).await;
    let incarnation = crate::frame::array_at(&fs::read(home.segment(1)).unwrap(), 16);
    crate::segment::Segment::create(
        &crate::RealDisk,
        home.folder.path(),
        ascertain_log::Incarnation(incarnation),
        (2, 1 << 20),
        &[ascertain_log::End::EMPTY; 3],
    )
    .unwrap();
    let log = home.open();
    assert!(!home.segment(2).exists());
    put(&log, &[(1, "b")]).await;
    assert_eq!(bodies(&log, 1).await, ["a", "b"]);
}
