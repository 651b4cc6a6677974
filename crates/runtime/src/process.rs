//! A process from its configuration to its exit code: what the four binaries and
//! the tests have in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use ascertain_proto::v1::node_service_server::{NodeServiceServer, SERVICE_NAME};
use tonic::service::RoutesBuilder;

use crate::config::{CommonArgs, Config};
use crate::health::Health;
use crate::node::Node;
use crate::role::Role;
use crate::server::{Listener, ServeError, serve, with_reflection};
use crate::shutdown::Shutdown;
use crate::tasks::{TaskError, Tasks};
use crate::{status, telemetry};

/// The exit code for wrong flags and a wrong configuration.
const USAGE: u8 = 2;

/// A process under way. Its parts are public, so that a service takes those that
/// it needs.
#[derive(Debug)]
pub struct Process {
    /// The checked configuration. The standalone process writes the bound
    /// addresses of its own logs into it.
    pub config: Config,
    /// Tells every part when to end.
    pub shutdown: Shutdown,
    /// What the process says of itself to probes.
    pub health: Health,
    /// Owns everything that runs in the background.
    pub tasks: Tasks,
}

impl Process {
    /// A process in which nothing runs yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (shutdown, health) = (Shutdown::new(), Health::new());
        Self {
            config,
            shutdown,
            health,
            tasks: Tasks::new(),
        }
    }

    /// Serves the routes of one role or more on one port or more, together with
    /// the node service over the roles, health and reflection. Returns the bound
    /// addresses, in the order of the listeners.
    ///
    /// # Errors
    /// [`ServeError::Reflection`]. What fails later ends the process by [`Tasks`].
    pub async fn serve(
        &mut self,
        listeners: Vec<Listener>,
        roles: Vec<Arc<dyn Role>>,
        routes: RoutesBuilder,
    ) -> Result<Vec<SocketAddr>, ServeError> {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let label = names.join("+");
        let node = Node::new(self.config.node.clone(), roles);
        let routes = routes
            .routes()
            .add_service(NodeServiceServer::new(node))
            .add_service(self.health.service());
        let routes = with_reflection(routes)?;
        // The node service answers as soon as the port is open.
        self.health.role(&[SERVICE_NAME]).await.serving().await;
        // The other half of the grace is for the workers behind.
        let patience = self.config.drain_grace / 2;
        let mut addresses = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let address = listener.local_addr();
            addresses.push(address);
            let (routes, limits) = (routes.clone(), self.config.limits.clone());
            let shutdown = self.shutdown.clone();
            self.tasks
                .front_door(format!("{label} on {address}"), async move {
                    Ok(serve(listener, routes, &limits, patience, shutdown).await?)
                });
        }
        Ok(addresses)
    }

    /// Runs until shutdown begins or a task fails, drains, and returns.
    ///
    /// # Errors
    /// The first task that failed or was not done within the grace period.
    pub async fn wait(mut self) -> Result<(), TaskError> {
        let (health, shutdown) = (self.health, self.shutdown.clone());
        // Probes must hear of the drain at once, not after it.
        self.tasks.worker("health", async move {
            shutdown.draining().await;
            health.drain().await;
            Ok(())
        });
        self.tasks
            .run(&self.shutdown, self.config.drain_grace)
            .await
    }
}

