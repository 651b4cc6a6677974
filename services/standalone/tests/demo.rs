//! `ascertain demo` as scripts call it.
#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs the demo with a folder of its own for temporary files.
fn demo(arguments: &[&str], temporary: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ascertain"))
        .arg("demo")
        .args(arguments)
        .env("TMPDIR", temporary)
        .output()
        .expect("it runs")
}

#[test]
fn json_is_all_there_is_on_stdout_and_nothing_is_left_behind() {
    let temporary = tempfile::tempdir().expect("a folder");
    let output = demo(&["-o", "json"], temporary.path());
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    assert!(talk.contains("the same bytes"), "{talk}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let document = document.as_object().expect("an object");
    assert_eq!(document.keys().collect::<Vec<_>>(), ["answers"]);
    let answers = document["answers"].as_array().expect("a list");
    let asked: Vec<(&str, &str)> = answers
        .iter()
        .filter_map(|state| Some((state["placeId"].as_str()?, state["asKnownAt"].as_str()?)))
        .collect();
    assert_eq!(asked.len(), 15, "{asked:?}");
    assert_eq!(asked[0], ("hama-city", "2024-12-04T20:59:59Z"));
    assert_eq!(asked[14], ("hama-military-airport", "2024-12-08T09:00:00Z"));
    assert!(
        answers
            .iter()
            .all(|state| state["asOf"] == state["asKnownAt"])
    );
    let mut left = std::fs::read_dir(temporary.path()).expect("it is there");
    assert!(left.next().is_none());
}

#[test]
fn the_readme_shows_what_the_demo_says() {
    let temporary = tempfile::tempdir().expect("a folder");
    let output = demo(&[], temporary.path());
    let said = String::from_utf8_lossy(&output.stdout);
    let mut said = said.lines();
    let readme = include_str!("../../../README.md");
    let shown = readme
        .split("```")
        .find(|block| block.trim_start().starts_with("2024-"))
        .expect("a sample");
    // Left out is only what an ellipsis stands for.
    for line in shown
        .lines()
        .filter(|line| !line.is_empty() && *line != "…")
    {
        assert!(
            said.any(|said| said == line),
            "the demo does not say, or not there: {line}"
        );
    }
}

#[test]
fn a_scenario_that_is_not_there_is_wrong_usage() {
    let temporary = tempfile::tempdir().expect("a folder");
    let output = demo(&["--scenario", "/nowhere"], temporary.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/registry.yaml"));
}
