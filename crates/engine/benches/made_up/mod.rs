//! What measurements have in common: chance, a registry, and reports.
#![allow(dead_code, unreachable_pub)] // each measurement uses a part
#![allow(missing_docs)]

use std::sync::Arc;

use ascertain_domain::actor::Actor;
use ascertain_domain::id::{ActorId, ClaimId, Digest, PartnerId, PlaceId, ReportId, SourceId};
use ascertain_domain::marking::Marking;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::{
    Actors, Claim, Extent, Links, Modality, Originator, Polarity, Predicate, Report,
};
use ascertain_domain::source::{Grade, Reporting, Source, SourceKind};
use ascertain_domain::time::{DAY_US, Timestamp};

/// `SplitMix64` (Steele, Lea and Flood, 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    /// 0 to below 1.
    pub fn share(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 30)
    }

    pub fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }
}

pub fn side(number: usize) -> ActorId {
    ActorId::new(&format!("side-{number}")).unwrap()
}

pub fn place(number: usize) -> PlaceId {
    PlaceId::new(&format!("place-{number}")).unwrap()
}

pub fn source(number: usize) -> SourceId {
    SourceId::new(&format!("source-{number}")).unwrap()
}

/// 2024-01-01 and so many days.
pub fn at(day: f64) -> Timestamp {
    let begins = 1_704_067_200_000_000;
    Timestamp::from_micros(begins + (day * DAY_US as f64) as i64).unwrap()
}

/// So many sides, places (each an area of its own) and independent sources, by grade.
pub fn registry(sides: usize, places: usize, grades: &[Grade]) -> Registry {
    let mut registry = Registry::default();
    let mut apply = |change| {
        let sequence = registry.last_sequence() + 1;
        registry.apply(sequence, Version::LATEST, change);
    };
    let mut listed: Vec<ActorId> = (0..sides).map(side).collect();
    listed.sort();
    for id in &listed {
        apply(of_actor(id));
    }
    for number in 0..places {
        apply(of_place(place(number), listed.clone()));
    }
    for (number, grade) in grades.iter().enumerate() {
        let now_and_then = (SourceKind::Newsroom, Reporting::Episodic);
        apply(of_source(number, now_and_then, *grade));
    }
    registry
}

/// An actor of no coalition.
pub fn of_actor(id: &ActorId) -> RegistryChange {
    RegistryChange::Actor(Actor {
        id: id.clone(),
        names: Vec::new(),
        member_of: Vec::new(),
    })
}

/// A city that is an area of its own.
pub fn of_place(id: PlaceId, sides: Vec<ActorId>) -> RegistryChange {
    RegistryChange::Place(Place {
        kind: PlaceKind::City,
        admin_level: 0,
        parent: None,
        home_area: id.clone(),
        id,
        sides,
        names: Vec::new(),
        pcode: String::new(),
        geonames_id: 0,
        location: None,
        population: 0,
    })
}

/// An independent source whose channel is its own.
pub fn of_source(
    number: usize,
    (kind, reporting): (SourceKind, Reporting),
    grade: Grade,
) -> RegistryChange {
    RegistryChange::Source(Source {
        id: source(number),
        names: Vec::new(),
        kind,
        reporting,
        alignments: Vec::new(),
        grade,
        identity_verified: true,
    })
}

/// A source says on a day that a side holds a place.
pub fn report(number: usize, from: usize, day: f64, of: usize, holder: usize) -> Arc<Report> {
    let predicate = Predicate::Controls(Actors::new(vec![side(holder)]).unwrap());
    said(number, from, place(of), (at(day), at(day)), predicate)
}

/// A report: its number, whose it is, of which place, when it was known and published,
/// and what it says.
pub fn said(
    number: usize,
    from: usize,
    place: PlaceId,
    (known, published): (Timestamp, Timestamp),
    predicate: Predicate,
) -> Arc<Report> {
    let body = Digest::of(format!("{number} {known} {published}").as_bytes());
    Arc::new(Report {
        id: ReportId(uuid::Uuid::from_u128(number as u128)),
        partner: PartnerId::new("local").unwrap(),
        partner_reference: format!("R{number}"),
        first_known_at: known,
        backfilled: false,
        originator: Originator::Source(source(from)),
        relays: Vec::new(),
        published_at: published,
        claims: vec![Claim {
            id: ClaimId::new("c0").unwrap(),
            place,
            predicate,
            polarity: Polarity::Affirm,
            extent: Extent::Whole,
            sub_places: Vec::new(),
            event_time: None,
            modality: Modality::Asserted,
        }],
        evidence: Vec::new(),
        text_simhash: None,
        links: Links::default(),
        marking: Marking::Clear,
        time_inconsistent: false,
        statement_digest: body,
        body_digest: body,
    })
}
