//! The configuration as it was written: keys, values and where they stood, and
//! the checks that make a [`Config`] of it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use figment::Provider;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::{
    Config, ConfigErrors, ENVIRONMENT_PREFIX, Ingest, Limits, LogFormat, Mistake, Query, Reconcile,
    Telemetry,
};

/// Variables with the prefix that configure something else than a process.
const NOT_OURS: [&str; 2] = ["ASCERTAIN_CONFIG", "ASCERTAIN_ENDPOINT"];

/// Where a value was written, for people.
#[derive(Debug, Clone)]
pub struct Origin(pub String);

/// What was written, key by key; a later source replaces an earlier one.
#[derive(Debug, Default)]
pub struct RawConfig {
    values: BTreeMap<String, (String, Origin)>,
    mistakes: Vec<Mistake>,
    known: Vec<&'static str>,
}

impl RawConfig {
    /// Adds a TOML file.
    pub fn merge_file(&mut self, path: &Path) {
        let origin = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.merge_toml(&text, &origin),
            Err(error) => self.mistake(
                "config",
                &origin,
                format!("cannot be read: {error}"),
                "name a readable TOML file",
            ),
        }
    }

    /// Adds TOML text.
    pub fn merge_toml(&mut self, text: &str, origin: &str) {
        match Toml::string(text).data() {
            Ok(profiles) => {
                for dict in profiles.into_values() {
                    self.flatten("", dict, origin);
                }
            }
            Err(error) => {
                self.mistake(
                    "config",
                    origin,
                    error.to_string(),
                    "see https://toml.io for the form",
                );
            }
        }
    }

    fn flatten(&mut self, path: &str, dict: Dict, origin: &str) {
        for (name, value) in dict {
            let key = if path.is_empty() {
                name
            } else {
                format!("{path}.{name}")
            };
            match value {
                Value::Dict(_, inner) => self.flatten(&key, inner, origin),
                Value::String(_, text) => self.set(&key, text, Origin(origin.to_owned())),
                Value::Bool(_, value) => {
                    self.set(&key, value.to_string(), Origin(origin.to_owned()));
                }
                Value::Num(_, number) => {
                    let text = number
                        .to_i128()
                        .map(|whole| whole.to_string())
                        .or_else(|| number.to_f64().map(|real| real.to_string()));
                    self.set(&key, text.unwrap_or_default(), Origin(origin.to_owned()));
                }
                _ => self.mistake(&key, origin, "is a list".into(), "give a single value"),
            }
        }
    }

    /// Adds every variable with the prefix; a double underscore stands for a dot.
    pub fn merge_environment(&mut self, environment: &BTreeMap<String, String>) {
        for (name, value) in environment {
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                let key = key.to_lowercase().replace("__", ".");
                self.set(&key, value.clone(), Origin(name.clone()));
            }
        }
    }

    /// Adds `KEY=VALUE`, as the flag `--set` gives it.
    pub fn merge_pair(&mut self, pair: &str) {
        match pair.split_once('=') {
            Some((key, value)) => self.set(
                key.trim(),
                value.trim().to_owned(),
                Origin("flag --set".into()),
            ),
            None => self.mistake(
                pair,
                "flag --set",
                "has no value".into(),
                "write KEY=VALUE, such as ingest.listen=127.0.0.1:0",
            ),
        }
    }

    /// Sets one key.
    pub fn set(&mut self, key: &str, value: String, origin: Origin) {
        self.values.insert(key.to_owned(), (value, origin));
    }

    /// Checks everything.
    ///
    /// # Errors
    /// Every mistake, in the order of keys.
    pub fn validate(mut self) -> Result<Config, ConfigErrors> {
        let config = Config {
            node: self.take("node", "node-1".into(), node_name),
            data_dir: self.take("data_dir", "ascertain-data".into(), path),
            partitions: self.take("partitions", 4, within(1..=256)),
            drain_grace: self.take("drain_grace", Duration::from_secs(20), seconds(1..=3600)),
            telemetry: Telemetry {
                level: self.take("telemetry.level", "info".into(), filter),
                format: self.take("telemetry.format", LogFormat::Text, log_format),
            },
            ingest: Ingest {
                listen: self.take("ingest.listen", local(7411), listen),
            },
            reconcile: Reconcile {
                listen: self.take("reconcile.listen", local(7412), listen),
                report_log: self.take("reconcile.report_log", local_url(7411), endpoint),
            },
            query: Query {
                listen: self.take("query.listen", local(7413), listen),
                report_log: self.take("query.report_log", local_url(7411), endpoint),
                state_log: self.take("query.state_log", local_url(7412), endpoint),
            },
            limits: self.limits(),
        };
        let known = std::mem::take(&mut self.known).join(", ");
        for (key, (_, Origin(origin))) in std::mem::take(&mut self.values) {
            let wrong = "there is no such key".to_owned();
            self.mistake(&key, &origin, wrong, &format!("the keys are: {known}"));
        }
        if self.mistakes.is_empty() {
            return Ok(config);
        }
        self.mistakes.sort_by(|a, b| a.key.cmp(&b.key));
        Err(ConfigErrors(self.mistakes))
    }

    fn limits(&mut self) -> Limits {
        Limits {
            max_message_bytes: self.take(
                "limits.max_message_bytes",
                4 << 20,
                within(64 << 10..=64 << 20),
            ),
            max_batch_reports: self.take("limits.max_batch_reports", 1_000, within(1..=10_000)),
            max_concurrent_requests: self.take(
                "limits.max_concurrent_requests",
                256,
                within(1..=65_536),
            ),
            request_timeout: self.take(
                "limits.request_timeout",
                Duration::from_secs(30),
                seconds(1..=3600),
            ),
            read_wait: self.take("limits.read_wait", Duration::from_secs(5), seconds(0..=60)),
            max_watches: self.take("limits.max_watches", 2_000, within(1..=100_000)),
            min_free_bytes: self.take("limits.min_free_bytes", 256 << 20, within(0..=1 << 40)),
        }
    }

    /// Takes a key out, checked. A mistake is noted and the default stands in,
    /// so that the other keys are checked too.
    fn take<T>(
        &mut self,
        key: &'static str,
        default: T,
        check: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> T {
        self.known.push(key);
        let Some((text, Origin(origin))) = self.values.remove(key) else {
            return default;
        };
        match check(&text) {
            Ok(value) => value,
            Err(Complaint { wrong, right }) => {
                self.mistake(key, &origin, format!("{text:?} {wrong}"), &right);
                default
            }
        }
    }

    fn mistake(&mut self, key: &str, origin: &str, wrong: String, right: &str) {
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            origin: origin.to_owned(),
            wrong,
            right: right.to_owned(),
        });
    }
}

