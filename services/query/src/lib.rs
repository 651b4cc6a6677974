//! Follows both logs into sled and answers who controls a place, how sure that
//! is, since when and why.
//!
//! ```text
//! report log ─▶ reports by place ─┐
//! state log ──▶ entries by place ─┴▶ answer(place, as_of, as_known_at)
//! ```
//!
//! A state not before the newest evidence is evaluated from the entry's resumable
//! point; an earlier one by folding the reports known by then. [`service`] puts
//! the parts together, [`follow`] fills the store, [`answer`] reads it, [`grpc`]
//! translates.

mod answer;
mod compare;
mod erased;
mod errata;
mod error;
mod filter;
mod follow;
mod grpc;
mod history;
mod lately;
mod list;
mod listing;
mod read;
mod role;
mod service;
mod states;
mod verify;
mod view;
mod watch;

pub use service::{Query, SERVICES};
