//! Which reports there are: newest known first, by place, and by id.
//!
//! ```text
//! family   key                                            value
//! time     known_at u64, partition u32, sequence u64      –
//! id       partner, 0, uuid, partition u32, sequence u64  –
//! ```

use ascertain_domain::id::{PlaceId, ReportKey};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_log::{PartitionId, Position, Sequence};
use ascertain_replica::{KnownReport, ReportReplica};
use ascertain_store::{Batch, Family, Store};

use crate::error::QueryError;

/// Indices of reports. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Listing {
    time: Family,
    id: Family,
}

/// Where a report stands among all: by knowledge time, then position.
pub(crate) type Rank = (i64, u32, u64);

impl Listing {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            time: store.family("time"),
            id: store.family("id"),
        }
    }

    /// Adds a report to a batch.
    pub(crate) fn index(&self, position: &Position, report: &Report, batch: &mut Batch) {
        let rank = (
            position.known_at.micros(),
            position.partition.0,
            position.sequence.0,
        );
        batch.put(&self.time, time_key(rank), Vec::new());
        let mut key = id_prefix(&report.key());
        key.extend(position.partition.0.to_be_bytes());
        key.extend(position.sequence.0.to_be_bytes());
        batch.put(&self.id, key, Vec::new());
    }

    /// How many reports are listed by time, and how many by id.
    pub(crate) fn counts(&self) -> Result<(u64, u64), QueryError> {
        let count = |family: &Family| {
            let items = family.scan_prefix([]);
            items.map(|item| item.map(|_| 1)).sum::<Result<u64, _>>()
        };
        Ok((count(&self.time)?, count(&self.id)?))
    }

    /// The recording of a report that counts, in all partitions or in one: of several, that
    /// with the smallest body digest; in several partitions, the first. With where it stands.
    pub(crate) fn report(
        &self,
        key: &ReportKey,
        within: Option<PartitionId>,
        reports: &ReportReplica,
    ) -> Result<Option<(PartitionId, Sequence, KnownReport)>, QueryError> {
        let mut counts: Option<(PartitionId, Sequence, KnownReport)> = None;
        for item in self.id.scan_prefix(id_prefix(key)) {
            let (found, _) = item?;
            let tail = found.len().checked_sub(12).and_then(|at| found.get(at..));
            let (partition, sequence) = tail
                .and_then(position_of)
                .ok_or(QueryError::Unreadable("the index of report ids"))?;
            let (partition, sequence) = (PartitionId(partition), Sequence(sequence));
            if within.is_some_and(|within| within != partition) {
                continue;
            }
            let Some(known) = reports.record(partition, sequence)? else {
                continue;
            };
            let digest = known.report.body_digest;
            if counts
                .as_ref()
                .is_none_or(|(.., c)| digest < c.report.body_digest)
            {
                counts = Some((partition, sequence, known));
            }
        }
        Ok(counts)
    }

    /// Reports known by a time and before a rank, newest first, of a place in its partition
    /// or of all. Each stands once: where its recording that counts stands.
    pub(crate) fn newest(
        &self,
        place: Option<(&PlaceId, PartitionId)>,
        (known_by, before): (Option<Timestamp>, Option<Rank>),
        reports: &ReportReplica,
        most: usize,
    ) -> Result<Vec<(Rank, KnownReport)>, QueryError> {
        let high = known_by.map_or([0xff; 20], |by| time_key((by.micros(), u32::MAX, u64::MAX)));
        let high = before.map_or(high, |rank| time_key(rank).min(high));
        let mut found = Vec::new();
        for item in self.time.scan([0_u8; 0].as_slice()..=high.as_slice()).rev() {
            let (key, _) = item?;
            let rank = rank_of(&key).ok_or(QueryError::Unreadable("the index of report times"))?;
            if before == Some(rank) {
                continue;
            }
            let (partition, sequence) = (PartitionId(rank.1), Sequence(rank.2));
            let Some(known) = reports.record(partition, sequence)? else {
                continue;
            };
            if let Some((place, home)) = place
                && (home != partition || !reports.bears_on((partition, sequence), place)?)
            {
                continue;
            }
            let within = place.map(|(_, home)| home);
            let counts = self.report(&known.report.key(), within, reports)?;
            if counts.is_none_or(|(p, s, _)| (p, s) != (partition, sequence)) {
                continue;
            }
            found.push((rank, known));
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }
}

fn id_prefix(key: &ReportKey) -> Vec<u8> {
    let mut prefix = key.partner.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix.extend(key.report.0.as_bytes());
    prefix
}

fn time_key((known_at, partition, sequence): Rank) -> [u8; 20] {
    let mut key = [0; 20];
    key[..8].copy_from_slice(&(known_at.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    key[8..12].copy_from_slice(&partition.to_be_bytes());
    key[12..].copy_from_slice(&sequence.to_be_bytes());
    key
}

fn rank_of(key: &[u8]) -> Option<Rank> {
    let (known_at, position) = key.split_at_checked(8)?;
    let known_at = u64::from_be_bytes(known_at.try_into().ok()?) ^ (1 << 63);
    let (partition, sequence) = position_of(position)?;
    Some((known_at.cast_signed(), partition, sequence))
}

fn position_of(bytes: &[u8]) -> Option<(u32, u64)> {
    let (partition, sequence) = bytes.split_at_checked(4)?;
    Some((
        u32::from_be_bytes(partition.try_into().ok()?),
        u64::from_be_bytes(sequence.try_into().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_comes_back_as_it_went_and_sorts_by_time() {
        let ranks = [(-5, 3, 9), (0, 1, 7), (0, 1, 8), (7, 0, 1)];
        assert!(ranks.map(time_key).is_sorted());
        assert!(ranks.iter().all(|r| rank_of(&time_key(*r)) == Some(*r)));
    }
}
