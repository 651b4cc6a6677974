//! The one way into the log. Jobs enter the log in the order in which they were
//! handed in, and are carried through even if whoever waits for them has left:
//! what was appended is always noted in the ledger.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use ascertain_log::{Append, AppendError, LogWriter, PartitionId, Position, Recorded, reachable};
use ascertain_runtime::Shutdown;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::ledger::{Entry, Ledger, Reservation};
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

/// A job that failed, with what to try again; nothing where it perhaps succeeded.
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
    target: Target,
}

/// What jobs are carried out on. Clones are the same.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) log: Arc<dyn LogWriter>,
    pub(crate) partitions: Arc<Partitions>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) shutdown: Shutdown,
}

/// A way into a log. Nothing is written until [`Jobs::run`].
pub(crate) fn writer(target: Target) -> (Writer, Jobs) {
    let (sender, queue) = mpsc::channel(QUEUED_JOBS);
    (Writer(sender), Jobs { queue, target })
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
    /// Works until the workers stop, then finishes what was handed in before.
    pub(crate) async fn run(mut self) {
        let shutdown = self.target.shutdown.clone();
        let mut stopping = std::pin::pin!(shutdown.stopping());
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
                    let mut work: Pin<Box<dyn Future<Output = ()> + Send>> =
                        Box::pin(perform(self.target.clone(), job));
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

async fn perform(target: Target, job: Job) {
    let live = job
        .appends
        .iter()
        .filter(|append| append.recorded == Recorded::Now);
    let live: Vec<PartitionId> = live.map(|append| append.partition).collect();
    let of_reports = job.appends.iter().map(|append| append.partition);
    let of_reports: BTreeSet<PartitionId> = of_reports.collect();
    let outcome = target.log.append(job.appends).await;
    if matches!(outcome, Ok(_) | Err(AppendError::OutcomeUnknown(_))) {
        live.into_iter()
            .for_each(|partition| target.partitions.note_live(partition));
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
        Err(error @ AppendError::OutcomeUnknown(_)) => {
            let pending = Vec::new();
            // Whoever waited is told at once. These reports stay reserved until it
            // is known: sent again before, they would perhaps be recorded twice.
            let _ = job.done.send(Err(Failed { error, pending }));
            target.until_known(of_reports).await;
            return drop(job.pending);
        }
        Err(error) => Err(Failed {
            error,
            pending: job.pending,
        }),
    };
    // Whoever waited may have left; the outcome is noted all the same.
    let _ = job.done.send(outcome);
}

impl Target {
    /// Waits until the ledger has taken in all that the log holds now: what became
    /// of an append is known then. A stop ends it; the next start reads the log.
    async fn until_known(&self, partitions: BTreeSet<PartitionId>) {
        let known = async {
            let ends = match reachable(self.log.as_ref()).await {
                Ok(ends) => ends,
                Err(error) => {
                    tracing::error!(%error, "what became of an append cannot be told");
                    return;
                }
            };
            for (partition, end) in self.partitions.all().zip(ends).skip(1) {
                if partitions.contains(&partition) {
                    self.ledger.taken_in(partition, end.last_sequence).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.stopping() => {}
            () = known => {}
        }
    }
}
