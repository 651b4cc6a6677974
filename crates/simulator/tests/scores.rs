//! How answers are held against a world.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_simulator::baselines::{Baseline, Mode, Votes, tuned};
use ascertain_simulator::score::{Sample, detection, engine, figures, samples};
use ascertain_simulator::{Scenario, World, simulate};

fn world(seed: u64) -> (World, Vec<Sample>) {
    let scenario = Scenario {
        cities: 3,
        days: 200.0,
        ..Scenario::base()
    };
    let world = simulate(&scenario, seed).unwrap();
    let samples = samples(&world, seed, 300);
    (world, samples)
}

#[test]
fn questions_are_drawn_evenly_and_know_their_answers() {
    let (world, samples) = world(1);
    assert_eq!(samples.len(), 300);
    assert!(samples.is_sorted_by_key(|s| (s.quarter, s.time)));
    for s in &samples {
        assert!(world.begins < s.time && s.time < world.ends);
        assert!(s.quarter < 15 && s.truth <= 3);
    }
    for quarter in 0..15 {
        let asked = samples.iter().filter(|s| s.quarter == quarter).count();
        assert!((5..50).contains(&asked), "{quarter}: {asked}");
    }
}

#[test]
fn who_weighs_sources_is_right_more_often_than_who_believes_the_last() {
    let (world, samples) = world(2);
    let moments = engine(&world, &samples);
    assert_eq!(moments.len(), samples.len());
    let of = samples.iter().zip(&moments);
    let filtered = figures(of.clone().map(|(s, m)| (s.truth, &*m.filtered)));
    let smoothed = figures(of.map(|(s, m)| (s.truth, &*m.smoothed)));
    let votes = [(Votes::of(&world), samples)];
    let last = tuned(Baseline::LastClaim, Mode::Filtering, &votes).unwrap();
    let (votes, samples) = &votes[0];
    let last: Vec<(usize, Vec<f64>)> = samples
        .iter()
        .map(|s| {
            (
                s.truth,
                votes.answer(Baseline::LastClaim, Mode::Filtering, last, *s),
            )
        })
        .collect();
    let last = figures(last.iter().map(|(truth, p)| (*truth, &**p)));
    assert!(
        filtered.accuracy > last.accuracy + 0.1,
        "{filtered:?} {last:?}"
    );
    assert!(filtered.log_loss < last.log_loss);
    assert!(smoothed.log_loss < filtered.log_loss, "{smoothed:?}");
}

#[test]
fn votes_are_distributions_whatever_is_known() {
    let (world, samples) = world(3);
    let votes = Votes::of(&world);
    let worlds = [(votes, samples)];
    for baseline in Baseline::ALL {
        for mode in [Mode::Filtering, Mode::Smoothing] {
            let tuning = tuned(baseline, mode, &worlds).unwrap();
            for sample in &worlds[0].1 {
                let p = worlds[0].0.answer(baseline, mode, tuning, *sample);
                assert_eq!(p.len(), 4);
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9 && p.iter().all(|p| *p > 0.0));
            }
        }
    }
    assert_eq!(tuned(Baseline::Decayed, Mode::Filtering, &[]), None);
}

#[test]
fn changes_are_noticed_sooner_in_hindsight() {
    let (world, _) = world(4);
    let (then, hindsight) = detection(&world);
    assert_eq!(
        then.lags.len() + then.missed,
        hindsight.lags.len() + hindsight.missed
    );
    assert!(then.lags.len() > 10);
    assert!(hindsight.alarms < then.alarms);
    assert!(hindsight.quantile(0.9, false) <= then.quantile(0.9, false));
}

/// The likeliest outcome hides it where *contested* is always said too weakly
/// (docs/decisions/0037).
#[test]
fn where_contested_is_said_it_is_so_about_as_often() {
    let (mut asked, mut told) = (0.0, [0.0; 2]);
    let (mut said, mut so) = ([0.0; 2], [0.0; 2]);
    for seed in [51, 52] {
        let world = simulate(&Scenario::base(), seed).unwrap();
        let samples = samples(&world, seed, 1_200);
        let contested = world.sides.len();
        for (sample, moment) in samples.iter().zip(engine(&world, &samples)) {
            let is_so = f64::from(u8::from(sample.truth == contested));
            asked += is_so;
            for (i, p) in [&moment.filtered, &moment.smoothed].into_iter().enumerate() {
                if p[contested] >= 0.1 {
                    said[i] += p[contested];
                    so[i] += is_so;
                }
                if p.iter().all(|other| *other <= p[contested]) {
                    told[i] += is_so;
                }
            }
        }
    }
    for (said, so) in said.iter().zip(so) {
        assert!((0.6..1.5).contains(&(said / so)), "{said} for {so}");
    }
    // As it comes, most are told only when they are a day or two old.
    assert!(
        told[0] > 0.2 * asked && told[1] > 0.6 * asked,
        "{told:?} of {asked}"
    );
}

#[test]
fn who_holds_without_being_listed_and_what_nobody_holds_has_a_name() {
    let world = simulate(&Scenario::unlisted(), 5).unwrap();
    let samples = samples(&world, 5, 1_200);
    let sides = world.sides.len();
    let (vacated, other) = (sides + 2, sides + 3);
    let moments = engine(&world, &samples);
    let mean = |so: usize, is: bool| {
        let of = samples.iter().zip(&moments);
        let of = of.filter(|(s, _)| (s.truth == so) == is);
        let given: Vec<f64> = of.map(|(_, m)| m.smoothed[so]).collect();
        assert!(given.len() > 20, "{} questions", given.len());
        given.iter().sum::<f64>() / given.len() as f64
    };
    for so in [vacated, other] {
        let (where_so, elsewhere) = (mean(so, true), mean(so, false));
        assert!(where_so > 10.0 * elsewhere, "{so}: {where_so} {elsewhere}");
    }
    let unlisted = |s: &&Sample| s.truth == vacated || s.truth == other;
    assert!(samples.iter().filter(unlisted).count() < 600);
}
