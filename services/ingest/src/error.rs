//! Why something is refused, and what that is on the wire.

use std::time::Duration;

use ascertain_domain::violation::Violation;
use ascertain_log::AppendError;
use ascertain_proto::{outward, v1};
use ascertain_runtime::status;
use tonic::{Code, Status};
use v1::Reason;

use crate::backups::BackupsError;

/// When a caller should come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// As much of an unreadable id as is given back.
const SHOWN_ID_CHARACTERS: usize = 64;

/// A refusal: of a whole call, or of one item of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) violations: Vec<v1::FieldViolation>,
}

impl Refusal {
    /// A refusal that names no field.
    pub(crate) fn new(code: Code, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
        }
    }

    /// Bad input, mistake by mistake.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        let violations = violations.into_iter().map(outward::violation).collect();
        Self::violated(Code::InvalidArgument, violations)
    }

    /// Bad input: one field.
    pub(crate) fn field(field: &str, reason: Reason, description: impl Into<String>) -> Self {
        let violation = v1::FieldViolation {
            field: field.to_owned(),
            reason: status::reason_name(reason).to_owned(),
            description: description.into(),
        };
        Self::violated(Code::InvalidArgument, vec![violation])
    }

    /// Any code, with the fields that it is about.
    pub(crate) fn violated(code: Code, violations: Vec<v1::FieldViolation>) -> Self {
        let first = violations.first();
        let reason = first.and_then(|v| Reason::from_str_name(&format!("REASON_{}", v.reason)));
        let message = match violations.as_slice() {
            [only] => format!("{}: {}", only.field, only.description),
            many => format!("{} mistakes", many.len()),
        };
        Self {
            code,
            reason: reason.unwrap_or(Reason::Malformed),
            message,
            violations,
        }
    }

    /// The same id, another report.
    pub(crate) fn reused(fields: &[&str]) -> Self {
        let violations = fields.iter().map(|field| v1::FieldViolation {
            field: if field.is_empty() {
                "report".to_owned()
            } else {
                format!("report.{field}")
            },
            reason: status::reason_name(Reason::ReportIdReused).to_owned(),
            description: "differs from the report stored under this id; \
                          give another report another id"
                .to_owned(),
        });
        Self::violated(Code::AlreadyExists, violations.collect())
    }

    /// The id that a field gives is that of something else.
    pub(crate) fn id_taken(field: &str) -> Self {
        let what = "was used for something else; choose another";
        Self {
            code: Code::AlreadyExists,
            ..Self::field(field, Reason::ReportIdReused, what)
        }
    }

    /// A defect: logged here, bland outside.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let status = status::internal(error);
        Self::new(Code::Internal, Reason::Internal, status.message())
    }

    /// Cannot be done now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, Reason::Unavailable, message)
    }

    /// The report was erased, with all that it says.
    pub(crate) fn erased() -> Self {
        Self::new(
            Code::FailedPrecondition,
            Reason::ReportErased,
            "the report of this id was erased, with what it claims; it is not taken again",
        )
    }

    /// The index is not as far as the log yet.
    pub(crate) fn not_caught_up() -> Self {
        let what = "the report log is being read again since the start; try again";
        Self::new(Code::Unavailable, Reason::NotCaughtUp, what)
    }

    /// As the status that a unary call ends with.
    pub(crate) fn into_status(self) -> Status {
        if !self.violations.is_empty() {
            return status::violated(self.code, self.violations);
        }
        if let Some(after) = self.retry_after() {
            return status::try_again(self.code, self.reason, self.message, after);
        }
        status::status(self.code, self.reason, self.message)
    }

    /// When the same may be taken, where it may.
    fn retry_after(&self) -> Option<Duration> {
        matches!(self.code, Code::Unavailable | Code::ResourceExhausted).then_some(RETRY_AFTER)
    }

    /// As the answer to one item of a batch.
    pub(crate) fn into_rejection(self, id: &str) -> v1::Rejection {
        let retry_after = self.retry_after();
        v1::Rejection {
            // It is a constant of some seconds.
            retry_after: retry_after.and_then(|after| after.try_into().ok()),
            id: id.chars().take(SHOWN_ID_CHARACTERS).collect(),
            code: self.code.into(),
            reason: status::reason_name(self.reason).to_owned(),
            message: self.message,
            violations: self.violations,
        }
    }
}

impl From<BackupsError> for Refusal {
    fn from(error: BackupsError) -> Self {
        let exhausted = |reason| Self::new(Code::ResourceExhausted, reason, error.to_string());
        match &error {
            BackupsError::TooMany => exhausted(Reason::TooManyBackups),
            BackupsError::OtherHistory => Self::new(
                Code::FailedPrecondition,
                Reason::LogIncarnationChanged,
                error.to_string(),
            ),
            error if error.is_no_space() => exhausted(Reason::NoSpace),
            error => Self::internal(error),
        }
    }
}

impl From<&AppendError> for Refusal {
    fn from(error: &AppendError) -> Self {
        match error {
            AppendError::LaterKnown {
                known_at, stated, ..
            } => Self::new(
                Code::FailedPrecondition,
                Reason::BackfillTooLate,
                format!(
                    "something known at {known_at} is recorded here already, later than \
                     {stated}; submit it without backfill, as a late report"
                ),
            ),
            AppendError::TooLarge { bytes, limit } => {
                let what = format!("takes {bytes} bytes on record; {limit} is the most");
                Self::new(Code::InvalidArgument, Reason::TooLong, what)
            }
            AppendError::NoSpace(why) => {
                let what = format!("nothing can be recorded until there is space: {why}");
                Self::new(Code::ResourceExhausted, Reason::NoSpace, what)
            }
            AppendError::Refused(why) => {
                Self::unavailable(format!("nothing can be recorded now: {why}"))
            }
            AppendError::OutcomeUnknown(_) => Self::new(
                Code::Unavailable,
                Reason::OutcomeUnknown,
                "whether it was recorded is not known; send the same again",
            ),
            AppendError::NoSuchPartition(_) => Self::internal(error),
        }
    }
}
