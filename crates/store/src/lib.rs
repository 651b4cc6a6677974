//! sled opened, synced, checksummed and verified the one right way. Nothing else
//! opens sled. Everything in a store is derived: what cannot be trusted is set
//! aside, and the store begins anew from the log.
//!
//! * **Opening.** Behind a lock of our own, on a thread of its own, since sled
//!   panics on damaged files; once more without snapshots; else the folder is set
//!   aside. Nothing is copied before: it would cost as much as rebuilding, after
//!   every crash, and nothing in a copy would be trusted more. A store that ends
//!   before its last synced commit, which is kept outside of sled, is set aside
//!   too, and so is one in which values are missing: sled passes over what it
//!   cannot read, so every value is read and counted. With the file in the page
//!   cache 400,000 values of 400 bytes took 0.5 to 0.8 s on 2 cores; longer cold.
//! * **Writing.** One tree for all families, so that one batch is atomic.
//!   [`Store::commit`] gives a batch to sled; [`Store::sync`] makes all commits so
//!   far durable, which sled's own flush does not. Between the two a power cut may
//!   lose commits, the latest first; what refers to a log position goes into the
//!   same batch as the position.
//! * **Reading.** Every value carries a checksum over itself and its key. The first
//!   mismatch or panic ends the store, until it is opened again.

mod batch;
mod engine;
mod error;
mod family;
mod folder;
mod tally;
#[cfg(test)]
mod tests;
mod value;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::engine::Engine;
use crate::folder::State;
use crate::tally::{TALLY_KEY, Tally};
use crate::value::{MAIN, after_all, part_count, part_key, split};

pub use crate::batch::Batch;
pub use crate::error::StoreError;
pub use crate::family::{Family, Scan};

/// The longest key, bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// The largest value, bytes.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// What to open.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The store's folder; made if it is not there. `<dir>.lock` and
    /// `<dir>.damaged-<n>` stand beside it.
    pub dir: PathBuf,
    /// sled's page cache, bytes. The process takes more: twice to eight times that.
    pub cache_bytes: u64,
    /// The name of what is stored here.
    pub schema: &'static str,
    /// The version of how it is stored. A store of another name or version is set
    /// aside.
    pub schema_version: u32,
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was no store: this one is new and empty.
    Fresh,
    /// The store as it was left.
    Existing {
        /// Whether it was closed. If not, commits after the last sync may be gone.
        clean: bool,
    },
    /// What was there cannot be used and is set aside: this one is new and empty.
    Rebuilt {
        /// Why.
        reason: String,
    },
}

/// An open store. Reads and commits may come from any thread; calls block.
pub struct Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    /// Held for writing while a commit changes values of several parts.
    pub(crate) parts: RwLock<()>,
    /// What there is after the last commit; held while one is made.
    tally: Mutex<Tally>,
    /// What the state file says; held while it is written.
    state: Mutex<State>,
    dir: PathBuf,
}

impl Store {
    /// Opens a store, or makes one.
    ///
    /// # Errors
    /// [`StoreError::Locked`], and [`StoreError::Disk`] where not even a new store
    /// can be made.
    pub fn open(options: StoreOptions) -> Result<(Self, Opened), StoreError> {
        let StoreOptions {
            dir,
            cache_bytes,
            schema,
            schema_version,
        } = options;
        let disk = |error| StoreError::disk(&dir, &error);
        let lock = folder::lock(&dir)
            .map_err(disk)?
            .ok_or_else(|| StoreError::Locked(dir.clone()))?;
        let lock = Arc::new(lock);
        let fresh = State {
            schema: schema.to_owned(),
            version: schema_version,
            commit: 0,
            clean: false,
        };
        let reason = match find(&dir, &fresh, cache_bytes)? {
            Found::Nothing => None,
            Found::Unusable(reason) => Some(reason),
            Found::Usable(db, state) => {
                let clean = state.clean;
                let store = Self::start(&dir, db, &lock, state)?;
                match store.verify() {
                    Ok(_) => return Ok((store, Opened::Existing { clean })),
                    Err(StoreError::Damaged(reason)) => Some(reason),
                    Err(error) => return Err(error),
                }
            }
        };
        let opened = match reason {
            None => Opened::Fresh,
            Some(reason) => {
                let store = dir.display();
                tracing::warn!(%store, reason, "the store is set aside and begins anew");
                folder::set_aside(&dir).map_err(disk)?;
                Opened::Rebuilt { reason }
            }
        };
        let db = make(&dir, &fresh, cache_bytes)?;
        Ok((Self::start(&dir, db, &lock, fresh)?, opened))
    }

