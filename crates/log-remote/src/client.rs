//! Following a log of another process.

use std::time::Duration;

use ascertain_domain::time::Timestamp;
use ascertain_log::{
    Chain, End, Follow, FollowError, HEARTBEAT, Incarnation, LogReader, PartitionId, Record,
    Sequence,
};
use ascertain_proto::log::v1::log_service_client::LogServiceClient;
use ascertain_proto::log::v1::{
    DescribeLogRequest, DescribeLogResponse, FollowLogRequest, FollowLogResponse, LogKind,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};

use crate::MAX_MESSAGE_BYTES;
use crate::status::from_status;
use crate::wire::{from_frame, from_incarnation, from_partition_end};

/// A stream this long without even a heartbeat is broken.
const LONGEST_SILENCE: Duration = HEARTBEAT.saturating_mul(10);
/// The longest wait for an answer to a single question.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a quiet connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A log that another process serves. It reconnects by itself for the next
/// question; a stream that broke stays ended.
#[derive(Clone)]
pub struct RemoteLog {
    client: LogServiceClient<Channel>,
    kind: LogKind,
}

impl RemoteLog {
    /// One of the logs served at the other end of a channel, which may connect
    /// lazily.
    #[must_use]
    pub fn new(channel: Channel, kind: LogKind) -> Self {
        let client = LogServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { client, kind }
    }

    /// One of the logs served at an address such as `http://127.0.0.1:7411`.
    /// Connects with the first question, and again whenever the connection broke.
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If it is no address.
    pub fn at(url: &str, kind: LogKind) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_while_idle(true);
        Ok(Self::new(endpoint.connect_lazy(), kind))
    }

    async fn describe(&self) -> Result<DescribeLogResponse, FollowError> {
        let mut request = Request::new(DescribeLogRequest {
            log: self.kind.into(),
        });
        request.set_timeout(DEADLINE);
        let mut client = self.client.clone();
        let answer = tokio::time::timeout(DEADLINE, client.describe_log(request)).await;
        answer
            .map_err(|_| silent(DEADLINE))?
            .map(tonic::Response::into_inner)
            .map_err(|status| from_status(&status, PartitionId::REGISTRY, Sequence::ZERO))
    }
}

#[async_trait]
impl LogReader for RemoteLog {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        let description = self.describe().await?;
        from_incarnation(&description.incarnation).ok_or_else(no_incarnation)
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        let description = self.describe().await?;
        let ends = description.ends.iter().map(from_partition_end);
        ends.collect::<Result<_, _>>()
            .map_err(FollowError::Unavailable)
    }

    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow {
        let follower = Follower {
            log: self.clone(),
            stream: None,
            partition,
            after,
            incarnation,
            chain: (after == Sequence::ZERO).then_some(Chain::START),
            known_at: None,
        };
        stream::try_unfold(follower, |mut follower| async move {
            let batch = follower.next().await?;
            Ok(Some((batch, follower)))
        })
        .boxed()
    }
}

/// A stream of frames, and what the next frame has to continue.
struct Follower {
    log: RemoteLog,
    stream: Option<Streaming<FollowLogResponse>>,
    partition: PartitionId,
    after: Sequence,
    incarnation: Option<Incarnation>,
    /// `None` before the first frame of a follower that starts in the middle.
    chain: Option<Chain>,
    known_at: Option<Timestamp>,
}

impl Follower {
    async fn next(&mut self) -> Result<Vec<Record>, FollowError> {
        let received = tokio::time::timeout(LONGEST_SILENCE, self.receive()).await;
        let response = received.map_err(|_| silent(LONGEST_SILENCE))??;
        let incarnation = from_incarnation(&response.incarnation).ok_or_else(no_incarnation)?;
        if *self.incarnation.get_or_insert(incarnation) != incarnation {
            return Err(FollowError::IncarnationChanged);
        }
        let frames = response.frames.into_iter();
        let check = |frame| {
            let record = from_frame(frame).and_then(|record| self.continued_by(record));
            record.map_err(|detail| FollowError::Damaged {
                partition: self.partition,
                sequence: self.after.next(),
                detail,
            })
        };
        frames.map(check).collect()
    }

    async fn receive(&mut self) -> Result<FollowLogResponse, FollowError> {
        let received = match &mut self.stream {
            Some(stream) => stream.message().await,
            None => {
                let request = FollowLogRequest {
                    log: self.log.kind.into(),
                    partition: self.partition.0,
                    after_sequence: self.after.0,
                    incarnation: self.incarnation.map(|i| i.0.to_vec()).unwrap_or_default(),
                };
                match self.log.client.follow_log(request).await {
                    Ok(response) => self.stream.insert(response.into_inner()).message().await,
                    Err(status) => Err(status),
                }
            }
        };
        received
            .map_err(|status| from_status(&status, self.partition, self.after))?
            .ok_or_else(|| FollowError::Unavailable("the server ended the stream".to_owned()))
    }

    /// Checks that a record continues what was seen; says where it does not.
    fn continued_by(&mut self, record: Record) -> Result<Record, String> {
        let at = record.position;
        if at.partition != self.partition || at.sequence != self.after.next() {
            return Err(format!(
                "record {} of partition {} came in its place",
                at.sequence, at.partition
            ));
        }
        if self
            .chain
            .is_some_and(|chain| chain.extend(&record.body) != at.chain)
        {
            return Err("the chain does not continue".to_owned());
        }
        if at.known_at < at.recorded_at || self.known_at.is_some_and(|known| at.known_at < known) {
            return Err("the knowledge time goes back".to_owned());
        }
        self.after = at.sequence;
        self.chain = Some(at.chain);
        self.known_at = Some(at.known_at);
        Ok(record)
    }
}

fn silent(time: Duration) -> FollowError {
    FollowError::Unavailable(format!("nothing was heard for {} s", time.as_secs()))
}

fn no_incarnation() -> FollowError {
    FollowError::Unavailable("the server gave no incarnation".to_owned())
}
