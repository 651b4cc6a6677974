//! An append of which it is not known whether it happened, and the retry.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used)]

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ascertain_log::{
    Append, AppendError, End, Erase, Follow, FollowError, Incarnation, LogReader, LogWriter,
    MemoryLog, PartitionId, Position, Sequence,
};
use futures::StreamExt as _;
use harness::{Node, noon, reason, registry, report};

/// A log that may not say that it appended, and that is slow to tell its followers.
struct Unsure {
    inner: MemoryLog,
    unsure: AtomicBool,
    /// Whether what it is unsure of happens.
    happens: bool,
    /// Notified: the disk has failed.
    broken: tokio::sync::Notify,
}

#[async_trait::async_trait]
impl LogReader for Unsure {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        self.inner.incarnation().await
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        self.inner.ends().await
    }

    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow {
        let follow = self.inner.follow(partition, after, incarnation);
        let slow = follow.then(|batch| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            batch
        });
        slow.boxed()
    }
}

#[async_trait::async_trait]
impl LogWriter for Unsure {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        if !self.unsure.swap(false, Ordering::Relaxed) {
            return self.inner.append(batch).await;
        }
        if self.happens {
            self.inner.append(batch).await?;
        }
        Err(AppendError::OutcomeUnknown("the line broke".to_owned()))
    }

    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError> {
        self.inner.erase(records).await
    }

    async fn failed(&self) -> String {
        self.broken.notified().await;
        "the disk is broken".to_owned()
    }
}

#[tokio::test]
async fn a_log_that_has_failed_ends_the_process() {
    let log = Arc::new(Unsure {
        inner: MemoryLog::with_clock(4, noon()),
        unsure: AtomicBool::new(false),
        happens: true,
        broken: tokio::sync::Notify::new(),
    });
    let written = Arc::clone(&log) as Arc<dyn LogWriter>;
    let node = Node::over(written, tempfile::tempdir().unwrap()).await;
    log.broken.notify_one();
    let why = node.ended().await;
    assert!(why.contains("the disk is broken"), "{why}");
}

#[tokio::test]
async fn what_perhaps_was_recorded_is_not_recorded_again() {
    for happens in [true, false] {
        let log = Arc::new(Unsure {
            inner: MemoryLog::with_clock(4, noon()),
            unsure: AtomicBool::new(false),
            happens,
            broken: tokio::sync::Notify::new(),
        });
        let written = Arc::clone(&log) as Arc<dyn LogWriter>;
        let mut node = Node::over(written, tempfile::tempdir().unwrap()).await;
        node.registry.apply_registry(registry()).await.unwrap();
        log.unsure.store(true, Ordering::Relaxed);
        let unknown = node.submit(report(1)).await.unwrap_err();
        assert_eq!(reason(&unknown), "OUTCOME_UNKNOWN");
        // At once, long before a follower of the log has told.
        let ack = node.submit(report(1)).await.unwrap();
        assert_eq!(ack.duplicate, happens);
        assert_eq!(node.reports().await, 1);
        node.end().await;
    }
}