/// The main of a binary: loads the configuration, sets logging up, starts, waits
/// for a signal or a failure, drains, and says how it ended. Exit code 0: drained
/// in order; 1: a failure, which was logged; 2: a wrong configuration, each
/// mistake of which is printed; 130: a second signal.
///
/// The three services compose in the same way, each alone or all in one process:
///
/// ```
/// use std::process::ExitCode;
/// use std::sync::Arc;
/// use ascertain_runtime::{Listener, Process, Role};
/// use tonic::service::RoutesBuilder;
/// # use ascertain_runtime::{Config, RoleHealth, Shutdown, Tasks};
/// # struct Ingest;
/// # impl Ingest {
/// #     async fn start(_: &Config, _: &mut Tasks, _: &Shutdown, _: RoleHealth)
/// #         -> anyhow::Result<Self> { Ok(Self) }
/// #     fn add_to(&self, _: &mut RoutesBuilder) {}
/// #     fn role(&self) -> Arc<dyn Role> { Arc::new(Nothing) }
/// # }
/// # struct Nothing;
/// # #[tonic::async_trait]
/// # impl Role for Nothing {
/// #     fn name(&self) -> &'static str { "ingest" }
/// #     async fn status(&self) -> ascertain_proto::v1::RoleStatus { Default::default() }
/// #     async fn digest(&self, _: prost_types::Timestamp)
/// #         -> Result<ascertain_proto::v1::RoleDigest, tonic::Status> { Ok(Default::default()) }
/// #     async fn positions(&self)
/// #         -> Result<Vec<ascertain_proto::v1::LogPosition>, tonic::Status> { Ok(Vec::new()) }
/// #     async fn verify(&self, _: &[ascertain_proto::v1::LogPosition])
/// #         -> Result<ascertain_proto::v1::RoleVerification, tonic::Status> { Ok(Default::default()) }
/// # }
/// const SERVICES: &[&str] = &["ascertain.v1.IngestService", "ascertain.v1.RegistryService"];
///
/// #[derive(clap::Parser)]
/// struct Args {
///     #[command(flatten)]
///     common: ascertain_runtime::CommonArgs,
/// }
///
/// async fn start(process: &mut Process) -> anyhow::Result<()> {
///     let listener = Listener::bind(process.config.ingest.listen).await?;
///     let health = process.health.role(SERVICES).await;
///     let ingest =
///         Ingest::start(&process.config, &mut process.tasks, &process.shutdown, health).await?;
///     let mut routes = RoutesBuilder::default();
///     ingest.add_to(&mut routes);
///     // Standalone: three listeners, three roles, and `add_to` of all three.
///     process.serve(vec![listener], vec![ingest.role()], routes).await?;
///     Ok(())
/// }
///
/// fn main() -> ExitCode {
/// #   if std::env::args().len() >= 1 { return ExitCode::SUCCESS; }
///     let args = <Args as clap::Parser>::parse();
///     ascertain_runtime::run(&args.common, start)
/// }
/// ```
pub fn run(
    args: &CommonArgs,
    start: impl AsyncFnOnce(&mut Process) -> anyhow::Result<()>,
) -> ExitCode {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let config = match Config::load(args, &environment) {
        Ok(config) => config,
        Err(errors) => {
            complain(&errors);
            return ExitCode::from(USAGE);
        }
    };
    if let Err(error) = telemetry::init(&config.telemetry) {
        complain(&error);
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no async runtime");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(live(config, start))
}

/// From start to end within the async runtime.
async fn live(
    config: Config,
    start: impl AsyncFnOnce(&mut Process) -> anyhow::Result<()>,
) -> ExitCode {
    tracing::info!(
        node = config.node,
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    let mut process = Process::new(config);
    // Not one of the process's tasks: a second signal must be heard to the very
    // end, also while the workers stop. A thread of its own hears it even when a
    // start blocks. Dropping the set ends it.
    let mut signals = tokio::task::JoinSet::new();
    signals.spawn(process.shutdown.clone().on_signals());
    let started = {
        let shutdown = process.shutdown.clone();
        tokio::select! {
            biased;
            Some(ended) = signals.join_next() => Err(deaf(ended)),
            // A start may take long; a signal ends it.
            () = shutdown.draining() => Ok(()),
            started = start(&mut process) => started,
        }
    };
    if let Err(error) = &started {
        tracing::error!(error = status::chain(error.as_ref()), "start failed");
        process.shutdown.begin("start failed");
    }
    let ended = process.wait().await;
    match (started, ended) {
        (Ok(()), Ok(())) => {
            tracing::info!("ended");
            ExitCode::SUCCESS
        }
        // Each was logged where it happened.
        _ => ExitCode::FAILURE,
    }
}

/// Listening to signals ends only where it cannot begin.
fn deaf(
    ended: Result<std::io::Result<std::convert::Infallible>, tokio::task::JoinError>,
) -> anyhow::Error {
    match ended {
        Ok(Err(error)) => anyhow::Error::new(error).context("signals cannot be listened to"),
        Ok(Ok(never)) => match never {},
        Err(error) => error.into(),
    }
}

/// Says something on stderr before logging is set up.
fn complain(error: &dyn std::fmt::Display) {
    use std::io::Write;
    // Nobody is left to tell when stderr itself is gone.
    let _ = writeln!(std::io::stderr(), "{error}");
}

#[cfg(test)]
mod tests;
