//! How a command fails, what it says then, and its exit code.

use std::io::{self, ErrorKind, Write};

use ascertain_backup::BackupError;
use ascertain_client::ClientError;
use ascertain_client::files::FileError;
use ascertain_client::json::JsonError;
use ascertain_store::StoreError;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Wrong usage: an unreadable or invalid input.
    #[error("{0}")]
    Usage(String),
    /// The call failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server refused some items, which were shown one by one.
    #[error("{refused} of {total} refused")]
    SomeRefused {
        /// How many.
        refused: usize,
        /// Of how many.
        total: usize,
    },
    /// A backup cannot be taken, trusted or restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A store cannot be condemned.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A verification found something wrong, which was shown.
    #[error("something is wrong with what is on disk")]
    Unsound,
    /// Stdout takes no more, or the system gave no runtime.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// An answer cannot be shown: a defect.
    #[error("cannot show the answer: {0}")]
    Show(#[from] JsonError),
    /// The server's answer lacks what the contract promises.
    #[error("the answer is empty")]
    Empty,
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        Self::Output(error.into())
    }
}

impl Failure {
    /// 1 the server said no, 2 wrong usage, 3 cannot reach. A reader that closed
    /// its end early (`| head`) has what it wanted: 0.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Output(error) if error.kind() == ErrorKind::BrokenPipe => 0,
            Self::Usage(_) | Self::Client(ClientError::Endpoint { .. }) => 2,
            Self::Client(ClientError::Unreachable { .. } | ClientError::TimedOut { .. })
            | Self::Backup(BackupError::Follow { .. }) => 3,
            Self::Backup(
                BackupError::None(_) | BackupError::Occupied(_) | BackupError::OtherHistory { .. },
            ) => 2,
            Self::Backup(BackupError::Unnoted(error)) => match error.downcast_ref() {
                Some(ClientError::Unreachable { .. } | ClientError::TimedOut { .. }) => 3,
                _ => 1,
            },
            Self::Client(_)
            | Self::SomeRefused { .. }
            | Self::Backup(_)
            | Self::Store(_)
            | Self::Unsound
            | Self::Output(_)
            | Self::Show(_)
            | Self::Empty => 1,
        }
    }

    /// Says what went wrong: the message, the reason, each mistake.
    pub(crate) fn tell(&self, talk: &mut dyn Write) {
        if self.exit_code() == 0 {
            return;
        }
        let mut text = format!("error: {self}\n");
        if let Self::Client(error) = self {
            if !error.reason().is_empty() {
                text += &format!("reason: {}\n", error.reason());
            }
            for violation in error.violations() {
                text += &format!("  {}: {}\n", violation.field, violation.description);
            }
            if error.code() == tonic::Code::Unimplemented {
                text += "  the process there does not serve this; name another with --endpoint\n";
            }
            if let ClientError::Unreachable { source, .. } = error {
                text += &format!("  {}\n", cause(source));
            }
        }
        // Nobody is left to tell when stderr itself is gone.
        let _ = talk.write_all(text.as_bytes());
    }
}

/// The innermost cause, such as `Connection refused`.
fn cause(status: &tonic::Status) -> String {
    let mut text = status.message().to_owned();
    let mut error = std::error::Error::source(status);
    while let Some(inner) = error {
        text = inner.to_string();
        error = inner.source();
    }
    text
}
