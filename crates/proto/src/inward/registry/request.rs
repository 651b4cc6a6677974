//! A whole request to the registry: all its mistakes, each entity seen beside the
//! others and beside what stands already.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::{ActorId, PlaceId};
use ascertain_domain::registry::{Registry, RegistryChange, Version, View, check_change};
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violation, Violations};

use super::actor::MOST_RELATIONS;
use super::{actor, model, place, source};
use crate::{log, v1};

/// The most entities of a request.
pub const MOST_ENTITIES: usize = 10_000;
/// A chain of parents longer than this is a mistake, told elsewhere.
const MOST_LEVELS: usize = 16;

/// An entity of a request, complete.
#[derive(Debug, Clone)]
pub struct Entity {
    /// As the domain sees it.
    pub change: RegistryChange,
    /// As it is recorded: with its home area, and its sides sorted.
    pub wire: log::v1::RegistryChange,
    path: String,
}

/// Checks a request against the registry as it stands and as it would stand.
///
/// # Errors
/// Every mistake, with its path in the request.
pub fn check(
    request: &v1::ApplyRegistryRequest,
    registry: &Registry,
) -> Result<Vec<Entity>, Vec<Violation>> {
    let mut v = Violations::at("");
    let count = request.places.len() + request.actors.len() + request.sources.len();
    if count > MOST_ENTITIES {
        let what = format!("{count} entities; {MOST_ENTITIES} is the most of one request");
        v.add("", Reason::TooLong, what);
        return v.finish().map(|()| Vec::new());
    }
    let mut entities = Vec::with_capacity(count);
    actors(request, &mut entities, &mut v);
    sources(request, &mut entities, &mut v);
    places(request, registry.latest(), &mut entities, &mut v);

    let mut after = registry.clone();
    let sequence = registry.last_sequence();
    for (next, entity) in (sequence + 1..).zip(&entities) {
        after.apply(next, Version::LATEST, entity.change.clone());
    }
    let (before, after) = (registry.latest(), after.latest());
    for entity in &entities {
        v.within(entity.path.as_str(), |v| {
            beside_others(entity, before, after, v);
        });
    }
    v.finish()?;
    Ok(entities)
}

/// Checks a source model that is to be adopted, known at a time.
///
/// # Errors
/// Every mistake, with its path in the request.
pub fn check_model(
    request: &v1::ApplySourceModelRequest,
    registry: &Registry,
    known_at: Timestamp,
) -> Result<Entity, Vec<Violation>> {
    let mut v = Violations::at("model");
    let Some(wire) = &request.model else {
        v.add("", Reason::Required, "is empty; give a model");
        return Err(v.finish().err().unwrap_or_default());
    };
    let Some(read) = model::source_model(wire, &mut v) else {
        return Err(v.finish().err().unwrap_or_default());
    };
    if v.count() == 0 {
        model::check_known(wire, &read, known_at, &mut v);
    }
    let latest = registry.latest();
    let change = RegistryChange::SourceModel(read);
    check_change(&change, latest, latest, &mut v);
    v.finish()?;
    let mut wire = wire.clone();
    // Derived from the rest, so not kept.
    wire.model_id.clear();
    Ok(Entity {
        change,
        wire: recorded(log::v1::registry_change::Entity::SourceModel(wire)),
        path: "model".to_owned(),
    })
}

fn actors(request: &v1::ApplyRegistryRequest, entities: &mut Vec<Entity>, v: &mut Violations) {
    let mut seen = BTreeSet::new();
    for (i, wire) in request.actors.iter().enumerate() {
        let path = format!("actors[{i}]");
        let actor = v.within(path.as_str(), |v| {
            once("actor_id", &wire.actor_id, &mut seen, v);
            actor(wire, v)
        });
        entities.extend(actor.map(|actor| Entity {
            change: RegistryChange::Actor(actor),
            wire: recorded(log::v1::registry_change::Entity::Actor(wire.clone())),
            path,
        }));
    }
}

fn sources(request: &v1::ApplyRegistryRequest, entities: &mut Vec<Entity>, v: &mut Violations) {
    let mut seen = BTreeSet::new();
    for (i, wire) in request.sources.iter().enumerate() {
        let path = format!("sources[{i}]");
        let source = v.within(path.as_str(), |v| {
            once("source_id", &wire.source_id, &mut seen, v);
            source(wire, v)
        });
        entities.extend(source.map(|source| Entity {
            change: RegistryChange::Source(source),
            wire: recorded(log::v1::registry_change::Entity::Source(wire.clone())),
            path,
        }));
    }
}

