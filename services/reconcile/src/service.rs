//! The service: a task a partition, one for the registry, and the node's status.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use ascertain_log::{Incarnation, LogReader, LogWriter, PartitionId};
use ascertain_log_file::{FileLog, FileLogOptions};
use ascertain_proto::log::v1::LogKind;
use ascertain_proto::outward;
use ascertain_proto::v1::calibration_service_server::{self, CalibrationServiceServer};
use ascertain_proto::v1::{
    Counter, Erasures, LogPosition, PartitionStatus, RoleDigest, RoleStatus, RoleVerification,
};
use ascertain_replica::{
    ModelNames, RegistryReplica, ReplicaError, ReportReplica, follow_registry,
};
use ascertain_runtime::{
    Config, Machine, Pace, Role, RoleHealth, Shutdown, Tasks, blocking, status,
};
use ascertain_store::{Store, StoreError, StoreOptions};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::Status;
use tonic::service::RoutesBuilder;

use crate::grpc::CalibrationHandler;
use crate::partition::Partition;
use crate::progress::Progress;
use crate::verify::Kept;

/// The gRPC services whose health is that of this role.
pub const SERVICES: &[&str] = &[
    "ascertain.reconcile",
    calibration_service_server::SERVICE_NAME,
];

/// sled's page cache; the process takes two to eight times that.
const CACHE_BYTES: u64 = 64 << 20;
/// The largest record of the state log: one entry may hold the words of thousands
/// of groups. Below what a follower takes in one message.
const MAX_STATE_RECORD_BYTES: usize = 7 << 20;
/// How long a status waits for the report log.
const STATUS_PATIENCE: Duration = Duration::from_secs(1);
/// How often the store is made durable; what is lost in between is folded again.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Reconcile, running.
pub struct Reconcile {
    state_log: Arc<dyn LogWriter>,
    role: Arc<ReconcileRole>,
    calibration: CalibrationHandler,
}

/// Opens the state log of a node, or makes it. The state log is history, not
/// derived: it is kept for ever.
///
/// # Errors
/// A damaged or locked log, one with another number of partitions, or one that was
/// computed from another history of the report log.
pub async fn open_state_log(
    config: &Config,
    place_partitions: u32,
    report_log: Incarnation,
) -> anyhow::Result<Arc<dyn LogWriter>> {
    let folder = config.data_dir.join("reconcile/state-log");
    let mut options = FileLogOptions::new(&folder, place_partitions + 1);
    options.min_free_bytes = config.limits.store_min_free_bytes();
    options.max_record_bytes = MAX_STATE_RECORD_BYTES;
    options.follows = Some(report_log);
    let opened = blocking(move || FileLog::open(options)).await;
    Ok(Arc::new(opened.map_err(|error| {
        let advice = error.advice();
        anyhow::Error::new(error).context(format!("the state log cannot be opened: {advice}"))
    })?))
}

