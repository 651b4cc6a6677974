//! A store in memory, for tests: a machine that loses what was not synced, damages
//! what was, runs full, and fails when it is told to.
//!
//! ```text
//! durable ──▶ what a crash leaves            commits ──▶ current, which reads see
//!    ▲                                          │
//!    └──────────── sync ◀── unsynced, in order ◀┘       crash: the latest are lost
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;
use crate::folder::State;
use crate::medium::{Lock, Medium, Pair, Range, Tree, Writes};

/// What is done to a store in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Something is read.
    Read,
    /// A batch is committed.
    Commit,
    /// Everything so far is made durable.
    Sync,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is done.
    None,
    /// It fails, and was not done.
    Before,
    /// It fails, but was done.
    After,
}

type Injector = Box<dyn FnMut(Operation) -> Fault + Send>;

/// Where stores in memory lie; outlives them. Clones are the same.
#[derive(Clone, Default)]
pub struct MemoryMedium(Arc<Mutex<Disk>>);

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
struct Disk {
    /// Counts crashes: what was open before answers nothing more.
    crashes: u64,
    locked: bool,
    /// Written durably, as the file beside sled is.
    state: Option<State>,
    condemned: Option<String>,
    tree: Option<Content>,
    /// What a compaction has copied so far.
    next: Option<Content>,
    /// Counts compactions.
    generation: u64,
    /// How many stores were set aside.
    aside: u64,
    /// Bytes; `None` for plenty.
    free: Option<u64>,
    injector: Option<Injector>,
}

#[derive(Default)]
struct Content {
    durable: Map,
    unsynced: Vec<Writes>,
    current: Map,
}

impl fmt::Debug for MemoryMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMedium").finish_non_exhaustive()
    }
}

impl MemoryMedium {
    /// An empty medium on which nothing fails.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks before each operation what becomes of it.
    pub fn fail_when(&self, injector: impl FnMut(Operation) -> Fault + Send + 'static) {
        self.disk().injector = Some(Box::new(injector));
    }

    /// Lets so many bytes be free; `None` for plenty.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        self.disk().free = free;
    }

    /// How many commits a crash might lose now.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.disk().tree.as_ref().map_or(0, |t| t.unsynced.len())
    }

    /// How many stores were set aside here.
    #[must_use]
    pub fn set_aside(&self) -> u64 {
        self.disk().aside
    }

    /// The machine stops: the last `lost` of the unsynced commits are gone, those
    /// before them are kept, and what was open answers nothing more.
    pub fn crash(&self, lost: usize) {
        let mut disk = self.disk();
        disk.crashes += 1;
        disk.locked = false;
        disk.next = None;
        if let Some(tree) = &mut disk.tree {
            let kept = tree.unsynced.len().saturating_sub(lost);
            let unsynced = std::mem::take(&mut tree.unsynced);
            for writes in unsynced.into_iter().take(kept) {
                write(&mut tree.durable, writes);
            }
            tree.current = tree.durable.clone();
        }
    }

    /// Flips a bit of what is stored, durable or not. Returns whether there was any.
    pub fn damage(&self, choice: u64) -> bool {
        let mut disk = self.disk();
        let Some(tree) = &mut disk.tree else {
            return false;
        };
        let bytes: usize = tree.current.values().map(Vec::len).sum();
        let Ok(mut bit) = usize::try_from(choice % (bytes.max(1) as u64 * 8)) else {
            return false;
        };
        let mut hit = None;
        for (key, value) in &mut tree.current {
            match value.get_mut(bit / 8) {
                Some(byte) => {
                    *byte ^= 1 << (bit % 8);
                    hit = Some((key.clone(), value.clone()));
                    break;
                }
                None => bit -= value.len() * 8,
            }
        }
        let Some((key, value)) = hit else {
            return false;
        };
        tree.durable.insert(key, value);
        true
    }

    /// Everything is gone, the injector too.
    pub fn wipe(&self) {
        let mut disk = self.disk();
        let crashes = disk.crashes + 1;
        *disk = Disk {
            crashes,
            ..Disk::default()
        };
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(map: &mut Map, writes: Writes) {
    for (key, value) in writes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

impl Medium for MemoryMedium {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn lock(&self) -> Result<Option<Lock>, StoreError> {
        let mut disk = self.disk();
        if std::mem::replace(&mut disk.locked, true) {
            return Ok(None);
        }
        let crashes = disk.crashes;
        drop(disk);
        Ok(Some(Box::new(Held(self.clone(), crashes))))
    }

    fn condemned(&self) -> Option<String> {
        self.disk().condemned.clone()
    }

    fn condemn(&self, reason: &str) -> Result<(), StoreError> {
        self.disk().condemned = Some(reason.to_owned());
        Ok(())
    }

    fn read_state(&self) -> Result<Option<State>, StoreError> {
        Ok(self.disk().state.clone())
    }

    fn write_state(&self, state: &State) -> Result<(), StoreError> {
        self.disk().state = Some(state.clone());
        Ok(())
    }

    fn has_tree(&self) -> bool {
        self.disk().tree.is_some()
    }

    fn open(&self, _cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
        Ok(Arc::new(self.tree()))
    }

    fn make(&self, fresh: &State, _cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
        self.write_state(fresh)?;
        self.disk().tree = Some(Content::default());
        Ok(Arc::new(self.tree()))
    }

    fn begin_next(&self, _cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
        self.disk().next = Some(Content::default());
        let tree = self.tree();
        let generation = tree.generation + 1;
        Ok(Arc::new(MemoryTree { generation, ..tree }))
    }

    fn drop_next(&self) -> Result<(), StoreError> {
        self.disk().next = None;
        Ok(())
    }

    fn take_next(&self) -> Result<(), StoreError> {
        let mut disk = self.disk();
        disk.tree = disk.next.take();
        disk.generation += 1;
        Ok(())
    }

    fn set_aside(&self) -> Result<(), StoreError> {
        self.disk().aside += 1;
        self.remove()
    }

    fn remove(&self) -> Result<(), StoreError> {
        let mut disk = self.disk();
        (disk.tree, disk.state, disk.condemned) = (None, None, None);
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        self.disk().free
    }
}

impl MemoryMedium {
    fn tree(&self) -> MemoryTree {
        let disk = self.disk();
        MemoryTree {
            medium: self.clone(),
            crashes: disk.crashes,
            generation: disk.generation,
        }
    }
}

/// The lock, which a crash frees too.
struct Held(MemoryMedium, u64);

impl Drop for Held {
    fn drop(&mut self) {
        let mut disk = self.0.disk();
        if disk.crashes == self.1 {
            disk.locked = false;
        }
    }
}

#[derive(Clone)]
struct MemoryTree {
    medium: MemoryMedium,
    /// How often the machine had crashed when this was opened.
    crashes: u64,
    /// After how many compactions. What was opened before one reads what there is now.
    generation: u64,
}

impl MemoryTree {
    fn on<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Content) -> T,
    ) -> Result<T, StoreError> {
        let failed = |what: &str| StoreError::Disk(format!("memory: {what}"));
        let mut disk = self.medium.disk();
        if disk.crashes != self.crashes {
            return Err(failed("the machine crashed since"));
        }
        let fault = disk.injector.as_mut().map_or(Fault::None, |i| i(operation));
        let disk = &mut *disk;
        let tree = match self.generation > disk.generation {
            true => &mut disk.next,
            false => &mut disk.tree,
        };
        let tree = match (tree, fault) {
            (_, Fault::Before) => return Err(failed("told to fail")),
            (None, _) => return Err(failed("the store was removed")),
            (Some(tree), _) => tree,
        };
        let done = act(tree);
        match fault {
            Fault::After => Err(failed("told to fail after all")),
            Fault::None | Fault::Before => Ok(done),
        }
    }

    fn read<T>(&self, act: impl FnOnce(&Map) -> T) -> Result<T, StoreError> {
        self.on(Operation::Read, |tree| act(&tree.current))
    }
}

