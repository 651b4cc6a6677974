//! Stopping and starting again.

use std::fs;

use super::{Home, put, value};
use crate::{Batch, Opened, Store, StoreError};

#[test]
fn what_was_committed_is_there_after_a_close() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    put(&store, &family, "small", b"value");
    put(&store, &family, "large", &value(3, 50_000));
    store.close().unwrap();
    assert_eq!(family.get("small"), Err(StoreError::Closed));

    let (store, opened) = home.open();
    assert_eq!(opened, Opened::Existing { clean: true });
    let family = store.family("values");
    assert_eq!(family.get("small").unwrap(), Some(b"value".to_vec()));
    assert_eq!(family.get("large").unwrap(), Some(value(3, 50_000)));
    drop((store, family));
    assert_eq!(home.open().1, Opened::Existing { clean: false });
}

#[test]
fn what_was_synced_is_there_after_a_crash() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    for n in 0..20 {
        put(&store, &family, &format!("{n}"), &value(n, 3000));
        store.sync().unwrap();
        let crashed = home.copy();
        let (store, opened) = crashed.open();
        assert_eq!(opened, Opened::Existing { clean: false });
        let family = store.family("values");
        for n in 0..=n {
            assert_eq!(family.get(format!("{n}")).unwrap(), Some(value(n, 3000)));
        }
        assert_eq!(store.verify().unwrap(), n as u64 + 1);
    }
}

#[test]
fn a_batch_is_there_whole_or_not_at_all_after_a_crash() {
    let home = Home::new();
    let (store, _) = home.open();
    let (one, other) = (store.family("one"), store.family("other"));
    let mut survived = 0;
    for round in 0..30_usize {
        let mut batch = Batch::new();
        for n in 0..20_usize {
            batch.put(&one, format!("{n}"), value(round, 2000));
            batch.put(&other, format!("{n}"), value(round, 9000));
        }
        store.commit(batch).unwrap();
        // Flushed or not: whatever sled has written of it so far.
        let crashed = home.copy();
        let (store, _) = crashed.open();
        let found = store.family("one").get("0").unwrap();
        survived += usize::from(found.is_some());
        let values = store
            .family("one")
            .scan::<&str>(..)
            .map(|item| item.unwrap().1);
        assert!(values.into_iter().all(|value| Some(value) == found));
        let round = found.map(|found| (0..=round).find(|r| found == value(*r, 2000)).unwrap());
        let others = store
            .family("other")
            .scan::<&str>(..)
            .map(|item| item.unwrap().1);
        assert!(
            others
                .into_iter()
                .all(|other| Some(other) == round.map(|r| value(r, 9000)))
        );
    }
    assert!(survived > 0, "no crash left anything to look at");
}

#[test]
fn a_store_that_was_only_dropped_opens_again() {
    let home = Home::new();
    for n in 0..10 {
        let (store, _) = home.open();
        let family = store.family("values");
        put(&store, &family, &format!("{n}"), b"value");
    }
    let (store, opened) = home.open();
    assert_eq!(opened, Opened::Existing { clean: false });
    assert!(store.verify().unwrap() <= 10);
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let home = Home::new();
    let (store, _) = home.open();
    let second = Store::open(home.options());
    assert!(matches!(second, Err(StoreError::Locked(_))));
    // A family that is still held keeps nothing open.
    let family = store.family("values");
    store.close().unwrap();
    home.open();
    assert_eq!(family.contains("key"), Err(StoreError::Closed));
}

#[test]
fn another_schema_or_version_begins_anew_and_keeps_two_old_ones_aside() {
    let home = Home::new();
    let (store, _) = home.open();
    put(&store, &store.family("values"), "key", b"value");
    store.close().unwrap();
    for version in 2..6 {
        let mut options = home.options();
        options.schema_version = version;
        let (store, opened) = Store::open(options).unwrap();
        let reason = format!(
            "it holds test version {}, not test version {version}",
            version - 1
        );
        assert_eq!(opened, Opened::Rebuilt { reason });
        assert_eq!(store.verify().unwrap(), 0);
    }
    let mut names: Vec<_> = fs::read_dir(home.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["store", "store.damaged-3", "store.damaged-4", "store.lock"]
    );
}

#[test]
fn a_store_half_made_is_made_again() {
    let home = Home::new();
    fs::create_dir_all(home.options().dir).unwrap();
    assert_eq!(home.open().1, Opened::Fresh);
}
