//! Erasing: no byte of it is left in the folder, whenever the power goes off.

use std::sync::Arc;

use ascertain_domain::id::{PartnerId, ReportId, ReportKey};
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::conformance::{PARTITIONS, append};
use ascertain_log::{Append, Erase, LogWriter, PartitionId, Sequence};
use bytes::Bytes;

use super::{Home, whole};
use crate::simulated::SimulatedDisk;
use crate::{FileLog, FileLogOptions};

const HISTORIES: u64 = 200;
const RECORDS: u64 = 12;

fn said(n: u64) -> Append {
    let filling = "and so on ".repeat(usize::try_from(n % 5).unwrap() * 40);
    append(
        1,
        &format!("body-{n} what somebody said of a place {filling}"),
    )
}

fn key(n: u64) -> ReportKey {
    ReportKey {
        partner: PartnerId::new("agency").unwrap(),
        report: ReportId(uuid::Uuid::from_u128(u128::from(n))),
    }
}

fn left(n: u64) -> Tombstone {
    Tombstone {
        key: key(n),
        links: Vec::new(),
        places: Vec::new(),
    }
}

/// Erases the content of a record, and of every second its body, too.
fn erase(n: u64) -> Erase {
    let stone = || Bytes::from(left(n).in_place_of(&said(n).body));
    Erase {
        partition: PartitionId(1),
        sequence: Sequence(n),
        tombstone: n.is_multiple_of(2).then(stone),
    }
}

fn is_erased(n: u64, record: &ascertain_log::Record) -> bool {
    let body_is_gone = Tombstone::read(&record.body) == Some(left(n));
    record.content.is_empty() && (body_is_gone || !n.is_multiple_of(2))
}

#[tokio::test]
async fn no_byte_of_what_was_erased_is_left_in_the_folder() {
    let home = Home::new();
    let log = home.open();
    log.append((1..=RECORDS).map(said).collect()).await.unwrap();
    log.erase((1..=RECORDS).map(erase).collect()).await.unwrap();
    let files = |what: &str| {
        let files = std::fs::read_dir(home.folder.path()).unwrap();
        let mut bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        bytes.any(|bytes| bytes.windows(what.len()).any(|w| w == what.as_bytes()))
    };
    for n in 1..=RECORDS {
        assert!(!files(&format!("content of body-{n} ")), "content {n}");
        assert_eq!(
            files(&format!("body-{n} ")),
            !n.is_multiple_of(2),
            "body {n}"
        );
    }
    drop(log);
    let records = whole(&home.open(), 1).await;
    assert!(
        records
            .iter()
            .zip(1..)
            .all(|(record, n)| is_erased(n, record))
    );
}

/// The power goes off while a log erases: nothing is damaged, what was told to be erased
/// is, and of every record either all is there, or what is to be left.
#[tokio::test]
async fn whenever_the_power_goes_off_a_record_is_whole_or_erased() {
    let (mut cut, mut erased, mut broken_off) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = SimulatedDisk::new(64 << 20, seed);
        let options = |disk: &SimulatedDisk| {
            let mut options = FileLogOptions::new("log", PARTITIONS);
            options.disk = Arc::new(disk.clone());
            options.segment_bytes = 6_000;
            options
        };
        let log = FileLog::open(options(&disk)).unwrap();
        for n in 1..=RECORDS {
            log.append(vec![said(n)]).await.unwrap();
        }
        disk.power_off_after(random.u64(1..60));
        let mut done = 0;
        while done < RECORDS && log.erase(vec![erase(done + 1)]).await.is_ok() {
            done += 1;
        }
        drop(log);
        cut += u64::from(disk.is_off());
        let disk = disk.after_power_cut();
        let log = FileLog::open(options(&disk)).unwrap();
        let records = whole(&log, 1).await;
        assert_eq!(records.len() as u64, RECORDS, "seed {seed}");
        for (record, n) in records.iter().zip(1..) {
            let as_it_was = (&record.body, &record.content) == (&said(n).body, &said(n).content);
            assert!(as_it_was || is_erased(n, record), "seed {seed}, record {n}");
            assert!(n > done || is_erased(n, record), "seed {seed}, record {n}");
            broken_off += u64::from(n == done + 1 && is_erased(n, record));
        }
        erased += done;
        // Erased again, and then all of it.
        log.erase((1..=RECORDS).map(erase).collect()).await.unwrap();
        let records = whole(&log, 1).await;
        assert!(
            records
                .iter()
                .zip(1..)
                .all(|(record, n)| is_erased(n, record))
        );
    }
    println!("{cut} cuts, {erased} erased before, {broken_off} finished by the next start");
    assert!(cut > HISTORIES / 2 && erased > 0 && broken_off > 0);
}
