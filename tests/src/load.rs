//! Reports at full load, and what was acknowledged of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ascertain_client::Client;
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;
use ascertain_proto::v1::submit_result::Result as Submitted;
use ascertain_proto::v1::{
    Acknowledgement, Rejection, ReportSubmission, SubmitReportsRequest, SubmitReportsResponse,
};
use ascertain_standalone::scenario::Scenario;
use tokio::sync::watch;
use tonic::{Code, Status};

/// Reports in a batch, so small that several batches are on their way at once.
const BATCH: usize = 16;

/// Whether the long mode is asked for: `ASCERTAIN_LONG=1`.
#[must_use]
pub fn long() -> bool {
    std::env::var("ASCERTAIN_LONG").is_ok_and(|value| value == "1")
}

/// Live reports made from the scenario's, each with an id of its own.
#[must_use]
pub fn live(scenario: &Scenario, label: &str, count: usize) -> Vec<ReportSubmission> {
    let made = (0..count).map(|i| {
        let mut submission = scenario.submissions[i % scenario.submissions.len()].clone();
        submission.backfill = None;
        if let Some(report) = &mut submission.report {
            let name = format!("{label} {i}");
            report.report_id =
                uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string();
            report.partner_reference = format!("N{i}");
        }
        submission
    });
    made.collect()
}

/// What was acknowledged: when each report was first recorded.
pub struct Acked {
    reports: Mutex<BTreeMap<String, String>>,
    refused: Mutex<Vec<Rejection>>,
    altered: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl Default for Acked {
    fn default() -> Self {
        Self {
            reports: Mutex::default(),
            refused: Mutex::default(),
            altered: Mutex::default(),
            count: watch::channel(0).0,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Acked {
    /// Notes an acknowledgement. One that says otherwise than that before is noted
    /// as altered.
    pub fn note(&self, ack: Acknowledgement) {
        let recorded = ack.first_recorded_at.map(|time| time.to_string());
        let recorded = recorded.unwrap_or_default();
        let mut reports = lock(&self.reports);
        let before = reports.insert(ack.report_id.clone(), recorded.clone());
        if before.is_some_and(|before| before != recorded) {
            lock(&self.altered).push(ack.report_id);
        }
        let count = reports.len();
        drop(reports);
        self.count.send_replace(count);
    }

    fn note_all(&self, response: SubmitReportsResponse) {
        for result in response.results {
            match result.result {
                Some(Submitted::Acknowledgement(ack)) => self.note(ack),
                Some(Submitted::Rejection(rejection)) => lock(&self.refused).push(rejection),
                None => {}
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Returns once there are so many.
    pub async fn reach(&self, count: usize) {
        // The sender is `self`: the channel does not close while this waits.
        let _ = self.count.subscribe().wait_for(|n| *n >= count).await;
    }

    /// When a report was first recorded, if it was acknowledged.
    #[must_use]
    pub fn recorded(&self, report_id: &str) -> Option<String> {
        lock(&self.reports).get(report_id).cloned()
    }

    /// All of it: id and when.
    #[must_use]
    pub fn all(&self) -> Vec<(String, String)> {
        let reports = lock(&self.reports);
        reports
            .iter()
            .map(|(id, at)| (id.clone(), at.clone()))
            .collect()
    }

    /// Those that were acknowledged again with another stamp.
    #[must_use]
    pub fn altered(&self) -> Vec<String> {
        lock(&self.altered).clone()
    }

    /// What was refused since this was asked last.
    #[must_use]
    pub fn refused(&self) -> Vec<Rejection> {
        std::mem::take(&mut lock(&self.refused))
    }
}

/// Submits over one stream, as fast as it takes them, and never again.
///
/// # Errors
/// The stream broke before all was answered.
pub async fn stream(
    client: &Client,
    reports: Vec<ReportSubmission>,
    acked: &Acked,
) -> Result<(), Status> {
    let batches = reports.len().div_ceil(BATCH);
    let requests: Vec<SubmitReportsRequest> = reports
        .chunks(BATCH)
        .map(|chunk| SubmitReportsRequest {
            submissions: chunk.to_vec(),
        })
        .collect();
    let mut service = IngestServiceClient::new(client.channel());
    let answers = service.submit_reports(tokio_stream::iter(requests)).await;
    let mut answers = answers?.into_inner();
    for _ in 0..batches {
        let answer = answers.message().await?;
        acked.note_all(answer.ok_or_else(|| Status::new(Code::Unavailable, "it ended early"))?);
    }
    Ok(())
}
