//! Generated messages, the descriptor set, and the conversions between wire and
//! domain. Generated types stop at a service's handlers: inward is
//! [`mod@inward`] (fallible, with field paths), outward is [`mod@outward`].

/// The public contract, package `ascertain.v1`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    unreachable_pub,
    unused_qualifications
)]
pub mod v1 {
    tonic::include_proto!("ascertain.v1");
    pub use crate::submission::{
        Submission as ReportSubmission, Submission as SubmitReportRequest,
    };
}

/// Record envelopes and the follower protocol, package `ascertain.log.v1`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    unreachable_pub,
    unused_qualifications
)]
pub mod log {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("ascertain.log.v1");
    }
}

/// Forms of our own, package `ascertain.store.v1`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    unreachable_pub,
    unused_qualifications
)]
pub mod store {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("ascertain.store.v1");
    }
}

pub mod inward;
pub mod outward;
pub mod page;
pub mod resume;
pub mod submission;
pub mod token;
pub mod verification;
pub mod watch;

/// The compiled descriptors of every message and service: for reflection and for
/// the protobuf JSON mapping.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