    /// Has a store set aside, and made anew, when it is opened the next time. Returns
    /// whether there is one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while it is open; [`StoreError::Disk`].
    pub fn condemn(dir: &Path, reason: &str) -> Result<bool, StoreError> {
        if !dir.exists() {
            return Ok(false);
        }
        let disk = |error| StoreError::disk(dir, &error);
        let _lock = folder::lock(dir)
            .map_err(disk)?
            .ok_or_else(|| StoreError::Locked(dir.to_owned()))?;
        folder::condemn(dir, reason).map_err(disk)?;
        Ok(true)
    }

    fn start(dir: &Path, db: sled::Db, lock: &Arc<File>, state: State) -> Result<Self, StoreError> {
        let engine = Engine::new(dir, db, Arc::clone(lock))?;
        let tally = engine.ask(last_tally)?;
        let inner = Inner {
            engine,
            parts: RwLock::new(()),
            tally: Mutex::new(tally),
            state: Mutex::new(state),
            dir: dir.to_owned(),
        };
        inner.note(|state| state.clean = false)?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The family of this name, which holds no zero byte. Short names cost least:
    /// they stand in every key.
    #[must_use]
    pub fn family(&self, name: &'static str) -> Family {
        Family::new(Arc::clone(&self.inner), name)
    }

    /// Writes a batch, all of it or nothing. It is durable after the next
    /// [`Store::sync`].
    ///
    /// # Errors
    /// [`StoreError::KeyTooLong`] and [`StoreError::ValueTooLarge`]: nothing is
    /// written. [`StoreError::Damaged`], [`StoreError::Disk`], [`StoreError::Closed`].
    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if let Some(refused) = batch.refused {
            return Err(refused);
        }
        if batch.writes.is_empty() {
            return Ok(());
        }
        let inner = &self.inner;
        let mut last = inner.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tally = *last;
        let mut writes = sled::Batch::default();
        let mut changes_parts = false;
        for (key, value) in batch.writes {
            let mut old_parts = 0;
            if let Some(old) = inner.engine.ask(|db| db.get(&key))? {
                old_parts = part_count(&old);
                tally.remove(&key, &old);
            }
            let mut new_parts = 0;
            match value {
                None => writes.remove(key.as_slice()),
                Some(value) => {
                    let (main, parts) = split(&key, &value);
                    for part in parts {
                        writes.insert(part_key(&key, new_parts), part);
                        new_parts += 1;
                    }
                    tally.add(&key, &main);
                    writes.insert(key.as_slice(), main);
                }
            }
            for part in new_parts..old_parts {
                writes.remove(part_key(&key, part));
            }
            changes_parts |= old_parts > 0 || new_parts > 0;
        }
        tally.commit += 1;
        writes.insert(TALLY_KEY, tally.to_bytes());
        let _parts =
            changes_parts.then(|| inner.parts.write().unwrap_or_else(PoisonError::into_inner));
        inner.engine.ask(|db| db.apply_batch(writes))?;
        *last = tally;
        Ok(())
    }

