//! What one record causes: which places to fold again, and the entries that change.

use std::collections::BTreeSet;
use std::sync::Arc;

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::{Changed, Registry, View};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{Family, Folded, METHOD_VERSION, Question, affected_places, family_places};
use ascertain_log::{PartitionId, Position};
use ascertain_proto::log::v1::{StateCause, StateEntry, StateRecord};
use ascertain_proto::{outward, resume};
use ascertain_replica::{ReportReplica, Taken};
use prost::Message as _;

use crate::error::ReconcileError;
use crate::folds::Folds;
use crate::published::{Done, Published};

/// Bytes of entries in one record of the state log; a cause with more is told in
/// parts. An entry of its own may be larger.
const BYTES_A_RECORD: usize = 256 << 10;

/// Folds the records of one partition.
pub(crate) struct Folder {
    pub partition: PartitionId,
    /// Place partitions in all, to tell which places are ours.
    pub place_partitions: u32,
    pub reports: ReportReplica,
    pub published: Published,
    pub done: Done,
    pub folds: Folds,
}

impl Folder {
    /// What a record causes, in one record of the state log or more.
    pub(crate) fn fold(
        &mut self,
        position: &Position,
        taken: &Taken,
        registry: &Registry,
    ) -> Result<Vec<StateRecord>, ReconcileError> {
        let before = self.done.registry;
        let adopted = before.max(position.registry_sequence.0);
        let view = registry.at(adopted);
        let mut places = self.touched_by_registry(registry, before, adopted)?;
        if adopted != before {
            // A fold reads the registry throughout.
            self.folds.forget();
        }
        let by_registry = places.clone();
        if let Taken::Report(report) = taken {
            places.extend(affected_places(&report.places(), view));
        }
        let mut entries = Vec::new();
        for id in places {
            let Some(place) = view.place(&id) else {
                continue;
            };
            if PartitionId::of_home_area(&place.home_area, self.place_partitions) != self.partition
            {
                continue;
            }
            let cause = if by_registry.contains(&id) && !matches!(taken, Taken::Report(_)) {
                StateCause::Registry
            } else {
                StateCause::Report
            };
            let report = match taken {
                Taken::Report(report) if !by_registry.contains(&id) => Some(report),
                _ => None,
            };
            if let Some(entry) = self.refold(place, view, position, report, cause)? {
                self.published.put(id, entry.clone());
                entries.push(entry);
            }
        }
        self.done = Done {
            sequence: position.sequence,
            registry: adopted,
        };
        Ok(in_parts(position, adopted, entries))
    }

    /// Folds a place again; the entry, if it says anything new.
    fn refold(
        &mut self,
        place: &Place,
        view: View<'_>,
        position: &Position,
        report: Option<&Arc<Report>>,
        cause: StateCause,
    ) -> Result<Option<StateEntry>, ReconcileError> {
        let mut folded = match self.folds.with(place, view, report) {
            Some(folded) => folded,
            None => self.from_the_start(place, view, position)?,
        };
        let last = self.published.entry(&place.id)?;
        if last.is_none() && !folded.has_evidence() {
            return Ok(None);
        }
        let known_at: Timestamp = position.known_at;
        let point = folded.resume_point();
        let question = Question::new(place, view, Audience::Clear, (known_at, known_at));
        // Where evidence is newer than its knowledge, hindsight is needed.
        let state = point.evaluate(&question);
        let state = state.unwrap_or_else(|| folded.evaluate(known_at, known_at));
        self.folds.keep(place.id.clone(), folded);
        let entry = StateEntry {
            state: Some(outward::control_state(&state, METHOD_VERSION)),
            resume: Some(resume::outward(&point)),
            cause: cause.into(),
        };
        let unchanged =
            last.is_some_and(|last| last.resume == entry.resume && sides(&last) == sides(&entry));
        Ok((!unchanged).then_some(entry))
    }

    /// Folds all that is known of a place by a position.
    fn from_the_start(
        &self,
        place: &Place,
        view: View<'_>,
        position: &Position,
    ) -> Result<Folded, ReconcileError> {
        let family = family_places(&place.id, view);
        let reports = self
            .reports
            .of_places(self.partition, &family, position.sequence, None)?;
        Ok(Folded::of(Family {
            place,
            registry: view,
            audience: Audience::Clear,
            reports: &reports,
        }))
    }

    /// The places that changes of the registry bear on, among those with evidence.
    fn touched_by_registry(
        &self,
        registry: &Registry,
        before: u64,
        adopted: u64,
    ) -> Result<BTreeSet<PlaceId>, ReconcileError> {
        let view = registry.at(adopted);
        let mut touched = BTreeSet::new();
        for changed in registry.changed(before, adopted) {
            match changed {
                Changed::Place(id) => {
                    touched.extend(affected_places(std::slice::from_ref(id), view));
                    // A place that moved leaves those beside which it was.
                    let old = registry.at(before);
                    touched.extend(affected_places(std::slice::from_ref(id), old));
                    // The sides of an area are those of all places of the area.
                    let area = |p: &&std::sync::Arc<Place>| p.home_area == *id;
                    touched.extend(view.places().filter(area).map(|p| p.id.clone()));
                }
                Changed::Party { known_before: true } | Changed::SourceModel(_) => {
                    touched.extend(view.places().map(|p| p.id.clone()));
                }
                Changed::Party {
                    known_before: false,
                } => {}
            }
        }
        Ok(touched)
    }
}

/// The outcomes' names, in order: their numbers are part of the resumable point.
fn sides(entry: &StateEntry) -> Vec<&str> {
    let outcomes = entry.state.iter().flat_map(|s| &s.outcomes);
    outcomes.map(|o| o.side_id.as_str()).collect()
}

/// Every record of the report log leaves at least one behind, so that the end of
/// the state log is how far it was reconciled.
fn in_parts(position: &Position, adopted: u64, entries: Vec<StateEntry>) -> Vec<StateRecord> {
    let mut chunks: Vec<Vec<StateEntry>> = vec![Vec::new()];
    let mut bytes = 0;
    for entry in entries {
        let size = entry.encoded_len();
        if bytes > 0 && bytes + size > BYTES_A_RECORD {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(entry);
        }
    }
    let last = chunks.len() - 1;
    let record = |(i, entries)| StateRecord {
        report_sequence: position.sequence.0,
        // A cause touches far fewer than 2^32 places.
        part: u32::try_from(i).unwrap_or(u32::MAX),
        is_last: i == last,
        registry_sequence: adopted,
        entries,
    };
    chunks.into_iter().enumerate().map(record).collect()
}
