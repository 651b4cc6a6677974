//! Rulings: checked as operators make them, and read back from a log.

use ascertain_domain::adjudication::{Adjudication, Ruling};
use ascertain_domain::id::{ActorId, Digest, PartnerId, PlaceId, ReportId};
use ascertain_domain::place::Place;
use ascertain_domain::registry::{LookupError, PlaceQuery, View};
use ascertain_domain::state::Outcome;
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violation, Violations};
use prost::Message as _;

use super::text::report_id;
use super::{enums, reference, text, time};
use crate::{log, outward, v1};

/// The longest reason, characters.
const REASON_CHARACTERS: usize = 2_000;

/// A ruling in which nothing is wrong, ready to be recorded.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its id.
    pub id: ReportId,
    /// Its place.
    pub place: PlaceId,
    /// What goes into the body.
    pub record: log::v1::AdjudicationRecord,
}

/// Checks a ruling against the registry.
///
/// # Errors
/// Every mistake, with its field.
pub fn check(
    request: &v1::AdjudicateRequest,
    registry: View<'_>,
    now: Timestamp,
) -> Result<Checked, Vec<Violation>> {
    let mut v = Violations::at("");
    let id = report_id(&request.adjudication_id, "adjudication_id", &mut v);
    let place = place(&request.place, registry, &mut v);
    reason(&request.reason, &mut v);
    let from = time::optional(request.valid_from.as_ref(), "valid_from", &mut v);
    let from = from.unwrap_or(now);
    let until = time::optional(request.valid_until.as_ref(), "valid_until", &mut v);
    if until.is_some_and(|until| until <= from) {
        let what = format!("is not after {from}, from when it is to hold");
        v.add("valid_until", Reason::IntervalReversed, what);
    }
    let (kind, side) = outcome(request, place.as_deref(), (registry, from), &mut v);
    v.finish()?;
    let (Some(id), Some(place)) = (id, place) else {
        return Err(Vec::new());
    };
    let adjudication = v1::Adjudication {
        adjudication_id: id.to_string(),
        place_id: place.id.to_string(),
        kind: kind.into(),
        side_id: side.map_or_else(String::new, |side| side.to_string()),
        reason: request.reason.clone(),
        valid_from: Some(outward::timestamp(from)),
        valid_until: until.map(outward::timestamp),
        partner_id: String::new(),
        known_at: None,
        revoked_at: None,
    };
    Ok(Checked {
        id,
        place: place.id.clone(),
        record: log::v1::AdjudicationRecord {
            adjudication: Some(adjudication),
            revokes_adjudication_id: String::new(),
            submitted_digest: submitted_digest(request).0.to_vec(),
        },
    })
}

/// The retry key's check: a digest of the request as it was made.
#[must_use]
pub fn submitted_digest(request: &v1::AdjudicateRequest) -> Digest {
    let submitted = v1::AdjudicateRequest {
        validate_only: false,
        ..request.clone()
    };
    Digest::of(&submitted.encode_to_vec())
}

/// Checks that a ruling is taken back; the ids of the revocation and of the ruling.
///
/// # Errors
/// Every mistake, with its field.
pub fn check_revocation(
    request: &v1::RevokeAdjudicationRequest,
) -> Result<(ReportId, ReportId), Vec<Violation>> {
    let mut v = Violations::at("");
    let id = report_id(&request.revocation_id, "revocation_id", &mut v);
    let of = report_id(&request.adjudication_id, "adjudication_id", &mut v);
    if id.is_some() && id == of {
        let what = "is the ruling's own; choose another";
        v.add("revocation_id", Reason::Duplicate, what);
    }
    reason(&request.reason, &mut v);
    v.finish()?;
    id.zip(of).ok_or_else(Vec::new)
}

/// The record of a revocation of a ruling on a place.
#[must_use]
pub fn revocation(
    request: &v1::RevokeAdjudicationRequest,
    (id, of): (ReportId, ReportId),
    place: &PlaceId,
) -> Checked {
    let submitted = v1::RevokeAdjudicationRequest {
        validate_only: false,
        ..request.clone()
    };
    Checked {
        id,
        place: place.clone(),
        record: log::v1::AdjudicationRecord {
            adjudication: Some(v1::Adjudication {
                adjudication_id: id.to_string(),
                place_id: place.to_string(),
                reason: request.reason.clone(),
                ..v1::Adjudication::default()
            }),
            revokes_adjudication_id: of.to_string(),
            submitted_digest: Digest::of(&submitted.encode_to_vec()).0.to_vec(),
        },
    }
}

fn reason(given: &str, v: &mut Violations) {
    if given.trim().is_empty() {
        v.add("reason", Reason::Required, "is empty; say why");
    }
    text::check_line(given, REASON_CHARACTERS, "reason", v);
}

