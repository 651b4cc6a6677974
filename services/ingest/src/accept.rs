//! The decision on reports: known already, wrong, or recorded.

use std::sync::Arc;

use ascertain_access::Caller;
use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{Digest, ReportId, ReportKey};
use ascertain_log::{
    Append, AppendError, MAX_RECORD_BYTES, RECORD_OVERHEAD_BYTES, Sequence, watch,
};
use ascertain_proto::inward::submission::{self, Checked, Link};
use ascertain_proto::{log, outward, v1};
use log::v1::record_body::Content;
use prost::Message as _;
use v1::Reason;

use crate::error::Refusal;
use crate::ledger::{Entry, Known, Reservation};
use crate::service::Core;
use crate::stamp::Provenance;
use crate::writer::{Failed, Pending};

/// The most bytes handed to the log at once, well below what it takes.
const BATCH_BYTES: usize = 16 << 20;

/// The answer to one report.
pub(crate) type Answer = Result<v1::Acknowledgement, Refusal>;

/// What becomes of a report at first sight.
enum Decision {
    /// It is answered.
    Answered(Box<Answer>),
    /// It is to be recorded.
    Record(Box<Prepared>),
    /// Its id was used for a report that looks different.
    Reused(Box<Entry>),
    /// The same id is being recorded right now.
    Wait(watch::Receiver<()>),
}

/// A report with its records.
struct Prepared {
    index: usize,
    appends: Vec<Append>,
    reservation: Reservation,
    entry: Entry,
    acknowledgement: v1::Acknowledgement,
}

/// Decides on a batch of reports; the answers come in their order. The batch is
/// handed to the log before this first waits, so that batches keep their order.
pub(crate) async fn submit(
    core: &Arc<Core>,
    caller: &Caller,
    batch: Vec<v1::ReportSubmission>,
) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = vec![None; batch.len()];
    let mut open: Vec<usize> = (0..batch.len()).collect();
    while !open.is_empty() {
        let (mut prepared, mut reused, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for index in std::mem::take(&mut open) {
            match decide(core, caller, index, &batch[index]) {
                Decision::Answered(answer) => answers[index] = Some(*answer),
                Decision::Record(record) => prepared.push(*record),
                Decision::Reused(entry) => reused.push((index, entry)),
                Decision::Wait(decided) => waits.push((index, decided)),
            }
        }
        for (index, answer) in record(core, prepared).await {
            answers[index] = Some(answer);
        }
        for (index, entry) in reused {
            let report = batch[index].report.clone().unwrap_or_default();
            answers[index] = Some(Err(core
                .differing(caller, &batch[index], &report, &entry)
                .await));
        }
        for (index, mut decided) in waits {
            // An error says that it is decided: the sender is gone.
            while decided.changed().await.is_ok() {}
            open.push(index);
        }
    }
    let lost = || {
        Err(Refusal::unavailable(
            "the report was lost sight of; send it again",
        ))
    };
    let answers: Vec<Answer> = answers
        .into_iter()
        .map(|a| a.unwrap_or_else(lost))
        .collect();
    answers
        .iter()
        .for_each(|answer| core.counters.count(answer));
    answers
}

fn decide(
    core: &Arc<Core>,
    caller: &Caller,
    index: usize,
    submission: &v1::ReportSubmission,
) -> Decision {
    match try_decide(core, caller, index, submission) {
        Ok(decision) => decision,
        Err(refusal) => Decision::Answered(Box::new(Err(refusal))),
    }
}

