//! An explanation as a tree, from the answer down to reports and relays.

use ascertain_proto::v1::{ClaimExplanation, Explanation, GroupExplanation, Outcome};

use super::report::set_aside;
use super::state::{foot, head, headline, log_odds, own_reference, plural, reference};
use super::words::{interest, likelihood, outcome_name, percent, time};

/// A line with what stands below it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

/// The state, then every independence group with its claims, strongest first.
#[must_use]
pub fn explanation(explanation: &Explanation) -> String {
    let mut below = Vec::new();
    if let Some(previous) = &explanation.previous_holder {
        below.push(leaf(format!(
            "before the last change: {}",
            outcome_name(previous)
        )));
    }
    if !explanation.without_evidence.is_empty() {
        let outcomes = outcomes(&explanation.without_evidence);
        below.push(leaf(format!("without any evidence: {outcomes}")));
    }
    let state = explanation.state.clone().unwrap_or_default();
    let leading = state.outcomes.iter().max_by_key(|o| o.probability_ppm);
    let groups = explanation.groups.iter();
    below.extend(groups.map(|one| group(one, leading)));
    if !explanation.set_aside.is_empty() {
        let aside = explanation.set_aside.iter().map(|aside| {
            let report = aside.report.as_ref().map(reference).unwrap_or_default();
            leaf(format!("{report}: {}", set_aside(aside)))
        });
        below.push(Branch {
            text: "reports that do not count, or not with all that they say".to_owned(),
            below: aside.collect(),
        });
    }
    let count = u32::try_from(explanation.groups.len()).unwrap_or(u32::MAX);
    let root = Branch {
        text: format!("why: {count} independence {}", plural(count, "group")),
        below,
    };
    let mut text = head(&state);
    text.push('\n');
    draw(&root, "", "", &mut text);
    text.push('\n');
    text + &foot(&state)
}

fn group(group: &GroupExplanation, leading: Option<&Outcome>) -> Branch {
    let contribution = group.contribution.clone().unwrap_or_default();
    let mut below = vec![leaf(format!("group {}", contribution.group))];
    if contribution.weight_lost != 0.0 {
        let lost = contribution.weight_lost;
        below.push(leaf(format!(
            "{lost:+.2} for: the holder before no longer holds it"
        )));
    }
    if !group.without_group.is_empty() {
        // Its words weigh one thing; that it reported at all, fighting and all, another.
        if let Some(in_all) = leading.and_then(|leading| in_all(leading, &group.without_group)) {
            below.push(leaf(format!(
                "{in_all:+.2} in all, with the fighting that it reported and what it took from others"
            )));
        }
        below.push(leaf(format!(
            "without this group: {}",
            outcomes(&group.without_group)
        )));
    }
    below.extend(reports(&group.claims));
    Branch {
        text: headline(&contribution).trim_start().to_owned(),
        below,
    }
}

/// How much surer of the leading outcome the answer is than it would be had a group never
/// reported, in log-odds.
fn in_all(leading: &Outcome, without: &[Outcome]) -> Option<f64> {
    let name = outcome_name(leading);
    let same = without.iter().find(|other| outcome_name(other) == name)?;
    Some(log_odds(leading.probability_ppm) - log_odds(same.probability_ppm))
}

/// The reports of claims, in the order in which they were known, each with its claims and
/// with who passed it on.
fn reports(claims: &[ClaimExplanation]) -> Vec<Branch> {
    let same = |a: &ClaimExplanation, b: &ClaimExplanation| a.report == b.report;
    let reports = claims.chunk_by(same).filter_map(|claims| {
        let first = claims.first()?;
        let report = first.report.clone().unwrap_or_default();
        let mut below: Vec<Branch> = claims.iter().map(claim).collect();
        if !first.relays.is_empty() {
            let relays = first.relays.join(", then ");
            below.push(leaf(format!("passed on by {relays}")));
        }
        let known = time(first.first_known_at.as_ref());
        Some(Branch {
            text: format!(
                "report {}, submitted by {}, first known at {known}",
                own_reference(&report),
                report.partner_id
            ),
            below,
        })
    });
    reports.collect()
}

fn claim(claim: &ClaimExplanation) -> Branch {
    let mut below = vec![leaf(format!(
        "claim {} of {}, entered at {}, {}",
        claim.claim_id,
        claim.place_id,
        time(claim.entered_at.as_ref()),
        interest(claim.interest)
    ))];
    if let Some(weight) = &claim.weight {
        below.push(leaf(format!(
            "weight {:.2} = repetition {:.2} × crowding {:.2} × copying {:.2} × hierarchy {:.2} \
             × modality {:.2} × evidence {:.2}",
            weight.total,
            weight.repetition,
            weight.crowding,
            weight.copying,
            weight.hierarchy,
            weight.modality,
            weight.evidence
        )));
    }
    if let Some(first) = &claim.repeats {
        below.push(leaf(format!(
            "brings a picture, recording or text again that came with report {}",
            reference(first)
        )));
    }
    if !claim.flags.is_empty() {
        below.push(leaf(format!("flags: {}", claim.flags.join(", "))));
    }
    Branch {
        text: claim.statement.clone(),
        below,
    }
}

/// All outcomes in one line, most likely first.
fn outcomes(outcomes: &[Outcome]) -> String {
    let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
    sorted.sort_by_key(|outcome| std::cmp::Reverse(outcome.probability_ppm));
    let one = |outcome: &&Outcome| {
        let (name, share) = (outcome_name(outcome), percent(outcome.probability_ppm));
        format!("{name} {share} ({})", likelihood(outcome.term))
    };
    sorted.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn leaf(text: String) -> Branch {
    Branch {
        text,
        below: Vec::new(),
    }
}

fn draw(branch: &Branch, first: &str, rest: &str, text: &mut String) {
    *text += &format!("{first}{}\n", branch.text);
    let last = branch.below.len().saturating_sub(1);
    for (index, below) in branch.below.iter().enumerate() {
        let (tee, bar) = if index == last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        draw(
            below,
            &format!("{rest}{tee}"),
            &format!("{rest}{bar}"),
            text,
        );
    }
}
