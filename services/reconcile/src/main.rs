//! `ascertain-reconcile`: reconcile in a process of its own, which follows the
//! report log of ingest and serves the state log to its followers.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use ascertain_log::{LogReader, reachable};
use ascertain_log_remote::{LogServer, RemoteLog};
use ascertain_proto::log::v1::LogKind;
use ascertain_reconcile::{Reconcile, SERVICES, open_state_log};
use ascertain_runtime::{CommonArgs, Listener, Machine, Process};
use clap::Parser as _;
use tonic::service::RoutesBuilder;

/// Folds the evidence of the report log and serves the state log.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    ascertain_runtime::run(&Args::parse().common, start)
}

async fn start(process: &mut Process) -> anyhow::Result<()> {
    let config = &process.config;
    let listener = Listener::bind(config.reconcile.listen).await?;
    let health = process.health.role(SERVICES).await;
    let report_log = RemoteLog::at(&config.reconcile.report_log, LogKind::Reports)?;
    // As many partitions as the report log has; this process is not told.
    let partitions = u32::try_from(reachable(&report_log).await?.len())?;
    let place_partitions = partitions
        .checked_sub(1)
        .context("the report log has no partition")?;
    let history = report_log.incarnation().await?;
    let state_log = open_state_log(config, place_partitions, history).await?;
    let report_log: Arc<dyn LogReader> = Arc::new(report_log);
    let (tasks, shutdown) = (&mut process.tasks, &process.shutdown);
    let machine = Machine::real();
    let started = Reconcile::start(
        config, &machine, tasks, shutdown, health, report_log, state_log,
    );
    let reconcile = started.await?;
    let mut routes = RoutesBuilder::default();
    reconcile.add_to(&mut routes);
    let drain = shutdown.clone();
    let logs =
        LogServer::new([reconcile.served_log()]).until(async move { drain.draining().await });
    routes.add_service(logs.into_service());
    process
        .serve(vec![listener], vec![reconcile.role()], routes)
        .await?;
    Ok(())
}
