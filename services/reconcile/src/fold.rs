//! What one record causes: which places to fold again, and the entries that change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::{Changed, Registry, View};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{
    Family, Folded, Question, affected_places, family_places, sort_out, taken_back,
};
use ascertain_log::{PartitionId, Position, Sequence};
use ascertain_proto::log::v1::{StateCause, StateEntry, StateRecord};
use ascertain_proto::outward::{self, Method};
use ascertain_proto::resume;
use ascertain_replica::{ModelNames, ReportReplica, Taken};
use prost::Message as _;

use crate::error::ReconcileError;
use crate::flood::Floods;
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
    pub models: ModelNames,
    /// What entries say that they were computed by.
    pub method_version: &'static str,
    pub floods: Floods,
}

/// Why and from what a place is folded again.
struct Step<'a> {
    view: View<'a>,
    position: &'a Position,
    /// The report, where it is all that is new.
    report: Option<&'a Arc<Report>>,
    cause: StateCause,
    /// Whether what is believed is published with the confidence that it had before.
    same_temper: bool,
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
        let by_registry = self.touched_by_registry(registry, before, adopted)?;
        if adopted != before {
            // A fold reads the registry throughout.
            self.folds.forget();
        }
        let mut places = by_registry.clone();
        if let Taken::Report(_, bears_on) = taken {
            let affected = affected_places(&bears_on.places, view).into_iter();
            places.extend(affected.map(|id| (id, StateCause::Report)));
        }
        if let Taken::Erasure(_, _, gone) = taken {
            let affected = affected_places(&gone.bore_on, view).into_iter();
            places.extend(affected.map(|id| (id, StateCause::Erasure)));
        }
        if let Taken::Adjudication(place) = taken {
            places.insert(place.clone(), StateCause::Adjudication);
        }
        let temper = |view: View<'_>| view.source_model(Audience::Clear).map(|model| model.temper);
        let mut step = Step {
            view,
            position,
            report: None,
            cause: StateCause::Report,
            same_temper: temper(registry.at(before)) == temper(view),
        };
        let mut entries = Vec::new();
        for (id, cause) in places {
            let Some(place) = view.place(&id) else {
                continue;
            };
            if PartitionId::of_home_area(&place.home_area, self.place_partitions) != self.partition
            {
                continue;
            }
            step.cause = cause;
            step.report = match taken {
                // A fold knows nothing of a link whose report named none of its places.
                Taken::Report(report, bears_on)
                    if !bears_on.is_linked && !by_registry.contains_key(&id) =>
                {
                    Some(report)
                }
                _ => None,
            };
            if let Some(entry) = self.refold(place, &step)? {
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
        step: &Step<'_>,
    ) -> Result<Option<StateEntry>, ReconcileError> {
        let Step { view, position, .. } = *step;
        let mut cause = step.cause;
        let mut folded = match self.folds.with(place, view, step.report) {
            Some(folded) => folded,
            None => {
                let reports = self.reports_of(place, view, position)?;
                if cause == StateCause::Report && self.takes_back(place, step, &reports)? {
                    cause = StateCause::Correction;
                }
                Folded::of(Family {
                    place,
                    registry: view,
                    audience: Audience::Clear,
                    reports: &reports,
                })
            }
        };
        let last = self.published.entry(&place.id)?;
        // What is ruled moves no number, and what is corrected or erased perhaps only the past;
        // whoever watches the place is told all the same. And after a stop the entries here may
        // know nothing of an entry that was published with what is erased now.
        let is_told = matches!(
            cause,
            StateCause::Adjudication | StateCause::Correction | StateCause::Erasure
        );
        if last.is_none() && !folded.has_evidence() && !is_told {
            return Ok(None);
        }
        let known_at: Timestamp = position.known_at;
        if step.cause == StateCause::Report {
            let claims = folded.unproven_mass();
            self.floods.note(&place.id, claims, known_at);
        }
        let point = folded.resume_point();
        let question = Question::new(place, view, Audience::Clear, (known_at, known_at));
        // Where evidence is newer than its knowledge, hindsight is needed.
        let state = point.evaluate(&question);
        let state = state.unwrap_or_else(|| folded.evaluate(known_at, known_at));
        self.folds.keep(place.id.clone(), folded);
        let method = Method {
            version: self.method_version,
            source_model: &self.models.in_force(view, Audience::Clear),
        };
        let entry = StateEntry {
            state: Some(outward::control_state(&state, method)),
            resume: Some(resume::outward(&point)),
            cause: cause.into(),
        };
        let unchanged = !is_told
            && step.same_temper
            && last
                .is_some_and(|last| last.resume == entry.resume && sides(&last) == sides(&entry));
        Ok((!unchanged).then_some(entry))
    }

    /// All that is known of a place by a position.
    fn reports_of(
        &self,
        place: &Place,
        view: View<'_>,
        position: &Position,
    ) -> Result<Vec<Arc<Report>>, ReconcileError> {
        let family = family_places(&place.id, view);
        let up_to = position.sequence;
        Ok(self
            .reports
            .of_places(self.partition, &family, up_to, None)?)
    }

    /// Whether the record of a step corrects or takes back what counted before it. A fold
    /// that goes on need not ask: whatever a link touches asks for a new one.
    fn takes_back(
        &self,
        place: &Place,
        step: &Step<'_>,
        reports: &[Arc<Report>],
    ) -> Result<bool, ReconcileError> {
        if !reports.iter().any(|report| report.links.are_any()) {
            return Ok(false);
        }
        let family = family_places(&place.id, step.view);
        let before = Sequence(step.position.sequence.0.saturating_sub(1));
        let before = self
            .reports
            .of_places(self.partition, &family, before, None)?;
        let sorted = |reports| sort_out(reports, step.view, Audience::Clear);
        Ok(!taken_back(&sorted(&before), &sorted(reports), &family).is_empty())
    }

    /// The places that changes of the registry bear on, among those with evidence,
    /// and why.
    fn touched_by_registry(
        &self,
        registry: &Registry,
        before: u64,
        adopted: u64,
    ) -> Result<BTreeMap<PlaceId, StateCause>, ReconcileError> {
        let (old, view) = (registry.at(before), registry.at(adopted));
        let (mut touched, mut placed) = (BTreeSet::new(), BTreeSet::new());
        for changed in registry.changed(before, adopted) {
            match changed {
                Changed::Place(id) => {
                    touched.extend(affected_places(std::slice::from_ref(id), view));
                    // A place that moved leaves those beside which it was.
                    touched.extend(affected_places(std::slice::from_ref(id), old));
                    placed.insert(id);
                }
                Changed::Party { known_before: true } => {
                    touched.extend(view.places().map(|p| p.id.clone()));
                }
                // New parties change no earlier evidence; models are looked at below.
                Changed::Party {
                    known_before: false,
                }
                | Changed::SourceModel(_) => {}
            }
        }
        if !placed.is_empty() {
            // The sides of an area are those of all places of the area.
            let in_area = view.places().filter(|p| placed.contains(&p.home_area));
            touched.extend(in_area.map(|p| p.id.clone()));
        }
        let registered = touched.into_iter().map(|id| (id, StateCause::Registry));
        let mut touched: BTreeMap<PlaceId, StateCause> = registered.collect();
        let in_force = |view: View<'_>| view.source_model(Audience::Clear).map(Arc::as_ptr);
        if in_force(old) != in_force(view) {
            for place in self.published.places()? {
                touched.entry(place).or_insert(StateCause::Model);
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
