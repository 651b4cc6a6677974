//! Rulings on places, in sled.
//!
//! ```text
//! family   key                               value
//! rule     place, 0, sequence u64            known_at i64, body
//! ```
//!
//! A place lies in one partition for ever, so that a sequence tells which came first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ascertain_domain::adjudication::{Adjudication, Ruling};
use ascertain_domain::id::{PartnerId, PlaceId, ReportId};
use ascertain_domain::time::Timestamp;
use ascertain_log::Record;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_store::{Batch, Family, Store};

use crate::ReplicaError;

/// Rulings by place. Cheap to clone.
#[derive(Clone)]
pub struct Adjudications(Family);

/// A ruling, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAdjudication {
    /// The ruling.
    pub adjudication: Adjudication,
    /// When it was known here.
    pub known_at: Timestamp,
    /// When it was known that it is taken back; `None`: it was not.
    pub revoked_at: Option<Timestamp>,
}

impl Adjudications {
    /// Those kept in a store.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self(store.family("rule"))
    }

    pub(crate) fn stage(&self, record: &Record, place: &PlaceId, batch: &mut Batch) {
        let mut key = prefix(place);
        key.extend(record.position.sequence.0.to_be_bytes());
        let known_at = record.position.known_at.micros().to_be_bytes();
        batch.put(&self.0, key, [&known_at, &*record.body].concat());
    }

    /// The rulings on a place that were known by a time, the one recorded last first, those
    /// taken back too.
    ///
    /// # Errors
    /// [`ReplicaError::Store`], [`ReplicaError::Unreadable`].
    pub fn of(
        &self,
        place: &PlaceId,
        known_by: Timestamp,
    ) -> Result<Vec<KnownAdjudication>, ReplicaError> {
        let unreadable = || ReplicaError::Unreadable("a ruling");
        let mut known: Vec<KnownAdjudication> = Vec::new();
        let mut revoked: BTreeMap<(PartnerId, ReportId), Timestamp> = BTreeMap::new();
        for item in self.0.scan_prefix(prefix(place)) {
            let (_, value) = item?;
            let (known_at, body) = value.split_first_chunk::<8>().ok_or_else(unreadable)?;
            let known_at = Timestamp::from_micros(i64::from_be_bytes(*known_at));
            let known_at = known_at.map_err(|_| unreadable())?;
            if known_at > known_by {
                break;
            }
            let Ok(Body::Adjudication(adjudication)) = decode_body(body) else {
                return Err(unreadable());
            };
            if let Ruling::Revoked(id) = adjudication.ruling {
                // A revocation may come before what it takes back.
                revoked
                    .entry((adjudication.partner, id))
                    .or_insert(known_at);
                continue;
            }
            known.push(KnownAdjudication {
                adjudication,
                known_at,
                revoked_at: None,
            });
        }
        // As nodes recorded them first, whichever way they came: the latest first.
        let order = |k: &KnownAdjudication| {
            let ruled = &k.adjudication;
            (ruled.first_recorded_at, ruled.partner.clone(), ruled.id)
        };
        known.sort_by_key(|k| Reverse(order(k)));
        let same = |a: &KnownAdjudication| (a.adjudication.partner.clone(), a.adjudication.id);
        known.dedup_by_key(|k| same(k));
        for known in &mut known {
            known.revoked_at = revoked.get(&same(known)).copied();
        }
        Ok(known)
    }

    /// The ruling that covers a valid time, as known at a knowledge time: the one known
    /// last.
    ///
    /// # Errors
    /// As for [`Adjudications::of`].
    pub fn in_force(
        &self,
        place: &PlaceId,
        as_of: Timestamp,
        known_by: Timestamp,
    ) -> Result<Option<KnownAdjudication>, ReplicaError> {
        let known = self.of(place, known_by)?.into_iter();
        let mut covering = known.filter(|known| known.adjudication.covers(as_of));
        Ok(covering.find(|known| known.revoked_at.is_none()))
    }
}

fn prefix(place: &PlaceId) -> Vec<u8> {
    let mut prefix = place.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix
}
