//! Filling the store: one task for each partition of each log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use ascertain_domain::id::PlaceId;
use ascertain_log::{
    Clock, Incarnation, LogReader, PartitionId, Record, Sequence, follow_forever, watch,
};
use ascertain_proto::log::v1::StateRecord;
use ascertain_replica::{ModelNames, RegistryReplica, ReportReplica, Taken};
use ascertain_runtime::{Shutdown, SpaceWait, blocking};
use ascertain_store::{Batch, Store, StoreError};
use futures::StreamExt;
use prost::Message as _;

use crate::error::QueryError;
use crate::lately::Lately;
use crate::listing::Listing;
use crate::states::{States, UpTo};

/// What the readers and the followers share.
pub(crate) struct Replica {
    pub store: Store,
    pub reports: ReportReplica,
    pub listing: Listing,
    pub states: States,
    pub registry: RegistryReplica,
    pub models: ModelNames,
    /// The method of this build.
    pub method_version: &'static str,
    pub clock: Clock,
    pub report_log: Arc<dyn LogReader>,
    pub report_incarnation: Incarnation,
    /// Up to when, microseconds since the Unix epoch, everything known is here.
    pub settled_us: AtomicI64,
    pub partitions: BTreeMap<PartitionId, Followed>,
    /// Counts what was taken in of the state log: watches wait for it to change.
    pub changed: watch::Sender<u64>,
    /// The last answer to what time alone has changed, with the hours between; one for
    /// all watches.
    pub hours: tokio::sync::Mutex<Hours>,
    /// What watches were told a moment ago.
    pub lately: Lately,
    /// How long a read waits for what it asks to have seen.
    pub patience: Duration,
}

/// Two hours since the Unix epoch, and the places that changed from one to the other.
pub(crate) type Hours = ((i64, i64), Arc<BTreeSet<PlaceId>>);

/// How far a partition was followed.
pub(crate) struct Followed {
    pub reports: watch::Sender<u64>,
    pub states: watch::Sender<UpTo>,
    /// Where the report log ended at the start: until all of it is reconciled and
    /// followed, this node is not ready.
    pub report_end: u64,
}

impl Followed {
    pub(crate) fn caught_up(&self) -> bool {
        self.states.borrow().report_sequence >= self.report_end
    }
}

impl Replica {
    pub(crate) fn place_partitions(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// The prefix of partition 0 on which the states rest that are here.
    pub(crate) fn registry_needed(&self) -> u64 {
        let partitions = self.partitions.values();
        let needed = partitions.map(|p| p.states.borrow().registry).max();
        needed.unwrap_or_default()
    }

    /// Runs a read of the store where blocking is allowed.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let replica = Arc::clone(self);
        blocking(move || read(&replica)).await
    }

    /// Commits a batch; while there is no space for it, waits and tries again.
    /// Returns `false` when the process ends before there is.
    async fn commit(
        self: &Arc<Self>,
        writes: Batch,
        shutdown: &Shutdown,
    ) -> Result<bool, QueryError> {
        let writes = Arc::new(writes);
        let mut space = SpaceWait::new("query store", shutdown);
        loop {
            let writes = Arc::clone(&writes);
            let committed = self.blocking(move |replica| Ok(replica.store.commit(&*writes)));
            match committed.await? {
                Err(error @ StoreError::NoSpace { .. }) => {
                    if !space.again(&error).await {
                        return Ok(false);
                    }
                }
                committed => return Ok(committed.map(|()| true)?),
            }
        }
    }

    fn followed(&self, partition: PartitionId) -> Result<&Followed, QueryError> {
        self.partitions
            .get(&partition)
            .ok_or(QueryError::Unreadable("no such partition"))
    }

