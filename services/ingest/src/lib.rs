//! Takes reports and registry changes, checks them, and acknowledges what is durable.
//!
//! [`Ingest`] is the whole service over any log; a binary adds the log, the
//! ports and the drain.

mod accept;
mod adjudicate;
mod adopt;
mod apply;
mod counters;
mod erase;
mod error;
mod grpc;
mod import;
mod ledger;
mod open;
mod partition;
mod registry;
mod replay;
mod role;
mod service;
mod stamp;
mod verify;
mod writer;

pub use ledger::{Checkpoint, Entry};
pub use open::{SERVICES, open};
pub use service::{Ingest, Settings, StartError};
