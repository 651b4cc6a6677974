//! `ascertain-ingest`: ingest in a process of its own, which serves the report log
//! to its followers.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use ascertain_ingest::{Ingest, Settings};
use ascertain_log::{LogReader, LogWriter, system_clock};
use ascertain_log_file::{FileLog, FileLogOptions};
use ascertain_log_remote::LogServer;
use ascertain_proto::log::v1::LogKind;
use ascertain_proto::v1::{ingest_service_server, registry_service_server};
use ascertain_runtime::{CommonArgs, Listener, Process};
use ascertain_store::{Store, StoreOptions};
use clap::Parser as _;
use tonic::service::RoutesBuilder;

/// The gRPC services whose health is that of this role.
const SERVICES: &[&str] = &[
    ingest_service_server::SERVICE_NAME,
    registry_service_server::SERVICE_NAME,
];
/// sled's page cache; the process takes two to eight times that.
const CACHE_BYTES: u64 = 64 << 20;

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
    let (log, store) = open(&config.data_dir, config.partitions).await?;
    let settings = Settings {
        node: config.node.clone(),
        max_message_bytes: config.limits.max_message_bytes,
        max_batch_reports: config.limits.max_batch_reports,
    };
    let (tasks, shutdown) = (&mut process.tasks, &process.shutdown);
    let served: Arc<dyn LogReader> = Arc::clone(&log) as Arc<dyn LogReader>;
    let ingest = Ingest::start(settings, log, store, system_clock(), tasks, shutdown).await?;
    let mut routes = RoutesBuilder::default();
    ingest.add_to(&mut routes);
    let logs = LogServer::new([(LogKind::Reports, served)]);
    let drain = shutdown.clone();
    let logs = logs.until(async move { drain.draining().await });
    routes.add_service(logs.into_service());
    process
        .serve(vec![listener], vec![ingest.role()], routes)
        .await?;
    health.serving().await;
    Ok(())
}

async fn open(data_dir: &Path, partitions: u32) -> anyhow::Result<(Arc<dyn LogWriter>, Store)> {
    let log = FileLogOptions::new(data_dir.join("ingest/report-log"), partitions + 1);
    let store = StoreOptions {
        dir: data_dir.join("ingest/store"),
        cache_bytes: CACHE_BYTES,
        schema: "ingest",
        schema_version: 1,
    };
    let opened = tokio::task::spawn_blocking(move || {
        let log = FileLog::open(log).context("the report log cannot be opened")?;
        let (store, opened) = Store::open(store).context("the ingest store cannot be opened")?;
        tracing::info!(recovery = ?log.recovery(), store = ?opened, "report log open");
        anyhow::Ok((log, store))
    });
    let (log, store) = opened.await??;
    Ok((Arc::new(log), store))
}
