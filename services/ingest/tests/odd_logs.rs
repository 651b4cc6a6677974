//! What callers are told while the report log is not as it should be.

// Helpers beside the tests, too, end the test where something is odd.
#![allow(clippy::unwrap_used)]

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ascertain_ingest::{Ingest, Settings};
use ascertain_log::{
    Append, AppendError, End, Erase, Follow, FollowError, Incarnation, LogReader, LogWriter,
    MemoryLog, PartitionId, Position, Recorded, Sequence,
};
use ascertain_proto::v1;
use ascertain_proto::v1::adjudication_service_client::AdjudicationServiceClient;
use ascertain_proto::v1::backup_service_client::BackupServiceClient;
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;
use ascertain_proto::v1::registry_service_client::RegistryServiceClient;
use ascertain_runtime::{Machine, Shutdown, Tasks};
use futures::StreamExt as _;
use harness::{Node, noon, reason, registry, report, store};
use tonic::Code;
use tonic::service::RoutesBuilder;
use tonic_types::StatusExt as _;

/// A log that may keep to itself what it holds, or not know its own partitions.
struct Odd {
    inner: MemoryLog,
    silent: bool,
    confused: AtomicBool,
}

impl Odd {
    fn new(silent: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryLog::with_clock(4, noon()),
            silent,
            confused: AtomicBool::new(false),
        })
    }
}

#[async_trait::async_trait]
impl LogReader for Odd {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        self.inner.incarnation().await
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        self.inner.ends().await
    }

    fn follow(
        &self,
        partition: PartitionId,
        after: Sequence,
        incarnation: Option<Incarnation>,
    ) -> Follow {
        if self.silent {
            return futures::stream::pending().boxed();
        }
        self.inner.follow(partition, after, incarnation)
    }
}

#[async_trait::async_trait]
impl LogWriter for Odd {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        if self.confused.load(Ordering::Relaxed) {
            return Err(AppendError::NoSuchPartition(batch[0].partition));
        }
        self.inner.append(batch).await
    }

    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError> {
        self.inner.erase(records).await
    }

    async fn failed(&self) -> String {
        std::future::pending().await
    }
}

#[tokio::test]
async fn whoever_comes_while_the_log_is_read_again_is_told_to_come_back() {
    let log = Odd::new(true);
    let record = Append {
        partition: PartitionId::REGISTRY,
        body: b"a record".to_vec().into(),
        content: Vec::new().into(),
        registry_sequence: Sequence::ZERO,
        recorded: Recorded::Now,
    };
    log.append(vec![record]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        node: "test".to_owned(),
        max_message_bytes: 4 << 20,
        max_batch_reports: 1_000,
        backups: folder.path().join("backups.json"),
    };
    let (mut tasks, shutdown) = (Tasks::new(), Shutdown::new());
    let (store, machine) = (store(folder.path()), Machine::real());
    let ingest = Ingest::begin(settings, log, store, &machine, &mut tasks, &shutdown);
    let ingest = ingest.await.unwrap();
    let mut routes = RoutesBuilder::default();
    ingest.add_to(&mut routes);
    let routes = routes.routes();
    let mut reports = IngestServiceClient::new(routes.clone());
    let mut places = RegistryServiceClient::new(routes.clone());
    let mut rulings = AdjudicationServiceClient::new(routes.clone());
    let mut backups = BackupServiceClient::new(routes);
    let submission = v1::SubmitReportRequest {
        report: Some(report(1)),
        ..Default::default()
    };
    // One call of each service: all of a service come through the same gate.
    let refused = [
        reports.submit_report(submission).await.unwrap_err(),
        places
            .get_place(v1::GetPlaceRequest::default())
            .await
            .unwrap_err(),
        rulings
            .adjudicate(v1::AdjudicateRequest::default())
            .await
            .unwrap_err(),
        backups
            .list_backups(v1::ListBackupsRequest::default())
            .await
            .unwrap_err(),
    ];
    for status in refused {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert_eq!(reason(&status), "NOT_CAUGHT_UP");
        assert!(status.get_details_retry_info().is_some());
    }
}

#[tokio::test]
async fn a_defect_is_told_as_one_and_not_explained() {
    let log = Odd::new(false);
    let written = Arc::clone(&log) as Arc<dyn LogWriter>;
    let mut node = Node::over(written, tempfile::tempdir().unwrap()).await;
    node.registry.apply_registry(registry()).await.unwrap();
    log.confused.store(true, Ordering::Relaxed);
    let status = node.submit(report(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(reason(&status), "INTERNAL");
    let why = AppendError::NoSuchPartition(PartitionId(1)).to_string();
    assert!(!status.message().contains(&why), "{}", status.message());
    // Nothing was recorded: the same is taken once the log is itself again.
    log.confused.store(false, Ordering::Relaxed);
    assert!(!node.submit(report(1)).await.unwrap().duplicate);
}
