//! Backups of the two logs of a node. All else on disk is derived from them.
//!
//! ```text
//! backup/manifest.json     versions, ends of the logs, hashes of the files; written last
//! backup/under-way         there while a backup is being taken: what it is called
//! backup/report-log/       a log in files, with the positions of the original
//! backup/state-log/        likewise
//! ```
//!
//! [`take`] follows the logs as any follower does, so the node goes on; of what the
//! folder holds already nothing is sent again. The state log is asked for its end
//! first, so that it is never ahead of the report log. [`verify`] reads everything and
//! trusts nothing; [`restore`] verifies, and makes new logs of it: other incarnations,
//! so that no follower takes its position in the old ones for one in these. [`mend`]
//! fills the gaps of damaged logs instead, and keeps what came after the backup.

mod erased;
mod error;
mod hold;
mod manifest;
mod mend;
mod restore;
mod take;
mod verify;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ascertain_log::LogReader;
use ascertain_log_file::FileLogOptions;

pub use error::BackupError;
pub use manifest::{Ends, FileHash, LogPart, Manifest, Mark, Records};
pub use mend::{Mended, mend};
pub use restore::{Restored, restore};
pub use take::{Taken, take};
pub use verify::verify;

/// The folder of the report log, in a backup.
const REPORT_LOG: &str = "report-log";
/// The folder of the state log, in a backup.
const STATE_LOG: &str = "state-log";
/// There while a backup is being taken.
const UNDER_WAY: &str = "under-way";
/// Larger than any record that a log takes, bytes.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// The logs to back up.
#[derive(Clone)]
pub struct Source {
    /// The report log.
    pub reports: Arc<dyn LogReader>,
    /// The state log.
    pub states: Arc<dyn LogReader>,
}

/// How far a backup or a restore is, in records of both logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records written so far.
    pub done: u64,
    /// Records to be written.
    pub of: u64,
}

/// How a log in a folder is opened here.
fn options(dir: PathBuf, partitions: u32) -> FileLogOptions {
    let mut options = FileLogOptions::new(dir, partitions);
    options.max_record_bytes = MAX_RECORD_BYTES;
    options
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Writes a file, durably, whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}
