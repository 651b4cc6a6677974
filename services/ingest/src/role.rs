//! What operators see of ingest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ascertain_domain::id::{Digest, ReportKey};
use ascertain_domain::registry::RegistryChange;
use ascertain_log::Record;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::{outward, v1};
use ascertain_runtime::Role;
use prost_types::Timestamp;
use sha2::Digest as _;
use tonic::Status;

use crate::error::Refusal;
use crate::replay::replay;
use crate::service::Core;

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
        let counters = core.counters.all().map(|(name, counter)| v1::Counter {
            name: name.to_owned(),
            value: counter.load(Ordering::Relaxed),
        });
        v1::RoleStatus {
            role: self.name().to_owned(),
            serving: core.writer.is_open(),
            partitions: partitions.collect(),
            counters: counters.collect(),
            floods: None,
        }
    }

    async fn digest(&self, _as_of: Timestamp) -> Result<v1::RoleDigest, Status> {
        let core = &self.0;
        let ends = core.log.ends().await;
        let ends = ends.map_err(|e| Refusal::unavailable(e.to_string()).into_status())?;
        let mut records = Records::default();
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
                |batch| batch.iter().try_for_each(|record| records.take_in(record)),
            )
            .await
            .map_err(|error| Refusal::internal(&error).into_status())?;
        }
        let (digest, count) = records.finish();
        Ok(v1::RoleDigest {
            role: self.name().to_owned(),
            records: digest.to_vec(),
            record_count: count,
            beliefs: Vec::new(),
            belief_count: 0,
            log: log.finalize().to_vec(),
        })
    }
}

/// Every report and registry change, whatever the order and however often.
#[derive(Default)]
struct Records {
    reports: BTreeMap<ReportKey, Digest>,
    changes: BTreeSet<(&'static str, String, Digest)>,
}

impl Records {
    fn take_in(&mut self, record: &Record) -> anyhow::Result<()> {
        match decode_body(&record.body)? {
            Body::Report(report) => {
                let digest = report.body_digest;
                let known = self.reports.entry(report.key()).or_insert(digest);
                *known = digest.min(*known);
            }
            Body::Registry(change, ..) => {
                let (kind, id) = match change {
                    RegistryChange::Place(place) => ("place", place.id.to_string()),
                    RegistryChange::Actor(actor) => ("actor", actor.id.to_string()),
                    RegistryChange::Source(source) => ("source", source.id.to_string()),
                    RegistryChange::SourceModel(model) => {
                        ("source-model", model.digest().to_string())
                    }
                };
                self.changes.insert((kind, id, Digest::of(&record.body)));
            }
            // It belongs to one log.
            Body::Adopt { .. } => {}
        }
        Ok(())
    }

    /// SHA-256 over `kind NUL partner NUL id NUL body digest`, changes first.
    fn finish(self) -> (Digest32, u64) {
        let mut sum = sha2::Sha256::new();
        let count = self.reports.len() + self.changes.len();
        let mut add = |kind: &str, partner: &str, id: &str, digest: Digest| {
            for text in [kind, partner, id] {
                sum.update(text.as_bytes());
                sum.update([0]);
            }
            sum.update(digest.0);
        };
        for (kind, id, digest) in &self.changes {
            add(kind, "", id, *digest);
        }
        for (key, digest) in &self.reports {
            add(
                "report",
                key.partner.as_str(),
                &key.report.to_string(),
                *digest,
            );
        }
        (sum.finalize().into(), count as u64)
    }
}

type Digest32 = [u8; 32];
