//! Which pictures, and which texts, are the same but for small changes: bit strings that
//! were made so that like things have like bits (perceptual hashes, SimHash; Charikar,
//! "Similarity estimation techniques from rounding algorithms", STOC 2002).
//!
//! Each new one takes the name of the earliest known one that is near it. Near ones are
//! found by bands: of strings that differ in at most k bits, cut alike into k + 1 bands,
//! at least one band is the same (Manku, Jain, Das Sarma, "Detecting near-duplicates for
//! web crawling", WWW 2007).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The most bits of a print.
pub const MOST_BITS: u32 = 256;
/// So many prints of a kind are known at once, the latest: a flood of texts must not make
/// the next one dear, and what was said long ago discounts nothing any more.
const MOST_KNOWN: usize = 16_384;
/// What a band holds leads to so many prints at most, the latest: were they the earliest,
/// a place of many texts would be deaf to all further ones.
const MOST_IN_BAND: usize = 64;
/// So many kinds are known, the first: whoever makes a print may call its kind what he likes.
const MOST_KINDS: usize = 8;

/// A bit string by which like things are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// What made it; only prints of one kind and length are compared.
    pub kind: u64,
    /// Its bits, from the highest of the first word on.
    pub bits: [u64; 4],
    /// How many they are, at most [`MOST_BITS`].
    pub length: u32,
    /// In at most so many bits two of them differ that count as one.
    pub apart: u32,
}

impl Print {
    /// In how many bits it differs from another.
    fn distance(&self, other: &Self) -> u32 {
        let words = self.bits.iter().zip(&other.bits);
        words.map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// The bands, one more than it may differ in bits.
    fn bands(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let length = self.length.min(MOST_BITS);
        let count = self.apart + 1;
        (0..count).map(move |band| {
            let bits = band * length / count..(band + 1) * length / count;
            (band, bits.fold(0, |value, at| value << 1 | self.bit(at)))
        })
    }

    fn bit(&self, at: u32) -> u64 {
        let word = self.bits.get(at as usize / 64).copied().unwrap_or(0);
        word >> (63 - at % 64) & 1
    }
}

/// The prints known so far, in the order in which they were.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Likeness {
    /// By kind, length and distance; at most [`MOST_KINDS`].
    alike: BTreeMap<(u64, u32, u32), Alike>,
}

/// Prints that can be compared.
#[derive(Debug, Clone, PartialEq, Default)]
struct Alike {
    /// Each with its name, the earliest first.
    known: VecDeque<(Print, u64)>,
    /// How many were known before these.
    forgotten: u64,
    /// The name of each by its bits: the same again is found at once, and not kept twice.
    exact: BTreeMap<[u64; 4], u64>,
    /// Band, what it holds, and which print, counted from the first ever: of each the
    /// latest [`MOST_IN_BAND`].
    bands: BTreeSet<(u32, u64, u64)>,
}

impl Likeness {
    /// The name that the same print goes by; else that of the earliest known print that is
    /// near this one; else its own name, which it then goes by. `own` must be equal for
    /// equal prints: one of more kinds than are known always goes by it.
    pub fn name(&mut self, print: &Print, own: u64) -> u64 {
        let key = (print.kind, print.length, print.apart);
        if self.alike.len() >= MOST_KINDS && !self.alike.contains_key(&key) {
            return own;
        }
        let alike = self.alike.entry(key).or_default();
        if let Some(name) = alike.exact.get(&print.bits) {
            return *name;
        }
        let name = alike.earliest_near(print).unwrap_or(own);
        alike.add(*print, name, MOST_KNOWN);
        name
    }

    /// How many prints are known.
    #[must_use]
    pub fn prints(&self) -> usize {
        self.alike.values().map(|alike| alike.known.len()).sum()
    }
}

impl Alike {
    /// The name of the earliest near print of those that share a band with it.
    fn earliest_near(&self, print: &Print) -> Option<u64> {
        let near = |number: &u64| {
            let known = self.known(*number);
            known.is_some_and(|(known, _)| print.distance(known) <= print.apart)
        };
        // Each band's are in the order in which they were known.
        let earliest = print
            .bands()
            .filter_map(|band| self.in_band(band).find(near));
        self.known(earliest.min()?).map(|(_, name)| *name)
    }

