//! From domain to wire: never fails.

mod area;
mod claimed;
mod compare;
mod model;

pub use area::area_summary;
pub use claimed::claimed_control;
pub use compare::{claim_between, group_difference, state_change};
pub use model::{PRIOR_MODEL, learned_source, model_id, source_model};

use ascertain_domain::adjudication::{Adjudication, Ruling};
use ascertain_domain::id::ReportKey;
use ascertain_domain::marking::{Audience, Marking};
use ascertain_domain::report::Report;
use ascertain_domain::state::{
    AnalyticConfidence, Contribution, ControlState, Interest, Likelihood, Outcome, Ppm, Status,
};
use ascertain_domain::time::{TimeInterval, TimePrecision, Timestamp};
use ascertain_domain::violation::Violation;

use ascertain_engine::{SetAside, Why};

use crate::v1;

/// How many groups a state lists; the rest is summed.
const LISTED_CONTRIBUTIONS: usize = 8;

/// A time.
#[must_use]
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.micros().div_euclid(1_000_000),
        // Below 1,000,000,000, which an i32 holds.
        nanos: i32::try_from(time.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

/// A length of time.
#[must_use]
pub fn duration(micros: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: micros / 1_000_000,
        nanos: i32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0),
    }
}

/// An interval.
#[must_use]
pub fn interval(interval: TimeInterval) -> v1::TimeInterval {
    v1::TimeInterval {
        earliest: interval.earliest.map(timestamp),
        latest: interval.latest.map(timestamp),
        precision: precision(interval.precision).into(),
    }
}

fn precision(precision: TimePrecision) -> v1::TimePrecision {
    match precision {
        TimePrecision::Unspecified => v1::TimePrecision::Unspecified,
        TimePrecision::Instant => v1::TimePrecision::Instant,
        TimePrecision::Hour => v1::TimePrecision::Hour,
        TimePrecision::PartOfDay => v1::TimePrecision::PartOfDay,
        TimePrecision::Day => v1::TimePrecision::Day,
        TimePrecision::Week => v1::TimePrecision::Week,
        TimePrecision::Month => v1::TimePrecision::Month,
        TimePrecision::Unknown => v1::TimePrecision::Unknown,
    }
}

/// A mistake.
#[must_use]
pub fn violation(violation: Violation) -> v1::FieldViolation {
    v1::FieldViolation {
        field: violation.field,
        reason: violation.reason.name().to_owned(),
        description: violation.description,
    }
}

/// A marking.
#[must_use]
pub fn tlp(marking: Marking) -> v1::Tlp {
    match marking {
        Marking::Clear => v1::Tlp::Clear,
        Marking::Green => v1::Tlp::Green,
        Marking::Amber => v1::Tlp::Amber,
        Marking::AmberStrict => v1::Tlp::AmberStrict,
        Marking::Red => v1::Tlp::Red,
    }
}

/// An audience.
#[must_use]
pub fn audience(audience: Audience) -> v1::Audience {
    match audience {
        Audience::Clear => v1::Audience::Clear,
        Audience::Green => v1::Audience::Green,
        Audience::Amber => v1::Audience::Amber,
        Audience::Full => v1::Audience::Full,
    }
}

/// A status.
#[must_use]
pub fn status(status: Status) -> v1::Status {
    match status {
        Status::Held => v1::Status::Held,
        Status::Contested => v1::Status::Contested,
        Status::Mixed => v1::Status::Mixed,
        Status::Vacated => v1::Status::Vacated,
        Status::Unknown => v1::Status::Unknown,
    }
}

/// The yardstick word of a probability.
#[must_use]
pub fn likelihood(probability: Ppm) -> v1::Likelihood {
    match Likelihood::from(probability) {
        Likelihood::AlmostNoChance => v1::Likelihood::AlmostNoChance,
        Likelihood::VeryUnlikely => v1::Likelihood::VeryUnlikely,
        Likelihood::Unlikely => v1::Likelihood::Unlikely,
        Likelihood::RoughlyEvenChance => v1::Likelihood::RoughlyEvenChance,
        Likelihood::Likely => v1::Likelihood::Likely,
        Likelihood::VeryLikely => v1::Likelihood::VeryLikely,
        Likelihood::AlmostCertain => v1::Likelihood::AlmostCertain,
    }
}

