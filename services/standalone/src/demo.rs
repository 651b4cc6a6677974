//! `ascertain demo`: three services on loopback, a scenario in through gRPC, and
//! what was believed at each time, out through gRPC.
//!
//! Before each question the demo submits what was first known by then. At the end
//! it asks one of them again: what was known later must not change a byte.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use ascertain_client::{Client, json, render};
use ascertain_proto::v1::submit_result::Result as Answer;
use ascertain_proto::v1::{
    BatchGetControlStatesRequest, BatchGetControlStatesResponse, ControlState,
    ExplainControlStateRequest, Explanation, ReadOptions, ReportSubmission,
};
use ascertain_runtime::{CommonArgs, Process};
use prost::Message as _;

use crate::scenario::{Question, Scenario};
use crate::{Addresses, ready, start};

/// The exit code for wrong flags.
const USAGE: u8 = 2;
/// How long the services may take to start, and an answer to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the demo is played.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Leave the services up until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Form of the answers
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    /// Where everything is kept [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Another scenario: a folder with registry.yaml, reports.yaml and questions.yaml
    #[arg(long, value_name = "DIR")]
    scenario: Option<PathBuf>,
    /// Log level, or a filter
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log_level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// {"answers":[…]}, each a ControlState in the protobuf JSON mapping
    Json,
}

/// Plays the demo from its start to its exit code.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let scenario = match &args.scenario {
        Some(folder) => Scenario::read(folder),
        None => Scenario::hama(),
    };
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(error) => {
            say(&format!("{error:#}"));
            return ExitCode::from(USAGE);
        }
    };
    let folder = match tempfile::Builder::new().prefix("ascertain-demo-").tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            say(&format!("no temporary folder: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let data = args.data.as_deref().unwrap_or(folder.path());
    let free_port = |service| format!("{service}.listen=127.0.0.1:0");
    let common = CommonArgs {
        data_dir: Some(data.to_owned()),
        log_level: Some(args.log_level.clone()),
        set: ["ingest", "reconcile", "query"].map(free_port).to_vec(),
        ..CommonArgs::default()
    };
    ascertain_runtime::run(&common, async |process: &mut Process| {
        let addresses = start(process).await?;
        let starting = tokio::time::timeout(PATIENCE, ready(addresses.query));
        starting.await.context("the services did not start")??;
        Box::pin(play(&scenario, args.output, addresses)).await?;
        if args.keep {
            say(&how_to_talk_to(addresses, data, &scenario));
        } else {
            process.shutdown.begin("the demo is over");
        }
        Ok(())
    })
}

async fn play(scenario: &Scenario, format: Format, addresses: Addresses) -> anyhow::Result<()> {
    let demo = Demo {
        writer: client(addresses.ingest)?,
        reader: client(addresses.query)?,
    };
    let applied = demo
        .writer
        .apply_registry(scenario.registry.clone())
        .await?;
    let entities = applied.applied + applied.unchanged;
    say(&format!("{entities} places, actors and sources registered"));
    let mut seen = vec![applied.write_token];
    let mut waiting = scenario.submissions.as_slice();
    let mut asked = Vec::new();
    for question in &scenario.questions {
        let by_then;
        (by_then, waiting) = waiting.split_at(known_by(waiting, question)?);
        seen.extend(demo.submit(by_then).await?);
        let states = demo.ask(question, &seen).await?;
        if format == Format::Table {
            print(&heading(question, &scenario.clock)?)?;
            for state in &states.states {
                print(&format!("{}\n", render::summary(state)))?;
            }
        }
        asked.push((question, states));
    }
    seen.extend(demo.submit(waiting).await?);
    for (question, first) in &asked {
        if let Some(place) = &question.explain
            && format == Format::Table
        {
            let why = demo.explain(question, place, &seen).await?;
            let title = format!("Why {place}, {}", local(question, &scenario.clock));
            print(&format!(
                "{}\n{}\n",
                underlined(&title),
                render::explanation(&why)
            ))?;
        }
        if question.ask_again {
            let again = demo.ask(question, &seen).await?;
            let same = first.encode_to_vec() == again.encode_to_vec();
            let at = local(question, &scenario.clock);
            anyhow::ensure!(same, "asked again, {at} was answered differently");
            let text = format!(
                "{at} asked once more, now that later reports are known: the same bytes.\n"
            );
            match format {
                Format::Table => print(&text)?,
                Format::Json => say(text.trim_end()),
            }
        }
    }
    match format {
        Format::Table => print(&format!("{}\n", render::DISCLAIMER))?,
        Format::Json => {
            let states = asked.iter().flat_map(|(_, states)| &states.states);
            print(&answers(states)?)?;
        }
    }
    Ok(())
}

/// The services, as a partner sees them.
struct Demo {
    writer: Client,
    reader: Client,
}

impl Demo {
    /// Submits reports over one stream; returns the tokens of the writes.
    async fn submit(&self, submissions: &[ReportSubmission]) -> anyhow::Result<Vec<String>> {
        if submissions.is_empty() {
            return Ok(Vec::new());
        }
        let mut results = Vec::with_capacity(submissions.len());
        let stream = futures::stream::iter(submissions.to_vec());
        self.writer
            .submit_all(stream, |result| results.push(result.result))
            .await?;
        let mut tokens = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Some(Answer::Acknowledgement(ack)) => tokens.push(ack.write_token),
                Some(Answer::Rejection(no)) => {
                    anyhow::bail!(
                        "report {} was refused: {}: {:?}",
                        no.id,
                        no.message,
                        no.violations
                    )
                }
                None => anyhow::bail!("a report was not answered"),
            }
        }
        say(&format!("{} reports acknowledged", tokens.len()));
        Ok(tokens)
    }

    async fn ask(
        &self,
        question: &Question,
        seen: &[String],
    ) -> anyhow::Result<BatchGetControlStatesResponse> {
        let request = BatchGetControlStatesRequest {
            places: question.places.clone(),
            read: Some(read(question, seen)?),
        };
        Ok(self.reader.batch_get_control_states(request).await?)
    }

    async fn explain(
        &self,
        question: &Question,
        place: &str,
        seen: &[String],
    ) -> anyhow::Result<Explanation> {
        let request = ExplainControlStateRequest {
            place: place.to_owned(),
            read: Some(read(question, seen)?),
        };
        let response = self.reader.explain_control_state(request).await?;
        response.explanation.context("an empty answer")
    }
}

