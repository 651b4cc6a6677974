use super::*;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ascertain_proto::v1 as pb;
use pb::ingest_service_server::{IngestService, IngestServiceServer};
use pb::submit_result::Result as Answer;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Streaming};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// An ingest that is unavailable for its first calls, and whose streams break
/// after a number of batches.
#[derive(Clone, Default)]
struct Shaky {
    calls: Arc<AtomicUsize>,
    failures: usize,
    batches_a_stream: usize,
    stored: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl IngestService for Shaky {
    async fn submit_report(
        &self,
        request: Request<pb::SubmitReportRequest>,
    ) -> Result<Response<pb::SubmitReportResponse>, Status> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.failures {
            let mut details = ErrorDetails::with_error_info("UNAVAILABLE", "ascertain", []);
            details.set_retry_info(Some(Duration::from_millis(1)));
            return Err(Status::with_error_details(
                Code::Unavailable,
                "starting",
                details,
            ));
        }
        let report = request.into_inner().report.unwrap_or_default();
        if report.report_id.is_empty() {
            let mut details = ErrorDetails::with_error_info("REQUIRED", "ascertain", []);
            let mut field = FieldViolation::new("report.report_id", "is empty");
            field.reason = "REQUIRED".into();
            details.set_bad_request(vec![field]);
            return Err(Status::with_error_details(
                Code::InvalidArgument,
                "a mistake",
                details,
            ));
        }
        Ok(Response::new(pb::SubmitReportResponse::default()))
    }

    async fn correct_report(
        &self,
        _: Request<pb::CorrectReportRequest>,
    ) -> Result<Response<pb::CorrectReportResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn retract_report(
        &self,
        _: Request<pb::RetractReportRequest>,
    ) -> Result<Response<pb::RetractReportResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type SubmitReportsStream = std::pin::Pin<
        Box<dyn futures::Stream<Item = Result<pb::SubmitReportsResponse, Status>> + Send>,
    >;

    async fn submit_reports(
        &self,
        request: Request<Streaming<pb::SubmitReportsRequest>>,
    ) -> Result<Response<Self::SubmitReportsStream>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let stored = Arc::clone(&self.stored);
        let answers = request.into_inner().map(move |batch| {
            let mut stored = stored.lock().expect("not poisoned");
            let results = batch?.submissions.into_iter().map(|submission| {
                let report_id = submission.report.unwrap_or_default().report_id;
                let duplicate = stored.contains(&report_id);
                stored.push(report_id.clone());
                let ack = pb::Acknowledgement {
                    report_id,
                    duplicate,
                    ..Default::default()
                };
                pb::SubmitResult {
                    result: Some(Answer::Acknowledgement(ack)),
                }
            });
            Ok(pb::SubmitReportsResponse {
                results: results.collect(),
            })
        });
        let broken = tokio_stream::once(Err(Status::unavailable("draining")));
        Ok(Response::new(Box::pin(
            answers.take(self.batches_a_stream).chain(broken),
        )))
    }

    type ImportRecordsStream = tokio_stream::Empty<Result<pb::ImportRecordsResponse, Status>>;

    async fn import_records(
        &self,
        _: Request<Streaming<pb::ImportRecordsRequest>>,
    ) -> Result<Response<Self::ImportRecordsStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn client_of(service: Shaky) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(IngestServiceServer::new(service))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    Client::connect(&format!("http://{address}")).expect("an endpoint")
}

fn report(id: &str) -> pb::Report {
    pb::Report {
        report_id: id.into(),
        ..Default::default()
    }
}

fn request(id: &str) -> pb::SubmitReportRequest {
    pb::SubmitReportRequest {
        report: Some(report(id)),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_server_that_starts_is_waited_for() {
    let service = Shaky {
        failures: 3,
        ..Shaky::default()
    };
    let client = client_of(service.clone()).await;
    client
        .submit_report(request("a"))
        .await
        .expect("stored at the fourth try");
    assert_eq!(service.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn after_four_tries_the_answer_stands() {
    let service = Shaky {
        failures: 99,
        ..Shaky::default()
    };
    let client = client_of(service.clone()).await;
    let error = client
        .submit_report(request("a"))
        .await
        .expect_err("unavailable");
    assert_eq!(
        (error.code(), error.reason()),
        (Code::Unavailable, "UNAVAILABLE")
    );
    assert_eq!(service.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_tells_every_mistake() {
    let service = Shaky::default();
    let client = client_of(service.clone()).await;
    let error = client
        .submit_report(request(""))
        .await
        .expect_err("refused");
    assert_eq!(
        (error.code(), error.reason()),
        (Code::InvalidArgument, "REQUIRED")
    );
    let violation = &error.violations()[0];
    assert_eq!(
        (
            violation.field.as_str(),
            violation.reason.as_str(),
            violation.description.as_str()
        ),
        ("report.report_id", "REQUIRED", "is empty")
    );
    assert_eq!(service.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let client = Client::connect(&format!("http://{address}"))
        .expect("an endpoint")
        .with_deadline(Duration::from_millis(50));
    let error = client
        .submit_report(request("a"))
        .await
        .expect_err("nobody there");
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    // Bound and never accepted: the kernel connects, nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let client = Client::connect(&format!("http://{address}"))
        .expect("an endpoint")
        .with_deadline(Duration::from_millis(20));
    let error = client
        .submit_report(request("a"))
        .await
        .expect_err("no answer");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn a_broken_stream_goes_on_where_it_was_not_answered() {
    let service = Shaky {
        batches_a_stream: 1,
        ..Shaky::default()
    };
    let client = client_of(service.clone()).await;
    let submissions = (0..500).map(|number: usize| pb::ReportSubmission {
        report: Some(report(&number.to_string())),
        ..Default::default()
    });
    let mut ids = Vec::new();
    let count = client
        .submit_all(futures::stream::iter(submissions), |result| {
            if let Some(Answer::Acknowledgement(ack)) = result.result {
                ids.push(ack.report_id);
            }
        })
        .await
        .expect("all answered");
    let expected: Vec<String> = (0..500).map(|number: usize| number.to_string()).collect();
    assert_eq!((count, ids), (500, expected));
    assert!(
        service.calls.load(Ordering::SeqCst) >= 3,
        "one stream for each batch of 200"
    );
}

#[tokio::test]
async fn nothing_to_submit_needs_no_server() {
    let client = Client::connect("http://127.0.0.1:1").expect("an endpoint");
    let count = client
        .submit_all(futures::stream::empty(), |_| ())
        .await
        .expect("nothing done");
    assert_eq!(count, 0);
}

#[tokio::test]
async fn what_is_no_address_is_told_before_any_call() {
    assert!(matches!(
        Client::connect("not an address"),
        Err(ClientError::Endpoint { .. })
    ));
}

#[tokio::test]
async fn an_address_that_promises_tls_is_refused() {
    for endpoint in ["https://127.0.0.1:7413", "127.0.0.1:7413"] {
        let refused = Client::connect(endpoint).err();
        assert!(
            matches!(refused, Some(ClientError::Endpoint { .. })),
            "{endpoint}"
        );
    }
}
