//! `ascertain-query`: query in a process of its own, which follows the report log
//! of ingest and the state log of reconcile.

use std::process::ExitCode;
use std::sync::Arc;

use ascertain_log::{LogReader, reachable};
use ascertain_log_remote::RemoteLog;
use ascertain_proto::log::v1::LogKind;
use ascertain_query::{Query, SERVICES};
use ascertain_runtime::{CommonArgs, Listener, Machine, Process};
use clap::Parser as _;
use tonic::service::RoutesBuilder;

/// Answers who controls a place, how sure that is, since when and why.
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
    let listener = Listener::bind(config.query.listen).await?;
    let health = process.health.role(SERVICES).await;
    let report_log = follow(&config.query.report_log, LogKind::Reports).await?;
    let state_log = follow(&config.query.state_log, LogKind::States).await?;
    let (tasks, shutdown) = (&mut process.tasks, &process.shutdown);
    let machine = Machine::real();
    let started = Query::start(
        config, &machine, tasks, shutdown, health, report_log, state_log,
    );
    let query = started.await?;
    let mut routes = RoutesBuilder::default();
    query.add_to(&mut routes);
    process
        .serve(vec![listener], vec![query.role()], routes)
        .await?;
    Ok(())
}

/// A log of another process, which may start later than this one.
async fn follow(url: &str, kind: LogKind) -> anyhow::Result<Arc<dyn LogReader>> {
    let log = RemoteLog::at(url, kind)?;
    reachable(&log).await?;
    Ok(Arc::new(log))
}
