//! What keeps a backtest from running: each mistake with its file, its line and
//! what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

/// So many mistakes of one file are told; the rest are counted.
const TOLD: usize = 10;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input file cannot be used.
    #[error("{0}")]
    Input(Mistakes),
    /// A result file cannot be written.
    #[error("{} cannot be written: {cause}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
}

impl Error {
    pub(crate) fn write(file: &Path, cause: std::io::Error) -> Self {
        let file = file.to_owned();
        Self::Write { file, cause }
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    file: PathBuf,
    told: Vec<Mistake>,
    more: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    line: Option<u64>,
    what: String,
}

impl Mistakes {
    /// None so far.
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            told: Vec::new(),
            more: 0,
        }
    }

    /// One that concerns the whole file.
    pub(crate) fn whole(file: &Path, what: impl Into<String>) -> Error {
        let mut mistakes = Self::of(file);
        mistakes.push(None, what.into());
        Error::Input(mistakes)
    }

    /// One at a line, counted from 1.
    pub(crate) fn add(&mut self, line: u64, what: impl Into<String>) {
        self.push(Some(line), what.into());
    }

    fn push(&mut self, line: Option<u64>, what: String) {
        if self.told.len() < TOLD {
            self.told.push(Mistake { line, what });
        } else {
            self.more += 1;
        }
    }

    /// Nothing was wrong, or all that was.
    ///
    /// # Errors
    /// [`Error::Input`] with everything that was added.
    pub(crate) fn none(self) -> Result<(), Error> {
        if self.told.is_empty() {
            Ok(())
        } else {
            Err(Error::Input(self))
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (i, Mistake { line, what }) in self.told.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            match line {
                Some(line) => write!(f, "{gap}{file}, line {line}: {what}")?,
                None => write!(f, "{gap}{file}: {what}")?,
            }
        }
        if self.more > 0 {
            write!(f, "\n{file}: and {} more mistakes", self.more)?;
        }
        Ok(())
    }
}
