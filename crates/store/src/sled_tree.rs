//! sled 0.34.7 with its habits fenced in: it panics on damaged files, and its flush
//! does not sync.

use std::any::Any;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::folder;
use crate::medium::{Pair, Range, Tree, Writes};

/// How long threads of a store that was just dropped may hold sled's own lock.
const LINGERING: Duration = Duration::from_secs(5);

/// An open sled.
pub(crate) struct SledTree {
    sled: PathBuf,
    /// `None` only while it is dropped.
    db: Option<sled::Db>,
    /// sled's file once more: flushing alone does not sync it.
    file: File,
}

impl SledTree {
    /// Opens sled; once more without its snapshots if that fails.
    pub(crate) fn open(sled: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let remove = |only_half_made| {
            folder::remove_snapshots(sled, only_half_made)
                .map_err(|error| StoreError::disk(sled, &error))
        };
        remove(true)?;
        let db = open_once(sled, cache_bytes).or_else(|error| {
            tracing::warn!(sled = %sled.display(), %error, "sled is opened once more without its snapshots");
            remove(false)?;
            open_once(sled, cache_bytes)
        })?;
        let path = sled.join("db");
        let file = File::options().read(true).write(true).open(&path);
        Ok(Self {
            sled: sled.to_owned(),
            db: Some(db),
            file: file.map_err(|error| StoreError::disk(&path, &error))?,
        })
    }

    /// Asks sled something; its panic is an error.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        let db = self.db.as_ref().ok_or(StoreError::Closed)?;
        attempt(&self.sled, || question(db))
    }
}

impl Tree for SledTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.ask(|db| db.get(key))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.ask(|db| db.contains_key(key))
    }

    fn range(
        &self,
        low: Bound<Vec<u8>>,
        high: Bound<Vec<u8>>,
    ) -> Result<Box<dyn Range>, StoreError> {
        let items = self.ask(|db| Ok(db.range((low, high))))?;
        Ok(Box::new(SledRange {
            sled: self.sled.clone(),
            items,
        }))
    }

    fn apply(&self, writes: Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.ask(|db| db.apply_batch(batch))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.ask(|db| db.flush())?;
        let synced = self.file.sync_data();
        synced.map_err(|error| StoreError::disk(&self.sled, &error))
    }
}

impl Drop for SledTree {
    fn drop(&mut self) {
        let db = self.db.take();
        // Closing flushes what it holds.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(db))) {
            tracing::error!(panic = panic_text(&*panic), "sled could not be closed");
        }
    }
}

struct SledRange {
    sled: PathBuf,
    items: sled::Iter,
}

/// What sled says of a step along a range.
type Step = Option<sled::Result<(sled::IVec, sled::IVec)>>;

impl SledRange {
    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Step,
    ) -> Result<Option<Pair>, StoreError> {
        let items = &mut self.items;
        let pair = attempt(&self.sled, || step(items).transpose())?;
        Ok(pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }
}

impl Range for SledRange {
    fn next(&mut self) -> Result<Option<Pair>, StoreError> {
        self.step(sled::Iter::next)
    }

    fn next_back(&mut self) -> Result<Option<Pair>, StoreError> {
        self.step(sled::Iter::next_back)
    }
}

fn attempt<T>(dir: &Path, question: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(question)) {
        Ok(answer) => answer.map_err(|error| from_sled(dir, error)),
        Err(panic) => Err(StoreError::Damaged(panic_text(&*panic))),
    }
}

fn open_once(sled: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let started = Instant::now();
    loop {
        match on_own_thread(sled, cache_bytes)? {
            Ok(db) => return Ok(db),
            Err(sled::Error::Io(error)) if is_lock(&error) && started.elapsed() < LINGERING => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(from_sled(sled, error)),
        }
    }
}

/// A panic of sled ends only the thread that it happens on.
fn on_own_thread(sled: &Path, cache_bytes: u64) -> Result<sled::Result<sled::Db>, StoreError> {
    let config = sled::Config::new()
        .path(sled)
        .cache_capacity(cache_bytes)
        .flush_every_ms(None);
    std::thread::Builder::new()
        .name("store-open".to_owned())
        .spawn(move || config.open())
        .map_err(|error| StoreError::disk(sled, &error))?
        .join()
        .map_err(|panic| StoreError::Damaged(panic_text(&*panic)))
}

/// Only what the machine says of itself is the disk's fault: sled calls many a
/// damaged file an I/O error.
fn from_sled(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if is_lock(&error) || is_of_the_machine(error.kind()) => {
            StoreError::disk(dir, &error)
        }
        error => StoreError::Damaged(error.to_string()),
    }
}

fn is_of_the_machine(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::OutOfMemory
    )
}

fn is_lock(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("sled panicked: {}", text.unwrap_or("no message"))
}

/// Makes a new sled, whose names are durable.
pub(crate) fn make(sled: &Path, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
    let tree = SledTree::open(sled, cache_bytes)?;
    folder::sync_folder(sled).map_err(|error| StoreError::disk(sled, &error))?;
    Ok(Arc::new(tree))
}
