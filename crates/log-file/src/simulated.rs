//! A disk in memory that loses power, fills up, fails and lies: for tests.
//!
//! It models a disk below a page cache. A write stands in the cache at once, and is
//! read from there; it is durable after a sync of its file. Without one a power cut
//! leaves any of its sectors, each whole or not at all, in any order, and of the
//! file's length and of the names in a folder any that stood since the last sync.
//! So a cut is harsher than one of a journaling file system, which keeps the order of
//! names. It does not model a disk that loses what it confirmed, but for
//! [`SimulatedDisk::lie`].

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, Lock};

const SECTOR_BYTES: usize = 512;

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    files: BTreeMap<u64, Content>,
    names: Names,
    /// The names as they stood since the last sync of their folder, the durable first.
    names_since: BTreeMap<PathBuf, Vec<Names>>,
    next_file: u64,
    capacity: u64,
    operations: u64,
    off_after: Option<u64>,
    is_off: bool,
    lies: bool,
    fails_sync: bool,
    fails_one_after: Option<u64>,
    fails_write: bool,
    unreadable: Option<(PathBuf, Range<u64>)>,
    random: fastrand::Rng,
}

/// Files by their names within one folder, or within all.
type Names = BTreeMap<PathBuf, u64>;

#[derive(Default, Clone)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    since: Vec<Change>,
}

/// What was done to a file since its last sync.
#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl SimulatedDisk {
    /// An empty disk of so many bytes. The seed decides what a power cut leaves.
    #[must_use]
    pub fn new(capacity: u64, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            names: Names::new(),
            names_since: BTreeMap::new(),
            next_file: 0,
            capacity,
            operations: 0,
            off_after: None,
            is_off: false,
            lies: false,
            fails_sync: false,
            fails_one_after: None,
            fails_write: false,
            unreadable: None,
            random: fastrand::Rng::with_seed(seed),
        })))
    }

    /// The power goes off within the operation after so many more.
    pub fn power_off_after(&self, operations: u64) {
        let mut state = self.state();
        state.off_after = Some(state.operations + operations);
    }

    /// Whether the power is off: everything fails then.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// How many operations changed or synced something.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// From now on a sync says that all is well and does nothing.
    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// Whether syncs fail from now on. What one was to write is read as long as the power
    /// is on, and no later sync writes it.
    pub fn fail_sync(&self, fails: bool) {
        self.state().fails_sync = fails;
    }

    /// The first sync after so many more operations fails, and those after it do not.
    pub fn fail_one_sync_after(&self, operations: u64) {
        let mut state = self.state();
        state.fails_one_after = Some(state.operations + operations);
    }

    /// Whether writes fail from now on, after some of their bytes.
    pub fn fail_write(&self, fails: bool) {
        self.state().fails_write = fails;
    }

    /// No byte of a stretch of a file can be read from now on.
    pub fn cannot_read(&self, path: &Path, stretch: Option<Range<u64>>) {
        self.state().unreadable = stretch.map(|stretch| (path.to_owned(), stretch));
    }

    /// From now on the disk has so many bytes in all.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Changes the bytes of a file behind everybody's back, durably: damage.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let file = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let content = state.content(file);
        change(&mut content.cached);
        content.durable = content.cached.clone();
        content.since.clear();
        Ok(())
    }

    /// The files with their names and lengths, as they are read now.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, usize)> {
        let state = self.state();
        let length = |file| state.files.get(file).map_or(0, |c| c.cached.len());
        let files = state.names.iter();
        files
            .map(|(path, file)| (path.clone(), length(file)))
            .collect()
    }

    /// What is there when the power comes back: another disk. Of what was not synced
    /// nothing is kept, or all, or any part of it.
    #[must_use]
    pub fn after_power_cut(&self) -> Self {
        let mut state = self.state();
        let kept = match state.random.u8(0..4) {
            0 => 0.0,
            1 => 1.0,
            _ => state.random.f64(),
        };
        let mut random = state.random.fork();
        let mut names = state.names.clone();
        for (folder, since) in &state.names_since {
            names.retain(|path, _| path.parent() != Some(folder));
            let newest = (since.len() - 1) as f64 * kept;
            let chosen = random.usize(0..=newest.round() as usize);
            names.extend(since[chosen].clone());
        }
        let after = Self::new(state.capacity, random.u64(..));
        let mut disk = after.state();
        disk.next_file = state.next_file;
        for (path, file) in names {
            let content = state.files.get(&file).cloned().unwrap_or_default();
            let left = content.after_power_cut(kept, &mut random);
            disk.files.insert(
                file,
                Content {
                    cached: left.clone(),
                    durable: left,
                    since: Vec::new(),
                },
            );
            disk.names.insert(path, file);
        }
        drop(disk);
        after
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    /// Makes durable what was done since the last sync; what an earlier one failed to
    /// write is not among it.
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.since) {
            match change {
                Change::Length(length) => self.durable.resize(length, 0),
                Change::Write { offset, bytes } => {
                    let end = offset + bytes.len();
                    self.durable.resize(self.durable.len().max(end), 0);
                    self.durable[offset..end].copy_from_slice(&bytes);
                }
            }
        }
    }

    fn after_power_cut(&self, kept: f64, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut lengths = vec![self.durable.len()];
        for change in &self.since {
            let last = lengths.last().copied().unwrap_or(0);
            lengths.push(match change {
                Change::Write { offset, bytes } => last.max(offset + bytes.len()),
                Change::Length(length) => *length,
            });
        }
        let newest = ((lengths.len() - 1) as f64 * kept).round() as usize;
        let mut left = self.durable.clone();
        left.resize(lengths.iter().copied().max().unwrap_or(0), 0);
        for change in &self.since {
            let Change::Write { offset, bytes } = change else {
                continue;
            };
            let mut at = 0;
            while at < bytes.len() {
                let to_next = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
                let part = to_next.min(bytes.len() - at);
                if random.f64() < kept {
                    left[offset + at..offset + at + part].copy_from_slice(&bytes[at..at + part]);
                }
                at += part;
            }
        }
        left.truncate(lengths[random.usize(0..=newest)]);
        left
    }
}

