//! Write tokens: where a write stands in the report log, in a form that partners
//! can carry in any text. Hexadecimal of a `store.v1.WriteToken`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prost::Message as _;

use crate::store;

/// Where a write stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteToken {
    /// The incarnation of the report log.
    pub incarnation: [u8; 16],
    /// The sequence that a reader must have seen, by partition.
    pub positions: BTreeMap<u32, u64>,
}

/// A text that is none of our tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no write token of ours; give the `write_token` of an acknowledgement as it came")]
pub struct TokenError;

impl WriteToken {
    /// The token as it is given out.
    #[must_use]
    pub fn encode(&self) -> String {
        let positions = self.positions.iter();
        let wire = store::v1::WriteToken {
            incarnation: self.incarnation.to_vec(),
            positions: positions
                .map(|(&partition, &sequence)| store::v1::WritePosition {
                    partition,
                    sequence,
                })
                .collect(),
        };
        to_hex(&wire.encode_to_vec())
    }

    /// Reads a token that was given out.
    ///
    /// # Errors
    /// [`TokenError`] if it is none of ours.
    pub fn decode(text: &str) -> Result<Self, TokenError> {
        let bytes = from_hex(text).ok_or(TokenError)?;
        let wire = store::v1::WriteToken::decode(bytes.as_slice()).map_err(|_| TokenError)?;
        let incarnation = wire.incarnation.try_into().map_err(|_| TokenError)?;
        let positions = wire
            .positions
            .into_iter()
            .map(|p| (p.partition, p.sequence));
        Ok(Self {
            incarnation,
            positions: positions.collect(),
        })
    }
}

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes from hexadecimal in any case; `None` where it is none.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was_given() {
        let token = WriteToken {
            incarnation: [7; 16],
            positions: [(0, 3), (4, 1_000_000)].into(),
        };
        assert_eq!(WriteToken::decode(&token.encode()), Ok(token));
    }

    #[test]
    fn what_is_no_token_of_ours_is_refused() {
        for text in ["", "0", "zz", "00", "0a02ffff", "ü"] {
            assert_eq!(WriteToken::decode(text), Err(TokenError), "{text}");
        }
    }
}
