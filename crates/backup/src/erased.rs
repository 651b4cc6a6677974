//! What a log erased since it was copied last, erased in the copy.

use std::collections::BTreeMap;

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::ReportKey;
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::{Erase, LogReader, LogWriter, PartitionId, Record, Sequence};
use ascertain_log_file::FileLog;
use ascertain_proto::inward::record::{Body, decode_body};
use futures::StreamExt;

use crate::error::BackupError;

/// Erasures among the records that were copied.
#[derive(Default)]
pub(crate) struct Erased(BTreeMap<ReportKey, Scope>);

impl Erased {
    /// Notes the erasures among records.
    pub(crate) fn note(&mut self, records: &[Record]) {
        for record in records {
            // What this version cannot read, the check of the whole copy will name.
            if let Ok(Body::Erasure(key, scope)) = decode_body(&record.body) {
                let known = self.0.entry(key).or_insert(scope);
                *known = scope.max(*known);
            }
        }
    }

    /// Notes the erasures of a whole copy.
    pub(crate) async fn note_all(&mut self, copy: &FileLog) -> Result<(), BackupError> {
        each_batch(copy, |batch| self.note(batch)).await
    }

    /// Erases in a copy. Reads all of it where there is anything to erase: a copy has no
    /// index of reports.
    pub(crate) async fn erase(&self, copy: &FileLog) -> Result<(), BackupError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut erase = Vec::new();
        each_batch(copy, |batch| {
            erase.extend(batch.iter().filter_map(|record| self.of(record)));
        })
        .await?;
        Ok(copy.erase(erase).await?)
    }

    fn of(&self, record: &Record) -> Option<Erase> {
        let Ok(Body::Report(report)) = decode_body(&record.body) else {
            return None;
        };
        let key = report.key();
        let tombstone = match self.0.get(&key)? {
            Scope::Content => None,
            Scope::Report => Some(Tombstone::of(&report).in_place_of(&record.body).into()),
        };
        Some(Erase {
            partition: record.position.partition,
            sequence: record.position.sequence,
            tombstone,
        })
    }
}

async fn each_batch(copy: &FileLog, mut take: impl FnMut(&[Record])) -> Result<(), BackupError> {
    let failed = |source| BackupError::Follow {
        log: "report log",
        source,
    };
    let ends = copy.ends().await.map_err(failed)?;
    for (partition, end) in (0..).map(PartitionId).zip(ends) {
        let mut after = Sequence::ZERO;
        let mut follow = copy.follow(partition, after, None);
        while after < end.last_sequence {
            let Some(batch) = follow.next().await else {
                break;
            };
            let batch = batch.map_err(failed)?;
            after = batch.last().map_or(after, |last| last.position.sequence);
            take(&batch);
        }
    }
    Ok(())
}
