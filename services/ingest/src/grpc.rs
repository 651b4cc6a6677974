//! The faces of ingest: thin handlers over the decisions.

mod ingest;
mod model;
mod page;
mod registry;

pub(crate) use ingest::IngestHandler;
pub(crate) use registry::RegistryHandler;
