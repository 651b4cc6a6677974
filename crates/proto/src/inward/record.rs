//! What a log holds, read back. Bodies are trusted to have been checked, and are
//! still read without a panic: another version may have written them.

mod report;

use ascertain_domain::adjudication::Adjudication;
use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{Digest, PartnerId, ReportId, ReportKey};
use ascertain_domain::registry::{RegistryChange, Version};
use ascertain_domain::report::Report;
use ascertain_domain::tombstone::Tombstone;
use ascertain_domain::violation::{Reason, Violation, Violations};
use log::v1::record_body::Content;
use log::v1::registry_change::Entity;
use prost::Message as _;

use super::{adjudication, enums, registry, text, time};
use crate::log;

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A report.
    Report(Report),
    /// An entity of the registry, the whole of it as it was applied, and which
    /// version that is.
    Registry(RegistryChange, Box<log::v1::RegistryChange>, Version),
    /// The partition sees partition 0 up to a later sequence.
    Adopt {
        /// That sequence, inclusive.
        registry_sequence: u64,
    },
    /// What a report held is erased, wherever it is or comes.
    Erasure(ReportKey, Scope),
    /// An operator's ruling.
    Adjudication(Adjudication),
    /// The tombstone of a report's body.
    Erased(Tombstone),
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
    if let Some(tombstone) = Tombstone::read(bytes) {
        return Ok(Body::Erased(tombstone));
    }
    let body = log::v1::RecordBody::decode(bytes)?;
    match &body.content {
        Some(Content::Report(recorded)) => {
            let mut v = Violations::at("report");
            let report = report::decode(&body, recorded, Digest::of(bytes), &mut v);
            report.map(Body::Report).ok_or_else(|| first(v))
        }
        Some(Content::RegistryChange(change)) => registry_change(&body, change, bytes),
        Some(Content::Adopt(adopt)) => Ok(Body::Adopt {
            registry_sequence: adopt.registry_sequence,
        }),
        Some(Content::Erasure(erasure)) => erasure_of(erasure),
        Some(Content::Adjudication(record)) => {
            let mut v = Violations::at("adjudication");
            let stamp = body.stamp.clone().unwrap_or_default();
            let read = adjudication::read(&stamp, record, &mut v);
            read.map(Body::Adjudication).ok_or_else(|| first(v))
        }
        None => Err(absent(&body, bytes)),
    }
}

/// Whether a body says that a report is erased; read without the rest.
#[must_use]
pub fn is_erasure(bytes: &[u8]) -> bool {
    /// A body of which only an erasure is read.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Peeked {
        #[prost(message, optional, tag = "5")]
        erasure: Option<log::v1::Erasure>,
    }
    Peeked::decode(bytes).is_ok_and(|body| body.erasure.is_some())
}

fn erasure_of(erasure: &log::v1::Erasure) -> Result<Body, DecodeError> {
    let mut v = Violations::at("erasure");
    let partner = PartnerId::new(&erasure.partner_id)
        .map_err(|error| text::add_id_error(&error, "partner_id", &mut v));
    let report = ReportId::parse(&erasure.report_id);
    if report.is_none() {
        v.add("report_id", Reason::InvalidUuid, "is no UUID");
    }
    let scope = enums::scope(erasure.scope, "scope", &mut v);
    match (partner, report, scope) {
        (Ok(partner), Some(report), Some(scope)) => {
            Ok(Body::Erasure(ReportKey { partner, report }, scope))
        }
        _ => Err(first(v)),
    }
}

fn registry_change(
    body: &log::v1::RecordBody,
    change: &log::v1::RegistryChange,
    bytes: &[u8],
) -> Result<Body, DecodeError> {
    let mut v = Violations::at("registry_change");
    let version = version(body, Digest::of(bytes), &mut v);
    let read = match &change.entity {
        Some(Entity::Place(wire)) => registry::place(wire, &mut v).map(RegistryChange::Place),
        Some(Entity::Actor(wire)) => registry::actor(wire, &mut v).map(RegistryChange::Actor),
        Some(Entity::Source(wire)) => registry::source(wire, &mut v).map(RegistryChange::Source),
        Some(Entity::SourceModel(wire)) => v.within("source_model", |v| {
            registry::source_model(wire, v).map(RegistryChange::SourceModel)
        }),
        None => {
            return Err(absent(body, bytes));
        }
    };
    match (read, version, v.count()) {
        (Some(read), Some(version), 0) => {
            Ok(Body::Registry(read, Box::new(change.clone()), version))
        }
        _ => Err(first(v)),
    }
}

fn version(body: &log::v1::RecordBody, digest: Digest, v: &mut Violations) -> Option<Version> {
    let stamp = body.stamp.clone().unwrap_or_default();
    let recorded = time::optional(
        stamp.first_recorded_at.as_ref(),
        "stamp.first_recorded_at",
        v,
    );
    let stated = time::optional(stamp.first_known_at.as_ref(), "stamp.first_known_at", v);
    let Some(first_recorded_at) = recorded else {
        missing("stamp.first_recorded_at", v);
        return None;
    };
    Some(Version {
        first_known_at: stated.unwrap_or(first_recorded_at),
        first_recorded_at,
        body: digest,
    })
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
    v.add(field, Reason::Required, "is missing");
}

fn first(v: Violations) -> DecodeError {
    let found = v.finish().err().and_then(|found| found.into_iter().next());
    // Without a field to name, at least the kind of error is right.
    found.map_or(DecodeError::UnknownContent, DecodeError::Field)
}
