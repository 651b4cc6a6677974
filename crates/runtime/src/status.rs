//! The one place where errors become gRPC statuses with google.rpc details, so
//! that every service refuses in the same way.

use std::error::Error;
use std::time::Duration;

use ascertain_domain::violation::Violation;
use ascertain_proto::v1::{FieldViolation, Reason};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every google.rpc.ErrorInfo that Ascertain sends.
pub const ERROR_DOMAIN: &str = "ascertain";

/// A refusal with a stable reason. The reason travels as `reason` of
/// google.rpc.ErrorInfo, without its prefix `REASON_`.
pub fn status(code: Code, reason: Reason, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, details(reason_name(reason)))
}

/// NOT_FOUND. The message should name what was looked up and the nearest there is.
pub fn not_found(reason: Reason, message: impl Into<String>) -> Status {
    status(Code::NotFound, reason, message)
}

/// INVALID_ARGUMENT with one google.rpc.BadRequest violation for each mistake,
/// each with its own reason; the status carries the reason of the first.
#[must_use]
pub fn bad_request(violations: Vec<Violation>) -> Status {
    violated(
        Code::InvalidArgument,
        violations.into_iter().map(wire_violation).collect(),
    )
}

/// A refusal with any code that lists violations, such as FAILED_PRECONDITION
/// for a change of a home area. The status carries the reason of the first.
#[must_use]
pub fn violated(code: Code, violations: Vec<FieldViolation>) -> Status {
    let reason = violations
        .first()
        .map_or("MALFORMED", |first| first.reason.as_str());
    let mut details = details(reason);
    let message = match violations.as_slice() {
        [only] => format!("{}: {}", only.field, only.description),
        many => format!("{} mistakes in the request", many.len()),
    };
    let fields: Vec<tonic_types::FieldViolation> = violations
        .into_iter()
        .map(|violation| {
            let mut field =
                tonic_types::FieldViolation::new(violation.field, violation.description);
            field.reason = violation.reason;
            field
        })
        .collect();
    details.set_bad_request(fields);
    Status::with_error_details(code, message, details)
}

/// A mistake as it travels.
#[must_use]
pub fn wire_violation(violation: Violation) -> FieldViolation {
    FieldViolation {
        field: violation.field,
        reason: violation.reason.name().to_owned(),
        description: violation.description,
    }
}

/// UNAVAILABLE with google.rpc.RetryInfo: the same call may succeed after
/// `retry_after`.
pub fn unavailable(reason: Reason, message: impl Into<String>, retry_after: Duration) -> Status {
    try_again(Code::Unavailable, reason, message, retry_after)
}

/// UNAVAILABLE or RESOURCE_EXHAUSTED with google.rpc.RetryInfo.
pub fn try_again(
    code: Code,
    reason: Reason,
    message: impl Into<String>,
    retry_after: Duration,
) -> Status {
    let mut details = details(reason_name(reason));
    details.set_retry_info(Some(retry_after));
    Status::with_error_details(code, message, details)
}

/// A defect. The whole chain of causes is logged as an error, here and nowhere
/// else; what leaves is bland, because a cause may hold what the caller may not see.
pub fn internal(error: &(dyn Error + 'static)) -> Status {
    tracing::error!(error = chain(error), "internal error");
    status(
        Code::Internal,
        Reason::Internal,
        "a defect in Ascertain; it was logged on the node",
    )
}

/// An error and all its causes in one line.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The name of a reason as it travels, without its prefix.
#[must_use]
pub fn reason_name(reason: Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name)
}

fn details(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, [])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_domain::violation::Reason as Why;

    fn violation(field: &str, reason: Why) -> Violation {
        Violation {
            field: field.into(),
            reason,
            description: "is empty; give one".into(),
        }
    }

    #[test]
    fn a_refusal_carries_its_stable_reason_and_domain() {
        let status = not_found(Reason::NotFound, "no place \"hame\"; nearest: hama");
        let info = status.get_details_error_info().expect("error info");
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("NOT_FOUND", "ascertain")
        );
    }

    #[test]
    fn every_mistake_of_a_request_is_told_with_its_own_reason() {
        let status = bad_request(vec![
            violation("report.tlp", Why::Required),
            violation("report.claims[2].place", Why::PlaceUnknown),
        ]);
        let told = status
            .get_details_bad_request()
            .expect("a bad request")
            .field_violations;
        let told: Vec<_> = told
            .iter()
            .map(|v| (v.field.as_str(), v.reason.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("report.tlp", "REQUIRED"),
                ("report.claims[2].place", "PLACE_UNKNOWN")
            ]
        );
        assert_eq!(status.message(), "2 mistakes in the request");
    }

    #[test]
    fn a_single_mistake_stands_in_the_message() {
        let status = bad_request(vec![violation("report.tlp", Why::Required)]);
        assert_eq!(status.message(), "report.tlp: is empty; give one");
        assert_eq!(
            status.get_details_error_info().expect("error info").reason,
            "REQUIRED"
        );
    }

    #[test]
    fn unavailable_says_when_to_come_back() {
        let status = unavailable(Reason::NotCaughtUp, "behind", Duration::from_millis(250));
        let retry = status.get_details_retry_info().expect("retry info");
        assert_eq!(retry.retry_delay, Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_defect_leaves_without_its_cause() {
        let status = internal(&std::io::Error::other("/var/lib/secret"));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"));
    }
}
