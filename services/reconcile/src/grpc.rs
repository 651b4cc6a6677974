//! The face to operators: fitting source models, one at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ascertain_access::require_supported_audience;
use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::time::Timestamp;
use ascertain_log::{Clock, LogReader, PartitionId};
use ascertain_proto::v1::calibration_service_server::CalibrationService;
use ascertain_proto::v1::fit_source_model_response::Step;
use ascertain_proto::v1::{
    FieldViolation, FitProgress, FitSourceModelRequest, FitSourceModelResponse, Reason,
};
use ascertain_proto::{inward, outward};
use ascertain_replica::{ReplicaError, ReportReplica};
use ascertain_runtime::{Shutdown, blocking, status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use crate::fit::{self, fit, registry_before};
use crate::progress::Progress;

/// A fit that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How often its caller hears of it.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After this a caller may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Fits models from the evidence that reconcile keeps. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CalibrationHandler {
    pub report_log: Arc<dyn LogReader>,
    pub reports: ReportReplica,
    pub progress: Arc<Progress>,
    /// How long to wait for evidence that is still on its way.
    pub read_wait: Duration,
    pub clock: Clock,
    pub shutdown: Shutdown,
    /// One permit: one fit at a time.
    pub fitting: Arc<Semaphore>,
}

type Told = Result<FitSourceModelResponse, Status>;

#[tonic::async_trait]
impl CalibrationService for CalibrationHandler {
    type FitSourceModelStream = ReceiverStream<Told>;

    async fn fit_source_model(
        &self,
        request: Request<FitSourceModelRequest>,
    ) -> Result<Response<Self::FitSourceModelStream>, Status> {
        let cut = asked(&request.into_inner(), (self.clock)())?;
        let permit = Arc::clone(&self.fitting).try_acquire_owned();
        let permit = permit.map_err(|_| {
            let what = "another source model is being fitted here; one is at a time";
            status::status(Code::ResourceExhausted, Reason::FitUnderWay, what)
        })?;
        self.see_all_known().await?;
        let (sender, receiver) = mpsc::channel(4);
        let handler = self.clone();
        tokio::spawn(async move { handler.tell(cut, permit, sender).await });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl CalibrationHandler {
    /// Waits until all that the log holds now is here.
    async fn see_all_known(&self) -> Result<(), Status> {
        let waiting = async {
            let ends = self.report_log.ends().await.map_err(|_| ())?;
            for (partition, end) in self.progress.partitions.iter().zip(&ends).skip(1) {
                let end = end.last_sequence.0;
                let mut reached = partition.subscribe();
                let seen = reached.wait_for(|r| r.processed >= end).await;
                seen.map_err(|_| ())?;
            }
            Ok::<(), ()>(())
        };
        match tokio::time::timeout(self.read_wait, waiting).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) | Err(_) => Err(status::unavailable(
                Reason::NotCaughtUp,
                "the evidence of the report log is not here yet; try again",
                RETRY_AFTER,
            )),
        }
    }

    /// Fits, and tells how far it is and what came of it, until nobody listens.
    async fn tell(
        &self,
        cut: (Audience, Timestamp),
        permit: OwnedSemaphorePermit,
        sender: mpsc::Sender<Told>,
    ) {
        let progress = Arc::new(fit::Progress::default());
        let fitting = self.fitted(cut, permit, Arc::clone(&progress));
        tokio::pin!(fitting);
        let deadline = tokio::time::sleep(PATIENCE);
        tokio::pin!(deadline);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let last = loop {
            tokio::select! {
                biased;
                fitted = &mut fitting => break fitted.map(|model| Step::Model(outward::source_model(&model))),
                _ = heartbeat.tick() => {
                    let told = Step::Progress(FitProgress {
                        reports: progress.reports.load(Ordering::Relaxed),
                        fitting: progress.fitting.load(Ordering::Relaxed),
                    });
                    // A slow listener misses a heartbeat, and nothing else.
                    let _ = sender.try_send(Ok(response(told)));
                }
                () = sender.closed() => break Err(Status::cancelled("the caller left")),
                () = self.shutdown.draining() => {
                    let what = "the node is draining; try again elsewhere, or later";
                    break Err(status::unavailable(Reason::Unavailable, what, RETRY_AFTER));
                }
                () = &mut deadline => {
                    let what = "the fit took longer than 30 minutes and was given up";
                    break Err(status::status(Code::DeadlineExceeded, Reason::Unavailable, what));
                }
            }
        };
        // The thread behind may still be at work: it stops soon, and lets the next in.
        progress.given_up.store(true, Ordering::Relaxed);
        // Whoever left hears nothing.
        let _ = sender.send(last.map(response)).await;
    }

    async fn fitted(
        &self,
        (audience, cut): (Audience, Timestamp),
        permit: OwnedSemaphorePermit,
        progress: Arc<fit::Progress>,
    ) -> Result<SourceModel, Status> {
        let failed = |error: ReplicaError| status::internal(&error);
        let registry = registry_before(self.report_log.as_ref(), cut).await;
        let registry = registry.map_err(failed)?;
        let partitions = u32::try_from(self.progress.partitions.len()).unwrap_or(u32::MAX);
        let reports = self.reports.clone();
        let fitted = blocking(move || {
            let _permit = permit;
            let partitions = (1..partitions).map(PartitionId);
            fit(&reports, partitions, &registry, (audience, cut), &progress)
        });
        let given_up = || Status::cancelled("the fit was given up");
        fitted.await.map_err(failed)?.ok_or_else(given_up)
    }
}

