//! The reference of the API: made of the comments of the contract and of one table of
//! errors, each of which names the test that shows it.
//!
//! `ASCERTAIN_WRITE_REFERENCE=1` writes docs/reference/api.md anew.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "api/errors.rs"]
mod errors;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use errors::{ERRORS, EVERY_CALL};

/// What is no refusal of a call: flags of what was accepted, and what is never sent.
const NO_REFUSALS: &[&str] = &["UNSPECIFIED", "TIME_INCONSISTENT"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A service, or one of its calls, with what the contract says of it.
struct Item {
    name: String,
    comment: String,
    /// As the contract has it; empty for a service.
    signature: String,
}

/// The services of the contract with their calls, file by file.
fn services() -> Vec<(Item, Vec<Item>)> {
    let folder = root().join("proto/ascertain/v1");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with("_service.proto"))
        .collect();
    files.sort();
    let mut services: Vec<(Item, Vec<Item>)> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut comment: Vec<&str> = Vec::new();
        let mut is_within = false;
        for line in text.lines() {
            let line = line.trim();
            let item = |name: &str, signature: &str, comment: &[&str]| Item {
                name: name.to_owned(),
                comment: comment.join("\n"),
                signature: signature.to_owned(),
            };
            if let Some(words) = line.strip_prefix("//") {
                comment.push(words.strip_prefix(' ').unwrap_or(words));
                continue;
            }
            if let Some(rest) = line.strip_prefix("service ") {
                let name = rest.trim_end_matches(" {");
                services.push((item(name, "", &comment), Vec::new()));
                is_within = true;
            } else if let (true, Some(rest)) = (is_within, line.strip_prefix("rpc ")) {
                let name = rest.split('(').next().unwrap();
                let signature = rest.trim_end_matches(';');
                let calls = &mut services.last_mut().unwrap().1;
                calls.push(item(name, signature, &comment));
            } else if line == "}" {
                is_within = false;
            }
            comment.clear();
        }
    }
    services
}

/// The whole document.
fn reference() -> String {
    let mut text = "# Reference of the API\n\n\
        Made of `proto/ascertain/v1` and of `tests/tests/api/errors.rs` by the test `api`; do\n\
        not edit. Every refusal carries a google.rpc.ErrorInfo with the domain `ascertain` and\n\
        the reason, and for bad input a google.rpc.BadRequest with each field. What may be\n\
        tried again carries a RetryInfo.\n\n\
        ## Limits and guarantees of every call\n\n\
        - A message in holds at most `limits.max_message_bytes` (4 MiB), an answer 64 MiB.\n\
        - A call that takes longer than `limits.request_timeout` ends as UNAVAILABLE; of a write\n\
        \x20 with OUTCOME_UNKNOWN: send the same again.\n\
        - An acknowledged write is on disk. A write is idempotent by the id that its caller chose;\n\
        \x20 the same id with other content is refused.\n\
        - A read with `at_least` has seen the writes of these tokens. A read with `as_known_at` has\n\
        \x20 seen all that was known by then, and is answered alike whenever it is asked.\n\
        - Lists stand in the order of ids (reports and rulings: newest known first); their tokens fit\n\
        \x20 the request that they came from.\n\n\
        | every call | code | reason | seen in |\n|---|---|---|---|\n"
        .to_owned();
    for (reason, code, test) in EVERY_CALL {
        let _ = writeln!(text, "| | {code} | {reason} | `{test}` |");
    }
    for (service, calls) in services() {
        let _ = write!(text, "\n## {}\n\n{}\n", service.name, service.comment);
        for call in calls {
            let _ = write!(
                text,
                "\n### {}\n\n`rpc {}`\n\n{}\n",
                call.name, call.signature, call.comment
            );
            let of_call = || ERRORS.iter().filter(|(name, ..)| *name == call.name);
            if of_call().next().is_some() {
                text += "\n| code | reason | seen in |\n|---|---|---|\n";
            }
            for (_, reason, code, test) in of_call() {
                let _ = writeln!(text, "| {code} | {reason} | `{test}` |");
            }
        }
    }
    text
}

#[test]
fn the_reference_is_what_the_contract_and_the_table_of_errors_say() {
    let path = root().join("docs/reference/api.md");
    let made = reference();
    if std::env::var_os("ASCERTAIN_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/reference/api.md is not what the contract says; write it anew with \
         ASCERTAIN_WRITE_REFERENCE=1 cargo test -p ascertain-tests --test api"
    );
}

#[test]
fn every_call_has_its_errors_and_every_reason_its_call() {
    let services = services();
    let calls: BTreeSet<&str> = services
        .iter()
        .flat_map(|(_, calls)| calls)
        .map(|call| call.name.as_str())
        .collect();
    let told: BTreeSet<&str> = ERRORS.iter().map(|(call, ..)| *call).collect();
    assert_eq!(calls, told, "calls of the contract, and calls with errors");
    let reasons = std::fs::read_to_string(root().join("proto/ascertain/v1/reason.proto")).unwrap();
    let of_table: BTreeSet<&str> = ERRORS
        .iter()
        .map(|(_, reason, ..)| *reason)
        .chain(EVERY_CALL.iter().map(|(reason, ..)| *reason))
        .collect();
    let of_contract: BTreeSet<&str> = reasons
        .lines()
        .filter_map(|line| line.trim().strip_prefix("REASON_"))
        .filter_map(|line| line.split(' ').next())
        .filter(|reason| !NO_REFUSALS.contains(reason))
        .collect();
    assert_eq!(
        of_contract, of_table,
        "reasons of the contract, and of the table"
    );
}

#[test]
fn every_error_names_a_test_that_there_is() {
    let rows = ERRORS.iter().map(|(.., test)| *test);
    for test in rows.chain(EVERY_CALL.iter().map(|(.., test)| *test)) {
        let (file, name) = test.split_once("::").unwrap();
        let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(source.contains(&format!("fn {name}(")), "{test}");
    }
}
