//! Floods: places of which unproven sources say more than anybody who is there
//! could see. Answers hardly move by it; operators should know of it.
//!
//! ```text
//! family   key                    value
//! flood    partition u32, place   claims f64, known_at i64
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ascertain_domain::id::PlaceId;
use ascertain_domain::time::{DAY_US, Timestamp};
use ascertain_log::PartitionId;
use ascertain_proto::{outward, v1};
use ascertain_store::{Batch, Family, Store};

use crate::error::ReconcileError;

/// From so many claims of full weight on, within about two days, it is a flood.
const FLOOD_CLAIMS: f64 = 8.0;
/// Claims are forgotten with this scale, in days, as they are in the fold.
const FADING_DAYS: f64 = 2.0;

/// How a place was flooded when it was last reported on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Flood {
    claims: f64,
    known_at: Timestamp,
}

impl Flood {
    /// The claims as they have faded by a time.
    #[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years lose nothing that counts
    fn at(&self, time: Timestamp) -> f64 {
        let age = time.micros().saturating_sub(self.known_at.micros()).max(0);
        self.claims * (-(age as f64) / (DAY_US as f64 * FADING_DAYS)).exp()
    }
}

/// The flooded places of all partitions.
#[derive(Debug, Default)]
pub(crate) struct Flooded(Mutex<BTreeMap<PlaceId, Flood>>);

impl Flooded {
    /// How many places are in flood at a time, and where it is worst.
    pub(crate) fn status(&self, time: Option<Timestamp>) -> v1::Floods {
        let time = time.unwrap_or(Timestamp::MIN);
        let floods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = floods
            .iter()
            .map(|(place, flood)| (place, flood, flood.at(time)));
        let now: Vec<_> = now.filter(|(.., claims)| *claims >= FLOOD_CLAIMS).collect();
        // Of equals the first by id.
        let worst = now.iter().rev().max_by(|(.., a), (.., b)| a.total_cmp(b));
        v1::Floods {
            places: u32::try_from(now.len()).unwrap_or(u32::MAX),
            worst_place_id: worst
                .map(|(place, ..)| place.to_string())
                .unwrap_or_default(),
            worst_claims: worst.map_or(0.0, |(.., claims)| *claims),
            worst_known_at: worst.map(|(_, flood, _)| outward::timestamp(flood.known_at)),
        }
    }
}

/// Watches the places of one partition.
pub(crate) struct Floods {
    partition: PartitionId,
    kept: Family,
    flooded: Arc<Flooded>,
    /// Places whose flood began, changed or ended since the last settlement.
    changed: BTreeMap<PlaceId, Option<Flood>>,
    /// The day on which each place was last warned of.
    warned: BTreeMap<PlaceId, i64>,
}

impl Floods {
    /// Goes on with what the store holds.
    pub(crate) fn open(
        store: &Store,
        partition: PartitionId,
        flooded: Arc<Flooded>,
    ) -> Result<Self, ReconcileError> {
        let kept = store.family("flood");
        for item in kept.scan_prefix(partition.0.to_be_bytes()) {
            let (key, value) = item?;
            if let Some((place, flood)) = read(&key, &value) {
                let mut floods = flooded.0.lock().unwrap_or_else(PoisonError::into_inner);
                floods.insert(place, flood);
            }
        }
        Ok(Self {
            partition,
            kept,
            flooded,
            changed: BTreeMap::new(),
            warned: BTreeMap::new(),
        })
    }

    /// Notes how many claims unproven sources made of a place when a report came.
    pub(crate) fn note(&mut self, place: &PlaceId, claims: f64, known_at: Timestamp) {
        let flood = (claims >= FLOOD_CLAIMS).then_some(Flood { claims, known_at });
        {
            let mut floods = self
                .flooded
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let before = match flood {
                Some(flood) => floods.insert(place.clone(), flood),
                None => floods.remove(place),
            };
            if before.is_none() && flood.is_none() {
                return;
            }
        }
        self.changed.insert(place.clone(), flood);
        let day = known_at.micros().div_euclid(DAY_US);
        if flood.is_some() && self.warned.insert(place.clone(), day) != Some(day) {
            tracing::warn!(%place, claims, %known_at, "unproven sources flood a place");
        }
    }

    /// Writes what changed into a batch.
    pub(crate) fn settle(&mut self, batch: &mut Batch) {
        for (place, flood) in std::mem::take(&mut self.changed) {
            let mut key = self.partition.0.to_be_bytes().to_vec();
            key.extend(place.as_str().as_bytes());
            match flood {
                Some(Flood { claims, known_at }) => {
                    let mut value = claims.to_be_bytes().to_vec();
                    value.extend(known_at.micros().to_be_bytes());
                    batch.put(&self.kept, key, value);
                }
                None => batch.delete(&self.kept, key),
            }
        }
    }
}

fn read(key: &[u8], value: &[u8]) -> Option<(PlaceId, Flood)> {
    let place = std::str::from_utf8(key.get(4..)?).ok()?;
    let (claims, known_at) = value.split_at_checked(8)?;
    let known_at = i64::from_be_bytes(known_at.try_into().ok()?);
    let flood = Flood {
        claims: f64::from_be_bytes(claims.try_into().ok()?),
        known_at: Timestamp::from_micros(known_at).ok()?,
    };
    Some((PlaceId::new(place).ok()?, flood))
}
