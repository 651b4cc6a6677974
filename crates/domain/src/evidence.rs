//! Items of evidence, as far as a fold reads them.

use crate::id::{Digest, PartnerId};

/// The least and the most bits of a perceptual hash.
pub const PERCEPTUAL_BITS: std::ops::RangeInclusive<usize> = 64..=256;
/// The most characters of the name of an algorithm.
const MOST_ALGORITHM: usize = 32;

/// What makes two items of evidence the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceKey {
    /// The same bytes, whoever brought them.
    Sha256(Digest),
    /// The same id of one partner, where the bytes are not known.
    Id(PartnerId, String),
}

/// An item of evidence that came with a report, or that it points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    /// What makes it the same as another.
    pub key: EvidenceKey,
    /// What it looks or sounds like; `None` if not known.
    pub perceptual_hash: Option<PerceptualHash>,
    /// Whether its submitter found it refuted, synthetic or recycled.
    pub failed: bool,
}

impl Evidence {
    /// An item of which no more is known than which it is.
    #[must_use]
    pub fn of(key: EvidenceKey) -> Self {
        Self {
            key,
            perceptual_hash: None,
            failed: false,
        }
    }
}

/// A bit string that is nearly the same for pictures, or recordings, that look or sound
/// alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerceptualHash {
    algorithm: String,
    bits: Vec<u8>,
}

/// A text that is no perceptual hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerceptualHashError {
    /// No colon.
    #[error("has no colon; it is of the form `ALGORITHM:HEX`, such as `pdq:` and 64 digits")]
    Form,
    /// No name of an algorithm.
    #[error(
        "names its algorithm `{0}`; a name has 1 to {MOST_ALGORITHM} characters of \
         `A-Z a-z 0-9 - _ .`"
    )]
    Algorithm(String),
    /// Something beside hexadecimal digits.
    #[error("holds {0:?} after the colon; hexadecimal digits only")]
    Digit(char),
    /// Too few digits, too many, or half a byte.
    #[error("has {0} hexadecimal digits; 16 to 64 (64 to 256 bits), in whole bytes")]
    Length(usize),
}

impl PerceptualHash {
    /// Reads `ALGORITHM:HEX`, in any case.
    ///
    /// # Errors
    /// [`PerceptualHashError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PerceptualHashError> {
        let (algorithm, hex) = text.split_once(':').ok_or(PerceptualHashError::Form)?;
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=MOST_ALGORITHM).contains(&algorithm.len()) || !algorithm.chars().all(named) {
            return Err(PerceptualHashError::Algorithm(algorithm.to_owned()));
        }
        let mut digits = Vec::with_capacity(hex.len());
        for c in hex.chars() {
            let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digits.push(digit.ok_or(PerceptualHashError::Digit(c))?);
        }
        if digits.len() % 2 == 1 || !PERCEPTUAL_BITS.contains(&(digits.len() * 4)) {
            return Err(PerceptualHashError::Length(digits.len()));
        }
        Ok(Self {
            algorithm: algorithm.to_ascii_lowercase(),
            bits: digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect(),
        })
    }

    /// What made it, in lower case.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Its bits, 8 to 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perceptual_hash_is_an_algorithm_and_whole_bytes() {
        let hash = PerceptualHash::parse("pHash:00FF00ff0102030a").expect("a hash");
        assert_eq!(hash.algorithm(), "phash");
        assert_eq!(hash.bytes(), [0, 255, 0, 255, 1, 2, 3, 10]);
        assert!(PerceptualHash::parse(&format!("pdq:{}", "0".repeat(64))).is_ok());
    }

    #[test]
    fn it_says_what_is_wrong_with_it() {
        use PerceptualHashError::{Algorithm, Digit, Form, Length};
        let wrong = |text: &str| PerceptualHash::parse(text).expect_err("is wrong");
        assert_eq!(wrong("00ff00ff00ff00ff"), Form);
        assert_eq!(wrong(":00ff00ff00ff00ff"), Algorithm(String::new()));
        assert_eq!(
            wrong("p hash:00ff00ff00ff00ff"),
            Algorithm("p hash".to_owned())
        );
        assert_eq!(wrong("phash:00ff00ff00ff00fx"), Digit('x'));
        assert_eq!(wrong("phash:00ff"), Length(4));
        assert_eq!(wrong("phash:00ff00ff00ff00ff0"), Length(17));
        assert_eq!(wrong(&format!("pdq:{}", "0".repeat(66))), Length(66));
    }
}
