use super::*;
use std::time::Duration;

use ascertain_proto::v1::node_service_client::NodeServiceClient;
use ascertain_proto::v1::{
    GetNodeStatusRequest, LogPosition, RoleDigest, RoleStatus, RoleVerification,
};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

struct Idle;

#[tonic::async_trait]
impl Role for Idle {
    fn name(&self) -> &'static str {
        "ingest"
    }
    async fn status(&self) -> RoleStatus {
        RoleStatus {
            role: "ingest".into(),
            ..RoleStatus::default()
        }
    }
    async fn digest(&self, _: prost_types::Timestamp) -> Result<RoleDigest, tonic::Status> {
        Ok(RoleDigest::default())
    }

    async fn positions(&self) -> Result<Vec<LogPosition>, tonic::Status> {
        Ok(Vec::new())
    }

    async fn verify(&self, _: &[LogPosition]) -> Result<RoleVerification, tonic::Status> {
        Ok(RoleVerification::default())
    }
}

fn config() -> Config {
    let args = CommonArgs {
        set: vec!["ingest.listen=127.0.0.1:0".into()],
        ..Default::default()
    };
    Config::load(&args, &BTreeMap::new()).expect("valid")
}

async fn started(config: Config) -> (Process, Vec<Channel>) {
    let mut process = Process::new(config);
    let mut listeners = Vec::new();
    for _ in 0..2 {
        listeners.push(
            Listener::bind(process.config.ingest.listen)
                .await
                .expect("bound"),
        );
    }
    let addresses = process
        .serve(listeners, vec![Arc::new(Idle)], RoutesBuilder::default())
        .await
        .expect("served");
    let mut channels = Vec::new();
    for address in addresses {
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        channels.push(endpoint.connect_lazy());
    }
    (process, channels)
}

#[tokio::test]
async fn every_port_of_a_process_answers_for_the_same_node() {
    let (process, channels) = started(config()).await;
    let mut starts = Vec::new();
    for channel in channels {
        let mut client = NodeServiceClient::new(channel);
        let status = client
            .get_node_status(GetNodeStatusRequest {})
            .await
            .expect("a status");
        starts.push(status.into_inner().started_at);
    }
    assert_eq!(starts.len(), 2);
    assert_eq!(starts[0], starts[1]);
    process.shutdown.begin("test");
    process.wait().await.expect("a drain in order");
}

#[tokio::test]
async fn reflection_and_health_are_served_beside_the_roles() {
    let (process, channels) = started(config()).await;
    let mut health = HealthClient::new(channels[0].clone());
    let node = HealthCheckRequest {
        service: SERVICE_NAME.into(),
    };
    let serving = tonic_health::ServingStatus::Serving as i32;
    assert_eq!(
        health
            .check(node)
            .await
            .expect("registered")
            .into_inner()
            .status,
        serving
    );
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_response};
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channels[1].clone())
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .expect("reflection")
        .into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    let Some(server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list of services");
    };
    assert!(
        list.service
            .iter()
            .any(|service| service.name == "ascertain.v1.QueryService")
    );
    process.shutdown.begin("test");
    process.wait().await.expect("a drain in order");
}

#[tokio::test]
async fn a_failed_task_ends_the_process_with_its_name() {
    let (mut process, _channels) = started(config()).await;
    process
        .tasks
        .worker("follower", async { anyhow::bail!("the log was remade") });
    let error = process.wait().await.expect_err("a failure");
    assert!(error.to_string().contains("follower"), "{error}");
}

#[tokio::test]
async fn a_start_that_fails_ends_with_exit_code_one() {
    let code = live(config(), async |_: &mut Process| {
        anyhow::bail!("the store is damaged")
    })
    .await;
    assert_eq!(code, ExitCode::FAILURE);
}

#[tokio::test]
async fn a_drain_in_order_ends_with_exit_code_zero() {
    let code = live(config(), async |process: &mut Process| {
        process.shutdown.begin("test");
        Ok(())
    })
    .await;
    assert_eq!(code, ExitCode::SUCCESS);
}

#[tokio::test]
async fn an_endless_stream_that_ignores_the_drain_is_cut_off_and_is_no_failure() {
    let mut config = config();
    config.drain_grace = Duration::from_millis(100);
    let (process, channels) = started(config).await;
    let health_of = HealthCheckRequest {
        service: SERVICE_NAME.into(),
    };
    // A health watch is a stream that never ends by itself.
    let mut health = HealthClient::new(channels[0].clone());
    let mut watch = health.watch(health_of).await.expect("a watch").into_inner();
    assert!(watch.message().await.expect("a state").is_some());
    process.shutdown.begin("test");
    process.wait().await.expect("a drain in order");
}
