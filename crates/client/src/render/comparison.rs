//! Two states of a place side by side.

use ascertain_proto::v1::{ClaimBetween, ControlState, GroupDifference, StateComparison};

use super::DISCLAIMER;
use super::state::{plural, reference, signed};
use super::words::{
    analytic_confidence, changes, leading, likelihood, outcome_name, percent, status, time, when,
};

/// Where the first of the two columns begins.
const LABEL: usize = 22;

/// A state as one cell of a row.
type Cell = fn(&ControlState) -> String;

/// What differs between two states of a place, the groups that weigh otherwise, and the
/// claims that lie between.
#[must_use]
pub fn comparison(comparison: &StateComparison) -> String {
    let mut text = format!("{}\n", comparison.place_id);
    text += &side_by_side(comparison);
    let changed = changes(&comparison.changes);
    let changed = if changed.is_empty() {
        "nothing"
    } else {
        &changed
    };
    text += &format!("\n{:<LABEL$}{changed}\n", "changed");
    if let Some(weighed) = comparison.weighed.as_ref() {
        let name = outcome_name(weighed);
        text += &format!("\nwho moved it (log-odds of {name}: before, after, difference)\n");
        if comparison.groups.is_empty() {
            text += "  nobody\n";
        }
        comparison.groups.iter().for_each(|one| text += &group(one));
        if comparison.remaining_groups > 0 {
            let more = comparison.remaining_groups;
            text += &format!("  and {more} more {}\n", plural(more, "group"));
        }
        text += "\nwhat was said in between\n";
        if comparison.claims.is_empty() {
            text += "  nothing\n";
        }
        if comparison.remaining_claims > 0 {
            let more = comparison.remaining_claims;
            text += &format!("  {more} {} known before these\n", plural(more, "claim"));
        }
        comparison.claims.iter().for_each(|one| text += &claim(one));
    }
    text + "\n" + DISCLAIMER + "\n"
}

fn side_by_side(comparison: &StateComparison) -> String {
    let states = [comparison.before.as_ref(), comparison.after.as_ref()];
    let rows: [(&str, Cell); 9] = [
        ("as of", |state| time(state.as_of.as_ref())),
        ("as known at", |state| time(state.as_known_at.as_ref())),
        ("status", |state| {
            let besieged = if state.besieged { ", besieged" } else { "" };
            format!("{}{besieged}", status(state.status))
        }),
        ("leading", |state| {
            let one = leading(state).map(|one| {
                let (name, share) = (outcome_name(one), percent(one.probability_ppm));
                format!("{name} {share} ({})", likelihood(one.term))
            });
            one.unwrap_or_else(|| "-".to_owned())
        }),
        ("since", |state| {
            state.since.as_ref().map_or_else(|| "-".to_owned(), when)
        }),
        ("dispute", |state| format!("{:.2}", state.dispute)),
        ("analytic confidence", |state| {
            analytic_confidence(state.analytic_confidence)
        }),
        ("independent groups", |state| {
            state.independent_groups.to_string()
        }),
        ("method", |state| {
            format!(
                "{}, source model {}",
                state.method_version, state.source_model
            )
        }),
    ];
    let rows = rows.map(|(label, of)| {
        let cells = states.map(|state| state.map_or_else(|| "not registered".to_owned(), of));
        (label, cells)
    });
    let width = rows.iter().map(|(_, [before, _])| before.chars().count());
    let width = width.max().unwrap_or(0);
    let mut text = format!("{:<LABEL$}{:<width$}  after\n", "", "before");
    for (label, [before, after]) in rows {
        text += &format!("{label:<LABEL$}{before:<width$}  {after}\n");
    }
    text
}

fn group(group: &GroupDifference) -> String {
    let shown = |weight: Option<f64>| weight.map_or_else(|| "     -".to_owned(), signed);
    let by = group.weight_after.unwrap_or(0.0) - group.weight_before.unwrap_or(0.0);
    let name = match group.name.as_str() {
        "" => &group.group,
        name => name,
    };
    let kind = match (group.weight_before, group.weight_after) {
        (None, _) => ", new",
        (_, None) => ", gone",
        _ => "",
    };
    let (before, after) = (shown(group.weight_before), shown(group.weight_after));
    format!("  {before}  {after}  {}  {name}{kind}\n", signed(by))
}

fn claim(claim: &ClaimBetween) -> String {
    let why = [
        (claim.newly_known, "newly known"),
        (claim.no_longer_counts, "taken back or corrected"),
        (claim.entered_between, "happened in between"),
    ];
    let why: Vec<&str> = why
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, why)| *why)
        .collect();
    let why = why.join(", ");
    let report = claim.report.clone().unwrap_or_default();
    format!(
        "  {}  {}: {}\n      {why}; known at {}; report {}\n",
        time(claim.entered_at.as_ref()),
        claim.name,
        claim.statement,
        time(claim.first_known_at.as_ref()),
        reference(&report)
    )
}
