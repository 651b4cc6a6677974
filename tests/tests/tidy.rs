//! House rules as tests: the direction of dependencies, what the pure crates may
//! not see, sizes, and what must not be left lying about.

// Clippy lets tests panic, but not the functions beside them.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// The crates, lowest first. A crate depends on lower layers only; within a layer
/// nobody depends on anybody, tests excepted.
const LAYERS: &[&[&str]] = &[
    &["ascertain-fusion", "ascertain-domain"],
    &["ascertain-engine"],
    &["ascertain-backtest"],
    &["ascertain-simulator"],
    &["ascertain-proto"],
    &["ascertain-log"],
    &[
        "ascertain-log-file",
        "ascertain-log-remote",
        "ascertain-store",
    ],
    &["ascertain-replica"],
    &["ascertain-backup"],
    &["ascertain-access"],
    &["ascertain-runtime"],
    &["ascertain-client"],
    &[
        "ascertainctl",
        "ascertain-ingest",
        "ascertain-reconcile",
        "ascertain-query",
    ],
    &["ascertain-standalone"],
    &["ascertain-tests"],
];

/// The crates that compute answers: the same input gives the same bits everywhere.
const PURE: &[&str] = &["ascertain-fusion", "ascertain-domain", "ascertain-engine"];
/// What they may not see, however indirectly.
const NOT_PURE: &[&str] = &["tokio", "tonic", "sled", "tracing", "rand", "chrono"];
/// Nor any crate whose name begins so.
const NOT_PURE_PREFIXES: &[&str] = &["async-", "tokio-", "tonic-"];
/// Nor may their sources hold any of these.
const NOT_PURE_SOURCE: &[&str] = &[
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "async fn",
    "rand::",
    "new_v4",
];
/// Folds sum in a fixed order, so nothing there may be kept in an order that is not.
const ORDERED: &[&str] = &["crates/fusion", "crates/engine"];

/// The longest source file, lines. What is longer holds more than one thing.
const MOST_LINES: usize = 600;

/// Reasons of the contract that no source names yet, each with why.
const REASONS_NOT_USED_YET: &[(&str, &str)] = &[(
    "UNSPECIFIED",
    "never sent: the zero value that proto3 asks for",
)];

#[test]
fn every_crate_takes_version_edition_licence_and_lints_from_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest = read(package.manifest_path.as_std_path());
        let lines: BTreeSet<&str> = manifest.lines().map(str::trim).collect();
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let line = format!("{key}.workspace = true");
            assert!(
                lines.contains(line.as_str()),
                "{} must say `{line}`",
                package.manifest_path
            );
        }
        let lints = manifest.split("[lints]").nth(1).unwrap_or_default();
        assert!(
            lints.trim_start().starts_with("workspace = true"),
            "{} must take its lints from the workspace",
            package.manifest_path
        );
        let inherited = package.dependencies.iter().filter(|d| d.path.is_none());
        for dependency in inherited {
            assert!(
                manifest.contains(&format!("{}.workspace = true", dependency.name))
                    || manifest.contains(&format!("{} = {{ workspace = true", dependency.name)),
                "{} must take `{}` from the workspace",
                package.manifest_path,
                dependency.name
            );
        }
    }
}

