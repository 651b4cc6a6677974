//! Which reports were accepted. The log says so; the ledger is an index over it,
//! with what is appended but not yet indexed, and what is under way, on top.

mod index;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{Digest, PartnerId, ReportId, ReportKey};
use ascertain_domain::time::Timestamp;
use ascertain_domain::tombstone::Tombstone;
use ascertain_log::{Incarnation, PartitionId, Record, Sequence, watch};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::token::WriteToken;
use ascertain_proto::{inward, log};
use log::v1::record_body::Content;
use prost::Message as _;

use index::TakenIn;
pub(crate) use index::{Index, IndexError};

/// What is known of an accepted report, as ingest's store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The retry key's check.
    pub submitted: Digest,
    /// The smallest digest of its bodies: the body that counts.
    pub body: Digest,
    /// When it was first recorded.
    pub first_recorded_at: Timestamp,
    /// Whether its times contradict each other.
    pub time_inconsistent: bool,
    /// Where it stands, by partition.
    pub positions: BTreeMap<u32, u64>,
    /// Where it stands once more: recordings of other nodes.
    pub others: BTreeSet<(u32, u64)>,
}

/// What is known of a report that was erased, or is to be when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erasure {
    /// How much of it.
    pub scope: Scope,
    /// Where the erasure stands, by partition.
    pub positions: BTreeMap<u32, u64>,
    /// Whether the log holds nothing of it any more.
    pub done: bool,
}

impl Erasure {
    /// The token of the write.
    pub(crate) fn token(&self, incarnation: Incarnation) -> String {
        let positions = self.positions.clone();
        WriteToken {
            incarnation: incarnation.0,
            positions,
        }
        .encode()
    }

    fn merge(&mut self, other: &Self) {
        // What goes further is to be done anew.
        self.done &= self.scope >= other.scope;
        self.scope = self.scope.max(other.scope);
        for (&partition, &sequence) in &other.positions {
            // The last: whoever was as far as an earlier one may lack what goes further.
            let position = self.positions.entry(partition).or_insert(sequence);
            *position = sequence.max(*position);
        }
    }
}

impl Entry {
    /// The token of the write.
    pub(crate) fn token(&self, incarnation: Incarnation) -> String {
        let positions = self.positions.clone();
        WriteToken {
            incarnation: incarnation.0,
            positions,
        }
        .encode()
    }

    /// Whether all that another entry says is said here.
    fn covers(&self, other: &Self) -> bool {
        self.body <= other.body && self.covers_positions(other)
    }

    /// Whether it stands in every partition in which another entry does.
    fn covers_positions(&self, other: &Self) -> bool {
        let mut partitions = other.positions.keys();
        partitions.all(|partition| self.positions.contains_key(partition))
    }

    /// Takes in another record of the same report: the first to come answers
    /// retries, the smallest body counts.
    fn merge(&mut self, other: &Self) {
        self.body = self.body.min(other.body);
        self.others.extend(&other.others);
        for (&partition, &sequence) in &other.positions {
            let first = *self.positions.entry(partition).or_insert(sequence);
            if first != sequence {
                self.others.insert((partition, sequence));
            }
        }
    }
}

/// What the ledger says of a report.
#[derive(Debug)]
pub(crate) enum Known {
    /// Nothing: it is the caller's to append.
    New(Reservation),
    /// Somebody appends it right now; the channel closes when that is decided.
    UnderWay(watch::Receiver<()>),
    /// It was accepted.
    Accepted(Entry),
}

#[derive(Debug)]
enum Slot {
    UnderWay(watch::Receiver<()>),
    Accepted(Entry),
}

/// The index, and what is not in it yet.
pub(crate) struct Ledger {
    index: Index,
    overlay: Mutex<HashMap<ReportKey, Slot>>,
    /// What is being erased, before the log says so.
    erasing: Mutex<HashMap<ReportKey, Scope>>,
    /// Held from reading an entry until what was merged into it is written: a report of
    /// several partitions is taken in by each of them.
    taking: Mutex<()>,
    /// Changes whenever records were taken in.
    taken: watch::Sender<()>,
}

