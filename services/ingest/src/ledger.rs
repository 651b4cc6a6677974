//! Which reports were accepted. The log says so; the ledger is an index over it,
//! with what is appended but not yet indexed, and what is under way, on top.

mod index;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ascertain_domain::id::{Digest, PartnerId, ReportId, ReportKey};
use ascertain_domain::time::Timestamp;
use ascertain_log::{Incarnation, PartitionId, Record, Sequence, watch};
use ascertain_proto::token::WriteToken;
use ascertain_proto::{inward, log};
use log::v1::record_body::Content;
use prost::Message as _;

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
        for (&partition, &sequence) in &other.positions {
            self.positions.entry(partition).or_insert(sequence);
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
        let mut entries: BTreeMap<ReportKey, Entry> = BTreeMap::new();
        for record in records {
            let stated = stands_as_stated(record, checkpoint.known_at);
            checkpoint.live |= !stated;
            checkpoint.known_at = Some(record.position.known_at);
            let Some((key, entry)) = read(record) else {
                continue;
            };
            match entries.get_mut(&key) {
                Some(known) => known.merge(&entry),
                None => {
                    let mut known = self.index.get(&key)?.unwrap_or_else(|| entry.clone());
                    known.merge(&entry);
                    entries.insert(key, known);
                }
            }
        }
        checkpoint.sequence = last.position.sequence;
        self.index.put(partition, checkpoint, &entries)?;
        drop(taking);
        let mut overlay = self.overlay();
        for (key, entry) in &entries {
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

/// The key and entry of a recorded report; `None` for every other record.
fn read(record: &Record) -> Option<(ReportKey, Entry)> {
    let body = log::v1::RecordBody::decode(record.body.clone()).ok()?;
    let position = record.position;
    let (key, mut entry) = entry_of(&body, Digest::of(&record.body))?;
    entry.positions = [(position.partition.0, position.sequence.0)].into();
    Some((key, entry))
}

/// The key and entry, without positions, of a body that holds a report.
pub(crate) fn entry_of(body: &log::v1::RecordBody, digest: Digest) -> Option<(ReportKey, Entry)> {
    let Some(Content::Report(recorded)) = &body.content else {
        return None;
    };
    let stamp = body.stamp.as_ref()?;
    let key = ReportKey {
        partner: PartnerId::new(&stamp.partner_id).ok()?,
        report: ReportId::parse(&recorded.report.as_ref()?.report_id)?,
    };
    let entry = Entry {
        submitted: Digest(recorded.submitted_digest.as_slice().try_into().ok()?),
        body: digest,
        first_recorded_at: inward::timestamp(stamp.first_recorded_at.as_ref()?).ok()?,
        time_inconsistent: recorded.time_inconsistent,
        positions: BTreeMap::new(),
    };
    Some((key, entry))
}
