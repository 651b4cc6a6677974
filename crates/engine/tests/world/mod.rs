//! A small registry, and reports drawn from it.
#![allow(dead_code, unreachable_pub)] // each test uses a part

pub mod wild;

use std::sync::Arc;

use ascertain_domain::actor::{Actor, Dated};
use ascertain_domain::evidence::{Evidence, EvidenceKey, PerceptualHash};
use ascertain_domain::id::{ActorId, ClaimId, Digest, PartnerId, PlaceId, ReportId, SourceId};
use ascertain_domain::marking::{Audience, Marking};
use ascertain_domain::name::Name;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::{
    Actors, Claim, Extent, Links, Modality, Originator, Polarity, Predicate, Relay, Report,
};
use ascertain_domain::source::{Alignment, Grade, Reporting, Source, SourceKind};
use ascertain_domain::state::ControlState;
use ascertain_domain::time::{DAY_US, HOUR_US, TimeInterval, TimePrecision, Timestamp};
use ascertain_engine::{Family, Folded};
use proptest::prelude::*;

pub const PLACES: [&str; 4] = ["area", "city", "north", "south"];
pub const ACTORS: [&str; 4] = ["east", "west", "west-member", "stranger"];
pub const SOURCES: [&str; 5] = ["organ", "leaning", "wire", "blog", "tracker"];
/// Sources that report changes only: of none, and leaning to a side.
pub const WATCHERS: [&str; 2] = ["watcher", "partisan-watcher"];

fn names(text: &str) -> Vec<Name> {
    vec![Name {
        text: text.to_owned(),
        language: String::new(),
        script: String::new(),
    }]
}

pub fn place_id(id: &str) -> PlaceId {
    PlaceId::new(id).unwrap()
}

pub fn actor_id(id: &str) -> ActorId {
    ActorId::new(id).unwrap()
}

pub fn at(day: f64) -> Timestamp {
    let start: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    start.plus_micros((day * DAY_US as f64) as i64)
}

/// An area with a city of two quarters, two sides, and sources of every class.
pub fn registry() -> Registry {
    registry_of(&["east", "west"], &str::to_owned, &str::to_owned)
}

/// The same with any sides, and with the ids of actors and places changed.
pub fn registry_of(
    sides: &[&str],
    actor: &dyn Fn(&str) -> String,
    place: &dyn Fn(&str) -> String,
) -> Registry {
    let mut registry = Registry::default();
    let mut sequence = 0;
    let mut apply = |change| {
        sequence += 1;
        registry.apply(sequence, Version::LATEST, change);
    };
    let actor_id = |id: &str| actor_id(&actor(id));
    let place_id = |id: &str| place_id(&place(id));
    let further = sides.iter().filter(|side| !ACTORS.contains(side));
    for actor in ACTORS.iter().chain(further) {
        let coalition = (*actor == "west-member").then(|| Dated {
            value: actor_id("west"),
            from: None,
            until: None,
        });
        apply(RegistryChange::Actor(Actor {
            id: actor_id(actor),
            names: names(actor),
            member_of: coalition.into_iter().collect(),
        }));
    }
    let mut listed: Vec<ActorId> = sides.iter().map(|side| actor_id(side)).collect();
    listed.sort();
    for (id, kind, parent) in [
        ("area", PlaceKind::AdminUnit, None),
        ("city", PlaceKind::City, Some("area")),
        ("north", PlaceKind::Neighbourhood, Some("city")),
        ("south", PlaceKind::Neighbourhood, Some("city")),
    ] {
        apply(RegistryChange::Place(Place {
            id: place_id(id),
            kind,
            admin_level: u8::from(id == "area"),
            parent: parent.map(place_id),
            home_area: place_id("area"),
            sides: if id == "area" { listed.clone() } else { vec![] },
            names: names(id),
            pcode: String::new(),
            geonames_id: 0,
            location: None,
            population: 0,
        }));
    }
    let leaning = || Alignment::Sympathetic(actor_id("west-member"));
    for (id, grade, alignment) in [
        ("organ", Grade::D, Alignment::OrganOf(actor_id("east"))),
        ("leaning", Grade::C, leaning()),
        ("wire", Grade::A, Alignment::Independent),
        ("blog", Grade::F, Alignment::Unknown),
        ("tracker", Grade::B, Alignment::Opposed(actor_id("east"))),
        ("watcher", Grade::B, Alignment::Independent),
        ("partisan-watcher", Grade::C, leaning()),
    ] {
        apply(RegistryChange::Source(Source {
            reporting: if WATCHERS.contains(&id) {
                Reporting::ChangesOnly
            } else {
                Reporting::Episodic
            },
            identity_verified: id != "blog",
            ..source(id, grade, alignment)
        }));
    }
    registry
}

