//! The longest that a call may take, and what it ends with then. tonic's own timeout
//! answers CANCELLED, without a reason, though the call perhaps has its effect.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ascertain_proto::v1::Reason;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::status;

/// When a caller should come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The services whose calls change something, unless their names say that they read.
const WRITING: [&str; 5] = [
    "/ascertain.v1.IngestService/",
    "/ascertain.v1.RegistryService/",
    "/ascertain.v1.CalibrationService/",
    "/ascertain.v1.AdjudicationService/",
    "/ascertain.v1.BackupService/",
];
const READING: [&str; 3] = ["Get", "List", "Search"];

/// Ends calls whose answer has not begun after a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeoutLayer(pub(crate) Duration);

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout {
            inner,
            after: self.0,
        }
    }
}

/// A service behind a [`TimeoutLayer`].
#[derive(Debug, Clone)]
pub(crate) struct Timeout<S> {
    inner: S,
    after: Duration,
}

impl<S, B, C> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    S::Future: Send + 'static,
    C: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (writes, after) = (writes(request.uri().path()), self.after);
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(after, answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(overdue(writes, after).into_http()),
            }
        })
    }
}

/// Whether a call perhaps has its effect though nobody waits for it any more.
fn writes(path: &str) -> bool {
    let method = WRITING
        .iter()
        .find_map(|service| path.strip_prefix(service));
    method.is_some_and(|method| !READING.iter().any(|reads| method.starts_with(reads)))
}

fn overdue(writes: bool, after: Duration) -> Status {
    let seconds = after.as_secs_f64();
    let (reason, what) = if writes {
        let what = "whether it took effect is not known; send the same again, with the same ids";
        (Reason::OutcomeUnknown, what)
    } else {
        (Reason::Unavailable, "ask for less at once, or try again")
    };
    let message = format!("no answer within {seconds} s: {what}");
    status::try_again(Code::Unavailable, reason, message, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    #[tokio::test(start_paused = true)]
    async fn an_overdue_write_is_perhaps_done_and_an_overdue_read_is_not() {
        let paths = [
            ("RegistryService/ApplyRegistry", "OUTCOME_UNKNOWN"),
            ("RegistryService/ListPlaces", "UNAVAILABLE"),
            ("IngestService/ImportRecords", "OUTCOME_UNKNOWN"),
            ("QueryService/GetControlState", "UNAVAILABLE"),
        ];
        for (path, reason) in paths {
            let slow = tower::service_fn(|_: Request<()>| async {
                std::future::pending::<()>().await;
                Ok::<_, std::convert::Infallible>(Response::new(String::new()))
            });
            let mut service = TimeoutLayer(Duration::from_secs(30)).layer(slow);
            let uri = format!("/ascertain.v1.{path}");
            let request = Request::builder().uri(uri).body(()).expect("a request");
            let Ok(response) = service.call(request).await;
            let status = Status::from_header_map(response.headers()).expect("a status");
            assert_eq!(status.code(), Code::Unavailable, "{path}");
            let info = status.get_details_error_info().expect("a reason");
            assert_eq!(info.reason, reason, "{path}");
            assert!(status.get_details_retry_info().is_some());
        }
    }

    #[tokio::test]
    async fn an_answer_in_time_is_as_it_is() {
        let quick = tower::service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new("here".to_owned()))
        });
        let mut service = TimeoutLayer(Duration::from_secs(30)).layer(quick);
        let Ok(response) = service.call(Request::new(())).await;
        assert_eq!(response.into_body(), "here");
    }
}
