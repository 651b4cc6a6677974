//! Published states, read back from the state log.

use ascertain_domain::id::{ActorId, Digest, PartnerId, PlaceId, ReportId, ReportKey};
use ascertain_domain::state::{
    AnalyticConfidence, Contribution, ControlState, Interest, Outcome, Ppm,
};
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::Violations;

use super::{enums, time};
use crate::v1;

/// A state that cannot be read: another version wrote it, or it is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be read: {0}")]
pub struct StateError(&'static str);

/// A state as it was published. What it lists of its groups is all that is there: the
/// rest stands as a sum in the message alone.
///
/// # Errors
/// [`StateError`] names what cannot be read.
pub fn control_state(wire: &v1::ControlState) -> Result<ControlState, StateError> {
    let stamp = |time: Option<&prost_types::Timestamp>| -> Result<Timestamp, StateError> {
        let time = time.map(time::timestamp).and_then(Result::ok);
        time.ok_or(StateError("a time"))
    };
    let actor = |id: &str| ActorId::new(id).map_err(|_| StateError("an actor"));
    let confidence = match wire.analytic_confidence() {
        v1::AnalyticConfidence::Moderate => AnalyticConfidence::Moderate,
        v1::AnalyticConfidence::High => AnalyticConfidence::High,
        v1::AnalyticConfidence::Unspecified | v1::AnalyticConfidence::Low => {
            AnalyticConfidence::Low
        }
    };
    let presence = wire.presence.iter();
    let presence = presence.map(|p| Ok((actor(&p.side_id)?, Ppm(p.probability_ppm))));
    let members = wire.members_named.iter().map(|id| actor(id));
    let staleness = wire.staleness.as_ref();
    Ok(ControlState {
        place: PlaceId::new(&wire.place_id).map_err(|_| StateError("its place"))?,
        audience: enums::audience(wire.audience).ok_or(StateError("its audience"))?,
        as_of: stamp(wire.as_of.as_ref())?,
        as_known_at: stamp(wire.as_known_at.as_ref())?,
        reconstructed: wire.knowledge_basis() == v1::KnowledgeBasis::Reconstructed,
        status: enums::status(wire.status).ok_or(StateError("its status"))?,
        besieged: wire.besieged,
        outcomes: wire
            .outcomes
            .iter()
            .map(outcome)
            .collect::<Result<_, _>>()?,
        presence: presence.collect::<Result<_, StateError>>()?,
        members_named: members.collect::<Result<_, _>>()?,
        analytic_confidence: confidence,
        since: wire.since.as_ref().map(|since| {
            // Bounds that cannot be read are as good as none.
            time::interval(since, &mut Violations::at("since"))
        }),
        dispute: wire.dispute,
        independent_groups: wire.independent_groups,
        staleness_us: staleness.map(|d| {
            let micros = d.seconds.saturating_mul(1_000_000);
            micros.saturating_add(i64::from(d.nanos / 1_000))
        }),
        coverage: wire.coverage,
        contributions: wire
            .contributions
            .iter()
            .map(contribution)
            .collect::<Result<_, _>>()?,
        input_digest: Digest(
            <[u8; 32]>::try_from(&wire.input_digest[..])
                .map_err(|_| StateError("its input digest"))?,
        ),
    })
}

fn outcome(wire: &v1::Outcome) -> Result<(Outcome, Ppm), StateError> {
    let outcome = match wire.kind() {
        v1::OutcomeKind::Side => {
            Outcome::Side(ActorId::new(&wire.side_id).map_err(|_| StateError("a side"))?)
        }
        v1::OutcomeKind::Contested => Outcome::Contested,
        v1::OutcomeKind::Mixed => Outcome::Mixed,
        v1::OutcomeKind::Vacated => Outcome::Vacated,
        v1::OutcomeKind::Other => Outcome::Other,
        v1::OutcomeKind::Unspecified => return Err(StateError("an outcome")),
    };
    Ok((outcome, Ppm(wire.probability_ppm)))
}

fn contribution(wire: &v1::Contribution) -> Result<Contribution, StateError> {
    let report = |report: &v1::ReportReference| {
        let partner = PartnerId::new(&report.partner_id).ok()?;
        let id = ReportId::parse(&report.report_id)?;
        let key = ReportKey {
            partner,
            report: id,
        };
        Some((key, report.partner_reference.clone()))
    };
    let reports: Option<Vec<_>> = wire.reports.iter().map(report).collect();
    Ok(Contribution {
        group: wire.group.clone(),
        name: wire.name.clone(),
        reports: reports.ok_or(StateError("a report"))?,
        weight: wire.weight,
        weight_lost: wire.weight_lost,
        interest: match wire.interest() {
            v1::Interest::SelfServing => Interest::SelfServing,
            v1::Interest::AgainstInterest => Interest::AgainstInterest,
            v1::Interest::Unspecified | v1::Interest::Neutral => Interest::Neutral,
        },
        reason: wire.reason.clone(),
    })
}
