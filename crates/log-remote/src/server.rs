//! Serving the logs of this process to followers in others.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_log::{FollowError, LogReader, PartitionId, Record, Sequence};
use ascertain_proto::log::v1::log_service_server::{LogService, LogServiceServer};
use ascertain_proto::log::v1::{
    DescribeLogRequest, DescribeLogResponse, FollowLogRequest, FollowLogResponse, LogKind,
};
use futures::future::{self, BoxFuture, Shared};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use tonic::{Request, Response, Status};

use crate::MAX_MESSAGE_BYTES;
use crate::status::{malformed_incarnation, no_such_log, to_status};
use crate::wire::{from_incarnation, to_partition_end, to_responses};

/// The `LogService` over the logs that this process holds: one or both.
pub struct LogServer {
    logs: BTreeMap<LogKind, Arc<dyn LogReader>>,
    ended: Shared<BoxFuture<'static, ()>>,
}

impl LogServer {
    /// Serves these logs. Their records must stay below [`MAX_MESSAGE_BYTES`].
    #[must_use]
    pub fn new(logs: impl IntoIterator<Item = (LogKind, Arc<dyn LogReader>)>) -> Self {
        Self {
            logs: logs.into_iter().collect(),
            ended: future::pending().boxed().shared(),
        }
    }

    /// Ends the streams of followers when this returns: they are endless, and a
    /// process that drains would wait for them in vain.
    #[must_use]
    pub fn until(mut self, ended: impl Future<Output = ()> + Send + 'static) -> Self {
        self.ended = ended.boxed().shared();
        self
    }

    /// As a service to add to a server, with its message limits set.
    #[must_use]
    pub fn into_service(self) -> LogServiceServer<Self> {
        LogServiceServer::new(self)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    // A refused request is rare; its status may be large.
    #[allow(clippy::result_large_err)]
    fn log(&self, kind: i32) -> Result<&Arc<dyn LogReader>, Status> {
        let kind = LogKind::try_from(kind).unwrap_or_default();
        self.logs
            .get(&kind)
            .ok_or_else(|| no_such_log(kind.as_str_name()))
    }
}

#[tonic::async_trait]
impl LogService for LogServer {
    async fn describe_log(
        &self,
        request: Request<DescribeLogRequest>,
    ) -> Result<Response<DescribeLogResponse>, Status> {
        let log = self.log(request.get_ref().log)?;
        let incarnation = log.incarnation().await.map_err(|error| to_status(&error))?;
        let ends = log.ends().await.map_err(|error| to_status(&error))?;
        Ok(Response::new(DescribeLogResponse {
            incarnation: incarnation.0.to_vec(),
            ends: (0..)
                .zip(&ends)
                .map(|(partition, end)| to_partition_end(partition, end))
                .collect(),
        }))
    }

    type FollowLogStream = BoxStream<'static, Result<FollowLogResponse, Status>>;

    async fn follow_log(
        &self,
        request: Request<FollowLogRequest>,
    ) -> Result<Response<Self::FollowLogStream>, Status> {
        let request = request.into_inner();
        let log = Arc::clone(self.log(request.log)?);
        let known = match request.incarnation.as_slice() {
            [] => None,
            bytes => {
                Some(from_incarnation(bytes).ok_or_else(|| malformed_incarnation(bytes.len()))?)
            }
        };
        let partition = PartitionId(request.partition);
        let incarnation = log.incarnation().await.map_err(|error| to_status(&error))?;
        let follow = log.follow(partition, Sequence(request.after_sequence), known);
        let responses = follow
            .then(move |batch| {
                let log = Arc::clone(&log);
                async move {
                    let batch = batch?;
                    let last_sequence = last_sequence(&*log, partition, &batch).await?;
                    let responses = to_responses(batch).into_iter().map(move |frames| {
                        Ok(FollowLogResponse {
                            frames,
                            last_sequence,
                            incarnation: incarnation.0.to_vec(),
                        })
                    });
                    Ok(stream::iter(responses))
                }
            })
            .try_flatten()
            .map_err(|error: FollowError| to_status(&error));
        let responses = responses.take_until(self.ended.clone());
        Ok(Response::new(responses.boxed()))
    }
}

async fn last_sequence(
    log: &dyn LogReader,
    partition: PartitionId,
    batch: &[Record],
) -> Result<u64, FollowError> {
    let ends = log.ends().await?;
    let end = ends.get(partition.0 as usize).map(|end| end.last_sequence);
    let sent = batch.last().map(|record| record.position.sequence);
    Ok(end.max(sent).unwrap_or_default().0)
}
