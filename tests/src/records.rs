//! Records as bodies, and what nodes make of them.

use std::time::Duration;

use anyhow::Context as _;
use ascertain_client::Client;
use ascertain_proto::log::v1::log_service_client::LogServiceClient;
use ascertain_proto::log::v1::{
    DescribeLogRequest, FollowLogRequest, Frame, LogKind, RecordBody, record_body::Content,
};
use ascertain_proto::v1::import_result::Result as Imported;
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;
use ascertain_proto::v1::{
    GetNodeDigestRequest, GetNodeStatusRequest, ImportRecordsRequest, ImportedRecord,
};
use prost::Message as _;
use prost_types::Timestamp;

/// How long a node may take to catch up before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every frame of a log, partition by partition, as far as it is there now.
///
/// # Errors
/// If the log cannot be read.
pub async fn frames(client: &Client, log: LogKind) -> anyhow::Result<Vec<Frame>> {
    let mut service = LogServiceClient::new(client.channel()).max_decoding_message_size(16 << 20);
    let request = DescribeLogRequest { log: log.into() };
    let ends = service.describe_log(request).await?.into_inner().ends;
    let mut frames = Vec::new();
    for end in ends {
        let request = FollowLogRequest {
            log: log.into(),
            partition: end.partition,
            ..Default::default()
        };
        let mut batches = service.follow_log(request).await?.into_inner();
        let mut seen = 0;
        while seen < end.last_sequence {
            let batch = batches.message().await?.context("the log ended early")?;
            for frame in batch.frames {
                seen = frame.sequence;
                frames.push(frame);
            }
        }
    }
    Ok(frames)
}

/// The bodies of every registry change and report of a node, once each, the
/// registry first.
///
/// # Errors
/// If the log cannot be read.
pub async fn bodies(client: &Client) -> anyhow::Result<Vec<ImportedRecord>> {
    let mut records: Vec<ImportedRecord> = Vec::new();
    for frame in frames(client, LogKind::Reports).await? {
        let body = RecordBody::decode(frame.body.clone())?;
        let record = ImportedRecord {
            body: frame.body,
            content: frame.content,
        };
        // A report stands in each partition that its places name.
        if !matches!(body.content, Some(Content::Adopt(_))) && !records.contains(&record) {
            records.push(record);
        }
    }
    Ok(records)
}

/// The bodies of the state log, partition by partition.
///
/// # Errors
/// If the log cannot be read.
pub async fn state_entries(client: &Client) -> anyhow::Result<Vec<Vec<u8>>> {
    let frames = frames(client, LogKind::States).await?;
    Ok(frames
        .into_iter()
        .map(|frame| frame.body.to_vec())
        .collect())
}

/// Imports bodies in batches of the given sizes, over and over; every one must be
/// taken.
///
/// # Errors
/// If one is refused.
pub async fn import(
    client: &Client,
    records: &[ImportedRecord],
    sizes: &[usize],
) -> anyhow::Result<()> {
    let mut batches = Vec::new();
    let mut rest = records;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (batch, more) = rest.split_at((*size).clamp(1, rest.len()));
        batches.push(ImportRecordsRequest {
            records: batch.to_vec(),
        });
        rest = more;
    }
    let mut service = IngestServiceClient::new(client.channel());
    let mut answers = service
        .import_records(tokio_stream::iter(batches))
        .await?
        .into_inner();
    while let Some(answer) = answers.message().await? {
        for result in answer.results {
            if let Some(Imported::Rejection(rejection)) = result.result {
                anyhow::bail!("refused: {rejection:?}");
            }
        }
    }
    Ok(())
}

/// What a node makes of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of the records.
    pub records: Vec<u8>,
    /// How many.
    pub record_count: u64,
    /// Of the beliefs.
    pub beliefs: Vec<u8>,
    /// How many.
    pub belief_count: u64,
}

/// The digests at a valid time, once query has seen all that ingest has: from one
/// address, or from that of ingest and that of query.
///
/// # Errors
/// If query does not catch up.
pub async fn digests(ingest: &Client, query: &Client, as_of: &str) -> anyhow::Result<Digests> {
    let as_of: Timestamp = as_of.parse()?;
    caught_up(ingest, query).await?;
    let request = GetNodeDigestRequest { as_of: Some(as_of) };
    let of = async |client: &Client, role: &str| {
        let answer = client.get_node_digest(request).await?;
        let found = answer.roles.into_iter().find(|r| r.role == role);
        found.with_context(|| format!("no role {role}"))
    };
    let records = of(ingest, "ingest").await?;
    let beliefs = of(query, "query").await?;
    Ok(Digests {
        records: records.records,
        record_count: records.record_count,
        beliefs: beliefs.beliefs,
        belief_count: beliefs.belief_count,
    })
}

/// Waits until query has seen all that ingest has now.
///
/// # Errors
/// If query does not catch up.
pub async fn caught_up(ingest: &Client, query: &Client) -> anyhow::Result<()> {
    let of = async |client: &Client, role: &str| {
        let answer = client.get_node_status(GetNodeStatusRequest {}).await?;
        let found = answer.roles.into_iter().find(|r| r.role == role);
        found.with_context(|| format!("no role {role}"))
    };
    let waiting = async {
        let ends = of(ingest, "ingest").await?.partitions;
        loop {
            let seen = of(query, "query").await?.partitions;
            let behind = ends.iter().find(|end| {
                let here = seen.iter().find(|p| p.partition == end.partition);
                here.is_none_or(|p| p.processed_sequence < end.end_sequence)
            });
            if behind.is_none() {
                return anyhow::Ok(());
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .context("query does not catch up")?
}
