//! Watching states: a table that is drawn anew on a terminal, a line for each event
//! elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use ascertain_client::{Client, json, render};
use ascertain_proto::v1::watch_control_states_response::Event;
use ascertain_proto::v1::{
    ChangeCause, ControlStateChange, Status, WatchControlStatesRequest, WatchControlStatesResponse,
};
use prost_types::Timestamp;

use super::{HEADER, row};
use crate::failure::Failure;
use crate::input::time;
use crate::output::{Context, Format, Rows};

/// Clears a terminal, and goes to its top.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What is watched.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Place ids or codes [default: all places]
    places: Vec<String>,
    /// This place and those below it; may be given again
    #[arg(long, value_name = "PLACE")]
    within: Vec<String>,
    /// Only states led by this side, an actor id; may be given again
    #[arg(long, value_name = "ACTOR")]
    side: Vec<String>,
    /// Only states of this status; may be given again
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Vec<Status>,
    /// Valid time that all states speak of (RFC 3339) [default: the moment of each]
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// Go on where an earlier watch of the same was: the `resumeToken` of its progress
    #[arg(
        long,
        value_name = "TOKEN",
        default_value = "",
        hide_default_value = true
    )]
    resume_token: String,
    /// End once the current states are told
    #[arg(long)]
    until_current: bool,
}

fn status(text: &str) -> Result<Status, String> {
    let name = format!("STATUS_{}", text.to_uppercase());
    Status::from_str_name(&name)
        .filter(|status| *status != Status::Unspecified)
        .ok_or_else(|| "one of held, contested, mixed, vacated, unknown".to_owned())
}

/// Watches until it is interrupted, or refused.
pub(crate) async fn run(
    client: &Client,
    args: Args,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let until_current = args.until_current;
    let mut watch = client.watch_control_states(WatchControlStatesRequest {
        places: args.places,
        within_place_ids: args.within,
        sides: args.side,
        statuses: args.status.into_iter().map(Into::into).collect(),
        as_of: args.as_of,
        audience: 0,
        resume_token: args.resume_token,
    });
    let mut shown = Shown::new(context.format);
    loop {
        let event = watch.next().await?;
        let is_progress = matches!(event, Event::Progress(_));
        shown.take(event, context)?;
        if until_current && is_progress {
            return Ok(());
        }
    }
}

/// How events are shown.
enum Shown {
    /// The states as they are, drawn anew with each progress.
    Table(BTreeMap<String, Vec<String>>),
    /// Each event as a line of JSON.
    Lines,
    /// Each event as a document.
    Documents,
    /// Each change as a row; whether the header is written.
    Csv(bool),
}

impl Shown {
    fn new(format: Format) -> Self {
        match format {
            Format::Table if std::io::stdout().is_terminal() => Self::Table(BTreeMap::new()),
            Format::Table | Format::Json => Self::Lines,
            Format::Yaml => Self::Documents,
            Format::Csv => Self::Csv(false),
        }
    }

    fn take(&mut self, event: Event, context: &mut Context<'_>) -> Result<(), Failure> {
        match (self, event) {
            (Self::Table(states), Event::Change(change)) => {
                let Some(state) = &change.state else {
                    return Ok(());
                };
                match change.matches {
                    true => drop(states.insert(state.place_id.clone(), row(state))),
                    false => drop(states.remove(&state.place_id)),
                }
            }
            (Self::Table(states), Event::Progress(progress)) => {
                let rows = Rows::new(HEADER, states.values().cloned());
                let known = render::time(progress.as_known_at.as_ref());
                writeln!(context.out, "{CLEAR}{}known at {known}", rows.to_text())?;
            }
            (Self::Csv(has_header), Event::Change(change)) => {
                let header = ["cause", "changes", "matches"].iter().chain(HEADER);
                let mut writer = csv::Writer::from_writer(&mut *context.out);
                if !std::mem::replace(has_header, true) {
                    writer.write_record(header)?;
                }
                writer.write_record(cells(&change))?;
                writer.flush()?;
            }
            (Self::Csv(_), Event::Progress(_)) => {}
            (shown, event) => {
                let event = WatchControlStatesResponse { event: Some(event) };
                let value = json::to_value("WatchControlStatesResponse", &event)?;
                match shown {
                    Self::Documents => {
                        write!(context.out, "---\n{}", json::to_yaml_text(&value)?)?;
                    }
                    _ => writeln!(context.out, "{value}")?,
                }
            }
        }
        Ok(context.out.flush()?)
    }
}

fn cells(change: &ControlStateChange) -> Vec<String> {
    let cause = ChangeCause::try_from(change.cause).unwrap_or_default();
    let cause = cause.as_str_name().trim_start_matches("CHANGE_CAUSE_");
    let mut cells = vec![
        cause.to_lowercase(),
        change.changes.to_string(),
        change.matches.to_string(),
    ];
    cells.extend(row(&change.state.clone().unwrap_or_default()));
    cells
}
