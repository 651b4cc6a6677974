//! Rulings of operators, which stand beside what the evidence says.

use crate::id::{PartnerId, PlaceId, ReportId};
use crate::state::Outcome;
use crate::time::Timestamp;

/// A ruling on a place, or that one is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjudication {
    /// Its id; of the same kind as those of reports, and never one of them.
    pub id: ReportId,
    /// For whom it was made.
    pub partner: PartnerId,
    /// When it was first recorded, by whichever node: of two the later counts.
    pub first_recorded_at: Timestamp,
    /// The place.
    pub place: PlaceId,
    /// What it says.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
}

/// What is ruled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// The place is so.
    So {
        /// How.
        outcome: Outcome,
        /// Valid time from which it is.
        from: Timestamp,
        /// Valid time until which it is; `None`: until something else is known.
        until: Option<Timestamp>,
    },
    /// Another ruling of the same partner no longer counts.
    Revoked(ReportId),
}

impl Adjudication {
    /// Whether it says anything of a valid time.
    #[must_use]
    pub fn covers(&self, as_of: Timestamp) -> bool {
        match &self.ruling {
            Ruling::So { from, until, .. } => {
                *from <= as_of && until.is_none_or(|until| as_of < until)
            }
            Ruling::Revoked(_) => false,
        }
    }
}
