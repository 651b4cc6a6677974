//! Places of the registry.

use ascertain_client::render::word;
use ascertain_proto::v1::{
    GetPlaceRequest, ListPlacesRequest, ListPlacesResponse, Place, SearchPlacesRequest,
};

use super::entity::{self, ApplyArgs, SearchArgs, score, shown_name};
use crate::failure::Failure;
use crate::output::{Context, Rows};

/// What can be done with places.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List places
    List {
        /// Only this place and those below it
        #[arg(long, value_name = "PLACE")]
        within: Option<String>,
    },
    /// Show one place
    Get {
        /// A place id, a place code, or geonames:ID
        id: String,
    },
    /// Find places by name
    Search {
        #[command(flatten)]
        search: SearchArgs,
        /// Only this place and those below it
        #[arg(long, value_name = "PLACE")]
        within: Option<String>,
    },
    /// State places as they stand from now on
    Apply(ApplyArgs),
}

const HEADER: &[&str] = &[
    "place_id",
    "kind",
    "parent_id",
    "home_area_id",
    "pcode",
    "name",
];
const MATCH_HEADER: &[&str] = &["score", "matched_name", "place_id", "name"];

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List { within } => {
            let request = ListPlacesRequest {
                within_place_id: within.unwrap_or_default(),
                ..ListPlacesRequest::default()
            };
            let places = context.writer()?.list_places(request).await?;
            let response = ListPlacesResponse {
                places,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(HEADER, response.places.iter().map(row));
            context.show("ListPlacesResponse", &response, rows, None)
        }
        Command::Get { id } => {
            let request = GetPlaceRequest { place: id };
            let response = context.writer()?.get_place(request).await?;
            let place = response.place.ok_or(Failure::Empty)?;
            context.show("Place", &place, || Rows::new(HEADER, [row(&place)]), None)
        }
        Command::Search { search, within } => {
            let request = SearchPlacesRequest {
                query: search.name,
                within_place_id: within.unwrap_or_default(),
                limit: search.limit,
            };
            let response = context.writer()?.search_places(request).await?;
            let rows = || {
                Rows::new(
                    MATCH_HEADER,
                    response.matches.iter().map(|found| {
                        let place = found.place.clone().unwrap_or_default();
                        let name = shown_name(&place.names);
                        vec![
                            score(found.score),
                            found.matched_name.clone(),
                            place.place_id,
                            name,
                        ]
                    }),
                )
            };
            context.show("SearchPlacesResponse", &response, rows, None)
        }
        Command::Apply(args) => entity::apply(args, context).await,
    }
}

fn row(place: &Place) -> Vec<String> {
    vec![
        place.place_id.clone(),
        word(place.kind().as_str_name(), "PLACE_KIND_"),
        place.parent_id.clone(),
        place.home_area_id.clone(),
        place.pcode.clone(),
        shown_name(&place.names),
    ]
}
