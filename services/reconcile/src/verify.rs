//! Reading all that reconcile keeps: the state log, and the store with the evidence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ascertain_log::{Audit, LogReader, LogWriter, PartitionId, Record, Sequence};
use ascertain_proto::log::v1::StateRecord;
use ascertain_proto::v1::{LogPosition, Reason, RoleVerification};
use ascertain_replica::{ReportReplica, SetDigest, condense_entry, method_of};
use ascertain_runtime::{Checking, blocking, of_other_methods, status};
use ascertain_store::{Store, StoreError};
use prost::Message as _;
use tonic::Status;

use crate::progress::Progress;

/// When a caller should come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is verified.
pub(crate) struct Kept {
    pub state_log: Arc<dyn LogWriter>,
    pub store: Arc<Store>,
    pub evidence: ReportReplica,
    pub progress: Arc<Progress>,
    /// How long positions are waited for.
    pub patience: Duration,
    /// The method of this build.
    pub method_version: &'static str,
}

impl Kept {
    /// Verifies reconcile; reports and states are condensed up to these positions.
    pub(crate) async fn verify(&self, up_to: &[LogPosition]) -> Result<RoleVerification, Status> {
        let reached = tokio::time::timeout(self.patience, self.reached(up_to)).await;
        reached.map_err(|_| {
            let what = "reconcile has not come as far as the report log; try again";
            status::unavailable(Reason::NotCaughtUp, what, RETRY_AFTER)
        })?;
        let mut frames = Checking::new("state log: frames, sequence, chain, causes");
        let mut states = SetDigest::default();
        let mut methods = BTreeMap::new();
        let ends = self.state_log.ends().await;
        let ends = ends.map_err(|error| status::internal(&error))?;
        for (partition, end) in (0..).map(PartitionId).zip(ends) {
            let asked = up_to.iter().find(|at| at.partition == partition.0);
            let asked = asked.map_or(0, |at| at.sequence);
            let log: &dyn LogReader = self.state_log.as_ref();
            let mut audit = Audit::new(log, partition, end.last_sequence);
            let mut before = (0, true);
            while let Some(batch) = audit.next().await.map_err(|e| status::internal(&e))? {
                frames.read(batch.len() as u64);
                for record in &batch {
                    if let Err(what) =
                        look_at(record, asked, &mut before, (&mut states, &mut methods))
                    {
                        let sequence = record.position.sequence;
                        frames.problem(format!("partition {partition}, record {sequence}: {what}"));
                    }
                }
            }
            audit
                .wrong()
                .into_iter()
                .for_each(|what| frames.problem(what));
        }
        let flaws = self.state_log.flaws().await;
        flaws.into_iter().for_each(|what| frames.problem(what));
        let (store, evidence, positions) = (
            Arc::clone(&self.store),
            self.evidence.clone(),
            up_to.to_vec(),
        );
        let stored = blocking(move || {
            let mut values = Checking::new("reconcile store: checksums");
            match store.verify() {
                Ok(count) => values.read(count),
                Err(StoreError::Damaged(what)) => {
                    // It answers nothing more.
                    values.problem(what);
                    return Ok((values, SetDigest::default()));
                }
                Err(error) => return Err(error.into()),
            }
            let mut reports = SetDigest::default();
            for at in positions {
                evidence.condense(
                    PartitionId(at.partition),
                    Sequence(at.sequence),
                    &mut reports,
                )?;
            }
            Ok::<_, ascertain_replica::ReplicaError>((values, reports))
        });
        let stored = stored.await;
        let (values, reports) = stored.map_err(|error| status::internal(&error))?;
        let ((reports, report_count), (states, state_count)) = (reports.finish(), states.finish());
        Ok(RoleVerification {
            role: "reconcile".to_owned(),
            checks: [frames.done(), values.done()]
                .into_iter()
                .chain(of_other_methods("state log", methods, self.method_version))
                .collect(),
            reports,
            report_count,
            states,
            state_count,
        })
    }

    async fn reached(&self, up_to: &[LogPosition]) {
        for at in up_to {
            let index = usize::try_from(at.partition).unwrap_or(usize::MAX);
            if let Some(partition) = self.progress.partitions.get(index) {
                let mut reached = partition.subscribe();
                // The sender is in `progress`: the channel does not close while this waits.
                let _ = reached.wait_for(|r| r.processed >= at.sequence).await;
            }
        }
    }
}

/// Reads a record of the state log. Each record of the report log has one or more, in
/// its order, the last of them marked.
fn look_at(
    record: &Record,
    up_to: u64,
    (cause, was_last): &mut (u64, bool),
    (states, methods): (&mut SetDigest, &mut BTreeMap<String, u64>),
) -> Result<(), String> {
    let state = StateRecord::decode(record.body.clone()).map_err(|error| error.to_string())?;
    let expected = if *was_last { *cause + 1 } else { *cause };
    (*cause, *was_last) = (state.report_sequence, state.is_last);
    if state.report_sequence <= up_to {
        for entry in &state.entries {
            condense_entry(state.report_sequence, entry, states);
            *methods.entry(method_of(entry).to_owned()).or_default() += 1;
        }
    }
    match state.report_sequence == expected {
        true => Ok(()),
        false => Err(format!(
            "it is caused by record {} of the report log, not {expected}",
            state.report_sequence
        )),
    }
}
