//! Resumable points, as the state log keeps them and as the engine has them.

use ascertain_domain::id::{ActorId, Digest, PartnerId, ReportId, ReportKey};
use ascertain_domain::state::Interest;
use ascertain_domain::time::{Slot, Timestamp};
use ascertain_engine::{GroupState, ResumePoint, SiegeClaim, SubPlaceEvidence};
use ascertain_fusion::dispute::Favours;
use ascertain_fusion::filter::Standing;
use ascertain_fusion::stay::Ladder;

use crate::log::v1 as wire;
use crate::{outward, v1};

/// A point that cannot be read: another version wrote it, or it is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the resumable point cannot be read: {0}")]
pub struct ResumeError(&'static str);

/// The point as the state log keeps it.
#[must_use]
pub fn outward(point: &ResumePoint) -> wire::ResumePoint {
    let Standing {
        hour,
        alpha,
        clash,
        without,
        ladders,
        led,
    } = &point.filter;
    let groups = point.groups.iter().enumerate().map(|(i, group)| {
        let (favours, slot) = group.favours.parts();
        wire::GroupState {
            group: group.key.clone(),
            name: group.name.clone(),
            alpha_without: without.get(&i).cloned().unwrap_or_default(),
            favours: favours.to_vec(),
            slot,
            direct: group.direct,
            interest: outward::interest(group.interest).into(),
            reason: group.reason.clone(),
            strength: group.strength,
            reports: group
                .reports
                .iter()
                .map(|(key, reference)| outward::report_reference(key, reference))
                .collect(),
        }
    });
    wire::ResumePoint {
        slot: *hour,
        alpha: alpha.clone(),
        clash: *clash,
        ladders: ladders.iter().map(ladder).collect(),
        groups: groups.collect(),
        sieges: point.sieges.iter().map(siege).collect(),
        members_named: point
            .members_named
            .iter()
            .map(ToString::to_string)
            .collect(),
        sub_places: point
            .sub_places
            .iter()
            .map(|sub| wire::SubPlaceEvidence {
                share: sub.share,
                newest_slot: sub.newest.map(|slot| slot.0),
            })
            .collect(),
        led: led.iter().map(|side| index(*side)).collect(),
        reconstructed: point.reconstructed,
        newest_event_us: point.newest_event.map(Timestamp::micros),
        input_digest: point.input_digest.0.to_vec(),
    }
}

fn ladder(ladder: &Ladder) -> wire::StayLadder {
    wire::StayLadder {
        slots: ladder.rungs().iter().map(|(hour, _)| *hour).collect(),
        stayed: ladder.rungs().iter().map(|(_, chance)| *chance).collect(),
    }
}

fn siege(claim: &SiegeClaim) -> wire::SiegeClaim {
    wire::SiegeClaim {
        group: index(claim.group),
        side: index(claim.side),
        slot: claim.slot.0,
        weight: claim.weight,
    }
}

/// Groups and sides of a place are far below 2^32.
fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The point as the engine has it.
///
/// # Errors
/// [`ResumeError`] where a field holds what no point has.
pub fn inward(point: &wire::ResumePoint) -> Result<ResumePoint, ResumeError> {
    let outcomes = point.alpha.len();
    let of_all = |values: &[f64]| values.len() == outcomes;
    if outcomes < 4 || point.ladders.len() != outcomes {
        return Err(ResumeError("its outcomes"));
    }
    let below = |i: u32, count: usize| {
        usize::try_from(i)
            .ok()
            .filter(|i| *i < count)
            .ok_or(ResumeError("an index"))
    };
    let groups: Vec<GroupState> = point.groups.iter().map(group).collect::<Result<_, _>>()?;
    if !groups.iter().all(|g| of_all(g.favours.parts().0)) {
        return Err(ResumeError("what a group favours"));
    }
    let without = point
        .groups
        .iter()
        .enumerate()
        .filter(|(_, g)| !g.alpha_without.is_empty());
    let without: std::collections::BTreeMap<_, _> =
        without.map(|(i, g)| (i, g.alpha_without.clone())).collect();
    if !without.values().all(|alpha| of_all(alpha)) {
        return Err(ResumeError("the belief without a group"));
    }
    Ok(ResumePoint {
        filter: Standing {
            hour: point.slot,
            alpha: point.alpha.clone(),
            clash: point.clash,
            without,
            ladders: point
                .ladders
                .iter()
                .map(|l| {
                    Ladder::from_rungs(
                        l.slots
                            .iter()
                            .copied()
                            .zip(l.stayed.iter().copied())
                            .collect(),
                    )
                })
                .collect(),
            led: point
                .led
                .iter()
                .map(|side| below(*side, outcomes))
                .collect::<Result<_, _>>()?,
        },
        sieges: point
            .sieges
            .iter()
            .map(|s| {
                Ok(SiegeClaim {
                    group: below(s.group, groups.len())?,
                    side: below(s.side, outcomes)?,
                    slot: Slot(s.slot),
                    weight: s.weight,
                })
            })
            .collect::<Result<_, ResumeError>>()?,
        groups,
        members_named: point
            .members_named
            .iter()
            .map(|id| ActorId::new(id).map_err(|_| ResumeError("an actor")))
            .collect::<Result<_, _>>()?,
        sub_places: point
            .sub_places
            .iter()
            .map(|sub| SubPlaceEvidence {
                share: sub.share,
                newest: sub.newest_slot.map(Slot),
            })
            .collect(),
        reconstructed: point.reconstructed,
        newest_event: point
            .newest_event_us
            .map(|us| Timestamp::from_micros(us).map_err(|_| ResumeError("a time")))
            .transpose()?,
        input_digest: point
            .input_digest
            .as_slice()
            .try_into()
            .map(Digest)
            .map_err(|_| ResumeError("a digest"))?,
    })
}

fn group(group: &wire::GroupState) -> Result<GroupState, ResumeError> {
    let report = |r: &v1::ReportReference| {
        Some((
            ReportKey {
                partner: PartnerId::new(&r.partner_id).ok()?,
                report: ReportId::parse(&r.report_id)?,
            },
            r.partner_reference.clone(),
        ))
    };
    Ok(GroupState {
        key: group.group.clone(),
        name: group.name.clone(),
        favours: Favours::from_parts(group.favours.clone(), group.slot),
        direct: group.direct,
        interest: match group.interest() {
            v1::Interest::SelfServing => Interest::SelfServing,
            v1::Interest::Neutral => Interest::Neutral,
            v1::Interest::AgainstInterest => Interest::AgainstInterest,
            v1::Interest::Unspecified => return Err(ResumeError("an interest")),
        },
        reason: group.reason.clone(),
        strength: group.strength,
        reports: group
            .reports
            .iter()
            .map(|r| report(r).ok_or(ResumeError("a report")))
            .collect::<Result<_, _>>()?,
    })
}
