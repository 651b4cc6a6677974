//! Who said what of which place, and when.

use std::collections::HashMap;
use std::path::Path;

use ascertain_domain::time::{DAY_US, Timestamp};

use super::table::rows;
use super::time::{DayMeans, time};
use super::{Noted, UNKNOWN, timed_value};
use crate::error::{Error, Mistakes};

/// The most days between the first claim and the last: 200 years.
const MOST_DAYS: i64 = 73_050;

/// How else columns of times are called.
const LIKE_TIME: [&str; 6] = [
    "date",
    "datetime",
    "timestamp",
    "published_at",
    "day",
    "when",
];

/// Whether claims have times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// None has: who is right about a world that does not change?
    Static,
    /// Each has the time at which it was made, and known.
    Timed,
}

/// One claim; what it names are indices into the names of [`Claims`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The place.
    pub place: u32,
    /// When; [`Timestamp::MIN`] in a static set.
    pub time: Timestamp,
    /// The source.
    pub source: u32,
    /// The value.
    pub value: u32,
}

/// All claims of a file, once each, by place, time, source and value: their order
/// in the file carries no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whether they have times.
    pub timing: Timing,
    /// Places with a claim, sorted.
    pub places: Vec<String>,
    /// Sources with a claim, sorted.
    pub sources: Vec<String>,
    /// Values claimed, sorted.
    pub values: Vec<String>,
    /// The claims, sorted.
    pub claims: Vec<Claim>,
}

impl Claims {
    /// Reads a file with `place,source,value[,time]`.
    ///
    /// # Errors
    /// [`Error::Input`] with the lines that cannot be used.
    pub fn read(file: &Path, noted: &mut Noted) -> Result<Self, Error> {
        let mut reading = Reading::default();
        let others = rows(
            file,
            ["place", "source", "value"],
            ["time"],
            |line, cells, mistakes| reading.row(line, cells, mistakes),
        )?;
        let like_time = others
            .iter()
            .filter(|name| LIKE_TIME.contains(&name.as_str()));
        if reading.first_timed.is_none() {
            noted.add(
                "columns that look like times and are not read, as they are not named `time`",
                like_time.count() as u64,
            );
        }
        reading.finish(file, noted)
    }

    /// The claims about a place.
    #[must_use]
    pub fn about(&self, place: u32) -> &[Claim] {
        let from = self.claims.partition_point(|claim| claim.place < place);
        let to = self.claims.partition_point(|claim| claim.place <= place);
        &self.claims[from..to]
    }
}

/// A row, its names by the order in which they were met.
struct Row {
    place: u32,
    source: u32,
    value: u32,
    time: Option<Timestamp>,
}

#[derive(Default)]
struct Reading {
    rows: Vec<Row>,
    places: Names,
    sources: Names,
    values: Names,
    empty: u64,
    earliest: Option<(Timestamp, u64)>,
    latest: Option<(Timestamp, u64)>,
    first_timed: Option<u64>,
    first_untimed: Option<u64>,
}

impl Reading {
    fn row(&mut self, line: u64, cells: &[&str], mistakes: &mut Mistakes) {
        let [place, source, value, when] = *cells else {
            return;
        };
        for (name, cell) in [("place", place), ("source", source)] {
            if cell.is_empty() {
                mistakes.add(
                    line,
                    format!("`{name}` is empty; name it, or drop the line"),
                );
                return;
            }
        }
        let when = match (!when.is_empty())
            .then(|| time(when, DayMeans::End))
            .transpose()
        {
            Ok(when) => when,
            Err(what) => return mistakes.add(line, what),
        };
        match when {
            Some(when) => {
                self.earliest = Some(self.earliest.map_or((when, line), |e| e.min((when, line))));
                self.latest = Some(self.latest.map_or((when, line), |l| l.max((when, line))));
                self.first_timed.get_or_insert(line)
            }
            None => self.first_untimed.get_or_insert(line),
        };
        if value.is_empty() {
            self.empty += 1;
            return;
        }
        self.rows.push(Row {
            place: self.places.number(place),
            source: self.sources.number(source),
            value: self.values.number(value),
            time: when,
        });
    }

    /// A typing error in one year would ask for the days of centuries.
    fn check_span(&self, file: &Path) -> Result<(), Error> {
        let (Some((from, first)), Some((until, last))) = (self.earliest, self.latest) else {
            return Ok(());
        };
        let mut mistakes = Mistakes::of(file);
        if until.micros() - from.micros() > MOST_DAYS * DAY_US {
            let what = format!(
                "is of {from}, and line {last} of {until}; more than {MOST_DAYS} days between claims can only be a mistake in one of them"
            );
            mistakes.add(first, what);
        }
        mistakes.none()
    }

