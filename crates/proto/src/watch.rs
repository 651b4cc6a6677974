//! Resume tokens: how far a watch has told. A token fits the request that it was made
//! for, and no other.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::page::Bound;
use crate::store;
use crate::token::{from_hex, to_hex};

/// How far a watch has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken {
    /// The incarnation of the report log.
    pub incarnation: [u8; 16],
    /// The record up to which states were told, by partition.
    pub positions: BTreeMap<u32, u64>,
    /// The hour up to which the passing of time was told, hours since the Unix epoch.
    pub hour: i64,
}

impl ResumeToken {
    /// The token as it is given out.
    #[must_use]
    pub fn write(&self, bound: Bound) -> String {
        let position = |(&partition, &sequence): (&u32, &u64)| store::v1::WritePosition {
            partition,
            sequence,
        };
        let wire = store::v1::ResumeToken {
            bound: bound.to_vec(),
            incarnation: self.incarnation.to_vec(),
            positions: self.positions.iter().map(position).collect(),
            hour: self.hour,
        };
        to_hex(&wire.encode_to_vec())
    }

    /// Reads a token that was given out; `None` if it is none of a watch with this
    /// request.
    #[must_use]
    pub fn read(text: &str, bound: Bound) -> Option<Self> {
        let bytes = from_hex(text)?;
        let wire = store::v1::ResumeToken::decode(bytes.as_slice()).ok()?;
        let positions = wire.positions.iter();
        (wire.bound == bound).then_some(())?;
        Some(Self {
            incarnation: wire.incarnation.try_into().ok()?,
            positions: positions.map(|p| (p.partition, p.sequence)).collect(),
            hour: wire.hour,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_was_written_with_its_request_alone() {
        let token = ResumeToken {
            incarnation: [7; 16],
            positions: BTreeMap::from([(1, 20), (2, 0)]),
            hour: -3,
        };
        let text = token.write([1; 8]);
        assert_eq!(ResumeToken::read(&text, [1; 8]), Some(token));
        assert_eq!(ResumeToken::read(&text, [2; 8]), None);
        assert_eq!(ResumeToken::read("zz", [1; 8]), None);
        assert_eq!(ResumeToken::read("", [1; 8]), None);
    }
}