    /// Follows the reports of a partition until shutdown.
    pub(crate) async fn follow_reports(
        self: Arc<Self>,
        log: Arc<dyn LogReader>,
        partition: PartitionId,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let after = Sequence(*self.followed(partition)?.reports.borrow());
        let incarnation = self.report_incarnation;
        let mut batches = follow_forever(log, partition, after, Some(incarnation));
        loop {
            let batch = tokio::select! {
                biased;
                () = shutdown.stopping() => return Ok(()),
                batch = batches.next() => batch.transpose()?,
            };
            let Some(batch) = batch else { return Ok(()) };
            let Some(last) = batch.last().map(|r| r.position.sequence.0) else {
                continue;
            };
            let take = move |replica: &Self| replica.take_reports(&batch, incarnation);
            let writes = self.blocking(take).await?;
            if !self.commit(writes, &shutdown).await? {
                return Ok(());
            }
            self.followed(partition)?.reports.send_replace(last);
        }
    }

    fn take_reports(
        &self,
        batch: &[Record],
        incarnation: Incarnation,
    ) -> Result<Batch, QueryError> {
        let mut writes = Batch::new();
        let taken = self.reports.take(batch, incarnation, &mut writes)?;
        for (record, taken) in batch.iter().zip(&taken) {
            if let Taken::Report(report, _) = taken {
                self.listing.index(&record.position, report, &mut writes);
            }
        }
        Ok(writes)
    }

    /// Follows the states of a partition until shutdown, never ahead of its reports
    /// and of the registry: what an entry rests on is there before the entry is.
    pub(crate) async fn follow_states(
        self: Arc<Self>,
        log: Arc<dyn LogReader>,
        partition: PartitionId,
        incarnation: Incarnation,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let followed = self.followed(partition)?;
        let after = Sequence(followed.states.borrow().state_sequence);
        let mut batches = follow_forever(log, partition, after, Some(incarnation));
        loop {
            let batch = tokio::select! {
                biased;
                () = shutdown.stopping() => return Ok(()),
                batch = batches.next() => batch.transpose()?,
            };
            let Some(batch) = batch else { return Ok(()) };
            let decode = |record: Record| {
                let state = StateRecord::decode(record.body.clone())?;
                Ok((record, state))
            };
            let batch: Vec<(Record, StateRecord)> = batch
                .into_iter()
                .map(decode)
                .collect::<Result<_, prost::DecodeError>>()?;
            let Some((_, last)) = batch.last() else {
                continue;
            };
            let (report, registry) = (last.report_sequence, last.registry_sequence);
            let mut reports = followed.reports.subscribe();
            let ready = async {
                reports.wait_for(|seen| *seen >= report).await.is_ok()
                    && self.registry.reached(registry).await
            };
            let ready = tokio::select! {
                biased;
                () = shutdown.stopping() => return Ok(()),
                ready = ready => ready,
            };
            anyhow::ensure!(ready, "the registry is followed no more");
            let before = *followed.states.borrow();
            let take = move |replica: &Self| {
                let mut writes = Batch::new();
                let up_to = replica
                    .states
                    .take(before, &batch, incarnation, &mut writes);
                Ok((up_to, writes))
            };
            let (up_to, writes) = self.blocking(take).await?;
            if !self.commit(writes, &shutdown).await? {
                return Ok(());
            }
            followed.states.send_replace(up_to);
            self.changed.send_modify(|count| *count += 1);
        }
    }
}

/// Where a partition's followers begin: after what the store has, if it has it of
/// these histories of the logs.
pub(crate) fn followed(
    partition: PartitionId,
    (reports, report_log): (&ReportReplica, Incarnation),
    (states, state_log): (&States, Incarnation),
    (report_end, state_end): (u64, u64),
) -> Result<Option<Followed>, QueryError> {
    let seen = match reports.seen(partition)? {
        None => 0,
        Some((seen, history)) if history == report_log && seen.0 <= report_end => seen.0,
        Some(_) => return Ok(None),
    };
    let up_to = match states.up_to(partition)? {
        None => UpTo::default(),
        Some((up_to, history)) if history == state_log && up_to.state_sequence <= state_end => {
            up_to
        }
        Some(_) => return Ok(None),
    };
    Ok(Some(Followed {
        reports: watch::channel(seen).0,
        states: watch::channel(up_to).0,
        report_end,
    }))
}
