//! What a store promises: every value or an error, never a wrong one.

mod compact;
mod damage;
#[cfg(feature = "memory")]
mod memory;
mod model;
mod restart;
mod space;

use std::ops::Bound;

use tempfile::TempDir;

use crate::{
    Batch, Family, MAX_KEY_BYTES, MAX_VALUE_BYTES, Opened, Store, StoreError, StoreOptions,
};

/// A place for a store, which outlives the stores opened there.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn options(&self) -> StoreOptions {
        StoreOptions {
            dir: self.folder.path().join("store"),
            cache_bytes: 8 << 20,
            schema: "test",
            schema_version: 1,
            min_free_bytes: 0,
        }
    }

    fn open(&self) -> (Store, Opened) {
        Store::open(self.options()).unwrap()
    }

    /// A copy of all files as they are now: what a crash would leave.
    fn copy(&self) -> Self {
        let copy = Self::new();
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Bytes that tell their length and seed.
fn value(seed: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|n| ((n * 31 + seed * 7) % 251) as u8)
        .collect()
}

fn put(store: &Store, family: &Family, key: &str, value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(family, key, value);
    store.commit(batch).unwrap();
}

fn keys(scan: impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>>) -> Vec<String> {
    scan.map(|item| String::from_utf8(item.unwrap().0).unwrap())
        .collect()
}

/// What sled keeps for parts of large values.
fn stored_keys(store: &Store) -> usize {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let mut range = store.inner.engine.ask(|t| t.range(all.0, all.1)).unwrap();
    std::iter::from_fn(|| range.next().unwrap()).count()
}

#[test]
fn a_value_of_any_length_reads_as_it_was_written() {
    let home = Home::new();
    let (store, opened) = home.open();
    assert_eq!(opened, Opened::Fresh);
    let family = store.family("values");
    for length in [
        0,
        1,
        6135,
        6136,
        6137,
        12280,
        12281,
        100_000,
        MAX_VALUE_BYTES,
    ] {
        put(&store, &family, "key", &value(length, length));
        assert_eq!(family.get("key").unwrap(), Some(value(length, length)));
        assert!(family.contains("key").unwrap());
    }
    assert_eq!(family.get("other").unwrap(), None);
    assert!(!family.contains("other").unwrap());
}

#[test]
fn a_small_value_over_a_large_one_leaves_nothing_of_it() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    put(&store, &family, "key", b"small");
    let small = stored_keys(&store);
    for large in [200_000, 13_000, 400_000] {
        put(&store, &family, "key", &value(1, large));
        assert_eq!(family.get("key").unwrap(), Some(value(1, large)));
    }
    put(&store, &family, "key", b"small");
    assert_eq!(stored_keys(&store), small);
    put(&store, &family, "key", &value(2, 50_000));
    let mut batch = Batch::new();
    batch.delete(&family, "key");
    store.commit(batch).unwrap();
    assert_eq!(family.get("key").unwrap(), None);
    assert_eq!(stored_keys(&store), small - 1);
}

#[test]
fn a_batch_with_one_impossible_write_writes_nothing() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    let mut batch = Batch::new();
    batch.put(&family, "fits", "value");
    batch.put(&family, vec![b'k'; MAX_KEY_BYTES + 1], "value");
    assert_eq!(
        store.commit(batch),
        Err(StoreError::KeyTooLong(MAX_KEY_BYTES + 1))
    );
    let mut batch = Batch::new();
    batch.put(&family, "fits", "value");
    batch.put(&family, "key", vec![0; MAX_VALUE_BYTES + 1]);
    assert_eq!(
        store.commit(batch),
        Err(StoreError::ValueTooLarge(MAX_VALUE_BYTES + 1))
    );
    assert_eq!(family.get("fits").unwrap(), None);
    let mut batch = Batch::new();
    batch.put(&family, vec![0xFF; MAX_KEY_BYTES], "value");
    store.commit(batch).unwrap();
    assert!(family.contains(vec![0xFF; MAX_KEY_BYTES]).unwrap());
}

#[test]
fn of_several_writes_to_a_key_the_last_counts() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    let mut batch = Batch::new();
    batch.put(&family, "a", "first");
    batch.put(&family, "a", "second");
    batch.put(&family, "b", "first");
    batch.delete(&family, "b");
    assert_eq!(batch.len(), 2);
    store.commit(batch).unwrap();
    assert_eq!(family.get("a").unwrap(), Some(b"second".to_vec()));
    assert_eq!(family.get("b").unwrap(), None);
}

#[test]
fn scans_go_in_key_order_in_both_directions_and_stay_in_their_family() {
    let home = Home::new();
    let (store, _) = home.open();
    let (family, longer) = (store.family("a"), store.family("ab"));
    let mut batch = Batch::new();
    for key in ["b/2", "a", "b/1", "c", "b", "b/10"] {
        batch.put(&family, key, value(1, 7000));
        batch.put(&longer, key, key);
    }
    batch.put(&store.family("b"), "b/1", "elsewhere");
    store.commit(batch).unwrap();

    let all = ["a", "b", "b/1", "b/10", "b/2", "c"];
    assert_eq!(keys(family.scan::<&str>(..)), all);
    assert_eq!(keys(longer.scan::<&str>(..)), all);
    let mut backwards = all;
    backwards.reverse();
    assert_eq!(keys(family.scan::<&str>(..).rev()), backwards);
    assert_eq!(keys(family.scan("b".."c")), ["b", "b/1", "b/10", "b/2"]);
    assert_eq!(
        keys(family.scan("b/1"..="c").rev()),
        ["c", "b/2", "b/10", "b/1"]
    );
    assert_eq!(keys(family.scan("c".."b")), [""; 0]);
    assert_eq!(keys(family.scan_prefix("b/")), ["b/1", "b/10", "b/2"]);
    assert_eq!(keys(family.scan_prefix("b/").rev()), ["b/2", "b/10", "b/1"]);
    assert_eq!(keys(family.scan_prefix("d")), [""; 0]);
    assert_eq!(store.verify().unwrap(), 13);
}

#[test]
fn a_prefix_of_the_highest_bytes_ends_with_its_family() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("a");
    let mut batch = Batch::new();
    batch.put(&family, [0xFE], "below");
    batch.put(&family, [0xFF, 0xFF], "highest");
    batch.put(&store.family("b"), [0], "elsewhere");
    store.commit(batch).unwrap();
    let found: Vec<_> = family
        .scan_prefix([0xFF])
        .map(|item| item.unwrap().1)
        .collect();
    assert_eq!(found, [b"highest"]);
}

#[test]
fn readers_meet_whole_batches_and_whole_values() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    put(&store, &family, "key", &value(0, 30_000));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = 0;
            loop {
                let bytes = family.get("key").unwrap().unwrap();
                let scanned = family.scan::<&str>(..).next().unwrap().unwrap().1;
                for bytes in [&bytes, &scanned] {
                    let seed = (bytes.len() - 30_000) / 5_000;
                    assert_eq!(*bytes, value(seed, bytes.len()));
                }
                read += 1;
                if bytes.len() == 30_000 + 5_000 * 40 {
                    return read;
                }
            }
        });
        for seed in 0..=40 {
            put(&store, &family, "key", &value(seed, 30_000 + 5_000 * seed));
        }
        assert!(reader.join().unwrap() > 0);
    });
}
