//! The mathematics of the fusion on plain numbers: no IO, no async, no clock, no randomness.
