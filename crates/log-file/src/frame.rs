//! The bytes of a segment: a header, then frames. A frame is one record.
//!
//! ```text
//! segment   0 magic "ascntseg"   8 version u32   12 number u32   16 incarnation [16]
//!          32 reserved [28]     60 crc u32
//!        4096 and 8192 the two slots of the watermark      12288 frames, then zeros
//!
//! frame     0 length u32, all of the frame       4 crc u32, of all but itself
//!           8 mark u16          10 flags u16     12 partition u32
//!          16 sequence u64      24 recorded_at   32 known_at, i64 microseconds
//!          40 registry u64      48 chain [16]    64 group u32, bytes since its group began
//!          68 body length u32   72 body, then content to the end
//! ```
//!
//! Integers are little-endian. The crc is a crc32c that starts from the segment's
//! incarnation and number: bytes that a submitter chose, or that belong elsewhere,
//! never pass as a frame. All frames of one write form a group; a crash can tear
//! only the last one. A batch stands whole in one group, its last frame flagged. Where
//! something was erased a flag says so, and what follows the body is zeros.
//!
//! In version 1 of a segment there is no watermark: frames begin at 64. Such segments
//! are read for ever, and no longer written.

use std::fmt;

use ascertain_domain::time::Timestamp;
use ascertain_domain::tombstone::body_digest;
use ascertain_log::{Append, Chain, Incarnation, MAX_BATCH_BYTES, PartitionId, Position, Sequence};

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
/// Where the two slots of the watermark begin.
pub(crate) const SLOTS: [u64; 2] = [4096, 8192];
/// Where the frames of a segment begin.
pub(crate) const FRAMES_START: usize = 12_288;
/// Bytes of a frame before its body.
pub(crate) const FRAME_HEADER_BYTES: usize = 72;

const SEGMENT_MAGIC: &[u8; 8] = b"ascntseg";
const SEGMENT_VERSION: u32 = 2;
/// Found quickly where frames are searched behind a damaged stretch.
const MARK: u16 = 0xA5CE;
/// Flag: the last frame of its batch. The other 14 flags are reserved and zero.
const ENDS_BATCH: u16 = 1;
/// Flag: what it held was erased. Zeros follow the body, which may be a tombstone.
const ERASED: u16 = 2;

/// A frame as it stands in a segment.
pub(crate) struct Frame<'a> {
    pub(crate) position: Position,
    pub(crate) ends_batch: bool,
    /// Bytes from the start of its group to this frame.
    pub(crate) group_bytes: usize,
    /// Bytes of the whole frame.
    pub(crate) length: usize,
    pub(crate) body: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It goes on beyond the bytes at hand.
    CutShort,
    /// No frame begins here.
    NoFrame,
    /// It is not what was written.
    Checksum,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutShort => "the frame is cut short",
            Self::NoFrame => "no frame begins here",
            Self::Checksum => "the checksum does not match",
        })
    }
}

/// Where the checksums of a segment's frames start from.
pub(crate) fn seed(incarnation: Incarnation, segment: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&incarnation.0), &segment.to_le_bytes())
}

/// Bytes of the frame of a record.
pub(crate) fn frame_bytes(append: &Append) -> usize {
    FRAME_HEADER_BYTES + append.body.len() + append.content.len()
}

/// Writes a frame behind `group`, which holds the frames of its group so far.
/// Records are bounded far below 4 GiB when they are placed.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn encode(
    group: &mut Vec<u8>,
    position: &Position,
    append: &Append,
    ends_batch: bool,
    seed: u32,
) {
    let start = group.len();
    let flags = if ends_batch { ENDS_BATCH } else { 0 };
    group.extend((frame_bytes(append) as u32).to_le_bytes());
    group.extend([0; 4]);
    group.extend(MARK.to_le_bytes());
    group.extend(flags.to_le_bytes());
    group.extend(position.partition.0.to_le_bytes());
    group.extend(position.sequence.0.to_le_bytes());
    group.extend(position.recorded_at.micros().to_le_bytes());
    group.extend(position.known_at.micros().to_le_bytes());
    group.extend(position.registry_sequence.0.to_le_bytes());
    group.extend(position.chain.0);
    group.extend((start as u32).to_le_bytes());
    group.extend((append.body.len() as u32).to_le_bytes());
    group.extend(&append.body);
    group.extend(&append.content);
    let crc = checksum(&group[start..], seed).to_le_bytes();
    group[start + 4..start + 8].copy_from_slice(&crc);
}

