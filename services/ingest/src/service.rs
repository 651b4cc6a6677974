//! The service put together: what it holds, how it starts, and its handles.

use std::path::PathBuf;
use std::sync::Arc;

use ascertain_log::{
    Clock, End, FollowError, Incarnation, LogReader, LogWriter, PartitionId, Position, Sequence,
    follow_forever, watch,
};
use ascertain_proto::inward::submission::Salt;
use ascertain_proto::token::WriteToken;
use ascertain_proto::v1;
use ascertain_proto::v1::adjudication_service_server::AdjudicationServiceServer;
use ascertain_proto::v1::backup_service_server::BackupServiceServer;
use ascertain_proto::v1::ingest_service_server::IngestServiceServer;
use ascertain_proto::v1::registry_service_server::RegistryServiceServer;
use ascertain_runtime::{Machine, Role, Shutdown, SpaceWait, Tasks, blocking};
use ascertain_store::Store;
use futures::StreamExt as _;
use tonic::service::RoutesBuilder;
use tonic::service::interceptor::InterceptedService;

use crate::backups::{Backups, BackupsError};
use crate::counters::Counters;
use crate::error::Refusal;
use crate::grpc;
use crate::ledger::{self, Entry, Index, IndexError, Ledger};
use crate::partition::Partitions;
use crate::registry::Keeper;
use crate::replay::{ReplayError, replay};
use crate::role::IngestRole;
use crate::writer::{Target, Writer, writer};

/// Records in the index that a power cut may cost, to be read again.
const MOST_UNSYNCED: usize = 50_000;

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node's name, written into every record that it makes.
    pub node: String,
    /// The largest message taken, bytes.
    pub max_message_bytes: usize,
    /// The most reports, or imported records, in a batch.
    pub max_batch_reports: usize,
    /// The file with the list of the backups that are known.
    pub backups: PathBuf,
}

