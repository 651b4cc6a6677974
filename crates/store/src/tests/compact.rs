//! Compaction: what is deleted leaves no byte, and all else stays.

use std::path::Path;

use super::Home;
use crate::{Batch, Opened};

/// Whether any file below a folder holds some bytes.
fn holds(folder: &Path, what: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => holds(&entry.path(), what),
            false => {
                let bytes = std::fs::read(entry.path()).unwrap();
                bytes.windows(what.len()).any(|window| window == what)
            }
        }
    })
}

#[test]
fn after_a_compaction_no_byte_of_what_was_deleted_is_left_and_all_else_is() {
    let home = Home::new();
    let (store, _) = home.open();
    let family = store.family("f");
    let mut batch = Batch::new();
    for n in 0..5_000_u32 {
        batch.put(&family, n.to_be_bytes(), format!("value {n}").into_bytes());
    }
    batch.put(&family, "secret", b"who said it".to_vec());
    // Large values stand in parts.
    batch.put(&family, "large", b"what was said ".repeat(100_000));
    store.commit(batch).unwrap();
    store.sync().unwrap();
    let mut batch = Batch::new();
    batch.delete(&family, "secret");
    batch.put(&family, "large", b"nothing".to_vec());
    store.commit(batch).unwrap();
    store.sync().unwrap();
    assert!(holds(home.folder.path(), b"who said it"));

    // A scan that was begun before goes on.
    let mut scan = family.scan_prefix([]);
    assert!(scan.next().unwrap().is_ok());
    store.compact().unwrap();
    assert!(scan.by_ref().take(4_000).all(|item| item.is_ok()));
    for what in [&b"who said it"[..], b"what was said"] {
        assert!(!holds(home.folder.path(), what));
    }
    let check = |family: &crate::Family| {
        assert_eq!(family.scan_prefix([]).count(), 5_001);
        assert_eq!(
            family.get(77_u32.to_be_bytes()).unwrap().unwrap(),
            b"value 77"
        );
        assert_eq!(family.get("large").unwrap().unwrap(), b"nothing");
    };
    check(&family);
    let mut batch = Batch::new();
    batch.put(&family, "later", b"x".to_vec());
    store.commit(batch).unwrap();
    store.compact().unwrap();
    drop(scan);
    store.close().unwrap();
    let (store, opened) = home.open();
    assert_eq!(opened, Opened::Existing { clean: true });
    assert_eq!(store.family("f").scan_prefix([]).count(), 5_002);
}

#[test]
fn a_compaction_that_a_crash_breaks_off_changes_nothing() {
    let home = Home::new();
    let (store, _) = home.open();
    let mut batch = Batch::new();
    batch.put(&store.family("f"), "a", b"b".to_vec());
    store.commit(batch).unwrap();
    store.sync().unwrap();
    // Half a copy, and the name of the next tree not written yet.
    let crashed = home.copy();
    std::fs::create_dir_all(crashed.folder.path().join("store/sled-1")).unwrap();
    std::fs::write(crashed.folder.path().join("store/sled-1/db"), b"half").unwrap();
    let (again, opened) = crashed.open();
    assert_eq!(opened, Opened::Existing { clean: false });
    assert_eq!(again.family("f").get("a").unwrap().unwrap(), b"b");
    assert!(!crashed.folder.path().join("store/sled-1").exists());
    again.compact().unwrap();
    // The name was written, and the old files were not removed yet.
    let crashed = crashed.copy();
    std::fs::create_dir_all(crashed.folder.path().join("store/sled")).unwrap();
    let (again, opened) = crashed.open();
    assert_eq!(opened, Opened::Existing { clean: false });
    assert_eq!(again.family("f").get("a").unwrap().unwrap(), b"b");
    assert!(!crashed.folder.path().join("store/sled").exists());
}
