//! Why reconcile cannot go on.

use ascertain_log::{AppendError, FollowError};
use ascertain_proto::resume::ResumeError;
use ascertain_replica::ReplicaError;
use ascertain_store::StoreError;

/// Why a partition cannot be reconciled any further. The process drains; on the
/// next start it goes on from its checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The report log cannot be followed.
    #[error("the report log cannot be followed")]
    Follow(#[from] FollowError),
    /// The evidence or the registry cannot be kept.
    #[error("the evidence cannot be kept")]
    Replica(#[from] ReplicaError),
    /// The state log takes no entries.
    #[error("the state log takes no entries")]
    Append(#[from] AppendError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// An entry of the state log cannot be read.
    #[error("an entry of the state log cannot be read")]
    Entry(#[from] prost::DecodeError),
    /// A resumable point of the state log cannot be read.
    #[error("a state log entry cannot be resumed")]
    Resume(#[from] ResumeError),
    /// The registry is followed no more.
    #[error("the registry is followed no more")]
    RegistryEnded,
    /// The state log belongs to another report log.
    #[error(
        "the state log of partition {partition} ends at record {published}, beyond the end \
         {end} of the report log: it belongs to another report log"
    )]
    StateLogAhead {
        /// The partition.
        partition: u32,
        /// Where the state log ends.
        published: u64,
        /// Where the report log ends.
        end: u64,
    },
}
