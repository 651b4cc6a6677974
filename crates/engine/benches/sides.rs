//! What a fold costs by the number of sides.
//!
//! ```text
//! cargo bench -p ascertain-engine --bench sides
//! ```
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // a measurement fails by panicking
#![allow(clippy::print_stdout)] // a table is what it is for

mod made_up;

use std::sync::Arc;
use std::time::Instant;

use ascertain_domain::marking::Audience;
use ascertain_domain::report::Report;
use ascertain_domain::source::Grade;
use ascertain_engine::{Family, Folded};
use made_up::{Dice, at, place, registry, report};

const REPORTS: usize = 2_000;
const SOURCES: usize = 30;
const DAYS: usize = 365;
const TIMES: usize = 5;

fn main() {
    println!("| sides | a fold of {REPORTS} reports, ms | a report, µs | a state, ms |");
    println!("|---|---|---|---|");
    for sides in [2, 8, 64] {
        let registry = registry(sides, 1, &[Grade::C; SOURCES]);
        let view = registry.latest();
        let mut dice = Dice(sides as u64);
        let reports: Vec<Arc<Report>> = (0..REPORTS)
            .map(|n| {
                let day = n as f64 * DAYS as f64 / REPORTS as f64;
                // Each side for two weeks, and one report in five is wrong.
                let holder = if dice.chance(0.2) {
                    dice.below(sides)
                } else {
                    n * DAYS / REPORTS / 14 % sides
                };
                report(n, dice.below(SOURCES), day, 0, holder)
            })
            .collect();
        let family = Family {
            place: view.place(&place(0)).unwrap(),
            registry: view,
            audience: Audience::Clear,
            reports: &reports,
        };
        let (mut fold, mut state) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..TIMES {
            let begun = Instant::now();
            let mut folded = Folded::of(family);
            folded.resume_point();
            fold = fold.min(begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            let now = at(DAYS as f64);
            std::hint::black_box(folded.evaluate(now, now));
            state = state.min(begun.elapsed().as_secs_f64());
        }
        println!(
            "| {sides} | {:.1} | {:.1} | {:.2} |",
            fold * 1e3,
            fold * 1e6 / REPORTS as f64,
            state * 1e3
        );
    }
}
