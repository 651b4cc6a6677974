//! Scores the engine where now and then nobody holds a quarter, or a party that no area
//! lists, by what is so.
//!
//! ```text
//! cargo run --release -p ascertain-simulator --example unlisted
//! ```
//!
//! Seeds 31 to 33, 2,400 questions each.
#![allow(clippy::print_stdout)] // a table is what it is for

use ascertain_domain::id::IdError;
use ascertain_simulator::score::{engine, figures, samples};
use ascertain_simulator::{Scenario, simulate};

fn main() -> Result<(), IdError> {
    let mut answers = Vec::new();
    let mut sides = 0;
    for seed in [31, 32, 33] {
        let world = simulate(&Scenario::unlisted(), seed)?;
        sides = world.sides.len();
        let samples = samples(&world, seed, 2_400);
        let moments = engine(&world, &samples);
        answers.extend(samples.iter().map(|s| s.truth).zip(moments));
    }
    println!("| what is so | questions | right % | log loss | in hindsight: right % | log loss |");
    println!("|---|---|---|---|---|---|");
    let all = 0..sides + 4;
    for (name, so) in [
        ("all", all),
        ("a side holds it", 0..sides),
        ("contested", sides..sides + 1),
        ("nobody holds it", sides + 2..sides + 3),
        ("an unlisted party holds it", sides + 3..sides + 4),
    ] {
        let of = || answers.iter().filter(|(truth, _)| so.contains(truth));
        let then = figures(of().map(|(truth, m)| (*truth, &*m.filtered)));
        let hindsight = figures(of().map(|(truth, m)| (*truth, &*m.smoothed)));
        println!(
            "| {name} | {} | {:.1} | {:.3} | {:.1} | {:.3} |",
            then.count,
            100.0 * then.accuracy,
            then.log_loss,
            100.0 * hindsight.accuracy,
            hindsight.log_loss
        );
    }
    Ok(())
}
