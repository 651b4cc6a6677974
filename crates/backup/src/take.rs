//! Taking a backup: following both logs to where they end now.

use std::fs;
use std::path::Path;

use ascertain_log::{End, Incarnation, LogReader, PartitionId, Record, Sequence, now};
use ascertain_log_file::FileLog;
use ascertain_proto::v1::{LogPosition, NoteBackupRequest};
use futures::StreamExt;
use rustix::fs::{FlockOperation, flock};
use rustix::system::uname;
use uuid::Uuid;

use crate::erased::Erased;
use crate::error::BackupError;
use crate::manifest::{Ends, LogPart, Manifest, Mark, hex};
use crate::verify::{file_hashes, records_of};
use crate::{
    Progress, REPORT_LOG, STATE_LOG, Source, UNDER_WAY, options, sync_folder, write_whole,
};

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The manifest.
    pub manifest: Manifest,
    /// Records that were not in the folder before.
    pub new_records: u64,
    /// Whether the folder held a backup before.
    pub was_incremental: bool,
}

/// Where a log ends, and which one it is.
pub(crate) struct Described {
    name: &'static str,
    folder: &'static str,
    incarnation: Incarnation,
    pub(crate) ends: Vec<End>,
}

/// Backs both logs up into a folder, which is made if it is not there. What a backup
/// in it holds already is not copied again. In the end all of it is read and checked.
/// `note` tells the node of it, which keeps a list of the backups that may hold what is
/// erased later.
///
/// # Errors
/// Every [`BackupError`] but [`BackupError::None`] and [`BackupError::Occupied`]. The
/// backup that the folder held before stays good.
pub async fn take<E>(
    source: &Source,
    folder: &Path,
    note: impl AsyncFn(NoteBackupRequest) -> Result<(), E>,
    mut progress: impl FnMut(Progress),
) -> Result<Taken, BackupError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fs::create_dir_all(folder).map_err(BackupError::io(folder))?;
    let _lock = lock(folder)?;
    let before = match Manifest::read(folder) {
        Ok(manifest) => Some(manifest),
        Err(BackupError::None(_)) => None,
        Err(error) => return Err(error),
    };
    // First the state log: what it rests on is then within the report log.
    let states = describe("state log", STATE_LOG, source.states.as_ref()).await?;
    let reports = describe("report log", REPORT_LOG, source.reports.as_ref()).await?;
    if let Some(before) = &before {
        of_this_history(folder, &before.state_log, &states)?;
        of_this_history(folder, &before.report_log, &reports)?;
    }
    let marker = folder.join(UNDER_WAY);
    let was_broken_off = marker.exists();
    let mark = mark(folder, before.as_ref(), &reports)?;
    let ends = (0..).zip(&reports.ends);
    let mut told = NoteBackupRequest {
        backup_id: mark.id.to_string(),
        folder: mark.folder.clone(),
        host: mark.host.clone(),
        up_to: ends
            .map(|(partition, end)| LogPosition {
                partition,
                sequence: end.last_sequence.0,
            })
            .collect(),
        finished: false,
        incarnation: reports.incarnation.0.to_vec(),
    };
    let unnoted = |error: E| BackupError::Unnoted(error.into());
    note(told.clone()).await.map_err(unnoted)?;

    let (report_copy, state_copy) = (
        open(folder, &reports, None)?,
        open(folder, &states, Some(reports.incarnation))?,
    );
    let mut at = Progress {
        done: 0,
        of: missing(&report_copy, &reports).await? + missing(&state_copy, &states).await?,
    };
    progress(at);
    let mut copied = |records: usize| {
        at.done += records as u64;
        progress(at);
    };
    let mut erased = Erased::default();
    let mut copied_reports = |batch: &[Record]| {
        erased.note(batch);
        copied(batch.len());
    };
    copy(
        source.reports.as_ref(),
        &reports,
        &report_copy,
        &mut copied_reports,
    )
    .await?;
    if was_broken_off {
        // Of erasures that it had copied nobody knows whether they were carried out.
        erased.note_all(&report_copy).await?;
    }
    // What the log has erased since the last backup is in this folder still.
    erased.erase(&report_copy).await?;
    let mut copied_states = |batch: &[Record]| copied(batch.len());
    copy(
        source.states.as_ref(),
        &states,
        &state_copy,
        &mut copied_states,
    )
    .await?;
    let new_records = at.done;
    // Closed, their files do not change any more.
    drop((report_copy, state_copy));

    let part = |log: &Described| -> Result<LogPart, BackupError> {
        Ok(LogPart {
            incarnation: hex(&log.incarnation.0),
            partitions: log.ends.iter().map(Ends::from).collect(),
            files: file_hashes(&folder.join(log.folder))?,
        })
    };
    let (report_part, state_part) = (part(&reports)?, part(&states)?);
    let records = records_of(folder, &report_part, &state_part).await?;
    let manifest = Manifest::new(&mark, report_part, state_part, records, now().to_string());
    manifest.write(folder)?;
    fs::remove_file(&marker).map_err(BackupError::io(&marker))?;
    sync_folder(folder).map_err(BackupError::io(folder))?;
    told.finished = true;
    note(told).await.map_err(unnoted)?;
    Ok(Taken {
        manifest,
        new_records,
        was_incremental: before.is_some(),
    })
}