/// A source whose channel nobody verified, always of one alignment.
pub fn source(id: &str, grade: Grade, alignment: Alignment) -> Source {
    Source {
        id: SourceId::new(id).unwrap(),
        names: names(id),
        kind: SourceKind::Newsroom,
        reporting: Reporting::Episodic,
        alignments: vec![Dated {
            value: alignment,
            from: None,
            until: None,
        }],
        grade,
        identity_verified: false,
    }
}

/// Registers one thing more.
pub fn register(registry: &mut Registry, change: RegistryChange) {
    registry.apply(registry.last_sequence() + 1, Version::LATEST, change);
}

pub fn said(source: &str, predicate: Predicate, polarity: Polarity, day: f64) -> Claim {
    let _ = source;
    Claim {
        id: ClaimId::new("c0").unwrap(),
        place: place_id("city"),
        predicate,
        polarity,
        extent: Extent::Whole,
        sub_places: vec![],
        event_time: Some(TimeInterval {
            earliest: Some(at(day)),
            latest: Some(at(day)),
            precision: TimePrecision::Instant,
        }),
        modality: Modality::Asserted,
    }
}

pub fn report(number: u32, source: &str, day: f64, claims: Vec<Claim>) -> Report {
    let text = format!("{number} {source} {day} {claims:?}");
    Report {
        id: ReportId(uuid::Uuid::from_u128(u128::from(number))),
        partner: PartnerId::new("local").unwrap(),
        partner_reference: format!("R{number}"),
        first_known_at: at(day),
        backfilled: false,
        originator: Originator::Source(SourceId::new(source).unwrap()),
        relays: vec![Relay::Unregistered(SourceKind::Newswire)],
        published_at: at(day),
        claims,
        evidence: vec![],
        text_simhash: None,
        links: Links::default(),
        marking: Marking::Clear,
        time_inconsistent: false,
        statement_digest: Digest::of(text.as_bytes()),
        body_digest: Digest::of(format!("body {text}").as_bytes()),
    }
}

/// One of three pictures, the last two near each other.
pub fn picture(number: u8) -> Evidence {
    let hash = [
        "phash:0123456789abcdef",
        "phash:fedcba9876543210",
        "phash:fedcba9876543213",
    ];
    let hash = hash[usize::from(number) % 3];
    Evidence {
        perceptual_hash: Some(PerceptualHash::parse(hash).unwrap()),
        ..Evidence::of(EvidenceKey::Sha256(Digest::of(&[number])))
    }
}

pub fn predicate(kind: usize, actor: &str, other: &str) -> Predicate {
    let one = |a: &str| Actors::new(vec![actor_id(a)]).unwrap();
    match kind {
        0 => Predicate::Controls(one(actor)),
        1 => Predicate::Present(one(actor)),
        2 => Predicate::FightingAt(vec![actor_id(actor)]),
        3 => Predicate::AtEdge(one(actor)),
        4 => Predicate::AdvancingOn(one(actor)),
        5 => Predicate::Withdrew(one(actor)),
        6 => Predicate::Besieges(one(actor)),
        7 => Predicate::HandedOver {
            from: one(actor),
            to: one(other),
        },
        8 => Predicate::Controls(Actors::new(vec![actor_id(actor), actor_id(other)]).unwrap()),
        _ => Predicate::FightingAt(vec![]),
    }
}

prop_compose! {
    pub fn any_claim()(
        place in 0..PLACES.len(),
        kind in 0..10_usize,
        actor in 0..ACTORS.len(),
        other in 0..ACTORS.len(),
        deny in any::<bool>(),
        extent in 0..6_usize,
        part in any::<bool>(),
        modality in 0..5_usize,
    ) -> Claim {
        let extents = [Extent::Unspecified, Extent::Whole, Extent::Most, Extent::Part, Extent::Edge, Extent::Outskirts];
        let modalities = [Modality::Asserted, Modality::Hedged, Modality::Rumoured, Modality::Conditional, Modality::Intended];
        let polarity = if deny { Polarity::Deny } else { Polarity::Affirm };
        let mut claim = said("", predicate(kind, ACTORS[actor], ACTORS[other]), polarity, 0.0);
        claim.place = place_id(PLACES[place]);
        claim.extent = extents[extent];
        claim.modality = modalities[modality];
        claim.event_time = None;
        if part && claim.extent.takes_sub_places() && PLACES[place] == "city" {
            claim.sub_places = vec![place_id("north")];
        }
        claim
    }
}

