//! What one more report costs, by how much was said before it; and whole folds.

#![allow(missing_docs)] // criterion's macros make undocumented functions
#![allow(clippy::unwrap_used)] // a bench fails by panicking
#![allow(unreachable_pub)] // what benches share is a module of each

mod town;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use ascertain_domain::marking::Audience;
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::Report;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::{Folded, Taken, learn};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use town::{END, YEAR, family, folded, history, history_of, registry, report, town, tracked};

/// The hour of the slot so many slots of evidence before the end.
fn slots_back(reports: &[Arc<Report>], back: usize) -> i64 {
    let mut hours: Vec<i64> = reports.iter().map(|r| r.published_at.slot().0).collect();
    hours.dedup();
    hours[hours.len().saturating_sub(back + 1)] * HOUR_US + HOUR_US / 2
}

fn one_more_of(
    c: &mut Criterion,
    title: &str,
    registry: &Registry,
    histories: &[Vec<Arc<Report>>],
) {
    let view = registry.latest();
    let place = view.place(&town(0)).unwrap();
    for (name, back) in [("newest", 0), ("50 slots late", 50)] {
        let mut group = c.benchmark_group(format!("{title}, {name}"));
        for reports in histories {
            let count = reports.len();
            let before = folded(registry, reports);
            let event = if back == 0 {
                END
            } else {
                slots_back(reports, back)
            };
            let last = report(count, END - 1, END - 1);
            let more = report(count + 1, END, event);
            group.sample_size(if count > 2_000 { 20 } else { 60 });
            let batch = if count > 2_000 {
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

fn one_more(c: &mut Criterion) {
    let histories = [10, 1_000, 100_000].map(history);
    one_more_of(c, "one more report", &registry(1, 0), &histories);
}

/// Beside 1,000 other reports, three trackers show each change of hands some days later,
/// and are silent every midnight.
fn with_trackers(c: &mut Criterion) {
    let mut reports = history(1_000);
    for turn in 0..=YEAR / (40 * DAY_US) {
        for tracker in 0..3 {
            let number = reports.len();
            let days = 40 * turn + 2 + 2 * tracker;
            let time = (END - YEAR) / (40 * DAY_US) * (40 * DAY_US) + days * DAY_US;
            let tracker = usize::try_from(tracker).unwrap();
            reports.push(tracked(10_000_000 + number, tracker, time.min(END - 2)));
        }
    }
    reports.sort_by_key(|r| (r.first_known_at, r.key()));
    let title = "one more report, 3 trackers";
    one_more_of(c, title, &registry(1, 3), &[reports]);
}

/// Reports that come one after another, each followed by its point: one fold goes on, as
/// it does in service, and is not copied between them. What is measured is the median of
/// single calls.
fn going_on(c: &mut Criterion) {
    let registry = registry(1, 0);
    let view = registry.latest();
    let place = view.place(&town(0)).unwrap();
    let mut group = c.benchmark_group("a fold that goes on");
    group.sample_size(20);
    for count in [1_000_usize, 100_000] {
        let spacing = YEAR / i64::try_from(count).unwrap();
        for (name, late) in [("newest", false), ("50 slots late", true)] {
            let mut folded = folded(&registry, &history(count));
            let (mut number, mut known) = (count, END);
            group.bench_function(BenchmarkId::new(name, count), |b| {
                b.iter_custom(|iterations| {
                    let mut each = Vec::new();
                    for _ in 0..iterations {
                        number += 2;
                        known += spacing;
                        let newest = report(number, known, known);
                        // A slot is an hour, or what lies between two reports.
                        let late_by = 50 * spacing.max(HOUR_US);
                        let late_one = report(number + 1, known + 1, known - late_by);
                        for (report, measured) in [(newest, !late), (late_one, late)] {
                            if !measured && !late {
                                continue;
                            }
                            let begin = Instant::now();
                            assert_eq!(folded.take(place, view, &report), Taken::Added);
                            black_box(folded.resume_point());
                            if measured {
                                each.push(begin.elapsed());
                            }
                        }
                    }
                    each.sort();
                    // What else runs on the machine interrupts some of them.
                    each[each.len() / 2] * u32::try_from(each.len()).unwrap()
                });
            });
        }
    }
    group.finish();
}

fn whole(c: &mut Criterion) {
    let without_trackers = registry(1, 0);
    let reports = history(10_000);
    let mut group = c.benchmark_group("a whole fold");
    group.sample_size(10);
    group.throughput(Throughput::Elements(reports.len() as u64));
    group.bench_function("10,000 reports", |b| {
        b.iter(|| black_box(folded(&without_trackers, &reports)));
    });
    group.finish();
}

/// What is learned of the sources from 20 towns, and what it costs to fold a town anew
/// once that is in force.
fn learned(c: &mut Criterion) {
    const TOWNS: usize = 20;
    const REPORTS: usize = 1_000;
    let mut registry = registry(TOWNS, 0);
    let towns: Vec<_> = (0..TOWNS)
        .map(|i| (town(i), history_of(&town(i), REPORTS, i * REPORTS)))
        .collect();
    let cut = Timestamp::from_micros(END / DAY_US * DAY_US).unwrap();
    let fit = |registry: &Registry| {
        let families = towns
            .iter()
            .map(|(town, reports)| family(registry, town, reports));
        learn(families, registry.latest(), Audience::Clear, cut)
    };
    let mut group = c.benchmark_group("learn");
    group.sample_size(10);
    // Each report has one claim.
    group.throughput(Throughput::Elements((TOWNS * REPORTS) as u64));
    group.bench_function("20 towns of 1,000 claims", |b| {
        b.iter(|| black_box(fit(&registry)));
    });
    group.finish();
    let model = fit(&registry);
    assert!(!model.sources.is_empty());
    let sequence = registry.last_sequence() + 1;
    registry.apply(
        sequence,
        Version::LATEST,
        RegistryChange::SourceModel(model),
    );
    let view = registry.latest();
    assert!(view.source_model(Audience::Clear).is_some());
    let mut group = c.benchmark_group("a new source model");
    group.sample_size(10);
    group.throughput(Throughput::Elements(TOWNS as u64));
    group.bench_function("folds of 1,000 reports", |b| {
        b.iter(|| {
            for (town, reports) in &towns {
                let mut folded = Folded::of(family(&registry, town, reports));
                black_box(folded.resume_point());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, one_more, with_trackers, going_on, whole, learned);
criterion_main!(benches);
