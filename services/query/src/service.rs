//! The service: the store, its followers, and the face to partners.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use anyhow::Context;
use ascertain_log::{LogReader, PartitionId, watch};
use ascertain_proto::v1::query_service_server::QueryServiceServer;
use ascertain_replica::{ModelNames, ReplicaError, ReportReplica, follow_registry};
use ascertain_runtime::{Config, Machine, Pace, Role, RoleHealth, Shutdown, Tasks, blocking};
use ascertain_store::{Store, StoreError, StoreOptions};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::service::RoutesBuilder;

use crate::erased::Tombstones;
use crate::follow::{Replica, followed};
use crate::grpc::Handler;
use crate::lately::Lately;
use crate::listing::Listing;
use crate::role::QueryRole;
use crate::states::States;

/// The gRPC services whose health is that of this role.
pub const SERVICES: &[&str] = &["ascertain.v1.QueryService"];

/// sled's page cache; the process takes two to eight times that.
const CACHE_BYTES: u64 = 64 << 20;
/// How often the store is made durable; what is lost in between is followed again.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Query, running.
pub struct Query {
    replica: Arc<Replica>,
    patience: Duration,
    max_message_bytes: usize,
    max_watches: usize,
    shutdown: Shutdown,
}

impl Query {
    /// Starts to follow both logs.
    ///
    /// # Errors
    /// A store that cannot be opened, or logs that cannot be reached or do not
    /// belong together.
    pub async fn start(
        config: &Config,
        machine: &Machine,
        tasks: &mut Tasks,
        shutdown: &Shutdown,
        health: RoleHealth,
        report_log: Arc<dyn LogReader>,
        state_log: Arc<dyn LogReader>,
    ) -> anyhow::Result<Self> {
        let report_incarnation = report_log.incarnation().await.context("the report log")?;
        let state_incarnation = state_log.incarnation().await.context("the state log")?;
        let report_ends = report_log.ends().await.context("the report log")?;
        let state_ends = state_log.ends().await.context("the state log")?;
        anyhow::ensure!(
            report_ends.len() == state_ends.len(),
            "the report log has {} partitions, the state log {}: they belong to different deployments",
            report_ends.len(),
            state_ends.len()
        );
        let ends: Vec<(u64, u64)> = report_ends
            .iter()
            .zip(&state_ends)
            .map(|(report, state)| (report.last_sequence.0, state.last_sequence.0))
            .collect();
        let (registry, following) = follow_registry(Arc::clone(&report_log));
        let (mut store, mut reports, mut states) = open_store(config, machine).await?;
        let partitions = loop {
            let mut partitions = BTreeMap::new();
            let mut usable = true;
            for (partition, ends) in (0_u32..).map(PartitionId).zip(&ends).skip(1) {
                let reports = (&reports, report_incarnation);
                match followed(partition, reports, (&states, state_incarnation), *ends)? {
                    Some(followed) => {
                        partitions.insert(partition, followed);
                    }
                    None => usable = false,
                }
            }
            if usable {
                break partitions;
            }
            tracing::warn!("the store is of another history of the logs and begins anew");
            drop((reports, states));
            store.discard()?;
            (store, reports, states) = open_store(config, machine).await?;
        };
        let listing = Listing::new(&store);
        let tombstones = Tombstones::new(&store);
        tombstones.begin()?;
        let replica = Arc::new(Replica {
            store,
            reports,
            listing,
            tombstones,
            states,
            registry,
            models: ModelNames::default(),
            method_version: machine.method_version,
            clock: Arc::clone(&machine.clock),
            report_log: Arc::clone(&report_log),
            report_incarnation,
            settled_us: AtomicI64::new(i64::MIN),
            partitions,
            changed: watch::channel(0).0,
            hours: tokio::sync::Mutex::default(),
            lately: Lately::default(),
            patience: config.limits.read_wait,
        });
        let stopping = shutdown.clone();
        tasks.worker("query registry", async move {
            tokio::select! {
                biased;
                () = stopping.stopping() => Ok(()),
                ended = following => Ok(ended?),
            }
        });
        for partition in replica.partitions.keys().copied() {
            let (own, log) = (Arc::clone(&replica), Arc::clone(&report_log));
            let reports = own.follow_reports(log, partition, shutdown.clone());
            tasks.worker(format!("query reports {partition}"), reports);
            let (own, log) = (Arc::clone(&replica), Arc::clone(&state_log));
            let states = own.follow_states(log, partition, state_incarnation, shutdown.clone());
            tasks.worker(format!("query states {partition}"), states);
        }
        tasks.worker(
            "query health",
            be_ready(Arc::clone(&replica), health, shutdown.clone()),
        );
        tasks.worker(
            "query store",
            keep_durable(Arc::clone(&replica), shutdown.clone()),
        );
        Ok(Self {
            replica,
            patience: config.limits.read_wait,
            max_message_bytes: config.limits.max_message_bytes,
            max_watches: config.limits.max_watches,
            shutdown: shutdown.clone(),
        })
    }