fn try_decide(
    core: &Arc<Core>,
    caller: &Caller,
    index: usize,
    submission: &v1::ReportSubmission,
) -> Result<Decision, Refusal> {
    let answered = |answer| Ok(Decision::Answered(Box::new(answer)));
    if let Some(unreadable) = &submission.unreadable {
        let (field, what) = (&unreadable.field, &unreadable.what);
        return Err(Refusal::field(field, Reason::Malformed, what.clone()));
    }
    let provenance = Provenance::read(caller, submission.backfill.as_ref(), (core.clock)())?;
    let Some(report) = &submission.report else {
        return Err(Refusal::field(
            "report",
            Reason::Required,
            "is empty; give a report",
        ));
    };
    // What was accepted is acknowledged again whatever the registry has become,
    // so this comes before the check.
    let reserved = match ReportId::parse(&report.report_id) {
        None => None,
        Some(id) => {
            let key = ReportKey {
                partner: provenance.partner.clone(),
                report: id,
            };
            if core.ledger.erased(&key)? == Some(Scope::Report) {
                return Err(Refusal::erased());
            }
            match core.ledger.ask(&key).map_err(|e| Refusal::internal(&e))? {
                Known::New(reservation) => Some(reservation),
                Known::UnderWay(decided) => return Ok(Decision::Wait(decided)),
                Known::Accepted(entry)
                    if entry.submitted == submission::submitted_digest(report) =>
                {
                    return answered(Ok(core.acknowledge_again(id, &entry)));
                }
                Known::Accepted(entry) => return Ok(Decision::Reused(Box::new(entry))),
            }
        }
    };
    let erased = match &reserved {
        Some(reservation) => core.ledger.erased(reservation.key())?,
        None => None,
    };
    if erased == Some(Scope::Report) {
        return Err(Refusal::erased());
    }
    let registry = core.registry.current();
    let view = registry.domain.latest();
    let salt = (core.salts)();
    let checked = submission::check_salted(report, view, provenance.received_at(), salt);
    let checked = checked.map_err(Refusal::invalid)?;
    let acknowledgement = core.first_acknowledgement(&checked, &provenance)?;
    let Some(reservation) = reserved.filter(|_| !submission.validate_only) else {
        let unsaid = v1::Acknowledgement {
            first_recorded_at: None,
            ..acknowledgement
        };
        return answered(Ok(unsaid));
    };
    let partitions = core
        .partitions
        .of_report(&checked.places, checked.is_linked, view);
    let partitions = partitions.map_err(|place| {
        let what = format!("place `{place}` is not in the registry");
        Refusal::field("report.claims", Reason::PlaceUnknown, what)
    })?;
    let submitted = submission::submitted_digest(report);
    let time_inconsistent = checked.recorded.time_inconsistent;
    let body = provenance.body(&core.node, Content::Report(checked.recorded));
    // What was erased before it came is not kept, either.
    let content = match erased {
        Some(_) => bytes::Bytes::new(),
        None => bytes::Bytes::from(checked.content.encode_to_vec()),
    };
    within_limit("report", body.len() + content.len())?;
    let entry = Entry {
        submitted,
        body: Digest::of(&body),
        first_recorded_at: provenance.now,
        time_inconsistent,
        positions: std::collections::BTreeMap::new(),
        others: std::collections::BTreeSet::new(),
    };
    let appends = partitions.into_iter().map(|partition| Append {
        partition,
        body: body.clone(),
        content: content.clone(),
        registry_sequence: Sequence(registry.domain.last_sequence()),
        recorded: provenance.recorded(),
    });
    let appends = appends.collect();
    Ok(Decision::Record(Box::new(Prepared {
        index,
        appends,
        reservation,
        entry,
        acknowledgement,
    })))
}

/// One record that is too large would cost its whole batch.
pub(crate) fn within_limit(field: &str, bytes: usize) -> Result<(), Refusal> {
    if bytes <= MAX_RECORD_BYTES {
        return Ok(());
    }
    let what = format!("takes {bytes} bytes on record; {MAX_RECORD_BYTES} is the most");
    Err(Refusal::field(field, Reason::TooLong, what))
}

/// Records reports, as few appends as can be; says what became of each.
async fn record(core: &Arc<Core>, prepared: Vec<Prepared>) -> Vec<(usize, Answer)> {
    let mut answers = Vec::with_capacity(prepared.len());
    let mut batch = Vec::new();
    let mut bytes = 0;
    for record in prepared {
        let size = record
            .appends
            .iter()
            .map(|a| a.body.len() + a.content.len() + RECORD_OVERHEAD_BYTES);
        let size: usize = size.sum();
        if bytes + size > BATCH_BYTES && !batch.is_empty() {
            record_batch(core, std::mem::take(&mut batch), &mut answers).await;
            bytes = 0;
        }
        bytes += size;
        batch.push(record);
    }
    record_batch(core, batch, &mut answers).await;
    answers
}