    fn finish(self, file: &Path, noted: &mut Noted) -> Result<Claims, Error> {
        let timing = match (self.first_timed, self.first_untimed) {
            (Some(timed), Some(untimed)) => {
                let mut mistakes = Mistakes::of(file);
                let (line, has, other, has_not) = if timed < untimed {
                    (untimed, "no time", timed, "one")
                } else {
                    (timed, "a time", untimed, "none")
                };
                let what = format!(
                    "has {has}, but line {other} has {has_not}; give every claim a time, or none"
                );
                mistakes.add(line, what);
                return Err(mistakes.none().err().unwrap_or_else(|| nothing(file)));
            }
            (Some(_), None) => Timing::Timed,
            (None, _) => Timing::Static,
        };
        self.check_span(file)?;
        noted.add("claims with an empty value, left out", self.empty);
        let values = &self.values.names;
        let said: Vec<Option<&str>> = values
            .iter()
            .map(|value| match timing {
                Timing::Static => Some(value.as_str()),
                Timing::Timed => Some(timed_value(value)).filter(|value| *value != UNKNOWN),
            })
            .collect();
        let kept: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| said[row.value as usize].is_some())
            .collect();
        let unknown = (self.rows.len() - kept.len()) as u64;
        noted.add("claims with the value `unknown`, left out", unknown);
        if kept.is_empty() {
            return Err(nothing(file));
        }
        let places = Ranks::of(&self.places.all(), kept.iter().map(|row| row.place));
        let sources = Ranks::of(&self.sources.all(), kept.iter().map(|row| row.source));
        let values = Ranks::of(&said, kept.iter().map(|row| row.value));
        let mut claims: Vec<Claim> = kept
            .iter()
            .map(|row| Claim {
                place: places.rank[row.place as usize],
                time: row.time.unwrap_or(Timestamp::MIN),
                source: sources.rank[row.source as usize],
                value: values.rank[row.value as usize],
            })
            .collect();
        let unsorted = kept.windows(2).filter(|two| two[0].time > two[1].time);
        noted.add(
            "claims that stand after a later one; the order of lines carries no meaning",
            unsorted.count() as u64,
        );
        claims.sort_unstable();
        let before = claims.len();
        claims.dedup();
        noted.add(
            "claims that repeat another line, left out",
            (before - claims.len()) as u64,
        );
        let disagrees = |two: &&[Claim]| {
            two[0].place == two[1].place
                && two[0].time == two[1].time
                && two[0].source == two[1].source
        };
        noted.add(
            match timing {
                Timing::Static => "claims of a source that said something else of the place, too",
                Timing::Timed => {
                    "claims of a source that said something else of the place at the same time"
                }
            },
            claims.windows(2).filter(disagrees).count() as u64,
        );
        Ok(Claims {
            timing,
            places: places.names,
            sources: sources.names,
            values: values.names,
            claims,
        })
    }
}

fn nothing(file: &Path) -> Error {
    Mistakes::whole(
        file,
        "holds no claim; each line below the header must give place, source and value",
    )
}

/// Names by the order in which they were met.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // A file of more names than this does not fit into memory.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// All of them, as names that count.
    fn all(&self) -> Vec<Option<&str>> {
        self.names.iter().map(|name| Some(name.as_str())).collect()
    }
}

/// Names that are used, sorted, with the rank of each number that was given to
/// them. Numbers with the same name share a rank.
struct Ranks {
    rank: Vec<u32>,
    names: Vec<String>,
}

impl Ranks {
    fn of(names: &[Option<&str>], used: impl Iterator<Item = u32>) -> Self {
        let mut is_used = vec![false; names.len()];
        used.for_each(|number| is_used[number as usize] = true);
        let mut sorted: Vec<&str> = names
            .iter()
            .zip(&is_used)
            .filter_map(|(name, used)| name.filter(|_| *used))
            .collect();
        sorted.sort_unstable();
        sorted.dedup();
        let rank = |name: &Option<&str>| {
            let found = name.and_then(|name| sorted.binary_search(&name).ok());
            found
                .and_then(|rank| u32::try_from(rank).ok())
                .unwrap_or(u32::MAX)
        };
        Self {
            rank: names.iter().map(rank).collect(),
            names: sorted.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}
