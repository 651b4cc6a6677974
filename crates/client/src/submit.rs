//! Many reports over one stream.

use std::collections::VecDeque;

use ascertain_proto::v1::{
    ReportSubmission, SubmitReportsRequest, SubmitReportsResponse, SubmitResult,
};
use futures::stream::{FusedStream, Stream, StreamExt};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::{Client, ClientError, calls, retry};

/// The most reports in a batch: well below the server's 1,000, so that answers
/// come steadily.
const BATCH_REPORTS: usize = 200;
/// The most bytes in a batch, well below the server's 4 MiB. A larger report
/// travels alone.
const BATCH_BYTES: usize = 1 << 20;
/// The most batches that wait for their answers.
const WINDOW: usize = 8;

impl Client {
    /// Submits reports over one stream, in order, and hands each result to
    /// `each`, in the same order. A refused report stops nobody. When the stream
    /// breaks, what was not answered is submitted again: the ids make that safe,
    /// and a report stored before the break is answered as a duplicate.
    ///
    /// The client's deadline holds for each answer of the server, not for the whole.
    /// Returns how many results there were.
    ///
    /// # Errors
    /// [`ClientError`] when the stream cannot go on; results handed out before
    /// that stand.
    pub async fn submit_all(
        &self,
        submissions: impl Stream<Item = ReportSubmission> + Send,
        mut each: impl FnMut(SubmitResult) + Send,
    ) -> Result<usize, ClientError> {
        let batches = submissions
            .ready_chunks(BATCH_REPORTS)
            .flat_map(|chunk| futures::stream::iter(split(chunk)));
        let mut batches = std::pin::pin!(batches.fuse());
        let mut unanswered: VecDeque<SubmitReportsRequest> = VecDeque::new();
        let (mut done, mut tries) = (0, 0);
        loop {
            tries += 1;
            let before = done;
            let ended = self
                .one_stream(&mut batches, &mut unanswered, |results| {
                    done += results.len();
                    results.into_iter().for_each(&mut each);
                })
                .await;
            let Err(error) = ended else {
                return Ok(done);
            };
            if done > before {
                tries = 1;
            }
            match retry::wait(&error, tries) {
                Some(wait) => {
                    tracing::debug!(tries, ?wait, error = %error, "stream broke, going on");
                    tokio::time::sleep(wait).await;
                }
                None => return Err(error),
            }
        }
    }

    /// Drives one stream until all is answered or it breaks. What is unanswered
    /// stays in `unanswered`, oldest first.
    async fn one_stream(
        &self,
        batches: &mut (impl FusedStream<Item = SubmitReportsRequest> + Unpin),
        unanswered: &mut VecDeque<SubmitReportsRequest>,
        mut answered: impl FnMut(Vec<SubmitResult>),
    ) -> Result<(), ClientError> {
        if unanswered.is_empty() {
            match batches.next().await {
                Some(batch) => unanswered.push_back(batch),
                None => return Ok(()),
            }
        }
        // The window is also the room in the channel: sending never waits.
        let (sender, receiver) = mpsc::channel(WINDOW);
        for batch in unanswered.iter() {
            send(&sender, batch);
        }
        let mut answers = self.open(ReceiverStream::new(receiver)).await?;
        while !unanswered.is_empty() || !batches.is_terminated() {
            tokio::select! {
                batch = batches.next(), if unanswered.len() < WINDOW && !batches.is_terminated() => {
                    if let Some(batch) = batch {
                        send(&sender, &batch);
                        unanswered.push_back(batch);
                    }
                }
                answer = tokio::time::timeout(self.deadline, answers.message()), if !unanswered.is_empty() => {
                    let answer = answer
                        .map_err(|_| self.timed_out())?
                        .map_err(|status| self.broke(status))?;
                    let Some(answer) = answer else {
                        return Err(self.closed());
                    };
                    let batch = unanswered.pop_front().unwrap_or_default();
                    if answer.results.len() != batch.submissions.len() {
                        return Err(self.contract("an answer does not fit its batch"));
                    }
                    answered(answer.results);
                }
            }
        }
        Ok(())
    }

    async fn open(
        &self,
        requests: ReceiverStream<SubmitReportsRequest>,
    ) -> Result<Streaming<SubmitReportsResponse>, ClientError> {
        let mut client = calls::ingest(self.channel());
        let opened = tokio::time::timeout(self.deadline, client.submit_reports(requests)).await;
        let opened = opened.map_err(|_| self.timed_out())?;
        Ok(opened.map_err(|status| self.broke(status))?.into_inner())
    }

    /// The stream ended in order with work left: the server drains.
    fn closed(&self) -> ClientError {
        ClientError::Unreachable {
            endpoint: self.endpoint.clone(),
            source: Status::unavailable("the stream was closed early"),
        }
    }

    fn broke(&self, status: Status) -> ClientError {
        ClientError::of(&self.endpoint, status, self.deadline)
    }

    fn contract(&self, what: &'static str) -> ClientError {
        ClientError::Contract {
            endpoint: self.endpoint.clone(),
            what,
        }
    }
}

/// Sending fails only when the stream is gone, and then the answers say why.
fn send(sender: &mpsc::Sender<SubmitReportsRequest>, batch: &SubmitReportsRequest) {
    if sender.try_send(batch.clone()).is_err() {
        tracing::debug!("the stream takes no more");
    }
}

/// Cuts a chunk into batches of at most [`BATCH_BYTES`].
fn split(chunk: Vec<ReportSubmission>) -> Vec<SubmitReportsRequest> {
    let mut batches = Vec::new();
    let (mut batch, mut bytes) = (SubmitReportsRequest::default(), 0);
    for submission in chunk {
        let size = submission.encoded_len();
        if bytes + size > BATCH_BYTES && !batch.submissions.is_empty() {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.submissions.push(submission);
    }
    if !batch.submissions.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_proto::v1::Report;

    #[test]
    fn a_batch_stays_below_the_servers_limit_and_keeps_the_order() {
        let submission = |id: usize| ReportSubmission {
            report: Some(Report {
                report_id: id.to_string(),
                text: "a".repeat(BATCH_BYTES / 3),
                ..Report::default()
            }),
            ..ReportSubmission::default()
        };
        let batches = split((0..5).map(submission).collect());
        let ids: Vec<Vec<String>> = batches
            .iter()
            .map(|batch| {
                let reports = batch
                    .submissions
                    .iter()
                    .filter_map(|one| one.report.clone());
                reports.map(|report| report.report_id).collect()
            })
            .collect();
        assert_eq!(ids, [vec!["0", "1"], vec!["2", "3"], vec!["4"]]);
        assert!(
            batches
                .iter()
                .all(|batch| batch.encoded_len() <= BATCH_BYTES)
        );
    }
}
