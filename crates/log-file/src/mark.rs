//! The watermark of a segment: two slots, written in turn, each in a page of its own.
//!
//! ```text
//! slot   0 magic "ascntmrk"    8 crc u32         12 flags u32, 1: sealed
//!       16 count u64          24 settled u64     32 written u64
//!       40 allocated u64      48 zeros u64       56 partitions u32
//!       60 last sequence u64, one a partition
//! ```
//!
//! A mark is synced together with the group that it speaks of, before any of the
//! group is acknowledged. *Settled* is where the groups end that were synced before;
//! *written* is where this one ends. So after a power cut all up to *settled* must be
//! whole, and of the last group sectors may be missing, which then read as zeros: the
//! file was filled with zeros before. *Zeros* counts the sectors of the group that are
//! all zeros as they were written, so that one that is missing is told from one that
//! changed. The crc starts from that of the segment, as those of the frames do.

use ascertain_log::Sequence;

use crate::frame::{array_at, u32_at, u64_at};

/// Bytes that a disk writes whole or not at all.
pub(crate) const SECTOR_BYTES: u64 = 512;

const MAGIC: &[u8; 8] = b"ascntmrk";
const SEALED: u32 = 1;
const HEADER_BYTES: usize = 60;

/// How far a segment is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Counts the marks of the segment; the greater is the newer.
    pub(crate) count: u64,
    /// No more groups follow in this segment: there is a next one.
    pub(crate) sealed: bool,
    /// Where the groups end that were durable before this mark was written.
    pub(crate) settled: u64,
    /// Where the group ends that is synced together with this mark.
    pub(crate) written: u64,
    /// The least length of the file, bytes: it was durable before this mark.
    pub(crate) allocated: u64,
    /// Sectors between `settled` and `written` that were written as zeros.
    pub(crate) zeros: u64,
    /// The last sequence of each partition at `written`.
    pub(crate) ends: Vec<Sequence>,
}

impl Mark {
    /// As it stands in a slot.
    pub(crate) fn to_bytes(&self, seed: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.ends.len() * 8);
        bytes.extend(MAGIC);
        bytes.extend([0; 4]);
        bytes.extend(if self.sealed { SEALED } else { 0 }.to_le_bytes());
        for number in [
            self.count,
            self.settled,
            self.written,
            self.allocated,
            self.zeros,
        ] {
            bytes.extend(number.to_le_bytes());
        }
        // At most 257 partitions: a slot takes less than a page.
        let partitions = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        bytes.extend(partitions.to_le_bytes());
        for end in &self.ends {
            bytes.extend(end.0.to_le_bytes());
        }
        let crc = checksum(&bytes, seed).to_le_bytes();
        bytes[8..12].copy_from_slice(&crc);
        bytes
    }

    /// Reads a slot; `None` where it holds no mark of this segment.
    pub(crate) fn read(slot: &[u8], seed: u32) -> Option<Self> {
        let header = slot.get(..HEADER_BYTES)?;
        let partitions = u32_at(header, 56) as usize;
        let bytes = slot.get(..HEADER_BYTES + partitions.checked_mul(8)?)?;
        if &bytes[..8] != MAGIC || u32_at(bytes, 8) != checksum(bytes, seed) {
            return None;
        }
        let ends = bytes[HEADER_BYTES..].chunks_exact(8);
        Some(Self {
            sealed: u32_at(bytes, 12) & SEALED != 0,
            count: u64_at(bytes, 16),
            settled: u64_at(bytes, 24),
            written: u64_at(bytes, 32),
            allocated: u64_at(bytes, 40),
            zeros: u64_at(bytes, 48),
            ends: ends
                .map(|end| Sequence(u64::from_le_bytes(array_at(end, 0))))
                .collect(),
        })
    }
}

fn checksum(bytes: &[u8], seed: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &bytes[..8]), &bytes[12..])
}

/// How many sectors of a stretch that begins at an offset of its file hold nothing
/// but zeros. The parts of sectors at its ends count as sectors.
pub(crate) fn zero_sectors(bytes: &[u8], offset: u64) -> u64 {
    let to_next = SECTOR_BYTES - offset % SECTOR_BYTES;
    let first = bytes.len().min(usize::try_from(to_next).unwrap_or(0));
    let (first, rest) = bytes.split_at(first);
    let sectors = std::iter::once(first).chain(rest.chunks(512));
    let zeros = sectors.filter(|part| !part.is_empty() && is_zero(part));
    zeros.count() as u64
}

/// Whether bytes are all zeros.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            count: 7,
            sealed: true,
            settled: 12_288,
            written: 13_000,
            allocated: 1 << 20,
            zeros: 1,
            ends: vec![Sequence(3), Sequence(0), Sequence(9)],
        }
    }

    #[test]
    fn a_mark_reads_as_it_was_written_or_not_at_all() {
        let bytes = mark().to_bytes(5);
        let mut slot = bytes.clone();
        slot.resize(4096, 0);
        assert_eq!(Mark::read(&slot, 5), Some(mark()));
        assert_eq!(Mark::read(&slot, 6), None);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = slot.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Mark::read(&flipped, 5), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Mark::read(&bytes[..length], 5), None, "{length} bytes");
        }
    }

    #[test]
    fn sectors_of_zeros_are_counted_by_where_they_lie_in_the_file() {
        assert_eq!(zero_sectors(&[], 100), 0);
        assert_eq!(zero_sectors(&[0; 10], 100), 1);
        assert_eq!(zero_sectors(&[0; 1024], 0), 2);
        assert_eq!(zero_sectors(&[0; 1024], 500), 3);
        let mut bytes = [0; 1024];
        bytes[11] = 1;
        assert_eq!(zero_sectors(&bytes, 500), 2);
        bytes[12] = 1;
        assert_eq!(zero_sectors(&bytes, 500), 1);
    }
}
