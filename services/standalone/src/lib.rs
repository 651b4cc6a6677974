//! The three services in one process: `ascertain serve`, and `ascertain demo`,
//! which starts them in a temporary folder and replays a scenario through gRPC.
//!
//! ```text
//! ports ─▶ ingest ─▶ report log ─▶ reconcile ─▶ state log ─▶ query ◀─ ports
//! ```
//!
//! [`start`] puts the services together; [`scenario`] reads what the demo replays;
//! [`demo`] replays it.

mod assembly;
pub mod demo;
mod ready;
pub mod scenario;

pub use assembly::{Addresses, start, start_on};
pub use ready::ready;
