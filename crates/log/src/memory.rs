//! A log in memory: for tests, for demonstrations, and as the plainest reading of
//! the contract, with which the others are compared.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Mutex, RwLock, watch};

use crate::{
    Append, AppendError, Clock, End, Erase, FOLLOW_BATCH_BYTES, FOLLOW_BATCH_RECORDS, Follow,
    FollowError, Incarnation, LogReader, LogWriter, MAX_RECORD_BYTES, PartitionId, Position,
    Positional, Record, Sequence, follow_positions, place, system_clock,
};

/// A log that is gone with the process. Its followers end with
/// [`FollowError::Unavailable`] when it is dropped.
pub struct MemoryLog {
    /// Held while a batch is placed; one sender a partition.
    ends: Mutex<Vec<watch::Sender<End>>>,
    shared: Arc<Shared>,
    clock: Clock,
}

/// What followers hold.
struct Shared {
    incarnation: Incarnation,
    ends: Vec<watch::Receiver<End>>,
    records: RwLock<Vec<Vec<Record>>>,
}

impl MemoryLog {
    /// An empty log of so many partitions, on the machine's clock.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self::with_clock(partitions, system_clock())
    }

    /// An empty log of so many partitions, on this clock.
    #[must_use]
    pub fn with_clock(partitions: u32, clock: Clock) -> Self {
        Self::of_history(partitions, clock, Incarnation::draw())
    }

    /// An empty log of so many partitions, on this clock, of a history that is told.
    #[must_use]
    pub fn of_history(partitions: u32, clock: Clock, incarnation: Incarnation) -> Self {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..partitions).map(|_| watch::channel(End::EMPTY)).unzip();
        Self {
            shared: Arc::new(Shared {
                incarnation,
                records: RwLock::new(vec![Vec::new(); senders.len()]),
                ends: receivers,
            }),
            ends: Mutex::new(senders),
            clock,
        }
    }
}

#[async_trait]
impl LogReader for MemoryLog {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        Ok(self.shared.incarnation)
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        Ok(self.shared.ends.iter().map(|end| *end.borrow()).collect())
    }

    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow {
        let log = Arc::clone(&self.shared);
        follow_positions(log, partition, after, incarnation)
    }
}

#[async_trait]
impl LogWriter for MemoryLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        let senders = self.ends.lock().await;
        // The last await: from here on the batch happens whole or not at all.
        let mut records = self.shared.records.write().await;
        let mut ends: Vec<End> = senders.iter().map(|end| *end.borrow()).collect();
        let positions = place(&mut ends, &batch, (self.clock)(), MAX_RECORD_BYTES)?;
        for (append, position) in batch.into_iter().zip(&positions) {
            if let Some(partition) = records.get_mut(position.partition.0 as usize) {
                partition.push(Record {
                    position: *position,
                    body: append.body,
                    content: append.content,
                });
            }
        }
        for (sender, end) in senders.iter().zip(ends) {
            sender.send_if_modified(|current| std::mem::replace(current, end) != end);
        }
        Ok(positions)
    }

    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError> {
        let mut there = self.shared.records.write().await;
        for erase in records {
            let partition = there.get_mut(erase.partition.0 as usize);
            let partition = partition.ok_or(AppendError::NoSuchPartition(erase.partition))?;
            let at = usize::try_from(erase.sequence.0).ok();
            let record = at.and_then(|at| partition.get_mut(at.checked_sub(1)?));
            if let Some(record) = record {
                record.content = Bytes::new();
                record.body = erase.tombstone.unwrap_or_else(|| record.body.clone());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Positional for Shared {
    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn end(&self, partition: PartitionId) -> Option<watch::Receiver<End>> {
        self.ends.get(partition.0 as usize).cloned()
    }

    async fn read(
        self: Arc<Self>,
        partition: PartitionId,
        after: Sequence,
        until: Sequence,
    ) -> Result<Vec<Record>, FollowError> {
        let records = self.records.read().await;
        let there = records
            .get(partition.0 as usize)
            .and_then(|records| records.get(after.0 as usize..until.0 as usize))
            .ok_or(FollowError::NoSuchPartition(partition))?;
        let mut bytes = 0;
        Ok(there
            .iter()
            .take(FOLLOW_BATCH_RECORDS)
            .take_while(|record| {
                let fits = bytes == 0 || bytes + record.payload_bytes() <= FOLLOW_BATCH_BYTES;
                bytes += record.payload_bytes();
                fits
            })
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[tokio::test]
    async fn the_memory_log_keeps_the_contract() {
        conformance::all(|| async {
            Arc::new(MemoryLog::new(conformance::PARTITIONS)) as Arc<dyn LogWriter>
        })
        .await;
    }
}
