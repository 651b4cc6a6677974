//! The folder of a log: its manifest, and the names of its segments.
//!
//! ```text
//! manifest   0 magic "ascntlog"   8 version u32   12 partitions u32
//!           16 incarnation [16]  32 follows [16]  48 crc u32
//! ```
//!
//! *Follows* is the incarnation of the log that this one was computed from; zeros
//! for none. Version 1 of a manifest had no such field, and its crc at 32.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ascertain_log::Incarnation;

use crate::disk::{Disk, DiskFile};
use crate::frame::{array_at, u32_at};

const MANIFEST_MAGIC: &[u8; 8] = b"ascntlog";
const MANIFEST_VERSION: u32 = 2;
const MANIFEST_NAME: &str = "manifest";

/// What was fixed when the log was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) incarnation: Incarnation,
    pub(crate) partitions: u32,
    /// The log that this one was computed from.
    pub(crate) follows: Option<Incarnation>,
    /// Whether it was read from the older form, which does not say what it follows,
    /// and was written before the first segment.
    pub(crate) is_old: bool,
}

/// The manifest: `None` where there is none, a text where it cannot be used.
pub(crate) fn read_manifest(
    disk: &dyn Disk,
    folder: &Path,
) -> io::Result<Option<Result<Manifest, String>>> {
    match disk.read(&folder.join(MANIFEST_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => Ok(Some(parse_manifest(&bytes))),
    }
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest, String> {
    if bytes.len() < 36 || &bytes[..8] != MANIFEST_MAGIC {
        return Err("it is not the manifest of a log".to_owned());
    }
    let version = u32_at(bytes, 8);
    let length = match version {
        1 => 36,
        MANIFEST_VERSION => 52,
        _ => return Err(format!("format version {version} is not known here")),
    };
    let crc = length - 4;
    if bytes.len() != length || u32_at(bytes, crc) != crc32c::crc32c(&bytes[..crc]) {
        return Err("its checksum does not match".to_owned());
    }
    let follows: [u8; 16] = match version {
        1 => [0; 16],
        _ => array_at(bytes, 32),
    };
    Ok(Manifest {
        incarnation: Incarnation(array_at(bytes, 16)),
        partitions: u32_at(bytes, 12),
        follows: (follows != [0; 16]).then_some(Incarnation(follows)),
        is_old: version == 1,
    })
}

/// Writes the manifest, durably, whole or not at all.
pub(crate) fn write_manifest(
    disk: &dyn Disk,
    folder: &Path,
    manifest: &Manifest,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(52);
    bytes.extend(MANIFEST_MAGIC);
    bytes.extend(MANIFEST_VERSION.to_le_bytes());
    bytes.extend(manifest.partitions.to_le_bytes());
    bytes.extend(manifest.incarnation.0);
    bytes.extend(manifest.follows.map_or([0; 16], |log| log.0));
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    write_new(disk, folder, MANIFEST_NAME, &bytes).map(drop)
}

/// The path of a segment.
pub(crate) fn segment_path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(segment_name(segment))
}

pub(crate) fn segment_name(segment: u32) -> String {
    format!("{segment:020}.seg")
}

/// The numbers of the segments there, ascending.
pub(crate) fn segments(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u32>> {
    let names = match disk.names(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    let number = |name: &String| name.strip_suffix(".seg")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes what a stop between writing and renaming left behind.
pub(crate) fn remove_leftovers(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for name in disk.names(folder)? {
        let path = folder.join(name);
        if path.extension().is_some_and(|extension| extension == "tmp") {
            disk.remove(&path)?;
        }
    }
    Ok(())
}

/// Makes a file, durably, whole or not at all, and opens it.
pub(crate) fn write_new(
    disk: &dyn Disk,
    folder: &Path,
    name: &str,
    bytes: &[u8],
) -> io::Result<Arc<dyn DiskFile>> {
    let temporary = folder.join(format!("{name}.tmp"));
    let file = disk.create(&temporary)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&temporary, &folder.join(name))?;
    disk.sync_folder(folder)?;
    Ok(file)
}
