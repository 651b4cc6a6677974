//! Keeping every process out of a data folder while what is in it is exchanged.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ascertain_log_file::{Disk, Lock, RealDisk};
use ascertain_store::{Store, StoreError};

use crate::error::BackupError;
use crate::restore::{aside, rename};

/// The locks that processes take of their logs and stores, held until this is dropped.
pub(crate) struct Hold {
    _locks: Vec<Lock>,
    /// Folders that were made only to be locked.
    made: Vec<PathBuf>,
}

impl Hold {
    /// Takes the locks of logs and stores, whether they are there or not.
    ///
    /// # Errors
    /// [`BackupError::InUse`], [`BackupError::Io`].
    pub(crate) fn take<'a>(
        logs: impl IntoIterator<Item = &'a PathBuf>,
        stores: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<Self, BackupError> {
        let mut hold = Self {
            _locks: Vec::new(),
            made: Vec::new(),
        };
        for store in stores {
            let lock = Store::hold(store).map_err(|error| match error {
                StoreError::Locked(_) => BackupError::InUse(store.clone()),
                error => BackupError::io(store)(std::io::Error::other(error)),
            })?;
            hold._locks.push(Box::new(lock));
        }
        for log in logs {
            if let Some(parent) = log.parent() {
                fs::create_dir_all(parent).map_err(BackupError::io(parent))?;
            }
            let is_made = match fs::create_dir(log) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
                made => made.map(|()| true).map_err(BackupError::io(log))?,
            };
            let lock = RealDisk.lock(log).map_err(BackupError::io(log))?;
            // Whoever was quicker has made a log of it: it is theirs.
            let lock = lock.ok_or_else(|| BackupError::InUse(log.clone()))?;
            hold._locks.push(lock);
            if is_made {
                hold.made.push(log.clone());
            }
        }
        Ok(hold)
    }

    /// Puts a log in the place of one that is held, which is set aside; where it is now.
    pub(crate) fn exchange(
        &mut self,
        new: &Path,
        log: &Path,
    ) -> Result<Option<PathBuf>, BackupError> {
        let before = self.made.len();
        self.made.retain(|made| made != log);
        let set_aside = if self.made.len() == before {
            aside(log)?
        } else {
            fs::remove_dir_all(log).map_err(BackupError::io(log))?;
            None
        };
        rename(new, log)?;
        Ok(set_aside)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for folder in &self.made {
            // An empty folder that stays is taken for none.
            let _ = fs::remove_dir_all(folder);
        }
    }
}