    /// Adds the gRPC service.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        let handler = Handler {
            replica: Arc::clone(&self.replica),
            patience: self.patience,
            watches: Arc::new(Semaphore::new(self.max_watches)),
            errata: Arc::new(Semaphore::new(1)),
            shutdown: self.shutdown.clone(),
        };
        // Answers may be larger than what is taken in: a thousand explained states.
        let service = QueryServiceServer::new(handler)
            .max_decoding_message_size(self.max_message_bytes)
            .max_encoding_message_size(MAX_ANSWER_BYTES);
        routes.add_service(service);
    }

    /// What operators see of it.
    #[must_use]
    pub fn role(&self) -> Arc<dyn Role> {
        Arc::new(QueryRole(Arc::clone(&self.replica)))
    }
}

/// The largest answer that is given.
const MAX_ANSWER_BYTES: usize = 64 << 20;

async fn open_store(
    config: &Config,
    machine: &Machine,
) -> anyhow::Result<(Store, ReportReplica, States)> {
    let options = StoreOptions {
        dir: config.data_dir.join("query/store"),
        cache_bytes: CACHE_BYTES,
        schema: "query",
        // 2: reports are indexed by place and partition. 3: changes by record. 4: links
        // between reports. 5: errata by record.
        schema_version: 5,
        min_free_bytes: config.limits.store_min_free_bytes(),
    };
    let open = Arc::clone(&machine.stores);
    let (store, opened) = blocking(move || open(options)).await?;
    tracing::info!(?opened, "query store open");
    let (reports, states) = (ReportReplica::new(&store), States::new(&store));
    Ok((store, reports, states))
}

/// Serves once all that was there at the start is followed.
async fn be_ready(
    replica: Arc<Replica>,
    health: RoleHealth,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    for followed in replica.partitions.values() {
        let mut states = followed.states.subscribe();
        // The sender is in `replica`: the channel does not close while this waits.
        let caught_up = states.wait_for(|up_to| up_to.report_sequence >= followed.report_end);
        tokio::select! {
            biased;
            () = shutdown.stopping() => return Ok(()),
            _ = caught_up => {}
        }
    }
    // The registry is followed from its start; the states may have been here before it.
    tokio::select! {
        biased;
        () = shutdown.stopping() => return Ok(()),
        reached = replica.registry.reached(replica.registry_needed()) => if !reached {
            // Followed no more: the task that follows it says why.
            return Ok(());
        }
    }
    tracing::info!("query caught up");
    health.serving().await;
    Ok(())
}

/// Syncs the store now and then, and once more at the end.
async fn keep_durable(replica: Arc<Replica>, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut pace = Pace::default();
    loop {
        let ending = tokio::select! {
            biased;
            () = shutdown.stopping() => true,
            () = tokio::time::sleep(SYNC_EVERY) => false,
        };
        let (begun, may_compact) = (Instant::now(), !ending && pace.allows());
        let compacted = replica.blocking(move |replica| {
            if let Err(error) = replica.store.sync() {
                return Ok(Err(error));
            }
            if !may_compact {
                return Ok(Ok(false));
            }
            match replica.reports.compact_if_due(&replica.store) {
                Err(ReplicaError::Store(error)) => Ok(Err(error)),
                compacted => Ok(Ok(compacted?)),
            }
        });
        match compacted.await? {
            // What is not durable is followed again after a stop; next time there may be.
            Err(error @ StoreError::NoSpace { .. }) => {
                pace.wait(begun);
                tracing::warn!(%error, "the query store is not durable");
            }
            compacted => {
                if compacted? {
                    pace.wait(begun);
                    tracing::info!("what was erased is in no file of the query store");
                }
            }
        }
        if ending {
            return Ok(());
        }
    }
}
