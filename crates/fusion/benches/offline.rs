//! The E-step and a whole fit of the offline model, in claims a second.

#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;

use ascertain_fusion::offline::{Claim, Learner, Problem, fit};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A set of claims from a fixed generator: each item is claimed by so many sources,
/// three of four times rightly.
fn problem(items: u32, sources: u32, values: u32, each: u32) -> Problem {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: u32| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z >> 32) as u32) % bound
    };
    let mut claims = Vec::new();
    for item in 0..items {
        for _ in 0..each {
            let source = below(sources);
            let right = below(4) > 0;
            let value = if right { item % values } else { below(values) };
            claims.push(Claim {
                item,
                source,
                value,
            });
        }
    }
    Problem {
        items: items as usize,
        sources: sources as usize,
        values: values as usize,
        claims,
    }
}

fn e_step(c: &mut Criterion) {
    for (name, set) in [
        ("like product: 2 values", problem(8_315, 176, 2, 3)),
        ("4 values", problem(10_000, 1_000, 4, 10)),
        (
            "a million claims, 100,000 sources",
            problem(200_000, 100_000, 4, 5),
        ),
    ] {
        let mut group = c.benchmark_group("offline E-step");
        group.sample_size(20);
        group.throughput(Throughput::Elements(set.claims.len() as u64));
        let mut learner = Learner::new(&set);
        learner.maximise(true);
        group.bench_function(name, |b| b.iter(|| black_box(learner.expect())));
        group.finish();
    }
}

fn whole_fit(c: &mut Criterion) {
    let set = problem(8_315, 176, 2, 3);
    let mut group = c.benchmark_group("offline fit");
    group.sample_size(10);
    group.throughput(Throughput::Elements(set.claims.len() as u64));
    group.bench_function("like product", |b| b.iter(|| fit(black_box(&set))));
    group.finish();
}

criterion_group!(benches, e_step, whole_fit);
criterion_main!(benches);
