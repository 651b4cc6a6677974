//! What the clients of a world say: a small registry, reports, and what is wrong.

use ascertain_proto::v1;

use super::chance::Chance;

/// Places that are there from the beginning, of three home areas.
pub(crate) const PLACES: [&str; 4] = ["hama-city", "sawaaek", "homs-city", "idlib-city"];
/// Sources that are there from the beginning.
pub(crate) const SOURCES: [&str; 2] = ["sohr", "ap"];

fn names(text: &str) -> Vec<v1::Name> {
    vec![v1::Name {
        text: text.to_owned(),
        ..v1::Name::default()
    }]
}

fn place(id: &str, kind: v1::PlaceKind, parent: &str) -> v1::Place {
    v1::Place {
        place_id: id.to_owned(),
        kind: kind.into(),
        parent_id: parent.to_owned(),
        names: names(id),
        ..v1::Place::default()
    }
}

pub(crate) fn source(id: &str, name: &str) -> v1::Source {
    v1::Source {
        source_id: id.to_owned(),
        names: names(name),
        kind: v1::SourceKind::Monitor.into(),
        ..v1::Source::default()
    }
}

/// The registry that every world begins with.
pub(crate) fn registry() -> v1::ApplyRegistryRequest {
    use v1::PlaceKind::{AdminUnit, City, Neighbourhood};
    let governorate = |id: &str| v1::Place {
        admin_level: 1,
        side_ids: vec!["opp".to_owned(), "gov".to_owned()],
        ..place(id, AdminUnit, "syria")
    };
    let actor = |id: &str| v1::Actor {
        actor_id: id.to_owned(),
        kind: v1::ActorKind::RebelGroup.into(),
        names: names(id),
        relations: Vec::new(),
    };
    v1::ApplyRegistryRequest {
        places: vec![
            place("syria", AdminUnit, ""),
            governorate("hama"),
            governorate("homs"),
            governorate("idlib"),
            place("hama-city", City, "hama"),
            place("sawaaek", Neighbourhood, "hama-city"),
            place("homs-city", City, "homs"),
            place("idlib-city", City, "idlib"),
        ],
        actors: vec![actor("gov"), actor("opp")],
        sources: SOURCES.iter().map(|id| source(id, id)).collect(),
        ..v1::ApplyRegistryRequest::default()
    }
}

/// A change of the registry: a new source, another name for an old one, or a new
/// place. Its number names what is new.
pub(crate) fn change(chance: &Chance, number: usize) -> v1::ApplyRegistryRequest {
    let mut request = v1::ApplyRegistryRequest::default();
    match chance.below(3) {
        0 => request.sources = vec![source("ap", &format!("AP {number}"))],
        1 => {
            let id = format!("town-{number}");
            request.places = vec![place(&id, v1::PlaceKind::City, "hama")];
        }
        _ => {}
    }
    let id = format!("source-{number}");
    request.sources.push(source(&id, &id));
    request
}

fn claim(chance: &Chance, place: &str) -> v1::Claim {
    use v1::Predicate::{Controls, FightingAt, Present};
    let predicate = chance.pick(&[Controls, Controls, Present, FightingAt]);
    let actor = chance.pick(&["gov", "opp"]).copied().unwrap_or("gov");
    v1::Claim {
        place: Some(v1::PlaceReference {
            place_id: place.to_owned(),
            ..v1::PlaceReference::default()
        }),
        actors: vec![v1::ActorReference {
            actor_id: actor.to_owned(),
            ..v1::ActorReference::default()
        }],
        predicate: predicate.copied().unwrap_or(Controls).into(),
        polarity: v1::Polarity::Affirm.into(),
        ..v1::Claim::default()
    }
}

/// A report that any registry of the world accepts. One in four speaks of two
/// places, which may lie in two partitions. One in six corrects, or takes back, one of those
/// that are known, or one that comes later: `ahead` holds the ids of these.
pub(crate) fn report(
    chance: &Chance,
    sources: &[String],
    known: &[String],
    ahead: &mut Vec<String>,
) -> v1::Report {
    let mut report = unlinked(chance, sources);
    if chance.happens(300)
        && let Some(id) = ahead.pop()
    {
        report.report_id = id;
    }
    let other = if chance.happens(250) {
        let id = uuid::Builder::from_random_bytes(chance.sixteen()).into_uuid();
        Some(id.to_string())
    } else {
        chance.pick(known).cloned()
    };
    let Some(other) = other else {
        return report;
    };
    let is_known = known.contains(&other);
    if chance.happens(80) {
        report.corrects_report_id.clone_from(&other);
    } else if chance.happens(80) {
        report.retracts_report_id.clone_from(&other);
        let by = [v1::Retractor::Submitter, v1::Retractor::Originator];
        report.retracted_by = chance.pick(&by).copied().unwrap_or_default().into();
        if chance.happens(500) {
            report.claims.clear();
            report.attribution_chain.clear();
        }
    } else {
        return report;
    }
    if !is_known {
        ahead.push(other);
    }
    report
}

fn unlinked(chance: &Chance, sources: &[String]) -> v1::Report {
    let id = uuid::Builder::from_random_bytes(chance.sixteen()).into_uuid();
    let count = if chance.happens(250) { 2 } else { 1 };
    let claims = (0..count).map(|_| {
        let place = chance.pick(&PLACES).copied().unwrap_or("hama-city");
        claim(chance, place)
    });
    let claims = claims.collect();
    let source = chance.pick(sources).cloned().unwrap_or_default();
    // Within the three hours before the world began.
    let before = i64::try_from(chance.below(3 * 3600)).unwrap_or(0);
    v1::Report {
        report_id: id.to_string(),
        attribution_chain: vec![v1::AttributionParty {
            source_id: source,
            role: v1::AttributionRole::Originator.into(),
            ..v1::AttributionParty::default()
        }],
        published_at: Some(prost_types::Timestamp {
            seconds: 1_733_400_000 - before,
            nanos: 0,
        }),
        claims,
        tlp: v1::Tlp::Clear.into(),
        text: format!("As was heard, {}.", chance.below(1_000)),
        ..v1::Report::default()
    }
}

/// The same report, said differently.
pub(crate) fn altered(report: &v1::Report) -> v1::Report {
    v1::Report {
        text: format!("{} Or not.", report.text),
        ..report.clone()
    }
}

/// A report that no registry of the world accepts.
pub(crate) fn wrong(report: v1::Report) -> v1::Report {
    let mut report = report;
    if report.claims.is_empty() {
        report.tlp = v1::Tlp::Unspecified.into();
    }
    for claim in &mut report.claims {
        claim.actors = vec![v1::ActorReference {
            actor_id: "nobody".to_owned(),
            ..v1::ActorReference::default()
        }];
    }
    report
}
