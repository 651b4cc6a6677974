//! What a store lies on. [`Store`](crate::Store) and its engine know these traits
//! alone: sled in a folder stands behind them, and for tests a map in memory.

use std::ops::Bound;
use std::sync::Arc;

use crate::error::StoreError;
use crate::folder::State;

/// What happens together: stored keys with what is to stand there; `None` deletes.
pub(crate) type Writes = Vec<(Vec<u8>, Option<Vec<u8>>)>;
/// A stored key with what stands there.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Held while a store is open; nobody else opens it meanwhile.
pub(crate) type Lock = Box<dyn Send + Sync>;

/// A place for one store, which outlives it.
pub(crate) trait Medium: Send + Sync {
    /// How it is called in messages.
    fn name(&self) -> String;

    /// Takes the lock; `None` while somebody else has it.
    fn lock(&self) -> Result<Option<Lock>, StoreError>;

    /// Why what is here has to be set aside, if it has to.
    fn condemned(&self) -> Option<String>;

    /// Notes that what is here has to be set aside when it is opened the next time.
    fn condemn(&self, reason: &str) -> Result<(), StoreError>;

    /// The state: `None` where there is none, or none that can be read.
    fn read_state(&self) -> Result<Option<State>, StoreError>;

    /// Writes the state, durably, whole or not at all.
    fn write_state(&self, state: &State) -> Result<(), StoreError>;

    /// Whether there is a tree.
    fn has_tree(&self) -> bool;

    /// Opens the tree.
    fn open(&self, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError>;

    /// Makes an empty tree, its state before it, so that a half made one is known.
    fn make(&self, fresh: &State, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError>;

    /// Makes another empty tree, into which what is worth keeping is copied. One that was
    /// begun before is dropped.
    fn begin_next(&self, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError>;

    /// Drops the next tree with its files.
    fn drop_next(&self) -> Result<(), StoreError>;

    /// Makes the next tree the one that is opened from now on, durably, and removes the
    /// files of the one before. Whoever still reads there may read on.
    fn take_next(&self) -> Result<(), StoreError>;

    /// Puts everything aside.
    fn set_aside(&self) -> Result<(), StoreError>;

    /// Removes everything but the lock.
    fn remove(&self) -> Result<(), StoreError>;

    /// How many bytes may still be written; `None` where that cannot be told.
    fn free_bytes(&self) -> Option<u64>;
}

/// An open map of ordered keys. It is not asked again after it failed, and then it
/// is never dropped; dropping it lets go of its files.
pub(crate) trait Tree: Send + Sync {
    /// What stands under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether anything stands under a key.
    fn contains(&self, key: &[u8]) -> Result<bool, StoreError>;

    /// The pairs of a range, from both ends; no snapshot.
    fn range(
        &self,
        low: Bound<Vec<u8>>,
        high: Bound<Vec<u8>>,
    ) -> Result<Box<dyn Range>, StoreError>;

    /// Writes all or nothing, not yet durable.
    fn apply(&self, writes: Writes) -> Result<(), StoreError>;

    /// Makes all that was written durable.
    fn sync(&self) -> Result<(), StoreError>;
}

/// The rest of a range.
pub(crate) trait Range: Send {
    /// The first pair of the rest.
    fn next(&mut self) -> Result<Option<Pair>, StoreError>;

    /// The last pair of the rest.
    fn next_back(&mut self) -> Result<Option<Pair>, StoreError>;
}