prop_compose! {
    /// A report of any source at some hour of four months, with one claim to three.
    pub fn any_report(number: u32)(
        source in 0..SOURCES.len(),
        hour in 0..2_880_i64,
        late in prop_oneof![Just(0_i64), 1..500_i64],
        claims in prop::collection::vec(any_claim(), 1..4),
        image in prop::option::of(0..3_u8),
    ) -> Report {
        let published = at(0.0).plus_micros(hour * HOUR_US);
        let mut report = report(number, SOURCES[source], 0.0, claims);
        report.published_at = published;
        report.first_known_at = published.plus_micros(late * HOUR_US);
        report.evidence = image.map(picture).into_iter().collect();
        let text = format!("{report:?}");
        report.statement_digest = Digest::of(text.as_bytes());
        report.body_digest = Digest::of(format!("body {text}").as_bytes());
        report
    }
}

/// Some reports, each with an id of its own.
pub fn some_reports(most: usize) -> impl Strategy<Value = Vec<Report>> {
    (1..=most).prop_flat_map(|count| (0..count as u32).map(any_report).collect::<Vec<_>>())
}

pub fn fold(registry: &Registry, place: &str, reports: &[Arc<Report>]) -> Folded {
    let view = registry.latest();
    Folded::of(Family {
        place: view.place(&place_id(place)).unwrap(),
        registry: view,
        audience: Audience::Clear,
        reports,
    })
}

pub fn state(
    registry: &Registry,
    place: &str,
    reports: &[Arc<Report>],
    time: Timestamp,
) -> ControlState {
    fold(registry, place, reports).evaluate(time, at(200.0))
}

pub fn shared(reports: &[Report]) -> Vec<Arc<Report>> {
    reports.iter().cloned().map(Arc::new).collect()
}

prop_compose! {
    /// A report of any source, watchers too, known `gap` hours after the one before
    /// it, of events up to weeks before.
    fn next_report()(
        source in 0..SOURCES.len() + WATCHERS.len(),
        gap in prop_oneof![6 => 0.0..0.5f64, 4 => 1.0..30.0f64, 2 => 30.0..400.0f64],
        late in prop_oneof![5 => Just(0_i64), 3 => 0..100_i64, 1 => 300..2_000_i64],
        claims in prop::collection::vec((any_claim(), prop::option::weighted(0.3, 0..1_500_i64)), 1..4),
        image in prop::option::weighted(0.2, 0..3_u8),
    ) -> (f64, i64, Report) {
        let sources = [&SOURCES[..], &WATCHERS[..]].concat();
        let claims = claims.into_iter().map(|(claim, before)| Claim {
            // Made absolute when the time of the report is known.
            event_time: before.map(|hours| instant(at(0.0).plus_micros(-hours * HOUR_US))),
            ..claim
        });
        let mut report = report(0, sources[source], 0.0, claims.collect());
        report.evidence = image.map(picture).into_iter().collect();
        (gap, late, report)
    }
}

fn instant(time: Timestamp) -> TimeInterval {
    TimeInterval {
        earliest: None,
        latest: Some(time),
        precision: TimePrecision::Instant,
    }
}

/// So many reports in the order in which they were known, over about two years where
/// they are 300: bursts within an hour, silences of weeks, and events of weeks before.
pub fn history(
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Report>> {
    prop::collection::vec(next_report(), count).prop_map(|steps| {
        let mut known = at(0.0);
        let told = steps.into_iter().zip(1..).map(|((gap, late, told), n)| {
            known = known.plus_micros((gap * HOUR_US as f64) as i64);
            let published = known.plus_micros(-late * HOUR_US);
            let mut report = told;
            report.id = ReportId(uuid::Uuid::from_u128(n));
            report.partner_reference = format!("R{n}");
            report.first_known_at = known;
            report.published_at = published;
            for claim in &mut report.claims {
                claim.event_time = claim.event_time.and_then(|event| event.end()).map(|event| {
                    let before = event.micros() - at(0.0).micros();
                    instant(published.plus_micros(before))
                });
            }
            let text = format!("{report:?}");
            report.statement_digest = Digest::of(text.as_bytes());
            report.body_digest = Digest::of(format!("body {text}").as_bytes());
            report
        });
        told.collect()
    })
}
