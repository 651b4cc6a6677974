//! Reading a part of a log that is there already.

use ascertain_log::{FollowError, LogReader, PartitionId, Record, Sequence};
use futures::StreamExt as _;

/// Why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Follow(#[from] FollowError),
    /// The log ended before its own end.
    #[error("partition {partition} ended before its record {until}")]
    Ended {
        partition: PartitionId,
        until: Sequence,
    },
    /// Whoever takes the records fails.
    #[error(transparent)]
    Taker(anyhow::Error),
}

/// Hands over the records of a partition after one sequence, up to and including
/// another that is there already, batch by batch.
pub(crate) async fn replay(
    log: &dyn LogReader,
    partition: PartitionId,
    after: Sequence,
    until: Sequence,
    mut take: impl FnMut(&[Record]) -> anyhow::Result<()> + Send,
) -> Result<(), ReplayError> {
    if after >= until {
        return Ok(());
    }
    let mut follow = log.follow(partition, after, None);
    while let Some(batch) = follow.next().await {
        let mut batch = batch?;
        batch.retain(|record| record.position.sequence <= until);
        take(&batch).map_err(ReplayError::Taker)?;
        if batch
            .last()
            .is_some_and(|last| last.position.sequence >= until)
        {
            return Ok(());
        }
    }
    Err(ReplayError::Ended { partition, until })
}