/// The right to append a report. Dropped without [`Reservation::settle`], it
/// leaves the report as it was known before.
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    key: ReportKey,
    /// What was known of it, where another record of it is appended.
    known: Option<Entry>,
    /// Closes when the reservation goes.
    _decided: watch::Sender<()>,
}

impl Reservation {
    /// Of which report.
    pub(crate) fn key(&self) -> &ReportKey {
        &self.key
    }

    /// Notes that the report is recorded.
    pub(crate) fn settle(mut self, mut entry: Entry) {
        if let Some(mut known) = self.known.take() {
            known.merge(&entry);
            entry = known;
        }
        // The index may have been faster; then nothing needs to be kept on top.
        let mut overlay = self.ledger.overlay();
        let indexed = self.ledger.index.get(&self.key).ok().flatten();
        if indexed.is_some_and(|indexed| indexed.covers(&entry)) {
            overlay.remove(&self.key);
        } else {
            overlay.insert(self.key.clone(), Slot::Accepted(entry));
        }
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "reservation of {:?}", self.key)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut overlay = self.ledger.overlay();
        if matches!(overlay.get(&self.key), Some(Slot::UnderWay(_))) {
            match self.known.take() {
                Some(known) => overlay.insert(self.key.clone(), Slot::Accepted(known)),
                None => overlay.remove(&self.key),
            };
        }
    }
}

impl Ledger {
    /// A ledger over an index.
    pub(crate) fn new(index: Index) -> Self {
        Self {
            index,
            overlay: Mutex::default(),
            erasing: Mutex::default(),
            taking: Mutex::default(),
            taken: watch::channel(()).0,
        }
    }

    /// Asks for a report, and reserves it where nothing is known of it.
    pub(crate) fn ask(self: &Arc<Self>, key: &ReportKey) -> Result<Known, IndexError> {
        let mut overlay = self.overlay();
        match overlay.get(key) {
            Some(Slot::UnderWay(receiver)) => return Ok(Known::UnderWay(receiver.clone())),
            Some(Slot::Accepted(entry)) => return Ok(Known::Accepted(entry.clone())),
            None => {}
        }
        if let Some(entry) = self.index.get(key)? {
            return Ok(Known::Accepted(entry));
        }
        Ok(Known::New(self.reserve(&mut overlay, key, None)))
    }

    /// Reserves a report that was accepted, for another record of it: one whose
    /// smaller body is the one that counts.
    pub(crate) fn replace(self: &Arc<Self>, key: &ReportKey, known: Entry) -> Reservation {
        self.reserve(&mut self.overlay(), key, Some(known))
    }

    fn reserve(
        self: &Arc<Self>,
        overlay: &mut HashMap<ReportKey, Slot>,
        key: &ReportKey,
        known: Option<Entry>,
    ) -> Reservation {
        let (sender, receiver) = watch::channel(());
        overlay.insert(key.clone(), Slot::UnderWay(receiver));
        Reservation {
            ledger: Arc::clone(self),
            key: key.clone(),
            known,
            _decided: sender,
        }
    }

    /// Whether a report of any partner has this id.
    pub(crate) fn has_arrived(&self, id: ReportId) -> Result<bool, IndexError> {
        let overlay = self.overlay();
        let appended = overlay
            .iter()
            .any(|(key, slot)| key.report == id && matches!(slot, Slot::Accepted(_)));
        Ok(appended || self.index.has_report(id)?)
    }

    /// Whether a report was accepted.
    pub(crate) fn is_accepted(&self, key: &ReportKey) -> Result<bool, IndexError> {
        let appended = matches!(self.overlay().get(key), Some(Slot::Accepted(_)));
        Ok(appended || self.index.get(key)?.is_some())
    }

    /// Takes nothing new of a report from now on.
    pub(crate) fn begin_erasure(&self, key: &ReportKey, scope: Scope) {
        let mut erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = erasing.entry(key.clone()).or_insert(scope);
        *known = scope.max(*known);
    }

    /// Takes back that a report is being erased: the log does not say so.
    pub(crate) fn end_erasure(&self, key: &ReportKey) {
        let mut erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        erasing.remove(key);
    }

    /// How much of a report is erased, or to be.
    pub(crate) fn erased(&self, key: &ReportKey) -> Result<Option<Scope>, IndexError> {
        let erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = erasing.get(key).copied();
        drop(erasing);
        Ok(begun.max(self.erasure(key)?.map(|known| known.scope)))
    }

