//! Ids, places, actors, sources, claims, reports, states and times, with their validation.

pub mod time;
