//! Recovery: reads every segment, checks every frame, and tells a torn tail, which
//! was never acknowledged, from damage.

use std::io;
use std::path::{Path, PathBuf};

use ascertain_log::{End, Incarnation, PartitionId, Sequence};

use crate::disk::Disk;
use crate::error::Damage;
use crate::folder::segment_path;
use crate::frame::{
    FRAMES_START, Flaw, Frame, Layout, SEGMENT_HEADER_BYTES, SLOTS, check_segment_header, find,
    hearsay, parse, seed,
};
use crate::mark::{Mark, is_zero, zero_sectors};
use crate::read::Place;
use crate::torn::{holds_zero_page, is_torn_write, last_set};

/// What a log holds.
pub(crate) struct Scan {
    pub(crate) ends: Vec<End>,
    pub(crate) index: Vec<Vec<Place>>,
    pub(crate) records: u64,
    pub(crate) damages: Vec<Damage>,
    /// Whether it is known how far the log went: whether the last segment is there, and
    /// what says how far it was written.
    pub(crate) end_is_known: bool,
    /// Where to go on; `None`: no segments, or the last one cannot be read.
    pub(crate) tail: Option<Tail>,
    /// An empty segment behind the tail, which a crash left before it was used.
    pub(crate) leftover: Option<u32>,
    /// The greatest ends that watermarks speak of, and which segment's does.
    marked: Vec<(Sequence, u32)>,
}

/// The last segment, as far as it is whole.
pub(crate) struct Tail {
    pub(crate) number: u32,
    pub(crate) layout: Layout,
    /// Where the groups end that were surely durable before.
    pub(crate) settled: u64,
    /// Where the next group goes.
    pub(crate) length: u64,
    /// Bytes behind that were never acknowledged.
    pub(crate) torn_bytes: u64,
    /// The greatest count of its marks.
    pub(crate) count: u64,
    /// Whether the one before it has a watermark, which says that it is sealed.
    pub(crate) follows_sealed: bool,
}

/// Reads these segments, all that there are, of a log of so many partitions.
pub(crate) fn scan(
    disk: &dyn Disk,
    folder: &Path,
    segments: &[u32],
    incarnation: Incarnation,
    partitions: u32,
) -> io::Result<Scan> {
    let mut scan = Scan {
        ends: vec![End::EMPTY; partitions as usize],
        index: vec![Vec::new(); partitions as usize],
        records: 0,
        damages: Vec::new(),
        end_is_known: true,
        tail: None,
        leftover: None,
        marked: vec![(Sequence::ZERO, 0); partitions as usize],
    };
    let mut segments = segments.to_vec();
    scan.leftover = leftover(disk, folder, &segments, incarnation)?;
    if scan.leftover.is_some() {
        segments.pop();
    }
    let mut expected = 1;
    let mut follows_sealed = false;
    for (n, &number) in segments.iter().enumerate() {
        if number != expected {
            scan.missing_segment(folder, expected);
        }
        expected = number.saturating_add(1);
        let path = segment_path(folder, number);
        let bytes = disk.read(&path)?;
        let is_last = n + 1 == segments.len();
        scan.tail = None;
        let before_is_sealed = std::mem::take(&mut follows_sealed);
        let seed = seed(incarnation, number);
        let layout = check_segment_header(&bytes, incarnation, number).or_else(|detail| {
            // What stands behind it proves whose segment it is: checksums start from that.
            let layout = layout_without_header(&bytes, seed).ok_or_else(|| detail.clone())?;
            let header = 0..SEGMENT_HEADER_BYTES.min(bytes.len());
            scan.damage(path.clone(), header, detail, None);
            Ok(layout)
        });
        match layout {
            Err(detail) => {
                let detail: String = detail;
                let detail = format!("{detail}; which records it held is not known");
                scan.end_is_known &= !is_last;
                scan.damage(path, 0..bytes.len(), detail, None);
            }
            Ok(layout) => {
                let mark = match layout {
                    Layout::Plain => None,
                    Layout::Marked => newest_mark(&bytes, seed),
                };
                let damages = scan.damages.len();
                follows_sealed = mark.as_ref().is_some_and(|mark| mark.sealed);
                let segment = Segment {
                    path: &path,
                    number,
                    bytes: &bytes,
                    seed,
                    layout,
                    is_last,
                    follows_sealed: before_is_sealed,
                    mark,
                };
                segment.read_into(&mut scan);
                let is_whole = scan.damages.len() == damages;
                scan.end_is_known &= !is_last || segment.mark.is_some() || is_whole;
            }
        }
    }
    if follows_sealed || segments.is_empty() {
        scan.end_is_known = false;
        scan.missing_segment(folder, expected);
    }
    scan.missing_ends(folder);
    Ok(scan)
}

