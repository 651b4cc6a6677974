//! The files around sled: the lock, the state file, and the folders set aside.
//!
//! ```text
//! dir.lock           held while the store is open
//! dir/state          schema, last synced commit, whether it was closed cleanly
//! dir/damaged        why it has to be set aside; there only if so
//! dir/sled/          sled's own; after a compaction in sled-<n>/, as dir/tree says
//! dir.damaged-<n>    what was set aside; the newest two are kept
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock, statvfs};

use crate::error::StoreError;
use crate::medium::{Lock, Medium, Tree};
use crate::sled_tree::{self, SledTree};

/// How many folders set aside are kept.
const KEPT_ASIDE: usize = 2;
const FORMAT: &str = "ascertain-store 1";

/// What is known about a store without opening it. The commit is a watermark:
/// sled takes a damaged log for a shorter one and says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) schema: String,
    pub(crate) version: u32,
    /// The last commit that was synced.
    pub(crate) commit: u64,
    /// Whether the store was closed, and not just dropped or killed.
    pub(crate) clean: bool,
}

impl State {
    fn to_text(&self) -> String {
        let Self {
            schema,
            version,
            commit,
            clean,
        } = self;
        let text = format!(
            "{FORMAT}\nschema {schema}\nversion {version}\ncommit {commit}\nclean {clean}\n"
        );
        let crc = crc32c::crc32c(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != FORMAT {
            return None;
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let state = Self {
            schema: field("schema")?.to_owned(),
            version: field("version")?.parse().ok()?,
            commit: field("commit")?.parse().ok()?,
            clean: field("clean")?.parse().ok()?,
        };
        // The same text again says that every byte is as it was written.
        (state.to_text() == text).then_some(state)
    }
}

/// A folder for a store.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    fn disk(&self, error: &io::Error) -> StoreError {
        StoreError::disk(&self.0, error)
    }
}

