//! What was published last: the current entry of each place, and how far.
//!
//! ```text
//! family   key                    value
//! now      partition u32, place   StateEntry
//! done     partition u32          sequence u64, registry sequence u64
//! ```

use std::collections::{BTreeSet, HashMap};

use ascertain_domain::id::PlaceId;
use ascertain_log::{PartitionId, Sequence};
use ascertain_proto::log::v1::StateEntry;
use ascertain_store::{Batch, Family, Store, StoreError};
use prost::Message as _;

use crate::error::ReconcileError;

/// How far a partition was reconciled, and which prefix of partition 0 it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Done {
    pub sequence: Sequence,
    pub registry: u64,
}

/// The entries published last. Those of a batch under way are kept in memory until
/// the state log has them.
pub(crate) struct Published {
    partition: PartitionId,
    now: Family,
    done: Family,
    pending: HashMap<PlaceId, StateEntry>,
}

impl Published {
    pub(crate) fn new(store: &Store, partition: PartitionId) -> Self {
        Self {
            partition,
            now: store.family("now"),
            done: store.family("done"),
            pending: HashMap::new(),
        }
    }

    pub(crate) fn done(&self) -> Result<Done, StoreError> {
        let value = self.done.get(self.partition.0.to_be_bytes())?;
        let read = |bytes: Option<&[u8]>| {
            bytes
                .and_then(|b| b.try_into().ok())
                .map_or(0, u64::from_be_bytes)
        };
        Ok(value.map_or_else(Done::default, |v| Done {
            sequence: Sequence(read(v.get(..8))),
            registry: read(v.get(8..16)),
        }))
    }

    /// The entry of a place, as of the record under way.
    pub(crate) fn entry(&self, place: &PlaceId) -> Result<Option<StateEntry>, ReconcileError> {
        if let Some(entry) = self.pending.get(place) {
            return Ok(Some(entry.clone()));
        }
        let stored = self.now.get(self.key(place))?;
        Ok(stored
            .map(|bytes| StateEntry::decode(bytes.as_slice()))
            .transpose()?)
    }

    /// The places that have an entry: those with evidence.
    pub(crate) fn places(&self) -> Result<BTreeSet<PlaceId>, ReconcileError> {
        let mut places: BTreeSet<PlaceId> = self.pending.keys().cloned().collect();
        let partition = self.partition.0.to_be_bytes();
        for item in self.now.scan_prefix(partition) {
            let (key, _) = item?;
            let id = key.get(partition.len()..).map(std::str::from_utf8);
            places.extend(id.and_then(Result::ok).and_then(|id| PlaceId::new(id).ok()));
        }
        Ok(places)
    }

    pub(crate) fn put(&mut self, place: PlaceId, entry: StateEntry) {
        self.pending.insert(place, entry);
    }

    /// Writes what the state log now has into a batch.
    pub(crate) fn settle(&mut self, done: Done, batch: &mut Batch) {
        let pending = std::mem::take(&mut self.pending);
        for (place, entry) in pending {
            batch.put(&self.now, self.key(&place), entry.encode_to_vec());
        }
        let mut value = done.sequence.0.to_be_bytes().to_vec();
        value.extend(done.registry.to_be_bytes());
        batch.put(&self.done, self.partition.0.to_be_bytes(), value);
    }

    /// Forgets all entries: they are ahead of the state log, and will be made again.
    pub(crate) fn forget(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        self.pending.clear();
        for item in self.now.scan_prefix(self.partition.0.to_be_bytes()) {
            batch.delete(&self.now, item?.0);
        }
        batch.delete(&self.done, self.partition.0.to_be_bytes());
        Ok(())
    }

    fn key(&self, place: &PlaceId) -> Vec<u8> {
        let mut key = self.partition.0.to_be_bytes().to_vec();
        key.extend(place.as_str().as_bytes());
        key
    }
}
