//! The report log and the state log as append-only segment files: one stream of
//! frames for all partitions, so that one sync makes a whole group durable.
//!
//! ```text
//! folder/lock                       held by the process that has the log open
//!        manifest                   incarnation and number of partitions
//!        00000000000000000001.seg   frames of all partitions, in order of commit
//!        00000000000000000002.seg
//!
//! append ──▶ queue ──▶ committer thread: one write, one fdatasync ──▶ followers, acks
//! ```
//!
//! After a crash the tail of the last segment that was never acknowledged is cut;
//! anything else that cannot be read is damage, and the log does not open for
//! writing.

mod commit;
mod disk;
mod error;
mod folder;
mod frame;
mod read;
mod scan;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

use ascertain_log::{
    Append, AppendError, Clock, End, Follow, FollowError, Incarnation, LogReader, LogWriter,
    MAX_BATCH_BYTES, MAX_RECORD_BYTES, PartitionId, Position, Sequence, follow_positions,
    system_clock,
};
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use crate::commit::{Committer, Request, Segment};
use crate::disk::{Disk, RealDisk};
use crate::folder::Manifest;
use crate::read::Reader;
use crate::scan::Scan;

pub use crate::error::{Damage, OpenError};

/// Batches that wait for the committer before `append` itself waits.
const QUEUE_BATCHES: usize = 8192;
/// Offsets in a segment are 32 bits wide; a group of at most 65 MiB may follow this.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// How a log is kept.
#[derive(Clone)]
pub struct FileLogOptions {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// How many partitions; fixed when the log is made.
    pub partitions: u32,
    /// The largest record, bytes of body and content; at most 64 MiB.
    pub max_record_bytes: usize,
    /// A segment is closed before it grows above this, bytes; at most 1 GiB.
    pub segment_bytes: u64,
    /// Tells when a record is recorded.
    pub clock: Clock,
}

impl FileLogOptions {
    /// Records of up to 1 MiB in segments of 64 MiB, on the machine's clock.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, partitions: u32) -> Self {
        Self {
            dir: dir.into(),
            partitions,
            max_record_bytes: MAX_RECORD_BYTES,
            segment_bytes: 64 << 20,
            clock: system_clock(),
        }
    }
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Records that are there.
    pub records: u64,
    /// Bytes at the end that a crash left behind and nobody was told were kept.
    /// They were cut, unless the log is open for reading only.
    pub torn_bytes: u64,
    /// What cannot be read; empty unless the log is open for reading only.
    pub damages: Vec<Damage>,
}

/// A log in a folder of its own. Dropping it waits for the appends under way
/// (milliseconds), frees the folder, and ends its followers with
/// [`FollowError::Unavailable`].
pub struct FileLog {
    reader: Arc<Reader>,
    recovery: Recovery,
    /// `None` only while it is dropped.
    queue: Option<mpsc::Sender<Request>>,
    committer: Option<JoinHandle<()>>,
}

impl FileLog {
    /// Opens the log in a folder, or makes one. Reads all of it: call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// Every [`OpenError`]; nothing is changed then, but for an empty new log.
    pub fn open(options: FileLogOptions) -> Result<Self, OpenError> {
        Self::open_on(options, true, Box::new(RealDisk))
    }

