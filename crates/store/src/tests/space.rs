//! A disk that runs full, and a store that is thrown away.

use super::{Home, put};
use crate::{Batch, Opened, Store, StoreError, StoreOptions};

#[test]
fn below_the_floor_nothing_is_written_and_the_store_stays_usable() {
    let home = Home::new();
    let (store, _) = home.open();
    put(&store, &store.family("values"), "key", b"value");
    store.close().unwrap();
    // No disk has so much space.
    let floored = StoreOptions {
        min_free_bytes: u64::MAX,
        ..home.options()
    };
    let (store, opened) = Store::open(floored).unwrap();
    assert_eq!(opened, Opened::Existing { clean: true });
    let family = store.family("values");
    let mut batch = Batch::new();
    batch.put(&family, "other", "value");
    for _ in 0..3 {
        let refused = store.commit(&batch);
        assert!(
            matches!(
                refused,
                Err(StoreError::NoSpace { free_bytes, least_bytes: u64::MAX }) if free_bytes > 0
            ),
            "{refused:?}"
        );
    }
    assert_eq!(family.get("other").unwrap(), None);
    assert_eq!(family.get("key").unwrap(), Some(b"value".to_vec()));
    assert_eq!(store.verify().unwrap(), 1);
    store.sync().unwrap();
}

#[test]
fn what_is_discarded_begins_anew() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    put(&store, &family, "key", b"value");
    store.discard().unwrap();
    assert_eq!(family.get("key"), Err(StoreError::Closed));
    let (store, opened) = home.open();
    assert_eq!(opened, Opened::Fresh);
    assert_eq!(store.verify().unwrap(), 0);
}

#[test]
fn a_condemned_store_begins_anew_and_an_open_one_is_not_condemned() {
    let home = Home::new();
    let dir = home.options().dir;
    assert_eq!(Store::condemn(&dir, "test"), Ok(false), "there is none yet");
    let (store, _) = home.open();
    put(&store, &store.family("values"), "key", b"value");
    assert_eq!(
        Store::condemn(&dir, "test"),
        Err(StoreError::Locked(dir.clone()))
    );
    store.close().unwrap();
    assert_eq!(Store::condemn(&dir, "an operator asked"), Ok(true));
    let (store, opened) = home.open();
    let reason = "an operator asked".to_owned();
    assert_eq!(opened, Opened::Rebuilt { reason });
    assert_eq!(store.verify(), Ok(0));
}