    /// The erasure of a report, as the log has it.
    pub(crate) fn erasure(&self, key: &ReportKey) -> Result<Option<Erasure>, IndexError> {
        self.index.erasure(key)
    }

    /// Every erasure that the log has.
    pub(crate) fn erasures(&self) -> Result<Vec<(ReportKey, Erasure)>, IndexError> {
        self.index.erasures()
    }

    /// Notes that the log holds nothing of a report any more, as far as an erasure goes.
    pub(crate) fn note_erased(&self, key: &ReportKey, done: &Erasure) -> Result<(), IndexError> {
        let _taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        match self.index.erasure(key)? {
            Some(known) if known.scope == done.scope => {
                // From here on the index says so.
                self.end_erasure(key);
                let done = Erasure {
                    done: true,
                    ..known
                };
                self.index.put_erasure(key, &done)
            }
            _ => Ok(()),
        }
    }

    /// What is known of a report or a ruling that was accepted.
    pub(crate) fn entry(&self, key: &ReportKey) -> Result<Option<Entry>, IndexError> {
        if let Some(Slot::Accepted(entry)) = self.overlay().get(key) {
            return Ok(Some(entry.clone()));
        }
        self.index.get(key)
    }

    /// Where a report stands, or its tombstone: all of its recordings.
    pub(crate) fn recordings(&self, key: &ReportKey) -> Result<BTreeSet<(u32, u64)>, IndexError> {
        let mut recordings = self.index.stones(key)?;
        if let Some(entry) = self.index.get(key)? {
            recordings.extend(entry.positions);
            recordings.extend(entry.others);
        }
        Ok(recordings)
    }

    /// Closes when the appends of a report that are under way are decided; `None` where
    /// there are none.
    pub(crate) fn under_way(&self, key: &ReportKey) -> Option<watch::Receiver<()>> {
        match self.overlay().get(key) {
            Some(Slot::UnderWay(decided)) => Some(decided.clone()),
            Some(Slot::Accepted(_)) | None => None,
        }
    }

    /// The last sequence of a partition that is in the index.
    pub(crate) fn indexed(&self, partition: PartitionId) -> Result<Checkpoint, IndexError> {
        self.index.checkpoint(partition)
    }

    /// Takes records of one partition into the index, in their order.
    pub(crate) fn take_in(
        &self,
        partition: PartitionId,
        records: &[Record],
    ) -> Result<(), IndexError> {
        let Some(last) = records.last() else {
            return Ok(());
        };
        let taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut checkpoint = self.index.checkpoint(partition)?;
        let mut taken = TakenIn::default();
        for record in records {
            let stated = stands_as_stated(record, checkpoint.known_at);
            checkpoint.live |= !stated;
            checkpoint.known_at = Some(record.position.known_at);
            if let Some((key, erasure)) = read_erasure(record) {
                match taken.erasures.get_mut(&key) {
                    Some(known) => known.merge(&erasure),
                    None => {
                        let mut known = self.index.erasure(&key)?.unwrap_or(erasure.clone());
                        known.merge(&erasure);
                        taken.erasures.insert(key, known);
                    }
                }
                continue;
            }
            if let Some(stone) = Tombstone::read(&record.body) {
                taken.stones.push((stone.key, record.position.sequence.0));
            }
            let Some((key, entry)) = read(record) else {
                continue;
            };
            match taken.entries.get_mut(&key) {
                Some(known) => known.merge(&entry),
                None => {
                    let mut known = self.index.get(&key)?.unwrap_or_else(|| entry.clone());
                    known.merge(&entry);
                    taken.entries.insert(key, known);
                }
            }
        }
        checkpoint.sequence = last.position.sequence;
        self.index.put(partition, checkpoint, &taken)?;
        drop(taking);
        let mut overlay = self.overlay();
        for (key, entry) in &taken.entries {
            let covered = match overlay.get(key) {
                Some(Slot::Accepted(appended)) => entry.covers(appended),
                Some(Slot::UnderWay(_)) | None => false,
            };
            if covered {
                overlay.remove(key);
            }
        }
        drop(overlay);
        self.taken.send_replace(());
        Ok(())
    }