/// Why ingest cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be read.
    #[error("the report log cannot be read")]
    Log(#[from] FollowError),
    /// The log has no partition for reports.
    #[error("the report log has {0} partitions; it needs one for the registry and one for reports")]
    TooFewPartitions(usize),
    /// The index cannot be read or written.
    #[error("the ingest store cannot be used")]
    Store(#[source] anyhow::Error),
    /// What the log holds cannot be taken in; why was logged by the task that replays.
    #[error("the report log was not replayed")]
    Replay,
    /// The list of the backups that are known is not to be read.
    #[error("the backups that are known are not to be read")]
    Backups(#[from] BackupsError),
}

/// What the handlers share.
pub(crate) struct Core {
    pub(crate) node: String,
    pub(crate) clock: Clock,
    pub(crate) salts: Arc<dyn Fn() -> Salt + Send + Sync>,
    pub(crate) log: Arc<dyn LogWriter>,
    pub(crate) incarnation: Incarnation,
    pub(crate) partitions: Arc<Partitions>,
    pub(crate) registry: Keeper,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) backups: Backups,
    pub(crate) writer: Writer,
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
    pub(crate) shutdown: Shutdown,
    /// Whether all that the log held at the start was replayed.
    pub(crate) ready: watch::Receiver<bool>,
}

/// The ingest service over a log.
#[derive(Clone)]
pub struct Ingest {
    core: Arc<Core>,
}

impl Ingest {
    /// Starts the workers: the first of them replays what the log holds beyond the
    /// `store`, an index that this service alone keeps, and that is rebuilt at will.
    /// Until it has, calls are refused with NOT_CAUGHT_UP; [`Ingest::ready`] waits for
    /// it. The workers end with `shutdown`, after what they were handed is done.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn begin(
        settings: Settings,
        log: Arc<dyn LogWriter>,
        store: Store,
        machine: &Machine,
        tasks: &mut Tasks,
        shutdown: &Shutdown,
    ) -> Result<Self, StartError> {
        let ends = log.ends().await?;
        if ends.len() < 2 {
            return Err(StartError::TooFewPartitions(ends.len()));
        }
        let incarnation = log.incarnation().await?;
        let index =
            open_index(store, incarnation, &ends).map_err(|e| StartError::Store(e.into()))?;
        let partitions = Arc::new(Partitions::new(ends.len()));
        let ledger = Arc::new(Ledger::new(index));
        let list = settings.backups.clone();
        let backups = blocking(move || Backups::open(&list)).await?;
        let (writer, jobs) = writer(Target {
            log: Arc::clone(&log),
            partitions: Arc::clone(&partitions),
            ledger: Arc::clone(&ledger),
            shutdown: shutdown.clone(),
        });
        let (replayed, ready) = watch::channel(false);
        let core = Arc::new(Core {
            node: settings.node.clone(),
            clock: Arc::clone(&machine.clock),
            salts: Arc::clone(&machine.salts),
            incarnation,
            partitions,
            registry: Keeper::default(),
            ledger,
            backups,
            writer,
            settings,
            counters: Counters::default(),
            shutdown: shutdown.clone(),
            log,
            ready,
        });
        let (own, stop) = (Arc::clone(&core), shutdown.clone());
        tasks.worker("ingest replay", async move {
            tokio::select! {
                biased;
                () = stop.stopping() => return Ok(()),
                done = own.replay(&ends) => done?,
            }
            replayed.send_replace(true);
            Ok(())
        });
        let ledger = Arc::clone(&core.ledger);
        tasks.worker("ingest writer", async move {
            jobs.run().await;
            // Nobody writes any more; the next start finds the index closed in order.
            Ok(blocking(move || ledger.close()).await?)
        });
        let (own, stop) = (Arc::clone(&core), shutdown.clone());
        tasks.worker("ingest erasures", async move {
            let erasing = async {
                match own.replayed().await {
                    true => own.keep_erasing().await,
                    false => Ok(()),
                }
            };
            tokio::select! {
                biased;
                () = stop.stopping() => Ok(()),
                erased = erasing => erased,
            }
        });
        let (log, stop) = (Arc::clone(&core.log), shutdown.clone());
        tasks.worker("report log", async move {
            // What the disk holds then is told by opening it again, which is a start.
            tokio::select! {
                biased;
                () = stop.stopping() => Ok(()),
                why = log.failed() => Err(anyhow::anyhow!("the report log has failed: {why}")),
            }
        });
        for partition in core.partitions.of_places() {
            let (core, stop) = (Arc::clone(&core), shutdown.clone());
            tasks.worker(format!("ingest ledger {partition}"), async move {
                let following = async {
                    match core.replayed().await {
                        true => core.follow(partition).await,
                        false => Ok(()),
                    }
                };
                tokio::select! {
                    biased;
                    () = stop.stopping() => Ok(()),
                    followed = following => followed,
                }
            });
        }
        Ok(Self { core })
    }

    /// As [`Ingest::begin`], but returns once reports can be taken.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        settings: Settings,
        log: Arc<dyn LogWriter>,
        store: Store,
        machine: &Machine,
        tasks: &mut Tasks,
        shutdown: &Shutdown,
    ) -> Result<Self, StartError> {
        let ingest = Self::begin(settings, log, store, machine, tasks, shutdown).await?;
        match ingest.ready().await {
            true => Ok(ingest),
            false => Err(StartError::Replay),
        }
    }

    /// Waits until reports can be taken. Returns whether they can: `false` when the
    /// replay failed, which ends the process.
    pub async fn ready(&self) -> bool {
        self.core.replayed().await
    }

    /// Adds the services to those of a port.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        let limit = self.core.settings.max_message_bytes;
        let ingest = IngestServiceServer::new(grpc::IngestHandler(Arc::clone(&self.core)));
        let registry = RegistryServiceServer::new(grpc::RegistryHandler(Arc::clone(&self.core)));
        let adjudication = grpc::AdjudicationHandler(Arc::clone(&self.core));
        let adjudication = AdjudicationServiceServer::new(adjudication);
        let backup = BackupServiceServer::new(grpc::BackupHandler(Arc::clone(&self.core)));
        let backup = backup.max_decoding_message_size(limit);
        let ready = self.core.ready.clone();
        #[allow(clippy::result_large_err)] // tonic's
        let gate = move |request| match *ready.borrow() {
            true => Ok(request),
            false => Err(Refusal::not_caught_up().into_status()),
        };
        let (ingest, registry) = (
            ingest.max_decoding_message_size(limit),
            registry.max_decoding_message_size(limit),
        );
        let adjudication = adjudication.max_decoding_message_size(limit);
        routes
            .add_service(InterceptedService::new(ingest, gate.clone()))
            .add_service(InterceptedService::new(registry, gate.clone()))
            .add_service(InterceptedService::new(adjudication, gate.clone()))
            .add_service(InterceptedService::new(backup, gate));
    }

    /// The role, for the node service.
    #[must_use]
    pub fn role(&self) -> Arc<dyn Role> {
        Arc::new(IngestRole(Arc::clone(&self.core)))
    }
}

/// The index, emptied where it is ahead of the log.
fn open_index(store: Store, incarnation: Incarnation, ends: &[End]) -> Result<Index, IndexError> {
    let index = Index::open(store, incarnation)?;
    for (partition, end) in (0..).map(PartitionId).zip(ends) {
        if index.checkpoint(partition)?.sequence > end.last_sequence {
            tracing::warn!(%partition, "the index is ahead of the log and begins anew");
            index.clear()?;
        }
    }
    Ok(index)
}

impl Core {
    /// Waits until all that the log held at the start was replayed; `false` when it
    /// will not be.
    async fn replayed(&self) -> bool {
        let mut ready = self.ready.clone();
        ready.wait_for(|ready| *ready).await.is_ok()
    }

