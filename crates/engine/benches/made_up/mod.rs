//! What the measurements that print a table have in common: chance, and a registry.
#![allow(dead_code, unreachable_pub)] // each measurement uses a part
#![allow(missing_docs)]

use std::sync::Arc;

use ascertain_domain::actor::Actor;
use ascertain_domain::id::{ActorId, ClaimId, Digest, PartnerId, PlaceId, ReportId, SourceId};
use ascertain_domain::marking::Marking;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::{
    Actors, Claim, Extent, Modality, Originator, Polarity, Predicate, Report,
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
        apply(RegistryChange::Actor(Actor {
            id: id.clone(),
            names: Vec::new(),
            member_of: Vec::new(),
        }));
    }
    for number in 0..places {
        apply(RegistryChange::Place(Place {
            id: place(number),
            kind: PlaceKind::City,
            admin_level: 0,
            parent: None,
            home_area: place(number),
            sides: listed.clone(),
            names: Vec::new(),
            pcode: String::new(),
            geonames_id: 0,
            location: None,
            population: 0,
        }));
    }
    for (number, grade) in grades.iter().enumerate() {
        apply(RegistryChange::Source(Source {
            id: source(number),
            names: Vec::new(),
            kind: SourceKind::Newsroom,
            reporting: Reporting::Episodic,
            alignments: Vec::new(),
            grade: *grade,
            identity_verified: true,
        }));
    }
    registry
}

/// A source says on a day that a side holds a place.
pub fn report(number: usize, from: usize, day: f64, of: usize, holder: usize) -> Arc<Report> {
    let body = Digest::of(&(number as u64).to_be_bytes());
    Arc::new(Report {
        id: ReportId(uuid::Uuid::from_u128(number as u128)),
        partner: PartnerId::new("local").unwrap(),
        partner_reference: format!("R{number}"),
        first_known_at: at(day),
        backfilled: false,
        originator: Originator::Source(source(from)),
        relays: Vec::new(),
        published_at: at(day),
        claims: vec![Claim {
            id: ClaimId::new("c0").unwrap(),
            place: place(of),
            predicate: Predicate::Controls(Actors::new(vec![side(holder)]).unwrap()),
            polarity: Polarity::Affirm,
            extent: Extent::Whole,
            sub_places: Vec::new(),
            event_time: None,
            modality: Modality::Asserted,
        }],
        evidence: Vec::new(),
        text_simhash: None,
        marking: Marking::Clear,
        time_inconsistent: false,
        statement_digest: body,
        body_digest: body,
    })
}
