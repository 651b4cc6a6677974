//! What operators see of query.

use std::sync::Arc;
use std::time::Duration;

use ascertain_domain::id::Digest;
use ascertain_proto::v1::{
    Erasures, LogPosition, PartitionStatus, RoleDigest, RoleStatus, RoleVerification,
};
use ascertain_proto::{inward, outward};
use ascertain_runtime::Role;
use prost::Message as _;
use prost_types::Timestamp;
use tonic::Status;

use crate::error::QueryError;
use crate::follow::{Followed, Replica};
use crate::read::{Asked, see_registry};
use crate::verify::verify;

/// How long a digest waits for the registry on which the states rest.
const PATIENCE: Duration = Duration::from_secs(5);

/// Query as a role of its node.
pub(crate) struct QueryRole(pub Arc<Replica>);

#[tonic::async_trait]
impl Role for QueryRole {
    fn name(&self) -> &'static str {
        "query"
    }

    async fn status(&self) -> RoleStatus {
        let (registry, registry_known_at) = self.0.registry.applied();
        let mut partitions = vec![PartitionStatus {
            partition: 0,
            processed_sequence: registry,
            end_sequence: registry,
            known_at: registry_known_at.map(outward::timestamp),
        }];
        for (partition, followed) in &self.0.partitions {
            let states = *followed.states.borrow();
            partitions.push(PartitionStatus {
                partition: partition.0,
                processed_sequence: states.report_sequence,
                end_sequence: (*followed.reports.borrow()).max(followed.report_end),
                known_at: states.known_at.map(outward::timestamp),
            });
        }
        RoleStatus {
            role: self.name().to_owned(),
            serving: self.0.partitions.values().all(Followed::caught_up),
            partitions,
            erasures: self.0.reports.erased().ok().map(|erased| Erasures {
                known: erased.known,
                pending: erased.pending,
                backups_holding: 0,
            }),
            ..RoleStatus::default()
        }
    }

    /// Beliefs: over every place with evidence, in the order of ids, its state at
    /// `as_of` by all that is known, without the knowledge time.
    async fn digest(&self, as_of: Timestamp) -> Result<RoleDigest, Status> {
        let as_of = inward::timestamp(&as_of).map_err(|error| {
            Status::from(QueryError::field(
                "as_of",
                ascertain_proto::v1::Reason::OutOfRange,
                error.to_string(),
            ))
        })?;
        see_registry(&self.0, PATIENCE).await?;
        let digest = self.0.blocking(move |replica| {
            let asked = Asked {
                as_of: Some(as_of),
                ..Asked::from_wire(None, (replica.clock)(), None)?
            };
            let (states, _) = replica.states_within(("", "", true), &asked, usize::MAX)?;
            let mut bytes = Vec::new();
            for state in &states {
                let mut wire = state.wire();
                // When a ruling was known is of this log alone.
                wire.adjudication = None;
                wire.as_known_at = None;
                bytes.extend(wire.encode_length_delimited_to_vec());
            }
            let mut positions = Vec::new();
            for followed in replica.partitions.values() {
                let states = *followed.states.borrow();
                positions.extend(states.report_sequence.to_be_bytes());
                positions.extend(states.state_sequence.to_be_bytes());
            }
            Ok((
                Digest::of(&bytes),
                states.len() as u64,
                Digest::of(&positions),
            ))
        });
        let (beliefs, belief_count, log) = digest.await?;
        Ok(RoleDigest {
            role: self.name().to_owned(),
            beliefs: beliefs.0.to_vec(),
            belief_count,
            log: log.0.to_vec(),
            ..RoleDigest::default()
        })
    }

    async fn positions(&self) -> Result<Vec<LogPosition>, Status> {
        let partitions = self.0.partitions.iter();
        Ok(partitions
            .map(|(partition, followed)| LogPosition {
                partition: partition.0,
                sequence: followed.states.borrow().report_sequence,
            })
            .collect())
    }

    async fn verify(&self, up_to: &[LogPosition]) -> Result<RoleVerification, Status> {
        verify(&self.0, up_to).await
    }
}
