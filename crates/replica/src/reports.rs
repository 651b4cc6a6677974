//! The reports of the place partitions, by place, in sled.
//!
//! ```text
//! family   key                                    value
//! rec      partition u32, sequence u64            known_at i64, length of body u32, body, content
//! place    place, 0, partition u32, sequence u64  known_at i64
//! link     partition u32, partner, 0, uuid, sequence u64   –
//! seen     partition u32                          sequence u64, incarnation
//! ```
//!
//! `link` finds the reports that have an id or name it: the versions of a report, and what
//! takes it back. Such reports stand under all places that any of them names, so that
//! whoever reads those of a place has them all.
//!
//! All numbers are big-endian. A place lies in one partition for ever, but a report
//! that names places of several stands in each of theirs, and names it there too.

mod erase;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{PartnerId, PlaceId, ReportId, ReportKey};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_log::{Incarnation, PartitionId, Record, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_store::{Batch, Family, Store};
use bytes::{Buf, Bytes};

use crate::adjudications::Adjudications;
use crate::erasures::{Erased, Erasures, Stone};
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
    links: Family,
    erasures: Erasures,
    adjudications: Adjudications,
    seen: Family,
    cache: Arc<Mutex<Decoded>>,
}

/// A report with its sequence and knowledge time.
type Recorded = (u64, Timestamp, Arc<Report>);
/// Reports by sequence, with when each was known.
type Together = BTreeMap<u64, (Timestamp, Arc<Report>)>;

/// What a batch holds that the store does not yet: reports by what they are called and by
/// what they name, with sequence and knowledge time.
#[derive(Default)]
struct Staged {
    named: HashMap<Vec<u8>, Vec<Recorded>>,
    /// What the store still has, and is deleted with this batch.
    erased: BTreeSet<u64>,
    /// Tombstones that the batch holds.
    tombstones: HashMap<ReportKey, Vec<Stone>>,
}

/// What taking a record in found.
#[derive(Debug, Clone)]
pub enum Taken {
    /// A report, with what it bears on.
    Report(Arc<Report>, BearsOn),
    /// The partition sees partition 0 up to a later sequence.
    Adopt,
    /// Something was erased: what, and what was known of it here before. Where only content
    /// went, nothing that answers rest on is gone.
    Erasure(ReportKey, Scope, ErasedReport),
    /// Somebody ruled on a place, or took a ruling back.
    Adjudication(PlaceId),
    /// Nothing that belongs into a place partition.
    Other,
}

/// What a report bears on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BearsOn {
    /// The places: those that it names itself, and those that its other versions name, or
    /// what it takes back. Sorted.
    pub places: Vec<PlaceId>,
    /// Whether there are such others: what was known then may count no longer, or the report
    /// itself not count.
    pub is_linked: bool,
}

