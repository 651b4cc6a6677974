//! What a crash leaves: a tail that was never acknowledged.

use std::fs::{self, File};

use super::{Home, bodies, put};
use crate::FileLog;

fn length(home: &Home) -> u64 {
    fs::metadata(home.segment(1)).unwrap().len()
}

fn cut(home: &Home, length: u64) {
    let file = File::options().write(true).open(home.segment(1)).unwrap();
    file.set_len(length).unwrap();
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_and_all_before_it_is_there() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a"), (2, "b")]).await;
    let kept = length(&home);
    put(&log, &[(1, "torn one"), (2, "torn two"), (1, "torn three")]).await;
    drop(log);
    for torn in kept..length(&home) {
        let crashed = home.copy();
        cut(&crashed, torn);
        let log = crashed.open();
        assert_eq!(log.recovery().torn_bytes, torn - kept);
        assert_eq!(bodies(&log, 1).await, ["a"], "cut at {torn}");
        assert_eq!(bodies(&log, 2).await, ["b"], "cut at {torn}");
        assert_eq!(length(&crashed), kept);
        // And the log goes on where it was.
        put(&log, &[(1, "next")]).await;
        drop(log);
        assert_eq!(bodies(&crashed.open(), 1).await, ["a", "next"]);
    }
}

#[tokio::test]
async fn a_batch_without_its_end_is_not_there_at_all() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a")]).await;
    let kept = length(&home);
    put(&log, &[(1, "one")]).await;
    let one = length(&home) - kept;
    drop(log);
    // The same frame again as the first of two: cut behind it, it is whole.
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a")]).await;
    put(&log, &[(1, "one"), (2, "two")]).await;
    drop(log);
    cut(&home, kept + one);
    let log = home.open();
    assert_eq!(bodies(&log, 1).await, ["a"]);
    assert_eq!(log.recovery().torn_bytes, one);
}

#[tokio::test]
async fn noise_behind_the_last_record_is_cut() {
    let home = Home::new();
    put(&home.open(), &[(1, "a")]).await;
    let whole = fs::read(home.segment(1)).unwrap();
    // The frame itself once more is noise, too, if it is not whole.
    let half = whole[64..100].to_vec();
    for noise in [vec![0; 10_000], vec![0xA5; 300], half] {
        let crashed = home.copy();
        fs::write(crashed.segment(1), [whole.clone(), noise].concat()).unwrap();
        assert_eq!(bodies(&crashed.open(), 1).await, ["a"]);
        assert_eq!(fs::read(crashed.segment(1)).unwrap(), whole);
    }
}

#[tokio::test]
async fn a_last_write_whose_pages_did_not_all_arrive_is_cut() {
    let home = Home::new();
    let log = home.open();
    put(&log, &[(1, "a")]).await;
    let kept = length(&home);
    let long = "x".repeat(3000);
    let group: Vec<_> = (0..10).map(|_| (1, long.as_str())).collect();
    put(&log, &group).await;
    drop(log);
    let mut bytes = fs::read(home.segment(1)).unwrap();
    bytes[8192..12288].fill(0);
    fs::write(home.segment(1), bytes).unwrap();
    assert!(
        FileLog::open_read_only(home.options())
            .unwrap()
            .recovery()
            .damages
            .is_empty()
    );
    assert_eq!(bodies(&home.open(), 1).await, ["a"]);
    assert_eq!(length(&home), kept);
}
