//! Why a log cannot be opened.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ascertain_log::{Incarnation, PartitionId, Sequence};

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another log of this one, has it open.
    #[error("the log in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The log was made with another number of partitions, which is fixed for ever.
    #[error("the log in {} was made with {made} partitions, not {asked}, that of the registry among them", folder.display())]
    PartitionCount {
        /// The log's folder.
        folder: PathBuf,
        /// How many it has.
        made: u32,
        /// How many were asked for.
        asked: u32,
    },
    /// The manifest is missing beside segments, damaged, or of an unknown version.
    #[error("the manifest of the log in {} cannot be used: {detail}", folder.display())]
    Manifest {
        /// The log's folder.
        folder: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The log was computed from another log than the one that it is to go on from.
    #[error("the log in {} was computed from log {made:?}, not from {asked:?}: the two do not belong together", folder.display())]
    FollowsAnother {
        /// The log's folder.
        folder: PathBuf,
        /// The log that it was computed from.
        made: Incarnation,
        /// The log that was named.
        asked: Incarnation,
    },
    /// Records that were acknowledged cannot be read. Nothing was changed. What is
    /// intact can be read with [`FileLog::open_read_only`](crate::FileLog::open_read_only).
    #[error("the log is damaged: {}", list(.0))]
    Damaged(Vec<Damage>),
    /// The folder or a file could not be read or written.
    #[error("the log in {} cannot be opened: {source}", folder.display())]
    Io {
        /// The log's folder.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl OpenError {
    /// What an operator can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Locked(_) => "stop the other process first",
            Self::PartitionCount { .. } => {
                "set `partitions` as it was: one less than the log has, which counts the registry's"
            }
            Self::Manifest { .. } => {
                "nothing was changed; go back to a backup with \
                 `ascertainctl node restore BACKUP --data DIR --replace`"
            }
            Self::FollowsAnother { .. } => {
                "nothing was changed; restore both logs from the same backup with \
                 `ascertainctl node restore BACKUP --data DIR --replace`"
            }
            Self::Damaged(_) => {
                "nothing was changed; fill the gaps from a backup with \
                 `ascertainctl node mend BACKUP --data DIR`, or go back to it with \
                 `ascertainctl node restore BACKUP --data DIR --replace`"
            }
            Self::Io { .. } => "look at the disk and at who owns the folder",
        }
    }
}

/// A stretch of a log that cannot be read: what was acknowledged is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment's file.
    pub segment: PathBuf,
    /// Where the stretch begins in that file, bytes.
    pub offset: u64,
    /// How long it is, bytes; 0 where records are missing but no bytes are wrong.
    pub bytes: u64,
    /// What was found.
    pub detail: String,
    /// The records that are missing for it. Where watermarks are lost as well, of the
    /// last records of a partition only what the damaged bytes themselves still tell.
    pub records: Vec<(PartitionId, RangeInclusive<Sequence>)>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (segment, offset, bytes) = (self.segment.display(), self.offset, self.bytes);
        write!(
            f,
            "{segment}, {bytes} bytes at offset {offset}: {}",
            self.detail
        )?;
        for (partition, range) in &self.records {
            let (first, last) = (range.start(), range.end());
            write!(f, "; partition {partition} lacks records {first} to {last}")?;
        }
        Ok(())
    }
}

fn list(damages: &[Damage]) -> String {
    let lines: Vec<_> = damages.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
