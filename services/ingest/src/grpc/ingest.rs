//! Reports in, acknowledgements out.

use std::pin::Pin;
use std::sync::Arc;

use ascertain_access::Caller;
use ascertain_proto::v1;
use ascertain_proto::v1::ingest_service_server::IngestService;
use futures::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status, Streaming};
use v1::Reason;
use v1::submit_result::Result as Outcome;

use crate::accept::{Answer, submit};
use crate::error::Refusal;
use crate::import;
use crate::service::Core;

/// Batches of one stream that are under way at once.
const PIPELINED_BATCHES: usize = 4;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The ingest service.
pub(crate) struct IngestHandler(pub(crate) Arc<Core>);

impl IngestHandler {
    async fn submit_one(
        &self,
        submission: v1::ReportSubmission,
    ) -> Result<Option<v1::Acknowledgement>, Status> {
        let answers = submit(&self.0, &Caller::local(), vec![submission]).await;
        match answers.into_iter().next() {
            Some(Ok(acknowledgement)) => Ok(Some(acknowledgement)),
            Some(Err(refusal)) => Err(refusal.into_status()),
            None => Err(Refusal::unavailable("the report was not answered").into_status()),
        }
    }
}

#[tonic::async_trait]
impl IngestService for IngestHandler {
    type SubmitReportsStream = Answers<v1::SubmitReportsResponse>;
    type ImportRecordsStream = Answers<v1::ImportRecordsResponse>;

    async fn submit_report(
        &self,
        request: Request<v1::SubmitReportRequest>,
    ) -> Result<Response<v1::SubmitReportResponse>, Status> {
        let acknowledgement = self.submit_one(request.into_inner()).await?;
        Ok(Response::new(v1::SubmitReportResponse { acknowledgement }))
    }

    async fn correct_report(
        &self,
        request: Request<v1::CorrectReportRequest>,
    ) -> Result<Response<v1::CorrectReportResponse>, Status> {
        let submission = correction(request.into_inner()).map_err(Refusal::into_status)?;
        let acknowledgement = self.submit_one(submission).await?;
        Ok(Response::new(v1::CorrectReportResponse { acknowledgement }))
    }

    async fn retract_report(
        &self,
        request: Request<v1::RetractReportRequest>,
    ) -> Result<Response<v1::RetractReportResponse>, Status> {
        let submission = retraction(request.into_inner()).map_err(Refusal::into_status)?;
        let acknowledgement = self.submit_one(submission).await?;
        Ok(Response::new(v1::RetractReportResponse { acknowledgement }))
    }

    async fn erase_report(
        &self,
        request: Request<v1::EraseReportRequest>,
    ) -> Result<Response<v1::EraseReportResponse>, Status> {
        // It is carried through even if whoever asked has left: nothing is half erased.
        let core = Arc::clone(&self.0);
        let erasing =
            tokio::spawn(async move { core.erase(&Caller::local(), request.get_ref()).await });
        let lost = |_| Refusal::unavailable("the erasure was lost sight of; ask for it again");
        let erased = erasing.await.map_err(lost).and_then(|erased| erased);
        erased.map(Response::new).map_err(Refusal::into_status)
    }

    async fn submit_reports(
        &self,
        request: Request<Streaming<v1::SubmitReportsRequest>>,
    ) -> Result<Response<Self::SubmitReportsStream>, Status> {
        let core = Arc::clone(&self.0);
        // The next batch is read once this one waits for the log, which has it by
        // then: the order of batches is kept, and a slow log slows the reading.
        let answers = until_drain(request.into_inner(), &core).map(move |batch| {
            let core = Arc::clone(&core);
            async move {
                let batch = batch?.submissions;
                check_size(batch.len(), &core, "submissions")?;
                let ids: Vec<String> = batch.iter().map(id_of).collect();
                let answers = submit(&core, &Caller::local(), batch).await;
                let results = answers
                    .into_iter()
                    .zip(&ids)
                    .map(|(answer, id)| result(answer, id));
                Ok(v1::SubmitReportsResponse {
                    results: results.collect(),
                })
            }
        });
        Ok(Response::new(until_error(
            answers.buffered(PIPELINED_BATCHES),
        )))
    }

    async fn import_records(
        &self,
        request: Request<Streaming<v1::ImportRecordsRequest>>,
    ) -> Result<Response<Self::ImportRecordsStream>, Status> {
        let core = Arc::clone(&self.0);
        let answers = until_drain(request.into_inner(), &core).then(move |batch| {
            let core = Arc::clone(&core);
            async move {
                let batch = batch?.records;
                check_size(batch.len(), &core, "records")?;
                let imported = import::import(&core, &Caller::local(), batch).await;
                let results = imported.into_iter().map(import::result).collect();
                Ok(v1::ImportRecordsResponse { results })
            }
        });
        Ok(Response::new(until_error(answers)))
    }
}

