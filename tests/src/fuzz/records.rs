//! Records, as logs hold them and as other nodes send them.

use std::sync::Arc;

use ascertain_domain::marking::Audience;
use ascertain_domain::registry::Version;
use ascertain_domain::report::Report;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::{Family, Folded, affected_places, family_places};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::inward::submission::join;
use ascertain_proto::log::v1::record_body::Content;
use ascertain_proto::log::v1::{RecordBody, ReportContent, StateRecord};
use ascertain_proto::outward;
use ascertain_proto::outward::Method;
use ascertain_proto::v1::ImportRecordsRequest;
use prost::Message as _;

use super::{decoded, known, received_at};

const METHOD: Method<'_> = Method {
    version: "fuzzed",
    source_model: "prior",
};

/// The body of a record.
pub(super) fn record(data: &[u8]) {
    taken(data, &[]);
}

/// Records that another node sends, each a body and a content.
pub(super) fn import(data: &[u8]) {
    let Some(batch) = decoded::<ImportRecordsRequest>(data) else {
        return;
    };
    let mut reports = Vec::new();
    for record in &batch.records {
        reports.extend(taken(&record.body, &record.content));
    }
    folded(&reports);
}

/// What was published of a partition.
pub(super) fn state_record(data: &[u8]) {
    let Some(record) = decoded::<StateRecord>(data) else {
        return;
    };
    for entry in record.entries {
        if let Some(point) = entry.resume {
            super::stored::resumed(&point);
        }
    }
}

fn taken(body: &[u8], content: &[u8]) -> Option<Arc<Report>> {
    let wire = decoded::<RecordBody>(body);
    let read = decode_body(body);
    assert!(wire.is_some() || read.is_err(), "no record, and read");
    match (read.ok()?, wire?.content) {
        (Body::Report(report), Some(Content::Report(recorded))) => {
            if let Ok(content) = ReportContent::decode(content) {
                let whole = join(&recorded, &content, None);
                assert_eq!(whole.claims.len(), report.claims.len());
            }
            Some(Arc::new(report))
        }
        (Body::Registry(change, ..), Some(Content::RegistryChange(_))) => {
            let mut registry = known().clone();
            let next = registry.last_sequence() + 1;
            registry.apply(next, Version::LATEST, change);
            None
        }
        (Body::Adopt { .. }, Some(Content::Adopt(_))) => None,
        (read, wire) => panic!("{wire:?} is read as {read:?}"),
    }
}

/// Folds reports for every place of the registry that they bear on, as reconcile
/// does with what is imported, and answers.
pub(super) fn folded(reports: &[Arc<Report>]) {
    let registry = known().latest();
    let named: Vec<_> = reports.iter().flat_map(|report| report.places()).collect();
    let bearing = affected_places(&named, registry);
    for place in bearing {
        let Some(place) = registry.place(&place) else {
            continue;
        };
        assert!(!family_places(&place.id, registry).is_empty());
        let family = Family {
            place,
            registry,
            audience: Audience::Clear,
            reports,
        };
        let mut fold = Folded::of(family);
        let point = fold.resume_point();
        for time in [
            Timestamp::from_micros(received_at().micros() - 30 * DAY_US).unwrap_or(received_at()),
            received_at(),
            received_at().plus_micros(HOUR_US),
        ] {
            let state = fold.evaluate(time, received_at());
            assert!(!outward::control_state(&state, METHOD).place_id.is_empty());
        }
        super::stored::stable(&point);
    }
}
