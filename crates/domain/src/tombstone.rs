//! What stands in the place of a record body that was erased.
//!
//! ```text
//! 0 zero   1 SHA-256 of the body that was   33 partner, zero, UUID of the report
//! ```
//!
//! No other body begins with a zero. The digest keeps the chain of a log whole, which covers
//! digests of bodies; the key is what is left of the report: that there was one.

use crate::id::{Digest, PartnerId, ReportId, ReportKey};

const DIGEST_END: usize = 33;

/// The tombstone of a report's body.
#[must_use]
pub fn tombstone(body: &[u8], key: &ReportKey) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(body_digest(body).0);
    bytes.extend(key.partner.as_str().as_bytes());
    bytes.push(0);
    bytes.extend(key.report.0.as_bytes());
    bytes
}

/// The digest of a body; of a tombstone, that of the body that was.
#[must_use]
pub fn body_digest(body: &[u8]) -> Digest {
    let erased = body.split_first().filter(|(first, _)| **first == 0);
    let erased = erased.and_then(|(_, rest)| rest.first_chunk::<32>());
    erased.map_or_else(|| Digest::of(body), |digest| Digest(*digest))
}

/// Of which report a body is the tombstone; `None` where it is none.
#[must_use]
pub fn erased_report(body: &[u8]) -> Option<ReportKey> {
    if *body.first()? != 0 {
        return None;
    }
    let key = body.get(DIGEST_END..)?;
    let (partner, id) = key.split_at_checked(key.len().checked_sub(17)?)?;
    let partner = PartnerId::new(std::str::from_utf8(partner).ok()?).ok()?;
    let id = uuid::Uuid::from_slice(id.get(1..)?).ok()?;
    Some(ReportKey {
        partner,
        report: ReportId(id),
    })
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
        let bytes = tombstone(body, &key);
        assert_eq!(body_digest(&bytes), Digest::of(body));
        assert_eq!(erased_report(&bytes), Some(key.clone()));
        assert!(!bytes.windows(4).any(|four| four == b"said"));
        // Once more changes nothing.
        assert_eq!(tombstone(&bytes, &key), bytes);
        assert_eq!(erased_report(body), None);
        assert_eq!(erased_report(&bytes[..40]), None);
    }
}