/// A grade of evidence.
#[must_use]
pub fn analytic_confidence(confidence: AnalyticConfidence) -> v1::AnalyticConfidence {
    match confidence {
        AnalyticConfidence::Low => v1::AnalyticConfidence::Low,
        AnalyticConfidence::Moderate => v1::AnalyticConfidence::Moderate,
        AnalyticConfidence::High => v1::AnalyticConfidence::High,
    }
}

/// An interest.
#[must_use]
pub fn interest(interest: Interest) -> v1::Interest {
    match interest {
        Interest::SelfServing => v1::Interest::SelfServing,
        Interest::Neutral => v1::Interest::Neutral,
        Interest::AgainstInterest => v1::Interest::AgainstInterest,
    }
}

/// An outcome with its probability.
#[must_use]
pub fn outcome(outcome: &Outcome, probability: Ppm) -> v1::Outcome {
    let (kind, side_id) = match outcome {
        Outcome::Side(side) => (v1::OutcomeKind::Side, side.to_string()),
        Outcome::Contested => (v1::OutcomeKind::Contested, String::new()),
        Outcome::Mixed => (v1::OutcomeKind::Mixed, String::new()),
        Outcome::Vacated => (v1::OutcomeKind::Vacated, String::new()),
        Outcome::Other => (v1::OutcomeKind::Other, String::new()),
    };
    v1::Outcome {
        kind: kind.into(),
        side_id,
        probability_ppm: probability.0,
        term: likelihood(probability).into(),
    }
}

/// A report's key, with the partner's own reference.
#[must_use]
pub fn report_reference(key: &ReportKey, partner_reference: &str) -> v1::ReportReference {
    v1::ReportReference {
        partner_id: key.partner.to_string(),
        report_id: key.report.to_string(),
        partner_reference: partner_reference.to_owned(),
    }
}

/// What a group did.
#[must_use]
pub fn contribution(contribution: &Contribution) -> v1::Contribution {
    let reports = contribution.reports.iter();
    v1::Contribution {
        group: contribution.group.clone(),
        name: contribution.name.clone(),
        reports: reports
            .map(|(key, reference)| report_reference(key, reference))
            .collect(),
        weight: contribution.weight,
        weight_lost: contribution.weight_lost,
        interest: interest(contribution.interest).into(),
        reason: contribution.reason.clone(),
    }
}

/// A state taken apart.
#[must_use]
pub fn explanation(
    explanation: &ascertain_engine::Explanation,
    method: Method<'_>,
) -> v1::Explanation {
    let outcomes = |all: &[(Outcome, Ppm)]| all.iter().map(|(o, p)| outcome(o, *p)).collect();
    v1::Explanation {
        state: Some(control_state(&explanation.state, method)),
        groups: explanation
            .groups
            .iter()
            .map(|group| v1::GroupExplanation {
                contribution: Some(contribution(&group.contribution)),
                without_group: outcomes(&group.without_group),
                claims: group.claims.iter().map(claim_explanation).collect(),
            })
            .collect(),
        previous_holder: explanation
            .previous_holder
            .as_ref()
            .map(|(o, p)| outcome(o, *p)),
        without_evidence: outcomes(&explanation.without_evidence),
        set_aside: explanation.set_aside.iter().map(report_set_aside).collect(),
    }
}

/// A report that no longer counts.
#[must_use]
pub fn report_set_aside(aside: &SetAside) -> v1::ReportSetAside {
    let reference =
        |report: &Report| Some(report_reference(&report.key(), &report.partner_reference));
    let cause = match aside.why {
        Why::Superseded => v1::SetAsideCause::Superseded,
        Why::Retracted => v1::SetAsideCause::Retracted,
        Why::RetractedByOriginator => v1::SetAsideCause::RetractedByOriginator,
    };
    v1::ReportSetAside {
        report: reference(&aside.report),
        cause: cause.into(),
        because_of: reference(&aside.by),
    }
}

