//! Making logs of a backup again.

use std::fs;
use std::path::{Path, PathBuf};

use ascertain_log::{Incarnation, LogReader, Record};
use ascertain_log_file::FileLog;

use crate::error::BackupError;
use crate::hold::Hold;
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
}

/// Verifies a backup and makes the logs of a data folder from it, whole or not at all.
/// They are new histories: tokens, and positions of followers in the old ones, are
/// refused, and stores are made anew. Where `replace` is said, logs and stores that are
/// there are set aside first, beside where they were; `set_aside` is told of each as it
/// happens.
///
/// # Errors
/// As for [`verify`]; [`BackupError::Occupied`], [`BackupError::InUse`],
/// [`BackupError::Append`].
pub async fn restore(
    folder: &Path,
    data_dir: &Path,
    replace: bool,
    mut progress: impl FnMut(Progress),
    mut set_aside: impl FnMut(PathBuf),
) -> Result<Restored, BackupError> {
    let manifest = verify(folder).await?;
    let reports = data_dir.join("ingest").join(REPORT_LOG);
    let states = data_dir.join("reconcile").join(STATE_LOG);
    let stores = ["ingest", "reconcile", "query"].map(|role| data_dir.join(role).join("store"));
    for log in [&reports, &states] {
        if log.exists() && !replace {
            return Err(BackupError::Occupied(log.clone()));
        }
    }
    // To the end: what a process would write meanwhile would be set aside with the rest.
    let mut hold = Hold::take([&reports, &states], &stores)?;
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
    for store in &stores {
        aside(store)?.into_iter().for_each(&mut set_aside);
    }
    // The state log first: broken off in between, it does not belong to the report log
    // that is there, or to the new one that a start makes, and reconcile says so.
    for (new, log) in [(&new_states, &states), (&new_reports, &reports)] {
        hold.exchange(new, log)?
            .into_iter()
            .for_each(&mut set_aside);
    }
    Ok(Restored {
        manifest,
        records: at.of,
    })
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
    let mut copied = |batch: &[Record]| copied(batch.len());
    copy(&from, &described, &log, &mut copied).await?;
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
