//! The report for people, and as rows.

use super::{Blocks, Method, Report, TimedMeans};
use crate::tally::Means;

/// Takes the means of one way of answering.
type Said = fn(&TimedMeans) -> Blocks<Option<Means>>;

/// The columns of [`Report::rows`].
pub const HEADER: &[&str] = &[
    "days", "answers", "method", "accuracy", "brier", "log_loss", "ece", "count", "seconds",
];

/// A line of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which days: `all`, `changed_places`, `near_change`.
    pub days: &'static str,
    /// `as_said`, `floored` or `renormalised`.
    pub answers: &'static str,
    /// The cells below the rest of [`HEADER`].
    pub cells: Vec<String>,
}

impl Row {
    /// All cells, in the order of [`HEADER`].
    #[must_use]
    pub fn all_cells(&self) -> Vec<String> {
        let labels = [self.days.to_owned(), self.answers.to_owned()];
        labels
            .into_iter()
            .chain(self.cells.iter().cloned())
            .collect()
    }
}

impl Report {
    /// Every score as a row: block by block, in each the methods.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut block = |days, answers, of: &dyn Fn(&Method) -> Option<Option<Means>>| {
            for method in &self.methods {
                if let Some(means) = of(method) {
                    let cells = cells(method, means);
                    rows.push(Row {
                        days,
                        answers,
                        cells,
                    });
                }
            }
        };
        block("all", "as_said", &|m| Some(m.means));
        block("all", "floored", &|m| Some(m.floored));
        let answers: [(_, Said); 3] = [
            ("as_said", |t| t.said),
            ("floored", |t| t.floored),
            ("renormalised", |t| t.renormalised),
        ];
        for (name, blocks) in answers {
            let of = |m: &Method| m.timed.as_ref().map(blocks);
            if name == "renormalised" {
                block("all", name, &|m| of(m).map(|b| b.all));
            }
            block("changed_places", name, &|m| of(m).map(|b| b.changed_places));
            block("near_change", name, &|m| of(m).map(|b| b.near_change));
        }
        rows
    }

    /// What is said beside the table: counts, what was found in the files, what was
    /// left out.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let counts = self.counts.iter();
        let counts: Vec<String> = counts
            .map(|(what, count)| format!("{count} {}", what.replace('_', " ")))
            .collect();
        let mut remarks = vec![counts.join(", ")];
        remarks.extend(
            self.noted
                .iter()
                .map(|(what, count)| format!("{count} {what}")),
        );
        let skipped = self.skipped.iter();
        remarks.extend(skipped.map(|(name, why)| format!("not run: {name}: {why}")));
        for method in &self.methods {
            if let Some(half_life) = method.half_life_days {
                remarks.push(format!(
                    "{}: half-life {half_life} days, chosen on this very truth to its advantage",
                    method.name
                ));
            }
        }
        if let Some(right) = &self.some_source_is_right {
            let percent = |p: f64| format!("{:.2} %", 100.0 * p);
            remarks.push(format!(
                "some source is right: {} of all days, {} near a change",
                percent(right.all),
                percent(right.near_change)
            ));
        }
        if let Some(found) = &self.difference {
            remarks.push(format!(
                "log loss near a change, ascertain minus latest per source, vote: {:+.4}, 95 % interval {:+.4} to {:+.4} over {} places",
                found.mean, found.low, found.high, found.places
            ));
        }
        remarks
    }
}

fn cells(method: &Method, means: Option<Means>) -> Vec<String> {
    let number = |of: fn(&Means) -> f64| {
        let text = |m: Means| format!("{:.4}", of(&m));
        means.map_or_else(|| "-".to_owned(), text)
    };
    vec![
        method.name.to_owned(),
        number(|m| m.accuracy),
        number(|m| m.brier),
        number(|m| m.log_loss),
        number(|m| m.ece),
        means.map_or(0, |m| m.count).to_string(),
        format!("{:.3}", method.seconds),
    ]
}
