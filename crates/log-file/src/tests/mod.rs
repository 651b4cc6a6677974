//! What the file log promises beyond the contract: restarts, crashes, damage.

mod copied;
mod crash;
mod damage;
mod erase;
mod faults;
mod model;
mod old;
mod power;
mod restart;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ascertain_log::conformance::{PARTITIONS, all, append, next_records};
use ascertain_log::{Incarnation, LogReader, LogWriter, PartitionId, Record, Sequence};
use tempfile::TempDir;

use crate::{FileLog, FileLogOptions};

#[tokio::test]
async fn the_file_log_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    all(|| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let options = FileLogOptions::new(folder.path().join(n.to_string()), PARTITIONS);
        async move { Arc::new(FileLog::open(options).unwrap()) as Arc<dyn LogWriter> }
    })
    .await;
}

#[tokio::test]
async fn the_contract_holds_across_many_small_segments() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    all(|| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let mut options = FileLogOptions::new(folder.path().join(n.to_string()), PARTITIONS);
        options.segment_bytes = 1000;
        async move { Arc::new(FileLog::open(options).unwrap()) as Arc<dyn LogWriter> }
    })
    .await;
}

/// A log's folder, which outlives the logs opened in it.
struct Home {
    folder: TempDir,
    segment_bytes: u64,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: folder(),
            segment_bytes: 1 << 20,
        }
    }

    fn options(&self) -> FileLogOptions {
        let mut options = FileLogOptions::new(self.folder.path(), PARTITIONS);
        options.segment_bytes = self.segment_bytes;
        options
    }

    fn open(&self) -> FileLog {
        FileLog::open(self.options()).unwrap()
    }

    fn segment(&self, number: u32) -> PathBuf {
        crate::folder::segment_path(self.folder.path(), number)
    }

    /// The newest watermark of a segment.
    fn mark(&self, number: u32) -> crate::mark::Mark {
        let bytes = std::fs::read(self.segment(number)).unwrap();
        let incarnation = Incarnation(crate::frame::array_at(&bytes, 16));
        crate::scan::newest_mark(&bytes, crate::frame::seed(incarnation, number)).unwrap()
    }

    /// Where the frames of a segment end.
    fn written(&self, number: u32) -> usize {
        usize::try_from(self.mark(number).written).unwrap()
    }

    /// Changes the bytes of a segment.
    fn edit(&self, number: u32, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.segment(number)).unwrap();
        change(&mut bytes);
        std::fs::write(self.segment(number), bytes).unwrap();
    }

    /// A copy of the folder as it is now: what a crash would leave.
    fn copy(&self) -> Self {
        let copy = Self {
            folder: folder(),
            segment_bytes: self.segment_bytes,
        };
        copy_files(self.folder.path(), copy.folder.path());
        copy
    }
}

/// In memory where that is possible: these tests sync thousands of times.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

async fn put(log: &FileLog, batch: &[(u32, &str)]) {
    let batch = batch.iter().map(|(p, body)| append(*p, body)).collect();
    log.append(batch).await.unwrap();
}

/// Everything in a partition, by following it to its end.
async fn whole(log: &FileLog, partition: u32) -> Vec<Record> {
    let end = log.ends().await.unwrap()[partition as usize].last_sequence;
    let mut follow = log.follow(PartitionId(partition), Sequence::ZERO, None);
    next_records(&mut follow, end.0 as usize).await
}

async fn bodies(log: &FileLog, partition: u32) -> Vec<String> {
    let records = whole(log, partition).await;
    let text = |record: &Record| String::from_utf8(record.body.to_vec()).unwrap();
    records.iter().map(text).collect()
}
