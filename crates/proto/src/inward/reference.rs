//! References to places, actors and sources: looked up, and replaced by ids.

use ascertain_domain::id::{ActorId, PlaceId, SourceId};
use ascertain_domain::place::Point;
use ascertain_domain::registry::{LookupError, PlaceQuery, View};
use ascertain_domain::violation::{Reason, Violations};

use super::text;
use crate::v1;

/// The most characters of a name.
pub(super) const NAME_CHARACTERS: usize = 200;

/// Resolves a reference: from here on it has its id, and keeps of what was given
/// only what agrees with it. A position is not kept: it may be that of a witness.
pub(super) fn place(
    reference: &mut v1::PlaceReference,
    registry: View<'_>,
    v: &mut Violations,
) -> Option<PlaceId> {
    let before = v.count();
    text::check_line(&reference.name, NAME_CHARACTERS, "name", v);
    let point = reference
        .point
        .as_ref()
        .map(|p| Point::new(p.latitude, p.longitude));
    if point == Some(None) {
        let what = "is not on WGS 84: latitude -90 to 90, longitude -180 to 180, degrees";
        v.add("point", Reason::OutOfRange, what);
    }
    if v.count() > before {
        return None;
    }
    let query = PlaceQuery {
        id: &reference.place_id,
        pcode: &reference.pcode,
        geonames_id: reference.geonames_id,
        name: &reference.name,
        within: &reference.within_place_id,
        point: point.flatten(),
    };
    match registry.find_place(&query) {
        Ok(place) => {
            reference.place_id = place.id.to_string();
            reference.within_place_id = String::new();
            reference.point = None;
            Some(place.id.clone())
        }
        Err(error) => {
            add(&error, Reason::PlaceUnknown, Reason::PlaceAmbiguous, v);
            None
        }
    }
}

/// Resolves an actor.
pub(super) fn actor(
    reference: &mut v1::ActorReference,
    registry: View<'_>,
    v: &mut Violations,
) -> Option<ActorId> {
    let before = v.count();
    text::check_line(&reference.name, NAME_CHARACTERS, "name", v);
    if v.count() > before {
        return None;
    }
    match registry.find_actor(&reference.actor_id, &reference.name) {
        Ok(id) => {
            reference.actor_id = id.to_string();
            Some(id)
        }
        Err(error) => {
            add(&error, Reason::ActorUnknown, Reason::ActorAmbiguous, v);
            None
        }
    }
}

/// The source of an id, or of a name where the id is empty.
pub(super) fn source(
    id: &str,
    name: &str,
    registry: View<'_>,
    v: &mut Violations,
) -> Option<SourceId> {
    match registry.find_source(id, name) {
        Ok(id) => Some(id),
        Err(error) => {
            add(&error, Reason::SourceUnknown, Reason::SourceAmbiguous, v);
            None
        }
    }
}

fn add(error: &LookupError, unknown: Reason, ambiguous: Reason, v: &mut Violations) {
    let reason = match error {
        LookupError::Nothing => Reason::Required,
        LookupError::Unknown { .. } => unknown,
        LookupError::Ambiguous { .. } => ambiguous,
        LookupError::Contradicts { .. } => Reason::ReferenceContradicts,
    };
    v.add("", reason, shortened(error.to_string()));
}

/// What was looked up is the partner's own text, which may be of any length.
fn shortened(text: String) -> String {
    const MOST: usize = 600;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