fn client(address: std::net::SocketAddr) -> anyhow::Result<Client> {
    Ok(Client::connect(&format!("http://{address}"))?.with_deadline(PATIENCE))
}

fn read(question: &Question, seen: &[String]) -> anyhow::Result<ReadOptions> {
    let at = question.time()?;
    Ok(ReadOptions {
        as_of: Some(at),
        as_known_at: Some(at),
        at_least: seen.to_vec(),
        ..ReadOptions::default()
    })
}

/// How many of the reports were first known by the time of a question.
fn known_by(submissions: &[ReportSubmission], question: &Question) -> anyhow::Result<usize> {
    let at = question.time()?;
    let later = |one: &ReportSubmission| {
        let known = one.backfill.as_ref().and_then(|fill| fill.first_known_at);
        known.is_none_or(|known| (known.seconds, known.nanos) > (at.seconds, at.nanos))
    };
    Ok(submissions
        .iter()
        .position(later)
        .unwrap_or(submissions.len()))
}

/// All states as one JSON document.
fn answers<'a>(states: impl Iterator<Item = &'a ControlState>) -> anyhow::Result<String> {
    let states: Result<Vec<_>, _> = states.map(|s| json::to_value("ControlState", s)).collect();
    Ok(json::to_json_text(
        &serde_json::json!({ "answers": states? }),
    )?)
}

fn heading(question: &Question, clock: &str) -> anyhow::Result<String> {
    let title = format!(
        "{} = {} UTC: {}",
        local(question, clock),
        question.time()?,
        question.title
    );
    Ok(underlined(&title))
}

/// The time of a question on its own clock, such as `2024-12-05 11:30 Damascus`.
fn local(question: &Question, clock: &str) -> String {
    let date = question.at.get(..10).unwrap_or_default();
    let time = question.at.get(11..16).unwrap_or_default();
    format!("{date} {time} {clock}")
}

fn underlined(title: &str) -> String {
    format!("{title}\n{}\n", "=".repeat(title.chars().count()))
}

fn how_to_talk_to(addresses: Addresses, data: &Path, scenario: &Scenario) -> String {
    let Addresses { ingest, query, .. } = addresses;
    let explained = |q: &Question| Some((q.explain.clone()?, q.at.clone()));
    let known = scenario.questions.iter().find_map(explained);
    let (place, at) = known.unwrap_or_else(|| ("PLACE".into(), "TIME".into()));
    let data = data.display();
    format!(
        "\nThe services stay up until Ctrl-C, with their data in {data}. Ask them:\n\
         \x20 ascertainctl --endpoint http://{query} state get {place}\n\
         \x20 ascertainctl --endpoint http://{query} state get {place} --as-known-at {at}\n\
         \x20 ascertainctl --endpoint http://{query} state explain {place} --as-known-at {at}\n\
         \x20 ascertainctl --endpoint http://{query} report list --place {place}\n\
         \x20 ascertainctl --endpoint http://{ingest} report submit FILE\n\
         \x20 ascertainctl --endpoint http://{ingest} node status\n\
         gRPC reflection and health are served too, for clients in any language."
    )
}

/// Data, for stdout.
fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Talk, for stderr. Nobody is left to tell when that is gone.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
