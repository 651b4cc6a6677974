//! Takes reports and registry changes, checks them, and acknowledges what is durable.
//!
//! [`Ingest`] is the whole service over any log; a binary adds the log, the
//! ports and the drain.

mod accept;
mod adjudicate;
mod adopt;
mod apply;
mod backups;
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

pub use backups::BackupsError;
pub use ledger::{Checkpoint, Entry};
pub use open::{SERVICES, backups_file, open};
pub use service::{Ingest, Settings, StartError};
