//! The one way into the log. Jobs enter the log in the order in which they were
//! handed in, and are carried through even if whoever waits for them has left:
//! what was appended is always noted in the ledger.

use std::pin::Pin;
use std::sync::Arc;

use ascertain_log::{Append, AppendError, LogWriter, PartitionId, Position, Recorded};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::ledger::{Entry, Reservation};
use crate::partition::Partitions;

/// Jobs that wait for the log; more wait before they are handed in.
const QUEUED_JOBS: usize = 64;
/// Jobs within the log at once.
const RUNNING_JOBS: usize = 64;

/// A report to note once it is recorded.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Its place in the ledger.
    pub(crate) reservation: Reservation,
    /// What to note, without positions.
    pub(crate) entry: Entry,
    /// How many appends are its own.
    pub(crate) appends: usize,
}

/// A job that failed, with what to try again.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: AppendError,
    pub(crate) pending: Vec<Pending>,
}

struct Job {
    appends: Vec<Append>,
    pending: Vec<Pending>,
    done: oneshot::Sender<Result<Vec<Position>, Failed>>,
}

/// Hands jobs in.
#[derive(Debug, Clone)]
pub(crate) struct Writer(mpsc::Sender<Job>);

/// Carries jobs out.
pub(crate) struct Jobs {
    queue: mpsc::Receiver<Job>,
    log: Arc<dyn LogWriter>,
    partitions: Arc<Partitions>,
}

/// A way into a log. Nothing is written until [`Jobs::run`].
pub(crate) fn writer(log: Arc<dyn LogWriter>, partitions: Arc<Partitions>) -> (Writer, Jobs) {
    let (sender, queue) = mpsc::channel(QUEUED_JOBS);
    (
        Writer(sender),
        Jobs {
            queue,
            log,
            partitions,
        },
    )
}

impl Writer {
    /// Whether jobs are still taken.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    /// Appends a batch, all or nothing; the reports among it are noted. The
    /// appends of reports come in the order of `pending`.
    pub(crate) async fn write(
        &self,
        appends: Vec<Append>,
        pending: Vec<Pending>,
    ) -> Result<Vec<Position>, Failed> {
        let (done, outcome) = oneshot::channel();
        let job = Job {
            appends,
            pending,
            done,
        };
        if let Err(mpsc::error::SendError(job)) = self.0.send(job).await {
            let error = AppendError::Refused("this node is draining".to_owned());
            return Err(Failed {
                error,
                pending: job.pending,
            });
        }
        outcome.await.unwrap_or_else(|_| {
            let error = AppendError::OutcomeUnknown("the writer ended".to_owned());
            Err(Failed {
                error,
                pending: Vec::new(),
            })
        })
    }
}

impl Jobs {
    /// Works until `stopping`, then finishes what was handed in before.
    pub(crate) async fn run(mut self, stopping: impl Future<Output = ()>) {
        let mut stopping = std::pin::pin!(stopping);
        let mut stopped = false;
        let mut running: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send>>> =
            FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stopping, if !stopped => {
                    stopped = true;
                    self.queue.close();
                }
                Some(()) = running.next(), if !running.is_empty() => {}
                job = self.queue.recv(), if running.len() < RUNNING_JOBS => {
                    let Some(job) = job else { break };
                    let (log, partitions) = (Arc::clone(&self.log), Arc::clone(&self.partitions));
                    let mut work: Pin<Box<dyn Future<Output = ()> + Send>> =
                        Box::pin(perform(log, partitions, job));
                    // The first poll queues it in the log: order is kept.
                    if futures::poll!(&mut work).is_pending() {
                        running.push(work);
                    }
                }
            }
        }
        while running.next().await.is_some() {}
    }
}

async fn perform(log: Arc<dyn LogWriter>, partitions: Arc<Partitions>, job: Job) {
    let live = job
        .appends
        .iter()
        .filter(|append| append.recorded == Recorded::Now);
    let live: Vec<PartitionId> = live.map(|append| append.partition).collect();
    let outcome = log.append(job.appends).await;
    if matches!(outcome, Ok(_) | Err(AppendError::OutcomeUnknown(_))) {
        live.into_iter()
            .for_each(|partition| partitions.note_live(partition));
    }
    let outcome = match outcome {
        Ok(positions) => {
            let mut rest = positions.as_slice();
            for Pending {
                reservation,
                mut entry,
                appends,
            } in job.pending
            {
                let (own, others) = rest.split_at(appends.min(rest.len()));
                entry.positions = own.iter().map(|p| (p.partition.0, p.sequence.0)).collect();
                reservation.settle(entry);
                rest = others;
            }
            Ok(positions)
        }
        Err(error) => Err(Failed {
            error,
            pending: job.pending,
        }),
    };
    // Whoever waited may have left; the outcome is noted all the same.
    let _ = job.done.send(outcome);
}