/// What is wrong with a value, and what would be right.
struct Complaint {
    wrong: String,
    right: String,
}

fn complaint(wrong: impl Into<String>, right: impl Into<String>) -> Complaint {
    Complaint {
        wrong: wrong.into(),
        right: right.into(),
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn local_url(port: u16) -> String {
    format!("http://{}", local(port))
}

fn node_name(text: &str) -> Result<String, Complaint> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=40).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(complaint(
            "is no node name",
            "give 1 to 40 characters of a-z, 0-9 and -",
        ))
    }
}

fn path(text: &str) -> Result<PathBuf, Complaint> {
    if text.is_empty() {
        return Err(complaint("is empty", "name a folder"));
    }
    Ok(text.into())
}

/// A number or a duration in whole seconds, with a range that the message names.
fn within<T>(range: RangeInclusive<T>) -> impl FnOnce(&str) -> Result<T, Complaint>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            complaint(
                "is out of range",
                format!("give a whole number, {least} to {most}"),
            )
        })
    }
}

fn seconds(range: RangeInclusive<u64>) -> impl FnOnce(&str) -> Result<Duration, Complaint> {
    |text| within(range)(text).map(Duration::from_secs)
}

fn filter(text: &str) -> Result<String, Complaint> {
    // A misspelt level alone would pass as the name of a crate, and silence all.
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let level_or_filter = levels.contains(&text) || text.contains('=') || text.contains(',');
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if level_or_filter => Ok(text.to_owned()),
        _ => Err(complaint(
            "is no log level and no filter",
            "give error, warn, info, debug, trace, or a filter such as info,ascertain_ingest=debug",
        )),
    }
}

fn log_format(text: &str) -> Result<LogFormat, Complaint> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(complaint("is no log format", "give text or json")),
    }
}

fn listen(text: &str) -> Result<SocketAddr, Complaint> {
    let address = text
        .parse()
        .map_err(|_| complaint("is no address", "give IP:PORT, such as 127.0.0.1:7411"))?;
    ascertain_access::require_loopback(address)
        .map_err(|error| complaint("is refused", error.to_string()))?;
    Ok(address)
}

fn endpoint(text: &str) -> Result<String, Complaint> {
    let valid = tonic::transport::Endpoint::from_shared(text.to_owned()).is_ok_and(|endpoint| {
        let uri = endpoint.uri();
        uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty())
    });
    if valid {
        return Ok(text.to_owned());
    }
    Err(complaint(
        "is no endpoint",
        "give http://HOST:PORT, such as http://127.0.0.1:7411",
    ))
}
