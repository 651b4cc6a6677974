//! A control state as a page of text.

use ascertain_proto::v1::{
    Adjudication, Contribution, ControlState, KnowledgeBasis, ReportReference,
};

use super::DISCLAIMER;
use super::words::{
    analytic_confidence, interest, likelihood, outcome_kind, outcome_name, percent, span, status,
    time, when,
};

/// Where values begin, counted from the left.
const LABEL: usize = 22;

/// A control state with everything that it says.
#[must_use]
pub fn state(state: &ControlState) -> String {
    let mut text = head(state);
    text.push('\n');
    text.push_str(&contributions(state));
    text.push('\n');
    text.push_str(&foot(state));
    text
}

/// The answer and how good its evidence is.
pub(super) fn head(state: &ControlState) -> String {
    let mut text = format!("{}\n", state.place_id);
    text += &line("as of", &time(state.as_of.as_ref()));
    text += &line("as known at", &known_at(state));
    let besieged = if state.besieged { ", besieged" } else { "" };
    text += &line("status", &format!("{}{besieged}", status(state.status)));
    if let Some(ruled) = &state.adjudication {
        text += &line("adjudicated", &adjudication(ruled));
    }
    if state.erased_reports > 0 {
        let count = state.erased_reports;
        let reports = plural(count, "report");
        let what = format!("rested on {count} {reports} erased since; it cannot be made again");
        text += &line("erased", &what);
    }
    text.push('\n');
    text += &odds(
        "who controls it",
        state
            .outcomes
            .iter()
            .map(|outcome| (outcome_name(outcome), outcome.probability_ppm, outcome.term)),
    );
    if !state.presence.is_empty() {
        text += &odds(
            "who is inside",
            state.presence.iter().map(|presence| {
                (
                    presence.side_id.clone(),
                    presence.probability_ppm,
                    presence.term,
                )
            }),
        );
    }
    if !state.members_named.is_empty() {
        text += &line("members named", &state.members_named.join(", "));
    }
    text.push('\n');
    let since = state.since.as_ref().map_or_else(|| "-".to_owned(), when);
    text += &line("since", &since);
    text += &line(
        "dispute",
        &format!("{:.2} (0 none, 1 evenly split)", state.dispute),
    );
    text.push('\n');
    // On a line of its own: it grades the evidence, not the likelihood.
    text += &line(
        "analytic confidence",
        &analytic_confidence(state.analytic_confidence),
    );
    text += &line("independent groups", &state.independent_groups.to_string());
    let newest = state.staleness.as_ref().map(span);
    text += &line(
        "newest evidence",
        &newest.map_or_else(|| "none".into(), |age| format!("{age} old")),
    );
    text += &line(
        "coverage",
        &format!("{:.0} % of sub-places", state.coverage * 100.0),
    );
    text
}

/// A ruling in one line, such as `opposition, from 2024-12-05T15:00:00Z on, by local: seen`.
#[must_use]
pub fn adjudication(ruled: &Adjudication) -> String {
    let what = outcome_kind(ruled.kind(), &ruled.side_id);
    let until = match &ruled.valid_until {
        Some(until) => format!("until {}", time(Some(until))),
        None => "on".to_owned(),
    };
    let from = time(ruled.valid_from.as_ref());
    let revoked = ruled.revoked_at.as_ref();
    let revoked = revoked.map_or_else(String::new, |at| {
        format!(" (taken back {})", time(Some(at)))
    });
    let (by, reason) = (&ruled.partner_id, &ruled.reason);
    format!("{what}, from {from} {until}, by {by}: {reason}{revoked}")
}

/// What moved the answer.
fn contributions(state: &ControlState) -> String {
    if state.contributions.is_empty() && state.withheld_contributions == 0 {
        return "no evidence bears on this place\n".to_owned();
    }
    let mut text = "what moved the answer (log-odds of the leading outcome)\n".to_owned();
    for contribution in &state.contributions {
        text += &format!("  {}\n", headline(contribution));
        let reports: Vec<String> = contribution.reports.iter().map(reference).collect();
        if !reports.is_empty() {
            text += &format!("          {}\n", reports.join(", "));
        }
    }
    if let Some(rest) = state
        .remaining_contributions
        .as_ref()
        .filter(|rest| rest.groups > 0)
    {
        text += &format!(
            "  {}  and {} more {}\n",
            signed(rest.weight),
            rest.groups,
            plural(rest.groups, "group")
        );
    }
    if state.withheld_contributions > 0 {
        let withheld = state.withheld_contributions;
        text += &format!(
            "  {withheld} {} withheld from this audience\n",
            plural(withheld, "group")
        );
    }
    text
}

/// By which method, and what must be kept in mind.
pub(super) fn foot(state: &ControlState) -> String {
    let model = format!(
        "{}, source model {}",
        state.method_version, state.source_model
    );
    line("method", &model) + DISCLAIMER + "\n"
}

/// A group in one line: weight, name, interest, reason.
pub(super) fn headline(contribution: &Contribution) -> String {
    let name = if contribution.name.is_empty() {
        &contribution.group
    } else {
        &contribution.name
    };
    let mut text = format!(
        "{}  {name}, {}",
        signed(contribution.weight),
        interest(contribution.interest)
    );
    if !contribution.reason.is_empty() {
        text += &format!(": {}", contribution.reason);
    }
    text
}

/// The partner's own reference of a report and its id, where the partner is told beside.
pub(super) fn own_reference(report: &ReportReference) -> String {
    match report.partner_reference.as_str() {
        "" => report.report_id.clone(),
        own => format!("{own} ({})", report.report_id),
    }
}

/// How a report is best found again: the partner's own reference, then its id.
pub(super) fn reference(report: &ReportReference) -> String {
    let ReportReference {
        partner_id,
        report_id,
        partner_reference,
    } = report;
    if partner_reference.is_empty() {
        format!("{partner_id}/{report_id}")
    } else {
        format!("{partner_reference} ({partner_id}/{report_id})")
    }
}

/// ln(p / (1 − p)) of a published probability, which is never 0 or 1.
pub(super) fn log_odds(ppm: u32) -> f64 {
    let p = f64::from(ppm.clamp(1, 999_999));
    (p / (1e6 - p)).ln()
}

/// A weight with its sign, six characters wide.
pub(super) fn signed(weight: f64) -> String {
    format!("{weight:>+6.2}")
}

/// `one group`, `two groups`.
pub(super) fn plural(count: u32, noun: &str) -> String {
    if count == 1 {
        noun.to_owned()
    } else {
        format!("{noun}s")
    }
}

fn known_at(state: &ControlState) -> String {
    let known_at = time(state.as_known_at.as_ref());
    match KnowledgeBasis::try_from(state.knowledge_basis).unwrap_or_default() {
        KnowledgeBasis::Reconstructed => format!("{known_at} (reconstructed: brought along later)"),
        _ => known_at,
    }
}

fn odds(title: &str, rows: impl Iterator<Item = (String, u32, i32)>) -> String {
    let rows: Vec<_> = rows.collect();
    let width = rows
        .iter()
        .map(|(name, ..)| name.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = format!("{title}\n");
    for (name, ppm, term) in rows {
        text += &format!(
            "  {name:<width$}  {:>7}  {}\n",
            percent(ppm),
            likelihood(term)
        );
    }
    text
}

fn line(label: &str, value: &str) -> String {
    format!("{label:<LABEL$}{value}\n")
}
