//! Files that are not what was written.

use std::fs;
use std::path::PathBuf;

use super::{Home, put, value};
use crate::{Batch, Opened, Store, StoreError};

const VALUES: usize = 600;

/// A closed store of a few segments.
fn filled() -> Home {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    for first in (0..VALUES).step_by(20) {
        let mut batch = Batch::new();
        for n in first..first + 20 {
            batch.put(&family, format!("{n:04}"), value(n, 400 + n * 7));
        }
        store.commit(batch).unwrap();
    }
    store.close().unwrap();
    home
}

fn db(home: &Home) -> PathBuf {
    home.options().dir.join("sled/db")
}

fn snapshot(home: &Home) -> PathBuf {
    let files = fs::read_dir(home.options().dir.join("sled")).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.to_string_lossy().contains("snap."))
        .unwrap()
}

/// Whether the store was whole, after checking that it never says a wrong thing.
fn is_whole_or_says_so(home: &Home, what: &str) -> bool {
    let (store, opened) = home.open();
    if let Opened::Rebuilt { .. } = opened {
        assert_eq!(store.verify().unwrap(), 0, "{what}");
        return false;
    }
    let family = store.family("values");
    for n in 0..VALUES {
        match family.get(format!("{n:04}")) {
            Ok(found) => assert!(found == Some(value(n, 400 + n * 7)), "{what}: {n}"),
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged(_)), "{what}: {error}");
                // It is said again, until the store is opened anew.
                assert_eq!(family.contains("0000"), Err(error), "{what}");
                drop((store, family));
                let (store, opened) = home.open();
                assert!(matches!(opened, Opened::Rebuilt { .. }), "{what}");
                assert_eq!(store.verify().unwrap(), 0);
                return false;
            }
        }
    }
    true
}

#[test]
fn a_changed_byte_is_never_a_wrong_value() {
    let home = filled();
    let whole = fs::read(db(&home)).unwrap();
    let mut noticed = 0;
    for n in 0..60 {
        let damaged = home.copy();
        let mut bytes = whole.clone();
        let at = (whole.len() - 1) * n / 59;
        bytes[at] ^= 0x20;
        fs::write(db(&damaged), bytes).unwrap();
        noticed += u32::from(!is_whole_or_says_so(&damaged, &format!("byte {at}")));
    }
    assert!(noticed > 0, "no byte out of sixty mattered");
}

#[test]
fn a_file_cut_short_is_never_a_wrong_value() {
    let home = filled();
    let whole = fs::read(db(&home)).unwrap();
    for n in 0..12 {
        let damaged = home.copy();
        let length = whole.len() * n / 12;
        fs::write(db(&damaged), &whole[..length]).unwrap();
        is_whole_or_says_so(&damaged, &format!("cut at {length}"));
    }
}

#[test]
fn snapshots_half_made_empty_or_damaged_cost_nothing() {
    let home = filled();
    // sled writes them as it opens.
    home.open().0.close().unwrap();
    let half_made = home.copy();
    fs::write(snapshot(&half_made).with_extension("generating"), b"half").unwrap();
    assert!(is_whole_or_says_so(&half_made, "half made"));

    let empty = home.copy();
    fs::write(snapshot(&empty), b"").unwrap();
    assert!(is_whole_or_says_so(&empty, "empty"));

    let damaged = home.copy();
    let mut bytes = fs::read(snapshot(&damaged)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(snapshot(&damaged), bytes).unwrap();
    assert!(is_whole_or_says_so(&damaged, "damaged"));
}

#[test]
fn a_store_that_ends_before_what_was_synced_is_set_aside() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    put(&store, &family, "key", b"old");
    store.sync().unwrap();
    let old = home.copy();
    put(&store, &family, "key", b"new");
    store.close().unwrap();
    // The state file says commit 2; sled comes from commit 1.
    let state = home.options().dir.join("state");
    fs::copy(state, old.options().dir.join("state")).unwrap();
    let reason = "it ends at commit 1, but 2 was synced".to_owned();
    assert_eq!(old.open().1, Opened::Rebuilt { reason });
}

#[test]
fn a_value_that_sled_lost_is_missed() {
    let home = filled();
    let (store, _) = home.open();
    let key = store.family("values").stored_key(b"0300");
    let writes = vec![(key, None)];
    store.inner.engine.ask(|tree| tree.apply(writes)).unwrap();
    store.close().unwrap();
    let reason = "of 600 values 599 were found, or not the latest".to_owned();
    assert_eq!(home.open().1, Opened::Rebuilt { reason });
}

#[test]
fn a_state_file_that_cannot_be_read_is_not_guessed() {
    let home = filled();
    let state = home.options().dir.join("state");
    let whole = fs::read(&state).unwrap();
    for at in (0..whole.len()).step_by(9) {
        let damaged = home.copy();
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(damaged.options().dir.join("state"), bytes).unwrap();
        assert!(matches!(damaged.open().1, Opened::Rebuilt { .. }), "{at}");
    }
}

#[test]
fn a_value_that_is_not_what_was_written_ends_the_store() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("values");
    put(&store, &family, "large", &value(1, 20_000));
    put(&store, &family, "other", b"value");
    let part = crate::value::part_key(&family.stored_key(b"large"), 1);
    let writes = vec![(part, Some(b"not this".to_vec()))];
    store.inner.engine.ask(|tree| tree.apply(writes)).unwrap();

    let error = family.get("large").unwrap_err();
    assert!(error.to_string().contains("large"), "{error}");
    assert_eq!(family.get("other"), Err(error.clone()));
    assert_eq!(store.sync(), Err(error));
    drop((store, family));
    assert!(matches!(
        Store::open(home.options()),
        Ok((_, Opened::Rebuilt { .. }))
    ));
}
