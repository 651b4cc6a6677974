//! What a fuzzer found worth keeping, and what it starts from, run once more through
//! every target.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ascertain_tests::fuzz::{TARGETS, run, seeds};

/// The most files of a target, and bytes of all: what is kept is small.
const MOST_FILES: usize = 100;
const MOST_BYTES: u64 = 2 << 20;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_keeps_its_promises_on_its_corpus_and_its_seeds() {
    let mut broken = Vec::new();
    for (target, _) in TARGETS {
        let kept = files(&corpus().join(target)).into_iter();
        let kept = kept.map(|file| (file.display().to_string(), fs::read(&file).unwrap()));
        let made = seeds(target);
        assert!(!made.is_empty(), "{target} has no seeds");
        let made = made.into_iter().enumerate();
        let made = made.map(|(n, seed)| (format!("seed {n} of {target}"), seed));
        for (name, data) in kept.chain(made) {
            // All that is broken is told, not the first alone.
            if catch_unwind(AssertUnwindSafe(|| run(target, &data))).is_err() {
                broken.push(name);
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_corpus_is_of_the_targets_and_small() {
    let folders = files(&corpus());
    let mut names: Vec<String> = folders
        .iter()
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, targets, "a folder of the corpus for every target");
    let mut bytes = 0;
    for folder in folders {
        let kept = files(&folder);
        assert!(
            kept.len() <= MOST_FILES,
            "{}: {}",
            folder.display(),
            kept.len()
        );
        bytes += kept
            .iter()
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>();
    }
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}

#[test]
#[ignore = "writes the seeds into the folder that ASCERTAIN_FUZZ_SEEDS names, for scripts/fuzz"]
fn the_seeds_as_files() {
    let folder = PathBuf::from(std::env::var("ASCERTAIN_FUZZ_SEEDS").unwrap());
    for (target, _) in TARGETS {
        fs::create_dir_all(folder.join(target)).unwrap();
        for (n, seed) in seeds(target).into_iter().enumerate() {
            fs::write(folder.join(target).join(format!("seed-{n:02}")), seed).unwrap();
        }
    }
}
