//! One module for each noun.

pub(crate) mod actor;
pub(crate) mod adjudication;
pub(crate) mod backtest;
mod entity;
pub(crate) mod node;
pub(crate) mod place;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod source_model;
pub(crate) mod state;
