//! What one more report costs, by how much was said before it; and a whole fold.

#![allow(missing_docs)] // criterion's macros make undocumented functions
#![allow(clippy::unwrap_used)] // a bench fails by panicking

use std::hint::black_box;
use std::sync::Arc;

use ascertain_domain::actor::Actor;
use ascertain_domain::id::{ActorId, ClaimId, Digest, PartnerId, PlaceId, ReportId, SourceId};
use ascertain_domain::marking::{Audience, Marking};
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::{
    Actors, Claim, Extent, Modality, Originator, Polarity, Predicate, Report,
};
use ascertain_domain::source::{Grade, Reporting, Source, SourceKind};
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::{Family, Folded, Taken};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SOURCES: usize = 30;
/// Where the history ends: a year after its beginning.
const END: i64 = 1_735_689_600_000_000;
const YEAR: i64 = 365 * DAY_US;

fn actor(id: &str) -> ActorId {
    ActorId::new(id).unwrap()
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    let mut apply = |change| {
        let sequence = registry.last_sequence() + 1;
        registry.apply(sequence, Version::LATEST, change);
    };
    for id in ["east", "west"] {
        apply(RegistryChange::Actor(Actor {
            id: actor(id),
            names: Vec::new(),
            member_of: Vec::new(),
        }));
    }
    apply(RegistryChange::Place(Place {
        id: PlaceId::new("town").unwrap(),
        kind: PlaceKind::City,
        admin_level: 0,
        parent: None,
        home_area: PlaceId::new("town").unwrap(),
        sides: vec![actor("east"), actor("west")],
        names: Vec::new(),
        pcode: String::new(),
        geonames_id: 0,
        location: None,
        population: 0,
    }));
    let grades = [Grade::A, Grade::B, Grade::C, Grade::D, Grade::F];
    for i in 0..SOURCES {
        apply(RegistryChange::Source(Source {
            id: SourceId::new(&format!("source-{i}")).unwrap(),
            names: Vec::new(),
            kind: SourceKind::Newsroom,
            reporting: Reporting::Episodic,
            alignments: Vec::new(),
            grade: grades[i % grades.len()],
            identity_verified: true,
        }));
    }
    registry
}

/// The report of a number: of one source after another, of one side and then the other
/// in turns of weeks, now and then of fighting.
fn report(number: usize, known: i64, event: i64) -> Arc<Report> {
    let side = if (event / (40 * DAY_US)) % 2 == 0 {
        "east"
    } else {
        "west"
    };
    let side = || Actors::new(vec![actor(side)]).unwrap();
    let predicate = match number % 11 {
        3 => Predicate::FightingAt(vec![actor("east"), actor("west")]),
        5 => Predicate::Present(side()),
        7 => Predicate::AtEdge(side()),
        _ => Predicate::Controls(side()),
    };
    let body = Digest::of(format!("{number} {known} {event}").as_bytes());
    Arc::new(Report {
        id: ReportId(uuid::Uuid::from_u128(number as u128)),
        partner: PartnerId::new("local").unwrap(),
        partner_reference: format!("R{number}"),
        first_known_at: Timestamp::from_micros(known).unwrap(),
        backfilled: false,
        originator: Originator::Source(
            SourceId::new(&format!("source-{}", (number * 7) % SOURCES)).unwrap(),
        ),
        relays: Vec::new(),
        published_at: Timestamp::from_micros(event).unwrap(),
        claims: vec![Claim {
            id: ClaimId::new("c0").unwrap(),
            place: PlaceId::new("town").unwrap(),
            predicate,
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

/// So many reports, spread evenly over the year before the end.
fn history(count: usize) -> Vec<Arc<Report>> {
    let told = (0..count).map(|i| {
        let time = END - YEAR + YEAR / count as i64 * i as i64;
        report(i, time, time)
    });
    told.collect()
}

fn folded(registry: &Registry, reports: &[Arc<Report>]) -> Folded {
    let view = registry.latest();
    let mut folded = Folded::of(Family {
        place: view.place(&PlaceId::new("town").unwrap()).unwrap(),
        registry: view,
        audience: Audience::Clear,
        reports,
    });
    folded.resume_point();
    folded
}

/// The hour of the slot so many slots of evidence before the end.
fn slots_back(reports: &[Arc<Report>], back: usize) -> i64 {
    let mut hours: Vec<i64> = reports.iter().map(|r| r.published_at.slot().0).collect();
    hours.dedup();
    hours[hours.len().saturating_sub(back + 1)] * HOUR_US + HOUR_US / 2
}

fn one_more(c: &mut Criterion) {
    let registry = registry();
    let view = registry.latest();
    let place = view.place(&PlaceId::new("town").unwrap()).unwrap();
    for (name, back) in [("newest", 0), ("50 slots late", 50)] {
        let mut group = c.benchmark_group(format!("one more report, {name}"));
        for count in [10_usize, 1_000, 100_000] {
            let reports = history(count);
            let before = folded(&registry, &reports);
            let event = if back == 0 {
                END
            } else {
                slots_back(&reports, back)
            };
            let last = report(count, END - 1, END - 1);
            let more = report(count + 1, END, event);
            group.sample_size(if count > 1_000 { 20 } else { 60 });
            let batch = if count > 1_000 {
                BatchSize::PerIteration
            } else {
                BatchSize::SmallInput
            };
            group.bench_function(BenchmarkId::new("take and resume point", count), |b| {
                b.iter_batched(
                    || {
                        // The clone has no room for one more; a fold that grew has.
                        let mut folded = before.clone();
                        assert_eq!(folded.take(place, view, &last), Taken::Added);
                        folded.resume_point();
                        folded
                    },
                    |mut folded| {
                        assert_eq!(folded.take(place, view, &more), Taken::Added);
                        let point = folded.resume_point();
                        (folded, point)
                    },
                    batch,
                );
            });
            group.bench_function(
                BenchmarkId::new("of that, resume point again", count),
                |b| {
                    let mut folded = before.clone();
                    folded.take(place, view, &more);
                    folded.resume_point();
                    b.iter_with_large_drop(|| folded.resume_point());
                },
            );
        }
        group.finish();
    }
}

fn whole(c: &mut Criterion) {
    let registry = registry();
    let reports = history(10_000);
    let mut group = c.benchmark_group("a whole fold");
    group.sample_size(10);
    group.throughput(Throughput::Elements(reports.len() as u64));
    group.bench_function("10,000 reports", |b| {
        b.iter(|| black_box(folded(&registry, &reports)));
    });
    group.finish();
}

criterion_group!(benches, one_more, whole);
criterion_main!(benches);
