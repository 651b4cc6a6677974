//! What stands in the place of a record body that was erased.
//!
//! ```text
//! 0 zero   1 SHA-256 of the body that was   33 partner, zero, UUID of the report, how many
//!                                              reports it was linked to, their UUIDs, then the
//!                                              places that it named, line by line
//! ```
//!
//! No other body begins with a zero. The digest keeps the chain of a log whole, which covers
//! digests of bodies; key, links and places are what is left of the report: that there was
//! one, and which answers rested on it.

use crate::id::{Digest, PartnerId, PlaceId, ReportId, ReportKey};
use crate::report::Report;

const DIGEST_END: usize = 33;
/// As many reports as one is linked to at most, and more.
const MOST_LINKS: u8 = 9;

/// What is left of a report that was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Of which report.
    pub key: ReportKey,
    /// The reports that it named as its versions, or took back; at most nine.
    pub links: Vec<ReportId>,
    /// The places that it named, sorted.
    pub places: Vec<PlaceId>,
}

impl Tombstone {
    /// The tombstone of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self {
            key: report.key(),
            links: report.links.to().collect(),
            places: report.places(),
        }
    }

    /// What stands in the place of the body that the report had.
    #[must_use]
    pub fn in_place_of(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(body_digest(body).0);
        bytes.extend(self.key.partner.as_str().as_bytes());
        bytes.push(0);
        bytes.extend(self.key.report.0.as_bytes());
        let links = self.links.iter().take(usize::from(MOST_LINKS));
        bytes.push(u8::try_from(links.len()).unwrap_or(MOST_LINKS));
        bytes.extend(links.flat_map(|link| link.0.into_bytes()));
        let places: Vec<&str> = self.places.iter().map(PlaceId::as_str).collect();
        bytes.extend(places.join("\n").into_bytes());
        bytes
    }

    /// The tombstone that a body is; `None` where it is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        if *body.first()? != 0 {
            return None;
        }
        let rest = body.get(DIGEST_END..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (partner, rest) = rest.split_at_checked(end)?;
        let (id, rest) = rest.get(1..)?.split_first_chunk::<16>()?;
        // Before it kept links, it went on with its places, and no id of a place begins so.
        let (count, mut rest) = match rest.split_first() {
            Some((count, after)) if *count <= MOST_LINKS => (*count, after),
            Some(_) | None => (0, rest),
        };
        let mut links = Vec::new();
        for _ in 0..count {
            let (link, after) = rest.split_first_chunk::<16>()?;
            links.push(ReportId(uuid::Uuid::from_bytes(*link)));
            rest = after;
        }
        let places = std::str::from_utf8(rest).ok()?.lines();
        let places = places.map(|place| PlaceId::new(place).ok());
        Some(Self {
            key: ReportKey {
                partner: PartnerId::new(std::str::from_utf8(partner).ok()?).ok()?,
                report: ReportId(uuid::Uuid::from_bytes(*id)),
            },
            links,
            places: places.collect::<Option<_>>()?,
        })
    }
}

/// The digest of a body; of a tombstone, that of the body that was.
#[must_use]
pub fn body_digest(body: &[u8]) -> Digest {
    let erased = body.split_first().filter(|(first, _)| **first == 0);
    let erased = erased.and_then(|(_, rest)| rest.first_chunk::<32>());
    erased.map_or_else(|| Digest::of(body), |digest| Digest(*digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_keeps_the_digest_and_what_answers_rested_on_and_nothing_else() {
        let id = |n| ReportId(uuid::Uuid::from_u128(n));
        let stone = Tombstone {
            key: ReportKey {
                partner: PartnerId::new("agency").unwrap(),
                report: id(7),
            },
            links: vec![id(8), id(9)],
            places: ["hama-city", "kaso"]
                .map(|id| PlaceId::new(id).unwrap())
                .into(),
        };
        let body = b"what somebody said";
        let bytes = stone.in_place_of(body);
        assert_eq!(body_digest(&bytes), Digest::of(body));
        assert_eq!(Tombstone::read(&bytes), Some(stone.clone()));
        let alone = Tombstone {
            links: Vec::new(),
            places: Vec::new(),
            ..stone.clone()
        };
        let nowhere = Tombstone::read(&alone.in_place_of(body));
        assert_eq!(nowhere, Some(alone));
        assert!(!bytes.windows(4).any(|four| four == b"said"));
        // Once more changes nothing.
        assert_eq!(stone.in_place_of(&bytes), bytes);
        assert_eq!(Tombstone::read(body), None);
        assert_eq!(Tombstone::read(&bytes[..40]), None);
        assert_eq!(Tombstone::read(&bytes[..70]), None);
        // As it was written before it kept links.
        let start = &bytes[..DIGEST_END + "agency".len() + 1 + 16];
        let old = |places: &str| Tombstone::read(&[start, places.as_bytes()].concat());
        let unlinked = Tombstone {
            links: Vec::new(),
            ..stone.clone()
        };
        assert_eq!(old("hama-city\nkaso"), Some(unlinked.clone()));
        let nowhere = Tombstone {
            places: Vec::new(),
            ..unlinked
        };
        assert_eq!(old(""), Some(nowhere));
    }
}
