//! What reports carry beside what they claim: pictures, recordings, texts. Each has a
//! budget of its own, under one name for all that are the same or nearly so.

use std::collections::BTreeMap;

use ascertain_domain::evidence::{EvidenceKey, PerceptualHash};
use ascertain_domain::id::Digest;
use ascertain_domain::report::Report;
use ascertain_fusion::likeness::{Likeness, Print};

use crate::item::short;

/// Perceptual hashes that differ in at most one bit of so many are of one item.
const PICTURE_BITS: u32 = 10;
/// SimHashes that differ in at most so many of 64 bits are of one text.
const TEXT_BITS: u32 = 10;

/// Usual hashes of pictures, with their lengths in bytes: names made up for others must
/// not take their room.
const USUAL: [(&str, usize); 3] = [("pdq", 32), ("phash", 8), ("dhash", 8)];

/// What has been carried so far, in the order in which it was known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carried {
    /// Of texts, and of pictures by usual hashes.
    usual: Likeness,
    /// Of pictures by any other.
    unusual: Likeness,
    /// The claim that first came with each, by its index.
    first: BTreeMap<u64, usize>,
}

impl Carried {
    /// The names of all that a report carries, once each.
    pub(crate) fn names(&mut self, report: &Report) -> Vec<u64> {
        let mut names: Vec<u64> = report.evidence.iter().map(|e| key_name(&e.key)).collect();
        let hashes = report.evidence.iter();
        for hash in hashes.filter_map(|e| e.perceptual_hash.as_ref()) {
            let print = picture(hash);
            let likeness = if USUAL.contains(&(hash.algorithm(), hash.bytes().len())) {
                &mut self.usual
            } else {
                &mut self.unusual
            };
            names.push(likeness.name(&print, own_name(&print)));
        }
        if let Some(print) = report.text_simhash.map(text) {
            names.push(self.usual.name(&print, own_name(&print)));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many prints it keeps.
    pub(crate) fn prints(&self) -> usize {
        self.usual.prints() + self.unusual.prints()
    }

    /// Notes that a claim, by its index, came with these; says which claim of another
    /// report came with one of them first.
    pub(crate) fn note(
        &mut self,
        names: &[u64],
        claim: usize,
        is_other: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let first = names
            .iter()
            .map(|name| *self.first.entry(*name).or_insert(claim));
        first
            .filter(|first| *first != claim && is_other(*first))
            .min()
    }
}

fn key_name(key: &EvidenceKey) -> u64 {
    match key {
        EvidenceKey::Sha256(digest) => short(digest),
        EvidenceKey::Id(partner, id) => {
            // The length keeps the two parts apart.
            short(&Digest::of(
                format!("{}:{partner}{id}", partner.as_str().len()).as_bytes(),
            ))
        }
    }
}

fn picture(hash: &PerceptualHash) -> Print {
    let mut bits = [0; 4];
    for (i, byte) in hash.bytes().iter().take(32).enumerate() {
        bits[i / 8] |= u64::from(*byte) << (56 - i % 8 * 8);
    }
    // Perceptual hashes have at most 32 bytes.
    let length = u32::try_from(hash.bytes().len() * 8).unwrap_or(256);
    Print {
        kind: short(&Digest::of(
            format!("picture:{}", hash.algorithm()).as_bytes(),
        )),
        bits,
        length,
        apart: length / PICTURE_BITS,
    }
}

fn text(simhash: u64) -> Print {
    Print {
        kind: short(&Digest::of(b"text")),
        bits: [simhash, 0, 0, 0],
        length: 64,
        apart: TEXT_BITS,
    }
}

fn own_name(print: &Print) -> u64 {
    let words = [print.kind].into_iter().chain(print.bits);
    let bytes: Vec<u8> = words.flat_map(u64::to_be_bytes).collect();
    short(&Digest::of(&bytes))
}
