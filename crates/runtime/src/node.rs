//! The node service, which every process serves for operators.

use std::sync::Arc;
use std::time::SystemTime;

use ascertain_proto::v1::node_service_server::NodeService;
use ascertain_proto::v1::{
    GetNodeDigestRequest, GetNodeDigestResponse, GetNodeStatusRequest, GetNodeStatusResponse,
};
use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use crate::role::Role;

/// Answers for all roles of one process.
pub struct Node {
    name: String,
    started_at: Timestamp,
    roles: Vec<Arc<dyn Role>>,
}

impl Node {
    /// A node that starts now, with the roles in the order in which they are shown.
    #[must_use]
    pub fn new(name: impl Into<String>, roles: Vec<Arc<dyn Role>>) -> Self {
        Self {
            name: name.into(),
            started_at: SystemTime::now().into(),
            roles,
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
        let mut roles = Vec::with_capacity(self.roles.len());
        for role in &self.roles {
            roles.push(role.digest(as_of).await?);
        }
        Ok(Response::new(GetNodeDigestResponse {
            as_of: Some(as_of),
            roles,
        }))
    }
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
}
