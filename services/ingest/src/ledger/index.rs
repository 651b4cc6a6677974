//! The index on disk: accepted reports by id, and how far each partition is. What
//! cannot be trusted is thrown away and read from the log again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{Digest, PartnerId, ReportId, ReportKey};
use ascertain_domain::time::Timestamp;
use ascertain_log::{Incarnation, PartitionId, Sequence};
use ascertain_proto::store::v1::{LedgerCheckpoint, LedgerEntry, LedgerErasure, WritePosition};
use ascertain_proto::v1;
use ascertain_store::{Batch, Family, Store, StoreError};
use prost::Message as _;

use super::{Checkpoint, Entry, Erasure};

/// The key of the log's incarnation among the checkpoints.
const INCARNATION: &[u8] = b"incarnation";
/// Keys deleted in one commit.
const DELETED_AT_ONCE: usize = 10_000;

/// The index cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// The store fails.
    #[error("the index of accepted reports fails")]
    Store(#[from] StoreError),
    /// A stored form is not what was written.
    #[error("an entry of the index of accepted reports cannot be read")]
    Form,
}

impl IndexError {
    /// Whether the same may succeed once there is space.
    pub(crate) fn is_no_space(&self) -> bool {
        matches!(self, Self::Store(StoreError::NoSpace { .. }))
    }
}

/// What records of one partition say.
#[derive(Debug, Default)]
pub(crate) struct TakenIn {
    pub entries: BTreeMap<ReportKey, Entry>,
    pub erasures: BTreeMap<ReportKey, Erasure>,
    /// Tombstones, with their sequences.
    pub stones: Vec<(ReportKey, u64)>,
}

/// Accepted reports by id.
pub(crate) struct Index {
    /// Gone once it is closed.
    store: RwLock<Option<Store>>,
    reports: Family,
    checkpoints: Family,
    erasures: Family,
    /// Where tombstones stand, by the id of their report.
    stones: Family,
}

impl Index {
    /// The index of a log. One of another log is emptied.
    pub(crate) fn open(store: Store, incarnation: Incarnation) -> Result<Self, IndexError> {
        let index = Self {
            reports: store.family("r"),
            checkpoints: store.family("c"),
            erasures: store.family("e"),
            stones: store.family("t"),
            store: RwLock::new(Some(store)),
        };
        let known = index.checkpoints.get(INCARNATION)?;
        if known.as_deref() != Some(&incarnation.0) {
            index.clear()?;
            let mut batch = Batch::new();
            batch.put(&index.checkpoints, INCARNATION, incarnation.0);
            index.commit(batch)?;
        }
        Ok(index)
    }

    /// Throws everything away but the incarnation.
    pub(crate) fn clear(&self) -> Result<(), IndexError> {
        // First the checkpoints: a crash in between leaves entries that come again.
        for family in [
            &self.checkpoints,
            &self.reports,
            &self.erasures,
            &self.stones,
        ] {
            let mut batch = Batch::new();
            for item in family.scan_prefix([]) {
                let (key, _) = item?;
                if key != INCARNATION {
                    batch.delete(family, key);
                }
                if batch.len() >= DELETED_AT_ONCE {
                    self.commit(std::mem::take(&mut batch))?;
                }
            }
            self.commit(batch)?;
        }
        Ok(())
    }

    /// What is known of a report.
    pub(crate) fn get(&self, key: &ReportKey) -> Result<Option<Entry>, IndexError> {
        self.reports
            .get(stored_key(key))?
            .map(|bytes| Entry::from_bytes(&bytes).ok_or(IndexError::Form))
            .transpose()
    }

    /// The erasure of a report.
    pub(crate) fn erasure(&self, key: &ReportKey) -> Result<Option<Erasure>, IndexError> {
        self.erasures
            .get(stored_key(key))?
            .map(|bytes| Erasure::from_bytes(&bytes).ok_or(IndexError::Form))
            .transpose()
    }

    /// Where the tombstones of a report stand.
    pub(crate) fn stones(&self, key: &ReportKey) -> Result<BTreeSet<(u32, u64)>, IndexError> {
        let stones = self.stones.scan_prefix(stone_prefix(key)).map(|item| {
            let (key, _) = item?;
            let (rest, sequence) = key.split_last_chunk::<8>().ok_or(IndexError::Form)?;
            let (_, partition) = rest.split_last_chunk::<4>().ok_or(IndexError::Form)?;
            Ok((
                u32::from_be_bytes(*partition),
                u64::from_be_bytes(*sequence),
            ))
        });
        stones.collect()
    }

    /// Every erasure, in the order of ids.
    pub(crate) fn erasures(&self) -> Result<Vec<(ReportKey, Erasure)>, IndexError> {
        let erasures = self.erasures.scan_prefix([]).map(|item| {
            let (key, bytes) = item?;
            let erasure = Erasure::from_bytes(&bytes);
            key_of(&key).zip(erasure).ok_or(IndexError::Form)
        });
        erasures.collect()
    }

    /// Writes an erasure.
    pub(crate) fn put_erasure(&self, key: &ReportKey, erasure: &Erasure) -> Result<(), IndexError> {
        let mut batch = Batch::new();
        batch.put(&self.erasures, stored_key(key), erasure.to_bytes());
        self.commit(batch)
    }

    /// Whether any partner's report has this id.
    pub(crate) fn has_report(&self, id: ReportId) -> Result<bool, IndexError> {
        Ok(self
            .reports
            .scan_prefix(id.0.as_bytes())
            .next()
            .transpose()?
            .is_some())
    }

