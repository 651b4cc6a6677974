//! Waiting until a process serves.

use std::net::SocketAddr;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Returns once the process behind a port serves: every role in it is caught up.
///
/// # Errors
/// If it cannot be reached, or ends before it serves.
pub async fn ready(address: SocketAddr) -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect_lazy();
    let watch = HealthClient::new(channel)
        .watch(HealthCheckRequest::default())
        .await;
    let mut changes = watch?.into_inner();
    while let Some(change) = changes.message().await? {
        if change.status() == ServingStatus::Serving {
            return Ok(());
        }
    }
    anyhow::bail!("{address} ended before it served")
}
