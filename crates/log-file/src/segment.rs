//! The segment that is written now. Its space is filled with zeros before it is
//! used, so that a group changes bytes and no length: one sync of the data makes it
//! durable, and a sector that a power cut kept from the disk reads as zeros.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ascertain_log::{End, Incarnation, Sequence};

use crate::disk::{Disk, DiskFile, is_full};
use crate::folder::{segment_name, segment_path, write_new};
use crate::frame::{FRAMES_START, SLOTS, seed, segment_header};
use crate::mark::{Mark, zero_sectors};
use crate::scan::Tail;

/// Space is made for so many bytes at once.
const ALLOCATED_AT_ONCE: u64 = 1 << 20;
/// A page: space is made in whole ones.
const PAGE_BYTES: u64 = 4096;

/// Why a group was not committed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no space: it surely did not happen, and the log goes on.
    NoSpace(io::Error),
    /// It surely did not happen, but the log cannot go on.
    Stop(io::Error),
    /// It perhaps happened, and the log cannot go on.
    Unknown(io::Error),
}

/// A segment under the pen.
pub(crate) struct Segment {
    pub(crate) number: u32,
    /// Bytes that are durable and acknowledged; the next group goes here.
    pub(crate) length: u64,
    file: Arc<dyn DiskFile>,
    seed: u32,
    /// How far the file is filled, durably.
    allocated: u64,
    /// Where the segment is to be closed: space is made no further ahead.
    limit: u64,
    /// The mark that was written last.
    mark: Mark,
}

impl Segment {
    /// Makes an empty segment, durably, whole or not at all; its frames are to take
    /// `limit` bytes at the most.
    pub(crate) fn create(
        disk: &dyn Disk,
        folder: &Path,
        incarnation: Incarnation,
        (number, limit): (u32, u64),
        ends: &[End],
    ) -> io::Result<Self> {
        let seed = seed(incarnation, number);
        let start = FRAMES_START as u64;
        let mut mark = Mark {
            count: 0,
            sealed: false,
            settled: start,
            written: start,
            allocated: start,
            zeros: 0,
            ends: sequences(ends),
        };
        let mut bytes = segment_header(incarnation, number);
        bytes.resize(FRAMES_START, 0);
        for count in [1, 2] {
            mark.count = count;
            let marked = mark.to_bytes(seed);
            let at = usize::try_from(slot(count)).unwrap_or(0);
            bytes[at..at + marked.len()].copy_from_slice(&marked);
        }
        let file = write_new(disk, folder, &segment_name(number), &bytes)?;
        Ok(Self {
            number,
            length: start,
            file,
            seed,
            allocated: start,
            limit: start + limit,
            mark,
        })
    }

    /// Goes on with the last segment: clears its torn tail, and makes durable all that
    /// followers are about to see. What a killed process wrote and never synced is
    /// perhaps only in memory; after a sync that failed, the system even takes it for
    /// written, and no later sync writes it. So it is written once more.
    pub(crate) fn resume(
        disk: &dyn Disk,
        folder: &Path,
        incarnation: Incarnation,
        (tail, limit): (&Tail, u64),
        ends: &[End],
    ) -> io::Result<Self> {
        let Tail { number, length, .. } = *tail;
        let file = disk.open(&segment_path(folder, number))?;
        write_again(file.as_ref(), tail.settled, length)?;
        fill(file.as_ref(), length, file.length()?)?;
        file.sync()?;
        let allocated = file.length()?;
        let mut segment = Self {
            number,
            length,
            file,
            seed: seed(incarnation, number),
            allocated,
            limit: FRAMES_START as u64 + limit,
            mark: Mark {
                count: tail.count,
                sealed: false,
                settled: length,
                written: length,
                allocated,
                zeros: 0,
                ends: sequences(ends),
            },
        };
        // Both slots, one after the other: one of them may have been damaged.
        segment.mark(|_| ())?;
        segment.mark(|_| ())?;
        Ok(segment)
    }

    /// Makes the seal of a segment durable once more, as [`Segment::resume`] does what
    /// the last one holds.
    pub(crate) fn seal_again(disk: &dyn Disk, folder: &Path, number: u32) -> io::Result<()> {
        let file = disk.open(&segment_path(folder, number))?;
        write_again(file.as_ref(), 0, FRAMES_START as u64)?;
        file.sync()
    }

