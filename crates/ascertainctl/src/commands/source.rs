//! Sources of the registry.

use ascertain_client::json;
use ascertain_client::render::{self, word};
use ascertain_proto::v1::{
    GetSourceRequest, ListSourcesRequest, ListSourcesResponse, ReliabilityGrade,
    SearchSourcesRequest, Source,
};

use super::entity::{self, ApplyArgs, SearchArgs, score, shown_name};
use crate::failure::Failure;
use crate::output::{Context, Rows};

/// What can be done with sources.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List sources
    List,
    /// Show one source
    Get {
        /// The id
        id: String,
    },
    /// Find sources by name
    Search(SearchArgs),
    /// State sources as they stand from now on
    Apply(ApplyArgs),
}

const HEADER: &[&str] = &[
    "source_id",
    "kind",
    "reliability",
    "reporting",
    "name",
    "alignments",
];
const MATCH_HEADER: &[&str] = &["score", "matched_name", "source_id", "name"];

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::List => {
            let request = ListSourcesRequest {
                ..ListSourcesRequest::default()
            };
            let sources = context.writer()?.list_sources(request).await?;
            let response = ListSourcesResponse {
                sources,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(HEADER, response.sources.iter().map(row));
            context.show("ListSourcesResponse", &response, rows, None)
        }
        Command::Get { id } => {
            let request = GetSourceRequest { source_id: id };
            let response = context.writer()?.get_source(request).await?;
            let source = response.source.as_ref().ok_or(Failure::Empty)?;
            // The source as it was applied, and beside it what was learned of it.
            let mut value = json::to_value("Source", source)?;
            if let Some(fields) = value.as_object_mut() {
                let learned = response.learned.as_ref();
                let learned = learned.map(|l| json::to_value("LearnedSource", l));
                let learned = learned.transpose()?.unwrap_or_default();
                fields.insert("learned".to_owned(), learned);
                let model = response.source_model.clone();
                fields.insert("sourceModel".to_owned(), model.into());
            }
            let rows = || Rows::new(HEADER, [row(source)]);
            let learned = render::learned(response.learned.as_ref(), &response.source_model);
            let text = format!("{}\n{learned}", rows().to_text());
            context.show_as(&value, rows, Some(text))
        }
        Command::Search(search) => {
            let request = SearchSourcesRequest {
                query: search.name,
                limit: search.limit,
            };
            let response = context.writer()?.search_sources(request).await?;
            let rows = || {
                Rows::new(
                    MATCH_HEADER,
                    response.matches.iter().map(|found| {
                        let source = found.source.clone().unwrap_or_default();
                        let name = shown_name(&source.names);
                        vec![
                            score(found.score),
                            found.matched_name.clone(),
                            source.source_id,
                            name,
                        ]
                    }),
                )
            };
            context.show("SearchSourcesResponse", &response, rows, None)
        }
        Command::Apply(args) => entity::apply(args, context).await,
    }
}

fn row(source: &Source) -> Vec<String> {
    let alignments = source.alignments.iter().map(|alignment| {
        let kind = word(alignment.kind().as_str_name(), "ALIGNMENT_KIND_");
        format!("{kind} {}", alignment.actor_id)
            .trim_end()
            .to_owned()
    });
    vec![
        source.source_id.clone(),
        word(source.kind().as_str_name(), "SOURCE_KIND_"),
        grade(source.reliability_prior()),
        word(source.reporting().as_str_name(), "REPORTING_"),
        shown_name(&source.names),
        alignments.collect::<Vec<_>>().join(", "),
    ]
}

/// The Admiralty letter; not stated is read as F, which says nothing.
fn grade(grade: ReliabilityGrade) -> String {
    match grade {
        ReliabilityGrade::Unspecified => "F".to_owned(),
        stated => word(stated.as_str_name(), "RELIABILITY_GRADE_").to_uppercase(),
    }
}
