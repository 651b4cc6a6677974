//! The three services in this process, on free ports.

use std::collections::BTreeMap;
use std::path::Path;

use ascertain_client::Client;
use ascertain_proto::v1::submit_result::Result as Submitted;
use ascertain_proto::v1::{
    Acknowledgement, ControlState, GetControlStateRequest, ReadOptions, ReportSubmission,
};
use ascertain_runtime::{CommonArgs, Config, Machine, Process};
use ascertain_standalone::{Addresses, ready, scenario::Scenario, start_on};
use prost_types::Timestamp;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;

/// A running node.
pub struct Node {
    addresses: Addresses,
    shutdown: ascertain_runtime::Shutdown,
    ended: JoinHandle<anyhow::Result<()>>,
}

/// The configuration of a node in a folder, on free ports.
pub(crate) fn config(data_dir: &Path) -> anyhow::Result<Config> {
    let args = CommonArgs {
        data_dir: Some(data_dir.to_owned()),
        set: ["ingest", "reconcile", "query"]
            .map(|role| format!("{role}.listen=127.0.0.1:0"))
            .into(),
        ..CommonArgs::default()
    };
    Ok(Config::load(&args, &BTreeMap::new())?)
}

impl Node {
    /// Starts a node and waits until it serves.
    ///
    /// # Errors
    /// Whatever keeps it from serving.
    pub async fn start(data_dir: &Path) -> anyhow::Result<Self> {
        Self::start_on(data_dir, Machine::real()).await
    }

    /// The same on a machine that is given.
    ///
    /// # Errors
    /// Whatever keeps it from serving.
    pub async fn start_on(data_dir: &Path, machine: Machine) -> anyhow::Result<Self> {
        let mut process = Process::new(config(data_dir)?);
        let shutdown = process.shutdown.clone();
        let addresses = start_on(&mut process, machine).await?;
        let ended = tokio::spawn(async move { Ok(process.wait().await?) });
        ready(addresses.query).await?;
        Ok(Self {
            addresses,
            shutdown,
            ended,
        })
    }

    /// An address that serves every gRPC service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addresses.query)
    }

    /// A client of it.
    ///
    /// # Panics
    /// Never: the address is one.
    #[must_use]
    #[allow(clippy::expect_used)] // a harness fails the test
    pub fn client(&self) -> Client {
        Client::connect(&self.url()).expect("an address")
    }

    /// Applies the registry of a scenario.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn apply(&self, scenario: &Scenario) -> anyhow::Result<String> {
        Ok(self
            .client()
            .apply_registry(scenario.registry.clone())
            .await?
            .write_token)
    }

    /// Submits reports over the stream; every one must be acknowledged.
    ///
    /// # Errors
    /// If one is refused.
    pub async fn submit(
        &self,
        submissions: &[ReportSubmission],
    ) -> anyhow::Result<Vec<Acknowledgement>> {
        let mut results = Vec::new();
        let stream = tokio_stream::iter(submissions.to_vec());
        self.client()
            .submit_all(stream.map(|s| s), |result| results.push(result))
            .await?;
        results
            .into_iter()
            .map(|result| match result.result {
                Some(Submitted::Acknowledgement(ack)) => Ok(ack),
                other => anyhow::bail!("not acknowledged: {other:?}"),
            })
            .collect()
    }

    /// The state of a place as of, and as known at, a time; after some writes.
    ///
    /// # Errors
    /// If there is none.
    pub async fn state(
        &self,
        place: &str,
        at: &str,
        at_least: &[String],
    ) -> anyhow::Result<ControlState> {
        let time: Timestamp = at.parse()?;
        let read = ReadOptions {
            as_of: Some(time),
            as_known_at: Some(time),
            at_least: at_least.to_vec(),
            ..ReadOptions::default()
        };
        let request = GetControlStateRequest {
            place: place.to_owned(),
            read: Some(read),
        };
        let answer = self.client().get_control_state(request).await?;
        answer
            .state
            .ok_or_else(|| anyhow::anyhow!("an answer without a state"))
    }

    /// Drains the node.
    ///
    /// # Panics
    /// If the drain does not end in order.
    #[allow(clippy::expect_used)] // a harness fails the test
    pub async fn stop(self) {
        self.shutdown.begin("the test is over");
        self.ended
            .await
            .expect("no panic")
            .expect("a drain in order");
    }
}
