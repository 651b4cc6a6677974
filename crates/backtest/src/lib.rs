//! The method measured against history.
//!
//! [`baselines`] are what the method has to beat, [`metrics`] say by how much.

pub mod baselines;
pub mod metrics;