impl State {
    fn content(&mut self, file: u64) -> &mut Content {
        self.files.entry(file).or_default()
    }

    fn used(&self) -> u64 {
        let named = self.names.values().filter_map(|file| self.files.get(file));
        named.map(|content| content.cached.len() as u64).sum()
    }

    /// Begins an operation. Returns whether the power goes off within it.
    fn begin(&mut self) -> io::Result<bool> {
        if self.is_off {
            return Err(off());
        }
        self.operations += 1;
        self.is_off = self.off_after.is_some_and(|after| self.operations > after);
        Ok(self.is_off)
    }

    fn write(&mut self, file: u64, bytes: &[u8], offset: usize) -> io::Result<()> {
        let goes_off = self.begin()?;
        let used = self.used();
        let content = self.files.entry(file).or_default();
        let grows = (offset + bytes.len()).saturating_sub(content.cached.len()) as u64;
        let is_full = used + grows > self.capacity;
        let part = match goes_off || is_full || self.fails_write {
            true => bytes.len() / 2,
            false => bytes.len(),
        };
        let end = offset + part;
        if content.cached.len() < end && !is_full {
            content.cached.resize(end, 0);
        }
        let part = part.min(content.cached.len().saturating_sub(offset));
        content.cached[offset..offset + part].copy_from_slice(&bytes[..part]);
        content.since.push(Change::Write {
            offset,
            bytes: bytes[..part].to_vec(),
        });
        match () {
            () if goes_off => Err(off()),
            () if is_full => Err(io::ErrorKind::StorageFull.into()),
            () if self.fails_write => Err(io::Error::other("the disk is broken")),
            () => Ok(()),
        }
    }

    fn set_length(&mut self, file: u64, length: usize) -> io::Result<()> {
        let goes_off = self.begin()?;
        let content = self.content(file);
        content.cached.resize(length, 0);
        content.since.push(Change::Length(length));
        if goes_off { Err(off()) } else { Ok(()) }
    }

    fn sync(&mut self, file: u64) -> io::Result<()> {
        let goes_off = self.begin()?;
        let fails_once = self.fails_one_after.is_some_and(|at| self.operations > at);
        if fails_once {
            self.fails_one_after = None;
        }
        if self.fails_sync || fails_once {
            // As Linux does: what could not be written is taken for written.
            self.content(file).since.clear();
            return Err(io::Error::other("the disk is broken"));
        }
        // Cut off within a sync, it has done all or nothing of its work.
        if !self.lies && (!goes_off || self.random.bool()) {
            self.content(file).sync();
        }
        if goes_off { Err(off()) } else { Ok(()) }
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        let goes_off = self.begin()?;
        if !self.lies && (!goes_off || self.random.bool()) {
            self.names_since.remove(folder);
        }
        if goes_off { Err(off()) } else { Ok(()) }
    }

    /// Changes the names in the folder of a path.
    fn rename(&mut self, path: &Path, change: impl FnOnce(&mut Names)) -> io::Result<()> {
        let goes_off = self.begin()?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let before = self.within(&folder);
        change(&mut self.names);
        let after = self.within(&folder);
        let since = self.names_since.entry(folder);
        since.or_insert_with(|| vec![before]).push(after);
        if goes_off { Err(off()) } else { Ok(()) }
    }

    fn within(&self, folder: &Path) -> Names {
        let names = self.names.iter();
        let inside = names.filter(|(path, _)| path.parent() == Some(folder));
        inside.map(|(path, file)| (path.clone(), *file)).collect()
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl Disk for SimulatedDisk {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    /// One opener at a time is up to the test: a process without power holds no lock.
    fn lock(&self, _: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Box::new(())))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inside = self.state().within(folder);
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(inside.keys().filter_map(name).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state().names.get(path).copied();
        Ok(Arc::new(SimulatedFile {
            disk: self.clone(),
            file: file.ok_or(io::ErrorKind::NotFound)?,
        }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let file = state.next_file;
        state.next_file += 1;
        state.files.insert(file, Content::default());
        state.rename(path, |names| {
            names.insert(path.to_owned(), file);
        })?;
        let disk = self.clone();
        Ok(Arc::new(SimulatedFile { disk, file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().rename(to, |names| {
            if let Some(file) = names.remove(from) {
                names.insert(to.to_owned(), file);
            }
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().rename(path, |names| {
            names.remove(path);
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.state().sync_folder(folder)
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let state = self.state();
        Ok(state.capacity.saturating_sub(state.used()))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: u64,
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state().content(self.file).cached.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        if let Some((path, stretch)) = &state.unreadable
            && state.names.get(path) == Some(&self.file)
            && offset < stretch.end
            && offset + buffer.len() as u64 > stretch.start
        {
            return Err(rustix::io::Errno::IO.into());
        }
        let cached = &state.content(self.file).cached;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = cached.get(start..).unwrap_or_default();
        let read = there.len().min(buffer.len());
        buffer[..read].copy_from_slice(&there[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.state().write(self.file, bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.disk.state().set_length(self.file, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state().sync(self.file)
    }
}
