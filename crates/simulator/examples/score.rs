//! Scores the engine and the baselines on simulated conflicts.
//!
//! ```text
//! cargo run --release -p ascertain-simulator --example score -- [--seeds 31,32,33] [--no-lags] [--learn DAY] [--no-baselines] [SCENARIO ...]
//! cargo run --release -p ascertain-simulator --example score -- --pooled --seeds 101..200 '10 a place'
//! ```
//!
//! Means over seeds, 2,400 questions each. Baselines are tuned on seeds 1 to 3 of the
//! same scenario by log loss. With `--learn 180` the questions after that day are
//! answered besides, once with the priors alone and once with a source model learned
//! from what was known before it; no truth is used.
//!
//! With `--pooled` the answers of all seeds are put together and only their calibration is
//! told: the error of all, what chance would make of it, and how much surer than right
//! (`ascertain_simulator::pooled`).
#![allow(clippy::print_stdout)] // a table is what it is for

use std::collections::BTreeMap;
use std::time::Instant;

use ascertain_domain::id::IdError;
use ascertain_domain::report::Originator;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_simulator::baselines::{Baseline, Mode, Votes, tuned};
use ascertain_simulator::pooled::Pool;
use ascertain_simulator::score::{
    Detection, Figures, Sample, asked as asked_of, detection, engine, figures, learned, samples,
};
use ascertain_simulator::{Scenario, World, simulate};

const QUESTIONS: usize = 2_400;
const TUNED_ON: [u64; 3] = [1, 2, 3];

struct Asked {
    seeds: Vec<u64>,
    lags: bool,
    baselines: bool,
    learn: Option<i64>,
    pooled: bool,
    scenarios: Vec<String>,
}

fn main() -> Result<(), IdError> {
    let asked = asked();
    let wanted = |scenario: &Scenario| {
        let name = scenario.name.replace([' ', ','], "");
        let wanted = |w: &String| name.contains(&w.replace([' ', '-', '_'], ""));
        asked.scenarios.is_empty() || asked.scenarios.iter().any(wanted)
    };
    if asked.pooled {
        for scenario in Scenario::all().iter().filter(|s| wanted(s)) {
            pooled(scenario, &asked)?;
        }
        return Ok(());
    }
    println!(
        "{:19} {:24} {:>22}   {:>22}   {:>15}   {:>15}",
        "", "", "filtering", "smoothing", "near, filtering", "near, smoothing"
    );
    println!(
        "{:19} {:24} {:>6} {:>7} {:>7}   {:>6} {:>7} {:>7}   {:>7} {:>7}   {:>7} {:>7}",
        "scenario",
        "answers",
        "acc %",
        "logloss",
        "ECE",
        "acc %",
        "logloss",
        "ECE",
        "acc %",
        "logloss",
        "acc %",
        "logloss"
    );
    for scenario in Scenario::all().iter().filter(|s| wanted(s)) {
        score(scenario, &asked)?;
    }
    Ok(())
}

/// Calibration over all seeds together; with `--learn` of the questions after that day.
fn pooled(scenario: &Scenario, asked: &Asked) -> Result<(), IdError> {
    let (mut filtering, mut smoothing) = (Pool::default(), Pool::default());
    let (mut right, mut loss) = ([0.0; 2], [0.0; 2]);
    for seed in &asked.seeds {
        let mut world = simulate(scenario, *seed)?;
        let mut samples = samples(&world, *seed, QUESTIONS);
        if let Some(day) = asked.learn {
            let from = world.begins.plus_micros(day * DAY_US);
            samples.retain(|s| s.time >= from);
            world = learned(&world, day);
        }
        let moments = engine(&world, &samples);
        let answers = || samples.iter().zip(&moments);
        let filtered = || answers().map(|(s, m)| (s.truth, &*m.filtered));
        let smoothed = || answers().map(|(s, m)| (s.truth, &*m.smoothed));
        filtering.add(filtered());
        smoothing.add(smoothed());
        for (i, f) in [figures(filtered()), figures(smoothed())]
            .iter()
            .enumerate()
        {
            right[i] += 100.0 * f.accuracy / asked.seeds.len() as f64;
            loss[i] += f.log_loss / asked.seeds.len() as f64;
        }
    }
    println!("{}: {} seeds", scenario.name, asked.seeds.len());
    for (i, (name, pool)) in [("as it comes", filtering), ("in hindsight", smoothing)]
        .iter()
        .enumerate()
    {
        let c = pool.calibration();
        println!(
            "  {name:12} {:.1} %, {:.3}; ECE {:.4} (drawn {:.4} to {:.4}; by chance {:.4}, at most {:.4}); surer than right {:+.4} ({:+.4} to {:+.4}); single worlds {:.4}, by chance {:.4}",
            right[i],
            loss[i],
            c.ece,
            c.drawn.0,
            c.drawn.1,
            c.chance,
            c.chance_most,
            c.gap,
            c.gap_drawn.0,
            c.gap_drawn.1,
            c.single,
            c.single_chance,
        );
        let curve = pool.curve().into_iter();
        let curve = curve.map(|(share, sure, right)| format!("{share:.2}: {sure:.3} {right:.3}"));
        println!("    {}", curve.collect::<Vec<_>>().join(" | "));
    }
    Ok(())
}

