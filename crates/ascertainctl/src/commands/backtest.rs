//! How right answers would have been.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use ascertain_backtest::report::HEADER;
use ascertain_backtest::{Error, Files, Progress};

use crate::failure::Failure;
use crate::output::{Context, Format, Rows};

/// Which files, and where the results go.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
All files are comma-separated UTF-8 with a first line that names the columns, in any \
order; gzip is known by its first bytes. docs/backtest.md says what every figure means \
and how each oddity is read.")]
pub(crate) struct Args {
    /// Who said what: place,source,value[,time]; - for stdin
    ///
    /// Times are RFC 3339, or days, read as their end in UTC. Claims with times go
    /// through the engine and are answered for each noon UTC; claims without go through
    /// the offline model. With times, `contested`, `mixed`, `vacated` and `other` are no
    /// holder, and `unknown` is no claim.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// What was so: place,value[,from,until]; until is exclusive, either may be empty
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// What sources are: id[,name,kind,aligned_with,grade,reporting,alignment]
    ///
    /// Without it, or where `reporting` is not given and the kind does not tell, a
    /// source's habit is told by what it did so far: from 20 pairs of consecutive claims
    /// about one place on, of which at most 5 % repeat the value, its silence means
    /// "still so"; before that, nothing.
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// What places are: id[,name,lat,lon,parent,kind,population]
    #[arg(long, value_name = "FILE")]
    places: Option<PathBuf>,
    /// Write every probability there: place,value,probability, or
    /// place,time,value,probability,smoothed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw reliability, and with times the accuracy around a change, there as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Input(_) => Self::Usage(error.to_string()),
            // Not by the cause's kind: a broken pipe there is no reader that has enough.
            Error::Write { .. } => Self::Output(io::Error::other(error.to_string())),
        }
    }
}

pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let files = Files {
        claims: args.claims.clone(),
        truth: args.truth.clone(),
        sources: args.sources.clone(),
        places: args.places.clone(),
        out: args.out.clone(),
        plot: args.plot.clone(),
    };
    let shown = io::stderr().is_terminal();
    let result = ascertain_backtest::run(&files, &mut |progress| {
        if shown {
            show(progress, context.talk);
        }
    });
    if shown {
        // Wipes the line of progress; who does not see it misses nothing.
        let _ = write!(context.talk, "\r\x1b[K");
    }
    let report = result?;
    for remark in report.remarks() {
        context.say(&remark)?;
    }
    let (rows, digits) = match context.format {
        Format::Table => (report.main_rows(), Some(4)),
        Format::Csv | Format::Json | Format::Yaml => (report.rows(), None),
    };
    let rows = Rows::new(HEADER, rows.iter().map(|row| row.cells(digits)));
    context.show_value(&report.to_json(), || rows)
}

fn show(progress: Progress<'_>, talk: &mut (dyn io::Write + Send)) {
    let _ = match progress {
        Progress::Places(done, of) => write!(talk, "\r\x1b[K{done} of {of} places"),
        Progress::Method(name) => write!(talk, "\r\x1b[K{name}"),
    };
    let _ = talk.flush();
}
