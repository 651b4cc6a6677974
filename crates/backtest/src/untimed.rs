//! Claims without times: the offline model beside the static baselines.

use std::io::Write;
use std::time::Instant;

use ascertain_fusion::offline::{self, Posteriors, Problem};

use crate::error::Error;
use crate::read::{Claims, Truth};
use crate::tally::{Tally, floored};
use crate::{baselines, metrics};

/// What came of a method.
pub(crate) struct StaticRun {
    /// Its name.
    pub(crate) name: &'static str,
    /// As said, or with the floor where it may say 0.
    pub(crate) said: Tally,
    /// With 2 % spread evenly.
    pub(crate) floored: Tally,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// Ours, each place's confidence calibrated by the truths of other places.
const CALIBRATED: &str = "ascertain-calibrated";

/// What came of a static set.
pub(crate) struct StaticRuns {
    /// The methods; the first is ours.
    pub(crate) runs: Vec<StaticRun>,
    /// Baselines that were not run, with why.
    pub(crate) skipped: Vec<(&'static str, &'static str)>,
    /// Whether each place was taken to have values of its own.
    pub(crate) open: bool,
}

/// The most numbers that a baseline may keep at once: under a gigabyte.
const MOST_NUMBERS: usize = 100_000_000;

/// Whether a baseline for a closed vocabulary would keep more: each has a number for
/// each value of each place, and Dawid–Skene for each two values of each source.
pub(crate) fn is_too_large(name: &str, problem: &Problem) -> bool {
    let places = problem.items.saturating_mul(problem.values);
    let tables = problem.values.saturating_mul(problem.values);
    let tables = problem.sources.saturating_mul(tables);
    places > MOST_NUMBERS || (is_dawid_skene(name) && tables > MOST_NUMBERS)
}

/// Whether a baseline has a table for each source.
pub(crate) fn is_dawid_skene(name: &str) -> bool {
    name == "dawid-skene"
}

/// Runs a static set; the first method is ours.
pub(crate) fn run(
    claims: &Claims,
    truth: Option<&Truth>,
    out: Option<&mut (dyn Write + '_)>,
    progress: &mut dyn FnMut(&str),
    write_error: impl Fn(std::io::Error) -> Error,
) -> Result<StaticRuns, Error> {
    let problem = Problem {
        items: claims.places.len(),
        sources: claims.sources.len(),
        values: claims.values.len(),
        claims: claims
            .claims
            .iter()
            .map(|claim| offline::Claim {
                item: claim.place,
                source: claim.source,
                value: claim.value,
            })
            .collect(),
    };
    let known = known(claims, truth);
    progress("ascertain");
    let start = Instant::now();
    let fit = offline::fit(&problem);
    let seconds = start.elapsed().as_secs_f64();
    let (posteriors, open) = (&fit.posteriors, fit.open);
    if let Some(out) = out {
        rows(claims, posteriors, out).map_err(|error| write_error(error.into()))?;
    }
    let mut runs = vec![StaticRun::of(
        "ascertain",
        posteriors,
        &known,
        false,
        &problem,
        seconds,
    )];
    let mut skipped = Vec::new();
    if truth.is_none() {
        // Nothing could be said of the others.
        return Ok(StaticRuns {
            runs,
            skipped,
            open,
        });
    }
    let start = Instant::now();
    let with_gold = metrics::with_gold(&fit, &known);
    let seconds = seconds + start.elapsed().as_secs_f64();
    runs.push(StaticRun::of(
        CALIBRATED, &with_gold, &known, false, &problem, seconds,
    ));
    for (name, baseline) in baselines::of(&problem) {
        if !open && is_too_large(name, &problem) {
            skipped.push((*name, "it would take gigabytes of memory"));
            continue;
        }
        progress(name);
        let start = Instant::now();
        let posteriors = baseline(&problem);
        let seconds = start.elapsed().as_secs_f64();
        runs.push(StaticRun::of(
            name,
            &posteriors,
            &known,
            true,
            &problem,
            seconds,
        ));
    }
    Ok(StaticRuns {
        runs,
        skipped,
        open,
    })
}

/// The places whose truth is known, with the value that is so; `None`: one that
/// nobody claims anywhere.
fn known(claims: &Claims, truth: Option<&Truth>) -> Vec<(usize, Option<u32>)> {
    let Some(truth) = truth else {
        return Vec::new();
    };
    let value = |value: &String| {
        let rank = claims.values.binary_search(value).ok();
        rank.and_then(|rank| u32::try_from(rank).ok())
    };
    let values: Vec<Option<u32>> = truth.values.iter().map(value).collect();
    let places = claims.places.iter().enumerate();
    places
        .filter_map(|(i, place)| {
            let interval = truth.places.get(place)?.first()?;
            Some((i, values[interval.value as usize]))
        })
        .collect()
}

impl StaticRun {
    fn of(
        name: &'static str,
        posteriors: &Posteriors,
        known: &[(usize, Option<u32>)],
        needs_floor: bool,
        problem: &Problem,
        seconds: f64,
    ) -> Self {
        let (mut said, mut with_floor) = (Tally::default(), Tally::default());
        for (item, value) in known {
            let row = posteriors.row(*item);
            let mut answer: Vec<f64> = row.iter().map(|(_, p)| *p).collect();
            let truth = row.iter().position(|(v, _)| Some(*v) == *value);
            if row.len() < problem.values || truth.is_none() {
                // What is missing to 1 is the answer that all who spoke are wrong.
                let rest = 1.0 - answer.iter().sum::<f64>();
                answer.push(rest.max(0.0));
            }
            let truth = Some(truth.unwrap_or(row.len()));
            let floor = floored(&answer, &vec![true; answer.len()]);
            said.add(if needs_floor { &floor } else { &answer }, truth);
            with_floor.add(&floor, truth);
        }
        Self {
            name,
            said,
            floored: with_floor,
            seconds,
        }
    }
}

fn rows(claims: &Claims, posteriors: &Posteriors, out: &mut dyn Write) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["place", "value", "probability"])?;
    for (item, place) in claims.places.iter().enumerate() {
        for (value, p) in posteriors.row(item) {
            let value = &claims.values[*value as usize];
            writer.write_record([place, value, &format!("{p:?}")])?;
        }
    }
    Ok(writer.flush()?)
}
