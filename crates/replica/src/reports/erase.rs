//! Taking what was erased out of the reports of a store.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{PlaceId, ReportKey};
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::{PartitionId, Sequence};
use ascertain_store::Batch;

use super::{
    ErasedReport, ReportReplica, Staged, Together, link_prefix, place_prefix, record_key, tail_u64,
};
use crate::ReplicaError;
use crate::erasures::Stone;

impl ReportReplica {
    /// Erases what a report holds; tells what was known of it where all of it goes.
    pub(super) fn erase(
        &self,
        (partition, at): (PartitionId, Sequence),
        key: &ReportKey,
        scope: Scope,
        staged: &mut Staged,
        batch: &mut Batch,
    ) -> Result<ErasedReport, ReplicaError> {
        let recordings = self.recordings_of(partition, key, staged)?;
        let mut gone = ErasedReport::default();
        for (sequence, (known_at, report)) in recordings {
            let at = record_key(partition.0, sequence);
            if scope == Scope::Content {
                let stored = match batch.get(&self.records, at) {
                    Some(stored) => Some(stored.to_vec()),
                    None => self.records.get(at)?,
                };
                if let Some(stored) = stored {
                    batch.put(&self.records, at, without_content(stored)?);
                }
                continue;
            }
            let together = self.linked(partition, &report, staged)?;
            let mut places: Vec<PlaceId> =
                together.values().flat_map(|(_, r)| r.places()).collect();
            batch.delete(&self.records, at);
            staged.erased.insert(sequence);
            for place in &places {
                let mut key = place_prefix(place, partition.0);
                key.extend(sequence.to_be_bytes());
                batch.delete(&self.places, key);
            }
            for id in report.links.to().chain(std::iter::once(report.id)) {
                let key = link_prefix(partition.0, &report.partner, id);
                batch.delete(&self.links, [&*key, &sequence.to_be_bytes()].concat());
                if let Some(staged) = staged.named.get_mut(key.get(4..).unwrap_or_default()) {
                    staged.retain(|(other, ..)| *other != sequence);
                }
            }
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.remove(&(partition.0, sequence));
            drop(cache);
            let recording = (Sequence(sequence), known_at);
            // As another store will know of it that is made anew.
            let stone = Tombstone::of(&report);
            self.erasures
                .note_tombstone(partition, recording, &stone, batch);
            let stones = staged.tombstones.entry(key.clone()).or_default();
            stones.push((recording, stone));
            gone.recordings.push(recording);
            self.part(partition, (sequence, &together), &places, (staged, batch))?;
            gone.bore_on.append(&mut places);
        }
        if scope == Scope::Report && self.erasures.is_first((partition, at), key, batch)? {
            self.note_stones((partition, at), key, staged, &mut gone)?;
        }
        for places in [&mut gone.bore_on, &mut gone.named] {
            places.sort();
            places.dedup();
        }
        Ok(gone)
    }

    /// The recordings of a report.
    fn recordings_of(
        &self,
        partition: PartitionId,
        key: &ReportKey,
        staged: &Staged,
    ) -> Result<Together, ReplicaError> {
        let prefix = link_prefix(partition.0, &key.partner, key.report);
        let in_batch = staged.named.get(prefix.get(4..).unwrap_or_default());
        let mut recordings = Together::new();
        for (sequence, known_at, report) in in_batch.into_iter().flatten() {
            recordings.insert(*sequence, (*known_at, Arc::clone(report)));
        }
        for item in self.links.scan_prefix(&prefix) {
            let sequence = Sequence(tail_u64(&item?.0)?);
            if let Some(known) = self.record(partition, sequence)? {
                recordings.insert(sequence.0, (known.known_at, known.report));
            }
        }
        // Not others that name it.
        recordings.retain(|sequence, (_, report)| {
            report.key() == *key && !staged.erased.contains(sequence)
        });
        Ok(recordings)
    }

    /// The tombstones of a report.
    fn stones_of(
        &self,
        partition: PartitionId,
        key: &ReportKey,
        staged: &Staged,
    ) -> Result<Vec<Stone>, ReplicaError> {
        let mut stones = self.erasures.tombstones(partition, key)?;
        stones.extend(staged.tombstones.get(key).into_iter().flatten().cloned());
        Ok(stones)
    }

    /// Notes what is known of a report by its tombstones: what the log has erased already was
    /// here before a store was made anew. Of several erasures the first took it away.
    fn note_stones(
        &self,
        (partition, at): (PartitionId, Sequence),
        key: &ReportKey,
        staged: &Staged,
        gone: &mut ErasedReport,
    ) -> Result<(), ReplicaError> {
        for (recording, stone) in self.stones_of(partition, key, staged)? {
            if !gone.recordings.contains(&recording) {
                gone.recordings.push(recording);
            }
            for link in &stone.links {
                let other = ReportKey {
                    partner: key.partner.clone(),
                    report: *link,
                };
                // As many in every store: also those that are gone by now.
                let there = self.recordings_of(partition, &other, staged)?;
                let there = there.range(..at.0).flat_map(|(_, (_, r))| r.places());
                gone.named.extend(there);
                let gone_by_now = self.stones_of(partition, &other, staged)?.into_iter();
                let gone_by_now = gone_by_now.filter(|((sequence, _), _)| *sequence < at);
                gone.named
                    .extend(gone_by_now.flat_map(|(_, stone)| stone.places));
            }
            let ids = stone.links.into_iter().chain([key.report]).collect();
            let linked = self.naming(partition, (&key.partner, ids), staged)?;
            gone.bore_on
                .extend(linked.values().flat_map(|(_, report)| report.places()));
            gone.named.extend(stone.places);
        }
        gone.bore_on.extend(gone.named.iter().cloned());
        Ok(())
    }

    /// Takes what was linked to a report that is gone out of the places on which it bore by
    /// that link alone: each stands where those name that are linked to it still.
    fn part(
        &self,
        partition: PartitionId,
        (gone, together): (u64, &Together),
        places: &[PlaceId],
        (staged, batch): (&Staged, &mut Batch),
    ) -> Result<(), ReplicaError> {
        let mut visited = BTreeSet::from([gone]);
        for (sequence, (_, report)) in together {
            if visited.contains(sequence) {
                continue;
            }
            let left = self.linked(partition, report, staged)?;
            let named: BTreeSet<PlaceId> = left.values().flat_map(|(_, r)| r.places()).collect();
            for place in places.iter().filter(|place| !named.contains(*place)) {
                for sequence in left.keys() {
                    let mut key = place_prefix(place, partition.0);
                    key.extend(sequence.to_be_bytes());
                    batch.delete(&self.places, key);
                }
            }
            visited.extend(left.into_keys());
        }
        Ok(())
    }
}

/// What is stored of a record without its content.
fn without_content(mut stored: Vec<u8>) -> Result<Vec<u8>, ReplicaError> {
    let length = stored.get(8..12).and_then(|length| length.try_into().ok());
    let length = length.map(u32::from_be_bytes).map(|bytes| bytes as usize);
    match length.filter(|body| 12 + body <= stored.len()) {
        Some(body) => stored.truncate(12 + body),
        None => return Err(ReplicaError::Unreadable("a record")),
    }
    Ok(stored)
}