impl Tree for MemoryTree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|map| map.get(key).cloned())
    }

    fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.read(|map| map.contains_key(key))
    }

    fn range(
        &self,
        low: Bound<Vec<u8>>,
        high: Bound<Vec<u8>>,
    ) -> Result<Box<dyn Range>, StoreError> {
        Ok(Box::new(MemoryRange {
            tree: self.clone(),
            low,
            high,
        }))
    }

    fn apply(&self, writes: Writes) -> Result<(), StoreError> {
        self.on(Operation::Commit, |tree| {
            write(&mut tree.current, writes.clone());
            tree.unsynced.push(writes);
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.on(Operation::Sync, |tree| {
            for writes in std::mem::take(&mut tree.unsynced) {
                write(&mut tree.durable, writes);
            }
        })
    }
}

/// What is left of a range; read anew at each step, as sled does.
struct MemoryRange {
    tree: MemoryTree,
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl MemoryRange {
    fn step(&mut self, back: bool) -> Result<Option<Pair>, StoreError> {
        let bounds = (self.low.clone(), self.high.clone());
        let found = self.tree.read(|map| {
            let empty = match (&bounds.0, &bounds.1) {
                (Bound::Included(low), Bound::Included(high)) => low > high,
                (
                    Bound::Included(low) | Bound::Excluded(low),
                    Bound::Included(high) | Bound::Excluded(high),
                ) => low >= high,
                _ => false,
            };
            if empty {
                return None;
            }
            let mut range = map.range(bounds);
            let pair = if back {
                range.next_back()
            } else {
                range.next()
            };
            pair.map(|(key, value)| (key.clone(), value.clone()))
        })?;
        if let Some((key, _)) = &found {
            let end = if back { &mut self.high } else { &mut self.low };
            *end = Bound::Excluded(key.clone());
        }
        Ok(found)
    }
}

impl Range for MemoryRange {
    fn next(&mut self) -> Result<Option<Pair>, StoreError> {
        self.step(false)
    }

    fn next_back(&mut self) -> Result<Option<Pair>, StoreError> {
        self.step(true)
    }
}
