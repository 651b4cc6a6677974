//! Where answers go and in which form: a table for people, the protobuf JSON
//! mapping, the same tree in YAML, or the table's columns as CSV.

use std::io::Write;
use std::time::Duration;

use ascertain_client::{Client, DEFAULT_DEADLINE, json};
use comfy_table::{ContentArrangement, Table, presets};
use prost::Message;
use serde_json::Value;

use crate::failure::Failure;

/// The form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// The protobuf JSON mapping
    Json,
    /// The same as JSON, in YAML
    Yaml,
    /// The columns of the table
    Csv,
}

/// What a command needs: whom to ask, and where to say it.
pub(crate) struct Context<'a> {
    /// The endpoint that was asked for, if one was.
    pub(crate) endpoint: Option<String>,
    /// The form of the data.
    pub(crate) format: Format,
    /// How long a call may take, where that was said.
    pub(crate) deadline: Option<Duration>,
    /// For data.
    pub(crate) out: &'a mut (dyn Write + Send),
    /// For talk.
    pub(crate) talk: &'a mut (dyn Write + Send),
}

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Rows {
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// Rows of as many cells as the header has.
    pub(crate) fn new(
        header: &'static [&'static str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        Self {
            header,
            rows: rows.into_iter().collect(),
        }
    }

    /// As aligned text.
    pub(crate) fn to_text(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(
            self.header
                .iter()
                .map(|name| name.to_uppercase().replace('_', " ")),
        );
        table.add_rows(self.rows.iter().cloned());
        table.trim_fmt() + "\n"
    }
}

impl Context<'_> {
    /// A client of the process that writes: reports and the registry.
    pub(crate) fn writer(&self) -> Result<Client, Failure> {
        self.client("http://127.0.0.1:7411", DEFAULT_DEADLINE)
    }

    /// A client of the process that answers.
    pub(crate) fn reader(&self) -> Result<Client, Failure> {
        self.client("http://127.0.0.1:7413", DEFAULT_DEADLINE)
    }

    /// A client of the process that fits source models, which takes longer.
    pub(crate) fn calibrator(&self, deadline: Duration) -> Result<Client, Failure> {
        self.client("http://127.0.0.1:7412", deadline)
    }

    /// Clients of the processes that verify what they keep: of the one that was asked for,
    /// or of ingest, reconcile and query.
    pub(crate) fn every_role(&self, deadline: Duration) -> Result<Vec<Client>, Failure> {
        let defaults = ["7411", "7412", "7413"].map(|port| format!("http://127.0.0.1:{port}"));
        let asked = match &self.endpoint {
            Some(endpoint) => std::slice::from_ref(endpoint),
            None => defaults.as_slice(),
        };
        let clients = asked.iter().map(|address| self.client(address, deadline));
        clients.collect()
    }

    fn client(&self, default: &str, deadline: Duration) -> Result<Client, Failure> {
        let endpoint = self.endpoint.as_deref().unwrap_or(default);
        let deadline = self.deadline.unwrap_or(deadline);
        Ok(Client::connect(endpoint)?.with_deadline(deadline))
    }

    /// Shows a message, known to the contract by `name`: as `text` or rows for
    /// people, rows for CSV, else as its mapping.
    pub(crate) fn show(
        &mut self,
        name: &str,
        message: &impl Message,
        rows: impl FnOnce() -> Rows,
        text: Option<String>,
    ) -> Result<(), Failure> {
        let value = match self.format {
            Format::Json | Format::Yaml => whole(json::to_value(name, message)?),
            Format::Table | Format::Csv => Value::Null,
        };
        self.show_as(&value, rows, text)
    }

    /// Shows what the contract has no message for: rows for people and for CSV, else
    /// the value.
    pub(crate) fn show_value(
        &mut self,
        value: &Value,
        rows: impl FnOnce() -> Rows,
    ) -> Result<(), Failure> {
        self.show_as(value, rows, None)
    }

    /// The same, with a `text` for people.
    pub(crate) fn show_as(
        &mut self,
        value: &Value,
        rows: impl FnOnce() -> Rows,
        text: Option<String>,
    ) -> Result<(), Failure> {
        let shown = match self.format {
            Format::Table => text.unwrap_or_else(|| rows().to_text()),
            Format::Csv => return self.csv(&rows()),
            Format::Json => json::to_json_text(value)?,
            Format::Yaml => json::to_yaml_text(value)?,
        };
        self.out.write_all(shown.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Says something that is no data.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.talk, "{text}")?)
    }

    fn csv(&mut self, rows: &Rows) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(&mut *self.out);
        writer.write_record(rows.header)?;
        for row in &rows.rows {
            writer.write_record(row)?;
        }
        Ok(writer.flush()?)
    }
}

/// Lists are shown whole, so a token for a next page would only mislead.
fn whole(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.remove("nextPageToken");
    }
    value
}
