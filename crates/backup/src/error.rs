//! Why a backup cannot be taken, trusted or restored.

use std::io;
use std::path::{Path, PathBuf};

use ascertain_log::{AppendError, FollowError};
use ascertain_log_file::OpenError;

/// Why a backup cannot be taken, trusted or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no backup in the folder, or none that was ever finished.
    #[error("there is no finished backup in {}", .0.display())]
    None(PathBuf),
    /// The folder holds the backup of another history of the logs. Take a new folder.
    #[error("{} holds a backup of another history of the {log}; back up into a new folder", folder.display())]
    OtherHistory {
        /// The backup's folder.
        folder: PathBuf,
        /// Which log.
        log: &'static str,
    },
    /// The backup is not what was written.
    #[error("the backup in {} is damaged: {detail}", folder.display())]
    Damaged {
        /// The backup's folder.
        folder: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The node does not note the backup. Without that nothing is copied: an erasure could
    /// not tell that the backup holds what was erased.
    #[error("the node does not note the backup")]
    Unnoted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The backup was made by a later version.
    #[error("the backup in {} has format {format}, which is not known here", folder.display())]
    Format {
        /// The backup's folder.
        folder: PathBuf,
        /// Its format.
        format: u32,
    },
    /// There are logs where they are to be restored to. They can be replaced.
    #[error("{} is there already; replace it, or restore into another folder", .0.display())]
    Occupied(PathBuf),
    /// A record that a damaged log lacks is not in the backup either.
    #[error(
        "record {sequence} of partition {partition} of the {log} is not in the backup: it came later"
    )]
    NotInBackup {
        /// Which log.
        log: &'static str,
        /// The partition.
        partition: u32,
        /// The record.
        sequence: u64,
    },
    /// A damaged log does not tell how far it went: filled from a backup it might end
    /// before what was acknowledged, under the positions of what is lost.
    #[error(
        "how far the log in {} went cannot be told any more: records may be missing that \
         nothing names, so its gaps cannot be filled; go back to the backup with \
         `ascertainctl node restore BACKUP --data DIR --replace`, which sets this log aside",
        .0.display()
    )]
    EndUnknown(PathBuf),
    /// A process uses the data folder, or another backup is being taken.
    #[error("{} is in use by another process; stop it first", .0.display())]
    InUse(PathBuf),
    /// A log of the node cannot be followed.
    #[error("the {log} cannot be followed: {source}")]
    Follow {
        /// Which log.
        log: &'static str,
        /// Why.
        source: FollowError,
    },
    /// A log of the backup cannot be opened.
    #[error("a log of the backup cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// A log of the data folder cannot be opened.
    #[error("{0}")]
    OpenLog(#[source] OpenError),
    /// A record cannot be written.
    #[error("a record cannot be written: {0}")]
    Append(#[from] AppendError),
    /// A record cannot be read by this version.
    #[error("a record of the report log cannot be read: {0}")]
    Record(#[from] ascertain_replica::ReplicaError),
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BackupError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(folder: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            folder: folder.to_owned(),
            detail: detail.into(),
        }
    }
}
