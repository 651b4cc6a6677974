//! An area summed up.

use ascertain_client::{Client, render};
use ascertain_proto::v1::{AreaShare, SummarizeAreaRequest, SummarizeAreaResponse};

use crate::failure::Failure;
use crate::input::ReadArgs;
use crate::output::{Context, Rows};

/// Which area.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A place with all below it, by id, code or name [default: all places]
    place: Option<String>,
    /// How many of the most disputed and of the stalest places to name
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=100))]
    most: i32,
    #[command(flatten)]
    read: ReadArgs,
}

const HEADER: &[&str] = &[
    "what",
    "places_expected",
    "places_sure",
    "places_possible",
    "population_expected",
    "population_sure",
    "population_possible",
];

pub(crate) async fn run(
    client: &Client,
    args: Args,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let request = SummarizeAreaRequest {
        within_place_id: args.place.unwrap_or_default(),
        read: Some(args.read.into()),
        most: args.most,
    };
    let summary = client.summarize_area(request).await?;
    let rows = || Rows::new(HEADER, rows(&summary));
    let text = render::area(&summary, &rows().to_text());
    context.show("SummarizeAreaResponse", &summary, rows, Some(text))
}

/// The outcomes, then each status, which is or is not.
fn rows(summary: &SummarizeAreaResponse) -> Vec<Vec<String>> {
    let places = |share: Option<&AreaShare>| {
        share.map_or_else(|| "-".to_owned(), |share| render::percent(share.places_ppm))
    };
    let people = |share: Option<&AreaShare>| {
        let ppm = share.and_then(|share| share.population_ppm);
        ppm.map_or_else(|| "-".to_owned(), render::percent)
    };
    let outcomes = summary.outcomes.iter().map(|outcome| {
        let shares = [&outcome.expected, &outcome.sure, &outcome.possible];
        let shares = shares.map(Option::as_ref);
        let mut row = vec![render::outcome_kind(outcome.kind(), &outcome.side_id)];
        row.extend(shares.map(places));
        row.extend(shares.map(people));
        row
    });
    let statuses = summary.statuses.iter().map(|status| {
        let share = status.share.as_ref();
        let mut row = vec![format!("status {}", render::status(status.status))];
        row.extend([places(share), "-".to_owned(), "-".to_owned()]);
        row.extend([people(share), "-".to_owned(), "-".to_owned()]);
        row
    });
    outcomes.chain(statuses).collect()
}
