//! The same bits on every machine, in every build: beliefs, states and what is learned
//! of a fixed set of made-up reports, against one pinned digest (docs/decisions/0023).

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use std::sync::Arc;

use ascertain_domain::id::Digest;
use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::{Extent, Modality, Originator, Polarity, Report};
use ascertain_domain::source::{Alignment, Grade, Reporting, SourceKind};
use ascertain_domain::state::ControlState;
use ascertain_domain::time::{HOUR_US, TimeInterval, TimePrecision, Timestamp};
use ascertain_engine::{Family, Folded, METHOD_VERSION, ResumePoint, learn, series};
use world::{
    ACTORS, PLACES, SOURCES, WATCHERS, at, place_id, predicate, register, registry_of, report,
    said, shared, source,
};

/// The method that the digest was made by, and the digest.
const PINNED: (&str, &str) = (
    "prior-6",
    "d5125794c7ada0d5b99a54354e3427a55c1e2bdac2d345d9764b62a707c3f326",
);

/// Further independent sources, two of them anchors: without some that agree nothing
/// is learned.
const WIRES: [(&str, Grade); 4] = [
    ("wire-b1", Grade::B),
    ("wire-b2", Grade::B),
    ("wire-c", Grade::C),
    ("wire-d", Grade::D),
];
const REPORTS: u32 = 900;
const HOURS: u64 = 150 * 24;
/// The day up to which a model is learned.
const CUT_DAY: f64 = 120.0;

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[usize::try_from(self.below(some.len() as u64)).unwrap()]
    }

    fn hours(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap() * HOUR_US
    }
}

fn world_of(sides: &[&str]) -> Registry {
    let mut registry = registry_of(sides, &str::to_owned, &str::to_owned);
    for (id, grade) in WIRES {
        let mut wire = source(id, grade, Alignment::Independent);
        wire.reporting = Reporting::Undeclared;
        register(&mut registry, RegistryChange::Source(wire));
    }
    registry
}

/// One report: mostly of who holds, so that sources can be held against each other;
/// of every predicate, polarity, extent and modality.
fn told(number: u32, dice: &mut Dice) -> Report {
    let wires: Vec<&str> = WIRES.iter().map(|(id, _)| *id).collect();
    let sources = [&SOURCES[..], &WATCHERS, &wires, &wires].concat();
    let known = at(0.0).plus_micros(dice.hours(HOURS));
    let published = known.plus_micros(-dice.hours(60));
    let claims = (0..1 + dice.below(2)).map(|_| {
        // East holds for the first months, west from then on, by most accounts.
        let holder = if published < at(70.0) { "east" } else { "west" };
        let (kind, actor) = if dice.below(3) > 0 {
            (0, holder)
        } else {
            (usize::try_from(dice.below(10)).unwrap(), dice.of(&ACTORS))
        };
        let polarity = dice.of(&[Polarity::Affirm, Polarity::Affirm, Polarity::Deny]);
        let polarity = if kind == 0 {
            Polarity::Affirm
        } else {
            polarity
        };
        let mut claim = said("", predicate(kind, actor, dice.of(&ACTORS)), polarity, 0.0);
        claim.place = place_id(dice.of(&PLACES));
        claim.extent = dice.of(&[
            Extent::Whole,
            Extent::Whole,
            Extent::Unspecified,
            Extent::Most,
            Extent::Part,
            Extent::Edge,
            Extent::Outskirts,
        ]);
        claim.modality = dice.of(&[
            Modality::Asserted,
            Modality::Asserted,
            Modality::Hedged,
            Modality::Rumoured,
            Modality::Conditional,
            Modality::Intended,
        ]);
        claim.event_time = (dice.below(2) > 0).then(|| TimeInterval {
            earliest: None,
            latest: Some(published.plus_micros(-dice.hours(200))),
            precision: TimePrecision::Instant,
        });
        if claim.extent.takes_sub_places() && claim.place == place_id("city") {
            claim.sub_places = vec![place_id(dice.of(&["north", "south"]))];
        }
        claim
    });
    let claims = claims.collect();
    let mut report = report(number, dice.of(&sources), 0.0, claims);
    (report.first_known_at, report.published_at) = (known, published);
    if dice.below(8) == 0 {
        let kind = dice.of(&[SourceKind::Eyewitness, SourceKind::Newswire]);
        report.originator = Originator::Unregistered(kind);
    }
    if dice.below(6) == 0 {
        report.evidence = vec![world::picture(dice.of(&[0, 1, 2, 3, 4]))];
    }
    // By number: how types are printed is no matter here.
    report.statement_digest = Digest::of(&number.to_be_bytes());
    report.body_digest = Digest::of(&[&number.to_be_bytes()[..], b"body"].concat());
    report
}

/// All that was computed, as bytes.
#[derive(Default)]
struct Computed {
    bytes: Vec<u8>,
    numbers: usize,
}

