//! A node of ingest alone, over a log in memory, behind a real port.
// Each test file uses its part; a harness that cannot be set up ends the test.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ascertain_domain::time::Timestamp;
use ascertain_ingest::{Ingest, Settings};
use ascertain_log::{Clock, LogReader, LogWriter, MemoryLog, PartitionId, Record, Sequence};
use ascertain_proto::v1;
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;
use ascertain_proto::v1::registry_service_client::RegistryServiceClient;
use ascertain_runtime::{Machine, Role, Shutdown, Tasks};
use ascertain_store::{Store, StoreOptions};
use futures::StreamExt as _;
use tonic::service::RoutesBuilder;
use tonic::transport::{Channel, Server};

/// Noon of the day of the scenario.
pub const NOON: &str = "2024-12-05T12:00:00Z";

pub struct Node {
    pub log: Arc<dyn LogWriter>,
    pub channel: Channel,
    pub ingest: IngestServiceClient<Channel>,
    pub registry: RegistryServiceClient<Channel>,
    pub role: Arc<dyn Role>,
    pub shutdown: Shutdown,
    folder: tempfile::TempDir,
    workers: tokio::task::JoinHandle<anyhow::Result<()>>,
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn wire_time(text: &str) -> Option<prost_types::Timestamp> {
    Some(ascertain_proto::outward::timestamp(time(text)))
}

pub fn noon() -> Clock {
    Arc::new(|| time(NOON))
}

impl Node {
    /// A node whose registry holds the scenario's.
    pub async fn with_registry() -> Self {
        let mut node = Self::empty().await;
        node.registry.apply_registry(registry()).await.unwrap();
        node
    }

    pub async fn empty() -> Self {
        let log = Arc::new(MemoryLog::with_clock(4, noon()));
        Self::over(log, tempfile::tempdir().unwrap()).await
    }