impl Medium for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn lock(&self) -> Result<Option<Lock>, StoreError> {
        let file = lock(&self.0).map_err(|error| self.disk(&error))?;
        Ok(file.map(|file| Box::new(file) as Lock))
    }

    fn condemned(&self) -> Option<String> {
        let bytes = fs::read(self.0.join("damaged")).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn condemn(&self, reason: &str) -> Result<(), StoreError> {
        let written = fs::write(self.0.join("damaged"), reason);
        let durable = written.and_then(|()| sync_folder(&self.0));
        durable.map_err(|error| self.disk(&error))
    }

    fn read_state(&self) -> Result<Option<State>, StoreError> {
        read_state(&self.0).map_err(|error| self.disk(&error))
    }

    fn write_state(&self, state: &State) -> Result<(), StoreError> {
        write_state(&self.0, state).map_err(|error| self.disk(&error))
    }

    fn has_tree(&self) -> bool {
        // The state file comes first when a store is made, sled's folder last.
        sled(&self.0).exists()
    }

    fn open(&self, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
        remove_other_trees(&self.0).map_err(|error| self.disk(&error))?;
        Ok(Arc::new(SledTree::open(&sled(&self.0), cache_bytes)?))
    }

    fn make(&self, fresh: &State, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
        make(&self.0).map_err(|error| self.disk(&error))?;
        self.write_state(fresh)?;
        let tree = sled_tree::make(&sled(&self.0), cache_bytes)?;
        sync_folder(&self.0).map_err(|error| self.disk(&error))?;
        Ok(tree)
    }

    fn begin_next(&self, cache_bytes: u64) -> Result<Arc<dyn Tree>, StoreError> {
        let next = next_tree(&self.0).map_err(|error| self.disk(&error))?;
        remove_folder(&next).map_err(|error| self.disk(&error))?;
        sled_tree::make(&next, cache_bytes)
    }

    fn drop_next(&self) -> Result<(), StoreError> {
        let next = next_tree(&self.0).map_err(|error| self.disk(&error))?;
        remove_folder(&next).map_err(|error| self.disk(&error))
    }

    fn take_next(&self) -> Result<(), StoreError> {
        let take = || {
            let next = next_tree(&self.0)?;
            let name = next.file_name().map(ToOwned::to_owned);
            let name = name.unwrap_or_default().into_encoded_bytes();
            write_durably(&self.0, "tree", &name)?;
            remove_other_trees(&self.0)
        };
        take().map_err(|error| self.disk(&error))
    }

    fn set_aside(&self) -> Result<(), StoreError> {
        set_aside(&self.0).map_err(|error| self.disk(&error))
    }

    fn remove(&self) -> Result<(), StoreError> {
        remove_folder(&self.0).map_err(|error| self.disk(&error))
    }

    fn free_bytes(&self) -> Option<u64> {
        let found = statvfs(&self.0).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Takes the lock beside a store's folder, held as long as the file is open;
/// `None` while somebody else has it.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    if let Some(parent) = parent(dir) {
        fs::create_dir_all(parent)?;
    }
    let file = File::options()
        .create(true)
        .append(true)
        .open(beside(dir, ".lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The folder of sled.
fn sled(dir: &Path) -> PathBuf {
    // What cannot be read is not there: the store begins anew.
    let name = fs::read_to_string(dir.join("tree")).ok();
    let number = name.as_deref().and_then(tree_number);
    number.map_or_else(|| dir.join(FIRST_TREE), |n| dir.join(tree_name(n)))
}

/// The first folder of sled; later ones are numbered.
const FIRST_TREE: &str = "sled";

fn tree_name(number: u64) -> String {
    format!("{FIRST_TREE}-{number}")
}

fn tree_number(name: &str) -> Option<u64> {
    name.strip_prefix("sled-")?.parse().ok()
}

/// The folder of the tree after this one.
fn next_tree(dir: &Path) -> io::Result<PathBuf> {
    let now = sled(dir);
    let name = now.file_name().and_then(|name| name.to_str());
    let number = name.and_then(tree_number).unwrap_or(0);
    Ok(dir.join(tree_name(number + 1)))
}

/// Removes what a compaction left behind, done or not.
fn remove_other_trees(dir: &Path) -> io::Result<()> {
    let now = sled(dir);
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_tree = name.is_some_and(|name| name == FIRST_TREE || tree_number(name).is_some());
        if is_tree && path != now {
            remove_folder(&path)?;
        }
    }
    sync_folder(dir)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The state file: `None` where there is none, or none that can be read.
fn read_state(dir: &Path) -> io::Result<Option<State>> {
    match fs::read(dir.join("state")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(State::from_text)),
    }
}

/// Writes the state file, durably, whole or not at all.
fn write_state(dir: &Path, state: &State) -> io::Result<()> {
    write_durably(dir, "state", state.to_text().as_bytes())
}

/// Writes a file, durably, whole or not at all.
fn write_durably(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, dir.join(name))?;
    sync_folder(dir)
}

/// Makes the folder of a new store.
fn make(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    sync_folder(parent(dir).unwrap_or(Path::new(".")))
}

/// Moves a store's folder aside, and forgets all but the newest set aside.
fn set_aside(dir: &Path) -> io::Result<()> {
    let mut aside = numbers_aside(dir)?;
    let next = aside.last().map_or(1, |last| last + 1);
    fs::rename(dir, beside(dir, &format!(".damaged-{next}")))?;
    aside.push(next);
    for old in aside.iter().rev().skip(KEPT_ASIDE) {
        fs::remove_dir_all(beside(dir, &format!(".damaged-{old}")))?;
    }
    Ok(())
}

fn numbers_aside(dir: &Path) -> io::Result<Vec<u64>> {
    let Some(name) = dir.file_name().and_then(|name| name.to_str()) else {
        return Ok(Vec::new());
    };
    let prefix = format!("{name}.damaged-");
    let mut numbers = Vec::new();
    for entry in fs::read_dir(parent(dir).unwrap_or(Path::new(".")))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes files of sled's folder whose names say that they are snapshots: all of
/// them, or those left behind half made. Snapshots only save a scan of the log; a
/// bad one makes opening fail for good.
pub(crate) fn remove_snapshots(sled: &Path, only_half_made: bool) -> io::Result<()> {
    let entries = match fs::read_dir(sled) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && (!only_half_made || name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent(dir: &Path) -> Option<&Path> {
    dir.parent().filter(|parent| !parent.as_os_str().is_empty())
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut path = dir.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
