//! The sets that others published, where they lie beside the project.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking
#![allow(clippy::print_stderr)] // what is skipped is said aloud

mod set;

use std::fs;
use std::path::PathBuf;

use ascertain_backtest::{Files, run};
use set::method;

/// A set's folder; `None`, said aloud, where it is not there.
fn folder(name: &str) -> Option<PathBuf> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = PathBuf::from(data).join(name);
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn majority_is_as_right_as_those_who_published_the_sets_counted() {
    for (name, share) in [
        ("duck_bluebirds", 0.7593),
        ("face_sentiment", 0.6367),
        ("mozafari_binary", 0.6960),
        ("product", 0.8966),
        ("rte", 0.8969),
    ] {
        let Some(folder) = folder(name) else { continue };
        let files = Files {
            claims: folder.join("claims.csv"),
            truth: Some(folder.join("truth.csv")),
            ..Files::default()
        };
        let report = run(&files, &mut |_| ()).unwrap();
        let majority = method(&report, "majority").means.unwrap();
        assert!(
            (majority.accuracy - share).abs() < 5e-5,
            "{name}: {majority:?}"
        );
        let ours = report.methods[0].means.unwrap();
        assert!(ours.log_loss < majority.log_loss, "{name}: {ours:?}");
    }
}

/// Places whose hands changed, few enough to be quick.
const PLACES: [&str; 6] = [
    "balakliia-kharkiv",
    "bucha-kyiv-oblast",
    "irpin-kyiv-oblast",
    "izium-kharkiv",
    "kupiansk-kharkiv",
    "lysychansk-luhansk",
];

#[test]
fn two_trackers_of_towns_that_changed_hands_are_followed() {
    let Some(folder) = folder("ukraine_north_east_2022_23") else {
        return;
    };
    let some = tempfile::tempdir().unwrap();
    let cut = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let of_some = |line: &&str| PLACES.iter().any(|p| line.starts_with(&format!("{p},")));
        let kept = text
            .lines()
            .take(1)
            .chain(text.lines().skip(1).filter(of_some));
        let file = some.path().join(name);
        fs::write(&file, kept.collect::<Vec<_>>().join("\n")).unwrap();
        file
    };
    let files = Files {
        claims: cut("claims.csv"),
        truth: Some(cut("truth.csv")),
        sources: Some(folder.join("sources.csv")),
        places: Some(folder.join("places.csv")),
        ..Files::default()
    };
    let report = run(&files, &mut |_| ()).unwrap();
    let ours = method(&report, "ascertain").means.unwrap();
    let vote = method(&report, "latest per source, vote").means.unwrap();
    assert!(ours.count > 1_000, "{ours:?}");
    assert!(ours.accuracy > vote.accuracy - 0.01, "{ours:?} {vote:?}");
    assert!(ours.log_loss < vote.log_loss, "{ours:?} {vote:?}");
}
