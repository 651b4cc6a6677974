//! `ascertain-ingest`: ingest in a process of its own, which serves the report log
//! to its followers.

use std::process::ExitCode;
use std::sync::Arc;

use ascertain_ingest::{Ingest, SERVICES, Settings, backups_file, open};
use ascertain_log::LogReader;
use ascertain_log_remote::LogServer;
use ascertain_proto::log::v1::LogKind;
use ascertain_runtime::{CommonArgs, Listener, Machine, Process};
use clap::Parser as _;
use tonic::service::RoutesBuilder;

/// Takes reports and registry changes, and serves the report log.
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
    let listener = Listener::bind(config.ingest.listen).await?;
    let health = process.health.role(SERVICES).await;
    let machine = Machine::real();
    let (log, store) = open(config, &machine).await?;
    let settings = Settings {
        node: config.node.clone(),
        max_message_bytes: config.limits.max_message_bytes,
        max_batch_reports: config.limits.max_batch_reports,
        backups: backups_file(config),
    };
    let (tasks, shutdown) = (&mut process.tasks, &process.shutdown);
    let served: Arc<dyn LogReader> = Arc::clone(&log) as Arc<dyn LogReader>;
    let ingest = Ingest::begin(settings, log, store, &machine, tasks, shutdown).await?;
    let mut routes = RoutesBuilder::default();
    ingest.add_to(&mut routes);
    let logs = LogServer::new([(LogKind::Reports, served)]);
    let drain = shutdown.clone();
    let logs = logs.until(async move { drain.draining().await });
    routes.add_service(logs.into_service());
    process
        .serve(vec![listener], vec![ingest.role()], routes)
        .await?;
    process.tasks.worker("ingest health", async move {
        if ingest.ready().await {
            health.serving().await;
        }
        Ok(())
    });
    Ok(())
}
