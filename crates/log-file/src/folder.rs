//! The folder of a log: its lock, its manifest, and the names of its segments.
//!
//! ```text
//! manifest   0 magic "ascntlog"   8 version u32   12 partitions u32
//!           16 incarnation [16]  32 crc u32
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ascertain_log::Incarnation;
use rustix::fs::{FlockOperation, flock};

use crate::frame::{segment_header, u32_at};

const MANIFEST_MAGIC: &[u8; 8] = b"ascntlog";
const MANIFEST_VERSION: u32 = 1;
const MANIFEST_BYTES: usize = 36;

/// What was fixed when the log was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) incarnation: Incarnation,
    pub(crate) partitions: u32,
}

/// Takes the folder's lock, held as long as the file is open; `None` while
/// somebody else has it.
pub(crate) fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(folder.join("lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The manifest: `None` where there is none, a text where it cannot be used.
pub(crate) fn read_manifest(folder: &Path) -> io::Result<Option<Result<Manifest, String>>> {
    match fs::read(folder.join("manifest")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => Ok(Some(parse_manifest(&bytes))),
    }
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest, String> {
    if bytes.len() != MANIFEST_BYTES || &bytes[..8] != MANIFEST_MAGIC {
        return Err("it is not the manifest of a log".to_owned());
    }
    if u32_at(bytes, 32) != crc32c::crc32c(&bytes[..32]) {
        return Err("its checksum does not match".to_owned());
    }
    let version = u32_at(bytes, 8);
    if version != MANIFEST_VERSION {
        return Err(format!("format version {version} is not known here"));
    }
    let mut incarnation = [0; 16];
    incarnation.copy_from_slice(&bytes[16..32]);
    Ok(Manifest {
        incarnation: Incarnation(incarnation),
        partitions: u32_at(bytes, 12),
    })
}

/// Writes the manifest, durably, whole or not at all.
pub(crate) fn write_manifest(folder: &Path, manifest: &Manifest) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(MANIFEST_BYTES);
    bytes.extend(MANIFEST_MAGIC);
    bytes.extend(MANIFEST_VERSION.to_le_bytes());
    bytes.extend(manifest.partitions.to_le_bytes());
    bytes.extend(manifest.incarnation.0);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    write_new(folder, "manifest", &bytes).map(drop)
}

/// Makes a segment, durably, whole or not at all, and opens it.
pub(crate) fn create_segment(
    folder: &Path,
    incarnation: Incarnation,
    segment: u32,
) -> io::Result<File> {
    write_new(
        folder,
        &segment_name(segment),
        &segment_header(incarnation, segment),
    )
}

/// The path of a segment.
pub(crate) fn segment_path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(segment_name(segment))
}

fn segment_name(segment: u32) -> String {
    format!("{segment:020}.seg")
}

/// The numbers of the segments there, ascending.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes what a stop between writing and renaming left behind.
pub(crate) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<File> {
    let temporary = folder.join(format!("{name}.tmp"));
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    sync_folder(folder)?;
    Ok(file)
}
