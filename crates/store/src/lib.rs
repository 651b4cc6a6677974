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
mod found;
mod medium;
#[cfg(feature = "memory")]
mod memory;
mod sled_tree;
mod tally;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Borrow;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::engine::Engine;
use crate::folder::{Folder, State};
use crate::found::{Found, find, last_tally};
use crate::medium::{Lock, Medium, Tree, Writes};
use crate::tally::{TALLY_KEY, Tally};
use crate::value::{MAIN, after_all, part_count, part_key, split};

pub use crate::batch::Batch;
pub use crate::error::StoreError;
pub use crate::family::{Family, Scan};
#[cfg(feature = "memory")]
pub use crate::memory::{Fault, MemoryMedium, Operation};

/// sled takes up to so many times the space of what is written.
const SPACE_AMPLIFICATION: u64 = 4;
/// What making a store durable may take beside what is there, bytes: sled writes whole
/// segments of 512 KiB.
const SYNC_BYTES: u64 = 2 << 20;
/// So many values are copied at once when a store is compacted.
const COPIED_AT_ONCE: usize = 1_000;
/// After so many of those it is looked whether there is space for more.
const SPACE_ASKED_EVERY: usize = 16;
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
    /// Commits are refused while less is free where the store lies, bytes: what is
    /// left is for the logs, and sled must not meet the end of the disk.
    pub min_free_bytes: u64,
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
    medium: Arc<dyn Medium>,
    cache_bytes: u64,
    min_free_bytes: u64,
}

impl Store {
    /// Opens a store, or makes one.
    ///
    /// # Errors
    /// [`StoreError::Locked`], and [`StoreError::Disk`] where not even a new store
    /// can be made.
    pub fn open(options: StoreOptions) -> Result<(Self, Opened), StoreError> {
        let medium: Arc<dyn Medium> = Arc::new(Folder(options.dir.clone()));
        Self::open_on(&medium, options)
    }

    /// Opens the store of a medium in memory, or makes one. The folder is not used.
    ///
    /// # Errors
    /// As for [`Store::open`].
    #[cfg(feature = "memory")]
    pub fn open_in_memory(
        medium: &MemoryMedium,
        options: StoreOptions,
    ) -> Result<(Self, Opened), StoreError> {
        let medium: Arc<dyn Medium> = Arc::new(medium.clone());
        Self::open_on(&medium, options)
    }

    fn open_on(
        medium: &Arc<dyn Medium>,
        options: StoreOptions,
    ) -> Result<(Self, Opened), StoreError> {
        let StoreOptions {
            dir,
            cache_bytes,
            schema,
            schema_version,
            min_free_bytes,
        } = options;
        let lock = medium.lock()?;
        let lock = Arc::new(lock.ok_or(StoreError::Locked(dir))?);
        let fresh = State {
            schema: schema.to_owned(),
            version: schema_version,
            commit: 0,
            clean: false,
        };
        let limits = (cache_bytes, min_free_bytes);
        let start = |tree, state| Self::start(medium, tree, &lock, limits, state);
        let reason = match find(&**medium, &fresh, cache_bytes)? {
            Found::Nothing => None,
            Found::Unusable(reason) => Some(reason),
            Found::Usable(tree, state) => {
                let clean = state.clean;
                let store = start(tree, state)?;
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
                let store = medium.name();
                tracing::warn!(store, reason, "the store is set aside and begins anew");
                medium.set_aside()?;
                Opened::Rebuilt { reason }
            }
        };
        let tree = medium.make(&fresh, cache_bytes)?;
        Ok((start(tree, fresh)?, opened))
    }

    /// Keeps every opener out of the store in a folder, whether there is one or not,
    /// until what is returned is dropped.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while it is open; [`StoreError::Disk`].
    pub fn hold(dir: &std::path::Path) -> Result<impl Send + Sync + use<>, StoreError> {
        let lock = Folder(dir.to_owned()).lock()?;
        lock.ok_or_else(|| StoreError::Locked(dir.to_owned()))
    }

    /// Has a store set aside, and made anew, when it is opened the next time. Returns
    /// whether there is one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while it is open; [`StoreError::Disk`].
    pub fn condemn(dir: &std::path::Path, reason: &str) -> Result<bool, StoreError> {
        if !dir.exists() {
            return Ok(false);
        }
        let medium = Folder(dir.to_owned());
        let lock = medium.lock()?;
        let _lock = lock.ok_or_else(|| StoreError::Locked(dir.to_owned()))?;
        medium.condemn(reason)?;
        Ok(true)
    }

