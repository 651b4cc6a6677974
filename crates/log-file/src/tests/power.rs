//! Power cuts: everything that was not synced may be gone, sector by sector.

use std::sync::Arc;

use ascertain_log::conformance::{PARTITIONS, append};
use ascertain_log::{LogReader, LogWriter, Position};

use super::whole;
use crate::simulated::SimulatedDisk;
use crate::{FileLog, FileLogOptions};

/// How many histories, each with several power cuts.
const HISTORIES: u64 = 150;
const CUTS: usize = 3;

/// What the cuts of many histories did.
#[derive(Debug, Default)]
struct Tally {
    cuts: usize,
    acknowledged: usize,
    lost: usize,
    torn: usize,
    failed_syncs: usize,
    refused: usize,
}

fn options(disk: &SimulatedDisk) -> FileLogOptions {
    let mut options = FileLogOptions::new("log", PARTITIONS);
    options.disk = Arc::new(disk.clone());
    options.segment_bytes = 20_000;
    options
}

/// Appends until the disk fails or is off; what was acknowledged, with its bodies.
async fn append_until_it_fails(
    log: &FileLog,
    random: &mut fastrand::Rng,
    acknowledged: &mut Vec<(Position, String)>,
) {
    for n in 0.. {
        let batches = (0..random.usize(1..4)).map(|b| {
            let count = random.usize(1..4);
            (0..count)
                .map(|i| {
                    // Long runs of zeros, too, so that sectors of a record are blank.
                    let blank = if random.bool() { "\0" } else { "x" };
                    let filling = blank.repeat(random.usize(0..3000));
                    (random.u32(0..PARTITIONS), format!("{n}/{b}/{i}{filling}"))
                })
                .collect::<Vec<_>>()
        });
        let batches: Vec<_> = batches.collect();
        let appends = batches.iter().map(|batch| {
            let records = batch
                .iter()
                .map(|(partition, body)| append(*partition, body));
            log.append(records.collect())
        });
        let outcomes = futures::future::join_all(appends).await;
        let mut failed = false;
        for (batch, outcome) in batches.into_iter().zip(outcomes) {
            match outcome {
                Ok(positions) => {
                    let bodies = batch.into_iter().map(|(_, body)| body);
                    acknowledged.extend(positions.into_iter().zip(bodies));
                }
                Err(_) => failed = true,
            }
        }
        if failed {
            return;
        }
    }
}

/// One history: appends, cut, opened again, and so on.
async fn history(seed: u64, lies: bool, tally: &mut Tally) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut disk = SimulatedDisk::new(256 << 20, seed);
    let mut acknowledged: Vec<(Position, String)> = Vec::new();
    for _ in 0..CUTS {
        if !lies && random.bool() {
            tally.failed_syncs += 1;
            fail_a_sync(&disk, &mut random, &mut acknowledged).await;
        }
        disk.power_off_after(random.u64(1..120));
        if lies {
            disk.lie();
        }
        // The power may go off while the log is opened, too.
        if let Ok(log) = FileLog::open(options(&disk)) {
            append_until_it_fails(&log, &mut random, &mut acknowledged).await;
        }
        assert!(disk.is_off());
        disk = disk.after_power_cut();
        tally.cuts += 1;
        match FileLog::open(options(&disk)) {
            Ok(log) => {
                tally.torn += usize::from(log.recovery().torn_bytes > 0);
                tally.lost += missing(&log, &acknowledged).await;
            }
            Err(error) => {
                assert!(lies, "seed {seed}: {error}");
                tally.refused += 1;
                return;
            }
        }
    }
    tally.acknowledged += acknowledged.len();
}

/// A sync fails, and the log is opened again while the power is on. All that is found
/// is served then, and acknowledged to who sends it again.
async fn fail_a_sync(
    disk: &SimulatedDisk,
    random: &mut fastrand::Rng,
    acknowledged: &mut Vec<(Position, String)>,
) {
    disk.fail_one_sync_after(random.u64(0..60));
    if let Ok(log) = FileLog::open(options(disk)) {
        append_until_it_fails(&log, random, acknowledged).await;
    }
    let log = FileLog::open(options(disk)).unwrap();
    assert_eq!(missing(&log, acknowledged).await, 0);
    acknowledged.clear();
    for partition in 0..PARTITIONS {
        let records = whole(&log, partition).await.into_iter();
        let body = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        acknowledged.extend(records.map(|r| (r.position, body(r.body.to_vec()))));
    }
}

/// How many of these records are not there as they were acknowledged.
async fn missing(log: &FileLog, acknowledged: &[(Position, String)]) -> usize {
    let ends = log.ends().await.unwrap();
    let mut records = Vec::new();
    for partition in 0..PARTITIONS {
        assert_eq!(ends.len(), PARTITIONS as usize);
        records.push(whole(log, partition).await);
    }
    let is_there = |(position, body): &&(Position, String)| {
        let partition = &records[position.partition.0 as usize];
        let found = partition.get(position.sequence.0 as usize - 1);
        found.is_some_and(|r| r.position == *position && r.body == body.as_bytes())
    };
    acknowledged.len() - acknowledged.iter().filter(is_there).count()
}

#[tokio::test]
async fn what_was_acknowledged_survives_every_power_cut() {
    let mut tally = Tally::default();
    for seed in 0..histories() {
        history(seed, false, &mut tally).await;
    }
    println!("power cuts: {tally:?}");
    assert_eq!(tally.lost, 0);
    assert!(tally.cuts >= 200 && tally.acknowledged > 1000);
    assert!(tally.torn > 0, "no cut fell into a commit");
    assert!(tally.failed_syncs > 0);
}

#[tokio::test]
async fn without_the_sync_the_same_cuts_lose_what_was_acknowledged() {
    let mut tally = Tally::default();
    for seed in 0..HISTORIES {
        history(seed, true, &mut tally).await;
    }
    println!("power cuts without syncs: {tally:?}");
    assert!(tally.lost > 0 || tally.refused > 0);
    assert!(tally.lost + tally.refused > tally.cuts / 4);
}

/// More in the long mode of the tests.
fn histories() -> u64 {
    let long = std::env::var_os("ASCERTAIN_LONG").is_some();
    HISTORIES * if long { 20 } else { 1 }
}
