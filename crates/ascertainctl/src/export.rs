//! States as files for other tools, row by row: what is written is let go.

mod csv;
mod geojson;

use std::io::Write;

use ascertain_client::json;
use ascertain_proto::v1::{ControlState, Place, PlaceKind};

use crate::failure::Failure;

/// A form of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A FeatureCollection (RFC 7946): one feature a place, its state as properties
    Geojson,
    /// A table (RFC 4180) with an HXL 1.1 tag row below its header
    Csv,
    /// One state a line, in the protobuf JSON mapping
    Jsonl,
    /// Not written yet
    Parquet,
}

/// A file under the pen.
pub(crate) enum Export<W: Write> {
    Geojson(geojson::Features<W>),
    Csv(Box<csv::Table<W>>),
    Jsonl(W),
}

impl<W: Write> Export<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what is not written yet; what the output says.
    pub(crate) fn begin(format: Format, out: W) -> Result<Self, Failure> {
        Ok(match format {
            Format::Geojson => Self::Geojson(geojson::Features::begin(out)?),
            Format::Csv => Self::Csv(Box::new(csv::Table::begin(out)?)),
            Format::Jsonl => Self::Jsonl(out),
            Format::Parquet => return Err(not_written()),
        })
    }

    /// Writes the state of a place; `None` where the registry no longer has the place.
    ///
    /// # Errors
    /// What the output says.
    pub(crate) fn row(
        &mut self,
        state: &ControlState,
        place: Option<&Place>,
    ) -> Result<(), Failure> {
        match self {
            Self::Geojson(features) => features.row(state, place),
            Self::Csv(table) => table.row(state, place),
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &json::to_value("ControlState", state)?)
                    .map_err(std::io::Error::from)?;
                Ok(out.write_all(b"\n")?)
            }
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What the output says.
    pub(crate) fn end(self) -> Result<(), Failure> {
        match self {
            Self::Geojson(features) => features.end(),
            Self::Csv(table) => table.end(),
            Self::Jsonl(mut out) => Ok(out.flush()?),
        }
    }
}

/// What is not written yet.
pub(crate) fn not_written() -> Failure {
    let what = "parquet is not written yet: take csv, which holds the same columns";
    Failure::Usage(what.to_owned())
}

/// The name to show.
fn name(place: Option<&Place>) -> &str {
    let names = place.map(|place| place.names.as_slice());
    let first = names.and_then(|names| names.first());
    first.map_or("", |name| &name.text)
}

/// Whether a place may stand on a map: not where people are held, and no route, which may
/// be how people get out.
fn may_be_mapped(place: &Place) -> bool {
    !matches!(place.kind(), PlaceKind::Prison | PlaceKind::Road)
}