    /// Opens a log that may be damaged and changes nothing in it. Appends are
    /// refused; a follower gets what is intact and
    /// [`FollowError::Damaged`] at the first record that is not.
    ///
    /// # Errors
    /// Every [`OpenError`] but [`OpenError::Damaged`].
    pub fn open_read_only(options: FileLogOptions) -> Result<Self, OpenError> {
        Self::open_on(options, false, Box::new(RealDisk))
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    fn open_on(
        options: FileLogOptions,
        writing: bool,
        disk: Box<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let FileLogOptions {
            dir,
            partitions,
            max_record_bytes,
            segment_bytes,
            clock,
        } = options;
        let folder = dir.as_path();
        let failed = |source| OpenError::Io {
            folder: folder.to_owned(),
            source,
        };
        if writing {
            make_folder(folder).map_err(failed)?;
        }
        let lock = folder::lock(folder)
            .map_err(failed)?
            .ok_or_else(|| OpenError::Locked(folder.to_owned()))?;
        let segments = folder::segments(folder).map_err(failed)?;
        let manifest = manifest(folder, partitions, &segments, writing)?;
        let mut scan = scan::scan(folder, &segments, manifest.incarnation, manifest.partitions)
            .map_err(failed)?;
        let mut segment = None;
        if writing {
            if !scan.damages.is_empty() {
                return Err(OpenError::Damaged(scan.damages));
            }
            let ready = ready_to_write(folder, manifest.incarnation, &scan);
            segment = Some(ready.map_err(failed)?);
        }
        let recovery = Recovery {
            records: scan.records,
            torn_bytes: scan.torn_bytes,
            damages: std::mem::take(&mut scan.damages),
        };

        let (senders, receivers): (Vec<_>, Vec<_>) =
            scan.ends.into_iter().map(watch::channel).unzip();
        let reader = Arc::new(Reader {
            folder: folder.to_owned(),
            incarnation: manifest.incarnation,
            ends: receivers,
            index: scan.index.into_iter().map(RwLock::new).collect(),
        });
        let (queue, requests) = mpsc::channel(QUEUE_BATCHES);
        let committer = Committer {
            queue: requests,
            reader: Arc::clone(&reader),
            ends: senders,
            segment,
            disk,
            clock,
            max_record_bytes: max_record_bytes.min(MAX_BATCH_BYTES),
            segment_bytes: segment_bytes.min(MAX_SEGMENT_BYTES),
            _lock: lock,
        };
        let thread = std::thread::Builder::new()
            .name("log-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(failed)?;
        Ok(Self {
            reader,
            recovery,
            queue: Some(queue),
            committer: Some(thread),
        })
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the log's committer had stopped before its time");
        }
    }
}

#[async_trait]
impl LogReader for FileLog {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        Ok(self.reader.incarnation)
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        // Behind the group under way, whose records have their times already: what
        // is appended after this is known later.
        if let Some(queue) = &self.queue {
            let (answer, answered) = oneshot::channel();
            let batch = Vec::new();
            if queue.send(Request { batch, answer }).await.is_ok() {
                // Its failure is told to those who appended.
                let _ = answered.await;
            }
        }
        Ok(self.reader.ends.iter().map(|end| *end.borrow()).collect())
    }

    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow {
        let log = Arc::clone(&self.reader);
        follow_positions(log, partition, after, incarnation)
    }
}

#[async_trait]
impl LogWriter for FileLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let closed = || AppendError::Refused("it is closed".to_owned());
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let request = Request { batch, answer };
        queue.send(request).await.map_err(|_| closed())?;
        let stopped = |_| AppendError::OutcomeUnknown("the committer stopped".to_owned());
        answered.await.map_err(stopped)?
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => folder::sync_folder(parent),
        _ => folder::sync_folder(Path::new(".")),
    }
}

/// Reads the manifest; writes one for a log that is made now.
fn manifest(
    folder: &Path,
    partitions: u32,
    segments: &[u32],
    writing: bool,
) -> Result<Manifest, OpenError> {
    let failed = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    let unusable = |detail| OpenError::Manifest {
        folder: folder.to_owned(),
        detail,
    };
    match folder::read_manifest(folder).map_err(failed)? {
        Some(read) => {
            let manifest = read.map_err(unusable)?;
            if manifest.partitions != partitions {
                return Err(OpenError::PartitionCount {
                    folder: folder.to_owned(),
                    made: manifest.partitions,
                    asked: partitions,
                });
            }
            Ok(manifest)
        }
        // Records without a manifest belong to a log that nobody can name any more.
        None if !segments.is_empty() || !writing => Err(unusable("it is missing".to_owned())),
        None => {
            let manifest = Manifest {
                incarnation: Incarnation::draw(),
                partitions,
            };
            folder::write_manifest(folder, &manifest).map_err(failed)?;
            Ok(manifest)
        }
    }
}

/// Cuts the torn tail and makes durable all that followers are about to see: what
/// a killed process wrote and never synced is perhaps only in memory.
fn ready_to_write(folder: &Path, incarnation: Incarnation, scan: &Scan) -> io::Result<Segment> {
    folder::remove_leftovers(folder)?;
    let Some((number, length)) = scan.last else {
        let number = 1;
        return Ok(Segment {
            number,
            file: folder::create_segment(folder, incarnation, number)?,
            length: frame::SEGMENT_HEADER_BYTES as u64,
        });
    };
    let path = folder::segment_path(folder, number);
    let file = fs::File::options().write(true).open(&path)?;
    if scan.torn_bytes > 0 {
        let (segment, torn_bytes) = (path.display(), scan.torn_bytes);
        tracing::warn!(%segment, torn_bytes, "cut the tail of a write that was never acknowledged");
        file.set_len(length)?;
    }
    file.sync_all()?;
    Ok(Segment {
        number,
        file,
        length,
    })
}