/// The layout of a segment whose header is damaged.
fn layout_without_header(bytes: &[u8], seed: u32) -> Option<Layout> {
    if newest_mark(bytes, seed).is_some() {
        return Some(Layout::Marked);
    }
    let first = find(bytes, SEGMENT_HEADER_BYTES, seed)?;
    Some(match first < FRAMES_START {
        true => Layout::Plain,
        false => Layout::Marked,
    })
}

pub(crate) fn newest_mark(segment: &[u8], seed: u32) -> Option<Mark> {
    let marks = SLOTS.iter().filter_map(|slot| {
        let at = usize::try_from(*slot).ok()?;
        Mark::read(segment.get(at..segment.len().min(FRAMES_START))?, seed)
    });
    marks.max_by_key(|mark| mark.count)
}

/// The last segment, where a crash came after it was made and before the one before
/// was sealed: nothing stands in it.
fn leftover(
    disk: &dyn Disk,
    folder: &Path,
    segments: &[u32],
    incarnation: Incarnation,
) -> io::Result<Option<u32>> {
    let [.., before, last] = *segments else {
        return Ok(None);
    };
    let head = |number: u32| -> io::Result<Option<(Layout, Option<Mark>, u64)>> {
        let file = disk.open(&segment_path(folder, number))?;
        let mut bytes = vec![0; FRAMES_START];
        let read = match file.read_at(&mut bytes, 0) {
            Err(_) => return Ok(None),
            Ok(read) => read,
        };
        bytes.truncate(read);
        let layout = check_segment_header(&bytes, incarnation, number).ok();
        let mark = newest_mark(&bytes, seed(incarnation, number));
        let length = file.length()?;
        Ok(layout.map(|layout| (layout, mark, length)))
    };
    let is_unused = |mark: &Mark, length: u64| {
        mark.written == FRAMES_START as u64 && length == FRAMES_START as u64
    };
    Ok(match (head(before)?, head(last)?) {
        (Some((Layout::Marked, Some(open), _)), Some((_, Some(mark), length)))
            if !open.sealed && is_unused(&mark, length) =>
        {
            Some(last)
        }
        _ => None,
    })
}

/// The frames of a batch so far, with their offsets.
type Batch<'a> = Vec<(usize, Frame<'a>)>;

struct Segment<'a> {
    path: &'a Path,
    number: u32,
    bytes: &'a [u8],
    seed: u32,
    layout: Layout,
    is_last: bool,
    follows_sealed: bool,
    /// The newest watermark; none in the plain layout.
    mark: Option<Mark>,
}

impl<'a> Segment<'a> {
    fn read_into(&self, scan: &mut Scan) {
        self.check_mark(scan);
        let mut at = self.layout.frames_start();
        let mut batch: Batch<'a> = Vec::new();
        let end = self.end();
        let set = self.bytes.get(..last_set(self.bytes)).unwrap_or_default();
        while at < end {
            let flaw = match parse(self.bytes.get(at..).unwrap_or_default(), self.seed) {
                Ok(frame) => {
                    let (start, ends_batch) = (at, frame.ends_batch);
                    at += frame.length;
                    batch.push((start, frame));
                    if ends_batch {
                        self.admit(scan, &mut batch);
                    }
                    continue;
                }
                Err(flaw) => flaw,
            };
            if self.is_blank(at) {
                break;
            }
            let next = find(set, at + 1, self.seed);
            if self.was_never_acknowledged(at, next, &flaw) {
                break;
            }
            // What is left of a batch that was acknowledged stays readable.
            self.admit(scan, &mut batch);
            let next = next.unwrap_or(end).min(end);
            self.damage(scan, at..next, flaw.to_string());
            at = next;
        }
        let whole = batch.first().map_or(at, |(start, _)| *start);
        if !batch.is_empty() && !self.was_never_acknowledged(whole, None, &Flaw::CutShort) {
            self.admit(scan, &mut batch);
            self.damage(scan, at..at, "the batch has no end".to_owned());
            self.close(scan, at);
            return;
        }
        self.close(scan, whole);
    }