/// What comes in, until this node drains: then the caller is told to go on elsewhere
/// or later, after the answers to what was read.
fn until_drain<T: Send + 'static>(
    batches: Streaming<T>,
    core: &Core,
) -> impl Stream<Item = Result<T, Status>> + Send + use<T> {
    let (draining, drained) = (core.shutdown.clone(), core.shutdown.clone());
    let last = stream::once(async move {
        let refusal = Refusal::unavailable("this node is draining; submit what was not answered");
        drained.is_draining().then(|| Err(refusal.into_status()))
    });
    let batches = batches.take_until(async move { draining.draining().await });
    batches.chain(last.filter_map(std::future::ready))
}

/// The stream as it is, up to and including its first error.
fn until_error<T: Send + 'static>(
    answers: impl Stream<Item = Result<T, Status>> + Send + 'static,
) -> Answers<T> {
    let ended = answers.scan(false, |failed, answer| {
        let item = (!*failed).then_some(answer);
        *failed = matches!(item, Some(Err(_)));
        std::future::ready(item)
    });
    Box::pin(ended)
}

fn check_size(count: usize, core: &Core, field: &str) -> Result<(), Status> {
    let most = core.settings.max_batch_reports;
    let refusal = match count {
        0 => Refusal::field(
            field,
            Reason::Required,
            format!("is empty; give 1 to {most}"),
        ),
        count if count > most => {
            let what = format!("has {count} items; {most} is the most");
            Refusal::field(field, Reason::TooLong, what)
        }
        _ => return Ok(()),
    };
    Err(refusal.into_status())
}

/// The id of a report, as far as it could be read.
fn id_of(submission: &v1::ReportSubmission) -> String {
    let read = submission.report.as_ref().map(|r| r.report_id.clone());
    let unread = submission.unreadable.as_ref().map(|u| u.report_id.clone());
    read.or(unread).unwrap_or_default()
}

fn result(answer: Answer, id: &str) -> v1::SubmitResult {
    v1::SubmitResult {
        result: Some(match answer {
            Ok(acknowledgement) => Outcome::Acknowledgement(acknowledgement),
            Err(refusal) => Outcome::Rejection(refusal.into_rejection(id)),
        }),
    }
}

/// A correction as the report that it is.
fn correction(request: v1::CorrectReportRequest) -> Result<v1::ReportSubmission, Refusal> {
    let Some(mut report) = request.report else {
        let what = "is empty; give the new version, whole";
        return Err(Refusal::field("report", Reason::Required, what));
    };
    let corrects = request.corrects_report_id;
    check_id("corrects_report_id", &corrects)?;
    let same = |other: &str| other.is_empty() || other.eq_ignore_ascii_case(&corrects);
    if !same(&report.corrects_report_id) {
        let what = "names another report than `corrects_report_id`; leave it empty";
        let field = "report.corrects_report_id";
        return Err(Refusal::field(field, Reason::ReferenceContradicts, what));
    }
    report.corrects_report_id = corrects;
    Ok(v1::ReportSubmission {
        report: Some(report),
        validate_only: request.validate_only,
        backfill: request.backfill,
        unreadable: None,
    })
}

/// A retraction as the report that it is.
fn retraction(request: v1::RetractReportRequest) -> Result<v1::ReportSubmission, Refusal> {
    check_id("report_id", &request.report_id)?;
    check_id("retraction_id", &request.retraction_id)?;
    let report = v1::Report {
        report_id: request.retraction_id,
        partner_reference: request.partner_reference,
        published_at: request.retracted_at,
        tlp: v1::Tlp::Clear.into(),
        retracts_report_id: request.report_id,
        retracted_by: request.retracted_by,
        text: request.text,
        ..v1::Report::default()
    };
    Ok(v1::ReportSubmission {
        report: Some(report),
        validate_only: request.validate_only,
        backfill: request.backfill,
        unreadable: None,
    })
}

fn check_id(field: &str, id: &str) -> Result<(), Refusal> {
    if ascertain_domain::id::ReportId::parse(id).is_some() {
        return Ok(());
    }
    let (reason, what) = match id {
        "" => (Reason::Required, "is empty; give a UUID".to_owned()),
        id => (
            Reason::InvalidUuid,
            format!("`{id}` is no UUID in its hyphenated form"),
        ),
    };
    Err(Refusal::field(field, reason, what))
}
