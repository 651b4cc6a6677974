//! The report for people, and as rows.

use super::{Blocks, Difference, Method, Report};
use crate::tally::Means;

/// The columns of a [`Row`].
pub const HEADER: &[&str] = &[
    "days", "answers", "method", "accuracy", "brier", "log_loss", "ece", "count", "seconds",
];

/// Which days are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// All whose truth is known; of a static set all places.
    All,
    /// Those of places whose truth changes at least once.
    ChangedPlaces,
    /// Those within 14 days of a change.
    NearChange,
}

/// In which form answers are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Ours as they were given; those of baselines, which may say 0, with 2 % spread
    /// evenly.
    AsSaid,
    /// All with 2 % spread evenly, ours too.
    Floored,
    /// Scaled to the holders, on days on which a holder is so.
    Renormalised,
}

impl Days {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ChangedPlaces => "changed_places",
            Self::NearChange => "near_change",
        }
    }
}

impl Answers {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AsSaid => "as_said",
            Self::Floored => "floored",
            Self::Renormalised => "renormalised",
        }
    }
}

/// A line of the report: how a method did on some days.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// Which days.
    pub days: Days,
    /// In which form its answers are taken.
    pub answers: Answers,
    /// The method.
    pub method: &'a Method,
    /// How it did; `None`: there was nothing to score.
    pub means: Option<Means>,
}

impl Row<'_> {
    /// The cells under [`HEADER`]; numbers with `digits` decimals, with all for
    /// `None`.
    #[must_use]
    pub fn cells(&self, digits: Option<usize>) -> Vec<String> {
        let text = |number: f64| match digits {
            Some(digits) => format!("{number:.digits$}"),
            None => format!("{number:?}"),
        };
        let of = |number: fn(&Means) -> f64| {
            let means = self.means.as_ref();
            means.map_or_else(String::new, |means| text(number(means)))
        };
        vec![
            self.days.word().to_owned(),
            self.answers.word().to_owned(),
            self.method.name.to_owned(),
            of(|m| m.accuracy),
            of(|m| m.brier),
            of(|m| m.log_loss),
            of(|m| m.ece),
            self.means.map_or(0, |m| m.count).to_string(),
            text(self.method.seconds),
        ]
    }
}

impl Report {
    /// Every score: by days, then by form of answers, then by method.
    #[must_use]
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        for days in [Days::All, Days::ChangedPlaces, Days::NearChange] {
            for answers in [Answers::AsSaid, Answers::Floored, Answers::Renormalised] {
                let of = |method| Some((method, means(method, days, answers)?));
                rows.extend(
                    self.methods
                        .iter()
                        .filter_map(of)
                        .map(|(method, means)| Row {
                            days,
                            answers,
                            method,
                            means,
                        }),
                );
            }
        }
        rows
    }

    /// The scores that people look at first. A baseline says the same with the floor
    /// as without.
    #[must_use]
    pub fn main_rows(&self) -> Vec<Row<'_>> {
        let mut rows = self.rows();
        rows.retain(|row| {
            let ours = row.method.is_ours();
            (row.answers != Answers::Floored || ours)
                && (row.answers != Answers::Renormalised || row.days != Days::ChangedPlaces)
        });
        rows
    }

    /// What is said beside the table: counts, what was found in the files, what was
    /// left out, and how sure the difference is.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let counts = self.counts.iter();
        let counts: Vec<String> = counts
            .map(|(what, count)| format!("{}: {count}", what.replace('_', " ")))
            .collect();
        let mut remarks = vec![counts.join(", ")];
        let noted = self.noted.iter();
        remarks.extend(noted.map(|(what, count, lines)| {
            let named: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let more = if count > lines.len() as u64 {
                ", …"
            } else {
                ""
            };
            match named.len() {
                0 => format!("{what}: {count}"),
                1 if more.is_empty() => format!("{what}: {count} (line {})", named[0]),
                _ => format!("{what}: {count} (lines {}{more})", named.join(", ")),
            }
        }));
        let skipped = self.skipped.iter();
        remarks.extend(skipped.map(|(name, why)| format!("not run: {name}: {why}")));
        let tuned = self
            .methods
            .iter()
            .filter_map(|m| Some((m, m.half_life_days?)));
        remarks.extend(tuned.map(|(method, half_life)| {
            format!(
                "{}: half-life {half_life} days, chosen on this very truth, to its advantage",
                method.name
            )
        }));
        if let Some(right) = &self.some_source_is_right {
            let percent = |p: f64| {
                if p.is_finite() {
                    format!("{:.2} %", 100.0 * p)
                } else {
                    "none".to_owned()
                }
            };
            remarks.push(format!(
                "the last word of some source is right: {} of all days, {} near a change",
                percent(right.all),
                percent(right.near_change)
            ));
        }
        if let Some(temper) = self.temper {
            remarks.push(format!(
                "beliefs fit all of these truths best when taken to the power of {temper:.2}; a source model may carry it as temperPpm {:.0}",
                1e6 * temper
            ));
        }
        remarks.extend(self.differences.iter().map(remark));
        remarks
    }
}

fn remark(found: &Difference) -> String {
    let Difference {
        score,
        mean,
        low,
        high,
        places,
        ..
    } = found;
    let score = score.replace('_', " ");
    let answers = found.answers.word().replace('_', " ");
    format!(
        "{score} near a change, {answers}, ascertain minus latest per source, vote: {mean:+.4}, 95 % interval {low:+.4} to {high:+.4} over {places} places"
    )
}

/// How a method did; `None`: such days or answers are not there at all.
fn means(method: &Method, days: Days, answers: Answers) -> Option<Option<Means>> {
    let Some(timed) = &method.timed else {
        return match (days, answers) {
            (Days::All, Answers::AsSaid) => Some(method.means),
            (Days::All, Answers::Floored) => Some(method.floored),
            _ => None,
        };
    };
    let blocks: &Blocks<Option<Means>> = match answers {
        Answers::AsSaid => &timed.said,
        Answers::Floored => &timed.floored,
        Answers::Renormalised => &timed.renormalised,
    };
    Some(match days {
        Days::All => blocks.all,
        Days::ChangedPlaces => blocks.changed_places,
        Days::NearChange => blocks.near_change,
    })
}
