//! A state taken apart, down to the reports that moved it.

use ascertain_domain::id::{ClaimId, PlaceId, ReportKey};
use ascertain_domain::registry::View;
use ascertain_domain::report::Relay;
use ascertain_domain::state::{Contribution, ControlState, Interest, Outcome, Ppm};
use ascertain_domain::time::Timestamp;
use ascertain_fusion::outcomes::{leader, parts_per_million};

use crate::evaluate::{PARTS, named, take_to};
use crate::fold::{Family, Folded};
use crate::group::{GroupFacts, group_id};
use crate::item::Item;
use crate::statement::statement;
use crate::versions::{SetAside, sort_out};

/// For so many groups, the strongest, it is told how things stood without them.
const REFOLDED_GROUPS: usize = 32;

/// A state taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The state.
    pub state: ControlState,
    /// The groups, strongest first; after them those that bear on no holder.
    pub groups: Vec<GroupExplanation>,
    /// The side that led before the leading outcome, with its present chance.
    pub previous_holder: Option<(Outcome, Ppm)>,
    /// The outcomes without any evidence.
    pub without_evidence: Vec<(Outcome, Ppm)>,
    /// The reports that name the place, or places beside it, and no longer count.
    pub set_aside: Vec<SetAside>,
}

/// A group taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupExplanation {
    /// Its contribution.
    pub contribution: Contribution,
    /// The outcomes had the group never reported: a new fold without it, equal to
    /// the retraction of its reports. Empty beyond the 32 strongest groups. For the
    /// places within: the outcomes if what is said of them said nothing of the whole.
    pub without_group: Vec<(Outcome, Ppm)>,
    /// Its claims, in the order in which they were known.
    pub claims: Vec<ClaimExplanation>,
}

/// How one claim entered.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimExplanation {
    /// The report.
    pub report: ReportKey,
    /// The partner's own reference.
    pub partner_reference: String,
    /// The claim within it.
    pub claim: ClaimId,
    /// The place that it was made of.
    pub place: PlaceId,
    /// What it says.
    pub statement: String,
    /// Which way it cuts for its originator's side.
    pub interest: Interest,
    /// When it entered.
    pub entered: Timestamp,
    /// When its report was first known.
    pub first_known_at: Timestamp,
    /// Factor for repeating its group.
    pub repetition: f64,
    /// Factor for standing in a crowd.
    pub crowding: f64,
    /// Factor for agreeing with somebody whom its source copies.
    pub copying: f64,
    /// Factor for having been said of the place above.
    pub hierarchy: f64,
    /// Factor for being hedged or a rumour.
    pub modality: f64,
    /// Factor for evidence that was found refuted, synthetic or recycled.
    pub evidence: f64,
    /// The product of the six.
    pub weight: f64,
    /// Its likelihood under each outcome; all 1 if it bears on no holder.
    pub likelihoods: Vec<f64>,
    /// The report that first brought a picture, recording or text that this one's report
    /// brings again, the same or nearly so, with the partner's own reference.
    pub repeats: Option<(ReportKey, String)>,
    /// Who passed it on.
    pub relays: Vec<String>,
    /// Whether the report's times contradict each other.
    pub time_inconsistent: bool,
}

/// Takes the state of a family at a valid time apart.
#[must_use]
pub fn explain(family: Family<'_>, as_of: Timestamp, as_known_at: Timestamp) -> Explanation {
    let mut folded = Folded::in_full(family);
    let state = folded.evaluate(as_of, as_known_at);
    let outcomes = folded.outcomes();
    let listed = state.contributions.iter().cloned();
    let silent = folded
        .groups
        .values()
        .filter(|g| state.contributions.iter().all(|c| c.group != g.key))
        .map(|group| moved_nothing(group));
    let groups = listed
        .chain(silent)
        .enumerate()
        .map(|(rank, contribution)| GroupExplanation {
            // Each takes a fold of its own: enough of them to see what matters.
            without_group: if contribution.group == PARTS {
                folded
                    .clone()
                    .without_parts()
                    .evaluate(as_of, as_known_at)
                    .outcomes
            } else if rank >= REFOLDED_GROUPS {
                Vec::new()
            } else {
                Folded::except(family, Some(&contribution.group))
                    .evaluate(as_of, as_known_at)
                    .outcomes
            },
            claims: claims_of(&folded, family.registry, &contribution.group),
            contribution,
        })
        .collect();
    let leading = leader(
        &state
            .outcomes
            .iter()
            .map(|(_, p)| f64::from(p.0))
            .collect::<Vec<_>>(),
    );
    let mut nothing_known = outcomes.prior();
    take_to(&mut nothing_known, folded.temper);
    let before = folded.stand(as_of.slot()).filter;
    let previous = leading.and_then(|l| before.led_before(l));
    Explanation {
        previous_holder: previous.map(|side| state.outcomes[side].clone()),
        without_evidence: named(&folded.sides, &parts_per_million(&nothing_known)),
        groups,
        set_aside: sort_out(family.reports, family.registry, family.audience).set_aside,
        state,
    }
}

/// A group that makes no difference: it bears on no holder, or is long forgotten.
fn moved_nothing(group: &GroupFacts) -> Contribution {
    Contribution {
        group: group.key.clone(),
        name: group.name.clone(),
        reports: group.reports.clone(),
        weight: 0.0,
        weight_lost: 0.0,
        interest: group.interest,
        reason: group.reason.clone(),
    }
}

fn claims_of(folded: &Folded, registry: View<'_>, group: &str) -> Vec<ClaimExplanation> {
    let id = group_id(group);
    let of_group = folded.items.iter().filter(|item| item.group == id);
    of_group
        .map(|item| explain_claim(folded, registry, item))
        .collect()
}

fn explain_claim(folded: &Folded, registry: View<'_>, item: &Item) -> ClaimExplanation {
    let (report, claim) = (&item.report, item.claim());
    ClaimExplanation {
        report: report.key(),
        partner_reference: report.partner_reference.clone(),
        claim: claim.id.clone(),
        place: if item.bearing.direct {
            folded.place.clone()
        } else {
            claim.place.clone()
        },
        statement: statement(claim, registry),
        interest: item.interest,
        entered: item.entered,
        first_known_at: report.first_known_at,
        repetition: item.discount.repetition,
        crowding: item.discount.crowding,
        copying: item.discount.copying,
        hierarchy: item.bearing.hierarchy,
        modality: item.modality,
        evidence: item.evidence,
        weight: item.weight(),
        likelihoods: item.log_likelihoods.as_ref().map_or_else(
            || vec![1.0; folded.outcomes().count()],
            |lls| lls.iter().map(|ll| libm::exp(*ll)).collect(),
        ),
        repeats: item.repeats.map(|first| {
            let first = &folded.items[first].report;
            (first.key(), first.partner_reference.clone())
        }),
        relays: report.relays.iter().map(relay).collect(),
        time_inconsistent: report.time_inconsistent,
    }
}

fn relay(relay: &Relay) -> String {
    match relay {
        Relay::Source(id) => id.to_string(),
        Relay::Unregistered(_) => "unregistered".to_owned(),
    }
}
