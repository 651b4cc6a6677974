//! Errors on the wire: google.rpc status, there and back.

use std::collections::HashMap;

use ascertain_log::{FollowError, PartitionId, Sequence};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

const DOMAIN: &str = "ascertain";
const INCARNATION_CHANGED: &str = "LOG_INCARNATION_CHANGED";
const BEYOND_END: &str = "LOG_POSITION_BEYOND_END";
const UNAVAILABLE: &str = "UNAVAILABLE";
const MALFORMED: &str = "MALFORMED";
const END: &str = "end";

const LOG: &str = "ascertain.log.v1/Log";
const PARTITION: &str = "ascertain.log.v1/Partition";
const RECORD: &str = "ascertain.log.v1/Record";

/// What a follower is told.
pub(crate) fn to_status(error: &FollowError) -> Status {
    let message = error.to_string();
    let reason = |reason: &str, metadata| ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    let (code, details) = match error {
        FollowError::IncarnationChanged => (
            Code::FailedPrecondition,
            reason(INCARNATION_CHANGED, HashMap::new()),
        ),
        FollowError::BeyondEnd { end, .. } => {
            let metadata = HashMap::from([(END.to_owned(), end.to_string())]);
            (Code::FailedPrecondition, reason(BEYOND_END, metadata))
        }
        FollowError::NoSuchPartition(partition) => (
            Code::NotFound,
            resource(PARTITION, partition.to_string(), ""),
        ),
        FollowError::Damaged {
            sequence, detail, ..
        } => (
            Code::DataLoss,
            resource(RECORD, sequence.to_string(), detail),
        ),
        FollowError::Unavailable(_) => (Code::Unavailable, reason(UNAVAILABLE, HashMap::new())),
    };
    Status::with_error_details(code, message, details)
}

/// This process does not hold the log.
pub(crate) fn no_such_log(name: &str) -> Status {
    let message = format!("this process does not hold the log {name}");
    Status::with_error_details(Code::NotFound, message, resource(LOG, name.to_owned(), ""))
}

/// The request's incarnation is none.
pub(crate) fn malformed_incarnation(bytes: usize) -> Status {
    let message = format!("an incarnation has 16 bytes, not {bytes}");
    let mut details = ErrorDetails::with_bad_request_violation("incarnation", &message);
    details.set_error_info(MALFORMED, DOMAIN, HashMap::new());
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// What a status means to a follower of a partition after a sequence. Whatever is
/// not known to last may pass: it is [`FollowError::Unavailable`].
pub(crate) fn from_status(status: &Status, partition: PartitionId, after: Sequence) -> FollowError {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let resource = details.resource_info();
    let resource_is = |kind| resource.filter(|resource| resource.resource_type == kind);
    match info.map(|info| info.reason.as_str()) {
        Some(INCARNATION_CHANGED) => return FollowError::IncarnationChanged,
        Some(BEYOND_END) => {
            let end = info.and_then(|info| info.metadata.get(END)?.parse().ok());
            return FollowError::BeyondEnd {
                partition,
                after,
                end: end.map_or(Sequence::ZERO, Sequence),
            };
        }
        _ => {}
    }
    if resource_is(PARTITION).is_some() {
        return FollowError::NoSuchPartition(partition);
    }
    if let Some(record) = resource_is(RECORD) {
        let sequence = record.resource_name.parse();
        return FollowError::Damaged {
            partition,
            sequence: sequence.map_or_else(|_| after.next(), Sequence),
            detail: record.description.clone(),
        };
    }
    FollowError::Unavailable(format!("{}: {}", status.code(), status.message()))
}

fn resource(kind: &str, name: String, description: &str) -> ErrorDetails {
    ErrorDetails::with_resource_info(kind, name, "", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_that_lasts_arrives_as_it_was_sent() {
        let partition = PartitionId(3);
        let after = Sequence(9);
        let errors = [
            FollowError::IncarnationChanged,
            FollowError::NoSuchPartition(partition),
            FollowError::BeyondEnd {
                partition,
                after,
                end: Sequence(4),
            },
            FollowError::Damaged {
                partition,
                sequence: Sequence(12),
                detail: "the checksum does not match".to_owned(),
            },
        ];
        for error in errors {
            let back = from_status(&to_status(&error), partition, after);
            assert_eq!(format!("{back:?}"), format!("{error:?}"));
        }
    }

    #[test]
    fn every_other_error_may_pass() {
        let closed = FollowError::Unavailable("the log is closed".to_owned());
        for status in [
            to_status(&closed),
            no_such_log("LOG_KIND_STATES"),
            Status::not_found("no such method"),
            Status::data_loss("of somebody else"),
        ] {
            let error = from_status(&status, PartitionId(0), Sequence::ZERO);
            assert!(matches!(error, FollowError::Unavailable(_)), "{error:?}");
        }
    }
}