fn places(
    request: &v1::ApplyRegistryRequest,
    registry: View<'_>,
    entities: &mut Vec<Entity>,
    v: &mut Violations,
) {
    let by_id: BTreeMap<&str, &v1::Place> = request
        .places
        .iter()
        .map(|p| (p.place_id.as_str(), p))
        .collect();
    let mut seen = BTreeSet::new();
    for (i, wire) in request.places.iter().enumerate() {
        let mut wire = wire.clone();
        if wire.home_area_id.is_empty() {
            wire.home_area_id = default_home_area(&wire, &by_id, registry);
        }
        wire.side_ids.sort();
        let path = format!("places[{i}]");
        let place = v.within(path.as_str(), |v| {
            once("place_id", &wire.place_id, &mut seen, v);
            place(&wire, v)
        });
        entities.extend(place.map(|place| Entity {
            change: RegistryChange::Place(place),
            wire: recorded(log::v1::registry_change::Entity::Place(wire)),
            path,
        }));
    }
}

fn recorded(entity: log::v1::registry_change::Entity) -> log::v1::RegistryChange {
    log::v1::RegistryChange {
        entity: Some(entity),
    }
}

fn once(field: &str, id: &str, seen: &mut BTreeSet<String>, v: &mut Violations) {
    if !seen.insert(id.to_owned()) && !id.is_empty() {
        let what = format!("`{id}` stands twice in this request");
        v.add(field, Reason::Duplicate, what);
    }
}

/// What the home area is when it is not stated: the one that the place has; else
/// the nearest place above, or itself, of admin level 1; else the topmost.
fn default_home_area(
    wire: &v1::Place,
    request: &BTreeMap<&str, &v1::Place>,
    registry: View<'_>,
) -> String {
    let registered = |id: &str| PlaceId::new(id).ok().and_then(|id| registry.place(&id));
    if let Some(known) = registered(&wire.place_id) {
        return known.home_area.to_string();
    }
    let mut id = wire.place_id.clone();
    for _ in 0..MOST_LEVELS {
        let admin_unit = v1::PlaceKind::AdminUnit as i32;
        let (is_level_1, parent) = match (request.get(id.as_str()), registered(&id)) {
            (Some(p), _) => (
                p.kind == admin_unit && p.admin_level == 1,
                p.parent_id.clone(),
            ),
            (None, Some(p)) => (
                p.kind == ascertain_domain::place::PlaceKind::AdminUnit && p.admin_level == 1,
                p.parent
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ),
            // The parent is unknown, which is told as such.
            (None, None) => return wire.place_id.clone(),
        };
        if is_level_1 || parent.is_empty() {
            return id;
        }
        id = parent;
    }
    id
}

/// What must hold beside the other entities.
fn beside_others(entity: &Entity, before: View<'_>, after: View<'_>, v: &mut Violations) {
    use log::v1::registry_change::Entity as Wire;
    match &entity.wire.entity {
        Some(Wire::Actor(wire)) => {
            relations(wire, after, v);
            memberships(entity, wire, before, after, v);
        }
        Some(Wire::Place(wire)) => {
            for (i, neighbour) in wire.adjacent_ids.iter().enumerate() {
                let unknown = PlaceId::new(neighbour).is_ok_and(|id| after.place(&id).is_none());
                if unknown {
                    let what = format!(
                        "place id `{neighbour}` is neither in the registry nor in this request"
                    );
                    v.add(&format!("adjacent_ids[{i}]"), Reason::PlaceUnknown, what);
                }
            }
            check_change(&entity.change, before, after, v);
        }
        Some(Wire::Source(_) | Wire::SourceModel(_)) | None => {
            check_change(&entity.change, before, after, v);
        }
    }
}

/// Relations other than memberships: the domain does not hold them.
fn relations(wire: &v1::Actor, after: View<'_>, v: &mut Violations) {
    let member_of = v1::ActorRelationKind::MemberOf as i32;
    for (i, relation) in wire.relations.iter().take(MOST_RELATIONS).enumerate() {
        let other = ActorId::new(&relation.actor_id);
        if relation.kind != member_of
            && other.is_ok()
            && let Err(error) = after.find_actor(&relation.actor_id, "")
        {
            v.add(
                &format!("relations[{i}].actor_id"),
                Reason::ActorUnknown,
                error.to_string(),
            );
        }
    }
}

/// The domain counts memberships only; the request counts all relations.
fn memberships(
    entity: &Entity,
    wire: &v1::Actor,
    before: View<'_>,
    after: View<'_>,
    v: &mut Violations,
) {
    let mut found = Violations::at("");
    check_change(&entity.change, before, after, &mut found);
    let member_of = v1::ActorRelationKind::MemberOf as i32;
    let indices: Vec<usize> = wire
        .relations
        .iter()
        .enumerate()
        .filter(|(_, r)| r.kind == member_of && ActorId::new(&r.actor_id).is_ok())
        .map(|(i, _)| i)
        .collect();
    for violation in found.finish().err().unwrap_or_default() {
        let counted = violation.field.strip_prefix("relations[").and_then(|rest| {
            let (index, rest) = rest.split_once(']')?;
            Some(format!(
                "relations[{}]{rest}",
                indices.get(index.parse::<usize>().ok()?)?
            ))
        });
        let field = counted.unwrap_or(violation.field);
        v.add(&field, violation.reason, violation.description);
    }
}
