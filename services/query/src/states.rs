//! The entries of the state log, by place, in sled.
//!
//! ```text
//! family   key                                       value
//! ent      place, 0, known_at u64, sequence u64      StateEntry
//! ado      partition u32, known_at u64, sequence u64 registry sequence u64
//! upto     partition u32                             UpTo
//! chg      partition u32, sequence u64, place        the record changed its state: 1 where it
//!                                                    corrected something, else nothing
//! err      known_at u64, partition u32, sequence u64, place   nothing: an erratum
//! ```
//!
//! Numbers are big-endian; times have their sign bit flipped, so that they sort.
//! Sequences are those of the report log.

use std::collections::BTreeMap;

use ascertain_domain::id::PlaceId;
use ascertain_domain::time::Timestamp;
use ascertain_log::{Incarnation, PartitionId, Record};
use ascertain_proto::log::v1::{StateCause, StateEntry, StateRecord};
use ascertain_replica::{SetDigest, condense_entry, method_of};
use ascertain_runtime::Checking;
use ascertain_store::{Batch, Family, Store};
use prost::Message as _;

use crate::error::QueryError;

/// Entries by place. Cheap to clone.
#[derive(Clone)]
pub(crate) struct States {
    entries: Family,
    adopted: Family,
    up_to: Family,
    changes: Family,
    errata: Family,
}

/// How often the state of a place was published anew, and how often because something was
/// corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    pub all: u32,
    pub errata: u32,
}

/// Where an erratum stands: when it was known, the record that caused it, and the place. In
/// this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ErratumAt {
    pub known_at: Timestamp,
    pub partition: PartitionId,
    pub sequence: u64,
    pub place: PlaceId,
}

/// How far the state log of a partition was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UpTo {
    /// The last record of the state log.
    pub state_sequence: u64,
    /// The last record of the report log whose states are complete.
    pub report_sequence: u64,
    /// The knowledge time of that record.
    pub known_at: Option<Timestamp>,
    /// The prefix of partition 0 that the partition sees.
    pub registry: u64,
}

/// Where an entry stands in the history of a place: its knowledge time, then the record
/// that caused it.
pub(crate) type Published = (Timestamp, u64);

