//! Control states: who controls a place, and why.

mod diff;
mod errata;
mod export;
mod filter;
mod history;
mod summary;
mod watch;

use ascertain_client::render;
use ascertain_proto::v1::{
    ClaimedPlace, ControlState, ExplainControlStateRequest, GetControlStateRequest,
    ListClaimedControlsRequest, ListClaimedControlsResponse, ListControlStatesResponse,
};

use self::filter::FilterArgs;
use crate::failure::Failure;
use crate::input::ReadArgs;
use crate::output::{Context, Rows};

/// What can be asked of states.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Who controls a place
    Get {
        /// A place id, or a place code
        place: String,
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Who controls each place of an area
    List(FilterArgs),
    /// How much of an area each side has, and where to look
    Summary(summary::Args),
    /// What each side says that it has, beside what is believed
    Claimed {
        /// Only this place and those below it, by id, code or name
        #[arg(long, value_name = "PLACE")]
        within: Option<String>,
        #[command(flatten)]
        read: ReadArgs,
    },
    /// The states of an area as a file for other tools
    Export(export::Args),
    /// The states as they change: a live table on a terminal, JSON Lines in a pipe
    ///
    /// First the current ones. A line that breaks is opened again where it was. Ends with
    /// an interrupt.
    Watch(watch::Args),
    /// How a place's state went: a timeline on a terminal, JSON Lines in a pipe
    ///
    /// As it was published, or with hindsight along valid time.
    History(history::Args),
    /// What differs between two states of a place or area, and why
    ///
    /// Each state is of its time as known then, so that both the ground and what was known
    /// of it may have changed. With --as-known-at only the ground has.
    Diff(diff::Args),
    /// What corrections, retractions and erasures changed in what had been published
    ///
    /// In the order in which they became known: a list that only grows.
    Errata(errata::Args),
    /// Why: from the answer down to groups, reports, claims and who passed them on
    Explain {
        /// A place id, or a place code
        place: String,
        #[command(flatten)]
        read: ReadArgs,
    },
}

const HEADER: &[&str] = &[
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

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.reader()?;
    match command {
        Command::Get { place, read } => {
            let request = GetControlStateRequest {
                place,
                read: Some(read.into()),
            };
            let response = client.get_control_state(request).await?;
            let state = response.state.ok_or(Failure::Empty)?;
            let rows = || Rows::new(HEADER, [row(&state)]);
            context.show("ControlState", &state, rows, Some(render::state(&state)))
        }
        Command::Summary(args) => summary::run(&client, args, context).await,
        Command::Claimed { within, read } => {
            let request = ListClaimedControlsRequest {
                within_place_id: within.unwrap_or_default(),
                read: Some(read.into()),
                ..ListClaimedControlsRequest::default()
            };
            let response = ListClaimedControlsResponse {
                places: client.list_claimed_controls(request).await?,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(CLAIMED, response.places.iter().flat_map(claimed));
            context.show("ListClaimedControlsResponse", &response, rows, None)
        }
        Command::Export(args) => export::run(&client, args, context).await,
        Command::List(filter) => {
            let request = filter.into();
            let states = client.list_control_states(request).await?;
            let response = ListControlStatesResponse {
                states,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(HEADER, response.states.iter().map(row));
            context.show("ListControlStatesResponse", &response, rows, None)
        }
        Command::Watch(args) => watch::run(&client, args, context).await,
        Command::History(args) => history::run(&client, args, context).await,
        Command::Errata(args) => errata::run(&client, args, context).await,
        Command::Diff(args) => diff::run(&client, args, context).await,
        Command::Explain { place, read } => {
            let request = ExplainControlStateRequest {
                place,
                read: Some(read.into()),
            };
            let response = client.explain_control_state(request).await?;
            let explanation = response.explanation.ok_or(Failure::Empty)?;
            let groups = || {
                let header = &[
                    "group",
                    "name",
                    "weight",
                    "weight_lost",
                    "interest",
                    "reason",
                    "reports",
                ];
                let contributions = explanation
                    .groups
                    .iter()
                    .filter_map(|group| group.contribution.as_ref());
                Rows::new(
                    header,
                    contributions.map(|contribution| {
                        let reports = contribution
                            .reports
                            .iter()
                            .map(|report| report.report_id.as_str());
                        vec![
                            contribution.group.clone(),
                            contribution.name.clone(),
                            contribution.weight.to_string(),
                            contribution.weight_lost.to_string(),
                            render::interest(contribution.interest).to_owned(),
                            contribution.reason.clone(),
                            reports.collect::<Vec<_>>().join(" "),
                        ]
                    }),
                )
            };
            let text = render::explanation(&explanation);
            context.show("Explanation", &explanation, groups, Some(text))
        }
    }
}

/// A state in three cells, beside another: its status, and what leads with which chance.
fn told(state: Option<&ControlState>) -> [String; 3] {
    let leading = state.and_then(render::leading);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let status = state.map(|state| render::status(state.status).to_owned());
    [
        or_none(status),
        or_none(leading.map(render::outcome_name)),
        or_none(leading.map(|outcome| render::percent(outcome.probability_ppm))),
    ]
}

const CLAIMED: &[&str] = &[
    "place_id", "side", "claims", "since", "newest", "words", "assessed",
];

/// A line for each side that says anything.
fn claimed(place: &ClaimedPlace) -> Vec<Vec<String>> {
    let assessed = place.assessed.clone().unwrap_or_default();
    let leading = render::leading(&assessed).map(|outcome| {
        let (name, chance) = (
            render::outcome_name(outcome),
            render::percent(outcome.probability_ppm),
        );
        format!("{name} {chance} ({})", render::likelihood(outcome.term))
    });
    let leading = leading.unwrap_or_else(|| "-".to_owned());
    let sides = place.claimed.iter().map(|claimed| {
        vec![
            assessed.place_id.clone(),
            claimed.side_id.clone(),
            render::word(claimed.hold().as_str_name(), "CLAIMED_HOLD_"),
            render::time(claimed.since.as_ref()),
            render::time(claimed.newest.as_ref()),
            claimed.statement.clone(),
            leading.clone(),
        ]
    });
    sides.collect()
}

fn row(state: &ControlState) -> Vec<String> {
    let leading = state
        .outcomes
        .iter()
        .max_by_key(|outcome| outcome.probability_ppm);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        state.place_id.clone(),
        render::time(state.as_of.as_ref()),
        render::time(state.as_known_at.as_ref()),
        render::status(state.status).to_owned(),
        state.besieged.to_string(),
        or_none(leading.map(render::outcome_name)),
        or_none(leading.map(|outcome| render::percent(outcome.probability_ppm))),
        or_none(leading.map(|outcome| render::likelihood(outcome.term))),
        format!("{:.2}", state.dispute),
        render::analytic_confidence(state.analytic_confidence),
        state.independent_groups.to_string(),
        or_none(state.staleness.as_ref().map(render::span)),
        format!("{:.2}", state.coverage),
    ]
}
