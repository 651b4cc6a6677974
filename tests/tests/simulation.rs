//! Seeded worlds in which everything fails: nothing acknowledged is lost, doubled or
//! altered, and what is believed and answered is what an undisturbed run gives.
//!
//! `ASCERTAIN_SIM_SEED=n` plays one seed and shows its events; `ASCERTAIN_LONG=1`
//! plays ten thousand; `ASCERTAIN_SIM_FIRST=n` lets them begin elsewhere.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ascertain_tests::simulation::{Counts, Outcome, play};

/// Seeds of the ordinary test run.
const SEEDS: u64 = 300;
/// Seeds of the long one.
const LONG_SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn played(seed: u64, shown: bool) -> Result<Outcome, String> {
    let replay = format!(
        "replay it with ASCERTAIN_SIM_SEED={seed} cargo test -p ascertain-tests --test simulation"
    );
    match catch_unwind(AssertUnwindSafe(|| play(seed, shown))) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(format!("seed {seed}: {error:#}; {replay}")),
        Err(_) => Err(format!("seed {seed} panicked; {replay}")),
    }
}

/// Plays seeds on all cores, and gives the outcomes in their order.
fn all(seeds: std::ops::Range<u64>) -> (Vec<Outcome>, Vec<String>) {
    let next = AtomicU64::new(seeds.start);
    let outcomes = Mutex::new(BTreeMap::new());
    let failures = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match played(seed, false) {
                        Ok(outcome) => {
                            outcomes.lock().unwrap().insert(seed, outcome);
                        }
                        Err(failure) => {
                            eprintln!("{failure}");
                            failures.lock().unwrap().insert(seed, failure);
                        }
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap().into_values().collect();
    let failures = failures.into_inner().unwrap().into_values().collect();
    (outcomes, failures)
}

fn add(sum: &mut Counts, counts: &Counts) {
    for (name, count) in counts {
        *sum.entry(name).or_default() += count;
    }
}

fn told(what: &str, counts: &Counts) {
    let total: u64 = counts.values().sum();
    eprintln!("{what}: {total}");
    for (name, count) in counts {
        eprintln!("  {count:>9} {name}");
    }
}

#[test]
fn what_was_promised_is_kept_whatever_fails() {
    if let Some(seed) = number("ASCERTAIN_SIM_SEED") {
        let outcome = played(seed, true).unwrap_or_else(|failure| panic!("{failure}"));
        eprintln!("seed {seed} {}", outcome.trace);
        return;
    }
    let long = std::env::var_os("ASCERTAIN_LONG").is_some();
    let count = if long { LONG_SEEDS } else { SEEDS };
    let count = number("ASCERTAIN_SIM_SEEDS").unwrap_or(count);
    let first = number("ASCERTAIN_SIM_FIRST").unwrap_or(0);
    let started = Instant::now();
    let (outcomes, failures) = all(first..first + count);
    let (mut operations, mut faults) = (Counts::new(), Counts::new());
    for outcome in &outcomes {
        if !long {
            eprintln!("seed {} {}", outcome.seed, outcome.trace);
        }
        add(&mut operations, &outcome.operations);
        add(&mut faults, &outcome.faults);
    }
    eprintln!(
        "{} seeds in {:.1} s",
        outcomes.len() + failures.len(),
        started.elapsed().as_secs_f64()
    );
    told("operations", &operations);
    told("faults", &faults);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..24 {
        let [one, other] = [played(seed, false), played(seed, false)].map(Result::unwrap);
        assert_eq!(one, other);
    }
    let other = played(1_000_003, false).unwrap();
    assert_ne!(played(0, false).unwrap().trace, other.trace);
}
