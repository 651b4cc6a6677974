//! What must hold of a change, seen beside everything else in the registry.

use super::{MAX_DEPTH, RegistryChange, View};
use crate::actor::Actor;
use crate::id::{ActorId, PlaceId};
use crate::place::{Place, PlaceKind};
use crate::source::{Alignment, Source};
use crate::violation::{Reason, Violations};

/// Checks a change against the registry `before` it and `after` it (with all
/// changes of the same request), adding mistakes under the path of `violations`.
pub fn check_change(
    change: &RegistryChange,
    before: View<'_>,
    after: View<'_>,
    violations: &mut Violations,
) {
    match change {
        RegistryChange::Place(place) => check_place(place, before, after, violations),
        RegistryChange::Actor(actor) => check_actor(actor, after, violations),
        RegistryChange::Source(source) => check_source(source, after, violations),
    }
}

fn check_place(place: &Place, before: View<'_>, after: View<'_>, violations: &mut Violations) {
    if let Some(parent) = &place.parent {
        if after.place(parent).is_none() {
            unknown_place("parent_id", parent, violations);
        } else if leads_back(place, after) {
            violations.add(
                "parent_id",
                Reason::Cycle,
                format!(
                    "`{parent}` lies in `{}` itself, or more than {MAX_DEPTH} levels deep",
                    place.id
                ),
            );
        }
    }
    if after.place(&place.home_area).is_none() {
        unknown_place("home_area_id", &place.home_area, violations);
    }
    if let Some(old) = before.place(&place.id)
        && old.home_area != place.home_area
    {
        violations.add(
            "home_area_id",
            Reason::HomeAreaImmutable,
            format!(
                "is `{}` for ever; a new place with a new id can have another",
                old.home_area
            ),
        );
    }
    if place.kind != PlaceKind::AdminUnit && place.admin_level != 0 {
        violations.add(
            "admin_level",
            Reason::OutOfRange,
            "is for ADMIN_UNIT only; leave it 0",
        );
    }
    for (i, side) in place.sides.iter().enumerate() {
        if after.actor(side).is_none() {
            unknown_actor(&format!("side_ids[{i}]"), side, after, violations);
        }
    }
    if !place.sides.is_empty() && place.home_area != place.id {
        violations.add(
            "side_ids",
            Reason::NotSupported,
            "are listed at the home area only",
        );
    }
    for (field, code) in [
        ("pcode", place.pcode.clone()),
        ("geonames_id", geonames_text(place)),
    ] {
        if code.is_empty() {
            continue;
        }
        let others = after.places().filter(|p| {
            p.id != place.id && (p.pcode.eq_ignore_ascii_case(&code) || geonames_text(p) == code)
        });
        for other in others {
            violations.add(
                field,
                Reason::Duplicate,
                format!("`{code}` is that of `{}`", other.id),
            );
        }
    }
}

fn geonames_text(place: &Place) -> String {
    match place.geonames_id {
        0 => String::new(),
        id => format!("geonames:{id}"),
    }
}

fn leads_back(place: &Place, view: View<'_>) -> bool {
    let mut above = place.parent.as_ref();
    for _ in 0..MAX_DEPTH {
        match above {
            None => return false,
            Some(id) if *id == place.id => return true,
            Some(id) => above = view.place(id).and_then(|p| p.parent.as_ref()),
        }
    }
    true
}

fn check_actor(actor: &Actor, after: View<'_>, violations: &mut Violations) {
    for (i, membership) in actor.member_of.iter().enumerate() {
        let field = format!("relations[{i}].actor_id");
        if after.actor(&membership.value).is_none() {
            unknown_actor(&field, &membership.value, after, violations);
            continue;
        }
        // At any time that this membership holds, the way up must not lead back.
        let time = membership
            .from
            .or(membership.until.map(|t| t.plus_micros(-1)));
        let time = time.unwrap_or(crate::time::Timestamp::MAX);
        let chain = after.coalitions(&membership.value, time);
        if chain.contains(&actor.id) {
            violations.add(
                &field,
                Reason::Cycle,
                format!("`{}` is itself within `{}`", membership.value, actor.id),
            );
        }
    }
}

fn check_source(source: &Source, after: View<'_>, violations: &mut Violations) {
    for (i, dated) in source.alignments.iter().enumerate() {
        if let Alignment::OrganOf(actor) | Alignment::Sympathetic(actor) | Alignment::Opposed(actor) =
            &dated.value
            && after.actor(actor).is_none()
        {
            unknown_actor(
                &format!("alignments[{i}].actor_id"),
                actor,
                after,
                violations,
            );
        }
    }
}

fn unknown_place(field: &str, id: &PlaceId, violations: &mut Violations) {
    violations.add(
        field,
        Reason::PlaceUnknown,
        format!("place id `{id}` is neither in the registry nor in this request"),
    );
}

fn unknown_actor(field: &str, id: &ActorId, view: View<'_>, violations: &mut Violations) {
    let what = match view.find_actor(id.as_str(), "") {
        Err(error) => error.to_string(),
        Ok(_) => format!("actor id `{id}` is not in the registry"),
    };
    violations.add(field, Reason::ActorUnknown, what);
}