/// Reads the frame at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8], seed: u32) -> Result<Frame<'_>, Flaw> {
    let header = bytes.get(..FRAME_HEADER_BYTES);
    let header = header.ok_or(Flaw::CutShort)?;
    let length = claimed_length(header);
    let body_end = FRAME_HEADER_BYTES + u32_at(header, 68) as usize;
    if u16_at(header, 8) != MARK || body_end > length {
        return Err(Flaw::NoFrame);
    }
    let frame = bytes.get(..length).ok_or(Flaw::CutShort)?;
    if u32_at(frame, 4) != checksum(frame, seed) {
        return Err(Flaw::Checksum);
    }
    Ok(Frame {
        position: Position {
            partition: PartitionId(u32_at(frame, 12)),
            sequence: Sequence(u64_at(frame, 16)),
            recorded_at: time_at(frame, 24)?,
            known_at: time_at(frame, 32)?,
            registry_sequence: Sequence(u64_at(frame, 40)),
            chain: Chain(array_at(frame, 48)),
        },
        ends_batch: u16_at(frame, 10) & ENDS_BATCH != 0,
        group_bytes: u32_at(frame, 64) as usize,
        length,
        body: &frame[FRAME_HEADER_BYTES..body_end],
        content: match u16_at(frame, 10) & ERASED {
            0 => &frame[body_end..],
            _ => &[],
        },
    })
}

/// A frame as it is without its content, and where there is a tombstone, without its body:
/// of the same length, and the same to everybody who follows the chain. `None` where nothing
/// is left to erase.
#[allow(clippy::cast_possible_truncation)] // a body is bounded far below 4 GiB
pub(crate) fn erased(frame: &[u8], tombstone: Option<&[u8]>, seed: u32) -> Option<Vec<u8>> {
    let was = parse(frame, seed).ok()?;
    let body = tombstone.unwrap_or(was.body);
    let end = FRAME_HEADER_BYTES + body.len();
    let is_done = was.content.is_empty() && was.body == body;
    if is_done || end > was.length || body_digest(body) != body_digest(was.body) {
        return None;
    }
    let mut frame = frame[..was.length].to_vec();
    let flags = u16_at(&frame, 10) | ERASED;
    frame[10..12].copy_from_slice(&flags.to_le_bytes());
    frame[68..72].copy_from_slice(&(body.len() as u32).to_le_bytes());
    frame[FRAME_HEADER_BYTES..end].copy_from_slice(body);
    frame[end..].fill(0);
    let crc = checksum(&frame, seed).to_le_bytes();
    frame[4..8].copy_from_slice(&crc);
    Some(frame)
}

/// How long the frame at the start of `bytes` says it is, bytes; never more than
/// a frame can be.
pub(crate) fn claimed_length(bytes: &[u8]) -> usize {
    if bytes.len() < FRAME_HEADER_BYTES {
        return FRAME_HEADER_BYTES;
    }
    (u32_at(bytes, 0) as usize).clamp(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + MAX_BATCH_BYTES)
}

/// Whose frame stands here by its own unproven word: what a damaged stretch is
/// said to have held.
pub(crate) fn hearsay(bytes: &[u8]) -> Option<(PartitionId, Sequence)> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    Some((
        PartitionId(u32_at(header, 12)),
        Sequence(u64_at(header, 16)),
    ))
}

/// Where the next whole frame begins, at `from` or later.
pub(crate) fn find(bytes: &[u8], from: usize, seed: u32) -> Option<usize> {
    (from..bytes.len()).find(|at| parse(&bytes[*at..], seed).is_ok())
}

/// How a segment is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Version 1: no watermark.
    Plain,
    /// Version 2, the one that is written.
    Marked,
}

impl Layout {
    /// Where the frames begin.
    pub(crate) fn frames_start(self) -> usize {
        match self {
            Self::Plain => SEGMENT_HEADER_BYTES,
            Self::Marked => FRAMES_START,
        }
    }
}

/// The header of a segment.
pub(crate) fn segment_header(incarnation: Incarnation, segment: u32) -> Vec<u8> {
    let mut header = Vec::with_capacity(SEGMENT_HEADER_BYTES);
    header.extend(SEGMENT_MAGIC);
    header.extend(SEGMENT_VERSION.to_le_bytes());
    header.extend(segment.to_le_bytes());
    header.extend(incarnation.0);
    header.extend([0; 28]);
    header.extend(crc32c::crc32c(&header).to_le_bytes());
    header
}