/// A seed, or the first and the last of several: `101..200`.
fn seeds(list: &str) -> Vec<u64> {
    match list.split_once("..") {
        Some((first, last)) => match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => (first..=last).collect(),
            _ => Vec::new(),
        },
        None => list.parse().into_iter().collect(),
    }
}

fn asked() -> Asked {
    let mut asked = Asked {
        seeds: vec![31, 32, 33],
        lags: true,
        baselines: true,
        learn: None,
        pooled: false,
        scenarios: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => {
                let list = arguments.next().unwrap_or_default();
                asked.seeds = list.split(',').flat_map(seeds).collect();
            }
            "--learn" => asked.learn = arguments.next().and_then(|day| day.parse().ok()),
            "--no-baselines" => asked.baselines = false,
            "--pooled" => asked.pooled = true,
            "--no-lags" => asked.lags = false,
            _ => asked.scenarios.push(argument),
        }
    }
    asked
}

/// Figures of all questions and of those near a change.
#[derive(Clone, Copy, Default)]
struct Both(Figures, Figures);

impl Both {
    fn of(samples: &[Sample], answers: &[Vec<f64>]) -> Self {
        let all = || samples.iter().zip(answers).map(|(s, p)| (s, &**p));
        Self(
            figures(all().map(|(s, p)| (s.truth, p))),
            figures(all().filter(|(s, _)| s.near).map(|(s, p)| (s.truth, p))),
        )
    }
}

fn mean(of: &[Both], value: impl Fn(&Both) -> f64) -> f64 {
    of.iter().map(value).sum::<f64>() / of.len().max(1) as f64
}

fn line(scenario: &str, answers: &str, filtering: &[Both], smoothing: &[Both]) {
    let one = |of: &[Both]| {
        format!(
            "{:6.1} {:7.3} {:7.3}",
            100.0 * mean(of, |b| b.0.accuracy),
            mean(of, |b| b.0.log_loss),
            mean(of, |b| b.0.ece)
        )
    };
    let near = |of: &[Both]| {
        format!(
            "{:7.1} {:7.3}",
            100.0 * mean(of, |b| b.1.accuracy),
            mean(of, |b| b.1.log_loss)
        )
    };
    println!(
        "{scenario:19} {answers:24} {}   {}   {}   {}",
        one(filtering),
        one(smoothing),
        near(filtering),
        near(smoothing)
    );
}

fn score(scenario: &Scenario, asked: &Asked) -> Result<(), IdError> {
    let begun = Instant::now();
    let worlds: Vec<(World, Vec<Sample>)> = worlds(scenario, &asked.seeds)?;
    let (filtering, smoothing) = answered(&worlds);
    line(scenario.name, "ascertain", &filtering, &smoothing);
    let worst = |of: &[Both]| of.iter().map(|b| b.0.accuracy).fold(1.0, f64::min) * 100.0;
    let reports: usize = worlds.iter().map(|(w, _)| w.reports.len()).sum();
    let of_engine = begun.elapsed().as_secs_f64();

    if let Some(day) = asked.learn {
        after(day, &worlds);
    }
    if asked.baselines {
        baselines(scenario, &worlds)?;
    }
    println!(
        "{:19} worst seed {:.1} % filtering, {:.1} % smoothing; {} reports a world; {of_engine:.1} s",
        "",
        worst(&filtering),
        worst(&smoothing),
        reports / worlds.len().max(1),
    );
    under_attack(scenario, &worlds, &asked.seeds)?;
    if asked.lags {
        lags(&worlds);
    }
    Ok(())
}

/// What the engine answers, as it comes and in hindsight, world by world.
fn answered(worlds: &[(World, Vec<Sample>)]) -> (Vec<Both>, Vec<Both>) {
    let of = |(world, samples): &(World, Vec<Sample>)| {
        let moments = engine(world, samples);
        let filtered: Vec<Vec<f64>> = moments.iter().map(|m| m.filtered.clone()).collect();
        let smoothed: Vec<Vec<f64>> = moments.into_iter().map(|m| m.smoothed).collect();
        (Both::of(samples, &filtered), Both::of(samples, &smoothed))
    };
    worlds.iter().map(of).unzip()
}

/// The questions after a day, with the priors alone and with what was learned before it.
fn after(day: i64, worlds: &[(World, Vec<Sample>)]) {
    let late = |(world, samples): &(World, Vec<Sample>)| {
        let from = world.begins.plus_micros(day * DAY_US);
        let late = samples.iter().filter(|s| s.time >= from).copied().collect();
        (world.clone(), late)
    };
    let priors: Vec<(World, Vec<Sample>)> = worlds.iter().map(late).collect();
    let (filtering, smoothing) = answered(&priors);
    line(
        "",
        &format!("from day {day}: priors"),
        &filtering,
        &smoothing,
    );
    let models = priors.into_iter();
    let models: Vec<_> = models.map(|(w, s)| (learned(&w, day), s)).collect();
    let (filtering, smoothing) = answered(&models);
    line(
        "",
        &format!("from day {day}: learned"),
        &filtering,
        &smoothing,
    );
}

