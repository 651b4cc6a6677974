//! Outlasting a log that cannot be reached: waiting for it at a start, and
//! following for ever, again from the last record seen.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};

use crate::{End, Follow, FollowError, Incarnation, LogReader, PartitionId, Record, Sequence};

/// The first wait before following again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest wait before following again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The ends of a log, as soon as it can be reached: the process that serves it may
/// start after its followers. Says now and then that it waits.
///
/// # Errors
/// Every [`FollowError`] but [`FollowError::Unavailable`].
pub async fn reachable(reader: &dyn LogReader) -> Result<Vec<End>, FollowError> {
    let mut wait = FIRST_WAIT;
    loop {
        match reader.ends().await {
            Err(FollowError::Unavailable(reason)) => {
                tracing::warn!(reason, wait_ms = wait.as_millis(), "waiting for the log");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            ends => return ends,
        }
    }
}

struct Resuming {
    reader: Arc<dyn LogReader>,
    partition: PartitionId,
    after: Sequence,
    incarnation: Option<Incarnation>,
    inner: Option<Follow>,
    wait: Duration,
}

/// Follows a partition as [`LogReader::follow`] does, but starts again from the
/// last record seen whenever the log is [`FollowError::Unavailable`], waiting 50 ms
/// to 5 s between attempts. Every other error is passed on and ends the stream.
///
/// A follower without an incarnation takes that of the log it first reaches, so
/// that a log remade in between is noticed. While the log cannot be reached the
/// stream is silent: no heartbeat says that nothing new is there.
pub fn follow_forever(
    reader: Arc<dyn LogReader>,
    partition: PartitionId,
    after: Sequence,
    incarnation: Option<Incarnation>,
) -> Follow {
    let start = Resuming {
        reader,
        partition,
        after,
        incarnation,
        inner: None,
        wait: FIRST_WAIT,
    };
    stream::try_unfold(start, |mut follower| async move {
        let batch = follower.next().await?;
        Ok(Some((batch, follower)))
    })
    .boxed()
}

impl Resuming {
    async fn next(&mut self) -> Result<Vec<Record>, FollowError> {
        loop {
            match self.attempt().await {
                Err(FollowError::Unavailable(reason)) => {
                    self.inner = None;
                    tracing::warn!(
                        partition = self.partition.0,
                        after = self.after.0,
                        reason,
                        wait_ms = self.wait.as_millis(),
                        "the log cannot be followed now; it is tried again"
                    );
                    tokio::time::sleep(self.wait).await;
                    self.wait = (self.wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => return Err(error),
                Ok(batch) => {
                    self.wait = FIRST_WAIT;
                    if let Some(last) = batch.last() {
                        self.after = last.position.sequence;
                    }
                    return Ok(batch);
                }
            }
        }
    }

    async fn attempt(&mut self) -> Result<Vec<Record>, FollowError> {
        let incarnation = match self.incarnation {
            Some(known) => known,
            None => *self.incarnation.insert(self.reader.incarnation().await?),
        };
        let inner = self.inner.get_or_insert_with(|| {
            self.reader
                .follow(self.partition, self.after, Some(incarnation))
        });
        inner
            .next()
            .await
            .unwrap_or_else(|| Err(FollowError::Unavailable("the stream ended".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryLog;
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Fails so often before it answers.
    struct Late(AtomicU32, FollowError);

    #[async_trait]
    impl LogReader for Late {
        async fn incarnation(&self) -> Result<Incarnation, FollowError> {
            Err(self.1.clone())
        }

        async fn ends(&self) -> Result<Vec<End>, FollowError> {
            if self.0.fetch_sub(1, Ordering::Relaxed) > 0 {
                return Err(self.1.clone());
            }
            MemoryLog::new(3).ends().await
        }

        fn follow(&self, _: PartitionId, _: Sequence, _: Option<Incarnation>) -> Follow {
            stream::empty().boxed()
        }
    }

    #[tokio::test]
    async fn a_log_that_is_served_later_is_waited_for() {
        let late = Late(2.into(), FollowError::Unavailable("not up".to_owned()));
        assert_eq!(reachable(&late).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn an_error_that_lasts_is_not_waited_out() {
        let broken = Late(1.into(), FollowError::IncarnationChanged);
        let error = reachable(&broken).await.unwrap_err();
        assert!(matches!(error, FollowError::IncarnationChanged));
    }
}
