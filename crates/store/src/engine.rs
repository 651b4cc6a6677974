//! sled 0.34.7 with its habits fenced in: it panics on damaged files, its flush
//! does not sync, and it must not be asked again after it failed.

use std::any::Any;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::folder;

/// How long threads of a store that was just dropped may hold sled's own lock.
const LINGERING: Duration = Duration::from_secs(5);

/// An open sled, or why it is none any more.
pub(crate) struct Engine {
    dir: PathBuf,
    state: RwLock<EngineState>,
}

enum EngineState {
    Open {
        db: sled::Db,
        /// sled's file once more: flushing alone does not sync it.
        file: File,
        /// Ours; sled's own is not taken on every platform.
        _lock: Arc<File>,
    },
    Failed(StoreError),
    Closed,
}

impl Engine {
    pub(crate) fn new(dir: &Path, db: sled::Db, lock: Arc<File>) -> Result<Self, StoreError> {
        let path = folder::sled(dir).join("db");
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::disk(&path, &error))?;
        Ok(Self {
            dir: dir.to_owned(),
            state: RwLock::new(EngineState::Open {
                db,
                file,
                _lock: lock,
            }),
        })
    }

    /// Asks sled something. Where it fails, it is never asked again.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        let db = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            EngineState::Open { db, .. } => db.clone(),
            EngineState::Failed(error) => return Err(error.clone()),
            EngineState::Closed => return Err(StoreError::Closed),
        };
        attempt(&self.dir, &db, question).map_err(|error| {
            // Dropping it would flush once more.
            std::mem::forget(db);
            self.fail(error)
        })
    }

    /// Makes all that sled holds durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.ask(|db| db.flush())?;
        let synced = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            EngineState::Open { file, .. } => file.sync_data(),
            EngineState::Failed(error) => return Err(error.clone()),
            EngineState::Closed => return Err(StoreError::Closed),
        };
        synced.map_err(|error| self.fail(StoreError::disk(&self.dir, &error)))
    }

    /// Notes that the store failed, and for damage, that it is to be set aside.
    pub(crate) fn fail(&self, error: StoreError) -> StoreError {
        tracing::error!(store = %self.dir.display(), %error, "the store answers nothing more");
        if let StoreError::Damaged(reason) = &error
            && let Err(failed) = folder::condemn(&self.dir, reason)
        {
            tracing::error!(%failed, "the damage could not be noted for the next start");
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *state, EngineState::Failed(error.clone()));
        match before {
            EngineState::Open { db, .. } => std::mem::forget(db),
            // The first failure tells more than those that follow from it.
            EngineState::Failed(_) | EngineState::Closed => *state = before,
        }
        error
    }

    /// Lets go of sled, of its folder and of the lock.
    pub(crate) fn close(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let EngineState::Open { db, .. } = std::mem::replace(&mut *state, EngineState::Closed) {
            let_go(db);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// Asks sled something; its panic is an error.
pub(crate) fn attempt<T>(
    dir: &Path,
    db: &sled::Db,
    question: impl FnOnce(&sled::Db) -> sled::Result<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(|| question(db))) {
        Ok(answer) => answer.map_err(|error| from_sled(dir, error)),
        Err(panic) => Err(StoreError::Damaged(panic_text(&*panic))),
    }
}

/// Closes sled, which flushes what it holds.
pub(crate) fn let_go(db: sled::Db) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(db))) {
        tracing::error!(panic = panic_text(&*panic), "sled could not be closed");
    }
}

/// Opens sled; once more without its snapshots if that fails.
pub(crate) fn open(sled: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let remove = |only_half_made| {
        folder::remove_snapshots(sled, only_half_made)
            .map_err(|error| StoreError::disk(sled, &error))
    };
    remove(true)?;
    open_once(sled, cache_bytes).or_else(|error| {
        tracing::warn!(sled = %sled.display(), %error, "sled is opened once more without its snapshots");
        remove(false)?;
        open_once(sled, cache_bytes)
    })
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