#[test]
fn dependencies_point_down_only() {
    let layer: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(depth, names)| names.iter().map(move |name| (*name, depth)))
        .collect();
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some(own) = layer.get(name) else {
            wrong.push(format!("{name} stands in no layer; give it one"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            let theirs = layer.get(dependency.name.as_str()).copied();
            // The tests of a crate may lean on a neighbour, never on what is above.
            let allowed = match dependency.kind {
                DependencyKind::Development => theirs <= Some(*own),
                _ => theirs < Some(*own),
            };
            if theirs.is_none() || !allowed {
                wrong.push(format!("{name} must not depend on {}", dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_computes_answers_sees_no_runtime_no_store_and_no_chance() {
    let metadata = metadata();
    for name in PURE {
        for seen in normal_tree(&metadata, name) {
            assert!(
                !NOT_PURE.contains(&seen.as_str())
                    && !NOT_PURE_PREFIXES.iter().any(|p| seen.starts_with(p)),
                "{name} sees {seen}; `cargo tree -p {name} -e normal -i {seen}` says through what"
            );
        }
    }
    let mut wrong = Vec::new();
    for name in PURE {
        // A bench may look at the clock.
        let folder = format!("{}/src", name.replace("ascertain-", "crates/"));
        for file in sources(&folder) {
            wrong.extend(holding(&file, NOT_PURE_SOURCE));
        }
    }
    for folder in ORDERED {
        for file in sources(folder) {
            wrong.extend(holding(&file, &["HashMap", "HashSet"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_crate_opens_sled_and_one_opens_segments() {
    for package in metadata().workspace_packages() {
        let names_sled = package.dependencies.iter().any(|d| d.name == "sled");
        assert_eq!(
            names_sled,
            package.name.as_str() == "ascertain-store",
            "{}: sled is opened by ascertain-store alone",
            package.name
        );
    }
    let mut wrong = Vec::new();
    for file in every_source() {
        if !file.starts_with("crates/store") {
            wrong.extend(holding(&file, &["sled::"]));
        }
        if !file.starts_with("crates/log-file") {
            wrong.extend(holding(&file, &[".seg\"", "\"seg\""]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_file_holds_more_than_one_thing() {
    let mut wrong = Vec::new();
    for file in every_source() {
        let lines = read(&root().join(&file)).lines().count();
        if lines > MOST_LINES {
            wrong.push(format!(
                "{} has {lines} lines; split it at {MOST_LINES}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_to_be_done_in_the_sources() {
    // Put together here, so that this file does not find itself.
    let words = ["todo", "unimplemented"].map(|word| format!("{word}!("));
    let fixme = ["FIX", "ME"].concat();
    let words: Vec<&str> = words.iter().map(String::as_str).chain([&*fixme]).collect();
    let rust = files().into_iter().filter(|f| has_extension(f, "rs"));
    let wrong: Vec<String> = rust
        .flat_map(|file| holding_anywhere(&file, &words))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_reason_of_the_contract_is_given_somewhere_or_listed() {
    let sources: String = every_source()
        .iter()
        .map(|file| read(&root().join(file)))
        .collect();
    let listed: BTreeMap<&str, &str> = REASONS_NOT_USED_YET.iter().copied().collect();
    let mut wrong = Vec::new();
    for name in reasons() {
        let value = format!("Reason::{}", upper_camel(&name));
        let used = word_in(&sources, &value) || sources.contains(&format!("\"{name}\""));
        match (used, listed.get(name.as_str())) {
            (false, None) => wrong.push(format!("no source gives REASON_{name}")),
            (true, Some(_)) => wrong.push(format!("REASON_{name} is given: unlist it")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    let folders = ["work", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    let needles: Vec<&str> = folders.iter().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for file in files() {
        for line in holding_anywhere(&file, &needles) {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .to_path_buf()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}

/// The names of everything that a crate is built upon.
fn normal_tree(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let nodes = &metadata.resolve.as_ref().expect("a resolved graph").nodes;
    let below = |id: &PackageId| {
        let node = nodes.iter().find(|n| n.id == *id).expect("a node");
        let normal = node.deps.iter().filter(|dep| {
            dep.dep_kinds
                .iter()
                .any(|k| k.kind == DependencyKind::Normal)
        });
        normal.map(|dep| dep.pkg.clone()).collect::<Vec<_>>()
    };
    let packages = metadata.workspace_packages();
    let start = packages.iter().find(|p| p.name.as_str() == name);
    let mut seen: BTreeSet<PackageId> = BTreeSet::new();
    let mut open = vec![start.expect("a crate of the workspace").id.clone()];
    while let Some(id) = open.pop() {
        open.extend(below(&id).into_iter().filter(|id| seen.insert(id.clone())));
    }
    seen.iter()
        .map(|id| metadata[id].name.to_string())
        .collect()
}

/// Every file that is tracked, or would be: relative to the root.
fn files() -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git lists the files of the project");
    assert!(listing.status.success(), "git ls-files failed");
    let names = String::from_utf8(listing.stdout).expect("file names are UTF-8");
    let files: Vec<PathBuf> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        // Deleted, but not yet committed.
        .filter(|file| root().join(file).is_file())
        .collect();
    assert!(files.len() > 100, "only {} files found", files.len());
    files
}

/// Rust sources outside of tests.
fn every_source() -> Vec<PathBuf> {
    let tests = |file: &Path| {
        file.components().any(|c| c.as_os_str() == "tests")
            || file.file_name().is_some_and(|name| name == "tests.rs")
    };
    files()
        .into_iter()
        .filter(|file| has_extension(file, "rs") && !tests(file))
        .collect()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = every_source()
        .into_iter()
        .filter(|file| file.starts_with(folder))
        .collect();
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|e| e == extension)
}

/// Where a source says one of the needles, outside of comments and of the tests at
/// its end.
fn holding(file: &Path, needles: &[&str]) -> Vec<String> {
    let text = read(&root().join(file));
    let code = text.split("#[cfg(test)]\nmod tests {").next();
    found(file, code.unwrap_or_default(), needles)
}

fn holding_anywhere(file: &Path, needles: &[&str]) -> Vec<String> {
    // What is no text has no lines to look at.
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for needle in needles.iter().filter(|needle| line.contains(**needle)) {
            wrong.push(format!("{}:{}: {needle}", file.display(), number + 1));
        }
    }
    wrong
}

fn found(file: &Path, code: &str, needles: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = code.lines().enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for needle in needles.iter().filter(|needle| line.contains(**needle)) {
            wrong.push(format!("{}:{}: {needle}", file.display(), number + 1));
        }
    }
    wrong
}

/// The names of the reasons in the contract, without their prefix.
fn reasons() -> Vec<String> {
    let proto = read(&root().join("proto/ascertain/v1/reason.proto"));
    let names: Vec<String> = proto
        .lines()
        .filter_map(|line| line.trim().strip_prefix("REASON_")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 30, "only {} reasons found", names.len());
    names
}

fn upper_camel(name: &str) -> String {
    name.split('_')
        .map(|word| format!("{}{}", &word[..1], word[1..].to_ascii_lowercase()))
        .collect()
}

/// Whether a text holds a word, and not only as the beginning of a longer one.
fn word_in(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, _)| !text[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}