impl Reconcile {
    /// Starts to follow a report log and to write a state log.
    ///
    /// # Errors
    /// A store that cannot be opened, a report log that cannot be reached, or logs
    /// with different numbers of partitions.
    pub async fn start(
        config: &Config,
        machine: &Machine,
        tasks: &mut Tasks,
        shutdown: &Shutdown,
        health: RoleHealth,
        report_log: Arc<dyn LogReader>,
        state_log: Arc<dyn LogWriter>,
    ) -> anyhow::Result<Self> {
        let store = open_store(config, machine).await?;
        let partitions = report_log
            .ends()
            .await
            .context("the report log cannot be reached")?
            .len();
        let partitions = u32::try_from(partitions)?;
        let states = state_log.ends().await?.len();
        anyhow::ensure!(
            states == partitions as usize,
            "the report log has {partitions} partitions, the state log {states}: \
             they belong to different deployments"
        );
        let progress = Progress::new(partitions);
        let evidence = ReportReplica::new(&store);
        let models = ModelNames::default();
        let (registry, following) = follow_registry(Arc::clone(&report_log));
        let stopping = shutdown.clone();
        tasks.worker("reconcile registry", async move {
            tokio::select! {
                biased;
                () = stopping.stopping() => Ok(()),
                ended = following => Ok(ended?),
            }
        });
        for partition in 1..partitions {
            let task = Partition {
                id: PartitionId(partition),
                place_partitions: partitions - 1,
                report_log: Arc::clone(&report_log),
                state_log: Arc::clone(&state_log),
                registry: registry.clone(),
                store: Arc::clone(&store),
                models: models.clone(),
                method_version: machine.method_version,
                progress: Arc::clone(&progress),
            };
            let shutdown = shutdown.clone();
            tasks.worker(format!("reconcile partition {partition}"), async move {
                Ok(task.run(shutdown).await?)
            });
        }
        // Partition 0 has no states of its own.
        if let Some(registry) = progress.partitions.first() {
            registry.send_modify(|r| r.caught_up = true);
        }
        tasks.worker(
            "reconcile health",
            be_ready(Arc::clone(&progress), health, shutdown.clone()),
        );
        let kept = Kept {
            state_log: Arc::clone(&state_log),
            store: Arc::clone(&store),
            evidence: evidence.clone(),
            progress: Arc::clone(&progress),
            patience: config.limits.read_wait,
            method_version: machine.method_version,
        };
        tasks.worker(
            "reconcile store",
            keep_durable(store, evidence.clone(), shutdown.clone()),
        );
        let calibration = CalibrationHandler {
            report_log: Arc::clone(&report_log),
            reports: evidence.clone(),
            progress: Arc::clone(&progress),
            read_wait: config.limits.read_wait,
            clock: Arc::clone(&machine.clock),
            shutdown: shutdown.clone(),
            fitting: Arc::new(Semaphore::new(1)),
        };
        let role = ReconcileRole {
            reports: evidence.clone(),
            report_log: Arc::clone(&report_log),
            state_log: Arc::clone(&state_log),
            registry,
            progress,
            kept,
        };
        Ok(Self {
            state_log,
            role: Arc::new(role),
            calibration,
        })
    }

    /// Adds the gRPC service.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        let service = CalibrationServiceServer::new(self.calibration.clone());
        routes.add_service(service);
    }

    /// The log to serve to followers.
    #[must_use]
    pub fn served_log(&self) -> (LogKind, Arc<dyn LogReader>) {
        let log: Arc<dyn LogReader> = Arc::clone(&self.state_log) as Arc<dyn LogReader>;
        (LogKind::States, log)
    }

    /// What operators see of it.
    #[must_use]
    pub fn role(&self) -> Arc<dyn Role> {
        Arc::clone(&self.role) as Arc<dyn Role>
    }
}

async fn open_store(config: &Config, machine: &Machine) -> anyhow::Result<Arc<Store>> {
    let options = StoreOptions {
        dir: config.data_dir.join("reconcile/store"),
        cache_bytes: CACHE_BYTES,
        schema: "reconcile",
        // 2: reports are indexed by place and partition. 3: links between reports.
        schema_version: 4,
        min_free_bytes: config.limits.store_min_free_bytes(),
    };
    let open = Arc::clone(&machine.stores);
    let (store, opened) = blocking(move || open(options)).await?;
    tracing::info!(?opened, "reconcile store open");
    Ok(Arc::new(store))
}

async fn be_ready(
    progress: Arc<Progress>,
    health: RoleHealth,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    tokio::select! {
        biased;
        () = shutdown.stopping() => return Ok(()),
        () = progress.caught_up() => {}
    }
    tracing::info!("reconcile caught up");
    health.serving().await;
    Ok(())
}

