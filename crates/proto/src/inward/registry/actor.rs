//! Actors.

use ascertain_domain::actor::{Actor, Dated};
use ascertain_domain::id::ActorId;
use ascertain_domain::violation::{Reason, Violations};

use super::{id, names, validity};
use crate::inward::{enums, text};
use crate::v1;

/// The most relations of an actor.
pub(super) const MOST_RELATIONS: usize = 64;

/// Reads an actor. Where something is wrong that is added under the path of `v`,
/// and what can be read is read all the same; `None`: it has no id.
pub fn actor(wire: &v1::Actor, v: &mut Violations) -> Option<Actor> {
    let actor_id: Option<ActorId> = id(&wire.actor_id, "actor_id", v);
    enums::required::<v1::ActorKind>(wire.kind, "kind", v);
    let names = names(&wire.names, v);
    text::check_count(wire.relations.len(), MOST_RELATIONS, "relations", v);
    let relations = wire.relations.iter().take(MOST_RELATIONS).enumerate();
    let member_of = relations.filter_map(|(i, relation)| {
        v.within(format!("relations[{i}]"), |v| {
            membership(relation, &wire.actor_id, v)
        })
    });
    let member_of = member_of.collect();
    Some(Actor {
        id: actor_id?,
        names,
        member_of,
    })
}

/// Checks a relation; `None` where it is no membership.
fn membership(
    relation: &v1::ActorRelation,
    own_id: &str,
    v: &mut Violations,
) -> Option<Dated<ActorId>> {
    let kind = enums::required::<v1::ActorRelationKind>(relation.kind, "kind", v);
    let (from, until) = validity(relation.valid_from.as_ref(), relation.valid_to.as_ref(), v);
    let value = id(&relation.actor_id, "actor_id", v)?;
    if relation.actor_id == own_id && kind != Some(v1::ActorRelationKind::MemberOf) {
        v.add("actor_id", Reason::Malformed, "is the actor itself");
    }
    (kind? == v1::ActorRelationKind::MemberOf).then_some(Dated { value, from, until })
}
