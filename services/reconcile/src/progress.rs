//! How far each partition is, for operators and for readiness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ascertain_domain::time::Timestamp;
use ascertain_log::watch;

use crate::flood::Flooded;

/// How far one partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    pub processed: u64,
    pub end: u64,
    pub known_at: Option<Timestamp>,
    /// Whether all that was there at the start has been processed.
    pub caught_up: bool,
}

/// How far all partitions are, and what was counted on the way.
pub(crate) struct Progress {
    pub partitions: Vec<watch::Sender<Reached>>,
    pub entries: AtomicU64,
    pub records: AtomicU64,
    /// The places that unproven sources flood.
    pub floods: Arc<Flooded>,
}

impl Progress {
    pub(crate) fn new(partitions: u32) -> Arc<Self> {
        let partitions = (0..partitions).map(|_| watch::channel(Reached::default()).0);
        Arc::new(Self {
            partitions: partitions.collect(),
            entries: AtomicU64::new(0),
            records: AtomicU64::new(0),
            floods: Arc::default(),
        })
    }

    /// The latest knowledge time of any partition; `None` before the first record.
    pub(crate) fn frontier(&self) -> Option<Timestamp> {
        let partitions = self.partitions.iter();
        partitions.filter_map(|p| p.borrow().known_at).max()
    }

    pub(crate) fn count(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// Waits until every partition has caught up with what was there at the start.
    pub(crate) async fn caught_up(&self) {
        for partition in &self.partitions {
            // The sender is `self`: the channel does not close while this waits.
            let _ = partition.subscribe().wait_for(|r| r.caught_up).await;
        }
    }
}
