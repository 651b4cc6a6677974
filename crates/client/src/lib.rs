//! A typed client over the generated ones: deadlines, retries, typed errors; and
//! what everybody who shows answers needs, the protobuf JSON mapping ([`json`])
//! and readable text ([`render`]); and what operators bring in files ([`files`]).

mod calls;
mod error;
pub mod files;
pub mod json;
mod models;
pub mod render;
mod retry;
mod submit;
mod times;
mod watch;

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

pub use error::{ClientError, Refusal};
pub use watch::Watch;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, its retries included, unless told otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a quiet connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// The largest answer taken: a page of 1,000 states with their contributions.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A client of one process. Clones share its connection.
///
/// Every call is idempotent (writes by the ids that they carry), so a call that
/// finds the server unavailable is made again, at most four times in all, with
/// growing, jittered waits, and not before the server asked for it.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: String,
    address: Endpoint,
    channel: Channel,
    deadline: Duration,
}

impl Client {
    /// A client of an endpoint such as `http://127.0.0.1:7413`. Connects with the
    /// first call, and again whenever the connection broke. Must be called within
    /// a Tokio runtime.
    ///
    /// # Errors
    /// [`ClientError::Endpoint`] if it is no address.
    pub fn connect(endpoint: &str) -> Result<Self, ClientError> {
        let refused = |source| ClientError::Endpoint {
            endpoint: endpoint.to_owned(),
            source,
        };
        // Plain text to an address that says TLS would be a broken promise.
        if !endpoint.starts_with("http://") {
            return Err(refused(None));
        }
        let address = Endpoint::from_shared(endpoint.to_owned());
        let address = address.map_err(|source| refused(Some(source)))?;
        let address = address
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_while_idle(true);
        Ok(Self {
            endpoint: endpoint.to_owned(),
            channel: address.connect_lazy(),
            address,
            deadline: DEFAULT_DEADLINE,
        })
    }

    /// The same client with a connection of its own.
    fn apart(&self) -> Self {
        Self {
            channel: self.address.connect_lazy(),
            ..self.clone()
        }
    }

    /// The same client with another deadline for each call, its retries included.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The connection, for what this client has no method for.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Makes a call until it succeeds, is refused, or runs out of tries or time.
    async fn call<Q: Clone, A, F>(
        &self,
        request: Q,
        send: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, ClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let end = Instant::now() + self.deadline;
        let mut tries = 0;
        loop {
            tries += 1;
            let mut attempt = Request::new(request.clone());
            attempt.set_timeout(end.saturating_duration_since(Instant::now()));
            let answer = tokio::time::timeout_at(end, send(self.channel(), attempt)).await;
            let error = match answer {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => ClientError::of(&self.endpoint, status, self.deadline),
                Err(_) => return Err(self.timed_out()),
            };
            match retry::wait(&error, tries) {
                Some(wait) if Instant::now() + wait < end => {
                    tracing::debug!(tries, ?wait, error = %error, "unavailable, trying again");
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Makes a call that is not tried again, within the deadline.
    async fn once<A>(
        &self,
        call: impl AsyncFnOnce(Channel) -> Result<A, Status>,
    ) -> Result<A, ClientError> {
        let answer = tokio::time::timeout(self.deadline, call(self.channel())).await;
        let answer = answer.map_err(|_| self.timed_out())?;
        answer.map_err(|status| ClientError::of(&self.endpoint, status, self.deadline))
    }

    /// The server does not keep the contract.
    fn broken(&self, what: &'static str) -> ClientError {
        ClientError::Contract {
            endpoint: self.endpoint.clone(),
            what,
        }
    }

    fn timed_out(&self) -> ClientError {
        ClientError::TimedOut {
            endpoint: self.endpoint.clone(),
            after: self.deadline,
        }
    }
}

#[cfg(test)]
mod tests;
