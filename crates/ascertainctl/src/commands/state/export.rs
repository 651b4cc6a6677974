//! The states of an area as a file for other tools.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ascertain_client::Client;
use ascertain_proto::v1::{ListControlStatesRequest, ListPlacesRequest, Place};

use super::filter::FilterArgs;
use crate::export::{Export, Format, not_written};
use crate::failure::Failure;
use crate::output::Context;

/// Items a page.
const PAGE: i32 = 500;

/// What is exported.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The form of the file
    #[arg(long, value_enum)]
    format: Format,
    /// Where it is written, whole or not at all [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) async fn run(
    client: &Client,
    args: Args,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let Args {
        format,
        out,
        filter,
    } = args;
    if format == Format::Parquet {
        // Before a file is made.
        return Err(not_written());
    }
    let places = Places::new(context.writer()?);
    let request = filter.into();
    let rows = match out {
        None => {
            let export = Export::begin(format, &mut *context.out)?;
            write(client, request, places, export).await?
        }
        Some(path) => {
            let part = part(&path);
            let unwritable = |error: std::io::Error| {
                Failure::Usage(format!("{} cannot be written: {error}", path.display()))
            };
            let file = File::create(&part).map_err(unwritable)?;
            let export = Export::begin(format, BufWriter::new(&file))?;
            let written = write(client, request, places, export).await;
            let whole = written.and_then(|rows| {
                file.sync_all().map_err(unwritable)?;
                std::fs::rename(&part, &path).map_err(unwritable)?;
                Ok(rows)
            });
            if whole.is_err() {
                // What is left of it helps nobody; that it cannot be removed neither.
                let _ = std::fs::remove_file(&part);
            }
            whole?
        }
    };
    context.say(&format!("{rows} places"))
}

/// Page by page: no more than two pages are in memory.
async fn write<W: Write>(
    client: &Client,
    mut request: ListControlStatesRequest,
    mut places: Places,
    mut export: Export<W>,
) -> Result<u64, Failure> {
    request.page_size = PAGE;
    let mut rows = 0;
    loop {
        let page = client.list_control_states_page(request.clone()).await?;
        for state in &page.states {
            let place = places.of(&state.place_id).await?;
            export.row(state, place)?;
            rows += 1;
        }
        if page.next_page_token.is_empty() {
            export.end()?;
            return Ok(rows);
        }
        request.page_token = page.next_page_token;
    }
}

/// The places of the registry, in the order of ids, as states come in.
struct Places {
    client: Client,
    page: std::iter::Peekable<std::vec::IntoIter<Place>>,
    next: Option<ListPlacesRequest>,
    last: Option<Place>,
}

impl Places {
    fn new(client: Client) -> Self {
        Self {
            client,
            page: Vec::new().into_iter().peekable(),
            next: Some(ListPlacesRequest {
                page_size: PAGE,
                ..ListPlacesRequest::default()
            }),
            last: None,
        }
    }

    /// A place that is not before those asked for so far; `None` where it is not there.
    async fn of(&mut self, id: &str) -> Result<Option<&Place>, Failure> {
        while self.last.as_ref().is_none_or(|last| *last.place_id < *id) {
            if let Some(place) = self.page.next() {
                self.last = Some(place);
                continue;
            }
            let Some(request) = self.next.take() else {
                break;
            };
            let page = self.client.list_places_page(request.clone()).await?;
            self.page = page.places.into_iter().peekable();
            self.next = (!page.next_page_token.is_empty()).then_some(ListPlacesRequest {
                page_token: page.next_page_token,
                ..request
            });
        }
        Ok(self.last.as_ref().filter(|last| last.place_id == id))
    }
}

fn part(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}
