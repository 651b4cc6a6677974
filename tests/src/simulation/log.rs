//! A log that outlives its services, and lets them down.

use std::sync::Arc;

use ascertain_log::{
    Append, AppendError, End, Erase, Follow, FollowError, HEARTBEAT, Incarnation, LogReader,
    LogWriter, MemoryLog, PartitionId, Position, Record, Sequence,
};
use futures::{StreamExt as _, stream};
use tokio::sync::{Mutex, Notify};

use super::chance::Chance;

/// A memory log behind a bad line. Clones are the same.
#[derive(Clone)]
pub(crate) struct FaultyLog {
    name: &'static str,
    inner: Arc<MemoryLog>,
    chance: Arc<Chance>,
    /// Appends enter in the order in which they were asked for.
    order: Arc<Mutex<()>>,
    changed: Arc<Notify>,
}

impl FaultyLog {
    pub(crate) fn new(name: &'static str, inner: Arc<MemoryLog>, chance: Arc<Chance>) -> Self {
        Self {
            name,
            inner,
            chance,
            order: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// What is behind it.
    pub(crate) fn inner(&self) -> &Arc<MemoryLog> {
        &self.inner
    }

    fn out_of_reach(&self) -> Result<(), FollowError> {
        let log = self.chance.weather.log;
        if self.chance.strikes("log out of reach", log / 2) {
            let what = format!("{}: out of reach", self.name);
            return Err(FollowError::Unavailable(what));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl LogReader for FaultyLog {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        self.chance.delay(3).await;
        self.out_of_reach()?;
        self.inner.incarnation().await
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        self.chance.delay(3).await;
        self.out_of_reach()?;
        let ends = self.inner.ends().await;
        self.chance.delay(3).await;
        ends
    }

    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow {
        let follower = Follower {
            log: self.clone(),
            partition,
            after,
            incarnation,
            started: false,
        };
        stream::try_unfold(follower, |mut follower| async move {
            let batch = follower.next().await?;
            Ok(Some((batch, follower)))
        })
        .boxed()
    }
}

struct Follower {
    log: FaultyLog,
    partition: PartitionId,
    after: Sequence,
    incarnation: Option<Incarnation>,
    started: bool,
}

impl Follower {
    async fn next(&mut self) -> Result<Vec<Record>, FollowError> {
        let chance = Arc::clone(&self.log.chance);
        chance.delay(12).await;
        if chance.strikes("stream broken", chance.weather.log) {
            return Err(FollowError::Unavailable("the stream broke".to_owned()));
        }
        if !std::mem::replace(&mut self.started, true) {
            // What is wrong with the position, the log behind says.
            let (partition, after) = (self.partition, self.after);
            let mut started = self.log.inner.follow(partition, after, self.incarnation);
            if let Some(Some(Err(error))) = futures::FutureExt::now_or_never(started.next()) {
                return Err(error);
            }
        }
        loop {
            // Made before the look: what comes after it wakes this up.
            let news = Arc::clone(&self.log.changed);
            let changed = news.notified();
            if let Some(batch) = self.there(&chance).await? {
                return Ok(batch);
            }
            if tokio::time::timeout(HEARTBEAT, changed).await.is_err() {
                return Ok(Vec::new());
            }
        }
    }

    async fn there(&mut self, chance: &Chance) -> Result<Option<Vec<Record>>, FollowError> {
        let ends = self.log.inner.ends().await?;
        let end = ends.get(self.partition.0 as usize);
        if end.is_none_or(|end| end.last_sequence <= self.after) {
            return Ok(None);
        }
        let mut there = self.log.inner.follow(self.partition, self.after, None);
        let Some(batch) = there.next().await else {
            return Ok(None);
        };
        let mut batch = batch?;
        if batch.len() > 1 && chance.strikes("batch cut", 300) {
            batch.truncate(1 + chance.below(batch.len() - 1));
        }
        if let Some(last) = batch.last() {
            self.after = last.position.sequence;
        }
        Ok(Some(batch))
    }
}

#[async_trait::async_trait]
impl LogWriter for FaultyLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        let chance = &self.chance;
        let _order = self.order.lock().await;
        chance.operation("append");
        chance.delay(8).await;
        if chance.strikes("append refused: no space", chance.weather.log) {
            return Err(AppendError::Refused("no space is left".to_owned()));
        }
        if chance.strikes("append refused: closed", chance.weather.log / 8) {
            return Err(AppendError::Refused("it is closed".to_owned()));
        }
        let unknown = || Err(AppendError::OutcomeUnknown("the line broke".to_owned()));
        if chance.strikes("append unknown, not done", chance.weather.log / 2) {
            return unknown();
        }
        let count = batch.len();
        let done = self.inner.append(batch).await;
        self.changed.notify_waiters();
        chance.event(format_args!("{} +{count} {}", self.name, done.is_ok()));
        chance.delay(8).await;
        if chance.strikes("append unknown, done", chance.weather.log / 2) {
            return unknown();
        }
        done
    }

    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError> {
        self.chance.delay(8).await;
        if self
            .chance
            .strikes("erasure not done", self.chance.weather.log)
        {
            return Err(AppendError::OutcomeUnknown("the disk is slow".to_owned()));
        }
        self.inner.erase(records).await
    }
}
