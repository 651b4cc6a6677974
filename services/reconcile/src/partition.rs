//! One partition: followed, folded, published.

use std::sync::Arc;

use ascertain_log::{
    Append, AppendError, Incarnation, LogReader, LogWriter, PartitionId, Record, Recorded,
    Sequence, follow_forever,
};
use ascertain_proto::inward::record::is_erasure;
use ascertain_proto::log::v1::StateRecord;
use ascertain_replica::{ModelNames, RegistryReplica, ReportReplica};
use ascertain_runtime::{Shutdown, SpaceWait, blocking};
use ascertain_store::{Batch, Store, StoreError};
use bytes::Bytes;
use futures::StreamExt;
use prost::Message as _;

use crate::error::ReconcileError;
use crate::flood::Floods;
use crate::fold::Folder;
use crate::folds::Folds;
use crate::progress::{Progress, Reached};
use crate::published::{Done, Published};

/// What the task of one partition works with.
pub(crate) struct Partition {
    pub id: PartitionId,
    pub place_partitions: u32,
    pub report_log: Arc<dyn LogReader>,
    pub state_log: Arc<dyn LogWriter>,
    pub registry: RegistryReplica,
    pub store: Arc<Store>,
    pub models: ModelNames,
    pub method_version: &'static str,
    pub progress: Arc<Progress>,
}

/// The last record of the state log of a partition: how far it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct PublishedUpTo {
    report_sequence: u64,
    part: u32,
}

impl Partition {
    /// Reconciles until shutdown or an error.
    pub(crate) async fn run(self, shutdown: Shutdown) -> Result<(), ReconcileError> {
        let incarnation = self.report_log.incarnation().await?;
        let published_up_to = self.published_up_to().await?;
        let end = self.end().await?;
        if published_up_to.report_sequence > end.0 {
            return Err(ReconcileError::StateLogAhead {
                partition: self.id.0,
                published: published_up_to.report_sequence,
                end: end.0,
            });
        }
        let reports = ReportReplica::new(&self.store);
        let mut published = Published::new(&self.store, self.id);
        let mut done = published.done()?;
        if done.sequence.0 > published_up_to.report_sequence {
            // The state log is an older copy than the store: publish again.
            tracing::warn!(
                partition = self.id.0,
                "the state log ends before the store: folding again"
            );
            let mut writes = Batch::new();
            published.forget(&mut writes)?;
            self.store.commit(writes)?;
            done = Done::default();
        }
        let start = match reports.seen(self.id)? {
            Some((seen, history)) if history == incarnation => seen.min(done.sequence),
            _ => Sequence::ZERO,
        };
        let mut folder = Folder {
            partition: self.id,
            place_partitions: self.place_partitions,
            reports,
            published,
            done,
            folds: Folds::default(),
            models: self.models.clone(),
            method_version: self.method_version,
            floods: Floods::open(&self.store, self.id, Arc::clone(&self.progress.floods))?,
        };
        self.note(start, end, None, start >= end);
        let mut batches = follow_forever(
            Arc::clone(&self.report_log),
            self.id,
            start,
            Some(incarnation),
        );
        loop {
            let batch = tokio::select! {
                biased;
                () = shutdown.stopping() => break,
                batch = batches.next() => batch,
            };
            let Some(batch) = batch.transpose()? else {
                break;
            };
            let Some(last) = batch.last().map(|r| r.position) else {
                continue;
            };
            let adopts = batch
                .iter()
                .map(|r| r.position.registry_sequence.0)
                .max()
                .unwrap_or(0);
            let adopted = tokio::select! {
                biased;
                () = shutdown.stopping() => break,
                reached = self.registry.reached(adopts) => reached,
            };
            if !adopted {
                return Err(ReconcileError::RegistryEnded);
            }
            let count = batch.len();
            let from = (incarnation, published_up_to);
            for batch in between_erasures(batch) {
                folder = match self.process(folder, batch, from, &shutdown).await? {
                    Some(folder) => folder,
                    None => return Ok(()),
                };
            }
            Progress::count(&self.progress.records, count);
            self.note(
                last.sequence,
                end,
                Some(last.known_at),
                last.sequence >= end,
            );
        }
        Ok(())
    }

