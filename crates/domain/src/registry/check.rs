//! What must hold of a change, seen beside everything else in the registry.

use super::{MAX_DEPTH, RegistryChange, View};
use crate::actor::Actor;
use crate::id::{ActorId, PlaceId, SourceId};
use crate::model::{LearnedSource, SourceModel, TEMPER};
use crate::place::{Place, PlaceKind};
use crate::source::{Alignment, Reporting, Source};
use crate::state::Ppm;
use crate::time::DAY_US;
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
        RegistryChange::SourceModel(model) => check_model(model, after, violations),
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

fn check_model(model: &SourceModel, after: View<'_>, violations: &mut Violations) {
    if model.cut.micros().rem_euclid(DAY_US) != 0 {
        let what = format!("is {}; it is 00:00:00 UTC of a day", model.cut);
        violations.add("cut", Reason::OutOfRange, what);
    }
    if !TEMPER.contains(&model.temper.0) {
        let what = format!("is {}; it is {TEMPER:?}", model.temper.0);
        violations.add("temper_ppm", Reason::OutOfRange, what);
    }
    for (i, (id, learned)) in model.sources.iter().enumerate() {
        violations.within(format!("sources[{i}]"), |v| {
            known_source("source_id", id, after, v);
            check_learned(learned, v);
        });
    }
    for (i, ((copier, origin), chance)) in model.copies.iter().enumerate() {
        violations.within(format!("copies[{i}]"), |v| {
            known_source("copier_id", copier, after, v);
            known_source("origin_id", origin, after, v);
            if copier == origin {
                let what = format!("`{origin}` does not copy itself");
                v.add("origin_id", Reason::Duplicate, what);
            }
            not_above_one("chance_ppm", *chance, v);
        });
    }
    for (i, area) in model.pace.keys().enumerate() {
        if after.place(area).is_none() {
            unknown_place(&format!("pace[{i}].home_area_id"), area, violations);
        }
    }
}

fn check_learned(learned: &LearnedSource, violations: &mut Violations) {
    for (name, row) in learned.table.iter().flat_map(|t| t.named_rows()) {
        let field = format!("table.{name}");
        let sum: u64 = row.iter().map(|cell| u64::from(cell.0)).sum();
        if sum != 1_000_000 {
            let what = format!("sums to {sum}; a row sums to 1000000");
            violations.add(&field, Reason::OutOfRange, what);
        }
        if row.contains(&Ppm(0)) {
            let what = "holds 0; nothing is never said";
            violations.add(&field, Reason::OutOfRange, what);
        }
    }
    if matches!(
        learned.reporting,
        Some(Reporting::Snapshot | Reporting::Undeclared)
    ) {
        let what = "is inferred as EPISODIC or CHANGES_ONLY, or left out";
        violations.add("reporting", Reason::OutOfRange, what);
    }
    if learned.lag_hours == Some(0) {
        violations.add("lag_hours", Reason::OutOfRange, "is 1 or more");
    }
    for (i, record) in learned.track_record.iter().enumerate() {
        let field = format!("track_record[{i}].true_share_ppm");
        not_above_one(&field, record.true_share, violations);
    }
}

fn not_above_one(field: &str, share: Ppm, violations: &mut Violations) {
    if share.0 > 1_000_000 {
        let what = format!("is {}; it is 0 to 1000000", share.0);
        violations.add(field, Reason::OutOfRange, what);
    }
}

fn known_source(field: &str, id: &SourceId, after: View<'_>, violations: &mut Violations) {
    if after.source(id).is_none() {
        let what = format!("source id `{id}` is not in the registry");
        violations.add(field, Reason::SourceUnknown, what);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Registry, Version};
    use super::*;
    use crate::id::Digest;
    use crate::marking::Audience;
    use crate::model::LearnedTable;
    use crate::source::{Grade, SourceKind};
    use crate::time::Timestamp;

    fn source(id: &str) -> SourceId {
        SourceId::new(id).unwrap()
    }

    fn registry() -> Registry {
        let mut registry = Registry::default();
        for (sequence, id) in (1..).zip(["blog", "wire"]) {
            let registered = Source {
                id: source(id),
                names: Vec::new(),
                kind: SourceKind::Newswire,
                reporting: Reporting::Undeclared,
                alignments: Vec::new(),
                grade: Grade::C,
                identity_verified: false,
            };
            registry.apply(
                sequence,
                Version::LATEST,
                RegistryChange::Source(registered),
            );
        }
        registry
    }

    fn sound() -> SourceModel {
        let learned = LearnedSource {
            table: Some(LearnedTable::Independent {
                holder: [Ppm(900_000), Ppm(50_000), Ppm(50_000)],
                contested: [Ppm(200_000), Ppm(800_000)],
            }),
            reporting: Some(Reporting::ChangesOnly),
            lag_hours: Some(40),
            track_record: Vec::new(),
        };
        SourceModel {
            cut: "2026-11-22T00:00:00Z".parse().unwrap(),
            audience: Audience::Clear,
            method: "prior-6".to_owned(),
            input_digest: Digest::of(&[]),
            sources: BTreeMap::from([(source("wire"), learned)]),
            copies: BTreeMap::from([((source("blog"), source("wire")), Ppm(900_000))]),
            pace: BTreeMap::new(),
            temper: Ppm(1_000_000),
        }
    }

    fn mistakes(model: SourceModel) -> Vec<String> {
        let registry = registry();
        let mut v = Violations::at("model");
        let change = RegistryChange::SourceModel(model);
        check_change(&change, registry.latest(), registry.latest(), &mut v);
        let found = v.finish().err().unwrap_or_default();
        let told = |m: crate::violation::Violation| format!("{} {}", m.field, m.reason.name());
        found.into_iter().map(told).collect()
    }

    #[test]
    fn a_sound_model_is_taken() {
        assert_eq!(mistakes(sound()), Vec::<String>::new());
    }

    #[test]
    fn every_mistake_of_a_model_is_told_by_its_field() {
        let mut model = sound();
        model.cut = Timestamp::from_micros(1).unwrap();
        model.temper = Ppm(0);
        let learned = model.sources.remove(&source("wire")).unwrap();
        model.sources.insert(
            source("stranger"),
            LearnedSource {
                table: Some(LearnedTable::Independent {
                    holder: [Ppm(1_000_000), Ppm(0), Ppm(0)],
                    contested: [Ppm(200_000), Ppm(700_000)],
                }),
                reporting: Some(Reporting::Snapshot),
                lag_hours: Some(0),
                ..learned
            },
        );
        model.copies = BTreeMap::from([((source("blog"), source("blog")), Ppm(2_000_000))]);
        assert_eq!(
            mistakes(model),
            [
                "model.cut OUT_OF_RANGE",
                "model.temper_ppm OUT_OF_RANGE",
                "model.sources[0].source_id SOURCE_UNKNOWN",
                "model.sources[0].table.holder OUT_OF_RANGE",
                "model.sources[0].table.contested OUT_OF_RANGE",
                "model.sources[0].reporting OUT_OF_RANGE",
                "model.sources[0].lag_hours OUT_OF_RANGE",
                "model.copies[0].origin_id DUPLICATE",
                "model.copies[0].chance_ppm OUT_OF_RANGE",
            ]
        );
    }
}
