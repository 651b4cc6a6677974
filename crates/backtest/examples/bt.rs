#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout)]
use std::path::PathBuf;
fn main() {
    let d: PathBuf = std::env::args().nth(1).unwrap().into();
    let f = |n: &str| Some(d.join(n)).filter(|p| p.exists());
    let files = ascertain_backtest::Files {
        claims: f("claims.csv").or(f("claims.csv.gz")).unwrap(),
        truth: f("truth.csv"),
        sources: f("sources.csv"),
        places: f("places.csv"),
        out: std::env::args().nth(2).map(Into::into),
        ..Default::default()
    };
    let r = ascertain_backtest::run(&files, &mut |_| {}).unwrap();
    println!("{}", r.to_json());
}
