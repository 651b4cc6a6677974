//! Places, actors, sources and source models as operators apply them.

mod actor;
mod model;
mod place;
mod request;
mod source;

pub use actor::actor;
pub use model::source_model;
pub use place::place;
pub use request::{Entity, MOST_ENTITIES, check, check_model};
pub use source::source;

use ascertain_domain::id::Id;
use ascertain_domain::name::Name;
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violations};

use super::{reference, text, time};
use crate::v1;

/// The most names of an entity.
const MOST_NAMES: usize = 64;

/// An id that must be given.
fn id<K>(value: &str, field: &str, v: &mut Violations) -> Option<Id<K>> {
    Id::new(value)
        .map_err(|error| text::add_id_error(&error, field, v))
        .ok()
}

/// Names, the one to show first.
fn names(wire: &[v1::Name], v: &mut Violations) -> Vec<Name> {
    if wire.is_empty() {
        v.add(
            "names",
            Reason::Required,
            "is empty; give at least one name",
        );
    }
    text::check_count(wire.len(), MOST_NAMES, "names", v);
    let names = wire.iter().take(MOST_NAMES).enumerate().map(|(i, name)| {
        v.within(format!("names[{i}]"), |v| {
            if name.text.trim().is_empty() {
                v.add(
                    "text",
                    Reason::Required,
                    "is empty; give 1 to 200 characters",
                );
            }
            text::check_line(&name.text, reference::NAME_CHARACTERS, "text", v);
            text::check_language(&name.language, "language", v);
            let script = name.script.as_bytes();
            if !matches!(script.len(), 0 | 4) || !script.iter().all(u8::is_ascii_alphabetic) {
                let what = "is no ISO 15924 script, such as `Arab`; empty if not known";
                v.add("script", Reason::Malformed, what);
            }
        });
        Name {
            text: name.text.clone(),
            language: name.language.clone(),
            script: name.script.clone(),
        }
    });
    names.collect()
}

/// From when until when.
fn validity(
    from: Option<&prost_types::Timestamp>,
    until: Option<&prost_types::Timestamp>,
    v: &mut Violations,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let from = time::optional(from, "valid_from", v);
    let until = time::optional(until, "valid_to", v);
    time::not_reversed(from, until, "valid_to", v);
    (from, until)
}
