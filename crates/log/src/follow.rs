//! Following a log that can be read by position: what is there, then what comes,
//! and a heartbeat when it is quiet. Every log of this process follows this way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use tokio::sync::watch;

use crate::{End, Follow, FollowError, Incarnation, PartitionId, Record, Sequence};

/// How long a follower hears nothing before it gets an empty batch.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// The most records in one batch of a follower.
pub const FOLLOW_BATCH_RECORDS: usize = 256;

/// The most bytes of body and content in one batch of a follower, unless a single
/// record is larger.
pub const FOLLOW_BATCH_BYTES: usize = 1 << 20;

/// A log whose records can be read by position.
#[async_trait]
pub trait Positional: Send + Sync + 'static {
    /// Which history this is.
    fn incarnation(&self) -> Incarnation;

    /// The durable end of a partition as it moves; `None` where there is no such
    /// partition. The sender is gone once the log is closed.
    fn end(&self, partition: PartitionId) -> Option<watch::Receiver<End>>;

    /// Reads on from `after`, no further than `until`, which is durable: at least
    /// one record, and no more than [`FOLLOW_BATCH_RECORDS`] and about
    /// [`FOLLOW_BATCH_BYTES`].
    ///
    /// # Errors
    /// [`FollowError::Damaged`] and [`FollowError::Unavailable`].
    async fn read(
        self: Arc<Self>,
        partition: PartitionId,
        after: Sequence,
        until: Sequence,
    ) -> Result<Vec<Record>, FollowError>;
}

/// Where a follower of this process stands.
struct Follower {
    log: Arc<dyn Positional>,
    partition: PartitionId,
    after: Sequence,
    end: watch::Receiver<End>,
}

/// [`LogReader::follow`](crate::LogReader::follow) for a log that can be read by position.
pub fn follow_positions(
    log: Arc<dyn Positional>,
    partition: PartitionId,
    after: Sequence,
    incarnation: Option<Incarnation>,
) -> Follow {
    match Follower::start(log, partition, after, incarnation) {
        Err(error) => stream::once(async { Err(error) }).boxed(),
        Ok(follower) => stream::try_unfold(follower, |mut follower| async move {
            let batch = follower.next().await?;
            Ok(Some((batch, follower)))
        })
        .boxed(),
    }
}

impl Follower {
    fn start(
        log: Arc<dyn Positional>,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Result<Self, FollowError> {
        if incarnation.is_some_and(|known| known != log.incarnation()) {
            return Err(FollowError::IncarnationChanged);
        }
        let receiver = log
            .end(partition)
            .ok_or(FollowError::NoSuchPartition(partition))?;
        let end = receiver.borrow().last_sequence;
        if after > end {
            return Err(FollowError::BeyondEnd {
                partition,
                after,
                end,
            });
        }
        Ok(Self {
            log,
            partition,
            after,
            end: receiver,
        })
    }

    async fn next(&mut self) -> Result<Vec<Record>, FollowError> {
        loop {
            let until = self.end.borrow_and_update().last_sequence;
            if until > self.after {
                let batch = Arc::clone(&self.log)
                    .read(self.partition, self.after, until)
                    .await?;
                if let Some(last) = batch.last() {
                    self.after = last.position.sequence;
                }
                return Ok(batch);
            }
            match tokio::time::timeout(HEARTBEAT, self.end.changed()).await {
                Err(_quiet) => return Ok(Vec::new()),
                Ok(Err(_closed)) => {
                    return Err(FollowError::Unavailable("the log is closed".to_owned()));
                }
                Ok(Ok(())) => {}
            }
        }
    }
}
