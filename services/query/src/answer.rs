//! Answers: the one place where a question meets the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::{LookupError, PlaceQuery, Registry, View};
use ascertain_domain::report::Report;
use ascertain_domain::state::ControlState;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{
    Explanation, Family, Folded, Question, changes, explain, family_places, has_moved,
};
use ascertain_log::{PartitionId, Sequence};
use ascertain_proto::log::v1::StateEntry;
use ascertain_proto::outward::{self, Method};
use ascertain_proto::{inward, resume, v1};
use ascertain_replica::method_of;

use crate::error::QueryError;
use crate::follow::{Followed, Replica};
use crate::list::has_evidence;
use crate::read::Asked;
use crate::states::UpTo;

/// How far each partition is.
pub(crate) type Seen = BTreeMap<PartitionId, UpTo>;

/// An answer with the names of the method and of the source model that it rests on.
pub(crate) struct Answer<T> {
    pub found: T,
    method_version: Arc<str>,
    source_model: Arc<str>,
    /// Where another method than this build's published it: as it stands in the log.
    sealed: Option<Box<v1::ControlState>>,
    /// Reports that were known then and have been erased since.
    pub erased: u32,
    /// What an operator ruled for its times.
    pub ruled: Option<Box<v1::Adjudication>>,
}

impl<T> Answer<T> {
    /// How it was computed.
    pub(crate) fn method(&self) -> Method<'_> {
        Method {
            version: &self.method_version,
            source_model: &self.source_model,
        }
    }
}

impl<T> Answer<T> {
    /// Adds what is no part of the belief.
    fn mark(&self, state: &mut v1::ControlState) {
        state.erased_reports = self.erased;
        state.adjudication = self.ruled.as_deref().cloned();
    }
}

impl Answer<Explanation> {
    /// The explanation as it is given out.
    pub(crate) fn wire_in_full(&self) -> v1::Explanation {
        let mut explanation = outward::explanation(&self.found, self.method());
        if let Some(state) = &mut explanation.state {
            self.mark(state);
        }
        explanation
    }
}

impl Answer<ControlState> {
    /// The state as it is given out.
    pub(crate) fn wire(&self) -> v1::ControlState {
        let mut state = match &self.sealed {
            Some(published) => v1::ControlState::clone(published),
            None => outward::control_state(&self.found, self.method()),
        };
        self.mark(&mut state);
        state
    }

    /// A state as it was published, by whatever method.
    pub(crate) fn published(entry: StateEntry) -> Result<Self, QueryError> {
        let missing = QueryError::Unreadable("an entry without a state");
        let published = entry.state.ok_or(missing)?;
        Ok(Self {
            found: inward::control_state(&published)?,
            method_version: published.method_version.as_str().into(),
            source_model: published.source_model.as_str().into(),
            sealed: Some(Box::new(published)),
            erased: 0,
            ruled: None,
        })
    }
}

/// A place with everything that decides its answer.
pub(crate) struct Resolved<'a> {
    pub place: &'a Place,
    partition: PartitionId,
    pub registry: View<'a>,
    pub up_to: UpTo,
    pub as_of: Timestamp,
    pub as_known_at: Timestamp,
    /// Whether the question is what was believed at a moment of that moment.
    of_then: bool,
}

impl Resolved<'_> {
    fn times(&self) -> (Timestamp, Timestamp) {
        (self.as_of, self.as_known_at)
    }
}

impl Replica {
    /// The state of a place.
    pub(crate) fn state(
        &self,
        field: &str,
        place: &str,
        asked: &Asked,
    ) -> Result<Answer<ControlState>, QueryError> {
        let (seen, registry) = self.seen();
        let place = find(field, place, registry.latest())?;
        let resolved = self.resolve(&place, (&seen, &registry), asked)?;
        self.evaluate(&resolved, asked)
    }

    /// A state taken apart.
    pub(crate) fn explanation(
        &self,
        field: &str,
        place: &str,
        asked: &Asked,
    ) -> Result<Answer<Explanation>, QueryError> {
        let (seen, registry) = self.seen();
        let place = find(field, place, registry.latest())?;
        let resolved = self.resolve(&place, (&seen, &registry), asked)?;
        let reports = self.known(&resolved)?;
        let family = family(&resolved, asked, &reports);
        let found = explain(family, resolved.as_of, resolved.as_known_at);
        self.answer(found, &resolved, asked)
    }

