//! The three things that the committer asks of the disk, so that tests can make
//! them fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Writes, syncs and truncates a segment.
pub(crate) trait Disk: Send {
    /// Writes all of `bytes` at an offset.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Cuts the file to a length and makes that durable.
    fn truncate(&self, file: &File, length: u64) -> io::Result<()>;
}

/// The machine's own.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)?;
        file.sync_all()
    }
}