    async fn replay(&self, ends: &[End]) -> Result<(), ReplayError> {
        self.replay_registry().await?;
        for (partition, end) in self.partitions.all().zip(ends).skip(1) {
            self.replay_reports(partition, end.last_sequence).await?;
        }
        Ok(())
    }

    async fn replay_registry(&self) -> Result<(), ReplayError> {
        let _writing = self.registry.writing.lock().await;
        let mut known_at = None;
        let partitions = &self.partitions;
        let on_record = |record: &ascertain_log::Record| {
            if !ledger::stands_as_stated(record, known_at) {
                partitions.note_live(PartitionId::REGISTRY);
            }
            known_at = Some(record.position.known_at);
        };
        self.registry.catch_up(self.log.as_ref(), on_record).await
    }

    async fn replay_reports(
        &self,
        partition: PartitionId,
        until: Sequence,
    ) -> Result<(), ReplayError> {
        let mut space = SpaceWait::new("ingest store", &self.shutdown);
        loop {
            let after = self.checkpoint(partition).map_err(ReplayError::Taker)?;
            let replayed = replay(self.log.as_ref(), partition, after, until, |records| {
                Ok(self.ledger.take_in(partition, records)?)
            });
            match replayed.await {
                Err(ReplayError::Taker(error)) if is_no_space(&error) => {
                    if !space.again(&error).await {
                        return Err(ReplayError::Taker(error));
                    }
                }
                replayed => break replayed?,
            }
        }
        let indexed = self
            .ledger
            .indexed(partition)
            .map_err(|e| ReplayError::Taker(e.into()))?;
        if indexed.live {
            self.partitions.note_live(partition);
        }
        Ok(())
    }

    fn checkpoint(&self, partition: PartitionId) -> anyhow::Result<Sequence> {
        Ok(self.ledger.indexed(partition)?.sequence)
    }

    /// Keeps the ledger's index behind the log.
    async fn follow(&self, partition: PartitionId) -> anyhow::Result<()> {
        let after = self.checkpoint(partition)?;
        let log: Arc<dyn LogReader> = Arc::clone(&self.log) as Arc<dyn LogReader>;
        let mut follow = follow_forever(log, partition, after, Some(self.incarnation));
        let mut unsynced = 0;
        while let Some(batch) = follow.next().await {
            let batch = batch?;
            if batch.is_empty() {
                // An index that has failed answers nobody: only a start makes it anew.
                self.checkpoint(partition)?;
            }
            unsynced += batch.len();
            // When it is quiet, or much has come: a sync has its price.
            let sync = unsynced > MOST_UNSYNCED || (batch.is_empty() && unsynced > 0);
            let batch = Arc::new(batch);
            let mut space = SpaceWait::new("ingest store", &self.shutdown);
            loop {
                let (ledger, batch) = (Arc::clone(&self.ledger), Arc::clone(&batch));
                let taken = blocking(move || {
                    ledger.take_in(partition, &batch)?;
                    if sync { ledger.sync() } else { Ok(()) }
                });
                match taken.await {
                    Err(error) if error.is_no_space() => {
                        if !space.again(&error).await {
                            return Ok(());
                        }
                    }
                    taken => break taken?,
                }
            }
            if sync {
                unsynced = 0;
            }
        }
        Ok(())
    }

    /// The token of some positions.
    pub(crate) fn token(&self, positions: &[Position]) -> String {
        let positions = positions.iter().map(|p| (p.partition.0, p.sequence.0));
        WriteToken {
            incarnation: self.incarnation.0,
            positions: positions.collect(),
        }
        .encode()
    }

    /// The stored report of an entry, whole; `None` where it is not there.
    pub(crate) async fn stored(&self, entry: &Entry) -> Result<Option<v1::Report>, Refusal> {
        let Some((&partition, &sequence)) = entry.positions.first_key_value() else {
            return Ok(None);
        };
        let (partition, at) = (PartitionId(partition), Sequence(sequence));
        let before = Sequence(sequence.saturating_sub(1));
        let mut stored = None;
        let read = replay(self.log.as_ref(), partition, before, at, |records| {
            stored = records.first().and_then(crate::import::whole_report);
            Ok(())
        });
        read.await.map_err(|error| Refusal::internal(&error))?;
        Ok(stored)
    }
}

fn is_no_space(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<IndexError>();
    error.is_some_and(IndexError::is_no_space)
}

impl From<IndexError> for Refusal {
    fn from(error: IndexError) -> Self {
        match error {
            // The index is derived: it is made anew, and the same is taken then.
            IndexError::Store(error) => {
                tracing::error!(%error, "the index of accepted reports fails");
                Self::unavailable("the index of accepted reports has failed and is to be made anew")
            }
            IndexError::Form => Self::internal(&error),
        }
    }
}