    fn start(
        medium: &Arc<dyn Medium>,
        tree: Arc<dyn Tree>,
        lock: &Arc<Lock>,
        (cache_bytes, min_free_bytes): (u64, u64),
        state: State,
    ) -> Result<Self, StoreError> {
        let engine = Engine::new(Arc::clone(medium), tree, Arc::clone(lock));
        let tally = engine.ask(last_tally)?;
        let inner = Inner {
            engine,
            parts: RwLock::new(()),
            tally: Mutex::new(tally),
            state: Mutex::new(state),
            medium: Arc::clone(medium),
            cache_bytes,
            min_free_bytes,
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
    /// [`StoreError::KeyTooLong`], [`StoreError::ValueTooLarge`] and
    /// [`StoreError::NoSpace`]: nothing is written, and the store is as usable as
    /// before. [`StoreError::Damaged`], [`StoreError::Disk`], [`StoreError::Closed`].
    pub fn commit(&self, batch: impl Borrow<Batch>) -> Result<(), StoreError> {
        let batch = batch.borrow();
        if let Some(refused) = &batch.refused {
            return Err(refused.clone());
        }
        if batch.writes.is_empty() {
            return Ok(());
        }
        let inner = &self.inner;
        inner.has_space_for(batch)?;
        let mut last = inner.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tally = *last;
        let mut writes = Writes::new();
        let mut changes_parts = false;
        for (key, value) in &batch.writes {
            let mut old_parts = 0;
            if let Some(old) = inner.engine.ask(|tree| tree.get(key))? {
                old_parts = part_count(&old);
                tally.remove(key, &old);
            }
            let mut new_parts = 0;
            match value {
                None => writes.push((key.clone(), None)),
                Some(value) => {
                    let (main, parts) = split(key, value);
                    for part in parts {
                        writes.push((part_key(key, new_parts), Some(part.to_vec())));
                        new_parts += 1;
                    }
                    tally.add(key, &main);
                    writes.push((key.clone(), Some(main)));
                }
            }
            for part in new_parts..old_parts {
                writes.push((part_key(key, part), None));
            }
            changes_parts |= old_parts > 0 || new_parts > 0;
        }
        tally.commit += 1;
        writes.push((TALLY_KEY.to_vec(), Some(tally.to_bytes())));
        let _parts =
            changes_parts.then(|| inner.parts.write().unwrap_or_else(PoisonError::into_inner));
        inner.engine.ask(|tree| tree.apply(writes))?;
        *last = tally;
        Ok(())
    }

    /// Makes every commit so far durable.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`]: nothing is durable that was not before, and the same may
    /// succeed later. [`StoreError::Damaged`], [`StoreError::Disk`], [`StoreError::Closed`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.inner
            .has_space(self.inner.min_free_bytes.min(SYNC_BYTES))?;
        self.sync_as(false)
    }

    /// Copies all there is into new files and removes the old ones, so that no byte of what
    /// was deleted or written over is left. Durable when it returns. Commits wait meanwhile;
    /// reads go on. It takes as much space again as what there is.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`]: all is as before, and the same may succeed later.
    /// [`StoreError::Damaged`], [`StoreError::Disk`], [`StoreError::Closed`].
    pub fn compact(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        let tally = inner.tally.lock().unwrap_or_else(PoisonError::into_inner);
        inner.has_space(inner.min_free_bytes)?;
        let next = match self.copy_all() {
            Ok(next) => next,
            Err(error) => {
                // Half a copy takes the space that is missing.
                inner.medium.drop_next()?;
                return Err(error);
            }
        };
        inner.medium.take_next()?;
        inner.engine.replace(next);
        // Whatever was committed is synced now.
        inner.note(|state| state.commit = tally.commit.max(state.commit))
    }

    /// A durable copy of all there is.
    fn copy_all(&self) -> Result<Arc<dyn Tree>, StoreError> {
        let inner = &self.inner;
        let next = inner.medium.begin_next(inner.cache_bytes)?;
        let mut items = inner
            .engine
            .ask(|tree| tree.range(Bound::Unbounded, Bound::Unbounded))?;
        let mut writes = Writes::new();
        let mut copied = 0;
        while let Some((key, value)) = inner.engine.ask(|_| items.next())? {
            writes.push((key, Some(value)));
            if writes.len() == COPIED_AT_ONCE {
                next.apply(std::mem::take(&mut writes))?;
                copied += 1;
                if copied % SPACE_ASKED_EVERY == 0 {
                    inner.has_space(inner.min_free_bytes)?;
                }
            }
        }
        next.apply(writes)?;
        next.sync()?;
        Ok(next)
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
        let low = Bound::Included(vec![MAIN]);
        let high = Bound::Excluded(after_all(&[MAIN]));
        let mut items = inner.engine.ask(|tree| tree.range(low, high))?;
        while let Some((key, main)) = inner.engine.ask(|_| items.next())? {
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

    /// Lets go of the files and removes them: the next opening makes a new store.
    /// Families that are still held answer [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn discard(self) -> Result<(), StoreError> {
        // What is half removed is made anew: the tree goes with its state.
        self.inner.engine.close();
        self.inner.medium.remove()
    }

    fn sync_as(&self, clean: bool) -> Result<(), StoreError> {
        let inner = &self.inner;
        let tally = *inner.tally.lock().unwrap_or_else(PoisonError::into_inner);
        inner.engine.ask(|tree| tree.sync())?;
        inner.note(|state| {
            state.commit = tally.commit.max(state.commit);
            state.clean = clean;
        })
    }
}

impl Inner {
    /// Whether a batch leaves as much free as is to be left.
    fn has_space_for(&self, batch: &Batch) -> Result<(), StoreError> {
        if self.min_free_bytes == 0 {
            return Ok(());
        }
        let writes = batch.writes.iter();
        let bytes = writes.map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
        let bytes = bytes.sum::<usize>() as u64 * SPACE_AMPLIFICATION;
        self.has_space(self.min_free_bytes.saturating_add(bytes))
    }

    fn has_space(&self, least_bytes: u64) -> Result<(), StoreError> {
        if least_bytes == 0 {
            return Ok(());
        }
        match self.medium.free_bytes() {
            Some(free_bytes) if free_bytes < least_bytes => Err(StoreError::NoSpace {
                free_bytes,
                least_bytes,
            }),
            _ => Ok(()),
        }
    }

    /// Changes the state file, if it changes.
    fn note(&self, change: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = state.clone();
        change(&mut changed);
        if changed != *state {
            let written = self.medium.write_state(&changed);
            written.map_err(|error| self.engine.fail(error))?;
            *state = changed;
        }
        Ok(())
    }
}
