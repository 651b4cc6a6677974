//! What ingest keeps on disk, and where.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use ascertain_log::LogWriter;
use ascertain_log_file::{FileLog, FileLogOptions};
use ascertain_proto::v1::{ingest_service_server, registry_service_server};
use ascertain_store::{Store, StoreOptions};

/// The gRPC services whose health is that of this role.
pub const SERVICES: &[&str] = &[
    ingest_service_server::SERVICE_NAME,
    registry_service_server::SERVICE_NAME,
];

/// sled's page cache; the process takes two to eight times that.
const CACHE_BYTES: u64 = 64 << 20;

/// Opens the report log of a node, the only copy of what was acknowledged, and the
/// store beside it, which can be rebuilt from the log; or makes them.
///
/// # Errors
/// A damaged or locked log, or one with another number of partitions; a store
/// that cannot be made.
pub async fn open(
    data_dir: &Path,
    place_partitions: u32,
) -> anyhow::Result<(Arc<dyn LogWriter>, Store)> {
    let log = FileLogOptions::new(data_dir.join("ingest/report-log"), place_partitions + 1);
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