    /// The states of places, in their order; those that are not registered are left
    /// out.
    pub(crate) fn states_of<'a>(
        &self,
        places: impl IntoIterator<Item = &'a PlaceId>,
        asked: &Asked,
    ) -> Result<Vec<Answer<ControlState>>, QueryError> {
        let (seen, registry) = self.seen();
        let mut states = Vec::new();
        for place in places {
            let Some(place) = registry.latest().place(place) else {
                continue;
            };
            match self.resolve(place, (&seen, &registry), asked) {
                Ok(resolved) => states.push(self.evaluate(&resolved, asked)?),
                Err(QueryError::PlaceUnknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(states)
    }

    /// The places whose status, or whose word for the leading outcome, time alone has
    /// changed between two moments. What became known in between counts as known.
    pub(crate) fn changed_by_time(
        &self,
        (from, to): (Timestamp, Timestamp),
        audience: Audience,
    ) -> Result<BTreeSet<PlaceId>, QueryError> {
        let (seen, registry) = self.seen();
        let mut changed = BTreeSet::new();
        for place in registry.latest().places() {
            let mut asked = Asked {
                as_of: Some(to),
                as_known_at: None,
                audience,
                now: to,
            };
            let resolved = match self.resolve(place, (&seen, &registry), &asked) {
                Ok(resolved) => resolved,
                Err(QueryError::PlaceUnknown(_)) => continue,
                Err(error) => return Err(error),
            };
            let Some(entry) = self.entry(&resolved)? else {
                continue;
            };
            // A change that came in between was told as of the moment of its record.
            let told = entry.state.and_then(|state| state.as_known_at);
            let told = told.and_then(|time| inward::timestamp(&time).ok());
            let after = self.evaluate(&resolved, &asked)?;
            asked.as_of = told.max(Some(from));
            let resolved = Resolved {
                as_of: asked.as_of.unwrap_or(from),
                ..resolved
            };
            let before = self.evaluate(&resolved, &asked)?;
            if has_moved(&changes(&before.found, &after.found)) {
                changed.insert(place.id.clone());
            }
        }
        Ok(changed)
    }

    /// The states of the places below an area, in the order of ids, after one of
    /// them, with whether there are more.
    pub(crate) fn states_within(
        &self,
        (within, after, with_evidence_only): (&str, &str, bool),
        asked: &Asked,
        most: usize,
    ) -> Result<(Vec<Answer<ControlState>>, bool), QueryError> {
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = match within {
            "" => None,
            within => Some(find("within_place_id", within, latest)?),
        };
        let mut states = Vec::new();
        let places = latest.places().filter(|p| p.id.as_str() > after);
        for place in places.filter(|p| area.as_ref().is_none_or(|a| latest.is_within(&p.id, &a.id)))
        {
            let resolved = match self.resolve(place, (&seen, &registry), asked) {
                Ok(resolved) => resolved,
                // Not registered yet at the knowledge time asked for.
                Err(QueryError::PlaceUnknown(_)) => continue,
                Err(error) => return Err(error),
            };
            if with_evidence_only && !self.entry(&resolved)?.as_ref().is_some_and(has_evidence) {
                continue;
            }
            if states.len() == most {
                return Ok((states, true));
            }
            states.push(self.evaluate(&resolved, asked)?);
        }
        Ok((states, false))
    }

    /// The latest knowledge time of any partition; `None` before the first record.
    pub(crate) fn frontier(&self) -> Option<Timestamp> {
        self.partitions
            .values()
            .filter_map(|p| p.states.borrow().known_at)
            .max()
    }

    /// The partition of a place.
    pub(crate) fn partition_of(&self, place: &Place) -> PartitionId {
        PartitionId::of_home_area(&place.home_area, self.place_partitions())
    }

    /// The last record that the states of a place's partition rest on.
    pub(crate) fn seen_of(&self, place: &Place) -> u64 {
        let partition = self.partition_of(place);
        let followed = self.partitions.get(&partition);
        followed.map_or(0, |followed| followed.states.borrow().report_sequence)
    }

    /// How far each partition is, and a registry not older than that.
    pub(crate) fn seen(&self) -> (Seen, Arc<Registry>) {
        let up_to = |(id, followed): (&PartitionId, &Followed)| (*id, *followed.states.borrow());
        let seen = self.partitions.iter().map(up_to).collect();
        (seen, self.registry.snapshot())
    }

    pub(crate) fn resolve<'a>(
        &self,
        place: &Place,
        (seen, registry): (&Seen, &'a Registry),
        asked: &Asked,
    ) -> Result<Resolved<'a>, QueryError> {
        let partition = self.partition_of(place);
        let up_to = seen.get(&partition).copied().unwrap_or_default();
        let as_known_at = asked.as_known_at.or(up_to.known_at).unwrap_or(asked.now);
        let adopted = self
            .states
            .registry_at(partition, as_known_at, up_to.report_sequence)?;
        let view = registry.at(adopted);
        let place = view.place(&place.id).ok_or_else(|| {
            QueryError::PlaceUnknown(format!(
                "place `{}` was not in the registry as known at {as_known_at}",
                place.id
            ))
        })?;
        let as_of = asked.as_of.or(asked.as_known_at).unwrap_or(asked.now);
        Ok(Resolved {
            place,
            partition,
            registry: view,
            up_to,
            as_of,
            as_known_at,
            of_then: asked.as_known_at == Some(as_of),
        })
    }

    pub(crate) fn entry(&self, resolved: &Resolved<'_>) -> Result<Option<StateEntry>, QueryError> {
        let (place, up_to) = (&resolved.place.id, resolved.up_to.report_sequence);
        self.states.entry(place, resolved.as_known_at, up_to)
    }

    /// The state, from the entry that stood at the knowledge time where that
    /// suffices, else by folding what was known by then. Both give the same bits. What
    /// another method published of that moment at that moment is history, and stands; it
    /// is resumed for nothing else.
    pub(crate) fn evaluate(
        &self,
        resolved: &Resolved<'_>,
        asked: &Asked,
    ) -> Result<Answer<ControlState>, QueryError> {
        let entry = self.entry(resolved)?;
        let is_ours = |entry: &StateEntry| method_of(entry) == self.method_version;
        let (entry, of_another) = match entry {
            Some(entry) if !is_ours(&entry) => (None, Some(entry)),
            entry => (entry, None),
        };
        if let Some(published) = of_another.filter(|_| resolved.of_then) {
            let mut published = Answer::published(published)?;
            published.erased = self.erased_since(resolved)?;
            published.ruled = self.ruled(&resolved.place.id, resolved.times())?;
            return Ok(published);
        }
        if let Some(point) = entry.and_then(|e| e.resume) {
            let times = (resolved.as_of, resolved.as_known_at);
            let question = Question::new(resolved.place, resolved.registry, asked.audience, times);
            if let Some(state) = resume::inward(&point)?.evaluate(&question) {
                return self.answer(state, resolved, asked);
            }
        }
        let reports = self.known(resolved)?;
        let mut folded = Folded::of(family(resolved, asked, &reports));
        let state = folded.evaluate(resolved.as_of, resolved.as_known_at);
        self.answer(state, resolved, asked)
    }

    pub(crate) fn answer<T>(
        &self,
        found: T,
        resolved: &Resolved<'_>,
        asked: &Asked,
    ) -> Result<Answer<T>, QueryError> {
        Ok(Answer {
            found,
            method_version: self.method_version.into(),
            source_model: self.models.in_force(resolved.registry, asked.audience),
            sealed: None,
            erased: self.erased_since(resolved)?,
            ruled: self.ruled(&resolved.place.id, resolved.times())?,
        })
    }

    /// A state as it was published, with what is no part of it: what was ruled for its
    /// moment, and how much of what it rested on has been erased.
    pub(crate) fn as_published(
        &self,
        entry: StateEntry,
        (place, family): (&PlaceId, &[PlaceId]),
        known_at: Timestamp,
    ) -> Result<Answer<ControlState>, QueryError> {
        let mut state = Answer::published(entry)?;
        state.erased = self.tombstones.since(family, known_at)?;
        state.ruled = self.ruled(place, (state.found.as_of, known_at))?;
        Ok(state)
    }

    /// What was ruled on a place for a valid time, as known at a knowledge time.
    pub(crate) fn ruled(
        &self,
        place: &PlaceId,
        (as_of, known_at): (Timestamp, Timestamp),
    ) -> Result<Option<Box<v1::Adjudication>>, QueryError> {
        let rulings = self.reports.adjudications();
        let ruled = rulings.in_force(place, as_of, known_at)?;
        let wire = ruled.and_then(|r| outward::adjudication(&r.adjudication, r.known_at, None));
        Ok(wire.map(Box::new))
    }

    fn erased_since(&self, resolved: &Resolved<'_>) -> Result<u32, QueryError> {
        let family = family_places(&resolved.place.id, resolved.registry);
        self.tombstones.since(&family, resolved.as_known_at)
    }

    /// The reports of a place's family that were known.
    pub(crate) fn known(&self, resolved: &Resolved<'_>) -> Result<Vec<Arc<Report>>, QueryError> {
        self.known_up_to(resolved, resolved.up_to.report_sequence)
    }

    /// Of the reports of a place's family that were known, those up to a record.
    pub(crate) fn known_up_to(
        &self,
        resolved: &Resolved<'_>,
        sequence: u64,
    ) -> Result<Vec<Arc<Report>>, QueryError> {
        let family = family_places(&resolved.place.id, resolved.registry);
        let up_to = Sequence(sequence);
        let known_by = Some(resolved.as_known_at);
        Ok(self
            .reports
            .of_places(resolved.partition, &family, up_to, known_by)?)
    }
}

pub(crate) fn family<'a>(
    resolved: &Resolved<'a>,
    asked: &Asked,
    reports: &'a [Arc<Report>],
) -> Family<'a> {
    Family {
        place: resolved.place,
        registry: resolved.registry,
        audience: asked.audience,
        reports,
    }
}

/// The place of an id, a code, or a name that only one place has.
pub(crate) fn find(field: &str, text: &str, registry: View<'_>) -> Result<Arc<Place>, QueryError> {
    let by_code = registry.place_by_id_or_code(text);
    let found = match by_code {
        Err(LookupError::Unknown { .. }) => registry.find_place(&PlaceQuery {
            name: text,
            ..PlaceQuery::default()
        }),
        found => found,
    };
    found.map_err(|error| QueryError::place(field, &error))
}
