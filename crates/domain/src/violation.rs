//! What is wrong with bad input, field by field.

use std::fmt;

/// Why a field is refused. The names are stable; they are those of the wire's
/// `ascertain.v1.Reason` without its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // documented, value by value, in proto/ascertain/v1/reason.proto
pub enum Reason {
    Required,
    Malformed,
    TooLong,
    OutOfRange,
    InvalidUuid,
    PlaceUnknown,
    PlaceAmbiguous,
    ActorUnknown,
    ActorAmbiguous,
    SourceUnknown,
    SourceAmbiguous,
    ReferenceContradicts,
    EventInFuture,
    IntervalReversed,
    NoClaims,
    ActorRequired,
    ActorNotAllowed,
    ExtentContradicts,
    SubPlaceOutside,
    OriginatorRequired,
    Duplicate,
    MarkingNotSupported,
    NotSupported,
    HomeAreaImmutable,
    Cycle,
}

impl Reason {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::Malformed => "MALFORMED",
            Self::TooLong => "TOO_LONG",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::InvalidUuid => "INVALID_UUID",
            Self::PlaceUnknown => "PLACE_UNKNOWN",
            Self::PlaceAmbiguous => "PLACE_AMBIGUOUS",
            Self::ActorUnknown => "ACTOR_UNKNOWN",
            Self::ActorAmbiguous => "ACTOR_AMBIGUOUS",
            Self::SourceUnknown => "SOURCE_UNKNOWN",
            Self::SourceAmbiguous => "SOURCE_AMBIGUOUS",
            Self::ReferenceContradicts => "REFERENCE_CONTRADICTS",
            Self::EventInFuture => "EVENT_IN_FUTURE",
            Self::IntervalReversed => "INTERVAL_REVERSED",
            Self::NoClaims => "NO_CLAIMS",
            Self::ActorRequired => "ACTOR_REQUIRED",
            Self::ActorNotAllowed => "ACTOR_NOT_ALLOWED",
            Self::ExtentContradicts => "EXTENT_CONTRADICTS",
            Self::SubPlaceOutside => "SUB_PLACE_OUTSIDE",
            Self::OriginatorRequired => "ORIGINATOR_REQUIRED",
            Self::Duplicate => "DUPLICATE",
            Self::MarkingNotSupported => "MARKING_NOT_SUPPORTED",
            Self::NotSupported => "NOT_SUPPORTED",
            Self::HomeAreaImmutable => "HOME_AREA_IMMUTABLE",
            Self::Cycle => "CYCLE",
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path, such as `report.claims[2].event_time.latest`.
    pub field: String,
    /// Why.
    pub reason: Reason,
    /// What was wrong and what would be right, for people.
    pub description: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.field,
            self.description,
            self.reason.name()
        )
    }
}

/// Collects mistakes under a path, so that all of them are told at once.
#[derive(Debug, Default)]
pub struct Violations {
    path: Vec<String>,
    found: Vec<Violation>,
}

impl Violations {
    /// Starts at a root, such as `report`.
    #[must_use]
    pub fn at(root: &str) -> Self {
        Self {
            path: vec![root.to_owned()],
            found: Vec::new(),
        }
    }

    /// Looks into a field: what `look` adds stands below it.
    pub fn within<T>(&mut self, field: impl Into<String>, look: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(field.into());
        let value = look(self);
        self.path.pop();
        value
    }

    /// Adds a mistake of a field below the path; an empty name means the path itself.
    pub fn add(&mut self, field: &str, reason: Reason, description: impl Into<String>) {
        let mut path: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .filter(|p| !p.is_empty())
            .collect();
        if !field.is_empty() {
            path.push(field);
        }
        self.found.push(Violation {
            field: path.join("."),
            reason,
            description: description.into(),
        });
    }

    /// How many were found so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// All that was found.
    ///
    /// # Errors
    /// The mistakes, if there are any.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(self.found)
        }
    }
}
