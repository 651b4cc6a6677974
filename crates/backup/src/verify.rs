//! Reading all of a backup, trusting nothing.

use std::fs;
use std::io::Read;
use std::path::Path;

use ascertain_log::{End, LogReader, PartitionId, Record, Sequence};
use ascertain_log_file::FileLog;
use ascertain_replica::RecordsDigest;
use futures::StreamExt;
use sha2::{Digest as _, Sha256};

use crate::error::BackupError;
use crate::manifest::{Ends, FileHash, LogPart, Manifest, Records, hex};
use crate::{REPORT_LOG, STATE_LOG, UNDER_WAY, options};

/// Checks a backup against its manifest: the hashes of its files, every frame, the
/// chains, the ends, and the digest of the records. Gives the manifest.
///
/// # Errors
/// [`BackupError::None`], [`BackupError::Damaged`], [`BackupError::Format`],
/// [`BackupError::InUse`], [`BackupError::Io`].
pub async fn verify(folder: &Path) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(folder)?;
    // A later backup into the folder that was broken off has added to its files: they
    // must hold what the manifest names all the same.
    if !folder.join(UNDER_WAY).exists() {
        for (part, name) in [
            (&manifest.report_log, REPORT_LOG),
            (&manifest.state_log, STATE_LOG),
        ] {
            let found = file_hashes(&folder.join(name))?;
            let differs = |file: &&FileHash| !found.contains(file);
            if let Some(file) = part.files.iter().find(differs) {
                let detail = format!("{name}/{} is not the file that was written", file.name);
                return Err(BackupError::damaged(folder, detail));
            }
        }
    }
    let records = records_of(folder, &manifest.report_log, &manifest.state_log).await?;
    if records != manifest.records {
        let detail = "the digest of the records is not that of the manifest";
        return Err(BackupError::damaged(folder, detail));
    }
    Ok(manifest)
}

/// Reads both logs up to the ends of their parts; the records in condensed form.
pub(crate) async fn records_of(
    folder: &Path,
    reports: &LogPart,
    states: &LogPart,
) -> Result<Records, BackupError> {
    let mut digest = RecordsDigest::default();
    for (part, name) in [(states, STATE_LOG), (reports, REPORT_LOG)] {
        let log = open(folder, name, part)?;
        for (partition, end) in (0..).map(PartitionId).zip(&part.partitions) {
            let mut last = End::EMPTY;
            let ended = each(&log, partition, Sequence(end.last_sequence), |record| {
                last = End {
                    last_sequence: record.position.sequence,
                    known_at: Some(record.position.known_at),
                    chain: record.position.chain,
                };
                if name == REPORT_LOG {
                    digest.take(record)?;
                }
                Ok(())
            });
            ended.await?;
            if Ends::from(&last) != *end {
                let detail =
                    format!("{name}, partition {partition}: its end is not that of the manifest");
                return Err(BackupError::damaged(folder, detail));
            }
        }
    }
    let (digest, count) = digest.finish();
    Ok(Records {
        digest: hex(&digest.0),
        count,
    })
}

/// Opens a log of a backup, which checks every frame and the chains.
pub(crate) fn open(folder: &Path, name: &str, part: &LogPart) -> Result<FileLog, BackupError> {
    let log = FileLog::open_read_only(options(folder.join(name), part.partition_count()))?;
    if let Some(damage) = log.recovery().damages.first() {
        return Err(BackupError::damaged(folder, damage.to_string()));
    }
    Ok(log)
}

/// Hands over the records of a partition up to one.
pub(crate) async fn each(
    log: &FileLog,
    partition: PartitionId,
    until: Sequence,
    mut take: impl FnMut(&Record) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let failed = |source| BackupError::Follow {
        log: "backup",
        source,
    };
    let ends = log.ends().await.map_err(failed)?;
    let there = ends.get(partition.0 as usize);
    if there.is_none_or(|end| end.last_sequence < until) {
        // The caller sees that the end is not the one it looks for.
        return Ok(());
    }
    let mut after = Sequence::ZERO;
    let mut follow = log.follow(partition, after, None);
    while after < until {
        let Some(batch) = follow.next().await else {
            return Ok(());
        };
        for record in batch.map_err(failed)? {
            if record.position.sequence <= until {
                take(&record)?;
            }
            after = record.position.sequence;
        }
    }
    Ok(())
}

/// The files of a log and what is in them, by name. The lock is none of them.
pub(crate) fn file_hashes(folder: &Path) -> Result<Vec<FileHash>, BackupError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::io(folder))? {
        let path = entry.map_err(BackupError::io(folder))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|name| name != "lock") else {
            continue;
        };
        let (bytes, sha256) = hash(&path).map_err(BackupError::io(&path))?;
        files.push(FileHash {
            name,
            bytes,
            sha256,
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = fs::File::open(path)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&sum.finalize())));
        }
        sum.update(&buffer[..read]);
        bytes += read as u64;
    }
}
