//! The registry, followed from partition 0 and kept in memory.

use std::sync::{Arc, PoisonError, RwLock};

use ascertain_domain::registry::Registry;
use ascertain_domain::time::Timestamp;
use ascertain_log::{LogReader, PartitionId, Sequence, follow_forever, watch};
use ascertain_proto::inward::record::{Body, decode_body};
use futures::{Future, StreamExt};

use crate::ReplicaError;

/// The registry as far as it was followed. Cheap to clone.
#[derive(Clone)]
pub struct RegistryReplica {
    registry: Arc<RwLock<Arc<Registry>>>,
    applied: watch::Receiver<Applied>,
}

/// How far the registry was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Applied {
    sequence: u64,
    known_at: Option<Timestamp>,
}

/// Follows the registry from the start of partition 0. The future runs until the
/// log cannot be followed any further; it must be driven for the replica to move.
pub fn follow_registry(
    reader: Arc<dyn LogReader>,
) -> (
    RegistryReplica,
    impl Future<Output = Result<(), ReplicaError>>,
) {
    let (sender, applied) = watch::channel(Applied::default());
    let registry = Arc::new(RwLock::new(Arc::new(Registry::default())));
    let replica = RegistryReplica {
        registry: Arc::clone(&registry),
        applied,
    };
    (replica, run(reader, registry, sender))
}

async fn run(
    reader: Arc<dyn LogReader>,
    registry: Arc<RwLock<Arc<Registry>>>,
    applied: watch::Sender<Applied>,
) -> Result<(), ReplicaError> {
    let mut batches = follow_forever(reader, PartitionId::REGISTRY, Sequence::ZERO, None);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let Some(last) = batch.last().map(|r| r.position) else {
            continue;
        };
        let mut changes = Vec::with_capacity(batch.len());
        for record in &batch {
            let sequence = record.position.sequence.0;
            let decoded = decode_body(&record.body);
            match decoded.map_err(|source| ReplicaError::Decode {
                partition: 0,
                sequence,
                source,
            })? {
                Body::Registry(change, _, version) => changes.push((sequence, version, change)),
                Body::Report(_)
                | Body::Adopt { .. }
                | Body::Erasure(..)
                | Body::Adjudication(_)
                | Body::Erased(..) => {
                    tracing::warn!(sequence, "partition 0 holds what is no registry record");
                }
            }
        }
        {
            let mut kept = registry.write().unwrap_or_else(PoisonError::into_inner);
            let registry = Arc::make_mut(&mut kept);
            changes
                .into_iter()
                .for_each(|(sequence, version, change)| registry.apply(sequence, version, change));
        }
        applied.send_replace(Applied {
            sequence: last.sequence.0,
            known_at: Some(last.known_at),
        });
    }
    Ok(())
}

impl RegistryReplica {
    /// The registry as it stands. A view of it at a sequence does not change.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last sequence of partition 0 that was taken in, with its knowledge time.
    #[must_use]
    pub fn applied(&self) -> (u64, Option<Timestamp>) {
        let applied = *self.applied.borrow();
        (applied.sequence, applied.known_at)
    }

    /// Waits until a sequence of partition 0 was taken in. Returns whether it was:
    /// `false` when the replica is followed no more.
    pub async fn reached(&self, sequence: u64) -> bool {
        let mut applied = self.applied.clone();
        let reached = applied.wait_for(|a| a.sequence >= sequence).await;
        reached.is_ok()
    }
}