    /// How far a partition is.
    pub(crate) fn checkpoint(&self, partition: PartitionId) -> Result<Checkpoint, IndexError> {
        let Some(bytes) = self.checkpoints.get(partition.0.to_be_bytes())? else {
            return Ok(Checkpoint::default());
        };
        Checkpoint::from_bytes(&bytes).ok_or(IndexError::Form)
    }

    /// Writes entries and how far they bring the partition, together.
    pub(crate) fn put(
        &self,
        partition: PartitionId,
        checkpoint: Checkpoint,
        TakenIn {
            entries,
            erasures,
            stones,
        }: &TakenIn,
    ) -> Result<(), IndexError> {
        let mut batch = Batch::new();
        for (key, sequence) in stones {
            let at = [
                partition.0.to_be_bytes().as_slice(),
                &sequence.to_be_bytes(),
            ]
            .concat();
            batch.put(&self.stones, [stone_prefix(key), at].concat(), []);
        }
        for (key, erasure) in erasures {
            batch.put(&self.erasures, stored_key(key), erasure.to_bytes());
        }
        for (key, entry) in entries {
            batch.put(&self.reports, stored_key(key), entry.to_bytes());
        }
        batch.put(
            &self.checkpoints,
            partition.0.to_be_bytes(),
            checkpoint.to_bytes(),
        );
        self.commit(batch)
    }

    /// Reads and checks every value; gives their number.
    pub(crate) fn verify(&self) -> Result<u64, IndexError> {
        self.with_store(Store::verify)
    }

    /// Makes everything so far durable, so that a start has less to read.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        self.with_store(Store::sync)
    }

    /// Syncs and lets go of the files: what is asked later fails.
    pub(crate) fn close(&self) -> Result<(), IndexError> {
        let store = self
            .store
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Ok(store.map_or(Ok(()), Store::close)?)
    }

    fn commit(&self, batch: Batch) -> Result<(), IndexError> {
        self.with_store(|store| store.commit(batch))
    }

    fn with_store<T>(
        &self,
        act: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, IndexError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        Ok(store.as_ref().map_or(Err(StoreError::Closed), act)?)
    }
}

fn stored_key(key: &ReportKey) -> Vec<u8> {
    [key.report.0.as_bytes(), key.partner.as_str().as_bytes()].concat()
}

/// Ends with a zero, which no partner's id holds.
fn stone_prefix(key: &ReportKey) -> Vec<u8> {
    [stored_key(key), vec![0]].concat()
}

fn key_of(stored: &[u8]) -> Option<ReportKey> {
    let (id, partner) = stored.split_first_chunk::<16>()?;
    Some(ReportKey {
        partner: PartnerId::new(std::str::from_utf8(partner).ok()?).ok()?,
        report: ReportId(uuid::Uuid::from_bytes(*id)),
    })
}

fn to_wire(positions: impl IntoIterator<Item = (u32, u64)>) -> Vec<WritePosition> {
    let positions = positions.into_iter();
    positions
        .map(|(partition, sequence)| WritePosition {
            partition,
            sequence,
        })
        .collect()
}

fn from_wire<C: FromIterator<(u32, u64)>>(positions: Vec<WritePosition>) -> C {
    let positions = positions.into_iter();
    positions.map(|p| (p.partition, p.sequence)).collect()
}

impl Erasure {
    /// The erasure as it is stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let scope = match self.scope {
            Scope::Content => v1::ErasureScope::Content,
            Scope::Report => v1::ErasureScope::Report,
        };
        let wire = LedgerErasure {
            scope: scope.into(),
            positions: to_wire(self.positions.clone()),
            done: self.done,
        };
        wire.encode_to_vec()
    }

    /// A stored erasure; `None` for bytes that are none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire = LedgerErasure::decode(bytes).ok()?;
        let scope = match v1::ErasureScope::try_from(wire.scope).ok()? {
            v1::ErasureScope::Content => Scope::Content,
            v1::ErasureScope::Report => Scope::Report,
            v1::ErasureScope::Unspecified => return None,
        };
        Some(Self {
            scope,
            positions: from_wire(wire.positions),
            done: wire.done,
        })
    }
}

impl Entry {
    /// The entry as it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let wire = LedgerEntry {
            submitted_digest: self.submitted.0.to_vec(),
            body_digest: self.body.0.to_vec(),
            first_recorded_at_us: self.first_recorded_at.micros(),
            time_inconsistent: self.time_inconsistent,
            positions: to_wire(self.positions.clone()),
            others: to_wire(self.others.iter().copied()),
        };
        wire.encode_to_vec()
    }

    /// A stored entry; `None` for bytes that are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire = LedgerEntry::decode(bytes).ok()?;
        let digest = |bytes: Vec<u8>| bytes.try_into().ok().map(Digest);
        Some(Self {
            submitted: digest(wire.submitted_digest)?,
            body: digest(wire.body_digest)?,
            first_recorded_at: Timestamp::from_micros(wire.first_recorded_at_us).ok()?,
            time_inconsistent: wire.time_inconsistent,
            positions: from_wire(wire.positions),
            others: from_wire(wire.others),
        })
    }
}

impl Checkpoint {
    /// The checkpoint as it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let wire = LedgerCheckpoint {
            sequence: self.sequence.0,
            known_at_us: self.known_at.map(Timestamp::micros),
            live: self.live,
        };
        wire.encode_to_vec()
    }

    /// A stored checkpoint; `None` for bytes that are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire = LedgerCheckpoint::decode(bytes).ok()?;
        let known_at = wire.known_at_us.map(Timestamp::from_micros).transpose();
        Some(Self {
            sequence: Sequence(wire.sequence),
            known_at: known_at.ok()?,
            live: wire.live,
        })
    }
}
