//! Simulated conflicts: what happened is known, and sources with interests report it.
//!
//! A [`Scenario`] and a seed make a [`World`]: a registry and reports as the engine
//! reads them, and the truth beside. The same seed gives the same bits on every
//! machine. The numbers are those of the prototype that the method was drawn up on,
//! so its results can be compared; they were chosen, not measured on a real war.
//!
//! Tests and benchmarks depend on this crate, nothing that is served does.

mod attack;
pub mod baselines;
mod cast;
mod dice;
mod scenario;
pub mod score;
mod speech;
mod war;
mod world;

pub use scenario::{Colluders, Flood, Grades, NewIdentities, Scenario, Tracker};
pub use world::{Truth, World, simulate};
