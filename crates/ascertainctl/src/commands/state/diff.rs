//! What differs between two states.

use ascertain_client::{Client, render};
use ascertain_proto::v1::{
    CompareControlStatesRequest, CompareControlStatesResponse, StateComparison, StateTimes,
};
use prost_types::Timestamp;

use crate::failure::Failure;
use crate::input::time;
use crate::output::{Context, Rows};

/// Which two states.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A place id, or a place code
    #[arg(required_unless_present = "within", conflicts_with = "within")]
    place: Option<String>,
    /// Instead of a place: the places of this area that differ in status or word
    #[arg(long, value_name = "PLACE")]
    within: Option<String>,
    /// Valid time of the one state (RFC 3339), also its knowledge time unless that is given
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Timestamp,
    /// The same of the other [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Knowledge time of the one state (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    from_known_at: Option<Timestamp>,
    /// Knowledge time of the other (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    to_known_at: Option<Timestamp>,
    /// One knowledge time for both (RFC 3339): what changed on the ground
    #[arg(
        long,
        value_name = "TIME",
        value_parser = time,
        conflicts_with_all = ["from_known_at", "to_known_at"]
    )]
    as_known_at: Option<Timestamp>,
    /// Token of a write that the answer must have seen; may be given again
    #[arg(long, value_name = "TOKEN")]
    at_least: Vec<String>,
}

const HEADER: &[&str] = &[
    "place_id",
    "changes",
    "status_before",
    "leading_before",
    "probability_before",
    "status_after",
    "leading_after",
    "probability_after",
];

/// Compares.
pub(crate) async fn run(
    client: &Client,
    args: Args,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let known = |own: Option<Timestamp>, valid| own.or(args.as_known_at).or(valid);
    let request = CompareControlStatesRequest {
        place: args.place.unwrap_or_default(),
        within_place_id: args.within.unwrap_or_default(),
        from: Some(StateTimes {
            as_of: Some(args.from),
            as_known_at: known(args.from_known_at, Some(args.from)),
        }),
        to: Some(StateTimes {
            as_of: args.to,
            as_known_at: known(args.to_known_at, args.to),
        }),
        at_least: args.at_least,
        ..CompareControlStatesRequest::default()
    };
    let of_area = !request.within_place_id.is_empty();
    let comparisons = client.compare_control_states(request).await?;
    let text = match comparisons.as_slice() {
        [] if of_area => Some("no place differs in status or word\n".to_owned()),
        [one] if !of_area => Some(render::comparison(one)),
        _ => None,
    };
    let response = CompareControlStatesResponse {
        comparisons,
        next_page_token: String::new(),
    };
    let rows = || Rows::new(HEADER, response.comparisons.iter().map(row));
    context.show("CompareControlStatesResponse", &response, rows, text)
}

fn row(comparison: &StateComparison) -> Vec<String> {
    let mut cells = vec![
        comparison.place_id.clone(),
        render::changes(&comparison.changes),
    ];
    cells.extend(super::told(comparison.before.as_ref()));
    cells.extend(super::told(comparison.after.as_ref()));
    cells
}