fn baselines(scenario: &Scenario, worlds: &[(World, Vec<Sample>)]) -> Result<(), IdError> {
    let votes = |worlds: &[(World, Vec<Sample>)]| -> Vec<(Votes, Vec<Sample>)> {
        worlds
            .iter()
            .map(|(w, s)| (Votes::of(w), s.clone()))
            .collect()
    };
    let learnt = votes(&self::worlds(scenario, &TUNED_ON)?);
    let tried = votes(worlds);
    for baseline in Baseline::ALL {
        let of = |mode| {
            let Some(tuning) = tuned(baseline, mode, &learnt) else {
                return Vec::new();
            };
            let answers = |(votes, samples): &(Votes, Vec<Sample>)| {
                let p = samples
                    .iter()
                    .map(|s| votes.answer(baseline, mode, tuning, *s));
                Both::of(samples, &p.collect::<Vec<_>>())
            };
            tried.iter().map(answers).collect::<Vec<_>>()
        };
        line(
            "",
            baseline.name(),
            &of(Mode::Filtering),
            &of(Mode::Smoothing),
        );
    }
    Ok(())
}

/// Every three hours, on the quarters that a flood speaks of, until two weeks after
/// it: beside the same world without it.
fn under_attack(
    scenario: &Scenario,
    worlds: &[(World, Vec<Sample>)],
    seeds: &[u64],
) -> Result<(), IdError> {
    let calm = Scenario {
        flood: None,
        new_identities: None,
        ..scenario.clone()
    };
    let (mut attacked, mut spared) = (Vec::new(), Vec::new());
    for ((world, _), seed) in worlds.iter().zip(seeds) {
        let questions = attacked_questions(world);
        if questions.is_empty() {
            return Ok(());
        }
        let of = |world: &World| -> Vec<Vec<f64>> {
            let moments = engine(world, &questions);
            moments.into_iter().map(|m| m.filtered).collect()
        };
        attacked.push(Both::of(&questions, &of(world)));
        spared.push(Both::of(&questions, &of(&simulate(&calm, *seed)?)));
    }
    let told = |of: &[Both]| {
        format!(
            "{:.1} % ({:.3})",
            100.0 * mean(of, |b| b.0.accuracy),
            mean(of, |b| b.0.log_loss)
        )
    };
    println!(
        "{:19} where attacked, filtering: {}; without the attack {}",
        "",
        told(&attacked),
        told(&spared)
    );
    Ok(())
}

fn attacked_questions(world: &World) -> Vec<Sample> {
    let mut spans: BTreeMap<usize, (Timestamp, Timestamp)> = BTreeMap::new();
    for report in &world.reports {
        let Originator::Source(id) = &report.originator else {
            continue;
        };
        if !["flood-", "new-"]
            .iter()
            .any(|name| id.as_str().starts_with(name))
        {
            continue;
        }
        let named = report.claims.first().map(|c| &c.place);
        let quarter = world.quarters.iter().position(|q| Some(q) == named);
        let at = report.first_known_at;
        if let Some(quarter) = quarter {
            spans.entry(quarter).or_insert((at, at)).1 = at;
        }
    }
    let mut questions = Vec::new();
    for (quarter, (from, to)) in spans {
        let mut time = from;
        while time <= to.plus_micros(14 * DAY_US) && time < world.ends {
            questions.extend(asked_of(world, quarter, time));
            time = time.plus_micros(3 * HOUR_US);
        }
    }
    questions
}

fn lags(worlds: &[(World, Vec<Sample>)]) {
    let (mut then, mut hindsight) = (Detection::default(), Detection::default());
    for (world, _) in worlds {
        let (a, b) = detection(world);
        then.extend(a);
        hindsight.extend(b);
    }
    for (name, d) in [("as they come", then), ("in hindsight", hindsight)] {
        println!(
            "{:19} changes of holder {name}: {} of {} missed, {} made up; days off: median {:.2}, 90 % within {:.2}; median lag {:+.2}",
            "",
            d.missed,
            d.missed + d.lags.len(),
            d.alarms,
            d.quantile(0.5, true),
            d.quantile(0.9, true),
            d.quantile(0.5, false),
        );
    }
}

fn worlds(scenario: &Scenario, seeds: &[u64]) -> Result<Vec<(World, Vec<Sample>)>, IdError> {
    let of = |seed: &u64| {
        let world = simulate(scenario, *seed)?;
        let samples = samples(&world, *seed, QUESTIONS);
        Ok((world, samples))
    };
    seeds.iter().map(of).collect()
}
