//! The report log and the state log as append-only segment files: one stream of
//! frames for all partitions, so that one sync makes a whole group durable.
//!
//! ```text
//! folder/lock                       held by the process that has the log open
//!        manifest                   incarnation, partitions, the log that it follows
//!        00000000000000000001.seg   watermark, then frames of all partitions
//!        00000000000000000002.seg
//!
//! append ──▶ queue ──▶ committer thread: one write, one fdatasync ──▶ followers, acks
//! ```
//!
//! A watermark is synced with each group, so that opening tells what a crash left of
//! a group that was never acknowledged, which is cut, from everything else that
//! cannot be read, which is damage: then the log does not open for writing. Damage
//! is missed in one case: within 10 ms after an acknowledgement, until the watermark
//! says that the group is settled (or, after a kill within them, until the next start),
//! whole sectors of the last group that turn to zeros look like those that a power cut
//! kept from the disk.

mod commit;
mod copy;
mod disk;
mod erase;
mod error;
mod flaws;
mod folder;
mod frame;
mod mark;
mod open;
mod read;
mod scan;
mod segment;
#[cfg(any(test, feature = "simulated-disk"))]
pub mod simulated;
#[cfg(test)]
mod tests;
mod torn;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use ascertain_log::{
    Append, AppendError, Clock, End, Erase, Follow, FollowError, Incarnation, LogReader, LogWriter,
    MAX_RECORD_BYTES, PartitionId, Position, Record, Sequence, follow_positions, system_clock,
};
use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::commit::{Batch, Request, Waiting};
use crate::read::Reader;

pub use crate::disk::{Disk, DiskFile, Lock, RealDisk};
pub use crate::error::{Damage, OpenError};

/// Kibibytes of batches that wait for the committer before `append` itself waits.
const QUEUE_KIBIBYTES: usize = 128 << 10;

/// How a log is kept.
#[derive(Clone)]
pub struct FileLogOptions {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// How many partitions; fixed when the log is made.
    pub partitions: u32,
    /// The largest record, bytes of body and content; at most 64 MiB.
    pub max_record_bytes: usize,
    /// A segment is closed before its frames grow above this, bytes; at most 1 GiB.
    pub segment_bytes: u64,
    /// Less free space than this is left to others: appends are then refused with
    /// [`AppendError::NoSpace`].
    pub min_free_bytes: u64,
    /// The log that this one is computed from, where it is computed; fixed when the
    /// log is made.
    pub follows: Option<Incarnation>,
    /// Which history a log that is made is, where it is the same as another's; none: a
    /// new one.
    pub incarnation: Option<Incarnation>,
    /// Tells when a record is recorded.
    pub clock: Clock,
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
}

impl FileLogOptions {
    /// Records of up to 1 MiB in segments of 64 MiB, on the machine's clock and disk.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, partitions: u32) -> Self {
        Self {
            dir: dir.into(),
            partitions,
            max_record_bytes: MAX_RECORD_BYTES,
            segment_bytes: 64 << 20,
            min_free_bytes: 0,
            follows: None,
            incarnation: None,
            clock: system_clock(),
            disk: Arc::new(RealDisk),
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
    /// Whether it is known how far the log went. It is not where the last segment is
    /// missing, or all that says how far it was written cannot be read: then records
    /// may be missing that no damage names.
    pub end_is_known: bool,
}

/// A log in a folder of its own. Dropping it waits for the appends under way
/// (milliseconds), frees the folder, and ends its followers with
/// [`FollowError::Unavailable`].
pub struct FileLog {
    reader: Arc<Reader>,
    follows: Option<Incarnation>,
    recovery: Recovery,
    /// Room in the queue.
    room: Arc<Semaphore>,
    /// `None` only while it is dropped.
    queue: Option<Sender<Request>>,
    failure: watch::Receiver<Option<String>>,
    committer: Option<JoinHandle<()>>,
}

impl FileLog {
    /// Opens the log in a folder, or makes one. Reads all of it: call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// Every [`OpenError`]; no record is changed then. [`OpenError::Io`] may come after
    /// a torn tail was cut.
    #[allow(clippy::needless_pass_by_value)] // nobody needs them afterwards
    pub fn open(options: FileLogOptions) -> Result<Self, OpenError> {
        open::open(&options, true)
    }

    /// Opens a log that may be damaged and changes nothing in it. Appends are
    /// refused; a follower gets what is intact and
    /// [`FollowError::Damaged`] at the first record that is not.
    ///
    /// # Errors
    /// Every [`OpenError`] but [`OpenError::Damaged`].
    #[allow(clippy::needless_pass_by_value)] // as above
    pub fn open_read_only(options: FileLogOptions) -> Result<Self, OpenError> {
        open::open(&options, false)
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The log that this one is computed from.
    #[must_use]
    pub fn follows(&self) -> Option<Incarnation> {
        self.follows
    }

    /// How many partitions there are.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.reader.ends.len()).unwrap_or(u32::MAX)
    }

    /// Appends records of another log with the positions that they have there: all of
    /// them or nothing. Each must continue its partition.
    ///
    /// # Errors
    /// As for [`LogWriter::append`]; [`AppendError::Refused`] where one does not
    /// continue.
    pub async fn append_copied(&self, records: Vec<Record>) -> Result<(), AppendError> {
        self.enqueue(Batch::Copied(records)).await.map(drop)
    }

    async fn enqueue(&self, batch: Batch) -> Result<Vec<Position>, AppendError> {
        let closed = || AppendError::Refused("it is closed".to_owned());
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        let kibibytes = batch.bytes().div_ceil(1024).clamp(1, QUEUE_KIBIBYTES);
        let room = Arc::clone(&self.room);
        let room = room
            .acquire_many_owned(u32::try_from(kibibytes).unwrap_or(u32::MAX))
            .await
            .map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        let append = Waiting {
            batch,
            answer,
            _room: room,
        };
        queue.send(Request::Append(append)).map_err(|_| closed())?;
        let stopped = |_| AppendError::OutcomeUnknown("the committer stopped".to_owned());
        answered.await.map_err(stopped)?
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
        // is appended after this is known later. And between two groups: a batch is
        // within the ends in all of its partitions, or in none.
        let closed = || FollowError::Unavailable("the log is closed".to_owned());
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send(Request::Ends(answer)).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
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
        self.enqueue(Batch::New(batch)).await
    }

    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError> {
        let closed = || AppendError::Refused("the log is closed".to_owned());
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let request = Request::Erase((records, answer));
        queue.send(request).map_err(|_| closed())?;
        let stopped = |_| AppendError::OutcomeUnknown("the committer stopped".to_owned());
        answered.await.map_err(stopped)?
    }

    async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        let why = failure.wait_for(Option::is_some).await;
        let why = why.ok().and_then(|why| why.clone());
        why.unwrap_or_else(|| "its writer ended before its time".to_owned())
    }

    async fn flaws(&self) -> Vec<String> {
        let log = Arc::clone(&self.reader);
        let looked = tokio::task::spawn_blocking(move || flaws::flaws(&log));
        match looked.await {
            Ok(Ok(flaws)) => flaws,
            Ok(Err(error)) => vec![format!("its folder cannot be read: {error}")],
            Err(error) => vec![error.to_string()],
        }
    }
}
