//! A table with an HXL tag row. Its columns do not depend on what it holds.

use std::io::Write;

use ascertain_client::render;
use ascertain_proto::v1::{ControlState, Outcome, OutcomeKind, Place};

use super::{may_be_mapped, name};
use crate::failure::Failure;

/// Each column with its HXL 1.1 tag.
const COLUMNS: &[(&str, &str)] = &[
    ("place_id", "#loc+code"),
    ("pcode", "#loc+code+v_pcode"),
    ("name", "#loc+name"),
    ("latitude", "#geo+lat"),
    ("longitude", "#geo+lon"),
    ("as_of", "#date+as_of"),
    ("as_known_at", "#date+known"),
    ("status", "#status+control"),
    ("besieged", "#status+besieged"),
    ("leading_outcome", "#indicator+outcome+leading"),
    ("leading_side", "#group+side+leading"),
    ("probability_ppm", "#indicator+probability+leading+num"),
    ("likelihood", "#indicator+likelihood+leading"),
    ("second_outcome", "#indicator+outcome+second"),
    ("second_side", "#group+side+second"),
    (
        "second_probability_ppm",
        "#indicator+probability+second+num",
    ),
    ("dispute", "#indicator+dispute+num"),
    ("analytic_confidence", "#meta+analytic_confidence"),
    ("since_earliest", "#date+since+earliest"),
    ("since_latest", "#date+since+latest"),
    ("staleness_hours", "#indicator+staleness+hours+num"),
    ("independent_groups", "#indicator+groups+num"),
    ("coverage", "#indicator+coverage+num"),
    ("adjudicated", "#meta+adjudicated"),
    ("source_model", "#meta+source_model"),
    ("method_version", "#meta+method"),
    ("notice", "#meta+notice"),
];

/// A table under the pen.
pub(crate) struct Table<W: Write>(csv::Writer<W>);

impl<W: Write> Table<W> {
    pub(super) fn begin(out: W) -> Result<Self, Failure> {
        let mut table = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        write(&mut table, COLUMNS.iter().map(|(name, _)| *name))?;
        write(&mut table, COLUMNS.iter().map(|(_, tag)| *tag))?;
        Ok(Self(table))
    }

    pub(super) fn row(
        &mut self,
        state: &ControlState,
        place: Option<&Place>,
    ) -> Result<(), Failure> {
        let mut ranked: Vec<&Outcome> = state.outcomes.iter().collect();
        // Of equals the first, as everywhere.
        ranked.sort_by_key(|outcome| std::cmp::Reverse(outcome.probability_ppm));
        let number = |number: Option<f64>| number.map_or_else(String::new, |n| n.to_string());
        let ppm = |outcome: Option<&&Outcome>| {
            outcome.map_or_else(String::new, |o| o.probability_ppm.to_string())
        };
        let side =
            |outcome: Option<&&Outcome>| outcome.map_or_else(String::new, |o| o.side_id.clone());
        let kind =
            |outcome: Option<&&Outcome>| outcome.map_or_else(String::new, |o| kind(o.kind()));
        let (first, second) = (ranked.first(), ranked.get(1));
        let since = state.since.as_ref();
        let hours = state.staleness.as_ref().map(|age| age.seconds / 3_600);
        let point = place.filter(|place| may_be_mapped(place));
        let point = point.and_then(|place| place.location.as_ref());
        let ruled = state.adjudication.as_ref();
        let row = [
            state.place_id.clone(),
            place.map_or_else(String::new, |place| no_formula(&place.pcode)),
            no_formula(name(place)),
            number(point.map(|point| point.latitude)),
            number(point.map(|point| point.longitude)),
            render::time(state.as_of.as_ref()),
            render::time(state.as_known_at.as_ref()),
            render::status(state.status).to_lowercase(),
            state.besieged.to_string(),
            kind(first),
            side(first),
            ppm(first),
            first.map_or_else(String::new, |outcome| render::likelihood(outcome.term)),
            kind(second),
            side(second),
            ppm(second),
            state.dispute.to_string(),
            render::analytic_confidence(state.analytic_confidence),
            bound(since.and_then(|since| since.earliest.as_ref())),
            bound(since.and_then(|since| since.latest.as_ref())),
            hours.map_or_else(String::new, |hours| hours.to_string()),
            state.independent_groups.to_string(),
            state.coverage.to_string(),
            ruled.map_or_else(String::new, |ruled| {
                no_formula(&render::adjudication(ruled))
            }),
            state.source_model.clone(),
            state.method_version.clone(),
            render::DISCLAIMER.to_owned(),
        ];
        write(&mut self.0, row.iter().map(String::as_str))
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }
}

fn write<'a, W: Write>(
    table: &mut csv::Writer<W>,
    cells: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    table
        .write_record(cells)
        .map_err(|error| std::io::Error::other(error).into())
}

fn kind(kind: OutcomeKind) -> String {
    let name = kind.as_str_name();
    name.trim_start_matches("OUTCOME_KIND_").to_lowercase()
}

fn bound(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(String::new, |time| render::time(Some(time)))
}

/// A text that no spreadsheet takes for a formula.
fn no_formula(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula() {
        assert_eq!(no_formula("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(no_formula("Hama"), "Hama");
    }
}
