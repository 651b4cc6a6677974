//! What was so.

use std::collections::BTreeMap;
use std::path::Path;

use ascertain_domain::time::Timestamp;

use super::claims::Timing;
use super::interval::Interval;
use super::table::rows;
use super::time::{DayMeans, time};
use super::{Noted, UNKNOWN, timed_value};
use crate::error::{Error, Mistakes};

/// What was so at each place, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The values, sorted.
    pub values: Vec<String>,
    /// The first line that gives each value.
    pub lines: Vec<u64>,
    /// The stretches of each place, in order; none overlap.
    pub places: BTreeMap<String, Vec<Interval>>,
}

/// A row as it was read.
struct Row {
    line: u64,
    from: Timestamp,
    until: Timestamp,
    value: String,
}

impl Truth {
    /// Reads a file with `place,value[,from,until]`, to be held against claims that
    /// have times or not.
    ///
    /// # Errors
    /// [`Error::Input`] with the lines that cannot be used.
    pub fn read(file: &Path, timing: Timing, noted: &mut Noted) -> Result<Self, Error> {
        let mut places: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        let (mut without, mut timed) = (Vec::new(), false);
        rows(
            file,
            ["place", "value"],
            ["from", "until"],
            |line, cells, mistakes| match row(line, cells, timing) {
                Ok(Some((place, row))) => {
                    timed |= row.from > Timestamp::MIN || row.until < Timestamp::MAX;
                    places.entry(place.to_owned()).or_default().push(row);
                }
                Ok(None) => without.push(line),
                Err(what) => mistakes.add(line, what),
            },
        )?;
        for line in without {
            noted.line("truths without an answer, left out", line);
        }
        if places.is_empty() {
            return Err(Mistakes::whole(
                file,
                "holds no truth; each line below the header must give place and value",
            ));
        }
        if timing == Timing::Static && timed {
            noted.count("truth with times held against claims without: the times are not read");
            for row in places.values_mut().flatten() {
                (row.from, row.until) = (Timestamp::MIN, Timestamp::MAX);
            }
        }
        let (values, lines) = values(&places).into_iter().unzip();
        let values: Vec<String> = values;
        let mut mistakes = Mistakes::of(file);
        let mut repeated = 0;
        let places = places
            .into_iter()
            .map(|(place, rows)| {
                let intervals = joined(rows, &values, &mut mistakes, &mut repeated);
                (place, intervals)
            })
            .collect();
        mistakes.none()?;
        noted.add(
            "truths that repeat or overlap an equal one, joined",
            repeated,
        );
        Ok(Self {
            values,
            lines,
            places,
        })
    }
}

/// The values, sorted, each with the first line that gives it.
fn values(places: &BTreeMap<String, Vec<Row>>) -> BTreeMap<String, u64> {
    let mut values: BTreeMap<String, u64> = BTreeMap::new();
    for row in places.values().flatten() {
        match values.get_mut(&row.value) {
            Some(line) => *line = (*line).min(row.line),
            None => {
                values.insert(row.value.clone(), row.line);
            }
        }
    }
    values
}

/// A row, if it has an answer.
fn row<'a>(line: u64, cells: &[&'a str], timing: Timing) -> Result<Option<(&'a str, Row)>, String> {
    let [place, value, from, until] = *cells else {
        return Ok(None);
    };
    if place.is_empty() {
        return Err("`place` is empty; name it, or drop the line".to_owned());
    }
    let bound = |text: &str, open: Timestamp| match text {
        "" => Ok(open),
        text => time(text, DayMeans::Start),
    };
    let from = bound(from, Timestamp::MIN).map_err(|what| format!("from: {what}"))?;
    let until = bound(until, Timestamp::MAX).map_err(|what| format!("until: {what}"))?;
    if from >= until {
        return Err(format!(
            "ends at {until}, not after it begins at {from}; `until` is exclusive and must be later"
        ));
    }
    let value = match timing {
        Timing::Static => value,
        Timing::Timed => timed_value(value),
    };
    let answers = !value.is_empty() && (timing == Timing::Static || value != UNKNOWN);
    Ok(answers.then(|| {
        let value = value.to_owned();
        let row = Row {
            line,
            from,
            until,
            value,
        };
        (place, row)
    }))
}

/// The stretches of a place, in order, with what repeats or overlaps an equal one
/// joined to it.
fn joined(
    mut rows: Vec<Row>,
    values: &[String],
    mistakes: &mut Mistakes,
    repeated: &mut u64,
) -> Vec<Interval> {
    rows.sort_by_key(|row| (row.from, row.until, row.line));
    let mut intervals: Vec<Interval> = Vec::with_capacity(rows.len());
    // The row that reaches furthest so far.
    let mut reaching: Option<&Row> = None;
    for row in &rows {
        if let Some(other) = reaching.filter(|other| row.from < other.until) {
            if other.value != row.value {
                let (first, second) = (other.line.min(row.line), other.line.max(row.line));
                let (one, two) = if first == row.line {
                    (row, other)
                } else {
                    (other, row)
                };
                let what = format!(
                    "says `{}` for a time for which line {first} says `{}`; at one place and time one value is so",
                    two.value, one.value
                );
                mistakes.add(second, what);
                continue;
            }
            *repeated += 1;
            if row.until > other.until {
                if let Some(last) = intervals.last_mut() {
                    last.until = row.until;
                }
                reaching = Some(row);
            }
            continue;
        }
        let rank = values.binary_search(&row.value).unwrap_or(0);
        intervals.push(Interval {
            from: row.from,
            until: row.until,
            value: u32::try_from(rank).unwrap_or(u32::MAX),
        });
        reaching = Some(row);
    }
    intervals
}