    /// Bytes of space that were made and are not used yet.
    pub(crate) fn room(&self) -> u64 {
        self.allocated.saturating_sub(self.length)
    }

    /// Whether there is a group that no mark calls settled.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.mark.settled != self.mark.written
    }

    /// Writes a group behind the last and makes it durable, with a mark that says so.
    /// `ends` are the ends after it.
    pub(crate) fn append(&mut self, group: &[u8], ends: &[End]) -> Result<(), Failure> {
        let (start, end) = (self.length, self.length + group.len() as u64);
        self.allocate(end).map_err(|error| match is_full(&error) {
            true => Failure::NoSpace(error),
            false => Failure::Stop(error),
        })?;
        let written = self.file.write_at(group, start).and_then(|()| {
            let ends = sequences(ends);
            self.write_mark(|mark| {
                (mark.settled, mark.written) = (start, end);
                (mark.zeros, mark.ends) = (zero_sectors(group, start), ends);
            })
        });
        if let Err(error) = written {
            // Part of the group may stand in the file. It is gone for sure only once
            // zeros are durable in its place.
            let undo = fill(self.file.as_ref(), start, end).and_then(|()| self.file.sync());
            return Err(match is_full(&error) && undo.is_ok() {
                true => Failure::NoSpace(error),
                false => Failure::Unknown(error),
            });
        }
        self.file.sync().map_err(Failure::Unknown)?;
        self.length = end;
        Ok(())
    }

    /// Notes durably that all so far is durable.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        let length = self.length;
        self.mark(|mark| (mark.settled, mark.written, mark.zeros) = (length, length, 0))
    }

    /// Closes the segment for good. The next one is there already: a sealed segment
    /// without a next one has lost it.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        self.settle()?;
        let length = self.length;
        let sealed = |mark: &mut Mark| (mark.sealed, mark.allocated) = (true, length);
        // One after the other, so that one can always be read.
        self.mark(sealed)?;
        self.mark(sealed)?;
        self.file.set_length(length)
    }

    fn mark(&mut self, change: impl FnOnce(&mut Mark)) -> io::Result<()> {
        self.write_mark(change)?;
        self.file.sync()
    }

    fn write_mark(&mut self, change: impl FnOnce(&mut Mark)) -> io::Result<()> {
        let mut mark = self.mark.clone();
        mark.count += 1;
        mark.allocated = self.allocated;
        change(&mut mark);
        self.file
            .write_at(&mark.to_bytes(self.seed), slot(mark.count))?;
        self.mark = mark;
        Ok(())
    }

    /// Fills the file with zeros to `end` or beyond, durably.
    fn allocate(&mut self, end: u64) -> io::Result<()> {
        if end <= self.allocated {
            return Ok(());
        }
        let ahead = (self.allocated + ALLOCATED_AT_ONCE).min(self.limit);
        let end = end.max(ahead).next_multiple_of(PAGE_BYTES);
        fill(self.file.as_ref(), self.allocated, end)?;
        self.file.sync()?;
        self.allocated = end;
        Ok(())
    }
}

/// Where the mark of this count is written.
fn slot(count: u64) -> u64 {
    SLOTS[usize::from(count.is_multiple_of(2))]
}

fn sequences(ends: &[End]) -> Vec<Sequence> {
    ends.iter().map(|end| end.last_sequence).collect()
}

/// Writes what a file holds from one offset to another over itself.
fn write_again(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from).min(1 << 20)).unwrap_or(0)];
    let mut at = from;
    while at < to {
        let part = usize::try_from((to - at).min(bytes.len() as u64)).unwrap_or(0);
        let read = file.read_at(&mut bytes[..part], at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(&bytes[..read], at)?;
        at += read as u64;
    }
    Ok(())
}

/// Writes zeros from one offset to another.
fn fill(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(to.saturating_sub(from).min(1 << 20)).unwrap_or(0)];
    let mut at = from;
    while at < to {
        let part = (to - at).min(zeros.len() as u64);
        file.write_at(&zeros[..usize::try_from(part).unwrap_or(0)], at)?;
        at += part;
    }
    Ok(())
}
