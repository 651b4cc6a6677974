//! Which places and states a watch is about.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::View;
use ascertain_domain::state::ControlState;
use ascertain_domain::time::Timestamp;
use ascertain_log::PartitionId;
use ascertain_proto::v1::WatchControlStatesRequest;

use crate::answer::find;
use crate::error::QueryError;
use crate::filter::{Led, at_most};
use crate::follow::Replica;
use crate::read::{audience, time};
use crate::states::Changes;

const MAX_PLACES: usize = 1_000;
const MAX_AREAS: usize = 100;

/// What a watch is about.
pub(crate) struct Selection {
    places: BTreeSet<PlaceId>,
    areas: Vec<PlaceId>,
    led: Led,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) audience: Audience,
}

impl Selection {
    /// Reads a request; places and areas must be registered, sides well formed.
    pub(crate) fn from_wire(
        request: &WatchControlStatesRequest,
        registry: View<'_>,
    ) -> Result<Self, QueryError> {
        at_most("places", request.places.len(), MAX_PLACES)?;
        at_most(
            "within_place_ids",
            request.within_place_ids.len(),
            MAX_AREAS,
        )?;
        let found = |field: &str, places: &[String]| {
            let places = places.iter().enumerate();
            let found = places.map(|(i, place)| {
                let place = find(&format!("{field}[{i}]"), place, registry)?;
                Ok(place.id.clone())
            });
            found.collect::<Result<Vec<_>, QueryError>>()
        };
        let led = Led::from_wire((&request.sides, &request.statuses), registry)?;
        Ok(Self {
            places: found("places", &request.places)?.into_iter().collect(),
            areas: found("within_place_ids", &request.within_place_ids)?,
            led,
            as_of: time("as_of", request.as_of.as_ref())?,
            audience: audience("audience", request.audience)?,
        })
    }

    /// Whether a place is watched, by a registry.
    pub(crate) fn watches(&self, place: &PlaceId, registry: View<'_>) -> bool {
        let all = self.places.is_empty() && self.areas.is_empty();
        registry.place(place).is_some()
            && (all
                || self.places.contains(place)
                || self.areas.iter().any(|a| registry.is_within(place, a)))
    }

    /// Whether a state is among those that were asked for.
    pub(crate) fn matches(&self, state: &ControlState) -> bool {
        self.led.matches(state)
    }

    /// The places of a partition that are watched by the second registry and were not
    /// by the first, and the other way round.
    pub(crate) fn moved(
        &self,
        partition: PartitionId,
        (before, now): (View<'_>, View<'_>),
        replica: &Replica,
    ) -> (BTreeMap<PlaceId, Changes>, Vec<PlaceId>) {
        let once = Changes { all: 1, errata: 0 };
        let (mut placed, mut gone) = (BTreeMap::new(), Vec::new());
        if before.sequence() == now.sequence() {
            return (placed, gone);
        }
        let partitions = replica.place_partitions();
        for place in now.places() {
            if PartitionId::of_home_area(&place.home_area, partitions) != partition {
                continue;
            }
            match (
                self.watches(&place.id, before),
                self.watches(&place.id, now),
            ) {
                (false, true) => drop(placed.insert(place.id.clone(), once)),
                (true, false) => gone.push(place.id.clone()),
                _ => {}
            }
        }
        (placed, gone)
    }
}
