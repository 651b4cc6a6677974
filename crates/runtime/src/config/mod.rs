//! Configuration, read once at the start and passed down as a plain value.
//!
//! Sources in rising order: defaults, a TOML file (`--config`, or
//! `ASCERTAIN_CONFIG`), the environment (`ASCERTAIN_INGEST__LISTEN` is
//! `ingest.listen`), flags. [`raw::RawConfig`] holds what was written and where;
//! [`Config`] holds what was checked. Unknown keys are refused, and every
//! mistake is told at once.

pub mod raw;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use raw::{Origin, RawConfig};

/// The prefix of every environment variable that configures a process.
pub const ENVIRONMENT_PREFIX: &str = "ASCERTAIN_";

/// The checked configuration of a process. All four binaries read the same file;
/// each uses its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `node`: the name of this node, 1 to 40 of `a-z 0-9 -`. Default `node-1`.
    pub node: String,
    /// `data_dir`: where everything is kept. Default `ascertain-data`.
    pub data_dir: PathBuf,
    /// `partitions`: place partitions of the report log beside partition 0, 1 to
    /// 256; fixed when the deployment is made. Default 4.
    pub partitions: u32,
    /// `drain_grace`: how long requests and tasks may take to end, in seconds, 1
    /// to 3,600. Default 20.
    pub drain_grace: Duration,
    /// `telemetry`: what is logged, and how.
    pub telemetry: Telemetry,
    /// `ingest`: the service that takes reports.
    pub ingest: Ingest,
    /// `reconcile`: the service that folds evidence.
    pub reconcile: Reconcile,
    /// `query`: the service that answers.
    pub query: Query,
    /// `limits`: what a single caller may ask for.
    pub limits: Limits,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// `telemetry.level`: a level (`error`, `warn`, `info`, `debug`, `trace`) or
    /// a filter such as `info,ascertain_ingest=debug`. Default `info`.
    pub level: String,
    /// `telemetry.format`: `text` for people or `json`, one object a line.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Configuration of ingest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingest {
    /// `ingest.listen`: a loopback address; port 0 takes a free one. Default `127.0.0.1:7411`.
    pub listen: SocketAddr,
}

/// Configuration of reconcile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconcile {
    /// `reconcile.listen`: as for ingest. Default `127.0.0.1:7412`.
    pub listen: SocketAddr,
    /// `reconcile.report_log`: where ingest serves the report log. Default `http://127.0.0.1:7411`.
    pub report_log: String,
}

/// Configuration of query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `query.listen`: as for ingest. Default `127.0.0.1:7413`.
    pub listen: SocketAddr,
    /// `query.report_log`: where ingest serves the report log. Default `http://127.0.0.1:7411`.
    pub report_log: String,
    /// `query.state_log`: where reconcile serves the state log. Default `http://127.0.0.1:7412`.
    pub state_log: String,
}

/// What a single caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `limits.max_message_bytes`: the largest message taken, 64 KiB to 64 MiB. Default 4 MiB.
    pub max_message_bytes: usize,
    /// `limits.max_batch_reports`: the most reports in one batch, 1 to 10,000. Default 1,000.
    pub max_batch_reports: usize,
    /// `limits.max_concurrent_requests`: the most unary requests that a port
    /// works on at once, 1 to 65,536; more wait their turn. Default 256.
    pub max_concurrent_requests: usize,
    /// `limits.request_timeout`: after how many seconds an unary request is
    /// given up, 1 to 3,600. Streams are not touched. Default 30.
    pub request_timeout: Duration,
    /// `limits.read_wait`: how many seconds a read waits for the writes named
    /// by `at_least`, 0 to 60. Default 5.
    pub read_wait: Duration,
    /// `limits.max_watches`: the most watches that query has open at once, 1 to
    /// 100,000; more are refused. Default 2,000.
    pub max_watches: usize,
    /// `limits.min_free_bytes`: how much the report log leaves free where it lies,
    /// bytes, 0 to 1 TiB; each store leaves a quarter of it. Default 256 MiB.
    pub min_free_bytes: u64,
}

impl Limits {
    /// What each store leaves free, bytes: less than the report log does, so that
    /// what it took can still be reconciled and answered.
    #[must_use]
    pub fn store_min_free_bytes(&self) -> u64 {
        self.min_free_bytes / 4
    }
}

/// The flags that every binary takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CommonArgs {
    /// Configuration file (TOML); also ASCERTAIN_CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where everything is kept [default: ascertain-data]
    #[arg(long, visible_alias = "data", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Name of this node [default: node-1]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Log level, or a filter such as info,ascertain_ingest=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Log format: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Any other key of the configuration, such as ingest.listen=127.0.0.1:0
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key, such as `ingest.listen`.
    pub key: String,
    /// Where it was written, such as `/etc/ascertain.toml` or `ASCERTAIN_NODE`.
    pub origin: String,
    /// What was wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

/// Every mistake that was found, in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            origin,
            wrong,
            right,
        } = self;
        write!(f, "{key} ({origin}): {wrong}; {right}")
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in the configuration:")?;
        self.0
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl Config {
    /// Reads all sources. The environment is passed in, so that nothing but the
    /// arguments decides.
    ///
    /// # Errors
    /// Every mistake at once; a file that cannot be read counts as one.
    pub fn load(
        args: &CommonArgs,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut raw = RawConfig::default();
        let named = environment.get("ASCERTAIN_CONFIG").map(PathBuf::from);
        if let Some(path) = args.config.clone().or(named) {
            raw.merge_file(&path);
        }
        raw.merge_environment(environment);
        let flag = |raw: &mut RawConfig, key: &str, flag: &str, value: Option<String>| {
            if let Some(value) = value {
                raw.set(key, value, Origin(format!("flag {flag}")));
            }
        };
        for pair in &args.set {
            raw.merge_pair(pair);
        }
        let data_dir = args.data_dir.as_deref().map(Path::display);
        flag(
            &mut raw,
            "data_dir",
            "--data-dir",
            data_dir.map(|path| path.to_string()),
        );
        flag(&mut raw, "node", "--node", args.node.clone());
        flag(
            &mut raw,
            "telemetry.level",
            "--log-level",
            args.log_level.clone(),
        );
        flag(
            &mut raw,
            "telemetry.format",
            "--log-format",
            args.log_format.clone(),
        );
        raw.validate()
    }
}

#[cfg(test)]
mod tests;
