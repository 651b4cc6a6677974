//! The log contract: append a batch and learn its positions, follow from a
//! position, know the end. Everything that Ascertain knows passes through a log
//! of this shape; memory, segment files, another process over gRPC and (later)
//! JetStream stand behind it, and all pass the suite in `conformance`.
//!
//! ```text
//!  partition 0   1 2 3 4 5 6 ·          dense sequences from 1
//!  partition 1   1 2 3 ·                `·` is the end: what append writes next
//!                    ▲     ▲
//!                    │     └ last_sequence
//!                    └ follow(after = 2) yields 3, then waits for 4
//! ```
//!
//! A position belongs to one incarnation of one log. The knowledge time of a
//! record is the running maximum of `recorded_at` along its partition (and beyond
//! it by a microsecond for records of the log's own clock), so that
//! what was known at a time is always a prefix.

mod audit;
mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod follow;
mod memory;
mod place;
mod position;
mod resume;
pub mod watch;

pub use audit::Audit;
pub use clock::{Clock, now, system_clock};
pub use follow::{
    FOLLOW_BATCH_BYTES, FOLLOW_BATCH_RECORDS, HEARTBEAT, Positional, follow_positions,
};
pub use memory::MemoryLog;
pub use place::{MAX_BATCH_BYTES, MAX_RECORD_BYTES, RECORD_OVERHEAD_BYTES, place};
pub use position::{Chain, Incarnation, PartitionId, Position, Sequence};
pub use resume::{follow_forever, reachable};

use ascertain_domain::time::Timestamp;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// One record to append.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where it goes.
    pub partition: PartitionId,
    /// The body, as it is to be kept for ever.
    pub body: Bytes,
    /// The erasable content beside it; may be empty.
    pub content: Bytes,
    /// The partition-0 sequence that it was resolved against; 0 for none.
    pub registry_sequence: Sequence,
    /// When it is recorded.
    pub recorded: Recorded,
}

/// What is to be erased of a record.
#[derive(Debug, Clone)]
pub struct Erase {
    /// Its partition.
    pub partition: PartitionId,
    /// Its sequence.
    pub sequence: Sequence,
    /// What is to stand in the place of its body; `None` where only its content goes.
    pub tombstone: Option<Bytes>,
}

/// Where the knowledge time of a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The log's own clock. The record's knowledge time is after the partition's
    /// last, by a microsecond if the clock does not move: so that what was known at
    /// a time is never half of a group.
    Now,
    /// Stated: the record is placed at this knowledge time. Refused with
    /// [`AppendError::LaterKnown`] where something later is known already.
    Stated(Timestamp),
    /// Copied from the record that caused this one (for the state log): taken as
    /// it is, and never before the partition's last.
    Of(Timestamp),
}

/// A record with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// The body.
    pub body: Bytes,
    /// The erasable content beside it; may be empty.
    pub content: Bytes,
}

impl Record {
    /// Bytes of body and content.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.body.len() + self.content.len()
    }
}

/// The end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The last durable sequence; [`Sequence::ZERO`] when empty.
    pub last_sequence: Sequence,
    /// The knowledge time of that record.
    pub known_at: Option<Timestamp>,
    /// The chain value of that record; [`Chain::START`] when empty.
    pub chain: Chain,
}

impl End {
    /// The end of a partition that holds nothing.
    pub const EMPTY: Self = Self {
        last_sequence: Sequence::ZERO,
        known_at: None,
        chain: Chain::START,
    };
}

/// Why an append failed, and whether it may have happened all the same.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It surely did not happen: something later is known in the partition.
    #[error("partition {partition} already knows of {known_at}, later than the stated {stated}")]
    LaterKnown {
        /// The partition.
        partition: PartitionId,
        /// Its knowledge time.
        known_at: Timestamp,
        /// The stated time.
        stated: Timestamp,
    },
    /// It surely did not happen: no such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(PartitionId),
    /// It surely did not happen: a record or the whole batch is larger than the
    /// log takes.
    #[error("{bytes} bytes at once are above the log's limit of {limit}")]
    TooLarge {
        /// The size of the record or batch, bytes.
        bytes: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// It surely did not happen: there is no space. The log goes on once there is.
    #[error("there is no space for more records: {0}")]
    NoSpace(String),
    /// It surely did not happen: the log takes nothing now (closed, read-only).
    #[error("the log takes no records now: {0}")]
    Refused(String),
    /// It perhaps did happen. Retry with the same ids.
    #[error("the outcome of the append is not known: {0}")]
    OutcomeUnknown(String),
}

/// Why following ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FollowError {
    /// The position asked for lies beyond the end of this log.
    #[error("position {after} of partition {partition} lies beyond the end {end}")]
    BeyondEnd {
        /// The partition.
        partition: PartitionId,
        /// What was asked for.
        after: Sequence,
        /// The end.
        end: Sequence,
    },
    /// The log is another history than the follower knew.
    #[error("the log is another incarnation than the one followed so far")]
    IncarnationChanged,
    /// No such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(PartitionId),
    /// A stored record is damaged and is not served.
    #[error("record {sequence} of partition {partition} is damaged: {detail}")]
    Damaged {
        /// The partition.
        partition: PartitionId,
        /// The record.
        sequence: Sequence,
        /// What was found.
        detail: String,
    },
    /// The log could not be reached or read; try again from the last record seen.
    #[error("the log cannot be read now: {0}")]
    Unavailable(String),
}

/// The batches of a follower: records of one partition in sequence order, first
/// what is there, then what comes. An empty batch (about once a second) says that
/// nothing new is there. The stream ends only with an error or when dropped.
pub type Follow = BoxStream<'static, Result<Vec<Record>, FollowError>>;

/// Reading side of a log.
#[async_trait]
pub trait LogReader: Send + Sync + 'static {
    /// Which history this is. A restored or remade log is another incarnation.
    async fn incarnation(&self) -> Result<Incarnation, FollowError>;

    /// The ends of all partitions, partition 0 first. A record that is not behind
    /// them gets a knowledge time of the log's own clock after this was called.
    async fn ends(&self) -> Result<Vec<End>, FollowError>;

    /// Follows a partition after a sequence. `incarnation` is the history that
    /// the position belongs to; `None` for a follower that has none.
    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow;
}

/// Writing side of a log.
#[async_trait]
pub trait LogWriter: LogReader {
    /// Appends a batch: all of it or nothing. Returns when it is durable, with
    /// the position of each record, in order. Records of one partition keep the
    /// order of the batch.
    ///
    /// # Errors
    /// [`AppendError::OutcomeUnknown`] says that it perhaps happened; every other
    /// error that it surely did not.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError>;

    /// Erases what records hold, for good: their contents, and the bodies of those for which
    /// a tombstone is given ([`ascertain_domain::tombstone`]). Positions and chain stay as
    /// they are. What is erased already is left as it is. Returns when no byte of it is in
    /// the log any more, durably; followers are given what is left.
    ///
    /// # Errors
    /// Some of it may be erased then, and some not: try again.
    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError>;

    /// Waits until the log takes no more records before it is opened again, and tells
    /// why; for ever where that does not happen.
    async fn failed(&self) -> String {
        std::future::pending().await
    }

    /// What is wrong with all that is kept beside the records, and would keep the log
    /// from being opened again; empty where there is no such thing.
    async fn flaws(&self) -> Vec<String> {
        Vec::new()
    }
}
