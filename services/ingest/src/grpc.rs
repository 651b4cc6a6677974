//! The faces of ingest: thin handlers over the decisions.

mod adjudication;
mod backup;
mod ingest;
mod model;
mod page;
mod registry;

pub(crate) use adjudication::AdjudicationHandler;
pub(crate) use backup::BackupHandler;
pub(crate) use ingest::IngestHandler;
pub(crate) use registry::RegistryHandler;
