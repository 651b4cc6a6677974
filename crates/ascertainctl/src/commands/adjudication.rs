//! Rulings on places: make one, list them, take one back.

use ascertain_client::render;
use ascertain_proto::v1::{
    Acknowledgement, ActorReference, AdjudicateRequest, Adjudication, ListAdjudicationsRequest,
    OutcomeKind, RevokeAdjudicationRequest,
};
use prost_types::Timestamp;

use crate::failure::Failure;
use crate::input;
use crate::output::{Context, Rows};

/// A ruling.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["holder", "outcome"])))]
pub(crate) struct Args {
    /// The place: id, code, or a name that only one place has
    place: String,
    /// Who holds it: an actor of one of its sides, by id or name
    #[arg(long, value_name = "ACTOR")]
    holder: Option<String>,
    /// What it is, where nobody alone holds it
    #[arg(long, value_enum)]
    outcome: Option<Outcome>,
    /// Why, shown to every reader; names no private persons
    #[arg(long)]
    reason: String,
    /// From when it holds (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    from: Option<Timestamp>,
    /// Until when (RFC 3339) [default: until it is taken back, or another is made]
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    until: Option<Timestamp>,
    /// A UUID for the ruling, so that it can be sent again safely [default: a new one]
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    /// Check everything, store nothing
    #[arg(long)]
    validate_only: bool,
}

/// What a place may be besides held.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Outcome {
    Contested,
    Mixed,
    Vacated,
}

/// What can be done with rulings.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The rulings on a place, newest known first
    List {
        /// The place: id, code, or a name that only one place has
        place: String,
        /// Only what was known by then (RFC 3339)
        #[arg(long, value_name = "TIME", value_parser = input::time)]
        as_known_at: Option<Timestamp>,
        /// Token of a write that the answer must have seen; may be given again
        #[arg(long, value_name = "TOKEN")]
        at_least: Vec<String>,
    },
    /// Take a ruling back
    Revoke {
        /// The ruling's id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// A UUID for the revocation, so that it can be sent again safely [default: a new one]
        #[arg(long, value_name = "UUID")]
        revocation_id: Option<String>,
        /// Check everything, store nothing
        #[arg(long)]
        validate_only: bool,
    },
}

const HEADER: &[&str] = &["known_at", "adjudication_id", "place_id", "ruling"];
const ACKNOWLEDGED: &[&str] = &["id", "result", "write_token"];

pub(crate) async fn adjudicate(args: Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let kind = match args.outcome {
        None => OutcomeKind::Unspecified,
        Some(Outcome::Contested) => OutcomeKind::Contested,
        Some(Outcome::Mixed) => OutcomeKind::Mixed,
        Some(Outcome::Vacated) => OutcomeKind::Vacated,
    };
    let request = AdjudicateRequest {
        adjudication_id: args.id.unwrap_or_else(drawn),
        place: args.place,
        kind: kind.into(),
        // Ids and names are of one namespace for people: what is no id is looked up.
        holder: args.holder.map(|name| ActorReference {
            name,
            ..ActorReference::default()
        }),
        reason: args.reason,
        valid_from: args.from,
        valid_until: args.until,
        validate_only: args.validate_only,
    };
    let response = context.writer()?.adjudicate(request).await?;
    let rows = || {
        Rows::new(
            ACKNOWLEDGED,
            acknowledged(response.acknowledgement.as_ref()),
        )
    };
    let told = response.adjudication.as_ref();
    let text = told.map(|ruled| {
        let (id, ruling) = (&ruled.adjudication_id, render::adjudication(ruled));
        format!("{id}  {}: {ruling}\n", ruled.place_id)
    });
    context.show("AdjudicateResponse", &response, rows, text)
}

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List {
            place,
            as_known_at,
            at_least,
        } => {
            let request = ListAdjudicationsRequest {
                place,
                as_known_at,
                at_least,
            };
            let response = context.reader()?.list_adjudications(request).await?;
            let rows = || Rows::new(HEADER, response.adjudications.iter().map(row));
            context.show("ListAdjudicationsResponse", &response, rows, None)
        }
        Command::Revoke {
            id,
            reason,
            revocation_id,
            validate_only,
        } => {
            let request = RevokeAdjudicationRequest {
                adjudication_id: id,
                revocation_id: revocation_id.unwrap_or_else(drawn),
                reason,
                validate_only,
            };
            let response = context.writer()?.revoke_adjudication(request).await?;
            let rows = || {
                Rows::new(
                    ACKNOWLEDGED,
                    acknowledged(response.acknowledgement.as_ref()),
                )
            };
            context.show("RevokeAdjudicationResponse", &response, rows, None)
        }
    }
}

fn drawn() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn acknowledged(acknowledgement: Option<&Acknowledgement>) -> Option<Vec<String>> {
    let acknowledgement = acknowledgement?;
    let how = if acknowledgement.duplicate {
        "duplicate"
    } else {
        "ok"
    };
    Some(vec![
        acknowledgement.report_id.clone(),
        how.to_owned(),
        acknowledgement.write_token.clone(),
    ])
}

fn row(ruled: &Adjudication) -> Vec<String> {
    vec![
        render::time(ruled.known_at.as_ref()),
        ruled.adjudication_id.clone(),
        ruled.place_id.clone(),
        render::adjudication(ruled),
    ]
}
