//! Claims: what a report says, one by one.

use std::collections::BTreeSet;

use ascertain_domain::id::{ClaimId, PlaceId};
use ascertain_domain::registry::View;
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violations};

use super::{enums, reference, text, time};
use crate::v1;

/// The most claims of a report.
pub(super) const MOST_CLAIMS: usize = 256;
/// The most actors, and the most receivers, of a claim.
const MOST_ACTORS: usize = 16;
/// The most sub-places of a claim.
const MOST_SUB_PLACES: usize = 64;

/// What a claim is checked against.
pub(super) struct Context<'a> {
    pub(super) registry: View<'a>,
    /// When the report was received, or first known.
    pub(super) received_at: Timestamp,
    /// When it was said; `None` where that was no time.
    pub(super) published_at: Option<Timestamp>,
}

/// What was learned from the claims.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) places: BTreeSet<PlaceId>,
    pub(super) time_inconsistent: bool,
}

/// Names the claims that have no name, and checks that names differ.
pub(super) fn name_all(claims: &mut [v1::Claim], v: &mut Violations) {
    let mut seen = BTreeSet::new();
    for (i, claim) in claims.iter_mut().take(MOST_CLAIMS).enumerate() {
        if claim.claim_id.is_empty() {
            claim.claim_id = format!("c{i}");
        }
        let field = format!("claims[{i}].claim_id");
        if let Err(error) = ClaimId::new(&claim.claim_id) {
            text::add_id_error(&error, &field, v);
        } else if !seen.insert(claim.claim_id.as_str()) {
            let what = format!("`{}` names another claim of this report", claim.claim_id);
            v.add(&field, Reason::Duplicate, what);
        }
    }
}

/// Checks a claim and resolves what it refers to.
pub(super) fn resolve(
    claim: &mut v1::Claim,
    context: &Context<'_>,
    seen: &mut Seen,
    v: &mut Violations,
) {
    let predicate = enums::required::<v1::Predicate>(claim.predicate, "predicate", v);
    enums::required::<v1::Polarity>(claim.polarity, "polarity", v);
    enums::known::<v1::GeoPrecision>(claim.geo_precision, "geo_precision", v);
    let modality = enums::known(claim.modality, "modality", v).map(enums::modality);
    if !claim.denies_claim_id.is_empty() && text::claim_link(&claim.denies_claim_id).is_none() {
        let what = "is not of the form `REPORT_UUID/CLAIM_ID`";
        v.add("denies_claim_id", Reason::Malformed, what);
    }
    actors(claim, predicate, context.registry, v);
    places(claim, context.registry, seen, v);
    if let Some(event) = &claim.event_time {
        v.within("event_time", |v| {
            let event = time::interval(event, v);
            if modality.is_none_or(ascertain_domain::report::Modality::feeds_states) {
                time::not_ahead(event.earliest, context.received_at, "earliest", v);
                time::not_ahead(event.latest, context.received_at, "latest", v);
                // Kept as it is: a page stamped before what it describes is a fact
                // about the page.
                let after = |time: Option<Timestamp>| time > context.published_at;
                seen.time_inconsistent |= context.published_at.is_some()
                    && (after(event.earliest) || after(event.latest));
            }
        });
    }
}

fn actors(
    claim: &mut v1::Claim,
    predicate: Option<v1::Predicate>,
    registry: View<'_>,
    v: &mut Violations,
) {
    text::check_count(claim.actors.len(), MOST_ACTORS, "actors", v);
    text::check_count(claim.to_actors.len(), MOST_ACTORS, "to_actors", v);
    for (i, actor) in claim.actors.iter_mut().take(MOST_ACTORS).enumerate() {
        v.within(format!("actors[{i}]"), |v| {
            reference::actor(actor, registry, v)
        });
    }
    for (i, actor) in claim.to_actors.iter_mut().take(MOST_ACTORS).enumerate() {
        v.within(format!("to_actors[{i}]"), |v| {
            reference::actor(actor, registry, v)
        });
    }
    let Some(predicate) = predicate else { return };
    let word = predicate.as_str_name().trim_start_matches("PREDICATE_");
    if claim.actors.is_empty() && predicate != v1::Predicate::FightingAt {
        v.add(
            "actors",
            Reason::ActorRequired,
            format!("{word} needs an actor; name one"),
        );
    }
    let handed_over = predicate == v1::Predicate::HandedOver;
    if handed_over && claim.to_actors.is_empty() {
        let what = "HANDED_OVER needs a receiver; name who received the place";
        v.add("to_actors", Reason::ActorRequired, what);
    }
    if !handed_over && !claim.to_actors.is_empty() {
        let what = format!("{word} takes no receiver; only HANDED_OVER does");
        v.add("to_actors", Reason::ActorNotAllowed, what);
    }
}

fn places(claim: &mut v1::Claim, registry: View<'_>, seen: &mut Seen, v: &mut Violations) {
    let place = v.within("place", |v| match &mut claim.place {
        Some(place) => reference::place(place, registry, v),
        None => {
            v.add("", Reason::Required, "is empty; name the place spoken of");
            None
        }
    });
    let extent = enums::known(claim.extent, "extent", v).map(enums::extent);
    let count = claim.sub_places.len();
    text::check_count(count, MOST_SUB_PLACES, "sub_places", v);
    if count > 0 && extent.is_some_and(|e| !e.takes_sub_places()) {
        let what = "speaks of the whole or most of the place, yet sub-places are named; \
                    use PART, EDGE or OUTSKIRTS, or name none";
        v.add("extent", Reason::ExtentContradicts, what);
    }
    let mut named = BTreeSet::new();
    for (i, sub_place) in claim
        .sub_places
        .iter_mut()
        .take(MOST_SUB_PLACES)
        .enumerate()
    {
        v.within(format!("sub_places[{i}]"), |v| {
            let Some(id) = reference::place(sub_place, registry, v) else {
                return;
            };
            if let Some(place) = &place
                && (id == *place || !registry.is_within(&id, place))
            {
                let what = format!("`{id}` does not lie in `{place}`");
                v.add("", Reason::SubPlaceOutside, what);
            }
            if !named.insert(id.clone()) {
                v.add("", Reason::Duplicate, format!("`{id}` is named twice"));
            }
        });
    }
    seen.places.extend(place);
    seen.places.extend(named);
}
