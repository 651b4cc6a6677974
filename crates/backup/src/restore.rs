//! Making logs of a backup again.

use std::fs;
use std::path::{Path, PathBuf};

use ascertain_log::{Incarnation, LogReader};
use ascertain_log_file::{FileLog, OpenError};

use crate::error::BackupError;
use crate::manifest::{LogPart, Manifest};
use crate::take::{copy, describe};
use crate::verify::{open, verify};
use crate::{Progress, REPORT_LOG, STATE_LOG, options, sync_folder};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub manifest: Manifest,
    /// Records of both logs.
    pub records: u64,
    /// What stood in the way and was set aside.
    pub set_aside: Vec<PathBuf>,
}

/// Verifies a backup and makes the logs of a data folder from it, whole or not at all.
/// They are new histories: tokens, and positions of followers in the old ones, are
/// refused, and stores are made anew. Where `replace` is said, logs and stores that are
/// there are set aside first, beside where they were.
///
/// # Errors
/// As for [`verify`]; [`BackupError::Occupied`], [`BackupError::InUse`],
/// [`BackupError::Append`].
pub async fn restore(
    folder: &Path,
    data_dir: &Path,
    replace: bool,
    mut progress: impl FnMut(Progress),
) -> Result<Restored, BackupError> {
    let manifest = verify(folder).await?;
    let reports = data_dir.join("ingest").join(REPORT_LOG);
    let states = data_dir.join("reconcile").join(STATE_LOG);
    let stores = ["ingest", "reconcile", "query"].map(|role| data_dir.join(role).join("store"));
    for log in [&reports, &states] {
        if log.exists() && !replace {
            return Err(BackupError::Occupied(log.clone()));
        }
        unused(log)?;
    }
    let parts = [&manifest.report_log, &manifest.state_log];
    let mut at = Progress {
        done: 0,
        of: parts
            .iter()
            .flat_map(|part| part.sequences())
            .map(|s| s.0)
            .sum(),
    };
    progress(at);
    let mut copied = |records: usize| {
        at.done += records as u64;
        progress(at);
    };
    let (new_reports, new_states) = (restoring(&reports)?, restoring(&states)?);
    let history = copy_log(
        (folder, REPORT_LOG, &manifest.report_log),
        &new_reports,
        None,
        &mut copied,
    )
    .await?;
    copy_log(
        (folder, STATE_LOG, &manifest.state_log),
        &new_states,
        Some(history),
        &mut copied,
    )
    .await?;
    let mut set_aside = Vec::new();
    for store in &stores {
        set_aside.extend(aside(store)?);
    }
    // One log after the other: broken off in between, the two do not belong together,
    // and reconcile says so.
    for (new, log) in [(&new_reports, &reports), (&new_states, &states)] {
        set_aside.extend(aside(log)?);
        rename(new, log)?;
    }
    Ok(Restored {
        manifest,
        records: at.of,
        set_aside,
    })
}

/// Refuses where a process has the log open.
fn unused(log: &Path) -> Result<(), BackupError> {
    if !log.exists() {
        return Ok(());
    }
    // Whatever else is wrong with it is no matter: it is set aside.
    match FileLog::open_read_only(options(log.to_owned(), 0)) {
        Err(OpenError::Locked(_)) => Err(BackupError::InUse(log.to_owned())),
        _ => Ok(()),
    }
}

/// An empty folder beside that of a log.
pub(crate) fn restoring(log: &Path) -> Result<PathBuf, BackupError> {
    let folder = log.with_extension("restoring");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(BackupError::io(&folder))?;
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(BackupError::io(parent))?;
    }
    Ok(folder)
}

/// Copies a log of a backup; the history of the copy.
async fn copy_log(
    (folder, name, part): (&Path, &'static str, &LogPart),
    to: &Path,
    follows: Option<Incarnation>,
    copied: &mut impl FnMut(usize),
) -> Result<Incarnation, BackupError> {
    let from = open(folder, name, part)?;
    let mut options = options(to.to_owned(), part.partition_count());
    options.follows = follows;
    let log = FileLog::open(options)?;
    let mut described = describe("backup", name, &from).await?;
    for (end, last_sequence) in described.ends.iter_mut().zip(part.sequences()) {
        // What a later backup that was broken off has added is left out.
        end.last_sequence = last_sequence;
    }
    copy(&from, &described, &log, copied).await?;
    let failed = |source| BackupError::Follow { log: name, source };
    log.incarnation().await.map_err(failed)
}

/// Gives what stands in the way another name.
pub(crate) fn aside(there: &Path) -> Result<Option<PathBuf>, BackupError> {
    if !there.exists() {
        return Ok(None);
    }
    let name = |n: u32| there.with_extension(format!("replaced-{n}"));
    let free = (1..).map(name).find(|path| !path.exists());
    let Some(aside) = free else {
        return Err(BackupError::Occupied(there.to_owned()));
    };
    rename(there, &aside)?;
    Ok(Some(aside))
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(from, to).map_err(BackupError::io(from))?;
    let parent = to.parent().unwrap_or(Path::new("."));
    sync_folder(parent).map_err(BackupError::io(parent))
}
