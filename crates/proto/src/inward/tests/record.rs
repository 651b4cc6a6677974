//! Bodies read back.

use ascertain_domain::evidence::EvidenceKey;
use ascertain_domain::id::Digest;
use ascertain_domain::report::{Originator, Predicate};
use ascertain_domain::simhash::simhash;

use super::fixture::*;
use crate::inward::record::{Body, DecodeError, decode_body};
use crate::inward::submission::Checked;
use crate::{log, v1};

#[test]
fn a_fold_reads_what_was_said_and_not_who_recorded_it() {
    let checked = checked(&report());
    let early = body(&checked, stamp("2024-12-05T12:00:00Z"));
    let late = body(&checked, stamp("2024-12-05T13:00:00Z"));
    let decode = |bytes: &[u8]| match decode_body(bytes).unwrap() {
        Body::Report(report) => report,
        other => panic!("{other:?}"),
    };
    let (a, b) = (decode(&early), decode(&late));
    assert_eq!(a.statement_digest, b.statement_digest);
    assert_ne!(a.body_digest, b.body_digest);
    assert_eq!(a.body_digest, Digest::of(&early));
    assert_eq!(a.first_known_at, time("2024-12-05T12:00:00Z"));
    assert!(matches!(&a.originator, Originator::Source(id) if id.as_str() == "sohr"));
    assert_eq!(a.relays.len(), 1);
    assert!(
        matches!(&a.claims[0].predicate, Predicate::Controls(actors) if actors.as_slice().len() == 1)
    );
    assert_eq!(a.evidence[0].key, EvidenceKey::Sha256(Digest([7; 32])));
    assert!(
        matches!(&a.evidence[1].key, EvidenceKey::Id(partner, id) if partner.as_str() == "desk" && id == "clip")
    );
    let backfilled = log::v1::Stamp {
        first_known_at: wire_time("2024-12-01T00:00:00Z"),
        ..stamp("2024-12-05T12:00:00Z")
    };
    let backfilled = decode(&body(&checked, backfilled));
    assert!(backfilled.backfilled);
    assert_eq!(backfilled.first_known_at, time("2024-12-01T00:00:00Z"));
}

#[test]
fn a_fold_reads_what_pictures_and_texts_are_like_and_what_checking_found() {
    let mut report = report();
    report.text = "one two three four five six seven eight nine ten eleven twelve".to_owned();
    report.evidence[0].perceptual_hash = "pHash:0123456789ABCDEF".to_owned();
    report.evidence[0].verification = v1::Verification::Recycled.into();
    let read = |checked: &Checked| {
        let bytes = body(checked, stamp("2024-12-05T12:00:00Z"));
        match decode_body(&bytes).unwrap() {
            Body::Report(report) => report,
            other => panic!("{other:?}"),
        }
    };
    let mut checked = checked(&report);
    let known = read(&checked);
    assert_eq!(known.text_simhash, simhash(&report.text));
    let hash = known.evidence[0].perceptual_hash.as_ref().unwrap();
    assert_eq!((hash.algorithm(), hash.bytes().len()), ("phash", 8));
    // What it only points at was not found to be anything.
    let failed: Vec<bool> = known.evidence.iter().map(|item| item.failed).collect();
    assert_eq!(failed, [true, false]);
    assert!(!known.evidence_failed());
    // As records were before: without a hash of the text, and with any hash of a picture.
    checked.recorded.text_simhash = None;
    let stored = checked.recorded.report.as_mut().unwrap();
    stored.evidence[0].perceptual_hash = "any:0".to_owned();
    stored.evidence_ids.clear();
    let before = read(&checked);
    assert_eq!(before.text_simhash, None);
    assert_eq!(before.evidence[0].perceptual_hash, None);
    assert!(before.evidence_failed());
}

#[test]
fn a_body_that_cannot_be_read_says_which_field() {
    let mut checked = checked(&report());
    checked.recorded.report.as_mut().unwrap().claims[0].predicate = 99;
    let error = decode_body(&body(&checked, stamp("2024-12-05T12:00:00Z"))).unwrap_err();
    let DecodeError::Field(violation) = &error else {
        panic!("{error}")
    };
    assert_eq!(violation.field, "report.claims[0].predicate");
    assert!(matches!(
        decode_body(b"\xff"),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn a_kind_of_record_from_the_future_is_its_own_error() {
    // Field 15, a message of three bytes.
    assert_eq!(
        decode_body(b"\x7a\x03abc"),
        Err(DecodeError::UnknownContent)
    );
    // A registry change of a kind that we do not know.
    assert_eq!(
        decode_body(b"\x1a\x05\x7a\x03abc"),
        Err(DecodeError::UnknownContent)
    );
    assert!(matches!(decode_body(b""), Err(DecodeError::Field(_))));
}
