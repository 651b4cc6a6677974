//! A disk that fails.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ascertain_log::conformance::append;
use ascertain_log::{AppendError, LogWriter};

use super::{Home, bodies, put};
use crate::FileLog;
use crate::disk::{Disk, RealDisk};

#[derive(Default)]
struct Faults {
    /// A write leaves half of its bytes and says that the disk is full.
    full: AtomicBool,
    /// A write, a sync, a truncation fails.
    no_write: AtomicBool,
    no_sync: AtomicBool,
    no_truncate: AtomicBool,
    syncs: AtomicUsize,
}

struct FaultyDisk(Arc<Faults>);

fn check(fault: &AtomicBool) -> io::Result<()> {
    match fault.load(Ordering::SeqCst) {
        true => Err(io::Error::other("the disk is broken")),
        false => Ok(()),
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        check(&self.0.no_write)?;
        if self.0.full.load(Ordering::SeqCst) {
            RealDisk.write(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        check(&self.0.no_sync)?;
        RealDisk.sync(file)
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        check(&self.0.no_truncate)?;
        RealDisk.truncate(file, length)
    }
}

fn open(home: &Home) -> (FileLog, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let disk = Box::new(FaultyDisk(Arc::clone(&faults)));
    let log = FileLog::open_on(home.options(), true, disk).unwrap();
    (log, faults)
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_log_goes_on_when_there_is_space_again() {
    let home = Home::new();
    let (log, faults) = open(&home);
    put(&log, &[(1, "a")]).await;
    faults.full.store(true, Ordering::SeqCst);
    let refused = log.append(vec![append(1, "b"), append(1, "c")]).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))));
    faults.full.store(false, Ordering::SeqCst);
    put(&log, &[(1, "d")]).await;
    assert_eq!(bodies(&log, 1).await, ["a", "d"]);
    drop(log);
    assert_eq!(bodies(&home.open(), 1).await, ["a", "d"]);
}

#[tokio::test]
async fn an_unknown_outcome_is_said_and_nothing_is_taken_after_it() {
    let faults: [fn(&Faults) -> &AtomicBool; 2] =
        [|faults| &faults.no_write, |faults| &faults.no_sync];
    for broken in faults {
        let home = Home::new();
        let (log, faults) = open(&home);
        put(&log, &[(1, "a")]).await;
        broken(&faults).store(true, Ordering::SeqCst);
        let unknown = log.append(vec![append(1, "b")]).await;
        assert!(matches!(unknown, Err(AppendError::OutcomeUnknown(_))));
        // The disk is well again, but what a failed sync lost is not known.
        broken(&faults).store(false, Ordering::SeqCst);
        let syncs = faults.syncs.load(Ordering::SeqCst);
        let refused = log.append(vec![append(1, "c")]).await;
        assert!(matches!(refused, Err(AppendError::Refused(_))));
        assert_eq!(faults.syncs.load(Ordering::SeqCst), syncs);
        assert_eq!(bodies(&log, 1).await, ["a"]);
        drop(log);
        let log = home.open();
        assert_eq!(bodies(&log, 1).await[0], "a");
        put(&log, &[(1, "d")]).await;
    }
}

#[tokio::test]
async fn a_full_disk_that_cannot_be_tidied_leaves_the_outcome_unknown() {
    let home = Home::new();
    let (log, faults) = open(&home);
    faults.full.store(true, Ordering::SeqCst);
    faults.no_truncate.store(true, Ordering::SeqCst);
    let unknown = log.append(vec![append(1, "b")]).await;
    assert!(matches!(unknown, Err(AppendError::OutcomeUnknown(_))));
    let refused = log.append(vec![append(1, "c")]).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))));
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_synced() {
    let home = Home::new();
    let (log, faults) = open(&home);
    for n in 1..=20 {
        put(&log, &[(1, "a"), (2, "b")]).await;
        assert!(faults.syncs.load(Ordering::SeqCst) >= n);
    }
}

#[tokio::test]
async fn appends_that_wait_together_share_a_sync() {
    let home = Home::new();
    let (log, faults) = open(&home);
    let appends = (0..500).map(|n| log.append(vec![append(1, &n.to_string())]));
    for outcome in futures::future::join_all(appends).await {
        outcome.unwrap();
    }
    assert!(faults.syncs.load(Ordering::SeqCst) < 500);
}
