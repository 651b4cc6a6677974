//! Whatever the domain's types allow, sensible or not.

use ascertain_domain::id::{ActorId, Digest, PartnerId, PlaceId, ReportId, SourceId};
use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::{
    Actors, Claim, Extent, Modality, Originator, Polarity, Predicate, Report,
};
use ascertain_domain::source::SourceKind;
use ascertain_domain::time::{HOUR_US, TimeInterval, TimePrecision, Timestamp};
use proptest::prelude::*;

use super::{
    ACTORS, PLACES, SOURCES, WATCHERS, actor_id, at, place_id, register, registry_of, report, said,
};

/// Any moment of ten thousand years: its ends, the epoch, or some hour of a year.
pub fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        Just(Timestamp::MIN.plus_micros(1)),
        Just(Timestamp::MAX.plus_micros(-HOUR_US)),
        (-30..30_i64).prop_map(|h| Timestamp::from_micros(h * HOUR_US).unwrap()),
        (0..9_000_i64).prop_map(|h| at(0.0).plus_micros(h * HOUR_US)),
        (0..200_i64).prop_map(|m| at(10.0).plus_micros(m * 60_000_000)),
        (Timestamp::MIN.micros()..Timestamp::MAX.micros())
            .prop_map(|t| Timestamp::from_micros(t).unwrap()),
    ]
}

/// A registry with so many sides, 0 to 12; whose city may be its own parent, or lie in
/// its own quarter, as two nodes may make it that each see half of a change.
pub fn registry(sides: usize, parent: Option<&str>) -> Registry {
    let further: Vec<String> = (2..sides).map(|i| format!("side-{i}")).collect();
    let all = ["east", "west"].into_iter();
    let all: Vec<&str> = all.chain(further.iter().map(String::as_str)).collect();
    let mut registry = registry_of(&all[..sides], &str::to_owned, &str::to_owned);
    if let Some(parent) = parent {
        let city = registry.latest().place(&place_id("city")).unwrap();
        let mut city = (**city).clone();
        city.parent = Some(place_id(parent));
        register(&mut registry, RegistryChange::Place(city));
    }
    registry
}

fn actor() -> impl Strategy<Value = ActorId> {
    let further = (2..13).map(|i| format!("side-{i}"));
    let known: Vec<String> = ACTORS
        .iter()
        .map(|a| (*a).to_owned())
        .chain(further)
        .collect();
    prop::sample::select(known).prop_map(|id| actor_id(&id))
}

fn actors() -> impl Strategy<Value = Actors> {
    prop::collection::vec(actor(), 1..5).prop_map(|actors| Actors::new(actors).unwrap())
}

fn predicate() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        actors().prop_map(Predicate::Controls),
        actors().prop_map(Predicate::Present),
        prop::collection::vec(actor(), 0..4).prop_map(Predicate::FightingAt),
        actors().prop_map(Predicate::AtEdge),
        actors().prop_map(Predicate::AdvancingOn),
        actors().prop_map(Predicate::Withdrew),
        actors().prop_map(Predicate::Besieges),
        (actors(), actors()).prop_map(|(from, to)| Predicate::HandedOver { from, to }),
    ]
}

fn place() -> impl Strategy<Value = PlaceId> {
    let known = PLACES.iter().chain(&["nowhere"]).map(|id| place_id(id));
    prop::sample::select(known.collect::<Vec<_>>())
}

prop_compose! {
    fn claim()(
        place in place(),
        predicate in predicate(),
        deny in any::<bool>(),
        extent in prop::sample::select(vec![
            Extent::Unspecified, Extent::Whole, Extent::Most, Extent::Part, Extent::Edge, Extent::Outskirts,
        ]),
        modality in prop::sample::select(vec![
            Modality::Asserted, Modality::Hedged, Modality::Rumoured, Modality::Conditional, Modality::Intended,
        ]),
        sub_places in prop::collection::vec(place(), 0..3),
        // Open at either end or both, and the later before the earlier.
        event in prop::option::of((prop::option::of(moment()), prop::option::of(moment()))),
    ) -> Claim {
        let polarity = if deny { Polarity::Deny } else { Polarity::Affirm };
        let precision = TimePrecision::Unspecified;
        Claim {
            place,
            extent,
            modality,
            sub_places,
            event_time: event.map(|(earliest, latest)| TimeInterval { earliest, latest, precision }),
            ..said("", predicate, polarity, 0.0)
        }
    }
}

prop_compose! {
    fn any_report(number: u32)(
        source in 0..SOURCES.len() + WATCHERS.len() + 2,
        claims in prop_oneof![
            9 => prop::collection::vec(claim(), 0..5),
            1 => prop::collection::vec(claim(), 100..300),
        ],
        known in moment(),
        published in moment(),
    ) -> Report {
        let mut report = report(number, "nobody", 0.0, claims);
        report.id = ReportId(uuid::Uuid::from_u128(u128::from(number)));
        let sources = [&SOURCES[..], &WATCHERS[..]].concat();
        report.originator = match sources.get(source) {
            Some(id) => Originator::Source(SourceId::new(id).unwrap()),
            None if source == sources.len() => Originator::Unregistered(SourceKind::Eyewitness),
            None => Originator::Source(SourceId::new("unheard-of").unwrap()),
        };
        report.partner = PartnerId::new(if number.is_multiple_of(3) { "local" } else { "other" }).unwrap();
        (report.first_known_at, report.published_at) = (known, published);
        report.body_digest = Digest::of(format!("body {report:?}").as_bytes());
        report
    }
}

/// Some reports, each with an id of its own.
pub fn reports(most: usize) -> impl Strategy<Value = Vec<Report>> {
    (1..=most).prop_flat_map(|count| (0..count as u32).map(any_report).collect::<Vec<_>>())
}
