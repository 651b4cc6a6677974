//! Folds kept in memory, so that one more report costs a step and not a history.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ascertain_domain::id::PlaceId;
use ascertain_domain::place::Place;
use ascertain_domain::registry::View;
use ascertain_domain::report::Report;
use ascertain_engine::{Folded, Taken};

/// Folds of so many claims in all are kept, those used last: of the order of 100 MB.
const MOST_CLAIMS: usize = 200_000;
/// A fold counts for so many claims, beside its own.
const EACH: usize = 16;

/// The folds of the places that were folded last. All are of one registry.
#[derive(Default)]
pub(crate) struct Folds {
    kept: HashMap<PlaceId, (u64, Folded)>,
    /// Which was used when.
    order: BTreeMap<u64, PlaceId>,
    used: u64,
    claims: usize,
}

impl Folds {
    /// The fold of a place with one more report, if it can be had without folding
    /// anew. A fold is given out once: keep it again.
    pub(crate) fn with(
        &mut self,
        place: &Place,
        registry: View<'_>,
        report: Option<&Arc<Report>>,
    ) -> Option<Folded> {
        let (used, mut folded) = self.kept.remove(&place.id)?;
        self.order.remove(&used);
        self.claims -= size(&folded);
        let taken = folded.take(place, registry, report?);
        (taken != Taken::Refold).then_some(folded)
    }

    /// Keeps the fold of a place.
    pub(crate) fn keep(&mut self, place: PlaceId, folded: Folded) {
        self.used += 1;
        self.claims += size(&folded);
        self.order.insert(self.used, place.clone());
        self.kept.insert(place, (self.used, folded));
        while self.claims > MOST_CLAIMS {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            if let Some((_, folded)) = self.kept.remove(&oldest) {
                self.claims -= size(&folded);
            }
        }
    }

    /// Forgets all folds.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn size(folded: &Folded) -> usize {
    folded.claims() + EACH
}
