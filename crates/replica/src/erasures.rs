//! What was to be erased of the reports of a store, and whether its files still hold it.

use ascertain_domain::id::{PlaceId, ReportKey};
use ascertain_domain::time::Timestamp;
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::{PartitionId, Sequence};
use ascertain_store::{Batch, Family, Store};

use crate::{ErasedReport, ReplicaError};

/// ```text
/// family   key                          value
/// gone     partition u32                erasures so far u64; only followers write it
/// pure     partition u32                of these in files that were compacted u64; only the
///                                       compactor writes it
/// bore     partition u32, sequence u64  recordings u32, each sequence u64 and known_at i64,
///                                       then length u32 and places on which it bore, line by
///                                       line, then those that it named
/// stone    partition u32, partner, 0, uuid, sequence u64   known_at i64, tombstone
/// first    partition u32, partner, 0, uuid   sequence u64 of the first erasure of all of it
/// ```
#[derive(Clone)]
pub(crate) struct Erasures {
    counts: Family,
    compacted: Family,
    gone: Family,
    stones: Family,
    first: Family,
}

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
        Self {
            counts: store.family("gone"),
            compacted: store.family("pure"),
            gone: store.family("bore"),
            stones: store.family("stone"),
            first: store.family("first"),
        }
    }

    /// Notes erasures of a partition.
    pub(crate) fn note(
        &self,
        partition: PartitionId,
        more: u64,
        batch: &mut Batch,
    ) -> Result<(), ReplicaError> {
        if more > 0 {
            let key = partition.0.to_be_bytes();
            let known = number(&self.counts, &key)? + more;
            batch.put(&self.counts, key, known.to_be_bytes());
        }
        Ok(())
    }

    /// Notes the tombstone of a report, with where that stood and when it was known.
    pub(crate) fn note_tombstone(
        &self,
        partition: PartitionId,
        (sequence, known_at): (Sequence, Timestamp),
        stone: &Tombstone,
        batch: &mut Batch,
    ) {
        let mut stored = stone_prefix(partition, &stone.key);
        stored.extend(sequence.0.to_be_bytes());
        let known_at = known_at.micros().to_be_bytes();
        let value = [&known_at[..], &stone.in_place_of(b"")].concat();
        batch.put(&self.stones, stored, value);
    }

    /// The tombstones of a report in a partition.
    pub(crate) fn tombstones(
        &self,
        partition: PartitionId,
        key: &ReportKey,
    ) -> Result<Vec<Stone>, ReplicaError> {
        let unreadable = || ReplicaError::Unreadable("a tombstone");
        let stones = self.stones.scan_prefix(stone_prefix(partition, key));
        let stones = stones.map(|item| {
            let (key, value) = item?;
            let sequence = key.last_chunk::<8>().ok_or_else(unreadable)?;
            let (known_at, body) = value.split_first_chunk::<8>().ok_or_else(unreadable)?;
            let known_at = Timestamp::from_micros(i64::from_be_bytes(*known_at));
            let known_at = known_at.map_err(|_| unreadable())?;
            let sequence = Sequence(u64::from_be_bytes(*sequence));
            let stone = Tombstone::read(body).ok_or_else(unreadable)?;
            Ok(((sequence, known_at), stone))
        });
        stones.collect()
    }

    /// Whether an erasure is the first of a whole report in its partition; notes that it is.
    pub(crate) fn is_first(
        &self,
        (partition, sequence): (PartitionId, Sequence),
        key: &ReportKey,
        batch: &mut Batch,
    ) -> Result<bool, ReplicaError> {
        let key = stone_prefix(partition, key);
        let known = match batch.get(&self.first, &key) {
            Some(known) => Some(known.to_vec()),
            None => self.first.get(&key)?,
        };
        match known {
            Some(known) => Ok(read(&known)? == sequence.0),
            None => {
                batch.put(&self.first, key, sequence.0.to_be_bytes());
                Ok(true)
            }
        }
    }

    /// What an erasure took away when it was taken in; `None` where it was not yet.
    pub(crate) fn gone(
        &self,
        at: (PartitionId, Sequence),
    ) -> Result<Option<ErasedReport>, ReplicaError> {
        let kept = self.gone.get(gone_key(at))?;
        let unreadable = || ReplicaError::Unreadable("what was erased");
        kept.map(|kept| read_gone(&kept).ok_or_else(unreadable))
            .transpose()
    }

    /// Keeps what an erasure takes away: after a stop it is asked for once more.
    pub(crate) fn keep(&self, at: (PartitionId, Sequence), gone: &ErasedReport, batch: &mut Batch) {
        let count = u32::try_from(gone.recordings.len()).unwrap_or(u32::MAX);
        let mut value = count.to_be_bytes().to_vec();
        for (sequence, known_at) in &gone.recordings {
            value.extend(sequence.0.to_be_bytes());
            value.extend(known_at.micros().to_be_bytes());
        }
        let bore_on = lines(&gone.bore_on);
        let length = u32::try_from(bore_on.len()).unwrap_or(u32::MAX);
        value.extend(length.to_be_bytes());
        value.extend(bore_on);
        value.extend(lines(&gone.named));
        batch.put(&self.gone, gone_key(at), value);
    }

    /// How far the store is.
    pub(crate) fn so_far(&self) -> Result<Erased, ReplicaError> {
        let mut erased = Erased::default();
        for (key, known) in self.known()? {
            let compacted = number(&self.compacted, &key)?;
            erased.known = erased.known.max(known);
            erased.pending = erased.pending.max(known.saturating_sub(compacted));
        }
        Ok(erased)
    }

    /// Compacts a store where something in its files is to be erased.
    pub(crate) fn compact(&self, store: &Store) -> Result<bool, ReplicaError> {
        let mut due = Batch::new();
        for (key, known) in self.known()? {
            if known > number(&self.compacted, &key)? {
                due.put(&self.compacted, key, known.to_be_bytes());
            }
        }
        if due.is_empty() {
            return Ok(false);
        }
        // What comes meanwhile is above these numbers, and due after it.
        store.compact()?;
        store.commit(due)?;
        store.sync()?;
        Ok(true)
    }

    fn known(&self) -> Result<Vec<(Vec<u8>, u64)>, ReplicaError> {
        let known = self.counts.scan_prefix([]).map(|item| {
            let (key, value) = item?;
            Ok((key, read(&value)?))
        });
        known.collect()
    }
}

