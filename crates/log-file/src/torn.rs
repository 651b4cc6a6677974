//! What a crash leaves of a write in a segment without a watermark (version 1).

use crate::frame::{find, parse};
use crate::mark::is_zero;

/// A write that a power cut tore leaves pages of zeros where data never arrived.
const PAGE_BYTES: usize = 4096;
/// Fewer zeros than this may be anybody's.
const SECTOR_BYTES: usize = 512;

/// Whether the flaw at `at`, with a whole frame at `next` behind it, is what a power
/// cut leaves of a write whose pages did not all arrive: it lies in the very last
/// group, and a page of it reads as zeros.
pub(crate) fn is_torn_write(bytes: &[u8], seed: u32, at: usize, next: usize) -> bool {
    let mut group_start = next;
    let mut frame_at = Some(next);
    while let Some(start) = frame_at {
        frame_at = match parse(&bytes[start..], seed) {
            Ok(frame) => {
                group_start = start.saturating_sub(frame.group_bytes);
                Some(start + frame.length).filter(|next| *next < bytes.len())
            }
            Err(_) => find(bytes, start + 1, seed),
        };
    }
    group_start <= at && holds_zero_page(bytes, at, next)
}

/// Whether a page of a stretch reads as zeros.
pub(crate) fn holds_zero_page(bytes: &[u8], from: usize, to: usize) -> bool {
    let first_page = from - from % PAGE_BYTES;
    (first_page..to).step_by(PAGE_BYTES).any(|page| {
        let part = &bytes[page.max(from)..(page + PAGE_BYTES).min(to)];
        part.len() >= SECTOR_BYTES && is_zero(part)
    })
}

/// Where the last byte that is not zero ends.
pub(crate) fn last_set(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}