    /// Makes every commit so far durable.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Disk`], [`StoreError::Closed`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.sync_as(false)
    }

    /// Reads and checks every value of every family and that none is missing; gives
    /// their number. Commits wait meanwhile.
    ///
    /// # Errors
    /// As for [`Family::get`].
    pub fn verify(&self) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let expected = inner.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Tally {
            commit: expected.commit,
            ..Tally::default()
        };
        let range = vec![MAIN]..after_all(&[MAIN]);
        let mut items = inner.engine.ask(|db| Ok(db.range(range)))?;
        while let Some((key, main)) = inner.engine.ask(|_| items.next().transpose())? {
            found.add(&key, &main);
            match part_count(&main) {
                0 => inner.check(&key, &main).map(drop)?,
                _ => inner.get(&key).map(drop)?,
            }
        }
        if found == *expected {
            return Ok(found.values);
        }
        let (found, expected) = (found.values, expected.values);
        let detail = format!("of {expected} values {found} were found, or not the latest");
        Err(inner.engine.fail(StoreError::Damaged(detail)))
    }

    /// Syncs, lets go of the files, and notes that it was closed. Families that are
    /// still held answer [`StoreError::Closed`].
    ///
    /// # Errors
    /// As for [`Store::sync`]; the files are let go all the same.
    pub fn close(self) -> Result<(), StoreError> {
        let synced = self.sync_as(true);
        self.inner.engine.close();
        synced
    }

    fn sync_as(&self, clean: bool) -> Result<(), StoreError> {
        let inner = &self.inner;
        let tally = *inner.tally.lock().unwrap_or_else(PoisonError::into_inner);
        inner.engine.sync()?;
        inner.note(|state| {
            state.commit = tally.commit.max(state.commit);
            state.clean = clean;
        })
    }
}

impl Inner {
    /// Changes the state file, if it changes.
    fn note(&self, change: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = state.clone();
        change(&mut changed);
        if changed != *state {
            folder::write_state(&self.dir, &changed)
                .map_err(|error| self.engine.fail(StoreError::disk(&self.dir, &error)))?;
            *state = changed;
        }
        Ok(())
    }
}

enum Found {
    Nothing,
    Usable(sled::Db, State),
    Unusable(String),
}

/// Looks at what is in a folder, and opens it if it can be used.
fn find(dir: &Path, fresh: &State, cache_bytes: u64) -> Result<Found, StoreError> {
    let sled = folder::sled(dir);
    if let Some(reason) = folder::condemned(dir) {
        return Ok(Found::Unusable(reason));
    }
    let state = folder::read_state(dir).map_err(|error| StoreError::disk(dir, &error))?;
    // The state file comes first when a store is made, sled's folder last.
    if !sled.exists() {
        return Ok(Found::Nothing);
    }
    let Some(state) = state else {
        return Ok(Found::Unusable("its state file cannot be read".to_owned()));
    };
    if (&state.schema, state.version) != (&fresh.schema, fresh.version) {
        return Ok(Found::Unusable(format!(
            "it holds {} version {}, not {} version {}",
            state.schema, state.version, fresh.schema, fresh.version
        )));
    }
    let db = match engine::open(&sled, cache_bytes) {
        Ok(db) => db,
        Err(StoreError::Damaged(reason)) => return Ok(Found::Unusable(reason)),
        Err(error) => return Err(error),
    };
    match engine::attempt(dir, &db, last_tally) {
        Ok(tally) if tally.commit >= state.commit => Ok(Found::Usable(db, state)),
        Ok(tally) => {
            engine::let_go(db);
            Ok(Found::Unusable(format!(
                "it ends at commit {}, but {} was synced",
                tally.commit, state.commit
            )))
        }
        Err(error) => {
            // It panicked once: it is not asked to close, either.
            std::mem::forget(db);
            Ok(Found::Unusable(error.to_string()))
        }
    }
}

/// Makes a new store: its state file first, so that a half made one is known.
fn make(dir: &Path, fresh: &State, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let disk = |error| StoreError::disk(dir, &error);
    folder::make(dir).map_err(disk)?;
    folder::write_state(dir, fresh).map_err(disk)?;
    let sled = folder::sled(dir);
    let db = engine::open(&sled, cache_bytes)?;
    folder::sync_folder(&sled).map_err(disk)?;
    folder::sync_folder(dir).map_err(disk)?;
    Ok(db)
}

/// What there is; a tally that cannot be read is that of an empty store, and
/// nothing will agree with it.
fn last_tally(db: &sled::Db) -> sled::Result<Tally> {
    let bytes = db.get(TALLY_KEY)?;
    let tally = bytes.and_then(|bytes| Tally::from_bytes(&bytes));
    Ok(tally.unwrap_or_default())
}
