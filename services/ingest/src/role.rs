//! What operators see of ingest.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ascertain_proto::{outward, v1};
use ascertain_replica::RecordsDigest;
use ascertain_runtime::{Role, blocking};
use prost_types::Timestamp;
use sha2::Digest as _;
use tonic::Status;

use crate::error::Refusal;
use crate::replay::replay;
use crate::service::Core;
use crate::verify::{unavailable, verify};

/// Ingest as a role of the node.
pub(crate) struct IngestRole(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl Role for IngestRole {
    fn name(&self) -> &'static str {
        "ingest"
    }

    async fn status(&self) -> v1::RoleStatus {
        let core = &self.0;
        let ends = core.log.ends().await.unwrap_or_default();
        let registry = core.registry.current();
        let partitions = core.partitions.all().zip(&ends).map(|(partition, end)| {
            let (processed, known_at) = if partition.0 == 0 {
                (registry.sequence.0, registry.known_at)
            } else {
                let indexed = core.ledger.indexed(partition).unwrap_or_default();
                (indexed.sequence.0, indexed.known_at)
            };
            v1::PartitionStatus {
                partition: partition.0,
                processed_sequence: processed,
                end_sequence: end.last_sequence.0,
                known_at: known_at.map(outward::timestamp),
            }
        });
        let own = Arc::clone(core);
        let counters = core.counters.all().map(|(name, counter)| v1::Counter {
            name: name.to_owned(),
            value: counter.load(Ordering::Relaxed),
        });
        v1::RoleStatus {
            role: self.name().to_owned(),
            serving: core.writer.is_open() && *core.ready.borrow(),
            partitions: partitions.collect(),
            counters: counters.collect(),
            floods: None,
            erasures: blocking(move || erasures(&own)).await,
        }
    }

    async fn digest(&self, _as_of: Timestamp) -> Result<v1::RoleDigest, Status> {
        let core = &self.0;
        let ends = core.log.ends().await;
        let ends = ends.map_err(unavailable)?;
        let mut records = RecordsDigest::default();
        let mut log = sha2::Sha256::new();
        log.update(core.incarnation.0);
        for (partition, end) in core.partitions.all().zip(ends) {
            log.update(partition.0.to_be_bytes());
            log.update(end.last_sequence.0.to_be_bytes());
            log.update(end.chain.0);
            replay(
                core.log.as_ref(),
                partition,
                Default::default(),
                end.last_sequence,
                |batch| Ok(batch.iter().try_for_each(|record| records.take(record))?),
            )
            .await
            .map_err(|error| Refusal::internal(&error).into_status())?;
        }
        let (digest, count) = records.finish();
        Ok(v1::RoleDigest {
            role: self.name().to_owned(),
            records: digest.0.to_vec(),
            record_count: count,
            beliefs: Vec::new(),
            belief_count: 0,
            log: log.finalize().to_vec(),
        })
    }

    async fn positions(&self) -> Result<Vec<v1::LogPosition>, Status> {
        let ends = self.0.log.ends().await.map_err(unavailable)?;
        let positions = self.0.partitions.all().zip(ends).skip(1);
        Ok(positions
            .map(|(partition, end)| v1::LogPosition {
                partition: partition.0,
                sequence: end.last_sequence.0,
            })
            .collect())
    }

    async fn verify(&self, up_to: &[v1::LogPosition]) -> Result<v1::RoleVerification, Status> {
        verify(&self.0, up_to).await
    }
}

/// How far the log has erased what it was told to; unset where the index fails.
fn erasures(core: &Core) -> Option<v1::Erasures> {
    let all = core.ledger.erasures().ok()?;
    let pending = all.iter().filter(|(_, erasure)| !erasure.done).count();
    let backups = core.known_backups().ok()?;
    let holding = backups.iter().filter(|b| b.erased_reports_held > 0).count();
    Some(v1::Erasures {
        known: all.len() as u64,
        pending: pending as u64,
        backups_holding: holding as u64,
    })
}