/// What the folder's backup is called from here on, in its marker before anything is copied:
/// as before where it is the same folder of the same machine. A copy of a backup is another.
fn mark(folder: &Path, before: Option<&Manifest>, log: &Described) -> Result<Mark, BackupError> {
    let path = folder.join(UNDER_WAY);
    let broken_off = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        read => serde_json::from_slice::<Mark>(&read.map_err(BackupError::io(&path))?).ok(),
    };
    let incarnation = hex(&log.incarnation.0);
    if broken_off
        .as_ref()
        .is_some_and(|mark| mark.incarnation != incarnation)
    {
        return Err(BackupError::OtherHistory {
            folder: folder.to_owned(),
            log: log.name,
        });
    }
    let here = std::path::absolute(folder).map_err(BackupError::io(folder))?;
    let here = here.display().to_string();
    let host = uname().nodename().to_string_lossy().into_owned();
    let known = before.and_then(|manifest| manifest.mark.clone());
    let mut known = known.into_iter().chain(broken_off.clone());
    let mark = known.find(|mark| (&mark.host, &mark.folder) == (&host, &here));
    let mark = mark.unwrap_or_else(|| Mark {
        id: Uuid::new_v4(),
        host,
        folder: here,
        incarnation,
    });
    if broken_off.as_ref() != Some(&mark) {
        let bytes = serde_json::to_vec(&mark).map_err(std::io::Error::from);
        let written = bytes.and_then(|bytes| write_whole(&path, &bytes));
        written.map_err(BackupError::io(&path))?;
    }
    Ok(mark)
}

/// Takes the folder's lock, held as long as the file is open.
fn lock(folder: &Path) -> Result<fs::File, BackupError> {
    let path = folder.join("lock");
    let file = fs::File::options().create(true).append(true).open(&path);
    let file = file.map_err(BackupError::io(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(BackupError::InUse(folder.to_owned())),
        Err(error) => Err(BackupError::io(&path)(error.into())),
    }
}

pub(crate) async fn describe(
    name: &'static str,
    folder: &'static str,
    log: &dyn LogReader,
) -> Result<Described, BackupError> {
    let failed = |source| BackupError::Follow { log: name, source };
    Ok(Described {
        name,
        folder,
        incarnation: log.incarnation().await.map_err(failed)?,
        ends: log.ends().await.map_err(failed)?,
    })
}

fn of_this_history(folder: &Path, part: &LogPart, log: &Described) -> Result<(), BackupError> {
    let goes_on = part.partitions.len() == log.ends.len()
        && part
            .sequences()
            .iter()
            .zip(&log.ends)
            .all(|(known, end)| *known <= end.last_sequence);
    if part.is_of(log.incarnation) && goes_on {
        return Ok(());
    }
    Err(BackupError::OtherHistory {
        folder: folder.to_owned(),
        log: log.name,
    })
}

fn open(
    folder: &Path,
    log: &Described,
    follows: Option<Incarnation>,
) -> Result<FileLog, BackupError> {
    let partitions = u32::try_from(log.ends.len()).unwrap_or(u32::MAX);
    let mut options = options(folder.join(log.folder), partitions);
    options.follows = follows;
    Ok(FileLog::open(options)?)
}

/// How many records of a log its copy lacks.
async fn missing(copy: &FileLog, log: &Described) -> Result<u64, BackupError> {
    let failed = |source| BackupError::Follow {
        log: log.name,
        source,
    };
    let there = copy.ends().await.map_err(failed)?;
    let lacks =
        |(end, there): (&End, &End)| end.last_sequence.0.saturating_sub(there.last_sequence.0);
    Ok(log.ends.iter().zip(&there).map(lacks).sum())
}

/// Follows a log to its ends, and appends what its copy lacks.
pub(crate) async fn copy(
    log: &dyn LogReader,
    described: &Described,
    copy: &FileLog,
    copied: &mut impl FnMut(&[Record]),
) -> Result<(), BackupError> {
    let failed = |source| BackupError::Follow {
        log: described.name,
        source,
    };
    let there = copy.ends().await.map_err(failed)?;
    for ((partition, end), there) in (0..).map(PartitionId).zip(&described.ends).zip(there) {
        let mut after = there.last_sequence;
        let mut follow = log.follow(partition, after, Some(described.incarnation));
        while after < end.last_sequence {
            let Some(batch) = follow.next().await else {
                break;
            };
            let mut batch = batch.map_err(failed)?;
            batch.retain(|record| record.position.sequence <= end.last_sequence);
            after = batch.last().map_or(after, |last| last.position.sequence);
            copy.append_copied(batch.clone()).await?;
            copied(&batch);
        }
        reached(described, partition, after, end)?;
    }
    Ok(())
}

fn reached(
    log: &Described,
    partition: PartitionId,
    after: Sequence,
    end: &End,
) -> Result<(), BackupError> {
    if after >= end.last_sequence {
        return Ok(());
    }
    let detail = format!("partition {partition} ended at record {after}");
    Err(BackupError::Follow {
        log: log.name,
        source: ascertain_log::FollowError::Unavailable(detail),
    })
}
