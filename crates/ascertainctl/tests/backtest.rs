//! `ascertainctl backtest` as scripts run it: a process, its exit code, and what it
//! leaves on stdout, on stderr and in files.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const STATIC: &str = "place,source,value\na,s,x\na,t,x\na,u,y\nb,s,y\nb,t,y\nb,u,y\n\
    c,s,x\nc,t,x\nd,s,y\nd,t,y\ne,s,x\ne,t,x\n";
const STATIC_TRUTH: &str = "place,value\na,x\nb,y\n";
const TIMED: &str = "place,source,value,time\n\
    town,s,red,2024-01-01T06:00:00Z\n\
    town,t,red,2024-01-03T06:00:00Z\n\
    town,s,contested,2024-02-01T06:00:00Z\n\
    town,s,blue,2024-02-03T06:00:00Z\n\
    town,t,blue,2024-02-04T06:00:00Z\n";
const TIMED_TRUTH: &str = "place,value,from,until\n\
    town,red,2024-01-01T00:00:00Z,2024-02-02T00:00:00Z\n\
    town,blue,2024-02-03T00:00:00Z,2024-03-01T00:00:00Z\n";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ascertainctl"));
        command.current_dir(self.0.path()).arg("backtest");
        command.args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The report in JSON, of a run that must succeed.
    fn json(&self, arguments: &str) -> Value {
        let output = self.run(&format!("{arguments} -o json"));
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn talk(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn data(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_static_set_is_answered_and_scored() {
    let folder = Folder::new();
    folder
        .file("claims.csv", STATIC)
        .file("truth.csv", STATIC_TRUTH);
    let report = folder.json("--claims claims.csv --truth truth.csv --out posteriors.csv");
    let out = folder.text("posteriors.csv");
    assert!(out.starts_with("place,value,probability\na,x,"), "{out}");
    assert_eq!(out.lines().count(), 1 + 5 * 2);
    let ours = &report["methods"][0];
    assert_eq!(ours["name"], "ascertain");
    assert_eq!(ours["accuracy"], 1.0);
    assert_eq!(report["methods"][1]["name"], "ascertain-calibrated");
    assert_eq!(report["methods"][2]["name"], "majority");
}

#[test]
fn a_timed_set_is_answered_at_every_noon_and_scored() {
    let folder = Folder::new();
    folder
        .file("claims.csv", TIMED)
        .file("truth.csv", TIMED_TRUTH);
    let report = folder.json("--claims claims.csv --truth truth.csv --out posteriors.csv");
    let out = folder.text("posteriors.csv");
    let head = "place,time,value,probability,smoothed\ntown,2024-01-01T12:00:00Z,blue,";
    assert!(out.starts_with(head), "{out}");
    // 60 days of two sides, contested, mixed, vacated and other.
    assert_eq!(out.lines().count(), 1 + 60 * 6);
    let names: Vec<&str> = report["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "ascertain",
            "ascertain-smoothed",
            "ascertain-calibrated",
            "latest per source, vote",
            "latest claim wins",
            "majority of all claims so far",
            "dawid-skene",
            "decayed vote"
        ]
    );
}

#[test]
fn every_method_has_the_numbers_that_the_contract_promises() {
    let folder = Folder::new();
    folder
        .file("static.csv", STATIC)
        .file("static-truth.csv", STATIC_TRUTH);
    folder
        .file("timed.csv", TIMED)
        .file("timed-truth.csv", TIMED_TRUTH);
    for set in ["static", "timed"] {
        let report = folder.json(&format!("--claims {set}.csv --truth {set}-truth.csv"));
        for method in report["methods"].as_array().unwrap() {
            for key in ["accuracy", "brier", "log_loss", "ece", "seconds"] {
                assert!(method[key].is_f64(), "{set} {key}: {method}");
            }
            assert!(method["floored"]["log_loss"].is_f64());
        }
    }
    let ours = &folder.json("--claims timed.csv --truth timed-truth.csv")["methods"][0];
    for block in ["changed_places", "near_change"] {
        assert!(ours[block]["log_loss"].is_f64(), "{block}: {ours}");
        assert!(ours["renormalised"][block]["accuracy"].is_f64());
    }
}

#[test]
fn without_truth_the_keys_are_there_and_null() {
    let folder = Folder::new();
    folder.file("claims.csv", TIMED);
    let report = folder.json("--claims claims.csv");
    let ours = &report["methods"][0];
    assert_eq!(ours["name"], "ascertain");
    for key in ["accuracy", "brier", "log_loss", "ece"] {
        assert!(ours[key].is_null() && ours.get(key).is_some(), "{key}");
    }
    assert!(ours["seconds"].is_f64());
}

#[test]
fn shuffled_lines_give_the_same_bytes() {
    let folder = Folder::new();
    let mut lines: Vec<&str> = TIMED.lines().collect();
    lines[1..].reverse();
    folder
        .file("claims.csv", TIMED)
        .file("shuffled.csv", &lines.join("\n"));
    for (claims, out) in [("claims.csv", "one.csv"), ("shuffled.csv", "two.csv")] {
        let output = folder.run(&format!("--claims {claims} --out {out}"));
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    }
    assert_eq!(folder.text("one.csv"), folder.text("two.csv"));
}

#[test]
fn every_form_is_data_on_stdout_with_the_talk_on_stderr() {
    let folder = Folder::new();
    folder
        .file("claims.csv", STATIC)
        .file("truth.csv", STATIC_TRUTH);
    let run = |form: &str| folder.run(&format!("--claims claims.csv --truth truth.csv -o {form}"));
    let table = run("table");
    assert!(data(&table).contains("METHOD") && data(&table).contains("majority"));
    assert!(talk(&table).contains("claims: 12, places: 5, sources: 3, values: 2"));
    let csv = run("csv");
    assert!(data(&csv).starts_with(
        "days,answers,method,accuracy,brier,log_loss,ece,count,seconds\nall,as_said,ascertain,1.0,"
    ));
    let yaml = run("yaml");
    assert!(data(&yaml).contains("- accuracy: 1.0\n") || data(&yaml).contains("accuracy: 1.0\n"));
}

#[test]
fn a_file_that_cannot_be_used_is_wrong_usage_told_with_its_line() {
    let folder = Folder::new();
    folder.file("claims.csv", "place,source,value\na,s\n");
    let output = folder.run("--claims claims.csv --out posteriors.csv");
    assert_eq!(
        (output.status.code(), data(&output).as_str()),
        (Some(2), "")
    );
    assert!(talk(&output).starts_with("error: claims.csv, line 2: has 2 fields"));
    assert!(
        !folder.path("posteriors.csv").exists(),
        "nothing is begun on bad input"
    );
    let missing = folder.run("--claims nowhere.csv");
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!(
        folder.run("--truth claims.csv").status.code(),
        Some(2),
        "claims are needed"
    );
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    let folder = Folder::new();
    folder.file("claims.csv", STATIC);
    for out in ["/dev/full", "nowhere/posteriors.csv"] {
        let output = folder.run(&format!("--claims claims.csv --out {out}"));
        assert_eq!(output.status.code(), Some(1), "{out}");
        assert!(talk(&output).contains(out), "{}", talk(&output));
    }
}

#[test]
fn a_reader_that_closes_early_is_no_failure() {
    let folder = Folder::new();
    folder
        .file("claims.csv", STATIC)
        .file("truth.csv", STATIC_TRUTH);
    let mut child = folder
        .command("--claims claims.csv --truth truth.csv -o json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn claims_come_from_stdin_too() {
    let folder = Folder::new();
    folder.file("claims.csv", STATIC);
    let input = std::fs::File::open(folder.path("claims.csv")).unwrap();
    let output = folder
        .command("--claims - -o json")
        .stdin(input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
}

#[test]
fn a_picture_is_drawn_where_it_is_asked_for() {
    let folder = Folder::new();
    folder
        .file("claims.csv", TIMED)
        .file("truth.csv", TIMED_TRUTH);
    folder.json("--claims claims.csv --truth truth.csv --plot picture.svg");
    assert!(folder.text("picture.svg").starts_with("<svg "));
}
