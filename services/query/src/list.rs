//! States page by page, and the states of an area summed up.

use ascertain_domain::id::PlaceId;
use ascertain_domain::state::ControlState;
use ascertain_engine::{AreaSummary, claimed};
use ascertain_proto::log::v1::StateEntry;
use ascertain_proto::v1::ClaimedPlace;
use ascertain_proto::{inward, outward};

use crate::answer::{Answer, family, find};
use crate::error::QueryError;
use crate::filter::Filter;
use crate::follow::Replica;
use crate::read::Asked;

/// So many places of the area are looked at for a page at the most: where few match, a page
/// is short.
const MOST_LOOKED_AT: usize = 5_000;
/// Of so many places the reports are read for a page of claims.
const MOST_CLAIMED: usize = 500;

/// A page of states.
pub(crate) struct Page {
    pub states: Vec<Answer<ControlState>>,
    /// The place after which the next page begins; `None`: this was the last.
    pub after: Option<PlaceId>,
}

impl Replica {
    /// The states of the places of an area that are kept, in the order of ids, after one
    /// of them. Which places lie in the area is as it was known at the times asked for.
    pub(crate) fn page(
        &self,
        (within, after): (&str, &str),
        filter: &Filter,
        asked: &Asked,
        size: usize,
    ) -> Result<Page, QueryError> {
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = match within {
            "" => None,
            within => Some(find("within_place_id", within, latest)?),
        };
        let mut states = Vec::new();
        let (mut looked_at, mut last) = (0, None);
        for place in latest.places().filter(|p| p.id.as_str() > after) {
            let resolved = match self.resolve(place, (&seen, &registry), asked) {
                Ok(resolved) => resolved,
                // Not registered yet at the knowledge time asked for.
                Err(QueryError::PlaceUnknown(_)) => continue,
                Err(error) => return Err(error),
            };
            let is_within = |area: &PlaceId| resolved.registry.is_within(&place.id, area);
            if area.as_ref().is_some_and(|area| !is_within(&area.id)) {
                continue;
            }
            if states.len() == size || looked_at == MOST_LOOKED_AT {
                return Ok(Page {
                    states,
                    after: last,
                });
            }
            last = Some(place.id.clone());
            looked_at += 1;
            if filter.with_evidence_only || filter.changed_since.is_some() {
                let Some(entry) = self.entry(&resolved)? else {
                    continue;
                };
                if filter.with_evidence_only && !has_evidence(&entry) {
                    continue;
                }
                let published = entry.state.and_then(|state| state.as_known_at);
                let published = published.and_then(|time| inward::timestamp(&time).ok());
                if filter.changed_since.is_some() && published <= filter.changed_since {
                    continue;
                }
            }
            let state = self.evaluate(&resolved, asked)?;
            if filter.matches(&state.found) {
                states.push(state);
            }
        }
        Ok(Page {
            states,
            after: None,
        })
    }

    /// What the sides say of the places of an area, beside what is believed: as
    /// [`Replica::page`], without places of which they say nothing.
    pub(crate) fn claimed(
        &self,
        (within, after): (&str, &str),
        asked: &Asked,
        size: usize,
    ) -> Result<(Vec<ClaimedPlace>, Option<PlaceId>), QueryError> {
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = match within {
            "" => None,
            within => Some(find("within_place_id", within, latest)?),
        };
        let mut places = Vec::new();
        let (mut looked_at, mut last) = (0, None);
        for place in latest.places().filter(|p| p.id.as_str() > after) {
            let resolved = match self.resolve(place, (&seen, &registry), asked) {
                Ok(resolved) => resolved,
                Err(QueryError::PlaceUnknown(_)) => continue,
                Err(error) => return Err(error),
            };
            let is_within = |area: &PlaceId| resolved.registry.is_within(&place.id, area);
            if area.as_ref().is_some_and(|area| !is_within(&area.id)) {
                continue;
            }
            if places.len() == size || looked_at == MOST_CLAIMED {
                return Ok((places, last));
            }
            last = Some(place.id.clone());
            looked_at += 1;
            let reports = self.known(&resolved)?;
            let claimed = claimed(family(&resolved, asked, &reports), resolved.as_of);
            if !claimed.is_empty() {
                places.push(ClaimedPlace {
                    assessed: Some(self.evaluate(&resolved, asked)?.wire()),
                    claimed: claimed.iter().map(outward::claimed_control).collect(),
                });
            }
        }
        Ok((places, None))
    }

    /// The states of an area summed up: those of the places in it that have none within
    /// themselves, so that nothing counts twice.
    pub(crate) fn summary(
        &self,
        within: &str,
        most: usize,
        asked: &Asked,
    ) -> Result<AreaSummary, QueryError> {
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = match within {
            "" => None,
            within => Some(find("within_place_id", within, latest)?),
        };
        let mut summary = AreaSummary::new(most);
        for place in latest.places() {
            let resolved = match self.resolve(place, (&seen, &registry), asked) {
                Ok(resolved) => resolved,
                Err(QueryError::PlaceUnknown(_)) => continue,
                Err(error) => return Err(error),
            };
            let then = resolved.registry;
            let is_within = |area: &PlaceId| then.is_within(&place.id, area);
            let counts = resolved.place.kind != ascertain_domain::place::PlaceKind::AdminUnit
                && then.children(&place.id).next().is_none()
                && area.as_ref().is_none_or(|area| is_within(&area.id));
            if !counts {
                continue;
            }
            let state = self.evaluate(&resolved, asked)?;
            summary.add(&state.found, resolved.place.population);
        }
        Ok(summary)
    }
}

/// Whether any evidence bears on a place: a ruling alone is published, too, and what was
/// taken back was.
pub(crate) fn has_evidence(entry: &StateEntry) -> bool {
    entry.resume.as_ref().is_some_and(|point| {
        let mut parts = point.sub_places.iter();
        point.newest_event_us.is_some()
            || !point.groups.is_empty()
            || parts.any(|part| part.newest_slot.is_some())
    })
}
