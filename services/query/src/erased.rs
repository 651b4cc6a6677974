//! Which reports were erased whole: that there was one, and the answers that rested on it.
//!
//! ```text
//! family   key                                          value
//! era      place, 0, erased at u64, sequence u64        known since u64
//! tomb     partner, 0, uuid                             nothing
//! by       partition u32, sequence u64                  which report an erasure erased whole:
//!                                                       partner, 0, id as text
//! ```
//!
//! Times are knowledge times with their sign bit flipped, big-endian, so that they sort.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{PartnerId, PlaceId, ReportId, ReportKey};
use ascertain_domain::time::Timestamp;
use ascertain_log::{PartitionId, Position};
use ascertain_replica::ErasedReport;
use ascertain_store::{Batch, Family, Store};

use crate::error::QueryError;
use crate::listing::id_prefix;
use crate::states::sortable;

/// Tombstones. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tombstones {
    places: Family,
    reports: Family,
    by: Family,
    /// When something was erased last, microseconds: most questions are of later.
    last: Arc<AtomicI64>,
}

impl Tombstones {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            places: store.family("era"),
            reports: store.family("tomb"),
            by: store.family("by"),
            // Until it is known that nothing was, everything is looked up.
            last: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    /// Looks up when something was erased last.
    pub(crate) fn begin(&self) -> Result<(), QueryError> {
        let mut last = i64::MIN;
        for item in self.places.scan_prefix([]) {
            let (key, _) = item?;
            let at = key.len().checked_sub(16).and_then(|at| key.get(at..at + 8));
            let at = at.and_then(|at| at.try_into().ok()).map(u64::from_be_bytes);
            last = last.max(at.map_or(i64::MAX, |at| (at ^ (1 << 63)).cast_signed()));
        }
        self.last.store(last, Ordering::Release);
        Ok(())
    }

    /// Notes an erasure.
    pub(crate) fn note(
        &self,
        position: &Position,
        (key, scope): (&ReportKey, Scope),
        gone: &ErasedReport,
        batch: &mut Batch,
    ) {
        if scope == Scope::Report {
            batch.put(&self.reports, id_prefix(key), Vec::new());
            let name = format!("{}\0{}", key.partner, key.report);
            let at = by_key(position.partition, position.sequence.0);
            batch.put(&self.by, at, name.into_bytes());
        }
        let Some(since) = gone.recordings.iter().map(|(_, known)| *known).min() else {
            return;
        };
        for place in &gone.named {
            let mut key = place.as_str().as_bytes().to_vec();
            key.push(0);
            key.extend(sortable(position.known_at).to_be_bytes());
            key.extend(position.sequence.0.to_be_bytes());
            batch.put(&self.places, key, sortable(since).to_be_bytes());
        }
        let at = position.known_at.micros();
        self.last.fetch_max(at, Ordering::AcqRel);
    }

    /// Whether a report was erased whole.
    pub(crate) fn has(&self, key: &ReportKey) -> Result<bool, QueryError> {
        Ok(self.reports.contains(id_prefix(key))?)
    }

    /// Which report a record erased whole; `None` where it is no such record.
    pub(crate) fn erased_by(
        &self,
        partition: PartitionId,
        sequence: u64,
    ) -> Result<Option<ReportKey>, QueryError> {
        let Some(value) = self.by.get(by_key(partition, sequence))? else {
            return Ok(None);
        };
        let key = || {
            let (partner, report) = std::str::from_utf8(&value).ok()?.split_once('\0')?;
            Some(ReportKey {
                partner: PartnerId::new(partner).ok()?,
                report: ReportId::parse(report)?,
            })
        };
        let unreadable = QueryError::Unreadable("which report was erased");
        key().map(Some).ok_or(unreadable)
    }

    /// How many reports on places were known at a time and have been erased since.
    pub(crate) fn since(&self, places: &[PlaceId], known_at: Timestamp) -> Result<u32, QueryError> {
        if known_at.micros() >= self.last.load(Ordering::Acquire) {
            return Ok(0);
        }
        let mut erased = BTreeSet::new();
        for place in places {
            let mut low = place.as_str().as_bytes().to_vec();
            low.push(0);
            let mut high = low.clone();
            low.extend((sortable(known_at) + 1).to_be_bytes());
            high.extend([0xff; 16]);
            for item in self.places.scan(low..=high) {
                let (key, since) = item?;
                let since = since.try_into().map_or(u64::MAX, u64::from_be_bytes);
                if since <= sortable(known_at) {
                    erased.insert(key.get(place.as_str().len() + 1..).map(<[u8]>::to_vec));
                }
            }
        }
        Ok(u32::try_from(erased.len()).unwrap_or(u32::MAX))
    }
}

fn by_key(partition: PartitionId, sequence: u64) -> Vec<u8> {
    let mut key = partition.0.to_be_bytes().to_vec();
    key.extend(sequence.to_be_bytes());
    key
}