    /// Takes a batch in: evidence first, then folds, then the state log, then the
    /// checkpoint. A stop between any two repeats what is missing with the same ids.
    /// Where there is no space, it waits; `None` says that the process is ending.
    async fn process(
        &self,
        mut folder: Folder,
        batch: Vec<Record>,
        (incarnation, published_up_to): (Incarnation, PublishedUpTo),
        shutdown: &Shutdown,
    ) -> Result<Option<Folder>, ReconcileError> {
        let registry = self.registry.snapshot();
        let partition = self.id;
        let reports = folder.reports.clone();
        let taking = blocking(move || -> Result<_, ReconcileError> {
            let mut writes = Batch::new();
            let taken = reports.take(&batch, incarnation, &mut writes)?;
            Ok((batch, taken, writes))
        });
        let (batch, taken, writes) = taking.await?;
        if !self.commit(writes, shutdown).await? {
            return Ok(None);
        }
        let folding = blocking(move || -> Result<_, ReconcileError> {
            let mut appends = Vec::new();
            let mut entries = 0;
            for (record, taken) in batch.iter().zip(&taken) {
                if record.position.sequence <= folder.done.sequence {
                    // Its evidence was missing, its states are not.
                    continue;
                }
                for state in folder.fold(&record.position, taken, &registry)? {
                    let here = PublishedUpTo {
                        report_sequence: state.report_sequence,
                        part: state.part,
                    };
                    if here > published_up_to {
                        entries += state.entries.len();
                        appends.push(append(partition, record, &state));
                    }
                }
            }
            Ok((folder, appends, entries))
        });
        let (mut folder, appends, entries) = folding.await?;
        for group in groups(appends) {
            if !self.publish(group, shutdown).await? {
                return Ok(None);
            }
        }
        Progress::count(&self.progress.entries, entries);
        let settling = blocking(move || {
            let mut writes = Batch::new();
            let done = folder.done;
            folder.published.settle(done, &mut writes);
            folder.floods.settle(&mut writes);
            (folder, writes)
        });
        let (folder, writes) = settling.await;
        Ok(self.commit(writes, shutdown).await?.then_some(folder))
    }

    /// Commits a batch; while there is no space for it, waits and tries again.
    /// Returns `false` when the process ends before there is.
    async fn commit(&self, writes: Batch, shutdown: &Shutdown) -> Result<bool, StoreError> {
        let writes = Arc::new(writes);
        let mut space = SpaceWait::new("reconcile store", shutdown);
        loop {
            let (store, writes) = (Arc::clone(&self.store), Arc::clone(&writes));
            match blocking(move || store.commit(&*writes)).await {
                Err(error @ StoreError::NoSpace { .. }) => {
                    if !space.again(&error).await {
                        return Ok(false);
                    }
                }
                committed => return committed.map(|()| true),
            }
        }
    }

    /// Appends to the state log, in the same way.
    async fn publish(&self, group: Vec<Append>, shutdown: &Shutdown) -> Result<bool, AppendError> {
        let mut space = SpaceWait::new("state log", shutdown);
        loop {
            match self.state_log.append(group.clone()).await {
                Err(error @ AppendError::NoSpace(_)) => {
                    if !space.again(&error).await {
                        return Ok(false);
                    }
                }
                appended => return appended.map(|_| true),
            }
        }
    }

    async fn end(&self) -> Result<Sequence, ReconcileError> {
        let ends = self.report_log.ends().await?;
        let index = usize::try_from(self.id.0).unwrap_or(usize::MAX);
        Ok(ends
            .get(index)
            .map_or(Sequence::ZERO, |end| end.last_sequence))
    }

