//! How keys and values stand in sled's one tree.
//!
//! ```text
//! 00 "tally"                       what there is in all
//! 01 family 00 key                 crc32c u32, length u32, the first bytes of the value
//! 02 family 00 key, part u16 BE    6 KiB more of it; parts count from 0
//! ```
//!
//! sled never syncs values much above 6 KiB: larger ones are cut into parts. The
//! crc covers the key and the whole value, so that no value passes for another's.

/// What the keys of all families begin with.
pub(crate) const MAIN: u8 = 1;
const PARTS: u8 = 2;
/// The most that is stored under one key, bytes.
const PART_BYTES: usize = 6 << 10;
const HEADER_BYTES: usize = 8;
const FIRST_BYTES: usize = PART_BYTES - HEADER_BYTES;

/// What all keys of a family begin with. No name is a prefix of another's.
pub(crate) fn family_prefix(name: &str) -> Vec<u8> {
    let name = name.bytes().filter(|byte| *byte != 0);
    std::iter::once(MAIN).chain(name).chain([0]).collect()
}

/// The key of a part of the value under `key`.
pub(crate) fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    let mut part_key = key.to_vec();
    if let Some(tag) = part_key.first_mut() {
        *tag = PARTS;
    }
    part_key.extend(part.to_be_bytes());
    part_key
}

/// A value as it is stored: what stands under its key, and its parts.
pub(crate) fn split<'a>(key: &[u8], value: &'a [u8]) -> (Vec<u8>, Vec<&'a [u8]>) {
    let (first, rest) = value.split_at(value.len().min(FIRST_BYTES));
    let mut main = Vec::with_capacity(HEADER_BYTES + first.len());
    main.extend(checksum(key, value).to_le_bytes());
    // Values are at most 16 MiB.
    main.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    main.extend(first);
    (main, rest.chunks(PART_BYTES).collect())
}

/// The checksum and length of what stands under a key.
pub(crate) fn header(main: &[u8]) -> &[u8] {
    main.get(..HEADER_BYTES).unwrap_or(main)
}

/// How many parts there are beside what stands under the key itself.
pub(crate) fn part_count(main: &[u8]) -> u16 {
    let length = word_at(main, 4).unwrap_or_default() as usize;
    let parts = length.saturating_sub(FIRST_BYTES).div_ceil(PART_BYTES);
    u16::try_from(parts).unwrap_or(u16::MAX)
}

/// The value, from what stands under its key and its parts; `None` if it is not
/// what was written.
pub(crate) fn join<P: AsRef<[u8]>>(
    key: &[u8],
    main: &[u8],
    parts: impl IntoIterator<Item = P>,
) -> Option<Vec<u8>> {
    let mut value = main.get(HEADER_BYTES..)?.to_vec();
    for part in parts {
        value.extend(part.as_ref());
    }
    let whole = word_at(main, 4)? as usize == value.len();
    (whole && word_at(main, 0)? == checksum(key, &value)).then_some(value)
}

/// The least key above all that begin with `prefix`.
pub(crate) fn after_all(prefix: &[u8]) -> Vec<u8> {
    let mut bound = prefix.to_vec();
    // A family's zero byte is always there to be raised.
    while bound.last() == Some(&u8::MAX) {
        bound.pop();
    }
    if let Some(last) = bound.last_mut() {
        *last += 1;
    }
    bound
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_any_length_is_joined_as_it_was_split() {
        let key = family_prefix("family");
        for length in [
            0,
            1,
            FIRST_BYTES,
            FIRST_BYTES + 1,
            FIRST_BYTES + PART_BYTES,
            100_000,
        ] {
            let value: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let (main, parts) = split(&key, &value);
            assert!(main.len() <= PART_BYTES);
            assert!(parts.iter().all(|part| part.len() <= PART_BYTES));
            assert_eq!(parts.len(), usize::from(part_count(&main)));
            assert_eq!(join(&key, &main, &parts), Some(value));
        }
    }

    #[test]
    fn a_value_under_another_key_is_none() {
        let (main, _) = split(b"one", b"value");
        assert_eq!(join::<&[u8]>(b"two", &main, []), None);
    }

    #[test]
    fn a_family_ends_before_the_next_begins() {
        let family = family_prefix("a");
        assert!(after_all(&family) < family_prefix("ab"));
        let last = [family.as_slice(), &[0xFF, 0xFF]].concat();
        assert!(after_all(&last) > last);
        assert_eq!(after_all(&last), after_all(&family));
    }
}
