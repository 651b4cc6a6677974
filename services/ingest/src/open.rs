//! What ingest keeps on disk, and where.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use ascertain_log::LogWriter;
use ascertain_log_file::{FileLog, FileLogOptions};
use ascertain_proto::v1::{
    adjudication_service_server, backup_service_server, ingest_service_server,
    registry_service_server,
};
use ascertain_runtime::{Config, Machine, blocking};
use ascertain_store::{Store, StoreOptions};

/// The gRPC services whose health is that of this role.
pub const SERVICES: &[&str] = &[
    adjudication_service_server::SERVICE_NAME,
    backup_service_server::SERVICE_NAME,
    ingest_service_server::SERVICE_NAME,
    registry_service_server::SERVICE_NAME,
];

/// sled's page cache; the process takes two to eight times that.
const CACHE_BYTES: u64 = 64 << 20;

/// Where the list of the backups that are known is kept: beside the log and the store, so
/// that a store that is made anew, or logs that are restored, leave it as it is.
#[must_use]
pub fn backups_file(config: &Config) -> PathBuf {
    config.data_dir.join("ingest").join("backups.json")
}

/// Opens the report log of a node, the only copy of what was acknowledged, and the
/// store beside it, which can be rebuilt from the log; or makes them.
///
/// # Errors
/// A damaged or locked log, or one with another number of partitions; a store
/// that cannot be made.
pub async fn open(
    config: &Config,
    machine: &Machine,
) -> anyhow::Result<(Arc<dyn LogWriter>, Store)> {
    let folder = config.data_dir.join("ingest");
    let mut log = FileLogOptions::new(folder.join("report-log"), config.partitions + 1);
    log.min_free_bytes = config.limits.min_free_bytes;
    let store = StoreOptions {
        dir: folder.join("store"),
        cache_bytes: CACHE_BYTES,
        schema: "ingest",
        // 2: every recording of a report, and erasures. 3: tombstones.
        schema_version: 3,
        min_free_bytes: config.limits.store_min_free_bytes(),
    };
    let open = Arc::clone(&machine.stores);
    let opened = blocking(move || {
        let log = FileLog::open(log).map_err(|error| {
            let advice = error.advice();
            anyhow::Error::new(error).context(format!("the report log cannot be opened: {advice}"))
        })?;
        let (store, opened) = open(store).context("the ingest store cannot be opened")?;
        tracing::info!(recovery = ?log.recovery(), store = ?opened, "report log open");
        anyhow::Ok((log, store))
    });
    let (log, store) = opened.await?;
    Ok((Arc::new(log), store))
}
