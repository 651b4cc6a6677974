//! What reconcile and query keep of the report log: the [`RegistryReplica`] of
//! partition 0, in memory, and the [`ReportReplica`] of the others, by place, in
//! sled. Both are derived: they can be thrown away and read from the log again.

mod adjudications;
mod digest;
mod erasures;
mod names;
mod registry;
mod reports;

pub use adjudications::{Adjudications, KnownAdjudication};
pub use digest::{RecordsDigest, SetDigest, condense_entry, method_of};
pub use erasures::Erased;
pub use names::ModelNames;
pub use registry::{RegistryReplica, follow_registry};
pub use reports::{BearsOn, ErasedReport, KnownReport, ReportReplica, Taken, condense};

use ascertain_log::FollowError;
use ascertain_proto::inward::record::DecodeError;
use ascertain_store::StoreError;

/// Why a replica cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The log cannot be followed any further.
    #[error("the report log cannot be followed")]
    Follow(#[from] FollowError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A record of the log cannot be read by this version.
    #[error("record {sequence} of partition {partition} cannot be read")]
    Decode {
        /// The partition.
        partition: u32,
        /// The record.
        sequence: u64,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// The store holds something that this version did not write.
    #[error("the store holds something unreadable: {0}")]
    Unreadable(&'static str),
}
