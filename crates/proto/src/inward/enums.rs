//! Enumerations of the wire: a number that we do not know is a mistake, not a default.

use ascertain_domain::erasure::Scope;
use ascertain_domain::marking::{Audience, Marking};
use ascertain_domain::place::PlaceKind;
use ascertain_domain::report::{Extent, Modality, Polarity};
use ascertain_domain::source::{Grade, Reporting, SourceKind};
use ascertain_domain::state::Status;
use ascertain_domain::violation::{Reason, Violations};

use crate::v1;

/// A value that may be unspecified.
pub(super) fn known<E: TryFrom<i32>>(number: i32, field: &str, v: &mut Violations) -> Option<E> {
    let value = E::try_from(number).ok();
    if value.is_none() {
        let what = format!("{number} is no value that this version knows");
        v.add(field, Reason::OutOfRange, what);
    }
    value
}

/// A value that must be stated.
pub(super) fn required<E: TryFrom<i32>>(number: i32, field: &str, v: &mut Violations) -> Option<E> {
    if number == 0 {
        v.add(field, Reason::Required, "is not stated; choose a value");
        return None;
    }
    known(number, field, v)
}

/// How much of a report is to be erased.
pub(super) fn scope(number: i32, field: &str, v: &mut Violations) -> Option<Scope> {
    match required::<v1::ErasureScope>(number, field, v)? {
        v1::ErasureScope::Content => Some(Scope::Content),
        v1::ErasureScope::Report => Some(Scope::Report),
        v1::ErasureScope::Unspecified => None,
    }
}

/// The marking; WHITE is the old name of CLEAR. `None` for unspecified.
pub(super) fn marking(tlp: v1::Tlp) -> Option<Marking> {
    match tlp {
        v1::Tlp::Unspecified => None,
        v1::Tlp::Clear | v1::Tlp::White => Some(Marking::Clear),
        v1::Tlp::Green => Some(Marking::Green),
        v1::Tlp::Amber => Some(Marking::Amber),
        v1::Tlp::AmberStrict => Some(Marking::AmberStrict),
        v1::Tlp::Red => Some(Marking::Red),
    }
}

/// A status; `None` for unspecified and for a number that we do not know.
#[must_use]
pub fn status(number: i32) -> Option<Status> {
    match v1::Status::try_from(number).ok()? {
        v1::Status::Unspecified => None,
        v1::Status::Held => Some(Status::Held),
        v1::Status::Contested => Some(Status::Contested),
        v1::Status::Mixed => Some(Status::Mixed),
        v1::Status::Vacated => Some(Status::Vacated),
        v1::Status::Unknown => Some(Status::Unknown),
    }
}

/// An audience; unspecified is read as CLEAR. `None`: a number that we do not know.
#[must_use]
pub fn audience(number: i32) -> Option<Audience> {
    match v1::Audience::try_from(number).ok()? {
        v1::Audience::Unspecified | v1::Audience::Clear => Some(Audience::Clear),
        v1::Audience::Green => Some(Audience::Green),
        v1::Audience::Amber => Some(Audience::Amber),
        v1::Audience::Full => Some(Audience::Full),
    }
}

/// `None` for unspecified.
pub(super) fn source_kind(kind: v1::SourceKind) -> Option<SourceKind> {
    match kind {
        v1::SourceKind::Unspecified => None,
        v1::SourceKind::StateMedia => Some(SourceKind::StateMedia),
        v1::SourceKind::ArmedActorChannel => Some(SourceKind::ArmedActorChannel),
        v1::SourceKind::Monitor => Some(SourceKind::Monitor),
        v1::SourceKind::Newswire => Some(SourceKind::Newswire),
        v1::SourceKind::Newsroom => Some(SourceKind::Newsroom),
        v1::SourceKind::Ngo => Some(SourceKind::Ngo),
        v1::SourceKind::Un => Some(SourceKind::Un),
        v1::SourceKind::Eyewitness => Some(SourceKind::Eyewitness),
        v1::SourceKind::Imagery => Some(SourceKind::Imagery),
        v1::SourceKind::Aggregator => Some(SourceKind::Aggregator),
    }
}

/// Unspecified is kept apart: what silence means may be inferred then.
pub(super) fn reporting(reporting: v1::Reporting) -> Reporting {
    match reporting {
        v1::Reporting::Unspecified => Reporting::Undeclared,
        v1::Reporting::Episodic => Reporting::Episodic,
        v1::Reporting::ChangesOnly => Reporting::ChangesOnly,
        v1::Reporting::Snapshot => Reporting::Snapshot,
    }
}

/// Unspecified is read as F: missing information.
pub(super) fn grade(grade: v1::ReliabilityGrade) -> Grade {
    match grade {
        v1::ReliabilityGrade::A => Grade::A,
        v1::ReliabilityGrade::B => Grade::B,
        v1::ReliabilityGrade::C => Grade::C,
        v1::ReliabilityGrade::D => Grade::D,
        v1::ReliabilityGrade::E => Grade::E,
        v1::ReliabilityGrade::Unspecified | v1::ReliabilityGrade::F => Grade::F,
    }
}

/// `None` for unspecified.
pub(super) fn place_kind(kind: v1::PlaceKind) -> Option<PlaceKind> {
    match kind {
        v1::PlaceKind::Unspecified => None,
        v1::PlaceKind::AdminUnit => Some(PlaceKind::AdminUnit),
        v1::PlaceKind::City => Some(PlaceKind::City),
        v1::PlaceKind::Neighbourhood => Some(PlaceKind::Neighbourhood),
        v1::PlaceKind::Terrain => Some(PlaceKind::Terrain),
        v1::PlaceKind::Base => Some(PlaceKind::Base),
        v1::PlaceKind::Airport => Some(PlaceKind::Airport),
        v1::PlaceKind::Prison => Some(PlaceKind::Prison),
        v1::PlaceKind::Road => Some(PlaceKind::Road),
    }
}

/// `None` for unspecified.
pub(super) fn polarity(polarity: v1::Polarity) -> Option<Polarity> {
    match polarity {
        v1::Polarity::Unspecified => None,
        v1::Polarity::Affirm => Some(Polarity::Affirm),
        v1::Polarity::Deny => Some(Polarity::Deny),
    }
}

/// Extent as it is, unspecified included.
pub(super) fn extent(extent: v1::Extent) -> Extent {
    match extent {
        v1::Extent::Unspecified => Extent::Unspecified,
        v1::Extent::Whole => Extent::Whole,
        v1::Extent::Most => Extent::Most,
        v1::Extent::Part => Extent::Part,
        v1::Extent::Edge => Extent::Edge,
        v1::Extent::Outskirts => Extent::Outskirts,
    }
}

/// Whether checking found that an item is not what it is said to be.
pub(super) fn failed(verification: v1::Verification) -> bool {
    match verification {
        v1::Verification::Refuted | v1::Verification::Synthetic | v1::Verification::Recycled => {
            true
        }
        v1::Verification::Unspecified
        | v1::Verification::Unverified
        | v1::Verification::UnderReview
        | v1::Verification::Verified => false,
    }
}

/// Unspecified is read as asserted.
pub(super) fn modality(modality: v1::Modality) -> Modality {
    match modality {
        v1::Modality::Unspecified | v1::Modality::Asserted => Modality::Asserted,
        v1::Modality::Hedged => Modality::Hedged,
        v1::Modality::Rumoured => Modality::Rumoured,
        v1::Modality::Conditional => Modality::Conditional,
        v1::Modality::Intended => Modality::Intended,
    }
}