fn place(given: &str, registry: View<'_>, v: &mut Violations) -> Option<std::sync::Arc<Place>> {
    let by_name = PlaceQuery {
        name: given,
        ..PlaceQuery::default()
    };
    let found = match registry.place_by_id_or_code(given) {
        Err(LookupError::Unknown { .. }) => registry.find_place(&by_name),
        found => found,
    };
    found
        .map_err(|error| {
            let reason = match error {
                LookupError::Nothing => Reason::Required,
                LookupError::Ambiguous { .. } => Reason::PlaceAmbiguous,
                LookupError::Contradicts { .. } => Reason::ReferenceContradicts,
                LookupError::Unknown { .. } => Reason::PlaceUnknown,
            };
            v.add("place", reason, error.to_string());
        })
        .ok()
}

fn outcome(
    request: &v1::AdjudicateRequest,
    place: Option<&Place>,
    (registry, from): (View<'_>, Timestamp),
    v: &mut Violations,
) -> (v1::OutcomeKind, Option<ActorId>) {
    // Whether a holder goes with a kind that is none cannot be said.
    let Some(kind) = enums::known::<v1::OutcomeKind>(request.kind, "kind", v) else {
        return (v1::OutcomeKind::Unspecified, None);
    };
    let kind = match (kind, &request.holder) {
        (v1::OutcomeKind::Unspecified, Some(_)) => v1::OutcomeKind::Side,
        (v1::OutcomeKind::Unspecified, None) => {
            v.add(
                "holder",
                Reason::Required,
                "is empty; say who holds it, or give a kind",
            );
            return (v1::OutcomeKind::Unspecified, None);
        }
        (kind, _) => kind,
    };
    let mut holder = request.holder.clone();
    if let Some(holder) = &mut holder
        && holder.actor_id.is_empty()
        && ActorId::new(&holder.name).is_ok_and(|id| registry.actor(&id).is_some())
    {
        holder.actor_id = std::mem::take(&mut holder.name);
    }
    match (kind, &mut holder) {
        (v1::OutcomeKind::Side, Some(holder)) => {
            let actor = v.within("holder", |v| reference::actor(holder, registry, v));
            let side = actor.zip(place).and_then(|(actor, place)| {
                let sides = registry.sides(place);
                let side = registry.side_of(&actor, from, sides);
                if side.is_none() {
                    let what = format!("`{actor}` is of no side of `{}`", place.id);
                    v.add("holder", Reason::ActorNotAllowed, what);
                }
                sides.get(side?).cloned()
            });
            (kind, side)
        }
        (v1::OutcomeKind::Side, None) => {
            v.add(
                "holder",
                Reason::Required,
                "is empty; a side needs its actor",
            );
            (kind, None)
        }
        (_, Some(_)) => {
            let what = "is given, but what is ruled is no side";
            v.add("holder", Reason::ActorNotAllowed, what);
            (kind, None)
        }
        (v1::OutcomeKind::Other, None) => {
            let what = "is OTHER; name the side, or register the party";
            v.add("kind", Reason::OutOfRange, what);
            (kind, None)
        }
        (_, None) => (kind, None),
    }
}

/// Reads a ruling of a record; `None`, with the field in `v`, where that cannot be done.
pub(super) fn read(
    stamp: &log::v1::Stamp,
    record: &log::v1::AdjudicationRecord,
    v: &mut Violations,
) -> Option<Adjudication> {
    let wire = record.adjudication.clone().unwrap_or_default();
    let id = report_id(&wire.adjudication_id, "adjudication_id", v)?;
    let partner = PartnerId::new(&stamp.partner_id)
        .map_err(|error| text::add_id_error(&error, "stamp.partner_id", v))
        .ok()?;
    let place = PlaceId::new(&wire.place_id)
        .map_err(|error| text::add_id_error(&error, "place_id", v))
        .ok()?;
    let ruling = if record.revokes_adjudication_id.is_empty() {
        let outcome = match wire.kind() {
            v1::OutcomeKind::Side => Outcome::Side(
                ActorId::new(&wire.side_id)
                    .map_err(|error| text::add_id_error(&error, "side_id", v))
                    .ok()?,
            ),
            v1::OutcomeKind::Contested => Outcome::Contested,
            v1::OutcomeKind::Mixed => Outcome::Mixed,
            v1::OutcomeKind::Vacated => Outcome::Vacated,
            v1::OutcomeKind::Other => Outcome::Other,
            v1::OutcomeKind::Unspecified => {
                v.add("kind", Reason::Required, "is missing");
                return None;
            }
        };
        Ruling::So {
            outcome,
            from: time::required(wire.valid_from.as_ref(), "valid_from", v)?,
            until: time::optional(wire.valid_until.as_ref(), "valid_until", v),
        }
    } else {
        let revoked = &record.revokes_adjudication_id;
        Ruling::Revoked(report_id(revoked, "revokes_adjudication_id", v)?)
    };
    let recorded = stamp.first_recorded_at.as_ref();
    let first_recorded_at = time::required(recorded, "stamp.first_recorded_at", v)?;
    (v.count() == 0).then_some(Adjudication {
        id,
        first_recorded_at,
        partner,
        place,
        ruling,
        reason: wire.reason,
    })
}
