//! What a backup says of itself.

use std::fs;
use std::path::Path;

use ascertain_domain::id::Digest;
use ascertain_log::{End, Incarnation, Sequence};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::BackupError;
use crate::write_whole;

/// The format that is written.
const FORMAT: u32 = 1;
const NAME: &str = "manifest.json";

/// What a backup says of itself. Written last: a backup without one is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The format of the backup.
    pub format: u32,
    /// What it is called; none in a backup of a version that gave it no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The version of the program that took it.
    pub version: String,
    /// When it was finished, RFC 3339, UTC.
    pub taken_at: String,
    /// The report log.
    pub report_log: LogPart,
    /// The state log.
    pub state_log: LogPart,
    /// What `node digest` says of the records, at the end of the backup.
    pub records: Records,
}

/// What a backup is called, from before its first record was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Made when the folder was first backed up into.
    pub id: Uuid,
    /// The machine on which it was taken.
    pub host: String,
    /// The folder, as an absolute path.
    pub folder: String,
    /// The history of the report log that it is of, hexadecimal.
    pub incarnation: String,
}

/// One log of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPart {
    /// The history that it was copied from, hexadecimal.
    pub incarnation: String,
    /// Where it ends, partition 0 first.
    pub partitions: Vec<Ends>,
    /// Its files as they were when the backup was finished.
    pub files: Vec<FileHash>,
}

/// The end of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ends {
    /// The sequence of the last record; 0 where there is none.
    pub last_sequence: u64,
    /// Its knowledge time, RFC 3339, UTC; none where there is no record.
    pub known_at: Option<String>,
    /// Its chain value, which stands for all bodies of the partition; hexadecimal.
    pub chain: String,
}

/// A file and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileHash {
    /// Its name within the log's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// The records in condensed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Records {
    /// SHA-256 over the sorted records, hexadecimal.
    pub digest: String,
    /// How many.
    pub count: u64,
}

/// The manifest with a digest of its own bytes.
#[derive(Serialize, Deserialize)]
struct Sealed {
    manifest: Manifest,
    /// SHA-256 of the manifest as JSON without white space, hexadecimal.
    sha256: String,
}

impl Manifest {
    pub(crate) fn new(
        mark: &Mark,
        report_log: LogPart,
        state_log: LogPart,
        records: Records,
        taken_at: String,
    ) -> Self {
        Self {
            format: FORMAT,
            mark: Some(mark.clone()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at,
            report_log,
            state_log,
            records,
        }
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// [`BackupError::None`], [`BackupError::Damaged`], [`BackupError::Format`],
    /// [`BackupError::Io`].
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::None(folder.to_owned()));
            }
            bytes => bytes.map_err(BackupError::io(&path))?,
        };
        let unreadable = |detail: String| BackupError::damaged(folder, format!("{NAME}: {detail}"));
        // The format first: a later one may have other fields.
        let format = serde_json::from_slice::<serde_json::Value>(&bytes);
        let format = format.map_err(|error| unreadable(error.to_string()))?;
        let format = format
            .pointer("/manifest/format")
            .and_then(serde_json::Value::as_u64);
        if let Some(format) = format
            && format != u64::from(FORMAT)
        {
            return Err(BackupError::Format {
                folder: folder.to_owned(),
                format: u32::try_from(format).unwrap_or(u32::MAX),
            });
        }
        let sealed: Sealed =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if sealed.sha256 != digest(&sealed.manifest).map_err(&unreadable)? {
            return Err(unreadable("its digest does not match".to_owned()));
        }
        Ok(sealed.manifest)
    }

    /// Writes the manifest, durably, whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(NAME);
        let sealed = Sealed {
            manifest: self.clone(),
            sha256: digest(self).map_err(|detail| BackupError::damaged(folder, detail))?,
        };
        let write = || -> std::io::Result<()> {
            let mut bytes = serde_json::to_vec_pretty(&sealed)?;
            bytes.push(b'\n');
            write_whole(&path, &bytes)
        };
        write().map_err(BackupError::io(&path))
    }
}

impl LogPart {
    /// How many partitions it has.
    pub(crate) fn partition_count(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// The last sequence of each partition.
    pub(crate) fn sequences(&self) -> Vec<Sequence> {
        let ends = self.partitions.iter();
        ends.map(|end| Sequence(end.last_sequence)).collect()
    }

    /// Whether it was copied from this history.
    pub(crate) fn is_of(&self, incarnation: Incarnation) -> bool {
        self.incarnation == hex(&incarnation.0)
    }
}

impl From<&End> for Ends {
    fn from(end: &End) -> Self {
        Self {
            last_sequence: end.last_sequence.0,
            known_at: end.known_at.map(|time| time.to_string()),
            chain: hex(&end.chain.0),
        }
    }
}

fn digest(manifest: &Manifest) -> Result<String, String> {
    let bytes = serde_json::to_vec(manifest).map_err(|error| error.to_string())?;
    Ok(hex(&Digest::of(&bytes).0))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
