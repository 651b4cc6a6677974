//! Watching states over broken lines: a watch that breaks goes on from its newest
//! resume token.

use std::time::Duration;

use ascertain_proto::v1 as pb;
use pb::watch_control_states_response::Event;
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

use crate::calls::query;
use crate::{Client, ClientError};

/// The server gives a sign of life every 10 seconds; a line that is silent for longer
/// than this is broken.
const SILENCE: Duration = Duration::from_secs(30);
/// Between two tries to go on.
const WAIT: Duration = Duration::from_millis(500);

/// States as they change, for as long as somebody asks.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    request: pb::WatchControlStatesRequest,
    stream: Option<Streaming<pb::WatchControlStatesResponse>>,
}

impl Client {
    /// Watches states. Nothing is sent before [`Watch::next`]. The watch has a connection
    /// of its own: what is told and not read would fill up one that is shared.
    #[must_use]
    pub fn watch_control_states(&self, request: pb::WatchControlStatesRequest) -> Watch {
        Watch {
            client: self.apart(),
            request,
            stream: None,
        }
    }
}

impl Watch {
    /// The next change, or sign of life. A line that breaks is opened again from the
    /// newest resume token, for as long as a call of the client may take; what was told
    /// after that token comes again. May be cancelled without losing anything.
    ///
    /// # Errors
    /// What the server refuses, such as a resume token that has expired; a server that
    /// does not come back in time.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        let mut broken_since: Option<Instant> = None;
        loop {
            let status = match self.receive().await {
                Ok(Some(event)) => {
                    if let Event::Progress(progress) = &event {
                        self.request.resume_token.clone_from(&progress.resume_token);
                    }
                    return Ok(event);
                }
                Ok(None) => Status::unavailable("the watch ended"),
                Err(status) => status,
            };
            self.stream = None;
            let since = *broken_since.get_or_insert_with(Instant::now);
            let may_go_on = matches!(
                status.code(),
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::ResourceExhausted
            );
            if !may_go_on || since.elapsed() + WAIT > self.client.deadline {
                let endpoint = &self.client.endpoint;
                return Err(ClientError::of(endpoint, status, self.client.deadline));
            }
            tracing::debug!(%status, "the watch broke and is opened again");
            tokio::time::sleep(WAIT).await;
        }
    }

    /// Where a watch of the same request would go on; empty before the first progress.
    #[must_use]
    pub fn resume_token(&self) -> &str {
        &self.request.resume_token
    }

    async fn receive(&mut self) -> Result<Option<Event>, Status> {
        if self.stream.is_none() {
            let mut client = query(self.client.channel());
            let opened = client.watch_control_states(self.request.clone()).await?;
            self.stream = Some(opened.into_inner());
        }
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        loop {
            let message = tokio::time::timeout(SILENCE, stream.message()).await;
            let silent = |_| Status::unavailable("the line was silent for too long");
            match message.map_err(silent)?? {
                Some(message) if message.event.is_none() => {}
                message => return Ok(message.and_then(|message| message.event)),
            }
        }
    }
}
