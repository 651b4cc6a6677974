//! What ingest counts since its start.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters, by name.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Reports recorded.
    pub(crate) accepted: AtomicU64,
    /// Reports acknowledged again.
    pub(crate) duplicates: AtomicU64,
    /// Reports refused.
    pub(crate) refused: AtomicU64,
}

impl Counters {
    /// All of them, in the order of names.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &AtomicU64)> {
        [
            ("reports_accepted", &self.accepted),
            ("reports_duplicate", &self.duplicates),
            ("reports_refused", &self.refused),
        ]
        .into_iter()
    }

    /// Counts the answer to a report.
    pub(crate) fn count(&self, answer: &crate::accept::Answer) {
        let counter = match answer {
            Ok(acknowledgement) if acknowledgement.duplicate => &self.duplicates,
            Ok(_) => &self.accepted,
            Err(_) => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