fn response(step: Step) -> FitSourceModelResponse {
    FitSourceModelResponse { step: Some(step) }
}

/// For whom and up to when; every mistake is told.
fn asked(request: &FitSourceModelRequest, now: Timestamp) -> Result<(Audience, Timestamp), Status> {
    let mut wrong = Vec::new();
    let mut add = |field: &str, reason, description: String| {
        wrong.push(FieldViolation {
            field: field.to_owned(),
            reason: status::reason_name(reason).to_owned(),
            description,
        });
    };
    let day = request.day.as_str();
    let cut = match format!("{day}T00:00:00Z").parse::<Timestamp>() {
        _ if day.is_empty() => {
            add("day", Reason::Required, "is empty; give YYYY-MM-DD".into());
            None
        }
        Ok(cut) if day.len() == "YYYY-MM-DD".len() => {
            if cut > now {
                let what = format!("{day} has not begun yet; it is {now}");
                add("day", Reason::OutOfRange, what);
            }
            Some(cut)
        }
        _ => {
            let what = "is no day of the form YYYY-MM-DD";
            add("day", Reason::Malformed, what.into());
            None
        }
    };
    let audience = inward::audience(request.audience);
    match audience.map(require_supported_audience) {
        Some(Ok(())) => {}
        Some(Err(error)) => add("audience", Reason::AudienceNotSupported, error.to_string()),
        None => {
            let what = format!("{} is no audience", request.audience);
            add("audience", Reason::OutOfRange, what);
        }
    }
    match (cut, audience) {
        (Some(cut), Some(audience)) if wrong.is_empty() => Ok((audience, cut)),
        _ => Err(status::violated(Code::InvalidArgument, wrong)),
    }
}

#[cfg(test)]
mod tests {
    use ascertain_log::{MemoryLog, system_clock};
    use ascertain_store::{Store, StoreOptions};

    use super::*;

    fn refused(day: &str, audience: i32) -> Vec<(String, String)> {
        use tonic_types::StatusExt as _;
        let request = FitSourceModelRequest {
            day: day.to_owned(),
            audience,
        };
        let now = "2024-12-08T12:00:00Z".parse().expect("a time");
        let Err(status) = asked(&request, now) else {
            return Vec::new();
        };
        let found = status.get_details_bad_request();
        let found = found.map(|bad| bad.field_violations).unwrap_or_default();
        found.into_iter().map(|v| (v.field, v.reason)).collect()
    }

    #[test]
    fn a_day_that_has_begun_can_be_asked_for_and_no_other() {
        let refused = |day| refused(day, 0).into_iter().map(|(_, reason)| reason);
        for day in ["2024-12-08", "2024-02-29"] {
            assert_eq!(refused(day).count(), 0, "{day}");
        }
        for (day, reason) in [
            ("2024-12-09", "OUT_OF_RANGE"),
            ("", "REQUIRED"),
            ("2024-12-8", "MALFORMED"),
            ("2023-02-29", "MALFORMED"),
            ("yesterday", "MALFORMED"),
        ] {
            assert_eq!(refused(day).collect::<Vec<_>>(), [reason], "{day}");
        }
    }

    #[tokio::test]
    async fn one_fit_is_at_a_time() {
        use tonic_types::StatusExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(StoreOptions {
            dir: folder.path().join("store"),
            cache_bytes: 1 << 20,
            schema: "test",
            schema_version: 1,
            min_free_bytes: 0,
        })
        .expect("a store");
        let handler = CalibrationHandler {
            report_log: Arc::new(MemoryLog::new(2)),
            reports: ReportReplica::new(&store),
            progress: Progress::new(2),
            read_wait: Duration::from_secs(5),
            clock: system_clock(),
            shutdown: Shutdown::new(),
            fitting: Arc::new(Semaphore::new(1)),
        };
        let fit = async || {
            let request = FitSourceModelRequest {
                day: "2024-12-08".to_owned(),
                ..FitSourceModelRequest::default()
            };
            handler.fit_source_model(Request::new(request)).await
        };
        let other = Arc::clone(&handler.fitting).try_acquire_owned();
        let refused = fit().await.expect_err("another one runs");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let info = refused.get_details_error_info().expect("a reason");
        assert_eq!(info.reason, "FIT_UNDER_WAY");
        drop(other);
        let mut steps = fit().await.expect("nobody else").into_inner().into_inner();
        let mut last = None;
        while let Some(step) = steps.recv().await {
            last = step.expect("no failure").step;
        }
        // Of nothing, nothing is learned; and the next may come.
        assert!(matches!(last, Some(Step::Model(model)) if model.sources.is_empty()));
        assert!(fit().await.is_ok());
    }

    #[test]
    fn only_what_anybody_may_see_is_learned_from() {
        let told = |field: &str, reason: &str| vec![(field.to_owned(), reason.to_owned())];
        assert_eq!(
            refused("2024-12-01", 4),
            told("audience", "AUDIENCE_NOT_SUPPORTED")
        );
        assert_eq!(refused("2024-12-01", 99), told("audience", "OUT_OF_RANGE"));
        assert_eq!(refused("2024-12-01", 1), Vec::new());
    }
}