impl Computed {
    fn numbers(&mut self, numbers: &[f64]) {
        self.numbers += numbers.len();
        let bits = numbers.iter().flat_map(|n| n.to_bits().to_be_bytes());
        self.bytes.extend(bits);
    }

    fn times(&mut self, interval: Option<&TimeInterval>) {
        for end in [
            interval.and_then(|i| i.earliest),
            interval.and_then(|i| i.latest),
        ] {
            let end = end.map_or(i64::MIN, Timestamp::micros);
            self.bytes.extend(end.to_be_bytes());
        }
    }

    fn point(&mut self, point: &ResumePoint) {
        let filter = &point.filter;
        self.numbers(&filter.alpha);
        self.numbers(&[filter.clash.threat, filter.clash.fighting]);
        for (group, without) in filter.without.iter() {
            self.bytes.extend(group.to_be_bytes());
            self.numbers(without);
        }
        for standing in filter.standing.values() {
            self.numbers(&standing.doubts);
        }
        for ladder in &filter.ladders {
            let rungs: Vec<f64> = ladder.rungs().map(|(_, mass)| mass).collect();
            self.numbers(&rungs);
        }
        for group in &point.groups {
            if let Some(favours) = &group.favours {
                self.numbers(favours.parts().0);
            }
        }
        for siege in &point.sieges {
            self.numbers(&[siege.weight]);
        }
        for part in &point.sub_places {
            self.numbers(&[part.share]);
            self.numbers(part.own.as_ref().map_or(&[], |own| &own.alpha));
        }
    }

    fn state(&mut self, state: &ControlState) {
        let outcomes = state.outcomes.iter().map(|(_, ppm)| ppm);
        for ppm in outcomes.chain(state.presence.iter().map(|(_, ppm)| ppm)) {
            self.bytes.extend(ppm.0.to_be_bytes());
        }
        self.bytes.push(state.status as u8);
        self.bytes.push(state.analytic_confidence as u8);
        self.bytes.push(u8::from(state.besieged));
        self.times(state.since.as_ref());
        self.numbers(&[state.dispute, state.coverage]);
        for line in &state.contributions {
            self.bytes.extend(line.group.as_bytes());
            self.numbers(&[line.weight, line.weight_lost]);
        }
    }

    /// Everything that is answered of a world, by the model that its registry has.
    fn answers(&mut self, registry: &Registry, reports: &[Arc<Report>]) {
        for family in families(registry, reports) {
            let mut folded = Folded::of(family);
            self.point(&folded.resume_point());
            for day in [20.0, 69.5, 75.25, 119.0, 151.0, 400.0] {
                self.state(&folded.evaluate(at(day), at(151.0)));
            }
            let times: Vec<Timestamp> = (0..160).map(|day| at(f64::from(day))).collect();
            for moment in series(family, &times) {
                self.numbers(&moment.filtered);
                self.numbers(&moment.smoothed);
            }
        }
    }
}

fn families<'a>(
    registry: &'a Registry,
    reports: &'a [Arc<Report>],
) -> impl Iterator<Item = Family<'a>> {
    let view = registry.latest();
    view.places().map(move |place| Family {
        place,
        registry: view,
        audience: Audience::Clear,
        reports,
    })
}

fn learned(registry: &Registry, reports: &[Arc<Report>]) -> SourceModel {
    let families = families(registry, reports);
    learn(families, registry.latest(), Audience::Clear, at(CUT_DAY))
}

#[test]
fn every_machine_and_every_build_computes_the_same_bits() {
    let mut dice = Dice(20_261_123);
    let reports: Vec<Report> = (0..REPORTS).map(|n| told(n, &mut dice)).collect();
    let reports = shared(&reports);
    let mut computed = Computed::default();
    for sides in [
        &["east", "west"][..],
        &["east", "west", "stranger", "fourth", "fifth"],
    ] {
        let mut registry = world_of(sides);
        computed.answers(&registry, &reports);
        let model = learned(&registry, &reports);
        let tables = model.sources.values().filter(|s| s.table.is_some());
        assert!(tables.count() >= 5 && !model.pace.is_empty(), "{model:?}");
        computed.bytes.extend(model.digest().0);
        register(&mut registry, RegistryChange::SourceModel(model));
        computed.answers(&registry, &reports);
    }
    assert!(computed.numbers > 20_000, "{}", computed.numbers);
    let digest = Digest::of(&computed.bytes).to_string();
    let (method, pinned) = PINNED;
    let renewed = format!("const PINNED: (&str, &str) = (\"{METHOD_VERSION}\", \"{digest}\");");
    assert_eq!(
        method, METHOD_VERSION,
        "the method changed; once debug and release builds agree, renew the pinned line:\n{renewed}"
    );
    assert_eq!(
        digest, pinned,
        "either the method's numbers changed, then METHOD_VERSION must change as well, or this \
         build or machine computes others than those before it, which must not be; only in the \
         first case renew the pinned line:\n{renewed}"
    );
}
