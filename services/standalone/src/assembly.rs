//! Three roles in one process. The logs are handed over directly; every port
//! serves everything, also the logs for followers in other processes.

use std::net::SocketAddr;
use std::sync::Arc;

use ascertain_ingest::{Ingest, Settings};
use ascertain_log::LogReader;
use ascertain_log_remote::LogServer;
use ascertain_proto::log::v1::LogKind;
use ascertain_query::Query;
use ascertain_reconcile::{Reconcile, open_state_log};
use ascertain_runtime::{Listener, Machine, Process};
use tonic::service::RoutesBuilder;

/// Where the services listen. Each port serves all three; they differ so that
/// clients need not change when the services are moved apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// `ingest.listen`, with the port that was given.
    pub ingest: SocketAddr,
    /// `reconcile.listen`, likewise.
    pub reconcile: SocketAddr,
    /// `query.listen`, likewise.
    pub query: SocketAddr,
}

/// Starts the three services in a process and opens their ports. Whether they are
/// caught up, health says, and [`ready`](crate::ready) waits for it.
///
/// # Errors
/// A port that is taken; data that cannot be opened, or is in use.
pub async fn start(process: &mut Process) -> anyhow::Result<Addresses> {
    start_on(process, Machine::real()).await
}

/// The same on a machine that is given.
///
/// # Errors
/// As for [`start`].
pub async fn start_on(process: &mut Process, machine: Machine) -> anyhow::Result<Addresses> {
    let Process {
        config,
        shutdown,
        health,
        tasks,
    } = process;
    let listeners = vec![
        Listener::bind(config.ingest.listen).await?,
        Listener::bind(config.reconcile.listen).await?,
        Listener::bind(config.query.listen).await?,
    ];
    let addresses = Addresses {
        ingest: listeners[0].local_addr(),
        reconcile: listeners[1].local_addr(),
        query: listeners[2].local_addr(),
    };
    let ingest_health = health.role(ascertain_ingest::SERVICES).await;
    let reconcile_health = health.role(ascertain_reconcile::SERVICES).await;
    let query_health = health.role(ascertain_query::SERVICES).await;

    let (log, store) = ascertain_ingest::open(config, &machine).await?;
    let reports: Arc<dyn LogReader> = Arc::clone(&log) as Arc<dyn LogReader>;
    let settings = Settings {
        node: config.node.clone(),
        max_message_bytes: config.limits.max_message_bytes,
        max_batch_reports: config.limits.max_batch_reports,
        backups: ascertain_ingest::backups_file(config),
    };
    let ingest = Ingest::begin(settings, log, store, &machine, tasks, shutdown).await?;

    let history = reports.incarnation().await?;
    let log = open_state_log(config, config.partitions, history).await?;
    let states: Arc<dyn LogReader> = Arc::clone(&log) as Arc<dyn LogReader>;
    let followed = Arc::clone(&reports);
    let started = Reconcile::start(
        config,
        &machine,
        tasks,
        shutdown,
        reconcile_health,
        followed,
        log,
    );
    let reconcile = started.await?;

    let logs = LogServer::new([
        (LogKind::Reports, Arc::clone(&reports)),
        reconcile.served_log(),
    ]);
    let drain = shutdown.clone();
    let logs = logs.until(async move { drain.draining().await });
    let started = Query::start(
        config,
        &machine,
        tasks,
        shutdown,
        query_health,
        reports,
        states,
    );
    let query = started.await?;

    let mut routes = RoutesBuilder::default();
    ingest.add_to(&mut routes);
    reconcile.add_to(&mut routes);
    query.add_to(&mut routes);
    routes.add_service(logs.into_service());
    let roles = vec![ingest.role(), reconcile.role(), query.role()];
    process.serve(listeners, roles, routes).await?;
    process.tasks.worker("ingest health", async move {
        if ingest.ready().await {
            ingest_health.serving().await;
        }
        Ok(())
    });
    Ok(addresses)
}
