//! Logs of older versions are read for ever.

use std::fs;
use std::path::Path;

use ascertain_log::LogReader;

use super::{Home, bodies, copy_files, put};
use crate::{FileLog, FileLogOptions, OpenError};

/// A log as version 1 wrote it, in two segments of at most 400 bytes.
fn version_1() -> Home {
    let home = Home::new();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/version-1");
    copy_files(&kept, home.folder.path());
    home
}

#[tokio::test]
async fn a_log_of_version_1_is_read_and_goes_on_in_a_marked_segment() {
    let home = version_1();
    let log = home.open();
    assert_eq!(log.recovery().records, 5);
    assert_eq!(bodies(&log, 0).await, ["registry"]);
    assert_eq!(bodies(&log, 1).await, ["a", "b", "c"]);
    assert_eq!(bodies(&log, 2).await, ["x"]);
    let incarnation = log.incarnation().await.unwrap();
    put(&log, &[(1, "d")]).await;
    drop(log);
    assert!(home.segment(3).exists());
    let log = home.open();
    assert_eq!(bodies(&log, 1).await, ["a", "b", "c", "d"]);
    assert_eq!(log.incarnation().await.unwrap(), incarnation);
}

#[tokio::test]
async fn what_a_log_of_version_1_follows_is_said_when_it_is_opened_first() {
    let home = version_1();
    let reports = ascertain_log::Incarnation([7; 16]);
    let options = |follows| {
        let mut options: FileLogOptions = home.options();
        options.follows = Some(follows);
        options
    };
    drop(FileLog::open(options(reports)).unwrap());
    let another = FileLog::open(options(ascertain_log::Incarnation([8; 16])));
    assert!(matches!(another, Err(OpenError::FollowsAnother { .. })));
    assert_eq!(
        FileLog::open(options(reports)).unwrap().follows(),
        Some(reports)
    );
}

#[tokio::test]
async fn a_torn_tail_of_version_1_is_cut() {
    let home = version_1();
    let whole = fs::read(home.segment(2)).unwrap();
    let torn = [whole.clone(), vec![0; 3000], vec![0xA5; 30]].concat();
    fs::write(home.segment(2), torn).unwrap();
    let log = home.open();
    assert_eq!(log.recovery().torn_bytes, 3030);
    assert_eq!(bodies(&log, 1).await, ["a", "b", "c"]);
    assert_eq!(fs::read(home.segment(2)).unwrap(), whole);
}
