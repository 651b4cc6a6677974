//! SimHash of texts: 64 bits that differ little between texts that differ little
//! (Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002).

use unicode_normalization::UnicodeNormalization as _;

use crate::id::Digest;

/// A shorter text is said by many in the same words.
pub const LEAST_WORDS: usize = 12;
/// Words that follow each other are compared together.
const SHINGLE: usize = 3;

/// The SimHash of a text; `None` for one of less than 12 words.
///
/// Words are runs of letters and digits in lower case, after NFKC. Every three in a row,
/// parted by spaces, are hashed (the first eight bytes of SHA-256); a bit of the result is
/// set where more of these hashes have it set than not. What is on record rests on
/// this: it is never changed.
#[must_use]
pub fn simhash(text: &str) -> Option<u64> {
    let text: String = text.nfkc().collect::<String>().to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.len() < LEAST_WORDS {
        return None;
    }
    let mut set = [0_i32; 64];
    for shingle in words.windows(SHINGLE) {
        let [a, b, c, d, e, f, g, h, ..] = Digest::of(shingle.join(" ").as_bytes()).0;
        let hash = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        for (bit, count) in set.iter_mut().enumerate() {
            *count += if hash >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    let bits = set.iter().enumerate().filter(|(_, count)| **count > 0);
    Some(bits.fold(0, |hash, (bit, _)| hash | 1 << bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Our correspondent in the eastern quarter says that the last government \
        vehicles left the brigade headquarters shortly before dawn and that armed men in pickup \
        trucks were seen at the hospital, the grain silos and the northern roundabout an hour later.";

    fn apart(a: &str, b: &str) -> u32 {
        (simhash(a).expect("long enough") ^ simhash(b).expect("long enough")).count_ones()
    }

    #[test]
    fn case_punctuation_and_width_make_no_other_text() {
        let shouted = TEXT.to_uppercase().replace(',', " —");
        assert_eq!(simhash(&shouted), simhash(TEXT));
        assert_eq!(simhash(&TEXT.replace("dawn", "ｄａｗｎ")), simhash(TEXT));
    }

    #[test]
    fn a_word_more_or_less_moves_few_bits_and_another_text_about_half() {
        assert!(apart(TEXT, &TEXT.replace("grain", "wheat")) <= 10);
        let other = "Residents who reached the border on Tuesday described shelling through the \
            night, said the bakery had closed a week ago, and gave differing accounts of who was \
            manning the checkpoints on the road south, which one of them had last taken on Sunday.";
        let bits = apart(TEXT, other);
        assert!((20..=44).contains(&bits), "{bits}");
    }

    #[test]
    fn a_short_text_has_none() {
        assert_eq!(simhash("The army holds the town."), None);
        assert_eq!(
            simhash("one two three four five six seven eight nine ten eleven"),
            None
        );
        assert!(simhash("a b c d e f g h i j k l").is_some());
    }

    #[test]
    fn what_is_on_record_stays_as_it_was_computed() {
        assert_eq!(
            simhash("a b c d e f g h i j k l"),
            Some(0x487a_4f93_a363_8158)
        );
    }
}