/// Records some reports together; where one stands in the way of the others,
/// each on its own.
async fn record_batch(core: &Arc<Core>, batch: Vec<Prepared>, answers: &mut Vec<(usize, Answer)>) {
    let mut acknowledgements = Vec::with_capacity(batch.len());
    let mut appends = Vec::new();
    let mut pending = Vec::with_capacity(batch.len());
    let mut alone = Vec::with_capacity(batch.len());
    for record in batch {
        acknowledgements.push((record.index, record.acknowledgement));
        let (reservation, entry) = (record.reservation, record.entry);
        pending.push(Pending {
            reservation,
            entry,
            appends: record.appends.len(),
        });
        alone.push(record.appends.clone());
        appends.extend(record.appends);
    }
    if appends.is_empty() {
        return;
    }
    match core.writer.write(appends, pending).await {
        Ok(positions) => {
            let mut rest = positions.as_slice();
            for ((index, acknowledgement), appends) in acknowledgements.into_iter().zip(alone) {
                let (own, others) = rest.split_at(appends.len().min(rest.len()));
                rest = others;
                let write_token = core.token(own);
                answers.push((
                    index,
                    Ok(v1::Acknowledgement {
                        write_token,
                        ..acknowledgement
                    }),
                ));
            }
        }
        Err(Failed { error, pending }) if one_costs_all(&error) && pending.len() > 1 => {
            for (((index, acknowledgement), appends), pending) in
                acknowledgements.into_iter().zip(alone).zip(pending)
            {
                let outcome = core.writer.write(appends, vec![pending]).await;
                let answer = match outcome {
                    Ok(positions) => {
                        let write_token = core.token(&positions);
                        Ok(v1::Acknowledgement {
                            write_token,
                            ..acknowledgement
                        })
                    }
                    Err(failed) => Err(Refusal::from(&failed.error)),
                };
                answers.push((index, answer));
            }
        }
        Err(failed) => {
            let refused = acknowledgements.into_iter();
            answers.extend(refused.map(|(i, _)| (i, Err(Refusal::from(&failed.error)))));
        }
    }
}

/// Whether a batch failed for the sake of single records in it.
fn one_costs_all(error: &AppendError) -> bool {
    match error {
        AppendError::LaterKnown { .. } | AppendError::TooLarge { .. } => true,
        AppendError::NoSuchPartition(_)
        | AppendError::NoSpace(_)
        | AppendError::Refused(_)
        | AppendError::OutcomeUnknown(_) => false,
    }
}

impl Core {
    fn first_acknowledgement(
        &self,
        checked: &Checked,
        provenance: &Provenance,
    ) -> Result<v1::Acknowledgement, Refusal> {
        let mut pending_links = Vec::new();
        for link in &checked.pending_links {
            let arrived = match submission::link(link) {
                Link::ClaimOf(report) => self.ledger.has_arrived(report),
                Link::Report(report) => {
                    let partner = provenance.partner.clone();
                    self.ledger.is_accepted(&ReportKey { partner, report })
                }
                Link::Evidence => Ok(false),
            };
            let arrived = arrived.map_err(|e| Refusal::internal(&e))?;
            if !arrived {
                pending_links.push(link.clone());
            }
        }
        Ok(v1::Acknowledgement {
            report_id: checked.id.to_string(),
            duplicate: false,
            write_token: String::new(),
            first_recorded_at: Some(outward::timestamp(provenance.now)),
            flags: checked.flags.clone(),
            pending_links,
        })
    }

    /// The acknowledgement of a report that was accepted before.
    pub(crate) fn acknowledge_again(&self, id: ReportId, entry: &Entry) -> v1::Acknowledgement {
        let flags = entry
            .time_inconsistent
            .then(|| submission::TIME_INCONSISTENT.to_owned());
        v1::Acknowledgement {
            report_id: id.to_string(),
            duplicate: true,
            write_token: entry.token(self.incarnation),
            first_recorded_at: Some(outward::timestamp(entry.first_recorded_at)),
            flags: flags.into_iter().collect(),
            pending_links: Vec::new(),
        }
    }

    /// Says in which fields a report differs from the one stored under its id.
    async fn differing(
        &self,
        caller: &Caller,
        submission: &v1::ReportSubmission,
        report: &v1::Report,
        entry: &Entry,
    ) -> Refusal {
        let stored = match self.stored(entry).await {
            Ok(Some(stored)) => stored,
            // Erased, or not readable now: what differs cannot be told.
            Ok(None) => return Refusal::reused(&[""]),
            Err(refusal) => return refusal,
        };
        // The stored report is resolved; so must the other be, to be compared.
        let provenance = Provenance::read(caller, submission.backfill.as_ref(), (self.clock)());
        let received_at = provenance.map_or_else(|_| (self.clock)(), |p| p.received_at());
        let registry = self.registry.current();
        let submitted = match submission::check(report, registry.domain.latest(), received_at) {
            Ok(checked) => submission::join(&checked.recorded, &checked.content, None),
            Err(_) => report.clone(),
        };
        let fields = submission::differing_fields(&submitted, &stored);
        Refusal::reused(if fields.is_empty() { &[""] } else { &fields })
    }
}
