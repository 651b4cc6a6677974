//! Erasing what a report holds: first a record that says so, then the log itself.

use std::sync::Arc;
use std::time::Duration;

use ascertain_access::Caller;
use ascertain_domain::erasure::Scope;
use ascertain_domain::id::ReportKey;
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::{Append, AppendError, Erase, PartitionId, Recorded, Sequence};
use ascertain_proto::inward::erasure::check;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::log::v1::record_body::Content;
use ascertain_proto::{log, v1};
use bytes::Bytes;

use crate::error::Refusal;
use crate::ledger::{Erasure, IndexError};
use crate::replay::{ReplayError, replay};
use crate::service::Core;
use crate::stamp::Provenance;

/// What could not be erased is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// So long a caller waits to be told that it is done.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why something is not erased yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EraseError {
    /// The index cannot be asked.
    #[error("the index of accepted reports fails")]
    Index(#[from] IndexError),
    /// The log cannot be read.
    #[error("the report log cannot be read")]
    Read(#[from] ReplayError),
    /// The log does not erase.
    #[error("the report log does not erase it now")]
    Log(#[from] AppendError),
}

impl Core {
    /// Has a report erased, whether it has arrived or not.
    pub(crate) async fn erase(
        self: &Arc<Self>,
        caller: &Caller,
        request: &v1::EraseReportRequest,
    ) -> Result<v1::EraseReportResponse, Refusal> {
        let (key, scope, erasure) = check(request, &caller.partner_id).map_err(Refusal::invalid)?;
        if request.validate_only {
            return Ok(v1::EraseReportResponse {
                duplicate: self.ledger.erased(&key)? >= Some(scope),
                arrived: self.ledger.is_accepted(&key)?,
                older_backups: self.backups_with(&key).await?,
                ..v1::EraseReportResponse::default()
            });
        }
        let known = self.ledger.erasure(&key)?;
        let duplicate = known.as_ref().is_some_and(|known| known.scope >= scope);
        let write_token = match known {
            Some(known) if duplicate => known.token(self.incarnation),
            _ => self.record_erasure(caller, &key, scope, erasure).await?,
        };
        let performed = tokio::time::timeout(PATIENCE, self.perform(&key)).await;
        let done_here = match performed {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(%error, "an erasure is not done; it is tried again");
                false
            }
            Err(_) => false,
        };
        Ok(v1::EraseReportResponse {
            duplicate,
            arrived: self.ledger.is_accepted(&key)?,
            done_here,
            older_backups: self.backups_with(&key).await?,
            write_token,
        })
    }

    async fn record_erasure(
        self: &Arc<Self>,
        caller: &Caller,
        key: &ReportKey,
        scope: Scope,
        erasure: log::v1::Erasure,
    ) -> Result<String, Refusal> {
        // From here on nothing new of it is taken; what is under way is waited for.
        self.ledger.begin_erasure(key, scope);
        while let Some(mut decided) = self.ledger.under_way(key) {
            while decided.changed().await.is_ok() {}
        }
        let provenance = Provenance::read(caller, None, (self.clock)())?;
        let body = provenance.body(&self.node, Content::Erasure(erasure));
        let registry = self.registry.current();
        let appends = self.partitions.of_places().map(|partition| Append {
            partition,
            body: body.clone(),
            content: Bytes::new(),
            registry_sequence: Sequence(registry.domain.last_sequence()),
            recorded: Recorded::Now,
        });
        let written = self.writer.write(appends.collect(), Vec::new()).await;
        let positions = written.map_err(|failed| {
            if !matches!(failed.error, AppendError::OutcomeUnknown(_)) {
                self.ledger.end_erasure(key);
            }
            Refusal::from(&failed.error)
        })?;
        Ok(self.token(&positions))
    }

    /// Erases a report in the log, as far as the index says that it is to be.
    async fn perform(&self, key: &ReportKey) -> Result<(), EraseError> {
        // All of its recordings, and the erasure itself, are in the index then.
        let ends = self.log.ends().await.map_err(ReplayError::from)?;
        for (partition, end) in self.partitions.all().zip(ends).skip(1) {
            self.ledger.taken_in(partition, end.last_sequence).await;
        }
        let Some(erasure) = self.ledger.erasure(key)? else {
            return Ok(());
        };
        if erasure.done {
            return Ok(());
        }
        let mut erase = Vec::new();
        for (partition, sequence) in self.ledger.recordings(key)? {
            let (partition, sequence) = (PartitionId(partition), Sequence(sequence));
            // Rulings have ids of the same kind, and are not erased.
            let Some(stone) = self.tombstone(partition, sequence).await? else {
                continue;
            };
            erase.push(Erase {
                partition,
                sequence,
                tombstone: (erasure.scope == Scope::Report).then_some(stone),
            });
        }
        self.log.erase(erase).await?;
        self.ledger.note_erased(key, &erasure)?;
        Ok(())
    }

    /// What is to stand in the place of a report; `None` for what is none.
    async fn tombstone(
        &self,
        partition: PartitionId,
        sequence: Sequence,
    ) -> Result<Option<Bytes>, ReplayError> {
        let before = Sequence(sequence.0.saturating_sub(1));
        let mut stone = None;
        replay(self.log.as_ref(), partition, before, sequence, |records| {
            for record in records {
                if let Ok(Body::Report(report)) = decode_body(&record.body) {
                    stone = Some(Tombstone::of(&report).in_place_of(&record.body).into());
                }
            }
            Ok(())
        })
        .await?;
        Ok(stone)
    }

    /// Erases what is to be erased and is not yet: what a stop or a full disk broke off.
    pub(crate) async fn keep_erasing(&self) -> anyhow::Result<()> {
        loop {
            for (key, Erasure { done, .. }) in self.ledger.erasures()? {
                if !done && let Err(error) = self.perform(&key).await {
                    tracing::error!(%error, "an erasure is not done; it is tried again");
                }
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}
