//! Logs. They go to stderr; stdout belongs to data. A level is a promise:
//!
//! - `error`: somebody must act.
//! - `warn`: something is off, and was handled.
//! - `info`: the life of the process: started, serving, draining, ended.
//! - `debug`: each request.
//! - `trace`: what a request does inside.
//!
//! Messages are lower case and constant; what varies stands in fields.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none; a validated [`Telemetry`] never says so.
    #[error("the log filter is malformed")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logging was set up before in this process.
    #[error("logging is set up twice")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sets logging up for the whole process; binaries call it once.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(telemetry: &Telemetry) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&telemetry.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match telemetry.format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_ansi(colours).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Twice)
}