    /// The prints of which a band holds this, the earliest first.
    fn in_band(&self, (band, held): (u32, u64)) -> impl Iterator<Item = u64> + '_ {
        let all = self.bands.range((band, held, 0)..=(band, held, u64::MAX));
        all.map(|(_, _, number)| *number)
    }

    /// A print by its number, counted from the first ever.
    fn known(&self, number: u64) -> Option<&(Print, u64)> {
        let index = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        self.known.get(index)
    }

    /// Adds a print to the latest so many.
    fn add(&mut self, print: Print, name: u64, most: usize) {
        let number = self.forgotten + self.known.len() as u64;
        self.known.push_back((print, name));
        self.exact.insert(print.bits, name);
        for (band, held) in print.bands() {
            let mut others = self.in_band((band, held));
            let earliest = others.next();
            let count = 1 + others.count();
            if let Some(earliest) = earliest.filter(|_| count >= MOST_IN_BAND) {
                self.bands.remove(&(band, held, earliest));
            }
            self.bands.insert((band, held, number));
        }
        if self.known.len() > most
            && let Some((oldest, _)) = self.known.pop_front()
        {
            self.exact.remove(&oldest.bits);
            for (band, held) in oldest.bands() {
                self.bands.remove(&(band, held, self.forgotten));
            }
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(bits: [u64; 4], length: u32, apart: u32) -> Print {
        Print {
            kind: 1,
            bits,
            length,
            apart,
        }
    }

    fn short(bits: u64) -> Print {
        print([bits, 0, 0, 0], 64, 6)
    }

    #[test]
    fn what_differs_in_a_few_bits_goes_by_the_earlier_name() {
        let mut likeness = Likeness::default();
        assert_eq!(likeness.name(&short(0xffff_0000_ffff_0000), 10), 10);
        // Six bits, each in a band of its own.
        let six = 0xffff_0000_ffff_0000 ^ 0x0040_1004_0100_4010;
        assert_eq!(likeness.name(&short(six), 11), 10);
        let seven = 0xffff_0000_ffff_0000 ^ 0x8040_1004_0100_4010_u64;
        assert_eq!((seven ^ 0xffff_0000_ffff_0000_u64).count_ones(), 7);
        let mut alone = Likeness::default();
        alone.name(&short(0xffff_0000_ffff_0000), 10);
        assert_eq!(alone.name(&short(seven), 12), 12);
    }

    #[test]
    fn every_pair_near_enough_is_found_whatever_bits_differ() {
        // A walk over pairs of bits by a step that is prime to 256.
        let base = [0x0123_4567_89ab_cdef, 42, u64::MAX, 7];
        for start in 0..256_u32 {
            let mut changed = base;
            for i in 0..25 {
                let at = (start + i * 101) % 256;
                changed[at as usize / 64] ^= 1 << (63 - at % 64);
            }
            let mut likeness = Likeness::default();
            likeness.name(&print(base, 256, 25), 1);
            assert_eq!(likeness.name(&print(changed, 256, 25), 2), 1, "{start}");
        }
    }

    #[test]
    fn a_chain_of_small_changes_keeps_one_name() {
        let mut likeness = Likeness::default();
        for (own, bits) in [(1, 0), (2, 0x3f), (3, 0xfff)] {
            assert_eq!(likeness.name(&short(bits), own), 1);
        }
    }

    #[test]
    fn of_several_near_ones_the_earliest_gives_the_name() {
        let mut likeness = Likeness::default();
        likeness.name(&short(0), 1);
        likeness.name(&short(0xfff), 2);
        assert_eq!(likeness.name(&short(0x3f), 3), 1);
        let mut otherwise = Likeness::default();
        otherwise.name(&short(0xfff), 2);
        otherwise.name(&short(0), 1);
        assert_eq!(otherwise.name(&short(0x3f), 3), 2);
    }

    #[test]
    fn the_latest_are_known_and_the_oldest_forgotten() {
        let mut alike = Alike::default();
        let spread = |i: u64| short(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for i in 1..=8 {
            alike.add(spread(i), i, 3);
        }
        assert_eq!((alike.known.len(), alike.exact.len()), (3, 3));
        assert_eq!(alike.bands.len(), 3 * 7);
        let found = |i| alike.earliest_near(&spread(i));
        assert_eq!([5, 6, 7, 8].map(found), [None, Some(6), Some(7), Some(8)]);
    }

    #[test]
    fn the_same_print_again_is_not_kept_again() {
        let mut likeness = Likeness::default();
        likeness.name(&short(0), 1);
        for own in 2..100 {
            // Near the first, so that the earliest near one is never the same.
            assert_eq!(likeness.name(&short(0x3f), own), 1);
        }
        assert_eq!(likeness.prints(), 2);
    }

    #[test]
    fn a_band_leads_to_few_prints_and_those_the_latest() {
        let mut likeness = Likeness::default();
        // The first three of seven bands are the same; hardly any two are near.
        let crowd = |i: u64| {
            let mixed = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            short((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 28)
        };
        let names: Vec<u64> = (0..1_000).map(|i| likeness.name(&crowd(i), i)).collect();
        assert_eq!((names[5], names[999]), (5, 999));
        let most = likeness.alike.values().flat_map(|alike| {
            let bands = alike.known.iter().flat_map(|(print, _)| print.bands());
            bands.map(|band| alike.in_band(band).count())
        });
        assert_eq!(most.max(), Some(MOST_IN_BAND));
        let near_latest = short(crowd(999).bits[0] ^ 1 << 63);
        assert_eq!(likeness.name(&near_latest, 5_000), 999);
        assert_eq!(
            likeness.name(&crowd(5), 5_000),
            5,
            "the same is found still"
        );
    }

    #[test]
    fn near_copies_without_number_keep_the_first_name() {
        let mut likeness = Likeness::default();
        // Each differs from its neighbours only, and all share most bands.
        for i in 0..1_000_u64 {
            let copy = print([7, 7, 7, i ^ (i >> 1)], 256, 25);
            assert_eq!(likeness.name(&copy, i), 0);
        }
    }

    #[test]
    fn of_ever_new_kinds_the_first_are_known_and_others_told_by_equality() {
        let mut likeness = Likeness::default();
        let of = |kind, bits| Print {
            kind,
            ..short(bits)
        };
        for kind in 0..1_000 {
            likeness.name(&of(kind, 0), kind);
        }
        assert_eq!(likeness.prints(), MOST_KINDS);
        assert_eq!(likeness.name(&of(0, 1), 5_000), 0);
        assert_eq!(likeness.name(&of(999, 1), 5_000), 5_000);
    }

    #[test]
    fn what_was_made_otherwise_is_not_compared() {
        let mut likeness = Likeness::default();
        likeness.name(&short(5), 1);
        let other_kind = Print {
            kind: 2,
            ..short(5)
        };
        assert_eq!(likeness.name(&other_kind, 2), 2);
        assert_eq!(likeness.name(&print([5, 0, 0, 0], 128, 12), 3), 3);
    }
}
