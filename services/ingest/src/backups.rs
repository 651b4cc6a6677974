//! The backups of the logs that are known, in a file beside the log: neither records nor
//! derived from any, so that a store that is made anew does not lose them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ascertain_domain::id::ReportKey;
use ascertain_domain::time::Timestamp;
use ascertain_log::Incarnation;
use ascertain_proto::{outward, v1};
use ascertain_runtime::blocking;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ledger::IndexError;
use crate::service::Core;

/// The most backups that are known at once.
pub(crate) const MOST: usize = 1_000;

/// A position for each partition, by number.
pub(crate) type Positions = BTreeMap<u32, u64>;

/// The list cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BackupsError {
    /// It is not what was written.
    #[error(
        "the list of backups in {} cannot be read: set it right, or move it away and take the \
         backups again",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The disk fails.
    #[error("the list of backups in {} cannot be read or written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is of another history of the report log than this node's, or than before.
    #[error("the backup is of another history of the report log; back up into a new folder")]
    OtherHistory,
    /// As many are known as are kept.
    #[error("{MOST} backups are known, which is the most; forget those that were deleted")]
    TooMany,
}

impl BackupsError {
    /// Whether the same may succeed once there is space.
    pub(crate) fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}

/// What is known of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Known {
    folder: String,
    host: String,
    /// The history of the report log that it was taken of, hexadecimal.
    incarnation: String,
    /// RFC 3339, UTC.
    begun_at: String,
    finished_at: Option<String>,
    /// It holds no records beyond these.
    up_to: Positions,
    /// Erasures up to here are carried out in it.
    erased_up_to: Positions,
}

/// What is said of a backup by whoever takes it.
#[derive(Debug)]
pub(crate) struct Note {
    pub id: Uuid,
    pub folder: String,
    pub host: String,
    pub up_to: Positions,
    pub finished: bool,
}

impl Known {
    /// As it is shown, with how many erased reports it may hold.
    pub(crate) fn shown(self, id: Uuid, erased_reports_held: u64) -> v1::Backup {
        let time = |text: &str| text.parse().ok().map(outward::timestamp);
        let positions = |positions: Positions| {
            let each = positions.into_iter();
            each.map(|(partition, sequence)| v1::LogPosition {
                partition,
                sequence,
            })
            .collect()
        };
        v1::Backup {
            backup_id: id.to_string(),
            begun_at: time(&self.begun_at),
            finished_at: self.finished_at.as_deref().and_then(time),
            folder: self.folder,
            host: self.host,
            up_to: positions(self.up_to),
            erased_up_to: positions(self.erased_up_to),
            erased_reports_held,
        }
    }

    /// Whether it may hold a report, by where that was recorded and where its erasure was.
    pub(crate) fn may_hold(
        &self,
        incarnation: Incarnation,
        recordings: &BTreeSet<(u32, u64)>,
        erased_at: &Positions,
    ) -> bool {
        if self.incarnation != hex(incarnation) {
            // Of the history before a restore: its positions tell nothing any more, and what
            // never came in this one may stand in it.
            return true;
        }
        let at = |positions: &Positions, partition| positions.get(partition).copied();
        recordings.iter().any(|(partition, sequence)| {
            let erased = at(erased_at, partition);
            let is_erased = erased.is_some_and(|erased| {
                *sequence < erased && at(&self.erased_up_to, partition) >= Some(erased)
            });
            at(&self.up_to, partition) >= Some(*sequence) && !is_erased
        })
    }
}

/// The list.
pub(crate) struct Backups {
    path: PathBuf,
    known: Mutex<BTreeMap<Uuid, Known>>,
}

impl Backups {
    /// Opens a list, or begins one.
    pub(crate) fn open(path: &Path) -> Result<Self, BackupsError> {
        let known = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| BackupsError::Form {
                path: path.to_owned(),
                source,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => {
                return Err(BackupsError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Ok(Self {
            path: path.to_owned(),
            known: Mutex::new(known),
        })
    }

    /// Notes that a backup was begun or finished; what is known of it then.
    pub(crate) fn note(
        &self,
        note: Note,
        incarnation: Incarnation,
        now: Timestamp,
    ) -> Result<Known, BackupsError> {
        let id = note.id;
        self.change(|known| {
            if known.len() >= MOST && !known.contains_key(&id) {
                return Err(BackupsError::TooMany);
            }
            let of = hex(incarnation);
            let before = known.get(&id).cloned();
            if before
                .as_ref()
                .is_some_and(|before| before.incarnation != of)
            {
                return Err(BackupsError::OtherHistory);
            }
            let mut backup = before.unwrap_or(Known {
                folder: String::new(),
                host: String::new(),
                incarnation: of,
                begun_at: now.to_string(),
                finished_at: None,
                up_to: Positions::new(),
                erased_up_to: Positions::new(),
            });
            (backup.folder, backup.host) = (note.folder, note.host);
            reach(&mut backup.up_to, &note.up_to);
            if note.finished {
                backup.finished_at = Some(now.to_string());
                reach(&mut backup.erased_up_to, &note.up_to);
            } else {
                backup.begun_at = now.to_string();
            }
            known.insert(id, backup.clone());
            Ok(backup)
        })
    }

    /// Takes a backup from the list; whether it was there.
    pub(crate) fn forget(&self, id: Uuid) -> Result<bool, BackupsError> {
        self.change(|known| Ok(known.remove(&id).is_some()))
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> Vec<(Uuid, Known)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .map(|(id, known)| (*id, known.clone()))
            .collect()
    }

    /// Changes the list on disk, then here.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<Uuid, Known>) -> Result<T, BackupsError>,
    ) -> Result<T, BackupsError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = known.clone();
        let answer = change(&mut changed)?;
        write(&self.path, &changed).map_err(|source| BackupsError::Io {
            path: self.path.clone(),
            source,
        })?;
        *known = changed;
        Ok(answer)
    }
}

impl Core {
    /// The backups that are known and may hold a report.
    pub(crate) async fn backups_with(
        self: &Arc<Self>,
        key: &ReportKey,
    ) -> Result<Vec<v1::Backup>, IndexError> {
        let (core, key) = (Arc::clone(self), key.clone());
        blocking(move || {
            let erasure = core.ledger.erasure(&key)?;
            let positions = erasure.map(|erasure| erasure.positions).unwrap_or_default();
            let recordings = core.ledger.recordings(&key)?;
            let mut known = core.backups.all();
            known.retain(|(_, known)| known.may_hold(core.incarnation, &recordings, &positions));
            core.shown(known)
        })
        .await
    }

