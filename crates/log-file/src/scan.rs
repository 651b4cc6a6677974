//! Recovery: reads every segment, checks every frame, and tells a torn tail, which
//! was never acknowledged, from damage.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ascertain_log::{End, Incarnation, PartitionId, Sequence};

use crate::error::Damage;
use crate::folder::segment_path;
use crate::frame::{Frame, SEGMENT_HEADER_BYTES, check_segment_header, find, hearsay, parse, seed};
use crate::read::Place;

/// A write that a power cut tore leaves pages of zeros where data never arrived.
const PAGE_BYTES: usize = 4096;
/// Fewer zeros than this may be anybody's.
const SECTOR_BYTES: usize = 512;

/// What a log holds.
pub(crate) struct Scan {
    pub(crate) ends: Vec<End>,
    pub(crate) index: Vec<Vec<Place>>,
    pub(crate) records: u64,
    pub(crate) damages: Vec<Damage>,
    /// Bytes at the end of the last segment that were never acknowledged.
    pub(crate) torn_bytes: u64,
    /// The last segment and its length without a torn tail; `None`: no segments.
    pub(crate) last: Option<(u32, u64)>,
}

/// Reads these segments, all that there are, of a log of so many partitions.
pub(crate) fn scan(
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
        torn_bytes: 0,
        last: None,
    };
    let mut expected = 1;
    for &number in segments {
        if number != expected {
            let detail = "the segment is missing".to_owned();
            scan.damage(segment_path(folder, expected), 0..0, detail, None);
        }
        expected = number.saturating_add(1);
        let path = segment_path(folder, number);
        let bytes = fs::read(&path)?;
        let mut kept = bytes.len();
        match check_segment_header(&bytes, incarnation, number) {
            Err(detail) => scan.damage(path, 0..bytes.len(), detail, None),
            Ok(()) => {
                let segment = Segment {
                    path: &path,
                    number,
                    bytes: &bytes,
                    seed: seed(incarnation, number),
                    is_last: segments.last() == Some(&number),
                };
                kept = segment.read_into(&mut scan);
            }
        }
        scan.torn_bytes = (bytes.len() - kept) as u64;
        scan.last = Some((number, kept as u64));
    }
    Ok(scan)
}

/// The frames of a batch so far, with their offsets.
type Batch<'a> = Vec<(usize, Frame<'a>)>;

struct Segment<'a> {
    path: &'a Path,
    number: u32,
    bytes: &'a [u8],
    seed: u32,
    is_last: bool,
}

impl<'a> Segment<'a> {
    /// Returns how many bytes to keep: fewer than there are for a torn tail.
    fn read_into(&self, scan: &mut Scan) -> usize {
        let mut at = SEGMENT_HEADER_BYTES;
        let mut batch: Batch<'a> = Vec::new();
        while at < self.bytes.len() {
            match parse(&self.bytes[at..], self.seed) {
                Ok(frame) => {
                    let (start, ends_batch) = (at, frame.ends_batch);
                    at += frame.length;
                    batch.push((start, frame));
                    if ends_batch {
                        self.admit(scan, &mut batch);
                    }
                }
                Err(flaw) => {
                    let next = find(self.bytes, at + 1, self.seed);
                    let Some(next) = next.filter(|next| !self.is_torn_write(at, *next)) else {
                        return self.end(scan, batch, at, &flaw.to_string());
                    };
                    // What is left of a batch that was acknowledged stays readable.
                    self.admit(scan, &mut batch);
                    self.damage(scan, at..next, flaw.to_string());
                    at = next;
                }
            }
        }
        self.end(scan, batch, at, "the batch has no end")
    }

    /// The frames end at `at`, perhaps within a batch, perhaps before the bytes do.
    fn end(&self, scan: &mut Scan, mut batch: Batch<'a>, at: usize, detail: &str) -> usize {
        let whole = batch.first().map_or(at, |(start, _)| *start);
        if whole == self.bytes.len() {
            return whole;
        }
        if self.is_last {
            return whole;
        }
        self.admit(scan, &mut batch);
        self.damage(scan, at..self.bytes.len(), detail.to_owned());
        self.bytes.len()
    }

    /// Whether the flaw at `at`, with a whole frame at `next` behind it, is what a
    /// power cut leaves of a write whose pages did not all arrive: it lies in the
    /// very last group, and a page of it reads as zeros.
    fn is_torn_write(&self, at: usize, next: usize) -> bool {
        if !self.is_last {
            return false;
        }
        let mut group_start = next;
        let mut frame_at = Some(next);
        while let Some(start) = frame_at {
            frame_at = match parse(&self.bytes[start..], self.seed) {
                Ok(frame) => {
                    group_start = start.saturating_sub(frame.group_bytes);
                    Some(start + frame.length).filter(|next| *next < self.bytes.len())
                }
                Err(_) => find(self.bytes, start + 1, self.seed),
            };
        }
        group_start <= at && holds_zero_page(self.bytes, at, next)
    }

    fn admit(&self, scan: &mut Scan, batch: &mut Batch<'a>) {
        for (offset, frame) in batch.drain(..) {
            if let Err(detail) = scan.admit(self.number, offset, &frame) {
                self.damage(scan, offset..offset + frame.length, detail);
            }
        }
    }

    fn damage(&self, scan: &mut Scan, stretch: std::ops::Range<usize>, detail: String) {
        let told = hearsay(&self.bytes[stretch.start..]);
        scan.damage(self.path.to_owned(), stretch, detail, told);
    }
}

impl Scan {
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

    fn admit(&mut self, segment: u32, offset: usize, frame: &Frame<'_>) -> Result<(), String> {
        let at = frame.position;
        let partition = at.partition.0 as usize;
        let (Some(end), Some(index)) = (self.ends.get(partition), self.index.get_mut(partition))
        else {
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
            let missing = expected..=Sequence(at.sequence.0 - 1);
            index.resize((at.sequence.0 - 1) as usize, Place::DAMAGED);
            match self.damages.last_mut() {
                None => return Err(format!("record {expected} had to come first")),
                Some(damage) => {
                    damage.records.retain(|(known, _)| *known != at.partition);
                    damage.records.push((at.partition, missing));
                }
            }
        }
        index.push(Place::new(segment, offset));
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
}

fn holds_zero_page(bytes: &[u8], from: usize, to: usize) -> bool {
    let first_page = from - from % PAGE_BYTES;
    (first_page..to).step_by(PAGE_BYTES).any(|page| {
        let part = &bytes[page.max(from)..(page + PAGE_BYTES).min(to)];
        part.len() >= SECTOR_BYTES && part.iter().all(|byte| *byte == 0)
    })
}
