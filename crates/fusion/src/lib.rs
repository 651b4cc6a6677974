//! The mathematics of the fusion on plain numbers.
//!
//! A place is in one of K outcomes: its sides, then contested, mixed, vacated and
//! other ([`outcomes`]). Control changes in continuous time ([`dynamics`]),
//! now slowly and now fast ([`pace`]). A
//! claim is a soft set of outcomes, seen through what its source says when each
//! outcome is so ([`tables`]); one that reports only changes goes on saying it by its
//! silence ([`standing`]). Repeats and crowds weigh less
//! ([`dependence`]), like pictures and texts too ([`likeness`]). A
//! [`filter`] folds the claims, slot by slot, and carries beside the answer what
//! the answer would be without each group. From what is believed with hindsight the
//! tables are learned ([`learn`]).
//!
//! Sums run in the order given; exponentials and logarithms are libm's, so that
//! every machine computes the same bits. No IO, no async, no clock, no randomness.

pub mod dependence;
pub mod dispute;
pub mod dynamics;
pub mod filter;
pub mod learn;
pub mod likeness;
pub mod offline;
pub mod outcomes;
pub mod pace;
pub mod standing;
pub mod stay;
pub mod tables;
