//! What can go wrong with a question, and how it is told.

use std::time::Duration;

use ascertain_domain::registry::LookupError;
use ascertain_proto::inward::StateError;
use ascertain_proto::resume::ResumeError;
use ascertain_proto::v1::{FieldViolation, Reason};
use ascertain_replica::ReplicaError;
use ascertain_runtime::status;
use ascertain_store::StoreError;
use tonic::{Code, Status};

/// After this a caller may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// A field of the request is wrong.
    #[error("{field}: {what}")]
    Field {
        field: String,
        reason: Reason,
        what: String,
    },
    /// The place is not in the registry as known at the time asked for.
    #[error("{0}")]
    PlaceUnknown(String),
    /// No such report, or not for this caller.
    #[error("there is no report {0}")]
    ReportUnknown(String),
    /// There was a report; it was erased with all that it said.
    #[error("report {0} was erased")]
    ReportErased(String),
    /// The writes named by `at_least`, or what was known at `as_known_at`, were not
    /// seen in time.
    #[error("what the answer must rest on was not seen within {} s; try again", .0.as_secs())]
    NotCaughtUp(Duration),
    /// The resume token is of another history of the logs.
    #[error(
        "the resume token is of another history of the logs; list again, then watch without one"
    )]
    ResumeTokenExpired,
    /// No more watches are taken now.
    #[error("as many watches are open here as `limits.max_watches` lets; try again")]
    TooManyWatches,
    /// Pages of errata for others are being made.
    #[error("pages of errata are made one at a time, and others are waiting; try again")]
    ErrataUnderWay,
    /// The process ends.
    #[error("the node is draining; go on with the newest resume token, elsewhere or later")]
    Draining,
    /// The replica failed.
    #[error("the replica of the report log failed")]
    Replica(#[from] ReplicaError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// An entry cannot be read.
    #[error("an entry of the state log cannot be read")]
    Entry(#[from] prost::DecodeError),
    /// A resumable point cannot be read.
    #[error("an entry of the state log cannot be resumed")]
    Resume(#[from] ResumeError),
    /// A published state cannot be read.
    #[error("an entry of the state log holds a state that cannot be read")]
    State(#[from] StateError),
    /// The store holds something that this version did not write.
    #[error("the store holds something unreadable: {0}")]
    Unreadable(&'static str),
}

impl QueryError {
    /// A wrong field.
    pub(crate) fn field(field: &str, reason: Reason, what: impl Into<String>) -> Self {
        Self::Field {
            field: field.to_owned(),
            reason,
            what: what.into(),
        }
    }

    /// A place that was not found, or not one place.
    pub(crate) fn place(field: &str, error: &LookupError) -> Self {
        match error {
            LookupError::Nothing => Self::field(field, Reason::Required, error.to_string()),
            LookupError::Ambiguous { .. } => {
                Self::field(field, Reason::PlaceAmbiguous, error.to_string())
            }
            LookupError::Contradicts { .. } => {
                Self::field(field, Reason::ReferenceContradicts, error.to_string())
            }
            LookupError::Unknown { .. } => Self::PlaceUnknown(error.to_string()),
        }
    }
}

impl From<QueryError> for Status {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Field {
                field,
                reason,
                what,
            } => {
                let violation = FieldViolation {
                    field,
                    reason: status::reason_name(reason).to_owned(),
                    description: what,
                };
                status::violated(Code::InvalidArgument, vec![violation])
            }
            QueryError::PlaceUnknown(what) => status::not_found(Reason::PlaceUnknown, what),
            QueryError::ReportUnknown(_) => status::not_found(Reason::NotFound, error.to_string()),
            QueryError::ReportErased(_) => {
                status::not_found(Reason::ReportErased, error.to_string())
            }
            QueryError::NotCaughtUp(_) => {
                status::unavailable(Reason::NotCaughtUp, error.to_string(), RETRY_AFTER)
            }
            QueryError::ResumeTokenExpired => status::status(
                Code::FailedPrecondition,
                Reason::ResumeTokenExpired,
                error.to_string(),
            ),
            QueryError::TooManyWatches => status::try_again(
                Code::ResourceExhausted,
                Reason::TooManyWatches,
                error.to_string(),
                RETRY_AFTER,
            ),
            QueryError::Draining | QueryError::ErrataUnderWay => {
                status::unavailable(Reason::Unavailable, error.to_string(), RETRY_AFTER)
            }
            QueryError::Replica(_)
            | QueryError::Store(_)
            | QueryError::Entry(_)
            | QueryError::Resume(_)
            | QueryError::State(_)
            | QueryError::Unreadable(_) => status::internal(&error),
        }
    }
}
