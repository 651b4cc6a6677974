//! A backtest from files to results.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::{Error, Mistakes};
use crate::read::{self, Claims, Noted, Timing, Truth};
use crate::report::Report;
use crate::world::World;
use crate::{plot, timed, untimed};

/// Which files to read and to write.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// `place,source,value[,time]`; `-` for standard input.
    pub claims: PathBuf,
    /// `place,value[,from,until]`.
    pub truth: Option<PathBuf>,
    /// `id[,name,kind,aligned_with,grade,reporting,alignment]`.
    pub sources: Option<PathBuf>,
    /// `id[,name,lat,lon,parent,kind,population]`.
    pub places: Option<PathBuf>,
    /// Where the probabilities go.
    pub out: Option<PathBuf>,
    /// Where the picture goes.
    pub plot: Option<PathBuf>,
}

/// How far a backtest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So many places of so many are done.
    Places(usize, usize),
    /// A method is at work.
    Method(&'a str),
}

/// Reads the files, answers, and holds the answers against the truth.
///
/// # Errors
/// [`Error::Input`] where a file cannot be used, [`Error::Write`] where one cannot be
/// written.
pub fn run(files: &Files, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Report, Error> {
    let start = Instant::now();
    let mut noted = Noted::default();
    let claims = Claims::read(&files.claims, &mut noted)?;
    let truth = files
        .truth
        .as_deref()
        .map(|file| Truth::read(file, claims.timing, &mut noted))
        .transpose()?;
    if let Some(truth) = &truth {
        hold_against(truth, &claims, &mut noted);
    }
    let sources = files
        .sources
        .as_deref()
        .map(|file| read::sources(file, &mut noted))
        .transpose()?;
    let places = files
        .places
        .as_deref()
        .map(|file| read::places(file, &mut noted))
        .transpose()?;
    let mut out = files
        .out
        .as_deref()
        .map(|file| create(file, files))
        .transpose()?;
    if let (Some(plot), None) = (&files.plot, &truth) {
        return Err(Mistakes::whole(
            plot,
            "would be a picture of scores, and without a truth there are none; give --truth, or leave --plot out",
        ));
    }
    let picture = files
        .plot
        .as_deref()
        .map(|file| create(file, files))
        .transpose()?;
    let write_error = |cause| Error::write(files.out.as_deref().unwrap_or(Path::new("")), cause);
    let writer = out.as_mut().map(|out| out as &mut dyn Write);

    let mut report = match claims.timing {
        Timing::Static => {
            if sources.is_some() || places.is_some() {
                noted.count("static claims: what is known of sources and places is not used");
            }
            let mut method = |name: &str| progress(Progress::Method(name));
            let runs = untimed::run(&claims, truth.as_ref(), writer, &mut method, write_error)?;
            if runs.open {
                noted.count("static claims whose values are taken as each place's own; what is missing to 1 is on values that nobody claimed");
            }
            Report::of_static(&claims, truth.as_ref(), runs)
        }
        Timing::Timed => {
            let world = World::of(
                &claims,
                truth.as_ref(),
                sources.as_ref(),
                places.as_ref(),
                &mut noted,
            )
            .map_err(|error| Mistakes::whole(&files.claims, error.to_string()))?;
            let (_, open) = timed::last_moment(&claims, truth.as_ref());
            noted.add(
                "truths that end ten years after all else, read as without an end",
                open,
            );
            let mut count = |done, of| progress(Progress::Places(done, of));
            let (truth, count) = (truth.as_ref(), &mut count);
            let run = timed::run(&claims, truth, &world, writer, count, write_error)?;
            noted.add(
                "places without a noon between their first claim and the end",
                run.without_noon,
            );
            Report::of_timed(&claims, truth, &run)
        }
    };
    if let Some(out) = &mut out {
        out.flush().map_err(write_error)?;
    }
    if let (Some(file), Some(mut picture)) = (&files.plot, picture) {
        // Without scores it stays empty.
        match plot::svg(&report) {
            Some(svg) => picture.write_all(svg.as_bytes()),
            None => {
                noted.count("pictures left empty, as there is nothing to score");
                Ok(())
            }
        }
        .and_then(|()| picture.flush())
        .map_err(|cause| Error::write(file, cause))?;
    }
    report.noted = noted;
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// Counts what of the truth meets no claim.
fn hold_against(truth: &Truth, claims: &Claims, noted: &mut Noted) {
    let silent = truth
        .places
        .keys()
        .filter(|p| claims.places.binary_search(p).is_err());
    let silent = silent.count();
    noted.add(
        "places with a truth and no claim, not scored",
        silent as u64,
    );
    if silent == truth.places.len() {
        noted.count(
            "truths none of whose places has a claim: the files seem to name places differently",
        );
    }
    let mut unclaimed: Vec<u64> = truth
        .values
        .iter()
        .zip(&truth.lines)
        .filter(|(value, _)| claims.values.binary_search(value).is_err())
        .map(|(_, line)| *line)
        .collect();
    unclaimed.sort_unstable();
    for line in unclaimed {
        noted.line("values that are true somewhere and claimed nowhere", line);
    }
}

/// A file for a result, which must be none of those read.
fn create(out: &Path, files: &Files) -> Result<BufWriter<File>, Error> {
    let inputs = [
        Some(&files.claims),
        files.truth.as_ref(),
        files.sources.as_ref(),
        files.places.as_ref(),
    ];
    let same = |input: &PathBuf| match (input.canonicalize(), out.canonicalize()) {
        (Ok(input), Ok(out)) => input == out,
        _ => false,
    };
    if let Some(input) = inputs.into_iter().flatten().find(|input| same(input)) {
        return Err(Mistakes::whole(
            input,
            "is read, and would be written over; give the result another name",
        ));
    }
    let file = File::create(out).map_err(|cause| Error::write(out, cause))?;
    Ok(BufWriter::with_capacity(1 << 16, file))
}