    /// Where the frames end at the latest.
    fn end(&self) -> usize {
        match &self.mark {
            // A file that was cut lacks what the mark speaks of.
            Some(mark) if mark.sealed => usize::try_from(mark.written).unwrap_or(usize::MAX),
            Some(mark) => usize::try_from(mark.written)
                .unwrap_or(usize::MAX)
                .max(self.bytes.len()),
            None => self.bytes.len(),
        }
    }

    /// Whether nothing was ever written at `at` and behind it.
    fn is_blank(&self, at: usize) -> bool {
        let written = self.mark.as_ref().map_or(0, |mark| mark.written);
        self.is_last
            && at as u64 >= written
            && self.layout == Layout::Marked
            && self.bytes.get(at..).is_none_or(is_zero)
    }

    /// Whether the flaw at `at`, with the next whole frame at `next`, is what a crash
    /// leaves of a group that nobody was told is kept.
    fn was_never_acknowledged(&self, at: usize, next: Option<usize>, flaw: &Flaw) -> bool {
        if !self.is_last {
            return false;
        }
        let Some(mark) = &self.mark else {
            return self.layout == Layout::Plain
                && match next {
                    Some(next) => is_torn_write(self.bytes, self.seed, at, next),
                    // As it was written but for some bits, it is no torn write.
                    None => {
                        *flaw != Flaw::Checksum || holds_zero_page(self.bytes, at, self.bytes.len())
                    }
                };
        };
        let (settled, written) = (mark.settled, mark.written);
        if at as u64 >= written {
            return true;
        }
        // In the last group: what is missing of it reads as zeros, what changed does not.
        let range = usize::try_from(settled)
            .ok()
            .zip(usize::try_from(written).ok());
        let group = range.and_then(|(from, to)| self.bytes.get(from..to));
        at as u64 >= settled
            && self.bytes.len() as u64 >= mark.allocated
            && group.is_some_and(|group| zero_sectors(group, settled) > mark.zeros)
    }

    /// Notes where the log goes on if this is its last segment, and what the watermark
    /// says of its end.
    fn close(&self, scan: &mut Scan, length: usize) {
        let torn_bytes = match self.is_last {
            true => last_set(self.bytes).saturating_sub(length),
            false => 0,
        };
        if let Some(mark) = &self.mark
            && (length as u64 >= mark.written || !self.is_last || mark.settled == mark.written)
        {
            for (known, end) in scan.marked.iter_mut().zip(&mark.ends) {
                *known = (*known).max((*end, self.number));
            }
        }
        scan.tail = Some(Tail {
            number: self.number,
            layout: self.layout,
            settled: match &self.mark {
                Some(mark) => mark.settled.min(length as u64),
                None => self.layout.frames_start() as u64,
            },
            length: length as u64,
            torn_bytes: match self.layout {
                Layout::Marked => torn_bytes as u64,
                Layout::Plain => (self.bytes.len() - length) as u64,
            },
            count: self.mark.as_ref().map_or(0, |mark| mark.count),
            follows_sealed: self.follows_sealed,
        });
    }

    /// Checks that the watermark is that of this place in the log.
    fn check_mark(&self, scan: &mut Scan) {
        let detail = match (&self.mark, self.layout) {
            (_, Layout::Plain) => return,
            (Some(mark), _) if mark.sealed || self.is_last => return,
            (Some(_), _) => "the watermark is older than the next segment",
            (None, _) => {
                "neither of its two watermarks can be read; which records it held \
                          is not known but for those that are there"
            }
        };
        let slots = SLOTS[0] as usize..FRAMES_START.min(self.bytes.len());
        scan.damage(self.path.to_owned(), slots, detail.to_owned(), None);
    }

