//! What stands in the place of a record body that was erased.
//!
//! ```text
//! 0 zero   1 SHA-256 of the body that was   33 partner, zero, UUID of the report, then
//!                                              the places that it named, line by line
//! ```
//!
//! No other body begins with a zero. The digest keeps the chain of a log whole, which covers
//! digests of bodies; key and places are what is left of the report: that there was
//! one, and which answers rested on it.

use crate::id::{Digest, PartnerId, PlaceId, ReportId, ReportKey};

const DIGEST_END: usize = 33;

/// The tombstone of the body of a report that named places.
#[must_use]
pub fn tombstone(body: &[u8], key: &ReportKey, places: &[PlaceId]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(body_digest(body).0);
    bytes.extend(key.partner.as_str().as_bytes());
    bytes.push(0);
    bytes.extend(key.report.0.as_bytes());
    let places: Vec<&str> = places.iter().map(PlaceId::as_str).collect();
    bytes.extend(places.join("\n").into_bytes());
    bytes
}

/// The digest of a body; of a tombstone, that of the body that was.
#[must_use]
pub fn body_digest(body: &[u8]) -> Digest {
    let erased = body.split_first().filter(|(first, _)| **first == 0);
    let erased = erased.and_then(|(_, rest)| rest.first_chunk::<32>());
    erased.map_or_else(|| Digest::of(body), |digest| Digest(*digest))
}

/// Of which report a body is the tombstone, and which places that named; `None` where it is
/// none.
#[must_use]
pub fn erased_report(body: &[u8]) -> Option<(ReportKey, Vec<PlaceId>)> {
    if *body.first()? != 0 {
        return None;
    }
    let rest = body.get(DIGEST_END..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (partner, rest) = rest.split_at_checked(end)?;
    let (id, places) = rest.get(1..)?.split_first_chunk::<16>()?;
    let partner = PartnerId::new(std::str::from_utf8(partner).ok()?).ok()?;
    let places = std::str::from_utf8(places).ok()?.lines();
    let places = places.map(|place| PlaceId::new(place).ok());
    let key = ReportKey {
        partner,
        report: ReportId(uuid::Uuid::from_bytes(*id)),
    };
    Some((key, places.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_keeps_the_digest_and_the_key_and_nothing_else() {
        let key = ReportKey {
            partner: PartnerId::new("agency").unwrap(),
            report: ReportId(uuid::Uuid::from_u128(7)),
        };
        let body = b"what somebody said";
        let places = ["hama-city", "kaso"].map(|id| PlaceId::new(id).unwrap());
        let bytes = tombstone(body, &key, &places);
        assert_eq!(body_digest(&bytes), Digest::of(body));
        assert_eq!(erased_report(&bytes), Some((key.clone(), places.to_vec())));
        let nowhere = erased_report(&tombstone(body, &key, &[]));
        assert_eq!(nowhere, Some((key.clone(), Vec::new())));
        assert!(!bytes.windows(4).any(|four| four == b"said"));
        // Once more changes nothing.
        assert_eq!(tombstone(&bytes, &key, &places), bytes);
        assert_eq!(erased_report(body), None);
        assert_eq!(erased_report(&bytes[..40]), None);
    }
}
