//! Erasing what a frame holds, where it stands. The frame that is to stand there is first
//! written into a file beside the segments, durably: if the machine stops while it is
//! written over the old one, the next start writes it again.
//!
//! ```text
//! erasing   0 segment u32   4 offset u32   8 the frame   then crc u32
//! ```

use std::io;
use std::path::Path;
use std::sync::PoisonError;

use ascertain_log::Erase;

use crate::disk::Disk;
use crate::folder::{segment_path, segments, write_new};
use crate::frame::{FRAME_HEADER_BYTES, claimed_length, erased, parse, seed, u32_at};
use crate::read::{Place, Reader};

const NAME: &str = "erasing";

/// Erases what records hold. Nobody else may write to the log meanwhile.
pub(crate) fn erase(log: &Reader, records: &[Erase]) -> io::Result<()> {
    for record in records {
        let place = log.place(record.partition, record.sequence);
        if let Some(place) = place.filter(|place| *place != Place::DAMAGED) {
            one(log, place, record)?;
        }
    }
    Ok(())
}

fn one(log: &Reader, place: Place, record: &Erase) -> io::Result<()> {
    let (segment, offset) = place.parts();
    let file = log.disk.open(&segment_path(&log.folder, segment))?;
    let read = |bytes: usize| {
        let mut buffer = vec![0; bytes];
        let read = file.read_at(&mut buffer, u64::from(offset))?;
        buffer.truncate(read);
        Ok::<_, io::Error>(buffer)
    };
    let header = read(FRAME_HEADER_BYTES)?;
    let frame = read(claimed_length(&header))?;
    let seed = seed(log.incarnation, segment);
    if let Err(flaw) = parse(&frame, seed) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, flaw.to_string()));
    }
    let Some(left) = erased(&frame, record.tombstone.as_deref(), seed) else {
        return Ok(());
    };
    let mut noted = segment.to_le_bytes().to_vec();
    noted.extend(offset.to_le_bytes());
    noted.extend(&left);
    noted.extend(crc32c::crc32c(&noted).to_le_bytes());
    let disk = log.disk.as_ref();
    write_new(disk, &log.folder, NAME, &noted)?;
    let written = {
        let _nobody_reads = log.erasing.write().unwrap_or_else(PoisonError::into_inner);
        file.write_at(&left, u64::from(offset))
    };
    // Half of it may stand there: from here on only a start, which writes it again, goes on.
    let done = written.and_then(|()| file.sync());
    done.map_err(io::Error::other)?;
    forget(disk, &log.folder).map_err(io::Error::other)
}

/// Finishes what a stop broke off.
pub(crate) fn finish(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let noted = match disk.read(&folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        noted => noted?,
    };
    // It came into being whole: what is otherwise was damaged since, and what it was to
    // stand for is whole where it was, or is found to be damaged.
    if let Some(body) = noted.len().checked_sub(4).filter(|body| *body > 8)
        && u32_at(&noted, body) == crc32c::crc32c(&noted[..body])
    {
        let (segment, offset) = (u32_at(&noted, 0), u32_at(&noted, 4));
        if segments(disk, folder)?.contains(&segment) {
            let file = disk.open(&segment_path(folder, segment))?;
            file.write_at(&noted[8..body], u64::from(offset))?;
            file.sync()?;
        }
    }
    forget(disk, folder)
}

fn forget(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    disk.remove(&folder.join(NAME))?;
    disk.sync_folder(folder)
}
