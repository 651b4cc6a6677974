//! Submissions, records and the registry, as statements about them.

mod arbitrary;
mod fixture;
mod mistakes;
mod record;
mod registry;
mod submission;