/// Syncs the store now and then, and once more at the end.
async fn keep_durable(
    store: Arc<Store>,
    reports: ReportReplica,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut pace = Pace::default();
    loop {
        let ending = tokio::select! {
            biased;
            () = shutdown.stopping() => true,
            () = tokio::time::sleep(SYNC_EVERY) => false,
        };
        let (begun, may_compact) = (Instant::now(), !ending && pace.allows());
        let (syncing, reports) = (Arc::clone(&store), reports.clone());
        let compacted = blocking(move || {
            syncing.sync()?;
            if !may_compact {
                return Ok(Ok(false));
            }
            match reports.compact_if_due(&syncing) {
                Err(ReplicaError::Store(error)) => Err(error),
                compacted => Ok(compacted),
            }
        });
        match compacted.await {
            // What is not durable is folded again after a stop; next time there may be.
            Err(error @ StoreError::NoSpace { .. }) => {
                pace.wait(begun);
                tracing::warn!(%error, "the reconcile store is not durable");
            }
            compacted => {
                if compacted?? {
                    pace.wait(begun);
                    tracing::info!("what was erased is in no file of the reconcile store");
                }
            }
        }
        if ending {
            return Ok(());
        }
    }
}

/// How far the store has erased; unset where it answers nothing.
fn erasures(reports: &ReportReplica) -> Option<Erasures> {
    let erased = reports.erased().ok()?;
    Some(Erasures {
        known: erased.known,
        pending: erased.pending,
        backups_holding: 0,
    })
}

struct ReconcileRole {
    reports: ReportReplica,
    report_log: Arc<dyn LogReader>,
    state_log: Arc<dyn LogWriter>,
    registry: RegistryReplica,
    progress: Arc<Progress>,
    kept: Kept,
}

#[tonic::async_trait]
impl Role for ReconcileRole {
    fn name(&self) -> &'static str {
        "reconcile"
    }

    async fn status(&self) -> RoleStatus {
        // Where the log ends now; without an answer soon, where it ended at the start.
        let ends = tokio::time::timeout(STATUS_PATIENCE, self.report_log.ends()).await;
        let ends = ends.ok().and_then(Result::ok).unwrap_or_default();
        let mut partitions = Vec::new();
        for (partition, reached) in self.progress.partitions.iter().enumerate() {
            let mut reached = *reached.borrow();
            if partition == 0 {
                let (sequence, known_at) = self.registry.applied();
                (reached.processed, reached.end, reached.known_at) = (sequence, sequence, known_at);
            }
            if let Some(end) = ends.get(partition) {
                reached.end = reached.end.max(end.last_sequence.0);
            }
            partitions.push(PartitionStatus {
                partition: u32::try_from(partition).unwrap_or(u32::MAX),
                processed_sequence: reached.processed,
                end_sequence: reached.end,
                known_at: reached.known_at.map(outward::timestamp),
            });
        }
        let count = |name: &str, value| Counter {
            name: name.to_owned(),
            value,
        };
        RoleStatus {
            role: self.name().to_owned(),
            serving: self
                .progress
                .partitions
                .iter()
                .all(|p| p.borrow().caught_up),
            partitions,
            counters: vec![
                count(
                    "entries_published",
                    self.progress.entries.load(Ordering::Relaxed),
                ),
                count(
                    "records_folded",
                    self.progress.records.load(Ordering::Relaxed),
                ),
            ],
            erasures: erasures(&self.reports),
            floods: Some(self.progress.floods.status(self.progress.frontier())),
        }
    }

    async fn digest(&self, _: prost_types::Timestamp) -> Result<RoleDigest, Status> {
        let ends = self
            .state_log
            .ends()
            .await
            .map_err(|error| status::internal(&error))?;
        let mut positions = Vec::new();
        for end in ends {
            positions.extend(end.last_sequence.0.to_be_bytes());
            positions.extend(end.chain.0);
        }
        Ok(RoleDigest {
            role: self.name().to_owned(),
            log: ascertain_domain::id::Digest::of(&positions).0.to_vec(),
            ..RoleDigest::default()
        })
    }

    async fn positions(&self) -> Result<Vec<LogPosition>, Status> {
        let partitions = (0..).zip(&self.progress.partitions).skip(1);
        Ok(partitions
            .map(|(partition, reached)| LogPosition {
                partition,
                sequence: reached.borrow().processed,
            })
            .collect())
    }

    async fn verify(&self, up_to: &[LogPosition]) -> Result<RoleVerification, Status> {
        self.kept.verify(up_to).await
    }
}
