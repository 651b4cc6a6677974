//! What a store holds, in three numbers that change with every commit. sled passes
//! over what it cannot read: only a tally tells that values are gone.

use crate::value::header;

/// The key under which the tally stands.
pub(crate) const TALLY_KEY: &[u8] = b"\x00tally";
const BYTES: usize = 28;

/// How many commits there were, and what they left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// The number of the last commit.
    pub(crate) commit: u64,
    /// How many values there are.
    pub(crate) values: u64,
    /// The sum over all values of a digest of key, length and checksum.
    pub(crate) sum: u64,
}

impl Tally {
    /// Counts a value in, by its stored key and what stands there.
    pub(crate) fn add(&mut self, key: &[u8], main: &[u8]) {
        self.values = self.values.wrapping_add(1);
        self.sum = self.sum.wrapping_add(digest(key, main));
    }

    /// Counts a value out.
    pub(crate) fn remove(&mut self, key: &[u8], main: &[u8]) {
        self.values = self.values.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(digest(key, main));
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.commit, self.values, self.sum];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// `None` for bytes that are no tally.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (numbers, crc) = bytes.split_at(BYTES - 4);
        if crc != crc32c::crc32c(numbers).to_le_bytes() {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            commit: number(0)?,
            values: number(8)?,
            sum: number(16)?,
        })
    }
}

fn digest(key: &[u8], main: &[u8]) -> u64 {
    u64::from(crc32c::crc32c_append(crc32c::crc32c(key), header(main)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_reads_as_it_was_written_or_not_at_all() {
        let mut tally = Tally::default();
        tally.add(b"key", b"12345678value");
        tally.commit = 7;
        let bytes = tally.to_bytes();
        assert_eq!(Tally::from_bytes(&bytes), Some(tally));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(Tally::from_bytes(&flipped), None);
        }
    }

    #[test]
    fn what_was_counted_in_is_counted_out() {
        let mut tally = Tally::default();
        tally.add(b"a", b"12345678");
        let one = tally;
        tally.add(b"b", b"12345678");
        assert_ne!(tally.sum, one.sum);
        tally.remove(b"b", b"12345678");
        assert_eq!(tally, one);
    }
}
