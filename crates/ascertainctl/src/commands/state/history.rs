//! How a place's state went.

use std::io::IsTerminal as _;

use ascertain_client::{Client, json, render};
use ascertain_proto::v1::{
    GetControlHistoryRequest, GetControlHistoryResponse, HistoryCause, HistoryClock, HistoryPoint,
};
use prost_types::{Duration, Timestamp};

use super::{HEADER, row};
use crate::failure::Failure;
use crate::input::time;
use crate::output::{Context, Format, Rows};

/// Whose history, and how it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A place id, or a place code
    place: String,
    /// Along which clock: knowledge, as states were published; valid, with hindsight
    #[arg(long, value_enum, default_value = "knowledge")]
    clock: Clock,
    /// Only after this time (RFC 3339) [default: from the first; valid: 30 days before --to]
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only up to this time (RFC 3339) [default: all; valid: --as-known-at if given, else now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// From moment to moment, such as 6h or 1d, with --clock valid [default: at most 200
    /// points]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    step: Option<Duration>,
    /// The knowledge time of all moments (RFC 3339), with --clock valid [default: all that
    /// is known]
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_known_at: Option<Timestamp>,
    /// Only where the status, the leading outcome or its word changed
    #[arg(long)]
    only_changes: bool,
    /// The timeline also in a pipe, in plain ASCII
    #[arg(long)]
    picture: bool,
    /// Token of a write that the answer must have seen; may be given again
    #[arg(long, value_name = "TOKEN")]
    at_least: Vec<String>,
}

/// The two ways in which time passes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Clock {
    Knowledge,
    Valid,
}

/// A span as a number and s, m, h or d.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "give a number and s, m, h or d, such as 6h".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = text
        .strip_suffix(unit)
        .and_then(|count| count.parse().ok())
        .ok_or_else(wrong)?;
    Ok(Duration {
        seconds: i64::from(count) * each,
        nanos: 0,
    })
}

/// Tells the history.
pub(crate) async fn run(
    client: &Client,
    args: Args,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let clock = match args.clock {
        Clock::Knowledge => HistoryClock::Knowledge,
        Clock::Valid => HistoryClock::Valid,
    };
    let request = GetControlHistoryRequest {
        place: args.place,
        clock: clock.into(),
        from: args.from,
        to: args.to,
        as_known_at: args.as_known_at,
        step: args.step,
        only_changes: args.only_changes,
        at_least: args.at_least,
        ..GetControlHistoryRequest::default()
    };
    let points = client.get_control_history(request).await?;
    let on_terminal = std::io::stdout().is_terminal();
    if context.format == Format::Table && !on_terminal && !args.picture {
        for point in &points {
            writeln!(context.out, "{}", json::to_value("HistoryPoint", point)?)?;
        }
        return Ok(context.out.flush()?);
    }
    let text = render::timeline(&points, clock, style(on_terminal));
    let response = GetControlHistoryResponse {
        points,
        next_page_token: String::new(),
    };
    let header = HISTORY_HEADER;
    let rows = || Rows::new(header, response.points.iter().map(cells));
    context.show("GetControlHistoryResponse", &response, rows, Some(text))
}

/// Colours only where they are shown and wanted (no-color.org), blocks where the terminal
/// knows them.
fn style(on_terminal: bool) -> render::Style {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let utf8 = locale.is_some_and(|name| name.to_uppercase().replace('-', "").contains("UTF8"));
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    match (on_terminal && utf8 && !dumb, set("NO_COLOR")) {
        (false, _) => render::Style::Ascii,
        (true, Some(_)) => render::Style::Blocks,
        (true, None) => render::Style::Colours,
    }
}

const HISTORY_HEADER: &[&str] = &[
    "cause",
    "changes",
    "place_id",
    "as_of",
    "as_known_at",
    "status",
    "besieged",
    "leading_outcome",
    "probability",
    "likelihood",
    "dispute",
    "analytic_confidence",
    "independent_groups",
    "newest_evidence",
    "coverage",
];
// The columns of a state come after two of its own.
const _: () = assert!(HISTORY_HEADER.len() == HEADER.len() + 2);

fn cells(point: &HistoryPoint) -> Vec<String> {
    let cause = HistoryCause::try_from(point.cause).unwrap_or_default();
    let mut cells = vec![
        render::word(cause.as_str_name(), "HISTORY_CAUSE_"),
        render::changes(&point.changes),
    ];
    cells.extend(row(&point.state.clone().unwrap_or_default()));
    cells
}
