//! The method measured against history.
//!
//! [`baselines`] are what the method has to beat, [`metrics`] say by how much.

pub mod baselines;
mod error;
mod habits;
pub mod metrics;
mod parallel;
pub mod plot;
pub mod read;
pub mod report;
mod run;
mod tally;
mod timed;
mod untimed;
mod world;

pub use error::{Error, Mistakes};
pub use run::{Files, Progress, run};
pub use tally::{Means, Reliability};
