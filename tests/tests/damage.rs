//! Flipped bits and cut files, in each store and each log of a node that was closed
//! and of one that was killed. A damaged store is made again, or the damage is
//! harmless: the answers are those of before. A damaged log refuses to open and names
//! the records, or the answers are those of before.
//!
//! `ASCERTAIN_LONG=1` takes thousands of samples; `ASCERTAIN_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a test fails by panicking

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ascertain_client::Client;
use ascertain_proto::v1::{
    BatchGetControlStatesRequest, BatchGetControlStatesResponse, ReadOptions,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{
    Acked, Chance, Digests, Node, Program, caught_up, digests, live, long, stream,
};
use prost::Message as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

const AS_OF: &str = "2025-01-01T00:00:00Z";
const STORES: [&str; 3] = ["ingest/store", "reconcile/store", "query/store"];
const LOGS: [&str; 2] = ["ingest/report-log", "reconcile/state-log"];
const REPORTS: usize = 200;
/// Samples that are looked at at once.
const AT_ONCE: usize = 3;
/// A start that takes longer is taken for an endless one.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A folder, in memory where there is one.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files below a folder that hold something, but for locks.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().is_some_and(|name| name != "lock")
            && path.metadata().unwrap().len() > 0
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a node says of everything.
#[derive(Debug, Clone, PartialEq)]
struct Answers {
    digests: Digests,
    states: Vec<u8>,
}

impl Answers {
    async fn of(client: &Client, places: &[String]) -> Self {
        let digests = digests(client, client, AS_OF).await.unwrap();
        let request = BatchGetControlStatesRequest {
            places: places.to_vec(),
            read: Some(ReadOptions {
                as_of: Some(AS_OF.parse().unwrap()),
                ..ReadOptions::default()
            }),
        };
        let states: BatchGetControlStatesResponse =
            client.batch_get_control_states(request).await.unwrap();
        assert_eq!(states.states.len(), places.len());
        Self {
            digests,
            states: states.encode_to_vec(),
        }
    }
}

/// A data folder as a node left it, and what it answers.
struct Base {
    name: &'static str,
    folder: TempDir,
    places: Vec<String>,
    answers: Answers,
}

/// One node's folder, closed; and the same a little later, killed.
async fn bases() -> Vec<Base> {
    let scenario = Scenario::hama().unwrap();
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    let places: Vec<String> = registry.places.iter().map(|p| p.place_id.clone()).collect();
    let data = scratch();
    let reports = live(&scenario, "damage", REPORTS);
    let (first, second) = reports.split_at(REPORTS * 3 / 4);
    let acked = Acked::default();
    let mut bases = Vec::new();
    for (name, reports) in [("closed", first), ("killed", second)] {
        let mut program = Program::start("ascertain", data.path(), &[], 3)
            .await
            .unwrap();
        let client = Client::connect(&program.url()).unwrap();
        client.apply_registry(registry.clone()).await.unwrap();
        stream(&client, reports.to_vec(), &acked).await.unwrap();
        caught_up(&client, &client).await.unwrap();
        if name == "killed" {
            program.kill().unwrap();
        } else {
            program.terminate().unwrap();
        }
        let folder = scratch();
        copy(data.path(), folder.path());
        // Opening changes a folder: what it answers is asked elsewhere.
        let asked = scratch();
        copy(data.path(), asked.path());
        let node = Node::start(asked.path()).await.unwrap();
        let answers = Answers::of(&node.client(), &places).await;
        node.stop().await;
        let places = places.clone();
        bases.push(Base {
            name,
            folder,
            places,
            answers,
        });
    }
    assert_eq!(acked.count(), REPORTS);
    bases
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip { at: u64, bit: u8 },
    Cut { to: u64 },
}

impl Damage {
    fn of(file: &Path, flips: bool, chance: &mut Chance) -> Self {
        let bytes = fs::read(file).unwrap();
        if flips {
            // Files are made larger than they are: what follows the last byte that is
            // not zero is met now and then only.
            let used = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(1, |at| at + 1);
            let within = if chance.once_in(10) {
                bytes.len()
            } else {
                used
            };
            let (at, bit) = (chance.below(within) as u64, chance.below(8) as u8);
            Self::Flip { at, bit }
        } else {
            Self::Cut {
                to: chance.below(bytes.len()) as u64,
            }
        }
    }

    fn apply(self, file: &Path) {
        match self {
            Self::Flip { at, bit } => {
                let mut bytes = fs::read(file).unwrap();
                bytes[at as usize] ^= 1 << bit;
                fs::write(file, bytes).unwrap();
            }
            Self::Cut { to } => {
                let file = File::options().write(true).open(file).unwrap();
                file.set_len(to).unwrap();
            }
        }
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The store was set aside and made again.
    Rebuilt,
    /// The log was not opened, and said which records are lost.
    Refused,
    /// Nobody noticed, and there was nothing to notice.
    Harmless,
}

/// Damages a copy of a folder and starts a node on it.
async fn sample(
    folder: TempDir,
    file: PathBuf,
    damage: Damage,
    expected: Answers,
    places: Vec<String>,
) -> Outcome {
    let what = format!("{} {damage:?}", file.display());
    let path = folder.path().to_owned();
    damage.apply(&path.join(&file));
    let started = tokio::time::timeout(LONGEST_START, Node::start(&path)).await;
    let started = started.unwrap_or_else(|_| panic!("an endless start: {what}"));
    let is_log = LOGS.iter().any(|log| file.starts_with(log));
    let node = match started {
        Ok(node) => node,
        Err(error) => {
            let error = format!("{error:#}");
            assert!(
                is_log,
                "a store kept the node from starting: {what}: {error}"
            );
            let named = error.contains("record") || error.contains("manifest");
            assert!(named, "{what}: {error}");
            return Outcome::Refused;
        }
    };
    let answers = Answers::of(&node.client(), &places).await;
    node.stop().await;
    assert!(
        answers.digests == expected.digests,
        "{what}: {:?}",
        answers.digests
    );
    assert!(answers.states == expected.states, "other answers: {what}");
    let aside = STORES
        .iter()
        .any(|store| path.join(format!("{store}.damaged-1")).exists());
    if aside {
        Outcome::Rebuilt
    } else {
        Outcome::Harmless
    }
}

/// How many flips and cuts of each thing.
fn sizes() -> (usize, usize) {
    if long() { (2_000, 500) } else { (60, 20) }
}

/// So many samples over some folders of both bases, and what came of them.
async fn damage(test: &str, things: &[&'static str], flips: usize, cuts: usize) {
    let mut chance = Chance::seeded(test);
    let bases = bases().await;
    let mut outcomes: BTreeMap<(String, &str, Outcome), usize> = BTreeMap::new();
    let mut samples: JoinSet<(String, &'static str, Outcome)> = JoinSet::new();
    let mut count = |ended: (String, &'static str, Outcome)| {
        let (thing, kind, outcome) = ended;
        *outcomes.entry((thing, kind, outcome)).or_insert(0) += 1;
    };
    for n in 0..flips + cuts {
        let (thing, base) = (
            things[n % things.len()],
            &bases[n / things.len() % bases.len()],
        );
        let all = files(&base.folder.path().join(thing));
        let file = all[chance.below(all.len())].clone();
        // Most of what there is stands in the largest file.
        let largest = all
            .iter()
            .max_by_key(|file| file.metadata().unwrap().len())
            .unwrap();
        let file = if chance.once_in(4) {
            file
        } else {
            largest.clone()
        };
        let damage = Damage::of(&file, n < flips, &mut chance);
        let file = file.strip_prefix(base.folder.path()).unwrap().to_owned();
        let folder = scratch();
        copy(base.folder.path(), folder.path());
        if samples.len() >= AT_ONCE {
            count(samples.join_next().await.unwrap().unwrap());
        }
        let thing = format!("{thing}, {}", base.name);
        let kind = if n < flips { "flip" } else { "cut" };
        let (answers, places) = (base.answers.clone(), base.places.clone());
        samples.spawn(async move {
            (
                thing,
                kind,
                sample(folder, file, damage, answers, places).await,
            )
        });
    }
    while let Some(ended) = samples.join_next().await {
        count(ended.unwrap());
    }
    for ((thing, kind, outcome), count) in &outcomes {
        eprintln!("{thing:<28} {kind:<5} {count:>5} {outcome:?}");
    }
    assert_eq!(outcomes.values().sum::<usize>(), flips + cuts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_made_again_or_the_damage_is_harmless() {
    let (flips, cuts) = sizes();
    damage("stores", &STORES, flips, cuts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_refused_with_what_is_lost_or_the_damage_is_harmless() {
    let (flips, cuts) = sizes();
    damage("logs", &LOGS, flips / 3, cuts / 2).await;
}
