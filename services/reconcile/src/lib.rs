//! Follows the report log, folds the evidence of the places that each record
//! touches, and appends the states that changed to the state log.
//!
//! ```text
//! report log ─▶ partition task ─▶ evidence (sled) ─▶ fold ─▶ state log ─▶ checkpoint (sled)
//! ```
//!
//! A partition's state log is a function of the partition's records alone, with the
//! prefix of partition 0 that they adopt: whoever computes it writes the same
//! bytes. The service is [`service`]; one partition is [`partition`]; what a record
//! causes is [`fold`]; folds kept for the next record are [`folds`]. What unproven
//! sources flood is told by [`flood`]; source models are fitted in [`fit`].

mod error;
mod fit;
mod flood;
mod fold;
mod folds;
mod grpc;
mod partition;
mod progress;
mod published;
mod service;
mod verify;

pub use error::ReconcileError;
pub use service::{Reconcile, SERVICES, open_state_log};
