//! Reading a partition from its start to its end, and saying what is wrong with it.

use ascertain_domain::time::Timestamp;
use futures::StreamExt;

use crate::{Chain, Follow, FollowError, LogReader, PartitionId, Record, Sequence};

/// Reads a partition and checks that sequence, chain and knowledge time go on from
/// record to record. Behind a damaged record it goes on.
pub struct Audit<'a> {
    log: &'a dyn LogReader,
    partition: PartitionId,
    until: Sequence,
    follow: Follow,
    after: Sequence,
    /// `None` behind a damaged record.
    chain: Option<Chain>,
    known_at: Option<Timestamp>,
    wrong: Vec<String>,
}

impl<'a> Audit<'a> {
    /// Of a partition up to a record that is there.
    #[must_use]
    pub fn new(log: &'a dyn LogReader, partition: PartitionId, until: Sequence) -> Self {
        Self {
            log,
            partition,
            until,
            follow: log.follow(partition, Sequence::ZERO, None),
            after: Sequence::ZERO,
            chain: Some(Chain::START),
            known_at: None,
            wrong: Vec::new(),
        }
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// Those that end a follower but for [`FollowError::Damaged`].
    pub async fn next(&mut self) -> Result<Option<Vec<Record>>, FollowError> {
        while self.after < self.until {
            match self.follow.next().await {
                Some(Ok(mut batch)) => {
                    batch.retain(|record| record.position.sequence <= self.until);
                    batch.iter().for_each(|record| self.check(record));
                    if !batch.is_empty() {
                        return Ok(Some(batch));
                    }
                }
                Some(Err(FollowError::Damaged {
                    sequence, detail, ..
                })) => {
                    self.note(sequence, &detail);
                    self.after = sequence.max(self.after.next());
                    self.chain = None;
                    self.follow = self.log.follow(self.partition, self.after, None);
                }
                Some(Err(error)) => return Err(error),
                None => {
                    let detail = "the log ended before its end".to_owned();
                    return Err(FollowError::Unavailable(detail));
                }
            }
        }
        Ok(None)
    }

    /// What was found wrong since this was asked last.
    pub fn wrong(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wrong)
    }

    fn note(&mut self, sequence: Sequence, what: &str) {
        let partition = self.partition;
        let text = format!("partition {partition}, record {sequence}: {what}");
        self.wrong.push(text);
    }

    fn check(&mut self, record: &Record) {
        let at = record.position;
        if at.partition != self.partition || at.sequence != self.after.next() {
            self.note(at.sequence, "it does not follow the record before");
        }
        let chain = self.chain.map(|chain| chain.extend(&record.body));
        if chain.is_some_and(|chain| chain != at.chain) {
            self.note(at.sequence, "the chain does not continue");
        }
        if self.known_at.is_some_and(|known| at.known_at < known) {
            self.note(at.sequence, "its knowledge time goes back");
        }
        self.after = at.sequence;
        self.chain = Some(at.chain);
        self.known_at = Some(at.known_at);
    }
}
