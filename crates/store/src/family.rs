//! Reading: the keys of one family.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, PoisonError};

use crate::Inner;
use crate::error::StoreError;
use crate::medium::{Pair, Range};
use crate::value::{after_all, family_prefix, join, part_count, part_key};

/// The keys of one kind, in their own order. Cheap to clone.
#[derive(Clone)]
pub struct Family {
    inner: Arc<Inner>,
    prefix: Arc<[u8]>,
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.prefix.get(1..self.prefix.len() - 1);
        let name = String::from_utf8_lossy(name.unwrap_or_default());
        f.debug_tuple("Family").field(&name).finish()
    }
}

impl Family {
    pub(crate) fn new(inner: Arc<Inner>, name: &'static str) -> Self {
        Self {
            inner,
            prefix: family_prefix(name).into(),
        }
    }

    pub(crate) fn stored_key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// The value under a key.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Disk`], [`StoreError::Closed`].
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(&self.stored_key(key.as_ref()))
    }

    /// Whether there is a value under a key; it is not checked.
    ///
    /// # Errors
    /// As for [`Family::get`].
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        let key = self.stored_key(key.as_ref());
        self.inner.engine.ask(|tree| tree.contains(&key))
    }

    /// The keys of a range with their values, in key order; `.rev()` for the other
    /// direction. Each item is as it stands when the scan comes to it: a scan is
    /// no snapshot.
    pub fn scan<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Scan {
        let stored = |key: &K| self.stored_key(key.as_ref());
        let low = match range.start_bound() {
            Bound::Unbounded => Bound::Included(self.prefix.to_vec()),
            bound => bound.map(stored),
        };
        let high = match range.end_bound() {
            Bound::Unbounded => Bound::Excluded(after_all(&self.prefix)),
            bound => bound.map(stored),
        };
        self.scan_stored(low, high)
    }

    /// The keys that begin with `prefix`, as [`Family::scan`] gives them.
    pub fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Scan {
        let low = self.stored_key(prefix.as_ref());
        let high = after_all(&low);
        self.scan_stored(Bound::Included(low), Bound::Excluded(high))
    }

    fn scan_stored(&self, low: Bound<Vec<u8>>, high: Bound<Vec<u8>>) -> Scan {
        Scan::new(Arc::clone(&self.inner), self.prefix.len(), low, high)
    }
}

/// The items of a range; after an error there are no more.
pub struct Scan {
    inner: Arc<Inner>,
    prefix_bytes: usize,
    /// `None` once it has ended.
    items: Option<Result<Box<dyn Range>, StoreError>>,
}

type Item = Result<Pair, StoreError>;

impl Iterator for Scan {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.step(|items| items.next())
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Item> {
        self.step(|items| items.next_back())
    }
}

impl Scan {
    fn new(
        inner: Arc<Inner>,
        prefix_bytes: usize,
        low: Bound<Vec<u8>>,
        high: Bound<Vec<u8>>,
    ) -> Self {
        let items = inner.engine.ask(|tree| tree.range(low, high));
        Self {
            inner,
            prefix_bytes,
            items: Some(items),
        }
    }

    fn step(
        &mut self,
        next: impl Fn(&mut dyn Range) -> Result<Option<Pair>, StoreError>,
    ) -> Option<Item> {
        let item = self.read(next).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.items = None;
        }
        item
    }

    fn read(
        &mut self,
        next: impl Fn(&mut dyn Range) -> Result<Option<Pair>, StoreError>,
    ) -> Result<Option<Pair>, StoreError> {
        let items = match &mut self.items {
            None => return Ok(None),
            Some(Err(error)) => return Err(error.clone()),
            Some(Ok(items)) => items,
        };
        // A large value that was deleted meanwhile is left out: on to the next.
        while let Some((key, main)) = self.inner.engine.ask(|_| next(&mut **items))? {
            let value = match part_count(&main) {
                0 => Some(self.inner.check(&key, &main)?),
                _ => self.inner.get(&key)?,
            };
            if let Some(value) = value {
                let key = key.get(self.prefix_bytes..).unwrap_or_default();
                return Ok(Some((key.to_vec(), value)));
            }
        }
        Ok(None)
    }
}

impl Inner {
    /// The value under a stored key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(main) = self.engine.ask(|tree| tree.get(key))? else {
            return Ok(None);
        };
        if part_count(&main) == 0 {
            return self.check(key, &main).map(Some);
        }
        // Read again while no commit can change the parts under way.
        let _parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let Some(main) = self.engine.ask(|tree| tree.get(key))? else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for part in 0..part_count(&main) {
            // A part that is missing makes the value too short for its checksum.
            parts.extend(self.engine.ask(|tree| tree.get(&part_key(key, part)))?);
        }
        self.checked(key, join(key, &main, parts)).map(Some)
    }

    /// The value that stands whole under a stored key.
    pub(crate) fn check(&self, key: &[u8], main: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.checked(key, join::<&[u8]>(key, main, []))
    }

    fn checked(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<Vec<u8>, StoreError> {
        value.ok_or_else(|| {
            let key = key.get(1..).unwrap_or_default().escape_ascii();
            let detail = format!("the value of {key} does not match its checksum");
            self.engine.fail(StoreError::Damaged(detail))
        })
    }
}
