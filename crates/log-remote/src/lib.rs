//! Following a log that another process writes, over gRPC, and serving one.
//!
//! ```text
//! writer's process                                        follower's process
//! MemoryLog, FileLog ── LogReader ── LogServer ══ gRPC ══ RemoteLog ── LogReader
//! ```
//!
//! The follower believes nothing: it checks sequence, knowledge time and chain of
//! every frame. A broken connection ends its stream with
//! [`FollowError::Unavailable`](ascertain_log::FollowError::Unavailable);
//! [`follow_forever`](ascertain_log::follow_forever) goes on from there.

mod client;
mod server;
mod status;
pub mod wire;

pub use client::RemoteLog;
pub use server::LogServer;

/// The largest message that is sent or taken, bytes. A response holds frames of
/// about 1 MiB, or one frame that is larger.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;
