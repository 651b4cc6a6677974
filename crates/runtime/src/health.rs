//! gRPC health that follows the real state: a service is SERVING only once the
//! role behind it is caught up, and NOT_SERVING from the moment the drain begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// The name that stands for the whole process.
const WHOLE_PROCESS: &str = "";

/// The health of a process: of each service by its full name, and of the whole
/// under the empty name, which serves when every role does.
#[derive(Debug, Clone, Default)]
pub struct Health {
    reporter: HealthReporter,
    // One lock for all roles: whether the whole serves depends on each of them.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    roles: Vec<(&'static [&'static str], Arc<AtomicBool>)>,
    draining: bool,
}

impl Health {
    /// A process without roles, which does not serve.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the services of a role, not serving yet. Names are full, such as
    /// `ascertain.v1.IngestService`.
    pub async fn role(&self, names: &'static [&'static str]) -> RoleHealth {
        let serving = Arc::new(AtomicBool::new(false));
        let mut state = self.state.lock().await;
        state.roles.push((names, Arc::clone(&serving)));
        self.publish(&state).await;
        drop(state);
        RoleHealth {
            health: self.clone(),
            serving,
        }
    }

    /// Says NOT_SERVING for everything, for good.
    pub async fn drain(&self) {
        let mut state = self.state.lock().await;
        state.draining = true;
        for (_, serving) in &state.roles {
            serving.store(false, Ordering::Release);
        }
        self.publish(&state).await;
    }

    /// The gRPC service to mount.
    #[must_use]
    pub fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn publish(&self, state: &State) {
        for (names, serving) in &state.roles {
            for name in *names {
                self.set(name, serving.load(Ordering::Acquire)).await;
            }
        }
        let all = state
            .roles
            .iter()
            .all(|(_, serving)| serving.load(Ordering::Acquire));
        self.set(WHOLE_PROCESS, all && !state.roles.is_empty())
            .await;
    }

    async fn set(&self, name: &str, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.reporter.set_service_status(name, status).await;
    }
}

/// The health of one role. Clones speak of the same role.
#[derive(Debug, Clone)]
pub struct RoleHealth {
    health: Health,
    serving: Arc<AtomicBool>,
}

impl RoleHealth {
    /// The role is caught up. Without effect once the process drains.
    pub async fn serving(&self) {
        self.change(true).await;
    }

    /// The role is not caught up, or has lost what it needs.
    pub async fn not_serving(&self) {
        self.change(false).await;
    }

    /// Whether the role serves, as [`crate::role::Role::status`] reports it.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }

    async fn change(&self, serving: bool) {
        let state = self.health.state.lock().await;
        let serving = serving && !state.draining;
        if self.serving.swap(serving, Ordering::AcqRel) != serving {
            self.health.publish(&state).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_server::Health as _;

    async fn serves(health: &Health, name: &str) -> bool {
        let service = HealthService::from_health_reporter(health.reporter.clone());
        let request = HealthCheckRequest {
            service: name.into(),
        };
        let answer = service
            .check(tonic::Request::new(request))
            .await
            .expect("registered");
        answer.into_inner().status == ServingStatus::Serving as i32
    }

    #[tokio::test]
    async fn a_service_serves_only_once_its_role_is_caught_up() {
        let health = Health::new();
        let role = health.role(&["a.A", "a.B"]).await;
        assert!(!serves(&health, "a.A").await);
        role.serving().await;
        assert!(serves(&health, "a.A").await && serves(&health, "a.B").await);
        assert!(role.is_serving());
        role.not_serving().await;
        assert!(!serves(&health, "a.B").await);
    }

    #[tokio::test]
    async fn the_whole_process_serves_when_every_role_does() {
        let health = Health::new();
        let (first, second) = (health.role(&["a.A"]).await, health.role(&["b.B"]).await);
        first.serving().await;
        assert!(!serves(&health, WHOLE_PROCESS).await);
        second.serving().await;
        assert!(serves(&health, WHOLE_PROCESS).await);
    }

    #[tokio::test]
    async fn nothing_serves_again_once_the_process_drains() {
        let health = Health::new();
        let role = health.role(&["a.A"]).await;
        role.serving().await;
        health.drain().await;
        role.serving().await;
        assert!(!serves(&health, "a.A").await);
        assert!(!serves(&health, WHOLE_PROCESS).await);
        assert!(!role.is_serving());
    }
}
