//! What can go wrong with a call, as a caller can act on it.

use std::fmt;
use std::time::Duration;

use ascertain_proto::v1::FieldViolation;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is no address, or not `http`: TLS is not served yet.
    #[error("{endpoint:?} is no endpoint; give one such as http://127.0.0.1:7413")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// Why not; `None` for another scheme than `http`.
        #[source]
        source: Option<tonic::transport::Error>,
    },
    /// Nobody answers there, or the connection broke on every try.
    #[error("{endpoint} cannot be reached")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// How the last try ended.
        #[source]
        source: Status,
    },
    /// No answer came in time. Whether a write happened is not known; writing
    /// again with the same ids is safe.
    #[error("{endpoint} did not answer within {} s", .after.as_secs_f64())]
    TimedOut {
        /// Where.
        endpoint: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server broke the contract, for instance by closing a stream early.
    #[error("{endpoint} broke the contract: {what}")]
    Contract {
        /// Where.
        endpoint: String,
        /// How.
        what: &'static str,
    },
}

/// A server's no, with what it said about it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// The stable reason, the name of a value of Reason without its prefix;
    /// empty where the server gave none.
    pub reason: String,
    /// What happened, for people.
    pub message: String,
    /// One for each mistake of the request.
    pub violations: Vec<FieldViolation>,
    /// After how long the same call may succeed, where the server said so.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(f, "{}", self.code.description())
        } else {
            f.write_str(&self.message)
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone());
        let violations = details
            .bad_request()
            .map(|bad| bad.field_violations.clone());
        let violation = |violation: tonic_types::FieldViolation| FieldViolation {
            field: violation.field,
            reason: violation.reason,
            description: violation.description,
        };
        Self {
            code: status.code(),
            reason: reason.unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations
                .unwrap_or_default()
                .into_iter()
                .map(violation)
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

impl ClientError {
    /// What a status means: one that never crossed the wire carries its cause.
    pub(crate) fn of(endpoint: &str, status: Status, deadline: Duration) -> Self {
        let endpoint = endpoint.to_owned();
        let local = std::error::Error::source(&status).is_some();
        match (local, status.code()) {
            // A connection that breaks while it is used counts as cancelled too;
            // only tonic's own timer says it in these words.
            (true, Code::Cancelled) if status.message() == "Timeout expired" => Self::TimedOut {
                endpoint,
                after: deadline,
            },
            (true, _) => Self::Unreachable {
                endpoint,
                source: status,
            },
            (false, _) => Self::Refused(Box::new(status.into())),
        }
    }

    /// The server's no, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The gRPC code: the server's, or the one that fits.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Endpoint { .. } => Code::InvalidArgument,
            Self::Unreachable { .. } => Code::Unavailable,
            Self::TimedOut { .. } => Code::DeadlineExceeded,
            Self::Refused(refusal) => refusal.code,
            Self::Contract { .. } => Code::Internal,
        }
    }

    /// The stable reason that the server gave; empty where there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.refusal().map_or("", |refusal| &refusal.reason)
    }

    /// The mistakes of the request, one by one, as far as the server told them.
    #[must_use]
    pub fn violations(&self) -> &[FieldViolation] {
        self.refusal().map_or(&[], |refusal| &refusal.violations)
    }
}
