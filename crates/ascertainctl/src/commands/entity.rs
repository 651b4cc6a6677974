//! What places, actors and sources have in common.

use ascertain_proto::v1::Name;

use crate::failure::Failure;
use crate::input::{self, WriteArgs};
use crate::output::{Context, Rows};

/// A file with registry entries.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ApplyArgs {
    /// JSON or YAML with any of places, actors and sources; - for stdin
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: String,
    #[command(flatten)]
    write: WriteArgs,
}

/// A name to look up.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SearchArgs {
    /// A name or alias, in any script
    pub(crate) name: String,
    /// At most this many matches
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub(crate) limit: i32,
}

/// Applies all entries of a file at once, whatever their kind: they may point at
/// each other.
pub(crate) async fn apply(args: ApplyArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let request = input::registry(&input::read(&args.file)?, &args.write)?;
    let response = context.writer()?.apply_registry(request).await?;
    let rows = || {
        let counts = [response.applied.to_string(), response.unchanged.to_string()];
        let row = counts
            .into_iter()
            .chain([response.write_token.clone()])
            .collect();
        Rows::new(&["applied", "unchanged", "write_token"], [row])
    };
    context.show("ApplyRegistryResponse", &response, rows, None)
}

/// The name that is shown.
pub(crate) fn shown_name(names: &[Name]) -> String {
    names
        .first()
        .map(|name| name.text.clone())
        .unwrap_or_default()
}

/// How well a name matched, 1 for the same.
pub(crate) fn score(score: f64) -> String {
    format!("{score:.2}")
}
