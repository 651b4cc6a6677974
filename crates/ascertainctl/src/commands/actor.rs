//! Actors of the registry.

use ascertain_client::render::word;
use ascertain_proto::v1::{
    Actor, GetActorRequest, ListActorsRequest, ListActorsResponse, SearchActorsRequest,
};

use super::entity::{self, ApplyArgs, SearchArgs, score, shown_name};
use crate::failure::Failure;
use crate::output::{Context, Rows};

/// What can be done with actors.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List actors
    List,
    /// Show one actor
    Get {
        /// The id
        id: String,
    },
    /// Find actors by name
    Search(SearchArgs),
    /// State actors as they stand from now on
    Apply(ApplyArgs),
}

const HEADER: &[&str] = &["actor_id", "kind", "name", "relations"];
const MATCH_HEADER: &[&str] = &["score", "matched_name", "actor_id", "name"];

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List => {
            let request = ListActorsRequest {
                ..ListActorsRequest::default()
            };
            let actors = context.writer()?.list_actors(request).await?;
            let response = ListActorsResponse {
                actors,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(HEADER, response.actors.iter().map(row));
            context.show("ListActorsResponse", &response, rows, None)
        }
        Command::Get { id } => {
            let request = GetActorRequest { actor_id: id };
            let response = context.writer()?.get_actor(request).await?;
            let actor = response.actor.ok_or(Failure::Empty)?;
            context.show("Actor", &actor, || Rows::new(HEADER, [row(&actor)]), None)
        }
        Command::Search(search) => {
            let request = SearchActorsRequest {
                query: search.name,
                limit: search.limit,
            };
            let response = context.writer()?.search_actors(request).await?;
            let rows = || {
                Rows::new(
                    MATCH_HEADER,
                    response.matches.iter().map(|found| {
                        let actor = found.actor.clone().unwrap_or_default();
                        let name = shown_name(&actor.names);
                        vec![
                            score(found.score),
                            found.matched_name.clone(),
                            actor.actor_id,
                            name,
                        ]
                    }),
                )
            };
            context.show("SearchActorsResponse", &response, rows, None)
        }
        Command::Apply(args) => entity::apply(args, context).await,
    }
}

fn row(actor: &Actor) -> Vec<String> {
    let relations = actor.relations.iter().map(|relation| {
        format!(
            "{} {}",
            word(relation.kind().as_str_name(), "ACTOR_RELATION_KIND_"),
            relation.actor_id
        )
    });
    vec![
        actor.actor_id.clone(),
        word(actor.kind().as_str_name(), "ACTOR_KIND_"),
        shown_name(&actor.names),
        relations.collect::<Vec<_>>().join(", "),
    ]
}