/// What was known here of a report that was erased whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasedReport {
    /// Its recordings in the partition, with their knowledge times, by sequence.
    pub recordings: Vec<(Sequence, Timestamp)>,
    /// The places on which it bore, by itself or by what is linked to it; sorted. A store that
    /// was made anew since knows of no links through others that are gone, too.
    pub bore_on: Vec<PlaceId>,
    /// Those of them that it named itself, or that were named by what it corrected or took
    /// back; sorted. The same in every store.
    pub named: Vec<PlaceId>,
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
            links: store.family("link"),
            erasures: Erasures::new(store),
            adjudications: Adjudications::new(store),
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
        let mut staged = Staged::default();
        let mut erased = 0;
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
                    self.remember((partition, sequence), &report);
                    let bears_on = self.stage(record, &report, &mut staged, batch)?;
                    Taken::Report(report, bears_on)
                }
                Body::Adopt { .. } => Taken::Adopt,
                Body::Erasure(key, scope) => {
                    let at = record.position.partition;
                    let sequence = record.position.sequence;
                    let known = self.erasures.gone((at, sequence))?;
                    let gone = self.erase((at, sequence), &key, scope, &mut staged, batch)?;
                    // Taken in once more after a stop it finds no report any more, or one
                    // that came once more before it.
                    let gone = known.unwrap_or(gone);
                    self.erasures.keep((at, sequence), &gone, batch);
                    erased += 1;
                    Taken::Erasure(key, scope, gone)
                }
                Body::Adjudication(adjudication) => {
                    self.adjudications.stage(record, &adjudication.place, batch);
                    Taken::Adjudication(adjudication.place)
                }
                Body::Erased(stone) => {
                    let at = (record.position.sequence, record.position.known_at);
                    let partition = record.position.partition;
                    self.erasures.note_tombstone(partition, at, &stone, batch);
                    let stones = staged.tombstones.entry(stone.key.clone()).or_default();
                    stones.push((at, stone));
                    Taken::Other
                }
                Body::Registry(..) => Taken::Other,
            });
        }
        if let Some(last) = records.last() {
            self.erasures.note(last.position.partition, erased, batch)?;
            let mut value = last.position.sequence.0.to_be_bytes().to_vec();
            value.extend(incarnation.0);
            batch.put(&self.seen, last.position.partition.0.to_be_bytes(), value);
        }
        Ok(taken)
    }

    fn stage(
        &self,
        record: &Record,
        report: &Arc<Report>,
        staged: &mut Staged,
        batch: &mut Batch,
    ) -> Result<BearsOn, ReplicaError> {
        let position = &record.position;
        let (key, value) = stored(record);
        batch.put(&self.records, key, value);
        for id in report.links.to().chain(std::iter::once(report.id)) {
            let mut key = link_prefix(position.partition.0, &report.partner, id);
            batch.put(
                &self.links,
                [&*key, &position.sequence.0.to_be_bytes()].concat(),
                [],
            );
            key.drain(..4);
            staged.named.entry(key).or_default().push((
                position.sequence.0,
                position.known_at,
                Arc::clone(report),
            ));
        }
        let together = self.linked(position.partition, report, staged)?;
        let mut places: Vec<PlaceId> = together
            .values()
            .flat_map(|(_, report)| report.places())
            .collect();
        places.sort();
        places.dedup();
        for (sequence, (known_at, _)) in &together {
            for place in &places {
                let mut key = place_prefix(place, position.partition.0);
                key.extend(sequence.to_be_bytes());
                batch.put(&self.places, key, known_at.micros().to_be_bytes());
            }
        }
        Ok(BearsOn {
            places,
            is_linked: report.links.are_any() || together.len() > 1,
        })
    }

    /// A report with all that is linked to it, by sequence.
    fn linked(
        &self,
        partition: PartitionId,
        report: &Report,
        staged: &Staged,
    ) -> Result<Together, ReplicaError> {
        self.naming(partition, (&report.partner, vec![report.id]), staged)
    }

    /// The reports of a partner that have ids or name them, with all that is linked to those.
    fn naming(
        &self,
        partition: PartitionId,
        (partner, mut ids): (&PartnerId, Vec<ReportId>),
        staged: &Staged,
    ) -> Result<Together, ReplicaError> {
        let mut found = Together::new();
        let mut asked = BTreeSet::new();
        while let Some(id) = ids.pop() {
            if !asked.insert(id) {
                continue;
            }
            let prefix = link_prefix(partition.0, partner, id);
            let mut add = |sequence, known_at, report: Arc<Report>| {
                ids.extend(report.links.to().chain(std::iter::once(report.id)));
                found.insert(sequence, (known_at, report));
            };
            let in_batch = staged.named.get(prefix.get(4..).unwrap_or_default());
            for (sequence, known_at, report) in in_batch.into_iter().flatten() {
                add(*sequence, *known_at, Arc::clone(report));
            }
            for item in self.links.scan_prefix(prefix) {
                let sequence = Sequence(tail_u64(&item?.0)?);
                if staged.erased.contains(&sequence.0) {
                    continue;
                }
                if let Some(known) = self.record(partition, sequence)? {
                    add(sequence.0, known.known_at, known.report);
                }
            }
        }
        Ok(found)
    }

    /// The reports of a partition that are versions of a report, or take one back, itself
    /// among them, with when each was known here. By sequence.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`], [`ReplicaError::Decode`].
    pub fn linked_to(
        &self,
        partition: PartitionId,
        report: &Arc<Report>,
    ) -> Result<Vec<(Timestamp, Arc<Report>)>, ReplicaError> {
        let linked = self.linked(partition, report, &Staged::default())?;
        Ok(linked.into_values().collect())
    }

    /// Whether a report of a partition bears on a place: names it, or is linked to one
    /// that does.
    ///
    /// # Errors
    /// [`ReplicaError::Store`].
    pub fn bears_on(
        &self,
        (partition, sequence): (PartitionId, Sequence),
        place: &PlaceId,
    ) -> Result<bool, ReplicaError> {
        let mut key = place_prefix(place, partition.0);
        key.extend(sequence.0.to_be_bytes());
        Ok(self.places.get(key)?.is_some())
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

    /// The rulings on places.
    #[must_use]
    pub fn adjudications(&self) -> &Adjudications {
        &self.adjudications
    }

    /// How far the store has erased what it was told to.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`].
    pub fn erased(&self) -> Result<Erased, ReplicaError> {
        self.erasures.so_far()
    }

    /// What an erasure took away when it was taken in; `None` where the record is none.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`].
    pub fn gone(&self, at: (PartitionId, Sequence)) -> Result<Option<ErasedReport>, ReplicaError> {
        self.erasures.gone(at)
    }

    /// Compacts the store that the reports are kept in, where its files hold something that
    /// is to be erased; whether they did. Commits wait meanwhile. Blocks.
    ///
    /// # Errors
    /// [`ReplicaError::Store`]: without space the same may succeed later.
    pub fn compact_if_due(&self, store: &Store) -> Result<bool, ReplicaError> {
        self.erasures.compact(store)
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

/// Where the reports of a partition stand that have an id of a report's partner, or name it.
fn link_prefix(partition: u32, partner: &PartnerId, id: ReportId) -> Vec<u8> {
    let mut prefix = partition.to_be_bytes().to_vec();
    prefix.extend(partner.as_str().as_bytes());
    prefix.push(0);
    prefix.extend(id.0.as_bytes());
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