    fn admit(&self, scan: &mut Scan, batch: &mut Batch<'a>) {
        for (offset, frame) in batch.drain(..) {
            if let Err(detail) = scan.admit(self.path, self.number, offset, &frame) {
                self.damage(scan, offset..offset + frame.length, detail);
            }
        }
    }

    fn damage(&self, scan: &mut Scan, stretch: std::ops::Range<usize>, detail: String) {
        let told = self.bytes.get(stretch.start..).and_then(hearsay);
        scan.damage(self.path.to_owned(), stretch, detail, told);
    }
}

impl Scan {
    /// Bytes at the end that were never acknowledged.
    pub(crate) fn torn_bytes(&self) -> u64 {
        self.tail.as_ref().map_or(0, |tail| tail.torn_bytes)
    }

    fn damage(
        &mut self,
        segment: PathBuf,
        stretch: std::ops::Range<usize>,
        detail: String,
        told: Option<(PartitionId, Sequence)>,
    ) {
        // A damaged frame is believed where it says what had to come next.
        let told = told.filter(|(partition, sequence)| {
            let end = self.ends.get(partition.0 as usize);
            end.is_some_and(|end| end.last_sequence.next() == *sequence)
        });
        self.damages.push(Damage {
            segment,
            offset: stretch.start as u64,
            bytes: stretch.len() as u64,
            detail,
            records: told
                .map(|(partition, sequence)| (partition, sequence..=sequence))
                .into_iter()
                .collect(),
        });
    }

    fn missing_segment(&mut self, folder: &Path, number: u32) {
        let detail = "the segment is missing".to_owned();
        self.damage(segment_path(folder, number), 0..0, detail, None);
    }

    fn admit(
        &mut self,
        path: &Path,
        segment: u32,
        offset: usize,
        frame: &Frame<'_>,
    ) -> Result<(), String> {
        let at = frame.position;
        let partition = at.partition.0 as usize;
        let Some(end) = self.ends.get(partition).copied() else {
            return Err(format!("there is no partition {}", at.partition));
        };
        let expected = end.last_sequence.next();
        if at.sequence < expected {
            return Err(format!("record {} stands here again", at.sequence));
        }
        if at.sequence == expected {
            if at.chain != end.chain.extend(frame.body) {
                return Err("the chain does not continue".to_owned());
            }
        } else {
            if self.damages.is_empty() {
                let detail = "records before this place are missing".to_owned();
                self.damage(path.to_owned(), offset..offset, detail, None);
            }
            self.lack(at.partition, expected..=Sequence(at.sequence.0 - 1));
        }
        if let Some(index) = self.index.get_mut(partition) {
            index.push(Place::new(segment, offset));
        }
        self.records += 1;
        if let Some(end) = self.ends.get_mut(partition) {
            *end = End {
                last_sequence: at.sequence,
                known_at: Some(at.known_at),
                chain: at.chain,
            };
        }
        Ok(())
    }

    /// Notes with the last damage that records are missing, so that they are not
    /// served.
    fn lack(&mut self, partition: PartitionId, missing: std::ops::RangeInclusive<Sequence>) {
        if let Some(index) = self.index.get_mut(partition.0 as usize) {
            index.resize(missing.end().0 as usize, Place::DAMAGED);
        }
        if let Some(damage) = self.damages.last_mut() {
            damage.records.retain(|(known, _)| *known != partition);
            damage.records.push((partition, missing));
        }
    }

    /// What watermarks speak of and no frame holds is missing at the end of its
    /// partition.
    fn missing_ends(&mut self, folder: &Path) {
        for (partition, (marked, segment)) in (0..).map(PartitionId).zip(self.marked.clone()) {
            let end = match self.ends.get(partition.0 as usize) {
                Some(end) if end.last_sequence < marked => end.last_sequence,
                _ => continue,
            };
            let path = segment_path(folder, segment);
            if self.damages.last().is_none_or(|last| last.segment != path) {
                let detail = "records at its end are missing".to_owned();
                self.damage(path, 0..0, detail, None);
            }
            self.lack(partition, end.next()..=marked);
            if let Some(end) = self.ends.get_mut(partition.0 as usize) {
                end.last_sequence = marked;
            }
        }
    }
}