fn claim_explanation(claim: &ascertain_engine::ClaimExplanation) -> v1::ClaimExplanation {
    v1::ClaimExplanation {
        report: Some(report_reference(&claim.report, &claim.partner_reference)),
        claim_id: claim.claim.to_string(),
        place_id: claim.place.to_string(),
        statement: claim.statement.clone(),
        interest: interest(claim.interest).into(),
        entered_at: Some(timestamp(claim.entered)),
        first_known_at: Some(timestamp(claim.first_known_at)),
        weight: Some(v1::ClaimWeight {
            total: claim.weight,
            repetition: claim.repetition,
            crowding: claim.crowding,
            copying: claim.copying,
            hierarchy: claim.hierarchy,
            modality: claim.modality,
            evidence: claim.evidence,
        }),
        likelihoods: claim.likelihoods.clone(),
        relays: claim.relays.clone(),
        repeats: claim
            .repeats
            .as_ref()
            .map(|(key, reference)| report_reference(key, reference)),
        flags: claim
            .time_inconsistent
            .then(|| "TIME_INCONSISTENT".to_owned())
            .into_iter()
            .collect(),
    }
}

/// A ruling; `None` of a revocation.
#[must_use]
pub fn adjudication(
    ruled: &Adjudication,
    known_at: Timestamp,
    revoked_at: Option<Timestamp>,
) -> Option<v1::Adjudication> {
    let Ruling::So {
        outcome: ruling,
        from,
        until,
    } = &ruled.ruling
    else {
        return None;
    };
    let named = outcome(ruling, Ppm(0));
    Some(v1::Adjudication {
        adjudication_id: ruled.id.to_string(),
        place_id: ruled.place.to_string(),
        kind: named.kind,
        side_id: named.side_id,
        reason: ruled.reason.clone(),
        valid_from: Some(timestamp(*from)),
        valid_until: until.map(timestamp),
        partner_id: ruled.partner.to_string(),
        known_at: Some(timestamp(known_at)),
        revoked_at: revoked_at.map(timestamp),
    })
}

/// How a state was computed.
#[derive(Debug, Clone, Copy)]
pub struct Method<'a> {
    /// The version of the method.
    pub version: &'a str,
    /// The source model in force, by its name.
    pub source_model: &'a str,
}

/// A state, as computed by a method. It lists eight groups and sums the rest.
#[must_use]
pub fn control_state(state: &ControlState, method: Method<'_>) -> v1::ControlState {
    let listed = state.contributions.len().min(LISTED_CONTRIBUTIONS);
    let (listed, rest) = state.contributions.split_at(listed);
    let basis = if state.reconstructed {
        v1::KnowledgeBasis::Reconstructed
    } else {
        v1::KnowledgeBasis::Live
    };
    v1::ControlState {
        place_id: state.place.to_string(),
        audience: audience(state.audience).into(),
        as_of: Some(timestamp(state.as_of)),
        as_known_at: Some(timestamp(state.as_known_at)),
        knowledge_basis: basis.into(),
        status: status(state.status).into(),
        besieged: state.besieged,
        outcomes: state.outcomes.iter().map(|(o, p)| outcome(o, *p)).collect(),
        presence: state
            .presence
            .iter()
            .map(|(side, p)| v1::Presence {
                side_id: side.to_string(),
                probability_ppm: p.0,
                term: likelihood(*p).into(),
            })
            .collect(),
        members_named: state
            .members_named
            .iter()
            .map(ToString::to_string)
            .collect(),
        analytic_confidence: analytic_confidence(state.analytic_confidence).into(),
        since: state.since.map(interval),
        dispute: state.dispute,
        independent_groups: state.independent_groups,
        staleness: state.staleness_us.map(duration),
        coverage: state.coverage,
        contributions: listed.iter().map(contribution).collect(),
        remaining_contributions: (!rest.is_empty()).then(|| v1::RemainingContributions {
            groups: u32::try_from(rest.len()).unwrap_or(u32::MAX),
            weight: rest.iter().map(|c| c.weight).sum(),
        }),
        withheld_contributions: 0,
        source_model: method.source_model.to_owned(),
        method_version: method.version.to_owned(),
        input_digest: state.input_digest.0.to_vec(),
        erased_reports: 0,
        adjudication: None,
    }
}

#[cfg(test)]
mod tests;
