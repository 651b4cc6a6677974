//! What partners, operators and followers send.

use std::sync::Arc;

use ascertain_domain::registry::{RegistryChange, Version};
use ascertain_domain::violation::Violation;
use ascertain_log_remote::wire::{from_frame, from_partition_end, to_frame, to_partition_end};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::inward::registry::{self, Entity};
use ascertain_proto::inward::submission::{check, join, submitted_digest};
use ascertain_proto::log::v1::record_body::Content;
use ascertain_proto::log::v1::{FollowLogResponse, RecordBody, Stamp};
use ascertain_proto::outward;
use ascertain_proto::v1::{ApplyRegistryRequest, ApplySourceModelRequest, SubmitReportsRequest};
use prost::Message as _;

use super::{decoded, known, received_at, records};

/// A batch of reports: the decoder, the check, the record of what is accepted, and
/// what a fold makes of it.
pub(super) fn submission(data: &[u8]) {
    let Some(batch) = decoded::<SubmitReportsRequest>(data) else {
        return;
    };
    for submission in batch.submissions {
        if let Some(unreadable) = &submission.unreadable {
            assert!(!unreadable.field.is_empty(), "{unreadable:?}");
        }
        let Some(report) = submission.report else {
            continue;
        };
        let checked = match check(&report, known().latest(), received_at()) {
            Ok(checked) => checked,
            Err(mistakes) => {
                told(&mistakes, "report");
                continue;
            }
        };
        assert_eq!(
            checked.recorded.submitted_digest,
            submitted_digest(&report).0
        );

        let body = body(Content::Report(checked.recorded.clone()));
        let read = decode_body(&body).expect("a recorded report is read");
        let Body::Report(read) = read else {
            panic!("a report is read as {read:?}")
        };
        assert_eq!(
            (read.id, read.places()),
            (checked.id, checked.places.clone())
        );
        records::folded(&[Arc::new(read)]);

        // A report that was accepted is accepted again, and says the same.
        let whole = join(&checked.recorded, &checked.content, None);
        let again = check(&whole, known().latest(), received_at());
        let again = again.unwrap_or_else(|mistakes| panic!("refused again: {mistakes:?}"));
        assert_eq!(again.places, checked.places);
        assert_eq!(again.recorded.report, checked.recorded.report);
    }
}

/// A request to the registry, beside what stands there.
pub(super) fn registry(data: &[u8]) {
    let Some(request) = decoded::<ApplyRegistryRequest>(data) else {
        return;
    };
    match registry::check(&request, known()) {
        Err(mistakes) => told(&mistakes, ""),
        Ok(entities) => {
            let mut after = known().clone();
            for (next, entity) in (known().last_sequence() + 1..).zip(&entities) {
                recorded(entity);
                after.apply(next, Version::LATEST, entity.change.clone());
            }
            if let Err(mistakes) = registry::check(&request, &after) {
                panic!("what was applied is refused: {mistakes:?}");
            }
        }
    }
}

/// A source model to be adopted.
pub(super) fn source_model(data: &[u8]) {
    let Some(request) = decoded::<ApplySourceModelRequest>(data) else {
        return;
    };
    match registry::check_model(&request, known(), received_at()) {
        Err(mistakes) => told(&mistakes, "model"),
        Ok(entity) => {
            recorded(&entity);
            if let RegistryChange::SourceModel(model) = &entity.change {
                assert!(!outward::model_id(model).is_empty());
            }
        }
    }
}

/// What a writer of a log sends to those who follow it.
pub(super) fn log_frame(data: &[u8]) {
    let Some(batch) = decoded::<FollowLogResponse>(data) else {
        return;
    };
    for frame in batch.frames {
        if let Ok(record) = from_frame(frame.clone()) {
            assert_eq!(to_frame(record), frame);
        }
    }
    if let Some(end) = decoded::<ascertain_proto::log::v1::PartitionEnd>(data)
        && let Ok(read) = from_partition_end(&end)
    {
        assert_eq!(
            from_partition_end(&to_partition_end(end.partition, &read)),
            Ok(read)
        );
    }
}

/// An entity that was accepted reads as it was checked.
fn recorded(entity: &Entity) {
    let body = body(Content::RegistryChange(entity.wire.clone()));
    match decode_body(&body).expect("a recorded entity is read") {
        Body::Registry(change, wire, _) => {
            assert_eq!(change, entity.change);
            assert_eq!(*wire, entity.wire);
        }
        other => panic!("an entity is read as {other:?}"),
    }
}

pub(super) fn body(content: Content) -> Vec<u8> {
    let body = RecordBody {
        stamp: Some(Stamp {
            first_recorded_at: Some(outward::timestamp(received_at())),
            first_node: "node-1".to_owned(),
            partner_id: "local".to_owned(),
            ..Stamp::default()
        }),
        content: Some(content),
    };
    body.encode_to_vec()
}

/// Every mistake says where and what.
fn told(mistakes: &[Violation], root: &str) {
    assert!(!mistakes.is_empty(), "refused without a mistake");
    for mistake in mistakes {
        assert!(mistake.field.starts_with(root), "{mistake:?}");
        assert!(!mistake.description.is_empty(), "{mistake:?}");
    }
}
