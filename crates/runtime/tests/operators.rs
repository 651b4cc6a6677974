//! What operators are told by a process whose roles are stuck, over a real port.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ascertain_proto::v1::node_service_client::NodeServiceClient;
use ascertain_proto::v1::node_service_server::NodeServiceServer;
use ascertain_proto::v1::{
    GetNodeStatusRequest, LogPosition, RoleDigest, RoleStatus, RoleVerification, VerifyNodeRequest,
};
use ascertain_runtime::node::Node;
use ascertain_runtime::server::serve;
use ascertain_runtime::{CommonArgs, Config, Listener, Role, Shutdown};
use prost_types::Timestamp;
use tonic::service::RoutesBuilder;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A role that never comes to an end with anything.
struct Stuck;

#[tonic::async_trait]
impl Role for Stuck {
    fn name(&self) -> &'static str {
        "ingest"
    }
    async fn status(&self) -> RoleStatus {
        pending().await
    }
    async fn digest(&self, _: Timestamp) -> Result<RoleDigest, Status> {
        pending().await
    }
    async fn positions(&self) -> Result<Vec<LogPosition>, Status> {
        Ok(Vec::new())
    }
    async fn verify(&self, _: &[LogPosition]) -> Result<RoleVerification, Status> {
        pending().await
    }
}

/// A process that gives an answer so long, or as long as is usual.
async fn stuck(request_timeout: Option<Duration>) -> NodeServiceClient<Channel> {
    let config = Config::load(&CommonArgs::default(), &BTreeMap::new()).unwrap();
    let mut limits = config.limits;
    limits.request_timeout = request_timeout.unwrap_or(limits.request_timeout);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind(address).await.unwrap();
    let url = listener.url();
    let node = Node::new("a", vec![Arc::new(Stuck)]);
    let mut routes = RoutesBuilder::default();
    routes.add_service(NodeServiceServer::new(node));
    tokio::spawn(async move {
        let (routes, shutdown) = (routes.routes(), Shutdown::new());
        serve(listener, routes, &limits, Duration::ZERO, shutdown).await
    });
    NodeServiceClient::connect(url).await.unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_status_that_nobody_can_tell_is_not_waited_for_for_ever() {
    let mut node = stuck(Some(Duration::from_millis(1))).await;
    let answer = node.get_node_status(GetNodeStatusRequest {}).await;
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), "UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());
}

#[tokio::test]
async fn one_verification_is_at_a_time() {
    let mut node = stuck(None).await;
    let first = node
        .verify_node(VerifyNodeRequest::default())
        .await
        .unwrap();
    let second = node.verify_node(VerifyNodeRequest::default()).await;
    let status = second.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), "VERIFICATION_UNDER_WAY");
    drop(first);
}
