//! Filling the gaps of damaged logs from a backup.

use std::path::{Path, PathBuf};

use ascertain_log::{FollowError, LogReader, PartitionId, Record, Sequence};
use ascertain_log_file::{FileLog, OpenError};
use futures::StreamExt;

use crate::erased::Erased;
use crate::error::BackupError;
use crate::manifest::LogPart;
use crate::restore::{aside, rename, restoring};
use crate::verify::{open, verify};
use crate::{REPORT_LOG, STATE_LOG, options};

/// What was mended of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// `report-log` or `state-log`.
    pub log: &'static str,
    /// How many records were taken from the backup; 0: the log was whole. `None`: it is
    /// not in this data folder.
    pub records: Option<u64>,
    /// Where the damaged log is now; none if it was whole.
    pub set_aside: Option<PathBuf>,
}

/// Takes what a damaged log lacks from a backup of the same history, and leaves all else
/// as it is, also what came after the backup. The chain over the bodies shows that what
/// is filled in is what was there.
///
/// # Errors
/// As for [`verify`]; [`BackupError::OtherHistory`], [`BackupError::NotInBackup`],
/// [`BackupError::EndUnknown`], [`BackupError::InUse`], [`BackupError::Append`]. The log
/// that it is about stays as it was.
pub async fn mend(folder: &Path, data_dir: &Path) -> Result<Vec<Mended>, BackupError> {
    let manifest = verify(folder).await?;
    let mut mended = Vec::new();
    for (log, role, part) in [
        (REPORT_LOG, "ingest", &manifest.report_log),
        (STATE_LOG, "reconcile", &manifest.state_log),
    ] {
        let path = data_dir.join(role).join(log);
        mended.push(mend_log(folder, (log, part), &path).await?);
    }
    Ok(mended)
}

async fn mend_log(
    folder: &Path,
    (name, part): (&'static str, &LogPart),
    path: &Path,
) -> Result<Mended, BackupError> {
    let untouched = |records| Mended {
        log: name,
        records,
        set_aside: None,
    };
    // Ingest and reconcile may have machines of their own.
    if !path.exists() {
        return Ok(untouched(None));
    }
    let opened = FileLog::open_read_only(options(path.to_owned(), part.partition_count()));
    let damaged = match opened {
        Err(OpenError::Locked(_)) => return Err(BackupError::InUse(path.to_owned())),
        opened => opened.map_err(BackupError::OpenLog)?,
    };
    if damaged.recovery().damages.is_empty() {
        return Ok(untouched(Some(0)));
    }
    if !damaged.recovery().end_is_known {
        return Err(BackupError::EndUnknown(path.to_owned()));
    }
    let failed = |source| BackupError::Follow { log: name, source };
    let history = damaged.incarnation().await.map_err(failed)?;
    if !part.is_of(history) {
        return Err(BackupError::OtherHistory {
            folder: folder.to_owned(),
            log: name,
        });
    }
    let backup = open(folder, name, part)?;
    let new = restoring(path)?;
    let mut options = options(new.clone(), part.partition_count());
    options.incarnation = Some(history);
    options.follows = damaged.follows();
    let whole = FileLog::open(options)?;
    let mut records = 0;
    let mut erased = Erased::default();
    let ends = damaged.ends().await.map_err(failed)?;
    for ((partition, end), there) in (0..).map(PartitionId).zip(ends).zip(part.sequences()) {
        let until = end.last_sequence;
        let mut after = Sequence::ZERO;
        while after < until {
            let batch = next(&damaged, partition, after, until)
                .await
                .map_err(failed)?;
            let batch = match batch {
                Some(batch) => batch,
                None => {
                    let missing = next(&backup, partition, after, there)
                        .await
                        .map_err(failed)?;
                    let missing = missing.and_then(|batch| batch.into_iter().next());
                    records += 1;
                    vec![missing.ok_or(BackupError::NotInBackup {
                        log: name,
                        partition: partition.0,
                        sequence: after.next().0,
                    })?]
                }
            };
            after = batch.last().map_or(until, |last| last.position.sequence);
            erased.note(&batch);
            whole.append_copied(batch).await?;
        }
    }
    // A backup may hold what the log had erased since.
    erased.erase(&whole).await?;
    drop(whole);
    // Held until it is out of the way.
    let set_aside = aside(path)?;
    rename(&new, path)?;
    drop(damaged);
    Ok(Mended {
        log: name,
        records: Some(records),
        set_aside,
    })
}

/// The records after one; `None` where the next one is damaged or not there.
async fn next(
    log: &FileLog,
    partition: PartitionId,
    after: Sequence,
    until: Sequence,
) -> Result<Option<Vec<Record>>, FollowError> {
    if after >= until {
        return Ok(None);
    }
    let mut follow = log.follow(partition, after, None);
    match follow.next().await {
        Some(Ok(batch)) => Ok(Some(batch).filter(|batch| !batch.is_empty())),
        Some(Err(FollowError::Damaged { .. } | FollowError::BeyondEnd { .. })) | None => Ok(None),
        Some(Err(error)) => Err(error),
    }
}