impl States {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            entries: store.family("ent"),
            adopted: store.family("ado"),
            up_to: store.family("upto"),
            changes: store.family("chg"),
            errata: store.family("err"),
        }
    }

    /// How far a partition was followed, in which history of the state log.
    pub(crate) fn up_to(
        &self,
        partition: PartitionId,
    ) -> Result<Option<(UpTo, Incarnation)>, QueryError> {
        let Some(value) = self.up_to.get(partition.0.to_be_bytes())? else {
            return Ok(None);
        };
        let unreadable = || QueryError::Unreadable("the checkpoint of the state log");
        let (numbers, incarnation) = value.split_at_checked(32).ok_or_else(unreadable)?;
        let incarnation = incarnation.try_into().map_err(|_| unreadable())?;
        let number = |i: usize| numbers.get(i * 8..i * 8 + 8).map_or(0, u64_of);
        let up_to = UpTo {
            state_sequence: number(0),
            report_sequence: number(1),
            known_at: time(number(2)),
            registry: number(3),
        };
        Ok(Some((up_to, Incarnation(incarnation))))
    }

    /// Takes records of one partition in, after `up_to`; the writes are added to a batch.
    pub(crate) fn take(
        &self,
        mut up_to: UpTo,
        records: &[(Record, StateRecord)],
        incarnation: Incarnation,
        batch: &mut Batch,
    ) -> UpTo {
        let Some((first, _)) = records.first() else {
            return up_to;
        };
        let partition = first.position.partition.0.to_be_bytes();
        for (record, state) in records {
            let known_at = sortable(record.position.known_at);
            for entry in &state.entries {
                let place = entry.state.as_ref().map_or("", |s| s.place_id.as_str());
                let mut key = place.as_bytes().to_vec();
                key.push(0);
                key.extend(known_at.to_be_bytes());
                key.extend(state.report_sequence.to_be_bytes());
                batch.put(&self.entries, key, entry.encode_to_vec());
                let corrects =
                    matches!(entry.cause(), StateCause::Correction | StateCause::Erasure);
                let mut key = partition.to_vec();
                key.extend(state.report_sequence.to_be_bytes());
                key.extend(place.as_bytes());
                let value = if corrects { vec![1] } else { Vec::new() };
                batch.put(&self.changes, key.clone(), value);
                if corrects {
                    batch.put(&self.errata, key, known_at.to_be_bytes());
                }
            }
            if state.registry_sequence != up_to.registry {
                let mut key = partition.to_vec();
                key.extend(known_at.to_be_bytes());
                key.extend(state.report_sequence.to_be_bytes());
                batch.put(
                    &self.adopted,
                    key,
                    state.registry_sequence.to_be_bytes().to_vec(),
                );
            }
            up_to.state_sequence = record.position.sequence.0;
            up_to.registry = state.registry_sequence;
            if state.is_last {
                up_to.report_sequence = state.report_sequence;
                up_to.known_at = Some(record.position.known_at);
            }
        }
        let known_at = sortable(up_to.known_at.unwrap_or(Timestamp::MIN));
        let mut value = Vec::with_capacity(48);
        for number in [
            up_to.state_sequence,
            up_to.report_sequence,
            known_at,
            up_to.registry,
        ] {
            value.extend(number.to_be_bytes());
        }
        value.extend(incarnation.0);
        batch.put(&self.up_to, partition, value);
        up_to
    }

    /// The entry of a place that stood at a knowledge time, of those up to a record.
    pub(crate) fn entry(
        &self,
        place: &PlaceId,
        known_at: Timestamp,
        report_sequence: u64,
    ) -> Result<Option<StateEntry>, QueryError> {
        let mut low = place.as_str().as_bytes().to_vec();
        low.push(0);
        let found = last_by(&self.entries, &low, known_at, report_sequence)?;
        Ok(found
            .map(|bytes| StateEntry::decode(bytes.as_slice()))
            .transpose()?)
    }

    /// The entries of a place after a rank, known by a time, of those up to a record: the
    /// first of them in the order in which they were published.
    pub(crate) fn history(
        &self,
        place: &PlaceId,
        (after, known_by): (Option<Published>, Timestamp),
        report_sequence: u64,
        most: usize,
    ) -> Result<Vec<(Published, StateEntry)>, QueryError> {
        let key = |published| entry_key(place, published);
        let low = key(after.unwrap_or((Timestamp::MIN, 0)));
        let mut found = Vec::new();
        for item in self.entries.scan(low.clone()..=key((known_by, u64::MAX))) {
            let (bytes, value) = item?;
            let unreadable = QueryError::Unreadable("the key of an entry");
            let (rest, sequence) = bytes.split_last_chunk::<8>().ok_or(unreadable)?;
            let unreadable = QueryError::Unreadable("the key of an entry");
            let (_, known_at) = rest.split_last_chunk::<8>().ok_or(unreadable)?;
            let sequence = u64::from_be_bytes(*sequence);
            let is_after = after.is_none() || bytes > low;
            if is_after && sequence <= report_sequence {
                let known_at = time(u64::from_be_bytes(*known_at)).unwrap_or(Timestamp::MIN);
                let entry = StateEntry::decode(value.as_slice())?;
                found.push(((known_at, sequence), entry));
                if found.len() == most {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The entry of a place at a rank, or the last before it.
    pub(crate) fn published_by(
        &self,
        place: &PlaceId,
        (known_at, sequence): Published,
    ) -> Result<Option<StateEntry>, QueryError> {
        let mut prefix = place.as_str().as_bytes().to_vec();
        prefix.push(0);
        let high = entry_key(place, (known_at, sequence));
        let last = self.entries.scan(prefix..=high).next_back().transpose()?;
        let entry = last.map(|(_, value)| StateEntry::decode(value.as_slice()));
        Ok(entry.transpose()?)
    }

    /// The places whose states records of a partition changed, after one of them up to
    /// and including another, with how often.
    pub(crate) fn changed(
        &self,
        partition: PartitionId,
        (after, up_to): (u64, u64),
    ) -> Result<BTreeMap<PlaceId, Changes>, QueryError> {
        let bound = |sequence: u64| {
            let mut key = partition.0.to_be_bytes().to_vec();
            key.extend(sequence.to_be_bytes());
            key
        };
        let range = bound(after.saturating_add(1))..bound(up_to.saturating_add(1));
        let mut changed: BTreeMap<PlaceId, Changes> = BTreeMap::new();
        for item in self.changes.scan(range) {
            let (key, corrects) = item?;
            let place = key.get(12..).and_then(|id| std::str::from_utf8(id).ok());
            let place = place.and_then(|id| PlaceId::new(id).ok());
            let place = place.ok_or(QueryError::Unreadable("a change of no place"))?;
            let changes = changed.entry(place).or_default();
            changes.all += 1;
            changes.errata += u32::from(!corrects.is_empty());
        }
        Ok(changed)
    }

    /// Errata of a partition, of records after one of them, or after a place of it, up to
    /// another. In the order in which they stand.
    pub(crate) fn errata(
        &self,
        partition: PartitionId,
        (after, place): (u64, Option<&PlaceId>),
        up_to: u64,
    ) -> impl Iterator<Item = Result<ErratumAt, QueryError>> + use<> {
        use std::ops::Bound::{Excluded, Included};
        let key =
            |sequence: u64| [&partition.0.to_be_bytes()[..], &sequence.to_be_bytes()].concat();
        let low = match place {
            Some(place) => Excluded([&*key(after), place.as_str().as_bytes()].concat()),
            None => Included(key(after.saturating_add(1))),
        };
        let found = self
            .errata
            .scan((low, Excluded(key(up_to.saturating_add(1)))));
        found.map(move |item| {
            let (key, known_at) = item?;
            let known_at = known_at.as_slice().try_into().ok().map(u64::from_be_bytes);
            let rest = key.get(4..).and_then(|rest| rest.split_first_chunk::<8>());
            let erratum = known_at
                .and_then(time)
                .zip(rest)
                .and_then(|(known_at, rest)| {
                    Some(ErratumAt {
                        known_at,
                        partition,
                        sequence: u64::from_be_bytes(*rest.0),
                        place: PlaceId::new(std::str::from_utf8(rest.1).ok()?).ok()?,
                    })
                });
            erratum.ok_or(QueryError::Unreadable("the index of errata"))
        })
    }

    /// When states of a place were published: after a time or at it, and before a record.
    pub(crate) fn publications(
        &self,
        place: &PlaceId,
        from: Timestamp,
        before: Published,
    ) -> Result<Vec<Published>, QueryError> {
        let low = entry_key(place, (from, 0));
        let unreadable = || QueryError::Unreadable("the key of an entry");
        let keys = self.entries.scan(low..entry_key(place, before));
        keys.map(|item| {
            let (key, _) = item?;
            let (rest, sequence) = key.split_last_chunk::<8>().ok_or_else(unreadable)?;
            let (_, known_at) = rest.split_last_chunk::<8>().ok_or_else(unreadable)?;
            let known_at = time(u64::from_be_bytes(*known_at)).ok_or_else(unreadable)?;
            Ok((known_at, u64::from_be_bytes(*sequence)))
        })
        .collect()
    }

    /// Takes every entry up to a record of the report log into a digest, and counts them
    /// by method. `up_to` says which record that is for a place; `None` for a place that
    /// is none.
    pub(crate) fn condense(
        &self,
        up_to: impl Fn(&PlaceId) -> Option<u64>,
        digest: &mut SetDigest,
        check: &mut Checking,
    ) -> Result<BTreeMap<String, u64>, QueryError> {
        let mut methods = BTreeMap::new();
        for item in self.entries.scan_prefix([]) {
            let (key, value) = item?;
            check.read(1);
            let entry = StateEntry::decode(value.as_slice())?;
            let sequence = key
                .split_last_chunk::<8>()
                .map_or(0, |(_, tail)| u64::from_be_bytes(*tail));
            let place = entry
                .state
                .as_ref()
                .and_then(|s| PlaceId::new(&s.place_id).ok());
            match place.as_ref().and_then(&up_to) {
                Some(up_to) if sequence <= up_to => {
                    condense_entry(sequence, &entry, digest);
                    *methods.entry(method_of(&entry).to_owned()).or_default() += 1;
                }
                Some(_) => {}
                None => check.problem(format!("an entry of record {sequence} is of no place")),
            }
        }
        Ok(methods)
    }

    /// The prefix of partition 0 that a partition saw at a knowledge time.
    pub(crate) fn registry_at(
        &self,
        partition: PartitionId,
        known_at: Timestamp,
        report_sequence: u64,
    ) -> Result<u64, QueryError> {
        let found = last_by(
            &self.adopted,
            &partition.0.to_be_bytes(),
            known_at,
            report_sequence,
        )?;
        Ok(found.map_or(0, |bytes| u64_of(&bytes)))
    }
}

/// Where an entry of a place is kept.
fn entry_key(place: &PlaceId, (known_at, sequence): Published) -> Vec<u8> {
    let mut key = place.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend(sortable(known_at).to_be_bytes());
    key.extend(sequence.to_be_bytes());
    key
}

/// The last value under a prefix that was known by a time, of those up to a record.
fn last_by(
    family: &Family,
    prefix: &[u8],
    known_at: Timestamp,
    report_sequence: u64,
) -> Result<Option<Vec<u8>>, QueryError> {
    let mut high = prefix.to_vec();
    high.extend(sortable(known_at).to_be_bytes());
    high.extend(u64::MAX.to_be_bytes());
    for item in family.scan(prefix.to_vec()..=high).rev() {
        let (key, value) = item?;
        let sequence = key
            .len()
            .checked_sub(8)
            .and_then(|at| key.get(at..))
            .map_or(0, u64_of);
        if sequence <= report_sequence {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

pub(crate) fn sortable(time: Timestamp) -> u64 {
    time.micros().cast_unsigned() ^ (1 << 63)
}

fn time(sortable: u64) -> Option<Timestamp> {
    Timestamp::from_micros((sortable ^ (1 << 63)).cast_signed())
        .ok()
        .filter(|t| *t != Timestamp::MIN)
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_sort_before_those_after() {
        let times = [i64::from(i32::MIN), -1, 0, 1, i64::from(i32::MAX)]
            .map(|us| Timestamp::from_micros(us).unwrap());
        assert!(times.map(sortable).is_sorted());
        assert!(times.iter().all(|t| time(sortable(*t)) == Some(*t)));
    }
}
