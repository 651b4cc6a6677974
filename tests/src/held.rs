//! What a report log holds, report by report.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_client::Client;
use ascertain_proto::log::v1::{LogKind, RecordBody, record_body::Content};
use prost::Message as _;

use crate::records::frames;

/// A report as a log holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// When it was first recorded, by each of its bodies.
    pub recorded: BTreeSet<String>,
    /// Its different bodies.
    pub bodies: BTreeSet<Vec<u8>>,
    /// How often it stands in each partition.
    pub times: BTreeMap<u32, usize>,
}

impl Held {
    /// Whether it is there more than once: with several bodies, or several times in
    /// one partition.
    #[must_use]
    pub fn is_doubled(&self) -> bool {
        self.bodies.len() > 1 || self.times.values().any(|times| *times > 1)
    }
}

/// Every report of a node's log, by its id.
///
/// # Errors
/// If the log cannot be read.
pub async fn held(client: &Client) -> anyhow::Result<BTreeMap<String, Held>> {
    let mut reports: BTreeMap<String, Held> = BTreeMap::new();
    for frame in frames(client, LogKind::Reports).await? {
        let body = RecordBody::decode(frame.body.clone())?;
        let recorded = body.stamp.and_then(|stamp| stamp.first_recorded_at);
        let Some(Content::Report(report)) = body.content else {
            continue;
        };
        let report_id = report.report.unwrap_or_default().report_id;
        let held = reports.entry(report_id).or_default();
        held.recorded.extend(recorded.map(|time| time.to_string()));
        held.bodies.insert(frame.body.to_vec());
        *held.times.entry(frame.partition).or_default() += 1;
    }
    Ok(reports)
}