/// Where a report stood, when that was known, and what is left of it.
pub(crate) type Stone = ((Sequence, Timestamp), Tombstone);

fn number(family: &Family, key: &[u8]) -> Result<u64, ReplicaError> {
    family.get(key)?.map_or(Ok(0), |value| read(&value))
}

fn stone_prefix(partition: PartitionId, key: &ReportKey) -> Vec<u8> {
    let mut prefix = partition.0.to_be_bytes().to_vec();
    prefix.extend(key.partner.as_str().as_bytes());
    prefix.push(0);
    prefix.extend(key.report.0.as_bytes());
    prefix
}

fn lines(places: &[PlaceId]) -> Vec<u8> {
    let places: Vec<&str> = places.iter().map(PlaceId::as_str).collect();
    places.join("\n").into_bytes()
}

fn read_lines(places: &[u8]) -> Option<Vec<PlaceId>> {
    let places = std::str::from_utf8(places).ok()?.lines();
    places.map(|place| PlaceId::new(place).ok()).collect()
}

fn gone_key((partition, sequence): (PartitionId, Sequence)) -> Vec<u8> {
    let mut key = partition.0.to_be_bytes().to_vec();
    key.extend(sequence.0.to_be_bytes());
    key
}

fn read_gone(value: &[u8]) -> Option<ErasedReport> {
    let (count, mut rest) = value.split_first_chunk::<4>()?;
    let mut gone = ErasedReport::default();
    for _ in 0..u32::from_be_bytes(*count) {
        let (sequence, after) = rest.split_first_chunk::<8>()?;
        let (known_at, after) = after.split_first_chunk::<8>()?;
        rest = after;
        let known_at = Timestamp::from_micros(i64::from_be_bytes(*known_at)).ok()?;
        let sequence = Sequence(u64::from_be_bytes(*sequence));
        gone.recordings.push((sequence, known_at));
    }
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bore_on, named) = rest.split_at_checked(length)?;
    (gone.bore_on, gone.named) = (read_lines(bore_on)?, read_lines(named)?);
    Some(gone)
}

fn read(value: &[u8]) -> Result<u64, ReplicaError> {
    let number = value.try_into().map(u64::from_be_bytes);
    number.map_err(|_| ReplicaError::Unreadable("how much was erased"))
}
