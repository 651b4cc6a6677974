//! The node service, which every process serves for operators.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ascertain_proto::v1::node_service_server::NodeService;
use ascertain_proto::v1::verify_node_response::Step;
use ascertain_proto::v1::{
    GetNodeDigestRequest, GetNodeDigestResponse, GetNodeStatusRequest, GetNodeStatusResponse,
    LogPosition, NodeVerification, Reason, RoleVerification, VerificationProgress,
    VerifyNodeRequest, VerifyNodeResponse,
};
use ascertain_proto::verification::differences;
use prost_types::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use crate::role::Role;
use crate::status;

/// How often a verification says what it is at.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Answers for all roles of one process.
pub struct Node {
    name: String,
    started_at: Timestamp,
    roles: Vec<Arc<dyn Role>>,
    /// One verification at a time.
    verifying: Arc<Semaphore>,
    /// One digest at a time: each holds the ids of all reports in memory.
    digesting: Semaphore,
}

impl Node {
    /// A node that starts now, with the roles in the order in which they are shown.
    #[must_use]
    pub fn new(name: impl Into<String>, roles: Vec<Arc<dyn Role>>) -> Self {
        Self {
            name: name.into(),
            started_at: SystemTime::now().into(),
            roles,
            verifying: Arc::new(Semaphore::new(1)),
            digesting: Semaphore::new(1),
        }
    }
}

#[tonic::async_trait]
impl NodeService for Node {
    async fn get_node_status(
        &self,
        _: Request<GetNodeStatusRequest>,
    ) -> Result<Response<GetNodeStatusResponse>, Status> {
        let mut roles = Vec::with_capacity(self.roles.len());
        for role in &self.roles {
            roles.push(role.status().await);
        }
        Ok(Response::new(GetNodeStatusResponse {
            node: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(self.started_at),
            roles,
        }))
    }

    async fn get_node_digest(
        &self,
        request: Request<GetNodeDigestRequest>,
    ) -> Result<Response<GetNodeDigestResponse>, Status> {
        // One moment for all roles, or their digests could not be compared.
        let as_of = request
            .into_inner()
            .as_of
            .unwrap_or_else(|| SystemTime::now().into());
        let _one = self.digesting.acquire().await;
        let mut roles = Vec::with_capacity(self.roles.len());
        for role in &self.roles {
            roles.push(role.digest(as_of).await?);
        }
        Ok(Response::new(GetNodeDigestResponse {
            as_of: Some(as_of),
            roles,
        }))
    }

    type VerifyNodeStream = ReceiverStream<Result<VerifyNodeResponse, Status>>;

