//! What a process runs: one role, or all three.

use ascertain_proto::v1::{RoleDigest, RoleStatus};
use prost_types::Timestamp;
use tonic::Status;

/// One of `ingest`, `reconcile` and `query`, as operators see it.
#[tonic::async_trait]
pub trait Role: Send + Sync {
    /// `ingest`, `reconcile` or `query`.
    fn name(&self) -> &'static str;

    /// How far the role is. Must not wait for anything that may be stuck.
    async fn status(&self) -> RoleStatus;

    /// Condenses what the role holds, so that two nodes can be compared.
    ///
    /// # Errors
    /// UNAVAILABLE where the role is not caught up; INTERNAL where its store fails.
    async fn digest(&self, as_of: Timestamp) -> Result<RoleDigest, Status>;
}
