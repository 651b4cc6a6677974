//! The field's entities as strict types: ids, times, places, actors, sources,
//! claims, reports and control states. What is held here has been checked; a
//! wrong state has no value. No IO, no async, no clock, no randomness.
//!
//! Wire messages carry more (locators, custody logs, texts); the types here hold
//! what an answer may depend on.

pub mod actor;
pub mod evidence;
pub mod id;
pub mod marking;
pub mod model;
pub mod name;
pub mod place;
pub mod registry;
pub mod report;
pub mod simhash;
pub mod source;
pub mod state;
pub mod time;
pub mod tombstone;
pub mod violation;