    /// Whether the index holds a record, by its partition; `None` for what is no report.
    pub(crate) fn holds(&self, record: &Record) -> Result<Option<bool>, IndexError> {
        let Some((key, entry)) = read(record) else {
            return Ok(None);
        };
        let indexed = self.index.get(&key)?;
        Ok(Some(
            indexed.is_some_and(|indexed| indexed.covers_positions(&entry)),
        ))
    }

    /// Reads and checks every value of the index; gives their number. Blocks, and holds
    /// writes back.
    pub(crate) fn verify(&self) -> Result<u64, IndexError> {
        self.index.verify()
    }

    /// Waits until a sequence of a partition is in the index, or that fails.
    pub(crate) async fn taken_in(&self, partition: PartitionId, sequence: Sequence) {
        let mut taken = self.taken.subscribe();
        while self
            .indexed(partition)
            .is_ok_and(|checkpoint| checkpoint.sequence < sequence)
        {
            if taken.changed().await.is_err() {
                return;
            }
        }
    }

    /// Makes the index durable. Blocks.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        self.index.sync()
    }

    /// Makes the index durable and lets go of its files. Blocks.
    pub(crate) fn close(&self) -> Result<(), IndexError> {
        self.index.close()
    }

    fn overlay(&self) -> MutexGuard<'_, HashMap<ReportKey, Slot>> {
        // Nothing panics while it is held; what is in it is whole in any case.
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the index is in a partition, as ingest's store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// The last sequence taken in.
    pub sequence: Sequence,
    /// Its knowledge time.
    pub known_at: Option<Timestamp>,
    /// Whether any record up to here was recorded when it came.
    pub live: bool,
}

/// Whether a record stands at the time that its stamp states, or that the
/// partition had reached by then.
pub(crate) fn stands_as_stated(record: &Record, known_before: Option<Timestamp>) -> bool {
    let body = log::v1::RecordBody::decode(record.body.clone()).unwrap_or_default();
    crate::stamp::stated(&body).is_some_and(|stated| {
        let at = known_before.map_or(stated, |known| known.max(stated));
        record.position.recorded_at == at
    })
}

/// The key and entry of a recorded report or ruling; `None` for every other record.
fn read(record: &Record) -> Option<(ReportKey, Entry)> {
    let body = log::v1::RecordBody::decode(record.body.clone()).ok()?;
    let position = record.position;
    let (key, mut entry) = entry_of(&body, Digest::of(&record.body))?;
    entry.positions = [(position.partition.0, position.sequence.0)].into();
    Some((key, entry))
}

/// The key and erasure of a record that says so; `None` for every other record.
fn read_erasure(record: &Record) -> Option<(ReportKey, Erasure)> {
    let Ok(Body::Erasure(key, scope)) = decode_body(&record.body) else {
        return None;
    };
    let at = record.position;
    let erasure = Erasure {
        scope,
        positions: [(at.partition.0, at.sequence.0)].into(),
        done: false,
    };
    Some((key, erasure))
}

/// The key and entry, without positions, of a body that holds a report or a ruling: their
/// ids are of one kind.
pub(crate) fn entry_of(body: &log::v1::RecordBody, digest: Digest) -> Option<(ReportKey, Entry)> {
    let (id, submitted, time_inconsistent) = match &body.content {
        Some(Content::Report(recorded)) => (
            &recorded.report.as_ref()?.report_id,
            &recorded.submitted_digest,
            recorded.time_inconsistent,
        ),
        Some(Content::Adjudication(record)) => {
            let ruled = record.adjudication.as_ref()?;
            (&ruled.adjudication_id, &record.submitted_digest, false)
        }
        _ => return None,
    };
    let stamp = body.stamp.as_ref()?;
    let key = ReportKey {
        partner: PartnerId::new(&stamp.partner_id).ok()?,
        report: ReportId::parse(id)?,
    };
    let entry = Entry {
        submitted: Digest(submitted.as_slice().try_into().ok()?),
        body: digest,
        first_recorded_at: inward::timestamp(stamp.first_recorded_at.as_ref()?).ok()?,
        time_inconsistent,
        positions: BTreeMap::new(),
        others: BTreeSet::new(),
    };
    Some((key, entry))
}
