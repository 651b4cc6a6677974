//! Changes of the registry: all of a request, or none.

use ascertain_access::Caller;
use ascertain_domain::id::Digest;
use ascertain_domain::registry::Version;
use ascertain_domain::violation::{Reason as Why, Violation};
use ascertain_log::{Append, PartitionId, Position, Recorded, Sequence};
use ascertain_proto::inward::registry;
use ascertain_proto::{log, outward, v1};
use bytes::Bytes;
use log::v1::record_body::Content;
use tonic::Code;
use v1::Reason;

use crate::error::Refusal;
use crate::registry::Registered;
use crate::replay::ReplayError;
use crate::service::Core;
use crate::stamp::Provenance;

/// A change with the bytes that are recorded.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) change: ascertain_domain::registry::RegistryChange,
    pub(crate) wire: log::v1::RegistryChange,
    pub(crate) body: Bytes,
    pub(crate) version: Version,
    pub(crate) recorded: Recorded,
}

impl Core {
    /// Applies a request to the registry.
    pub(crate) async fn apply(
        &self,
        caller: &Caller,
        request: v1::ApplyRegistryRequest,
    ) -> Result<v1::ApplyRegistryResponse, Refusal> {
        let mut provenance = Provenance::read(caller, request.backfill.as_ref(), (self.clock)())?;
        let _writing = self.registry.writing.lock().await;
        self.catch_up_registry().await?;
        let current = self.registry.current();
        // Of two versions the later stands: this one is, whatever the clock says.
        if let Some(last) = current.domain.last_recorded_at() {
            provenance.now = provenance.now.max(last.plus_micros(1));
        }
        let entities = registry::check(&request, &current.domain).map_err(refused)?;
        let count = entities.len();
        let mut changes = Vec::with_capacity(count);
        for entity in entities {
            if current.stands(&entity.wire) {
                continue;
            }
            let content = Content::RegistryChange(entity.wire.clone());
            let body = provenance.body(&self.node, content);
            crate::accept::within_limit("", body.len())?;
            changes.push(Change {
                change: entity.change,
                wire: entity.wire,
                version: Version {
                    first_known_at: provenance.received_at(),
                    first_recorded_at: provenance.now,
                    body: Digest::of(&body),
                },
                body,
                recorded: provenance.recorded(),
            });
        }
        let applied = changes.len();
        let positions = if request.validate_only || changes.is_empty() {
            Vec::new()
        } else {
            let adopts = |_| provenance.recorded();
            self.record_changes(&current, changes, &provenance, adopts)
                .await?
        };
        let write_token = if request.validate_only {
            String::new()
        } else if positions.is_empty() {
            self.registry_token().await?
        } else {
            self.token(&positions)
        };
        Ok(v1::ApplyRegistryResponse {
            applied: u32::try_from(applied).unwrap_or(u32::MAX),
            unchanged: u32::try_from(count - applied).unwrap_or(u32::MAX),
            write_token,
        })
    }

    /// Takes in what partition 0 holds beyond the registry in memory: the outcome
    /// of an append before may not have been known.
    pub(crate) async fn catch_up_registry(&self) -> Result<(), Refusal> {
        let caught_up = self.registry.catch_up(self.log.as_ref(), |_| {}).await;
        caught_up.map_err(|error| match error {
            ReplayError::Follow(error) => Refusal::unavailable(error.to_string()),
            other => Refusal::internal(&other),
        })
    }

    /// Records changes on partition 0 and lets every other partition adopt them,
    /// in one batch. Call it while `writing` is held. The token covers the adopted
    /// positions: a reader that has them sees the registry in every partition.
    pub(crate) async fn record_changes(
        &self,
        current: &Registered,
        changes: Vec<Change>,
        provenance: &Provenance,
        adopted: impl Fn(PartitionId) -> Recorded,
    ) -> Result<Vec<Position>, Refusal> {
        let before = current.sequence;
        let last = Sequence(before.0 + changes.len() as u64);
        let mut appends: Vec<Append> = changes
            .iter()
            .map(|change| Append {
                partition: PartitionId::REGISTRY,
                body: change.body.clone(),
                content: Bytes::new(),
                registry_sequence: before,
                recorded: change.recorded,
            })
            .collect();
        for partition in self.partitions.of_places() {
            let recorded = adopted(partition);
            let stamped = Provenance {
                stated: match recorded {
                    Recorded::Stated(time) => Some(time),
                    Recorded::Now | Recorded::Of(_) => None,
                },
                ..provenance.clone()
            };
            let adopt = log::v1::Adopt {
                registry_sequence: last.0,
            };
            appends.push(Append {
                partition,
                body: stamped.body(&self.node, Content::Adopt(adopt)),
                content: Bytes::new(),
                registry_sequence: last,
                recorded,
            });
        }
        let written = self.writer.write(appends, Vec::new()).await;
        let positions = written.map_err(|failed| Refusal::from(&failed.error))?;
        let mut registered = current.clone();
        for (change, position) in changes.into_iter().zip(&positions) {
            registered.apply(position.sequence, change);
            registered.known_at = Some(position.known_at);
        }
        let as_told = registered.sequence == last;
        self.registry.set(registered);
        if !as_told {
            // Somebody else writes partition 0: what the others adopted is wrong.
            let what = "partition 0 has another writer than this node";
            tracing::error!(expected = last.0, "{what}");
            return Err(Refusal::new(Code::Internal, Reason::Internal, what));
        }
        Ok(positions)
    }

    /// The token of the registry as it stands in every partition.
    pub(crate) async fn registry_token(&self) -> Result<String, Refusal> {
        let ends = self.log.ends().await;
        let ends = ends.map_err(|error| Refusal::unavailable(error.to_string()))?;
        let positions = self.partitions.all().zip(ends);
        let token = ascertain_proto::token::WriteToken {
            incarnation: self.incarnation.0,
            positions: positions
                .filter(|(_, end)| end.last_sequence > Sequence::ZERO)
                .map(|(partition, end)| (partition.0, end.last_sequence.0))
                .collect(),
        };
        Ok(token.encode())
    }
}

/// A cycle or a moved home area is a matter of what stands already.
pub(crate) fn refused(violations: Vec<Violation>) -> Refusal {
    let of_state = |v: &Violation| matches!(v.reason, Why::HomeAreaImmutable | Why::Cycle);
    let code = if violations.iter().all(of_state) {
        Code::FailedPrecondition
    } else {
        Code::InvalidArgument
    };
    Refusal::violated(
        code,
        violations.into_iter().map(outward::violation).collect(),
    )
}
