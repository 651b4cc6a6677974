//! Writes that happen together.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::family::Family;
use crate::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// Writes to any families that happen together or not at all. Of several writes
/// to one key the last counts. Collect many: a commit has a price of its own.
#[derive(Debug, Default)]
pub struct Batch {
    /// By stored key; `None` deletes.
    pub(crate) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The first write that cannot be done.
    pub(crate) refused: Option<StoreError>,
}

impl Batch {
    /// No writes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a value under a key, over what was there. A key or value above its
    /// limit makes [`Store::commit`](crate::Store::commit) refuse the batch.
    pub fn put(&mut self, family: &Family, key: impl AsRef<[u8]>, value: impl Into<Vec<u8>>) {
        let value = value.into();
        if value.len() > MAX_VALUE_BYTES {
            let error = StoreError::ValueTooLarge(value.len());
            self.refused.get_or_insert(error);
        }
        self.write(family, key.as_ref(), Some(value));
    }

    /// Deletes a key, whether or not it is there.
    pub fn delete(&mut self, family: &Family, key: impl AsRef<[u8]>) {
        self.write(family, key.as_ref(), None);
    }

    /// What is to be written under a key; `None` where nothing is, or it is deleted.
    #[must_use]
    pub fn get(&self, family: &Family, key: impl AsRef<[u8]>) -> Option<&[u8]> {
        let written = self.writes.get(&family.stored_key(key.as_ref()));
        written.and_then(|value| value.as_deref())
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// How many keys are written or deleted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    fn write(&mut self, family: &Family, key: &[u8], value: Option<Vec<u8>>) {
        if key.len() > MAX_KEY_BYTES {
            self.refused
                .get_or_insert(StoreError::KeyTooLong(key.len()));
        }
        self.writes.insert(family.stored_key(key), value);
    }
}
