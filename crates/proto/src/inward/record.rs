//! What a log holds, read back. Bodies are trusted to have been checked, and are
//! still read without a panic: another version may have written them.

mod report;

use ascertain_domain::id::Digest;
use ascertain_domain::registry::RegistryChange;
use ascertain_domain::report::Report;
use ascertain_domain::violation::{Violation, Violations};
use log::v1::record_body::Content;
use log::v1::registry_change::Entity;
use prost::Message as _;

use super::registry;
use crate::log;

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A report.
    Report(Report),
    /// An entity of the registry, and the whole of it as it was applied.
    Registry(RegistryChange, Box<log::v1::RegistryChange>),
    /// The partition sees partition 0 up to a later sequence.
    Adopt {
        /// That sequence, inclusive.
        registry_sequence: u64,
    },
}

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a protobuf message of this kind.
    #[error("the body is no record: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// A newer version wrote a kind of record that this one does not know.
    #[error("the body holds a kind of record that this version does not know")]
    UnknownContent,
    /// A field is missing, or holds what this version does not know.
    #[error("the body cannot be read: {0}")]
    Field(Violation),
}

/// Reads a body.
///
/// # Errors
/// [`DecodeError`] says which field cannot be read.
pub fn decode_body(bytes: &[u8]) -> Result<Body, DecodeError> {
    let body = log::v1::RecordBody::decode(bytes)?;
    match &body.content {
        Some(Content::Report(recorded)) => {
            let mut v = Violations::at("report");
            let report = report::decode(&body, recorded, Digest::of(bytes), &mut v);
            report.map(Body::Report).ok_or_else(|| first(v))
        }
        Some(Content::RegistryChange(change)) => registry_change(change, bytes),
        Some(Content::Adopt(adopt)) => Ok(Body::Adopt {
            registry_sequence: adopt.registry_sequence,
        }),
        None => Err(absent(&body, bytes)),
    }
}

fn registry_change(change: &log::v1::RegistryChange, bytes: &[u8]) -> Result<Body, DecodeError> {
    let mut v = Violations::at("registry_change");
    let read = match &change.entity {
        Some(Entity::Place(wire)) => registry::place(wire, &mut v).map(RegistryChange::Place),
        Some(Entity::Actor(wire)) => registry::actor(wire, &mut v).map(RegistryChange::Actor),
        Some(Entity::Source(wire)) => registry::source(wire, &mut v).map(RegistryChange::Source),
        None => {
            let body = log::v1::RecordBody::decode(bytes)?;
            return Err(absent(&body, bytes));
        }
    };
    match (read, v.count()) {
        (Some(read), 0) => Ok(Body::Registry(read, Box::new(change.clone()))),
        _ => Err(first(v)),
    }
}

/// Nothing that we know: unknown fields do not survive, known ones do.
fn absent(body: &log::v1::RecordBody, bytes: &[u8]) -> DecodeError {
    if body.encoded_len() < bytes.len() {
        return DecodeError::UnknownContent;
    }
    let mut v = Violations::at("content");
    missing("", &mut v);
    first(v)
}

fn missing(field: &str, v: &mut Violations) {
    use ascertain_domain::violation::Reason;
    v.add(field, Reason::Required, "is missing");
}

fn first(v: Violations) -> DecodeError {
    let found = v.finish().err().and_then(|found| found.into_iter().next());
    // Without a field to name, at least the kind of error is right.
    found.map_or(DecodeError::UnknownContent, DecodeError::Field)
}