/// Checks the header of a segment and tells its layout; or what is wrong with it.
pub(crate) fn check_segment_header(
    bytes: &[u8],
    incarnation: Incarnation,
    segment: u32,
) -> Result<Layout, String> {
    let header = bytes
        .get(..SEGMENT_HEADER_BYTES)
        .ok_or("the header is cut short")?;
    if &header[..8] != SEGMENT_MAGIC {
        return Err("it is not a segment of a log".to_owned());
    }
    if u32_at(header, 60) != crc32c::crc32c(&header[..60]) {
        return Err("the checksum of the header does not match".to_owned());
    }
    let layout = match u32_at(header, 8) {
        1 => Layout::Plain,
        SEGMENT_VERSION => Layout::Marked,
        version => return Err(format!("format version {version} is not known here")),
    };
    if header[16..32] != incarnation.0 {
        return Err("it belongs to another log".to_owned());
    }
    let number = u32_at(header, 12);
    if number != segment {
        return Err(format!("it is segment {number} by its header"));
    }
    Ok(layout)
}

fn checksum(frame: &[u8], seed: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &frame[..4]), &frame[8..])
}

fn time_at(bytes: &[u8], at: usize) -> Result<Timestamp, Flaw> {
    Timestamp::from_micros(i64::from_le_bytes(array_at(bytes, at))).map_err(|_| Flaw::NoFrame)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Every caller has checked that the bytes are there.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_log::conformance::append;

    fn frame() -> Vec<u8> {
        let time = Timestamp::from_micros(1).unwrap();
        let position = Position {
            partition: PartitionId(1),
            sequence: Sequence(9),
            recorded_at: time,
            known_at: time,
            registry_sequence: Sequence(3),
            chain: Chain::START.extend(b"before"),
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, &position, &append(1, "a body"), true, 77);
        bytes
    }

    #[test]
    fn a_frame_reads_as_it_was_written() {
        let bytes = frame();
        let read = parse(&bytes, 77).map_err(|flaw| flaw.to_string()).unwrap();
        assert_eq!(read.body, b"a body");
        assert_eq!(read.content, b"content of a body");
        assert_eq!(read.position.sequence, Sequence(9));
        assert!(read.ends_batch);
        assert_eq!(read.length, bytes.len());
    }

    #[test]
    fn an_erased_frame_keeps_its_length_position_and_digest_and_no_byte_of_the_rest() {
        let whole = frame();
        let without_content = erased(&whole, None, 77).unwrap();
        let read = parse(&without_content, 77).map_err(|flaw| flaw.to_string());
        let read = read.unwrap();
        assert_eq!((read.body, read.content), (&b"a body"[..], &b""[..]));
        assert_eq!(read.length, whole.len());
        assert!(read.ends_batch);
        assert!(erased(&without_content, None, 77).is_none());
        // A body that is shorter than its tombstone is none that ever was.
        assert!(erased(&whole, Some(b"another body"), 77).is_none());
        let key = ascertain_domain::id::ReportKey {
            partner: ascertain_domain::id::PartnerId::new("agency").unwrap(),
            report: ascertain_domain::id::ReportId(uuid::Uuid::from_u128(7)),
        };
        let body = "of a report ".repeat(20);
        let time = Timestamp::from_micros(1).unwrap();
        let position = Position {
            chain: Chain::START.extend(body.as_bytes()),
            partition: PartitionId(1),
            sequence: Sequence(1),
            recorded_at: time,
            known_at: time,
            registry_sequence: Sequence(0),
        };
        let mut whole = Vec::new();
        encode(&mut whole, &position, &append(1, &body), false, 77);
        let left = ascertain_domain::tombstone::Tombstone {
            key,
            links: Vec::new(),
            places: Vec::new(),
        };
        let tombstone = left.in_place_of(body.as_bytes());
        let gone = erased(&whole, Some(&tombstone), 77).unwrap();
        assert!(!gone.windows(6).any(|six| six == b"report"));
        let read = parse(&gone, 77).map_err(|flaw| flaw.to_string()).unwrap();
        assert_eq!(Chain::START.extend(read.body), read.position.chain);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let whole = frame();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&bytes, 77).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_of_another_segment_or_log_is_none() {
        assert_eq!(parse(&frame(), 78).err(), Some(Flaw::Checksum));
        let one = Incarnation([1; 16]);
        assert_ne!(seed(one, 1), seed(one, 2));
        assert_ne!(seed(one, 1), seed(Incarnation([2; 16]), 1));
    }

    #[test]
    fn a_segment_knows_its_log_and_number() {
        let one = Incarnation([1; 16]);
        let header = segment_header(one, 4);
        assert_eq!(header.len(), SEGMENT_HEADER_BYTES);
        assert_eq!(check_segment_header(&header, one, 4), Ok(Layout::Marked));
        assert!(check_segment_header(&header, one, 5).is_err());
        assert!(check_segment_header(&header, Incarnation([2; 16]), 4).is_err());
        for at in 0..header.len() {
            let mut flipped = header.clone();
            flipped[at] ^= 0x10;
            assert!(check_segment_header(&flipped, one, 4).is_err(), "byte {at}");
        }
    }
}
