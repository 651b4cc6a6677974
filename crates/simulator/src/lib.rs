//! Simulated conflicts: what happened is known, and sources with interests report it.
//!
//! A [`Scenario`] and a seed make a [`World`]: a registry and reports as the engine
//! reads them, and the truth beside. The same seed gives the same bits on every
//! machine. The numbers are those of the prototype that the method was drawn up on,
//! so its results can be compared; they were chosen, not measured on a real war.
//!
//! Where the prototype's description left something open, it was chosen so that the
//! tuned votes of [`baselines`] come out as they did there (base and sparse): above all
//! how much more is said near a change than in quiet times. Of a divided city without
//! a fight half of the claims name who holds which quarters, the others that somebody
//! is inside; colluders come from the accounts whose channels nobody verified.
//!
//! It is no war. Lags, errors and lies are drawn apart for each source, whole classes
//! do not err together but by rumour and agreement, and forms of words are drawn apart
//! from motives. What a method reaches here is no promise for the world; what it fails
//! at here it will hardly do better there.
//!
//! Tests and benchmarks depend on this crate, nothing that is served does.

mod attack;
pub mod baselines;
mod cast;
mod dice;
pub mod pooled;
mod scenario;
pub mod score;
mod speech;
mod unlisted;
mod war;
mod world;

pub use scenario::{Colluders, Flood, Grades, NewIdentities, Scenario, Tracker};
pub use world::{Truth, World, simulate};