    pub async fn over(log: Arc<dyn LogWriter>, folder: tempfile::TempDir) -> Self {
        let (mut tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let store = store(folder.path());
        let machine = Machine {
            clock: noon(),
            ..Machine::real()
        };
        let settings = Settings {
            node: "test".to_owned(),
            max_message_bytes: 4 << 20,
            max_batch_reports: 1_000,
            backups: folder.path().join("backups.json"),
        };
        let ingest = Ingest::start(
            settings,
            Arc::clone(&log),
            store,
            &machine,
            &mut tasks,
            &shutdown,
        )
        .await
        .unwrap();
        let mut routes = RoutesBuilder::default();
        ingest.add_to(&mut routes);
        let role = ingest.role();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let draining = shutdown.clone();
        tasks.front_door("server", async move {
            let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
            let server = Server::builder().add_routes(routes.routes());
            server
                .serve_with_incoming_shutdown(incoming, async move { draining.draining().await })
                .await?;
            Ok(())
        });
        let running = shutdown.clone();
        let workers =
            tokio::spawn(async move { Ok(tasks.run(&running, Duration::from_secs(10)).await?) });
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Self {
            log,
            ingest: IngestServiceClient::new(channel.clone()),
            registry: RegistryServiceClient::new(channel.clone()),
            channel,
            role,
            shutdown,
            folder,
            workers,
        }
    }

    /// Waits until the node ends by itself, and tells why.
    pub async fn ended(self) -> String {
        let ended = self.workers.await.unwrap().unwrap_err();
        format!("{ended:#}")
    }

    /// Ends the node; gives what stays on disk.
    pub async fn end(self) -> (Arc<dyn LogWriter>, tempfile::TempDir) {
        let Self {
            log,
            folder,
            workers,
            shutdown,
            ingest,
            registry,
            channel,
            role,
            ..
        } = self;
        drop((ingest, registry, channel, role));
        shutdown.begin("test");
        workers.await.unwrap().unwrap();
        (log, folder)
    }

    /// Every record of a partition.
    pub async fn records(&self, partition: u32) -> Vec<Record> {
        records(self.log.as_ref(), partition).await
    }

    /// How many records hold reports, in all partitions.
    pub async fn reports(&self) -> usize {
        let mut count = 0;
        for partition in 1..4 {
            let records = self.records(partition).await;
            count += records.iter().filter(|r| is_report(r)).count();
        }
        count
    }

    pub async fn submit(
        &mut self,
        report: v1::Report,
    ) -> Result<v1::Acknowledgement, tonic::Status> {
        let request = v1::SubmitReportRequest {
            report: Some(report),
            ..Default::default()
        };
        let answer = self.ingest.submit_report(request).await?;
        Ok(answer.into_inner().acknowledgement.unwrap())
    }
}

pub fn is_report(record: &Record) -> bool {
    use ascertain_proto::inward::record::{Body, decode_body};
    matches!(decode_body(&record.body).unwrap(), Body::Report(_))
}

pub async fn records(log: &(impl LogReader + ?Sized), partition: u32) -> Vec<Record> {
    let end = log.ends().await.unwrap()[partition as usize].last_sequence;
    let mut records = Vec::new();
    if end == Sequence::ZERO {
        return records;
    }
    let mut follow = log.follow(PartitionId(partition), Sequence::ZERO, None);
    while records.len() < usize::try_from(end.0).unwrap() {
        records.extend(follow.next().await.unwrap().unwrap());
    }
    records
}

pub fn store(folder: &Path) -> Store {
    let options = StoreOptions {
        dir: folder.join("ingest"),
        cache_bytes: 8 << 20,
        schema: "ingest",
        schema_version: 1,
        min_free_bytes: 0,
    };
    Store::open(options).unwrap().0
}

pub fn names(text: &str) -> Vec<v1::Name> {
    vec![v1::Name {
        text: text.to_owned(),
        ..Default::default()
    }]
}

pub fn place(id: &str, name: &str, kind: v1::PlaceKind, parent: &str) -> v1::Place {
    v1::Place {
        place_id: id.to_owned(),
        kind: kind.into(),
        parent_id: parent.to_owned(),
        names: names(name),
        ..Default::default()
    }
}

pub fn actor(id: &str, name: &str) -> v1::Actor {
    v1::Actor {
        actor_id: id.to_owned(),
        kind: v1::ActorKind::RebelGroup.into(),
        names: names(name),
        relations: Vec::new(),
    }
}

pub fn source(id: &str, name: &str, kind: v1::SourceKind) -> v1::Source {
    v1::Source {
        source_id: id.to_owned(),
        names: names(name),
        kind: kind.into(),
        ..Default::default()
    }
}

/// The registry of the scenario, in part.
pub fn registry() -> v1::ApplyRegistryRequest {
    use v1::PlaceKind::{AdminUnit, City, Neighbourhood};
    let governorate = |id: &str, name: &str| v1::Place {
        admin_level: 1,
        side_ids: vec!["opp".to_owned(), "gov".to_owned()],
        ..place(id, name, AdminUnit, "syria")
    };
    v1::ApplyRegistryRequest {
        places: vec![
            v1::Place {
                pcode: "C2987".to_owned(),
                ..place("hama-city", "Hama", City, "hama")
            },
            place("sawaaek", "Sawaaek", Neighbourhood, "hama-city"),
            place("kaso", "Kaso", Neighbourhood, "hama-city"),
            governorate("hama", "Hama Governorate"),
            governorate("homs", "Homs Governorate"),
            governorate("idlib", "Idlib Governorate"),
            place("homs-city", "Homs", City, "homs"),
            place("idlib-city", "Idlib", City, "idlib"),
            place("syria", "Syria", AdminUnit, ""),
        ],
        actors: vec![
            actor("gov", "Government of Syria"),
            actor("opp", "Opposition coalition"),
        ],
        sources: vec![
            source("sohr", "SOHR", v1::SourceKind::Monitor),
            source("ap", "AP", v1::SourceKind::Newswire),
        ],
        ..Default::default()
    }
}

pub fn claim(place: &str, predicate: v1::Predicate, actor: &str) -> v1::Claim {
    v1::Claim {
        place: Some(v1::PlaceReference {
            name: place.to_owned(),
            ..Default::default()
        }),
        actors: vec![v1::ActorReference {
            actor_id: actor.to_owned(),
            ..Default::default()
        }],
        predicate: predicate.into(),
        polarity: v1::Polarity::Affirm.into(),
        ..Default::default()
    }
}

/// The opposition is said to be in Hama; the id ends with a number.
pub fn report(number: u32) -> v1::Report {
    v1::Report {
        report_id: format!("5f0e6a9c-0000-4000-8000-{number:012}"),
        attribution_chain: vec![v1::AttributionParty {
            name: "SOHR".to_owned(),
            role: v1::AttributionRole::Originator.into(),
            ..Default::default()
        }],
        published_at: wire_time("2024-12-05T10:30:00Z"),
        claims: vec![claim("Hama", v1::Predicate::Present, "opp")],
        tlp: v1::Tlp::Clear.into(),
        text: "Fighters are inside the city.".to_owned(),
        ..Default::default()
    }
}

/// The violations that a refusal carries: field and reason.
pub fn violations(status: &tonic::Status) -> Vec<(String, String)> {
    use tonic_types::StatusExt as _;
    let found = status
        .get_details_bad_request()
        .map(|details| details.field_violations);
    found
        .unwrap_or_default()
        .into_iter()
        .map(|v| (v.field, v.reason))
        .collect()
}

pub fn reason(status: &tonic::Status) -> String {
    use tonic_types::StatusExt as _;
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
