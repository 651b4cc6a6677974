//! Record bodies of another node, kept byte for byte.
//!
//! A body that cannot change anything is a duplicate: the same bytes, or another
//! record of a report whose smaller body, the one that counts, is here already.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ascertain_access::Caller;
use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{Digest, PlaceId};
use ascertain_domain::marking::Marking;
use ascertain_domain::registry::{RegistryChange, Version, View};
use ascertain_domain::time::Timestamp;
use ascertain_log::{Append, AppendError, End, PartitionId, Position, Record, Recorded, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::inward::submission;
use ascertain_proto::{log, outward, v1};
use log::v1::record_body::Content;
use prost::Message as _;
use tonic::Code;
use v1::Reason;

use crate::accept::{Answer, within_limit};
use crate::apply::Change;
use crate::error::Refusal;
use crate::ledger::{Known, entry_of};
use crate::registry::Registered;
use crate::service::Core;
use crate::stamp::{self, Provenance};
use crate::writer::Pending;

/// The answer to an imported record, with what names it.
pub(crate) type Imported = (String, Answer);

/// A report's whole text again, from its record; `None` for every other record.
pub(crate) fn whole_report(record: &Record) -> Option<v1::Report> {
    let body = log::v1::RecordBody::decode(record.body.clone()).ok()?;
    let Some(Content::Report(recorded)) = &body.content else {
        return None;
    };
    let content = log::v1::ReportContent::decode(record.content.clone()).ok()?;
    let first_recorded_at = body.stamp.and_then(|s| s.first_recorded_at);
    Some(submission::join(recorded, &content, first_recorded_at))
}

/// Takes records in, one after the other, as the log that they come from had them.
pub(crate) async fn import(
    core: &Arc<Core>,
    caller: &Caller,
    batch: Vec<v1::ImportedRecord>,
) -> Vec<Imported> {
    // No registry change comes between the check of a record and its append.
    let _writing = core.registry.writing.lock().await;
    if let Err(refusal) = core.catch_up_registry().await {
        return batch
            .iter()
            .map(|_| (String::new(), Err(refusal.clone())))
            .collect();
    }
    let mut answers = Vec::with_capacity(batch.len());
    for record in batch {
        answers.push(import_one(core, caller, record).await);
    }
    answers
}

async fn import_one(core: &Arc<Core>, caller: &Caller, record: v1::ImportedRecord) -> Imported {
    let size = within_limit("body", record.body.len() + record.content.len());
    let read = size.and_then(|()| {
        let unread =
            |e: &dyn std::fmt::Display| Refusal::field("body", Reason::Malformed, e.to_string());
        let decoded = decode_body(&record.body).map_err(|e| unread(&e))?;
        if let Body::Erased(..) = decoded {
            return Ok((decoded, log::v1::RecordBody::default()));
        }
        let wire = log::v1::RecordBody::decode(record.body.clone()).map_err(|e| unread(&e))?;
        Ok((decoded, wire))
    });
    let (decoded, wire) = match read {
        Ok(read) => read,
        Err(refusal) => return (String::new(), Err(refusal)),
    };
    match decoded {
        Body::Report(report) => {
            let id = report.id.to_string();
            (id, import_report(core, record, &report, &wire).await)
        }
        Body::Registry(change, entity, version) => {
            let id = match &change {
                RegistryChange::Place(place) => place.id.to_string(),
                RegistryChange::Actor(actor) => actor.id.to_string(),
                RegistryChange::Source(source) => source.id.to_string(),
                RegistryChange::SourceModel(model) => outward::model_id(model),
            };
            let answer =
                import_change(core, caller, record, &wire, (change, *entity, version)).await;
            (
                id.clone(),
                answer.map(|ack| v1::Acknowledgement {
                    report_id: id,
                    ..ack
                }),
            )
        }
        Body::Erasure(key, _) => {
            let answer = import_erasure(core, caller, &wire).await;
            (key.report.to_string(), answer)
        }
        Body::Adjudication(ruled) => {
            let id = ruled.id.to_string();
            (id, import_ruling(core, record, &ruled.place, &wire).await)
        }
        Body::Erased(tombstone) => (tombstone.key.report.to_string(), Err(Refusal::erased())),
        Body::Adopt { .. } => {
            let what = "belongs to the log that it stands in; leave it out";
            (
                String::new(),
                Err(Refusal::field("body", Reason::Malformed, what)),
            )
        }
    }
}

async fn import_report(
    core: &Arc<Core>,
    record: v1::ImportedRecord,
    report: &ascertain_domain::report::Report,
    wire: &log::v1::RecordBody,
) -> Answer {
    check_content(&record, wire)?;
    let Some((key, entry)) = entry_of(wire, Digest::of(&record.body)) else {
        return Err(Refusal::field(
            "body",
            Reason::Malformed,
            "lacks the digest of its report",
        ));
    };
    if core.ledger.erased(&key)? == Some(Scope::Report) {
        return Err(Refusal::erased());
    }
    // Where another recording stands this one is to stand, too: it counts in its place.
    let mut beside: BTreeSet<PartitionId> = BTreeSet::new();
    let reservation = loop {
        match core.ledger.ask(&key)? {
            Known::New(reservation) => break reservation,
            Known::UnderWay(mut decided) => while decided.changed().await.is_ok() {},
            Known::Accepted(known) if known.body <= entry.body => {
                return Ok(core.acknowledge_again(key.report, &known));
            }
            Known::Accepted(known) => {
                beside.extend(known.positions.keys().copied().map(PartitionId));
                break core.ledger.replace(&key, known);
            }
        }
    };
    // Once more: from the reservation on an erasure waits for this.
    let erased = core.ledger.erased(&key)?;
    if erased == Some(Scope::Report) {
        return Err(Refusal::erased());
    }
    let content = match erased {
        Some(_) => bytes::Bytes::new(),
        None => record.content.clone(),
    };
    not_from_the_future(wire, (core.clock)())?;
    protectable(report.marking)?;
    let registry = core.registry.current();
    all_registered(report, registry.domain.latest())?;
    let places = report.places();
    let partitions =
        core.partitions
            .of_report(&places, report.links.are_any(), registry.domain.latest());
    let partitions = partitions.map_err(|place| {
        let what = format!("place `{place}` is not in the registry; import the registry first");
        Refusal::field("body.report.claims", Reason::PlaceUnknown, what)
    })?;
    let ends = Ends::of(core).await?;
    beside.extend(partitions);
    let appends = beside.into_iter().map(|partition| Append {
        partition,
        body: record.body.clone(),
        content: content.clone(),
        registry_sequence: Sequence(registry.domain.last_sequence()),
        recorded: ends.recorded(core, partition, stamp::stated(wire)),
    });
    let mut appends: Vec<Append> = appends.collect();
    let first_recorded_at = outward::timestamp(entry.first_recorded_at);
    let mut pending = vec![Pending {
        reservation,
        entry,
        appends: appends.len(),
    }];
    let positions = loop {
        match core.writer.write(appends.clone(), pending).await {
            Ok(positions) => break positions,
            // A live report came in between: what was stated no longer fits.
            Err(failed) if matches!(failed.error, AppendError::LaterKnown { .. }) => {
                appends
                    .iter_mut()
                    .for_each(|append| append.recorded = Recorded::Now);
                pending = failed.pending;
            }
            Err(failed) => return Err(Refusal::from(&failed.error)),
        }
    };
    let flags = report
        .time_inconsistent
        .then(|| submission::TIME_INCONSISTENT.to_owned());
    Ok(v1::Acknowledgement {
        report_id: report.id.to_string(),
        duplicate: false,
        write_token: core.token(&positions),
        first_recorded_at: Some(first_recorded_at),
        flags: flags.into_iter().collect(),
        pending_links: Vec::new(),
    })
}

async fn import_ruling(
    core: &Arc<Core>,
    record: v1::ImportedRecord,
    place: &PlaceId,
    wire: &log::v1::RecordBody,
) -> Answer {
    let Some((key, entry)) = entry_of(wire, Digest::of(&record.body)) else {
        let what = "lacks the digest of its request";
        return Err(Refusal::field("body", Reason::Malformed, what));
    };
    let reservation = loop {
        match core.ledger.ask(&key)? {
            Known::New(reservation) => break reservation,
            Known::UnderWay(mut decided) => while decided.changed().await.is_ok() {},
            Known::Accepted(known) => return Ok(core.acknowledge_again(key.report, &known)),
        }
    };
    let registry = core.registry.current();
    let partitions = core.partitions.of([place], registry.domain.latest());
    let partitions = partitions.map_err(|place| {
        let what = format!("place `{place}` is not in the registry; import the registry first");
        Refusal::field("body.adjudication.place_id", Reason::PlaceUnknown, what)
    })?;
    let appends = partitions.into_iter().map(|partition| Append {
        partition,
        body: record.body.clone(),
        content: record.content.clone(),
        registry_sequence: Sequence(registry.domain.last_sequence()),
        recorded: Recorded::Now,
    });
    let appends: Vec<Append> = appends.collect();
    let first_recorded_at = outward::timestamp(entry.first_recorded_at);
    let pending = vec![Pending {
        reservation,
        entry,
        appends: appends.len(),
    }];
    let written = core.writer.write(appends, pending).await;
    let positions = written.map_err(|failed| Refusal::from(&failed.error))?;
    Ok(v1::Acknowledgement {
        report_id: key.report.to_string(),
        write_token: core.token(&positions),
        first_recorded_at: Some(first_recorded_at),
        ..v1::Acknowledgement::default()
    })
}

/// What was erased elsewhere is erased here: a record of this log says so.
async fn import_erasure(core: &Arc<Core>, caller: &Caller, wire: &log::v1::RecordBody) -> Answer {
    let Some(Content::Erasure(erasure)) = &wire.content else {
        return Err(Refusal::field("body", Reason::Malformed, "is no erasure"));
    };
    let request = v1::EraseReportRequest {
        report_id: erasure.report_id.clone(),
        partner_id: erasure.partner_id.clone(),
        scope: erasure.scope,
        ground: erasure.ground,
        validate_only: false,
    };
    let erased = core.erase(caller, &request).await?;
    Ok(v1::Acknowledgement {
        report_id: erasure.report_id.clone(),
        duplicate: erased.duplicate,
        write_token: erased.write_token,
        ..v1::Acknowledgement::default()
    })
}

/// The content must be what the body commits to, or be erased.
fn check_content(record: &v1::ImportedRecord, wire: &log::v1::RecordBody) -> Result<(), Refusal> {
    let commitment = match &wire.content {
        Some(Content::Report(recorded)) => recorded.content_commitment.as_slice(),
        _ => &[],
    };
    if record.content.is_empty() || Digest::of(&record.content).0 == commitment {
        return Ok(());
    }
    let what = "is not the content that the body commits to";
    Err(Refusal::field("content", Reason::Malformed, what))
}

async fn import_change(
    core: &Arc<Core>,
    caller: &Caller,
    record: v1::ImportedRecord,
    wire: &log::v1::RecordBody,
    (change, entity, version): (RegistryChange, log::v1::RegistryChange, Version),
) -> Answer {
    check_content(&record, wire)?;
    let current = core.registry.current();
    let first_recorded_at = wire.stamp.as_ref().and_then(|s| s.first_recorded_at);
    let acknowledged = |duplicate, write_token| v1::Acknowledgement {
        duplicate,
        write_token,
        first_recorded_at,
        ..v1::Acknowledgement::default()
    };
    if current.holds(Digest::of(&record.body)) {
        return Ok(acknowledged(true, core.registry_token().await?));
    }
    not_from_the_future(wire, (core.clock)())?;
    same_home(&change, &current)?;
    let stated = stamp::stated(wire);
    let mut provenance = Provenance::read(caller, None, (core.clock)())?;
    let ends = Ends::of(core).await?;
    let recorded = ends.recorded(core, PartitionId::REGISTRY, stated);
    let change = Change {
        change,
        wire: entity,
        version,
        body: record.body,
        recorded,
    };
    // The adoptions are this node's own, at the time of what they adopt.
    provenance.stated = stated;
    let adopted = |partition| ends.recorded(core, partition, stated);
    let positions: Vec<Position> = core
        .record_changes(&current, vec![change], &provenance, adopted)
        .await?;
    Ok(acknowledged(false, core.token(&positions)))
}

/// What is marked higher than this version protects is not taken from others, either.
fn protectable(marking: Marking) -> Result<(), Refusal> {
    match marking {
        Marking::Clear => Ok(()),
        _ => Err(Refusal::field(
            "body.report.tlp",
            Reason::MarkingNotSupported,
            "is above what this version can protect; only CLEAR is taken",
        )),
    }
}

/// A stamp after now would hold the knowledge of a partition ahead of all clocks.
fn not_from_the_future(wire: &log::v1::RecordBody, now: Timestamp) -> Result<(), Refusal> {
    match stamp::stated(wire) {
        Some(stated) if stated > now => Err(Refusal::field(
            "body.stamp.first_known_at",
            Reason::OutOfRange,
            format!("{stated} has not come yet"),
        )),
        _ => Ok(()),
    }
}

/// Whoever a report names must be there before it: what is folded when it comes
/// must not hang on what comes after.
fn all_registered(
    report: &ascertain_domain::report::Report,
    registry: View<'_>,
) -> Result<(), Refusal> {
    use ascertain_domain::report::{Originator, Predicate};
    let missing = |kind: &str, id: &str, reason| {
        let what = format!("{kind} `{id}` is not in the registry; import the registry first");
        Err(Refusal::field("body.report", reason, what))
    };
    if let Originator::Source(id) = &report.originator
        && registry.source(id).is_none()
    {
        return missing("source", id.as_str(), Reason::SourceUnknown);
    }
    for claim in &report.claims {
        let receivers = match &claim.predicate {
            Predicate::HandedOver { to, .. } => to.as_slice(),
            _ => &[],
        };
        let mut named = claim.predicate.actors().iter().chain(receivers);
        if let Some(id) = named.find(|id| registry.actor(id).is_none()) {
            return missing("actor", id.as_str(), Reason::ActorUnknown);
        }
    }
    Ok(())
}

/// A home area is for ever, wherever the change comes from.
fn same_home(change: &RegistryChange, current: &Registered) -> Result<(), Refusal> {
    let RegistryChange::Place(place) = change else {
        return Ok(());
    };
    let registry = current.domain.latest();
    match registry.place(&place.id) {
        Some(old) if old.home_area != place.home_area => Err(Refusal::new(
            Code::FailedPrecondition,
            Reason::HomeAreaImmutable,
            format!(
                "the home area of `{}` is `{}` here, for ever",
                place.id, old.home_area
            ),
        )),
        _ => Ok(()),
    }
}

/// The knowledge times that the partitions have reached.
struct Ends(HashMap<PartitionId, End>);

impl Ends {
    async fn of(core: &Core) -> Result<Self, Refusal> {
        let ends = core.log.ends().await;
        let ends = ends.map_err(|error| Refusal::unavailable(error.to_string()))?;
        Ok(Self(core.partitions.all().zip(ends).collect()))
    }

    /// A stated record keeps its time where the partition holds nothing but
    /// stated records; else it is known from now on.
    fn recorded(&self, core: &Core, partition: PartitionId, stated: Option<Timestamp>) -> Recorded {
        match stated {
            Some(stated) if core.partitions.only_reconstructed(partition) => {
                let known = self.0.get(&partition).and_then(|end| end.known_at);
                Recorded::Stated(known.map_or(stated, |known| known.max(stated)))
            }
            _ => Recorded::Now,
        }
    }
}

/// As the answer to one record of a batch.
pub(crate) fn result((id, answer): Imported) -> v1::ImportResult {
    use v1::import_result::Result as Outcome;
    v1::ImportResult {
        result: Some(match answer {
            Ok(acknowledgement) => Outcome::Acknowledgement(acknowledgement),
            Err(refusal) => Outcome::Rejection(refusal.into_rejection(&id)),
        }),
    }
}
