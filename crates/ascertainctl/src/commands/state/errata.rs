//! What corrections changed in what had been published.

use ascertain_client::{Client, render};
use ascertain_proto::v1::{Erratum, ListErrataRequest};
use prost_types::Timestamp;

use crate::failure::Failure;
use crate::input::time;
use crate::output::{Context, Rows};

/// Which errata.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this place and those below it, by id, code or name
    #[arg(long, value_name = "PLACE")]
    within: Option<String>,
    /// Only what came since the list that ended with this token (feedToken)
    #[arg(long, value_name = "TOKEN")]
    since: Option<String>,
    /// Only what became known after this (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    known_after: Option<Timestamp>,
    /// Only what was known by then (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_known_at: Option<Timestamp>,
    /// Only where the status, the leading outcome or its word of a published state is another
    #[arg(long)]
    only_moved: bool,
    /// Token of a write that the answer must have seen; may be given again
    #[arg(long, value_name = "TOKEN")]
    at_least: Vec<String>,
}

const HEADER: &[&str] = &[
    "known_at",
    "place_id",
    "cause",
    "by",
    "states_moved",
    "states_looked_at",
    "states_published",
    "as_of",
    "status_before",
    "leading_before",
    "probability_before",
    "status_after",
    "leading_after",
    "probability_after",
];

/// Lists them.
pub(crate) async fn run(
    client: &Client,
    args: Args,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let request = ListErrataRequest {
        within_place_id: args.within.unwrap_or_default(),
        feed_token: args.since.unwrap_or_default(),
        known_after: args.known_after,
        as_known_at: args.as_known_at,
        only_moved: args.only_moved,
        at_least: args.at_least,
        ..ListErrataRequest::default()
    };
    let response = client.list_errata(request).await?;
    let up_to = render::time(response.known_up_to.as_ref());
    let rows = || Rows::new(HEADER, response.errata.iter().map(row));
    let none = response.errata.is_empty();
    let text = none.then(|| format!("no errata known up to {up_to}\n"));
    context.show("ListErrataResponse", &response, rows, text)?;
    match &*response.feed_token {
        "" => Ok(()),
        token => context.say(&format!(
            "known up to {up_to}; for what comes: --since {token}"
        )),
    }
}

fn row(erratum: &Erratum) -> Vec<String> {
    let by = erratum
        .report
        .as_ref()
        .map(|by| match &*by.partner_reference {
            "" => by.report_id.clone(),
            reference => reference.to_owned(),
        });
    let as_of = erratum.after.as_ref().and_then(|after| after.as_of);
    let mut cells = vec![
        render::time(erratum.known_at.as_ref()),
        erratum.place_id.clone(),
        render::word(erratum.cause().as_str_name(), "ERRATUM_CAUSE_"),
        by.unwrap_or_else(|| "-".to_owned()),
        erratum.states_moved.to_string(),
        erratum.states_looked_at.to_string(),
        erratum.published_states.to_string(),
        render::time(as_of.as_ref()),
    ];
    cells.extend(super::told(erratum.before.as_ref()));
    cells.extend(super::told(erratum.after.as_ref()));
    cells
}
