//! The store in memory keeps the promises of the one on disk, and breaks as told.

use super::{put, value};
use crate::{Batch, Fault, MemoryMedium, Opened, Operation, Store, StoreError, StoreOptions};

fn open(medium: &MemoryMedium) -> (Store, Opened) {
    let options = StoreOptions {
        dir: "memory".into(),
        cache_bytes: 0,
        schema: "test",
        schema_version: 1,
        min_free_bytes: 100,
    };
    Store::open_in_memory(medium, options).unwrap()
}

#[test]
fn a_crash_loses_the_latest_commits_and_no_synced_one() {
    for lost in 0..4 {
        let medium = MemoryMedium::new();
        let (store, opened) = open(&medium);
        assert_eq!(opened, Opened::Fresh);
        let family = store.family("values");
        put(&store, &family, "synced", &value(0, 20_000));
        store.sync().unwrap();
        for n in 0..3 {
            put(&store, &family, &n.to_string(), &value(n, 7_000));
        }
        assert_eq!(medium.unsynced(), 3);
        medium.crash(lost);
        assert!(matches!(family.get("synced"), Err(StoreError::Disk(_))));
        let (store, opened) = open(&medium);
        assert_eq!(opened, Opened::Existing { clean: false });
        let family = store.family("values");
        assert_eq!(family.get("synced").unwrap(), Some(value(0, 20_000)));
        for n in 0..3 {
            let kept = n < 3 - lost;
            assert_eq!(family.contains(n.to_string()).unwrap(), kept, "{n} {lost}");
        }
        assert_eq!(store.verify().unwrap(), 4 - lost as u64);
    }
}

#[test]
fn every_flipped_bit_is_noticed_at_the_next_opening() {
    let medium = MemoryMedium::new();
    let (store, _) = open(&medium);
    let family = store.family("values");
    put(&store, &family, "key", &value(1, 100));
    store.close().unwrap();
    // The tally, and the value with its header.
    for choice in 0..(28 + 108) * 8 {
        assert!(medium.damage(choice));
        let (store, opened) = open(&medium);
        assert!(matches!(opened, Opened::Rebuilt { .. }), "{choice}");
        put(&store, &store.family("values"), "key", &value(1, 100));
        store.close().unwrap();
    }
    assert_eq!(medium.set_aside(), (28 + 108) * 8);
}

#[test]
fn what_is_told_to_fail_fails_the_store_until_it_is_opened_again() {
    for (operation, fault, there) in [
        (Operation::Commit, Fault::Before, false),
        (Operation::Commit, Fault::After, true),
        (Operation::Sync, Fault::Before, true),
        (Operation::Read, Fault::Before, false),
    ] {
        let medium = MemoryMedium::new();
        let (store, _) = open(&medium);
        let family = store.family("values");
        medium.fail_when(move |asked| {
            if asked == operation {
                fault
            } else {
                Fault::None
            }
        });
        let mut batch = Batch::new();
        batch.put(&family, "key", "value");
        let outcome = store.commit(&batch).and_then(|()| store.sync());
        assert!(matches!(outcome, Err(StoreError::Disk(_))), "{operation:?}");
        assert!(matches!(family.get("key"), Err(StoreError::Disk(_))));
        medium.fail_when(|_| Fault::None);
        drop((store, family));
        medium.crash(0);
        let found = open(&medium).0.family("values").contains("key").unwrap();
        assert_eq!(found, there, "{operation:?} {fault:?}");
    }
}

#[test]
fn a_full_medium_refuses_and_goes_on_when_there_is_space() {
    let medium = MemoryMedium::new();
    let (store, _) = open(&medium);
    let family = store.family("values");
    let mut batch = Batch::new();
    batch.put(&family, "key", "value");
    medium.set_free_bytes(Some(100));
    // The batch itself is to fit besides.
    let Err(StoreError::NoSpace {
        free_bytes: 100,
        least_bytes,
    }) = store.commit(&batch)
    else {
        panic!("a commit into no space was not refused");
    };
    assert!(least_bytes > 100, "{least_bytes}");
    assert!(!family.contains("key").unwrap());
    medium.set_free_bytes(Some(least_bytes));
    store.commit(&batch).unwrap();
    assert!(family.contains("key").unwrap());
}

#[test]
fn one_opener_is_at_a_time_until_a_crash() {
    let medium = MemoryMedium::new();
    let (store, _) = open(&medium);
    let options = StoreOptions {
        dir: "memory".into(),
        cache_bytes: 0,
        schema: "test",
        schema_version: 1,
        min_free_bytes: 0,
    };
    let second = Store::open_in_memory(&medium, options);
    assert!(matches!(second, Err(StoreError::Locked(_))));
    medium.crash(0);
    let (next, _) = open(&medium);
    // What was open before frees nothing that is not its own.
    drop(store);
    assert!(matches!(
        Store::open_in_memory(
            &medium,
            StoreOptions {
                dir: "memory".into(),
                cache_bytes: 0,
                schema: "test",
                schema_version: 1,
                min_free_bytes: 0,
            }
        ),
        Err(StoreError::Locked(_))
    ));
    drop(next);
    open(&medium);
}