    /// Reads the last record of the state log: what was published before.
    async fn published_up_to(&self) -> Result<PublishedUpTo, ReconcileError> {
        let ends = self.state_log.ends().await?;
        let index = usize::try_from(self.id.0).unwrap_or(usize::MAX);
        let last = ends.get(index).map_or(0, |end| end.last_sequence.0);
        if last == 0 {
            return Ok(PublishedUpTo::default());
        }
        let mut batches = self.state_log.follow(self.id, Sequence(last - 1), None);
        while let Some(batch) = batches.next().await {
            if let Some(record) = batch?.first() {
                let state = StateRecord::decode(record.body.clone())?;
                return Ok(PublishedUpTo {
                    report_sequence: state.report_sequence,
                    part: state.part,
                });
            }
        }
        Ok(PublishedUpTo::default())
    }

    fn note(
        &self,
        processed: Sequence,
        end: Sequence,
        known_at: Option<ascertain_domain::time::Timestamp>,
        caught_up: bool,
    ) {
        let index = usize::try_from(self.id.0).unwrap_or(usize::MAX);
        if let Some(partition) = self.progress.partitions.get(index) {
            partition.send_modify(|reached| {
                *reached = Reached {
                    processed: processed.0,
                    end: end.max(processed).0,
                    known_at: known_at.or(reached.known_at),
                    caught_up: reached.caught_up || caught_up,
                };
            });
        }
    }
}

/// A batch in pieces, each of which an erasure begins: the evidence of a piece is taken in
/// before any of it is folded, and what came before an erasure is to be folded before it is
/// gone.
fn between_erasures(batch: Vec<Record>) -> Vec<Vec<Record>> {
    let mut pieces: Vec<Vec<Record>> = Vec::new();
    for record in batch {
        match pieces.last_mut() {
            Some(piece) if !is_erasure(&record.body) => piece.push(record),
            _ => pieces.push(vec![record]),
        }
    }
    pieces
}

fn append(partition: PartitionId, cause: &Record, state: &StateRecord) -> Append {
    Append {
        partition,
        body: Bytes::from(state.encode_to_vec()),
        content: Bytes::new(),
        registry_sequence: Sequence(state.registry_sequence),
        recorded: Recorded::Of(cause.position.known_at),
    }
}

/// Groups below the size that a log takes at once.
fn groups(appends: Vec<Append>) -> Vec<Vec<Append>> {
    const GROUP_BYTES: usize = 4 << 20;
    let mut groups: Vec<Vec<Append>> = Vec::new();
    let mut bytes = 0;
    for append in appends {
        let size = append.body.len();
        match groups.last_mut() {
            Some(group) if bytes + size <= GROUP_BYTES => {
                bytes += size;
                group.push(append);
            }
            _ => {
                bytes = size;
                groups.push(vec![append]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use ascertain_domain::time::Timestamp;
    use ascertain_log::{Chain, Position};
    use ascertain_proto::log::v1::record_body::Content;
    use ascertain_proto::log::v1::{Adopt, Erasure, RecordBody};

    use super::*;

    #[test]
    fn an_erasure_begins_a_piece_of_a_batch() {
        let record = |sequence: u64, content| Record {
            position: Position {
                partition: PartitionId(1),
                sequence: Sequence(sequence),
                recorded_at: Timestamp::MIN,
                known_at: Timestamp::MIN,
                registry_sequence: Sequence::ZERO,
                chain: Chain::START,
            },
            body: RecordBody {
                stamp: None,
                content: Some(content),
            }
            .encode_to_vec()
            .into(),
            content: Bytes::new(),
        };
        let other = || Content::Adopt(Adopt::default());
        let erasure = || Content::Erasure(Erasure::default());
        let contents = [other(), other(), erasure(), other(), erasure(), erasure()];
        let batch = (1..).zip(contents).map(|(i, content)| record(i, content));
        let pieces = between_erasures(batch.collect());
        let sequences: Vec<Vec<u64>> = pieces
            .iter()
            .map(|piece| piece.iter().map(|r| r.position.sequence.0).collect())
            .collect();
        assert_eq!(sequences, [vec![1, 2], vec![3, 4], vec![5], vec![6]]);
    }
}
