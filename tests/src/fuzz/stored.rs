//! Forms of our own that come back from disk, or through the hands of callers.

use ascertain_domain::marking::Audience;
use ascertain_domain::time::HOUR_US;
use ascertain_engine::{Question, ResumePoint};
use ascertain_ingest::{Checkpoint, Entry};
use ascertain_proto::log::v1 as wire;
use ascertain_proto::page::{Bound, PageToken, read_after, write_after};
use ascertain_proto::resume;
use ascertain_proto::token::{WriteToken, from_hex, to_hex};
use prost::Message as _;

use super::{decoded, known, received_at};

/// What the tokens of the page target are bound to.
const BOUND: Bound = *b"the list";

/// The point from which a state is evaluated without its evidence.
pub(super) fn resume_point(data: &[u8]) {
    if let Some(point) = decoded::<wire::ResumePoint>(data) {
        resumed(&point);
    }
}

/// Reads a point, and asks it about places with fewer sides, as many, and more.
pub(super) fn resumed(point: &wire::ResumePoint) {
    let Ok(point) = resume::inward(point) else {
        return;
    };
    stable(&point);
    let registry = known().latest();
    for place in registry.places() {
        for time in [received_at(), received_at().plus_micros(50 * HOUR_US)] {
            let times = (time, received_at());
            let question = Question::new(place, registry, Audience::Clear, times);
            let _ = point.evaluate(&question);
        }
    }
}

/// A point comes back as it went.
pub(super) fn stable(point: &ResumePoint) {
    let written = resume::outward(point);
    let read = resume::inward(&written).expect("what was written is read");
    assert_eq!(
        resume::outward(&read).encode_to_vec(),
        written.encode_to_vec()
    );
}

/// An entry of ingest's index of accepted reports, and how far the index is.
pub(super) fn ledger_entry(data: &[u8]) {
    if let Some(entry) = Entry::from_bytes(data) {
        assert_eq!(Entry::from_bytes(&entry.to_bytes()), Some(entry));
    }
    if let Some(checkpoint) = Checkpoint::from_bytes(data) {
        let again = Checkpoint::from_bytes(&checkpoint.to_bytes());
        assert_eq!(again, Some(checkpoint));
    }
}

/// Where a write stands, as callers give it back.
pub(super) fn write_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(token) = WriteToken::decode(&text) {
        assert_eq!(WriteToken::decode(&token.encode()), Ok(token));
    }
    if let Some(bytes) = from_hex(&text) {
        assert_eq!(to_hex(&bytes), text.to_ascii_lowercase());
    }
    // Nearly every text is no hexadecimal: what would be in it is tried too.
    if let Ok(token) = WriteToken::decode(&to_hex(data)) {
        assert_eq!(WriteToken::decode(&token.encode()), Ok(token));
    }
}

/// Where a page begins, as callers give it back.
pub(super) fn page_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for text in [text.into_owned(), to_hex(data)] {
        if let Some(token) = PageToken::read(&text, BOUND) {
            assert_eq!(token.write(BOUND), text.to_ascii_lowercase());
        }
        if let Some(after) = read_after(&text, BOUND) {
            assert_eq!(write_after(&after, BOUND), text.to_ascii_lowercase());
        }
    }
}
