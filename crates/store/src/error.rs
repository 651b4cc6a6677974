//! What can go wrong with a store.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a store. Everything in a store can be made again from
/// the log: after [`StoreError::Damaged`] close it and open it again, and it
/// begins anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another store of this one, has it open.
    #[error("the store in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// A key is longer than [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES).
    #[error("a key of {0} bytes is above the limit of {limit}", limit = crate::MAX_KEY_BYTES)]
    KeyTooLong(usize),
    /// A value is larger than [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
    #[error("a value of {0} bytes is above the limit of {limit}", limit = crate::MAX_VALUE_BYTES)]
    ValueTooLarge(usize),
    /// There is less space than [`StoreOptions::min_free_bytes`](crate::StoreOptions).
    /// Nothing was written, and the store is as usable as before: try again later.
    #[error("{free_bytes} bytes are free where the store lies; it needs {least_bytes}")]
    NoSpace {
        /// What is free, bytes.
        free_bytes: u64,
        /// The least that must be, bytes.
        least_bytes: u64,
    },
    /// What is stored is not what was written. The store answers nothing more, and
    /// is set aside when it is opened the next time.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The disk failed. The store answers nothing more; opened again it holds what
    /// was last synced, or more.
    #[error("the store cannot read or write its files: {0}")]
    Disk(String),
    /// It was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn disk(path: &Path, error: &io::Error) -> Self {
        Self::Disk(format!("{}: {error}", path.display()))
    }
}
