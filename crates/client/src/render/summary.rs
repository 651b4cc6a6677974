//! A control state as a block of a few lines, for many of them one below the other.

use ascertain_proto::v1::{Contribution, ControlState, Outcome, Status};

use super::state::{headline, log_odds, plural};
use super::words::{analytic_confidence, likelihood, outcome_name, percent, status, when};

/// Where values begin, counted from the left.
const LABEL: usize = 22;
/// Outcomes below this, other than the leading one, are left out: 5 %, where the
/// yardstick's lowest word ends.
const SMALL_PPM: u32 = 50_000;
/// How many groups are shown.
const GROUPS: usize = 3;
/// How many reports of a group are shown.
const REPORTS: usize = 3;

/// The answer of a control state, how good its evidence is, and the groups that
/// moved it most. Those without whose words the answer would not stand are marked as
/// decisive.
/// Whoever shows summaries ends with [`DISCLAIMER`](super::DISCLAIMER), once.
#[must_use]
pub fn summary(state: &ControlState) -> String {
    let besieged = if state.besieged { ", besieged" } else { "" };
    let mut text = format!("{}: {}{besieged}\n", state.place_id, status(state.status));
    text += &who_controls_it(state);
    let inside = state
        .presence
        .iter()
        .map(|side| chance(&side.side_id, side.probability_ppm, side.term));
    text += &listed("who is inside", inside);
    text += &listed("since", state.since.iter().map(when));
    text += &line("dispute", &format!("{:.2}", state.dispute));
    // On a line of its own: it grades the evidence, not the likelihood.
    let confidence = analytic_confidence(state.analytic_confidence);
    text += &line("analytic confidence", &confidence);
    text + &because(state)
}

/// The leading outcome, and on the next line the others that matter.
fn who_controls_it(state: &ControlState) -> String {
    let mut outcomes: Vec<&Outcome> = state.outcomes.iter().collect();
    // Stable: sides with equal odds stay in the order of their ids.
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.probability_ppm));
    let split = outcomes.len().min(1);
    let (leading, others) = outcomes.split_at(split);
    let shown = |one: &&Outcome| chance(&outcome_name(one), one.probability_ppm, one.term);
    let likely = others.iter().filter(|one| one.probability_ppm >= SMALL_PPM);
    listed("who controls it", leading.iter().map(shown)) + &listed("or else", likely.map(shown))
}

/// The strongest groups, strongest first.
fn because(state: &ControlState) -> String {
    let mut groups: Vec<&Contribution> = state.contributions.iter().collect();
    groups.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    if groups.is_empty() {
        return line("because", "no evidence bears on this place");
    }
    let answered = state.status != i32::from(Status::Unknown);
    let mut text = String::new();
    for (index, group) in groups.iter().take(GROUPS).enumerate() {
        let label = if index == 0 { "because" } else { "" };
        let decisive = if answered && stands_by(state, group) {
            "decisive: "
        } else {
            ""
        };
        let (headline, reports) = (headline(group), reports(group));
        let mut shown = format!("{decisive}{}{reports}", headline.trim_start());
        if group.weight_lost != 0.0 {
            let lost = group.weight_lost;
            shown += &format!("; {lost:+.2} against the holder before");
        }
        text += &line(label, &shown);
    }
    let remaining = state.remaining_contributions.as_ref();
    let more = groups.len().saturating_sub(GROUPS) + remaining.map_or(0, |r| r.groups as usize);
    match u32::try_from(more).unwrap_or(u32::MAX) {
        0 => text,
        more => text + &line("", &format!("and {more} more {}", plural(more, "group"))),
    }
}

/// Whether the leading outcome would have less than half without what a group said, all else
/// as it is: then the status would be another.
fn stands_by(state: &ControlState, group: &Contribution) -> bool {
    let leading = state.outcomes.iter().map(|o| o.probability_ppm).max();
    leading.is_some_and(|ppm| log_odds(ppm) < group.weight)
}

fn strength(group: &Contribution) -> f64 {
    group.weight.abs().max(group.weight_lost.abs())
}

/// The partners' own references of a group's reports, newest last.
fn reports(group: &Contribution) -> String {
    let references: Vec<&str> = group
        .reports
        .iter()
        .map(|report| report.partner_reference.as_str())
        .filter(|reference| !reference.is_empty())
        .collect();
    let newest = &references[references.len().saturating_sub(REPORTS)..];
    if newest.is_empty() {
        return String::new();
    }
    let before = if newest.len() < references.len() {
        "… "
    } else {
        ""
    };
    format!(" [{before}{}]", newest.join(" "))
}

fn chance(name: &str, ppm: u32, term: i32) -> String {
    format!("{name} {} ({})", percent(ppm), likelihood(term))
}

/// Values in one line; nothing if there are none.
fn listed(label: &str, values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        return String::new();
    }
    line(label, &values.join(", "))
}

fn line(label: &str, value: &str) -> String {
    format!("  {label:<LABEL$}{value}\n")
}