    /// The backups that are known, by their ids.
    pub(crate) fn known_backups(&self) -> Result<Vec<v1::Backup>, IndexError> {
        self.shown(self.backups.all())
    }

    /// Backups as they are shown, each with how much it may hold of what was erased since.
    pub(crate) fn shown(&self, known: Vec<(Uuid, Known)>) -> Result<Vec<v1::Backup>, IndexError> {
        let mut held = vec![0; known.len()];
        // Whoever takes no backups need not look.
        let erasures = match known.is_empty() {
            true => Vec::new(),
            false => self.ledger.erasures()?,
        };
        for (key, erasure) in erasures {
            let recordings = self.ledger.recordings(&key)?;
            let positions = &erasure.positions;
            for (held, (_, known)) in held.iter_mut().zip(&known) {
                *held += u64::from(known.may_hold(self.incarnation, &recordings, positions));
            }
        }
        let shown = known.into_iter().zip(held);
        Ok(shown
            .map(|((id, known), held)| known.shown(id, held))
            .collect())
    }
}

/// Writes a list, durably, whole or not at all.
fn write(path: &Path, known: &BTreeMap<Uuid, Known>) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(&serde_json::to_vec_pretty(known)?)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Moves positions to where others are further.
fn reach(positions: &mut Positions, others: &Positions) {
    for (partition, other) in others {
        let position = positions.entry(*partition).or_default();
        *position = (*position).max(*other);
    }
}

fn hex(incarnation: Incarnation) -> String {
    incarnation
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Incarnation = Incarnation([1; 16]);
    const ELSEWHERE: Incarnation = Incarnation([2; 16]);

    fn note(id: u128, up_to: u64, finished: bool) -> Note {
        Note {
            id: Uuid::from_u128(id),
            folder: "/srv/backup".to_owned(),
            host: "vault".to_owned(),
            up_to: [(1, up_to)].into(),
            finished,
        }
    }

    #[test]
    fn a_backup_may_hold_what_it_reached_and_has_not_erased() {
        let folder = tempfile::tempdir().unwrap();
        let backups = Backups::open(&folder.path().join("backups.json")).unwrap();
        let now = Timestamp::MIN;
        let holds = |backup: &Known, of| backup.may_hold(of, &[(1, 5)].into(), &[(1, 9)].into());
        let begun = backups.note(note(1, 4, false), HERE, now).unwrap();
        assert!(!holds(&begun, HERE), "it does not reach the report");
        let begun = backups.note(note(1, 7, false), HERE, now).unwrap();
        assert!(holds(&begun, HERE), "what is broken off may hold it");
        let finished = backups.note(note(1, 7, true), HERE, now).unwrap();
        assert!(holds(&finished, HERE), "it was erased later");
        let again = backups.note(note(1, 9, false), HERE, now).unwrap();
        assert!(holds(&again, HERE), "the erasure is not carried out yet");
        let again = backups.note(note(1, 9, true), HERE, now).unwrap();
        assert!(!holds(&again, HERE));
        assert!(holds(&again, ELSEWHERE), "nobody knows of another history");
        let elsewhere = backups.note(note(1, 9, true), ELSEWHERE, now);
        assert!(matches!(elsewhere, Err(BackupsError::OtherHistory)));
        assert!(
            !again.may_hold(HERE, &BTreeSet::new(), &[(1, 9)].into()),
            "it never came"
        );
    }

    #[test]
    fn the_list_outlives_the_process_and_one_that_is_no_list_is_not_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backups.json");
        let backups = Backups::open(&path).unwrap();
        for id in 0..MOST as u128 {
            backups
                .note(note(id, 1, true), HERE, Timestamp::MIN)
                .unwrap();
        }
        let more = backups.note(note(u128::MAX, 1, true), HERE, Timestamp::MIN);
        assert!(matches!(more, Err(BackupsError::TooMany)));
        assert!(backups.note(note(0, 2, true), HERE, Timestamp::MIN).is_ok());
        assert!(backups.forget(Uuid::from_u128(1)).unwrap());
        assert!(!backups.forget(Uuid::from_u128(1)).unwrap());
        let again = Backups::open(&path).unwrap();
        assert_eq!(again.all(), backups.all());
        assert_eq!(again.all().len(), MOST - 1);

        fs::write(&path, b"[]").unwrap();
        assert!(matches!(
            Backups::open(&path),
            Err(BackupsError::Form { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"[]");
    }
}
