//! The reports of the place partitions, by place, in sled.
//!
//! ```text
//! family   key                                    value
//! rec      partition u32, sequence u64            known_at i64, length of body u32, body, content
//! place    place, 0, partition u32, sequence u64  known_at i64
//! seen     partition u32                          sequence u64, incarnation
//! ```
//!
//! All numbers are big-endian. A place lies in one partition for ever, but a report
//! that names places of several stands in each of theirs, and names it there too.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ascertain_domain::id::PlaceId;
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_log::{Incarnation, PartitionId, Record, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_store::{Batch, Family, Store};
use bytes::{Buf, Bytes};

use crate::{ReplicaError, SetDigest};

/// Decoded reports that are kept at hand; above this all are let go.
const CACHED_REPORTS: usize = 50_000;

/// Decoded reports, by partition and sequence.
type Decoded = HashMap<(u32, u64), Arc<Report>>;

/// The reports of a store. Cheap to clone.
#[derive(Clone)]
pub struct ReportReplica {
    records: Family,
    places: Family,
    seen: Family,
    cache: Arc<Mutex<Decoded>>,
}

/// What taking a record in found.
#[derive(Debug, Clone)]
pub enum Taken {
    /// A report.
    Report(Arc<Report>),
    /// The partition sees partition 0 up to a later sequence.
    Adopt,
    /// Nothing that belongs into a place partition.
    Other,
}

/// A stored record.
#[derive(Debug, Clone)]
pub struct KnownReport {
    /// The report.
    pub report: Arc<Report>,
    /// When it was known here.
    pub known_at: Timestamp,
    /// The body.
    pub body: Bytes,
    /// The erasable content beside it.
    pub content: Bytes,
}

impl ReportReplica {
    /// The reports kept in a store.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self {
            records: store.family("rec"),
            places: store.family("place"),
            seen: store.family("seen"),
            cache: Arc::default(),
        }
    }

    /// The last sequence of a partition that was taken in, and the history of the
    /// log that it belongs to; `None` for none.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`].
    pub fn seen(
        &self,
        partition: PartitionId,
    ) -> Result<Option<(Sequence, Incarnation)>, ReplicaError> {
        let Some(value) = self.seen.get(partition.0.to_be_bytes())? else {
            return Ok(None);
        };
        let unreadable = || ReplicaError::Unreadable("the checkpoint of a partition");
        let (sequence, incarnation) = value.split_at_checked(8).ok_or_else(unreadable)?;
        let sequence = u64::from_be_bytes(sequence.try_into().map_err(|_| unreadable())?);
        let incarnation = incarnation.try_into().map_err(|_| unreadable())?;
        Ok(Some((Sequence(sequence), Incarnation(incarnation))))
    }

    /// Takes records of one partition in, in order; the writes are added to a batch.
    ///
    /// # Errors
    /// [`ReplicaError::Decode`] for a record that this version cannot read.
    pub fn take(
        &self,
        records: &[Record],
        incarnation: Incarnation,
        batch: &mut Batch,
    ) -> Result<Vec<Taken>, ReplicaError> {
        let mut taken = Vec::with_capacity(records.len());
        for record in records {
            let (partition, sequence) = (record.position.partition.0, record.position.sequence.0);
            let decoded = decode_body(&record.body).map_err(|source| ReplicaError::Decode {
                partition,
                sequence,
                source,
            })?;
            taken.push(match decoded {
                Body::Report(report) => {
                    let report = Arc::new(report);
                    self.stage(record, &report, batch);
                    self.remember((partition, sequence), &report);
                    Taken::Report(report)
                }
                Body::Adopt { .. } => Taken::Adopt,
                Body::Registry(..) => Taken::Other,
            });
        }
        if let Some(last) = records.last() {
            let mut value = last.position.sequence.0.to_be_bytes().to_vec();
            value.extend(incarnation.0);
            batch.put(&self.seen, last.position.partition.0.to_be_bytes(), value);
        }
        Ok(taken)
    }

    fn stage(&self, record: &Record, report: &Report, batch: &mut Batch) {
        let position = &record.position;
        let (key, value) = stored(record);
        batch.put(&self.records, key, value);
        for place in report.places() {
            let mut key = place_prefix(&place, position.partition.0);
            key.extend(position.sequence.0.to_be_bytes());
            let known_at = position.known_at.micros().to_be_bytes();
            batch.put(&self.places, key, known_at);
        }
    }

    /// The reports that name any of the places, up to a sequence of their
    /// partition and known by a time, by sequence. The places must be of one
    /// partition, the one given.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`], [`ReplicaError::Decode`].
    pub fn of_places(
        &self,
        partition: PartitionId,
        places: &[PlaceId],
        up_to: Sequence,
        known_by: Option<Timestamp>,
    ) -> Result<Vec<Arc<Report>>, ReplicaError> {
        let mut sequences = BTreeSet::new();
        for place in places {
            let prefix = place_prefix(place, partition.0);
            for item in self.places.scan_prefix(prefix) {
                let (key, value) = item?;
                let sequence = tail_u64(&key)?;
                let known_at = value.try_into().map(i64::from_be_bytes);
                let unreadable = |_| ReplicaError::Unreadable("the index of a place");
                let known_at = known_at.map_err(unreadable)?;
                let in_time = known_by.is_none_or(|by| known_at <= by.micros());
                if sequence <= up_to.0 && in_time {
                    sequences.insert(sequence);
                }
            }
        }
        sequences
            .into_iter()
            .map(|sequence| self.report(partition, Sequence(sequence)))
            .collect()
    }

    fn report(
        &self,
        partition: PartitionId,
        sequence: Sequence,
    ) -> Result<Arc<Report>, ReplicaError> {
        let key = (partition.0, sequence.0);
        let cached = self
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(report) = cached {
            return Ok(report);
        }
        let known = self.record(partition, sequence)?;
        let report = known
            .ok_or(ReplicaError::Unreadable(
                "an indexed record that is not there",
            ))?
            .report;
        self.remember(key, &report);
        Ok(report)
    }

    fn remember(&self, key: (u32, u64), report: &Arc<Report>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_REPORTS {
            cache.clear();
        }
        cache.insert(key, Arc::clone(report));
    }

    /// One stored record; `None` if there is no report at that position.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`], [`ReplicaError::Decode`].
    pub fn record(
        &self,
        partition: PartitionId,
        sequence: Sequence,
    ) -> Result<Option<KnownReport>, ReplicaError> {
        let value = self.records.get(record_key(partition.0, sequence.0))?;
        value
            .map(|value| known_report(partition, sequence, value))
            .transpose()
    }

    /// Takes every stored report of a partition up to a sequence into a digest, as it is
    /// stored: see [`condense`].
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`].
    pub fn condense(
        &self,
        partition: PartitionId,
        up_to: Sequence,
        digest: &mut SetDigest,
    ) -> Result<(), ReplicaError> {
        let last = record_key(partition.0, up_to.0);
        for item in self.records.scan(record_key(partition.0, 0)..=last) {
            let (key, value) = item?;
            digest.add(&[&key, &value]);
        }
        Ok(())
    }

    /// How many reports are stored.
    ///
    /// # Errors
    /// [`ReplicaError::Store`].
    pub fn count(&self) -> Result<u64, ReplicaError> {
        let items = self.records.scan_prefix([]);
        let count = items.map(|item| item.map(|_| 1)).sum::<Result<u64, _>>();
        Ok(count?)
    }

    /// Every stored report of a partition, by sequence.
    ///
    /// # Errors
    /// As for [`ReportReplica::record`], item by item.
    pub fn all(
        &self,
        partition: PartitionId,
    ) -> impl Iterator<Item = Result<KnownReport, ReplicaError>> + use<> {
        self.records
            .scan_prefix(partition.0.to_be_bytes())
            .map(move |item| {
                let (key, value) = item?;
                known_report(partition, Sequence(tail_u64(&key)?), value)
            })
    }
}

/// Takes a report of the log into a digest, as a replica would store it: so that what is
/// stored can be compared with the log.
pub fn condense(record: &Record, digest: &mut SetDigest) {
    let (key, value) = stored(record);
    digest.add(&[&key, &value]);
}

/// The key of a record, and what is stored under it.
fn stored(record: &Record) -> ([u8; 12], Vec<u8>) {
    let position = &record.position;
    let mut value = position.known_at.micros().to_be_bytes().to_vec();
    // A record is at most some megabytes.
    let length = u32::try_from(record.body.len()).unwrap_or(u32::MAX);
    value.extend(length.to_be_bytes());
    value.extend_from_slice(&record.body);
    value.extend_from_slice(&record.content);
    (record_key(position.partition.0, position.sequence.0), value)
}

fn record_key(partition: u32, sequence: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&partition.to_be_bytes());
    key[4..].copy_from_slice(&sequence.to_be_bytes());
    key
}

fn place_prefix(place: &PlaceId, partition: u32) -> Vec<u8> {
    // No id holds a zero byte.
    let mut prefix = place.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix.extend(partition.to_be_bytes());
    prefix
}

fn tail_u64(key: &[u8]) -> Result<u64, ReplicaError> {
    let tail = key.len().checked_sub(8).and_then(|at| key.get(at..));
    let tail = tail.and_then(|tail| tail.try_into().ok());
    tail.map(u64::from_be_bytes)
        .ok_or(ReplicaError::Unreadable("a key"))
}

fn known_report(
    partition: PartitionId,
    sequence: Sequence,
    value: Vec<u8>,
) -> Result<KnownReport, ReplicaError> {
    let unreadable = || ReplicaError::Unreadable("a record");
    let mut value = Bytes::from(value);
    if value.remaining() < 12 {
        return Err(unreadable());
    }
    let known_at = Timestamp::from_micros(value.get_i64()).map_err(|_| unreadable())?;
    let length = usize::try_from(value.get_u32()).map_err(|_| unreadable())?;
    if value.remaining() < length {
        return Err(unreadable());
    }
    let body = value.split_to(length);
    let decoded = decode_body(&body).map_err(|source| ReplicaError::Decode {
        partition: partition.0,
        sequence: sequence.0,
        source,
    })?;
    let Body::Report(report) = decoded else {
        return Err(unreadable());
    };
    Ok(KnownReport {
        report: Arc::new(report),
        known_at,
        body,
        content: value,
    })
}
