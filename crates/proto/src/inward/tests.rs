//! Submissions, records and the registry, as statements about them.

mod arbitrary;
mod fixture;
mod mistakes;
mod model;
mod record;
mod registry;
mod submission;
