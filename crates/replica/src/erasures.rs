//! What was to be erased of the reports of a store, and whether its files still hold it.

use ascertain_log::PartitionId;
use ascertain_store::{Batch, Family, Store};

use crate::ReplicaError;

/// ```text
/// family   key             value
/// gone     partition u32   erasures so far u64, of these in files that were compacted u64
/// ```
#[derive(Clone)]
pub(crate) struct Erasures(Family);

/// How far a store has erased what it was told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Erasures taken in. Each stands in every partition and counts once.
    pub known: u64,
    /// Those of which something may still be in the store's files.
    pub pending: u64,
}

impl Erasures {
    pub(crate) fn new(store: &Store) -> Self {
        Self(store.family("gone"))
    }

    /// Notes erasures of a partition.
    pub(crate) fn note(
        &self,
        partition: PartitionId,
        more: u64,
        batch: &mut Batch,
    ) -> Result<(), ReplicaError> {
        if more > 0 {
            let (known, compacted) = self.of(partition.0.to_be_bytes().as_slice())?;
            self.put(partition.0.to_be_bytes(), (known + more, compacted), batch);
        }
        Ok(())
    }

    /// How far the store is.
    pub(crate) fn so_far(&self) -> Result<Erased, ReplicaError> {
        let mut erased = Erased::default();
        for item in self.0.scan_prefix([]) {
            let (known, compacted) = read(&item?.1)?;
            erased.known = erased.known.max(known);
            erased.pending = erased.pending.max(known - compacted.min(known));
        }
        Ok(erased)
    }

    /// Compacts a store where something in its files is to be erased.
    pub(crate) fn compact(&self, store: &Store) -> Result<bool, ReplicaError> {
        let mut due = Vec::new();
        for item in self.0.scan_prefix([]) {
            let (key, value) = item?;
            let (known, compacted) = read(&value)?;
            if known > compacted {
                due.push((key, known));
            }
        }
        if due.is_empty() {
            return Ok(false);
        }
        store.compact()?;
        let mut batch = Batch::new();
        for (key, compacted) in due {
            // More may have come meanwhile: it is due then.
            let (known, _) = self.of(&key)?;
            self.put(key, (known, compacted), &mut batch);
        }
        store.commit(batch)?;
        store.sync()?;
        Ok(true)
    }

    fn of(&self, key: &[u8]) -> Result<(u64, u64), ReplicaError> {
        self.0.get(key)?.map_or(Ok((0, 0)), |value| read(&value))
    }

    fn put(&self, key: impl AsRef<[u8]>, (known, compacted): (u64, u64), batch: &mut Batch) {
        let value = [known.to_be_bytes(), compacted.to_be_bytes()].concat();
        batch.put(&self.0, key, value);
    }
}

fn read(value: &[u8]) -> Result<(u64, u64), ReplicaError> {
    let unreadable = || ReplicaError::Unreadable("how much was erased");
    let (known, compacted) = value.split_at_checked(8).ok_or_else(unreadable)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes);
    match (number(known), number(compacted)) {
        (Ok(known), Ok(compacted)) => Ok((known, compacted)),
        _ => Err(unreadable()),
    }
}
