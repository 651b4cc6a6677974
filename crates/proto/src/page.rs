//! Page tokens: where the next page of a list begins. A token fits the request that
//! it was made for, and no other.

use ascertain_domain::id::Digest;
use ascertain_domain::time::Timestamp;

use crate::token::{from_hex, to_hex};

/// As much of a request's digest as a token carries.
pub type Bound = [u8; 8];

/// What a token is bound to, from the bytes of the request without page and size.
#[must_use]
pub fn bound(request: &[u8]) -> Bound {
    let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of(request);
    [a, b, c, d, e, f, g, h]
}

/// The token of a page that begins after an item.
#[must_use]
pub fn write_after(after: &str, bound: Bound) -> String {
    to_hex(&[&bound, after.as_bytes()].concat())
}

/// The item after which a page begins; `None` if the token is none of this list.
#[must_use]
pub fn read_after(token: &str, bound: Bound) -> Option<String> {
    let bytes = from_hex(token)?;
    String::from_utf8(bytes.strip_prefix(&bound)?.to_vec()).ok()
}

/// Where the next page of answers begins: the times that all pages are for, and what
/// the list needs besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    /// The first time.
    pub first: Timestamp,
    /// The second.
    pub second: Timestamp,
    /// What else the list needs.
    pub rest: String,
}

impl PageToken {
    /// The token as it is given out.
    #[must_use]
    pub fn write(&self, bound: Bound) -> String {
        let (first, second) = (
            self.first.micros().to_be_bytes(),
            self.second.micros().to_be_bytes(),
        );
        to_hex(&[&bound, &first[..], &second[..], self.rest.as_bytes()].concat())
    }

    /// Reads a token that was given out; `None` if it is none of this list.
    #[must_use]
    pub fn read(text: &str, bound: Bound) -> Option<Self> {
        let bytes = from_hex(text)?;
        let (times, rest) = bytes.strip_prefix(&bound)?.split_at_checked(16)?;
        let time =
            |bytes: &[u8]| Timestamp::from_micros(i64::from_be_bytes(bytes.try_into().ok()?)).ok();
        Some(Self {
            first: time(&times[..8])?,
            second: time(&times[8..])?,
            rest: String::from_utf8(rest.to_vec()).ok()?,
        })
    }
}
