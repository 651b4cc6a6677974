//! From wire to domain: fallible, with the path of every mistake.
//!
//! [`submission`] checks what partners send, [`registry`] what operators apply;
//! [`record`] reads back what a log holds.

pub mod adjudication;
pub mod backup;
mod claim;
mod content;
mod enums;
pub mod erasure;
mod evidence;
mod links;
mod party;
pub mod record;
mod reference;
pub mod registry;
mod state;
pub mod submission;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use enums::{audience, status};
pub use state::{StateError, control_state};
pub use time::timestamp;