    async fn verify_node(
        &self,
        request: Request<VerifyNodeRequest>,
    ) -> Result<Response<Self::VerifyNodeStream>, Status> {
        let permit = Arc::clone(&self.verifying).try_acquire_owned();
        let permit = permit.map_err(|_| {
            let what = "another verification runs here; one is at a time";
            status::status(Code::ResourceExhausted, Reason::VerificationUnderWay, what)
        })?;
        let roles = self.roles.clone();
        let up_to = request.into_inner().up_to;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let verifying = verify(&roles, up_to, &sender);
            let last = tokio::select! {
                biased;
                // Whoever left needs no answer.
                () = sender.closed() => return,
                last = verifying => last,
            };
            drop(permit);
            let last = last.map(|verification| response(Step::Verification(verification)));
            let _ = sender.send(last).await;
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// Verifies role after role, and compares what they hold.
async fn verify(
    roles: &[Arc<dyn Role>],
    mut up_to: Vec<LogPosition>,
    sender: &mpsc::Sender<Result<VerifyNodeResponse, Status>>,
) -> Result<NodeVerification, Status> {
    if let (true, Some(first)) = (up_to.is_empty(), roles.first()) {
        up_to = first.positions().await?;
    }
    let mut verified: Vec<RoleVerification> = Vec::with_capacity(roles.len());
    for role in roles {
        let verifying = role.verify(&up_to);
        tokio::pin!(verifying);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        verified.push(loop {
            tokio::select! {
                biased;
                found = &mut verifying => break found?,
                _ = heartbeat.tick() => {
                    let role = role.name().to_owned();
                    // A slow listener misses a heartbeat, and nothing else.
                    let _ = sender.try_send(Ok(response(Step::Progress(VerificationProgress { role }))));
                }
            }
        });
    }
    let differences = differences(&verified);
    let checks = verified.iter().flat_map(|role| &role.checks);
    let problems: u64 = checks.map(|check| check.problem_count).sum();
    Ok(NodeVerification {
        sound: problems == 0 && differences.is_empty(),
        up_to,
        roles: verified,
        differences,
    })
}

fn response(step: Step) -> VerifyNodeResponse {
    VerifyNodeResponse { step: Some(step) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_proto::v1::{RoleDigest, RoleStatus};

    struct Fixed(&'static str);

    #[tonic::async_trait]
    impl Role for Fixed {
        fn name(&self) -> &'static str {
            self.0
        }
        async fn status(&self) -> RoleStatus {
            RoleStatus {
                role: self.0.into(),
                serving: true,
                ..RoleStatus::default()
            }
        }
        async fn digest(&self, as_of: Timestamp) -> Result<RoleDigest, Status> {
            let belief_count = as_of.seconds.unsigned_abs();
            Ok(RoleDigest {
                role: self.0.into(),
                belief_count,
                ..RoleDigest::default()
            })
        }
        async fn positions(&self) -> Result<Vec<LogPosition>, Status> {
            Ok(vec![LogPosition {
                partition: 1,
                sequence: 7,
            }])
        }
        async fn verify(&self, up_to: &[LogPosition]) -> Result<RoleVerification, Status> {
            Ok(RoleVerification {
                role: self.0.into(),
                reports: vec![1],
                report_count: up_to.iter().map(|at| at.sequence).sum(),
                ..RoleVerification::default()
            })
        }
    }

    fn node() -> Node {
        Node::new(
            "a",
            vec![Arc::new(Fixed("ingest")), Arc::new(Fixed("query"))],
        )
    }

    #[tokio::test]
    async fn a_node_shows_every_role_that_runs_in_it() {
        let request = Request::new(GetNodeStatusRequest {});
        let status = node()
            .get_node_status(request)
            .await
            .expect("a status")
            .into_inner();
        let roles: Vec<_> = status.roles.iter().map(|role| role.role.as_str()).collect();
        assert_eq!(
            (status.node.as_str(), roles),
            ("a", vec!["ingest", "query"])
        );
        assert!(status.started_at.is_some());
    }

    #[tokio::test]
    async fn all_roles_digest_the_same_moment_and_the_answer_states_it() {
        let as_of = Timestamp {
            seconds: 42,
            nanos: 0,
        };
        let request = Request::new(GetNodeDigestRequest { as_of: Some(as_of) });
        let digest = node()
            .get_node_digest(request)
            .await
            .expect("a digest")
            .into_inner();
        assert_eq!(digest.as_of, Some(as_of));
        assert!(digest.roles.iter().all(|role| role.belief_count == 42));
    }

    async fn verification(up_to: Vec<LogPosition>) -> NodeVerification {
        use tokio_stream::StreamExt as _;
        let request = Request::new(VerifyNodeRequest { up_to });
        let answer = node().verify_node(request).await.expect("a stream");
        let mut steps = answer.into_inner();
        while let Some(step) = steps.next().await {
            if let Some(Step::Verification(found)) = step.expect("no error").step {
                return found;
            }
        }
        panic!("it ended without a verification");
    }

    #[tokio::test]
    async fn all_roles_are_verified_up_to_where_the_first_is_or_as_asked() {
        let found = verification(Vec::new()).await;
        assert!(found.sound);
        assert!(found.roles.iter().all(|role| role.report_count == 7));
        let asked = vec![LogPosition {
            partition: 1,
            sequence: 3,
        }];
        let found = verification(asked.clone()).await;
        assert!(found.roles.iter().all(|role| role.report_count == 3));
        assert_eq!(found.up_to, asked);
    }
}
