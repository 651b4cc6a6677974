//! Reading all that ingest keeps: the log, and the index over it.

use std::sync::Arc;

use ascertain_domain::id::Digest;
use ascertain_log::{Audit, FollowError, PartitionId, Record, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::log;
use ascertain_proto::v1::{LogPosition, RoleVerification};
use ascertain_replica::{SetDigest, condense};
use ascertain_runtime::{Checking, blocking, status};
use ascertain_store::StoreError;
use log::v1::record_body::Content;
use prost::Message as _;
use tonic::Status;

use crate::error::Refusal;
use crate::ledger::IndexError;
use crate::service::Core;

/// Verifies ingest; its reports are condensed up to these positions.
pub(crate) async fn verify(
    core: &Arc<Core>,
    up_to: &[LogPosition],
) -> Result<RoleVerification, Status> {
    let ends = core.log.ends().await.map_err(unavailable)?;
    let mut frames = Checking::new("report log: frames, sequence, chain, contents");
    let mut index = Checking::new("ingest store: an entry for every report");
    let mut reports = SetDigest::default();
    for (partition, end) in core.partitions.all().zip(ends) {
        let asked = up_to.iter().find(|at| at.partition == partition.0);
        let asked = Sequence(asked.map_or(0, |at| at.sequence));
        let indexed = match core.ledger.indexed(partition) {
            Err(IndexError::Store(StoreError::Damaged(_))) => Sequence::ZERO,
            indexed => indexed.map_err(failed)?.sequence,
        };
        let mut audit = Audit::new(core.log.as_ref(), partition, end.last_sequence);
        while let Some(batch) = audit.next().await.map_err(unavailable)? {
            frames.read(batch.len() as u64);
            for record in &batch {
                if let Err(what) = look_at(record, asked, &mut reports) {
                    let sequence = record.position.sequence;
                    frames.problem(format!("partition {partition}, record {sequence}: {what}"));
                }
            }
            match look_up(core, partition, indexed, batch, &mut index).await {
                // The index answers nothing more; it is looked at below.
                Err(IndexError::Store(StoreError::Damaged(_))) => {}
                looked => looked.map_err(failed)?,
            }
        }
        audit
            .wrong()
            .into_iter()
            .for_each(|what| frames.problem(what));
    }
    core.log
        .flaws()
        .await
        .into_iter()
        .for_each(|what| frames.problem(what));
    let mut values = Checking::new("ingest store: checksums");
    let ledger = Arc::clone(core);
    let stored = blocking(move || ledger.ledger.verify()).await;
    match stored {
        Ok(count) => values.read(count),
        Err(IndexError::Store(StoreError::Damaged(what))) => values.problem(what),
        Err(error) => return Err(failed(error)),
    }
    let (reports, report_count) = reports.finish();
    Ok(RoleVerification {
        role: "ingest".to_owned(),
        checks: vec![frames.done(), index.done(), values.done()],
        reports,
        report_count,
        ..RoleVerification::default()
    })
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn failed(error: IndexError) -> Status {
    status::internal(&error)
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
pub(crate) fn unavailable(error: FollowError) -> Status {
    Refusal::unavailable(error.to_string()).into_status()
}

/// Reads a record; takes it into the digest if it is a report up to a sequence.
fn look_at(record: &Record, up_to: Sequence, reports: &mut SetDigest) -> Result<(), String> {
    let body = decode_body(&record.body).map_err(|error| error.to_string())?;
    let Body::Report(_) = body else {
        return Ok(());
    };
    if record.position.sequence <= up_to {
        condense(record, reports);
    }
    let wire = log::v1::RecordBody::decode(record.body.clone()).map_err(|e| e.to_string())?;
    let Some(Content::Report(recorded)) = wire.content else {
        return Ok(());
    };
    // Content that was erased is empty.
    let content = Digest::of(&record.content).0;
    match record.content.is_empty() || recorded.content_commitment == content {
        true => Ok(()),
        false => Err("its content is not what the body commits to".to_owned()),
    }
}

/// Looks reports up in the index, as far as it goes.
async fn look_up(
    core: &Arc<Core>,
    partition: PartitionId,
    indexed: Sequence,
    batch: Vec<Record>,
    check: &mut Checking,
) -> Result<(), IndexError> {
    let core = Arc::clone(core);
    let looked = blocking(move || {
        let within = batch.iter().filter(|r| r.position.sequence <= indexed);
        let mut found = Vec::new();
        for record in within {
            let is_there = core.ledger.holds(record)?;
            found.extend(is_there.map(|is_there| (record.position.sequence, is_there)));
        }
        Ok::<_, IndexError>(found)
    });
    for (sequence, is_there) in looked.await? {
        check.read(1);
        if !is_there {
            check.problem(format!(
                "partition {partition}, record {sequence} is not in the index"
            ));
        }
    }
    Ok(())
}
