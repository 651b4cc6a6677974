//! Resumable points, as the state log keeps them and as the engine has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::id::{ActorId, Digest, PartnerId, ReportId, ReportKey};
use ascertain_domain::state::Interest;
use ascertain_domain::time::{Slot, Timestamp};
use ascertain_engine::{GroupFacts, GroupState, ResumePoint, SiegeClaim, SubPlace, group_id};
use ascertain_fusion::dispute::Favours;
use ascertain_fusion::dynamics::Clash;
use ascertain_fusion::filter::{Beliefs, FilterState, GroupId, Proven};
use ascertain_fusion::standing::StandingClaim;
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
    let FilterState {
        hour,
        stepped,
        heard,
        alpha,
        proven,
        clash,
        without,
        standing,
        ladders,
        led,
    } = &*point.filter;
    // Everything of a point that names a group names one that it lists.
    let index_of = |id: GroupId| index(point.groups.partition_point(|group| group.id < id));
    wire::ResumePoint {
        slot: *hour,
        stepped_slot: *stepped,
        heard_slot: *heard,
        alpha: alpha.clone(),
        proven: proven.as_ref().map(proven_belief),
        threat: clash.threat,
        fighting: clash.fighting,
        ladders: ladders.iter().map(ladder).collect(),
        groups: point
            .groups
            .iter()
            .map(|group| {
                let proven = proven.as_ref().and_then(|p| p.without.get(group.id));
                group_state(group, without.get(group.id), proven)
            })
            .collect(),
        standing: standing
            .iter()
            .map(|(id, claim)| wire::StandingClaim {
                group: index_of(*id),
                since_slot: claim.since,
                doubts: claim.doubts.clone(),
                lapse_days: claim.lapse_days,
                unproven: claim.unproven,
            })
            .collect(),
        sieges: point
            .sieges
            .iter()
            .map(|claim| wire::SiegeClaim {
                group: index_of(claim.group),
                side: index(claim.side),
                slot: claim.slot.0,
                weight: claim.weight,
            })
            .collect(),
        members_named: point
            .members_named
            .iter()
            .map(ToString::to_string)
            .collect(),
        sub_places: point.sub_places.iter().map(sub_place).collect(),
        led: led.iter().map(|side| index(*side)).collect(),
        reconstructed: point.reconstructed,
        newest_event_us: point.newest_event.map(Timestamp::micros),
        input_digest: point.input_digest.0.to_vec(),
    }
}

fn group_state(
    group: &GroupState,
    without: Option<&[f64]>,
    proven_without: Option<&[f64]>,
) -> wire::GroupState {
    let of = |belief: Option<&[f64]>| belief.map_or_else(Vec::new, <[f64]>::to_vec);
    let (favours, slot) = match &group.favours {
        Some(favours) => {
            let (weights, slot) = favours.parts();
            (weights.to_vec(), slot)
        }
        None => (Vec::new(), 0),
    };
    let facts = &group.facts;
    wire::GroupState {
        group: facts.key.clone(),
        name: facts.name.clone(),
        alpha_without: of(without),
        favours,
        slot,
        direct: facts.direct,
        interest: outward::interest(facts.interest).into(),
        reason: facts.reason.clone(),
        strength: facts.strength,
        reports: facts
            .reports
            .iter()
            .map(|(key, reference)| outward::report_reference(key, reference))
            .collect(),
        unproven: facts.unproven,
        proven_without: of(proven_without),
    }
}

fn proven_belief(proven: &Proven) -> wire::ProvenBelief {
    wire::ProvenBelief {
        alpha: proven.belief.clone(),
        threat: proven.clash.threat,
        fighting: proven.clash.fighting,
        heard_slot: proven.heard,
    }
}

fn ladder(ladder: &Ladder) -> wire::StayLadder {
    wire::StayLadder {
        slots: ladder.rungs().map(|(hour, _)| hour).collect(),
        stayed: ladder.rungs().map(|(_, chance)| chance).collect(),
    }
}

fn sub_place(sub: &SubPlace) -> wire::SubPlaceEvidence {
    let own = sub.own.as_ref().map(|own| wire::PartBelief {
        slot: own.hour,
        stepped_slot: own.stepped,
        heard_slot: own.heard,
        alpha: own.alpha.clone(),
        proven: own.proven.as_ref().map(proven_belief),
        threat: own.clash.threat,
        fighting: own.clash.fighting,
        standing: own
            .standing
            .iter()
            .map(|(group_id, claim)| wire::PartStanding {
                group_id: *group_id,
                since_slot: claim.since,
                doubts: claim.doubts.clone(),
                lapse_days: claim.lapse_days,
                unproven: claim.unproven,
            })
            .collect(),
    });
    wire::SubPlaceEvidence {
        share: sub.share,
        newest_slot: sub.newest.map(|slot| slot.0),
        own,
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
    if outcomes < 4 || point.ladders.len() != outcomes {
        return Err(ResumeError("its outcomes"));
    }
    let reader = Reader { outcomes };
    let groups: Vec<GroupState> = point
        .groups
        .iter()
        .map(|group| reader.group(group))
        .collect::<Result<_, _>>()?;
    // They are written in the order of their ids, and looked up by it.
    if !groups.is_sorted_by(|before, after| before.id < after.id) {
        return Err(ResumeError("the order of its groups"));
    }
    let id = |i: u32| match usize::try_from(i).ok().and_then(|i| groups.get(i)) {
        Some(group) => Ok(group.id),
        None => Err(ResumeError("the index of a group")),
    };
    let mut without = Beliefs::over(outcomes);
    let mut proven_without = Beliefs::over(outcomes);
    for (state, group) in groups.iter().zip(&point.groups) {
        if !group.alpha_without.is_empty() {
            without.add(state.id, &reader.of_all(&group.alpha_without)?);
        }
        if !group.proven_without.is_empty() {
            proven_without.add(state.id, &reader.of_all(&group.proven_without)?);
        }
    }
    let proven = reader.proven(point.proven.as_ref(), proven_without)?;
    let mut standing = BTreeMap::new();
    for claim in &point.standing {
        let claim_of = reader.standing(
            claim.since_slot,
            &claim.doubts,
            (claim.lapse_days, claim.unproven),
        )?;
        standing.insert(id(claim.group)?, claim_of);
    }
    let mut sieges = Vec::with_capacity(point.sieges.len());
    for siege in &point.sieges {
        sieges.push(SiegeClaim {
            group: id(siege.group)?,
            side: reader.outcome(siege.side)?,
            slot: Slot(siege.slot),
            weight: siege.weight,
        });
    }
    Ok(ResumePoint {
        filter: Arc::new(FilterState {
            hour: point.slot,
            stepped: point.stepped_slot,
            heard: point.heard_slot,
            alpha: point.alpha.clone(),
            proven,
            clash: Clash {
                threat: point.threat,
                fighting: point.fighting,
            },
            without,
            standing,
            ladders: point.ladders.iter().map(rungs).collect(),
            led: point
                .led
                .iter()
                .map(|side| reader.outcome(*side))
                .collect::<Result<_, _>>()?,
        }),
        sieges,
        groups,
        members_named: point
            .members_named
            .iter()
            .map(|id| ActorId::new(id).map_err(|_| ResumeError("an actor")))
            .collect::<Result<_, _>>()?,
        sub_places: point
            .sub_places
            .iter()
            .map(|sub| reader.sub_place(sub))
            .collect::<Result<_, _>>()?,
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

fn rungs(ladder: &wire::StayLadder) -> Ladder {
    let slots = ladder.slots.iter().copied();
    Ladder::from_rungs(slots.zip(ladder.stayed.iter().copied()))
}

/// Reads what a point of so many outcomes holds.
struct Reader {
    outcomes: usize,
}

impl Reader {
    fn of_all(&self, values: &[f64]) -> Result<Vec<f64>, ResumeError> {
        if values.len() == self.outcomes {
            Ok(values.to_vec())
        } else {
            Err(ResumeError("values for other outcomes"))
        }
    }

    fn proven(
        &self,
        proven: Option<&wire::ProvenBelief>,
        without: Beliefs,
    ) -> Result<Option<Proven>, ResumeError> {
        let read = |proven: &wire::ProvenBelief| {
            Ok(Proven {
                belief: self.of_all(&proven.alpha)?,
                clash: Clash {
                    threat: proven.threat,
                    fighting: proven.fighting,
                },
                heard: proven.heard_slot,
                without,
            })
        };
        proven.map(read).transpose()
    }

    fn outcome(&self, i: u32) -> Result<usize, ResumeError> {
        let i = usize::try_from(i).ok().filter(|i| *i < self.outcomes);
        i.ok_or(ResumeError("the index of an outcome"))
    }

    fn standing(
        &self,
        since: i64,
        doubts: &[f64],
        (lapse_days, unproven): (Option<u32>, bool),
    ) -> Result<StandingClaim, ResumeError> {
        Ok(StandingClaim {
            since,
            doubts: self.of_all(doubts)?,
            lapse_days,
            unproven,
        })
    }

    fn sub_place(&self, sub: &wire::SubPlaceEvidence) -> Result<SubPlace, ResumeError> {
        Ok(SubPlace {
            share: sub.share,
            newest: sub.newest_slot.map(Slot),
            own: sub.own.as_ref().map(|own| self.part(own)).transpose()?,
        })
    }

    fn part(&self, own: &wire::PartBelief) -> Result<FilterState, ResumeError> {
        let mut standing = BTreeMap::new();
        for claim in &own.standing {
            let claim_of = self.standing(
                claim.since_slot,
                &claim.doubts,
                (claim.lapse_days, claim.unproven),
            )?;
            standing.insert(claim.group_id, claim_of);
        }
        Ok(FilterState {
            hour: own.slot,
            stepped: own.stepped_slot,
            heard: own.heard_slot,
            alpha: self.of_all(&own.alpha)?,
            proven: self.proven(own.proven.as_ref(), Beliefs::over(self.outcomes))?,
            clash: Clash {
                threat: own.threat,
                fighting: own.fighting,
            },
            without: Beliefs::over(self.outcomes),
            standing,
            ladders: Vec::new(),
            led: Vec::new(),
        })
    }

    fn group(&self, group: &wire::GroupState) -> Result<GroupState, ResumeError> {
        let favours = match group.favours.as_slice() {
            [] => None,
            favours => Some(Favours::from_parts(self.of_all(favours)?, group.slot)),
        };
        Ok(GroupState {
            id: group_id(&group.group),
            favours,
            facts: Arc::new(GroupFacts {
                key: group.group.clone(),
                name: group.name.clone(),
                unproven: group.unproven,
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
            }),
        })
    }
}

fn report(r: &v1::ReportReference) -> Option<(ReportKey, String)> {
    let key = ReportKey {
        partner: PartnerId::new(&r.partner_id).ok()?,
        report: ReportId::parse(&r.report_id)?,
    };
    Some((key, r.partner_reference.clone()))
}

#[cfg(test)]
mod tests {
    use ascertain_fusion::outcomes::Outcomes;
    use ascertain_fusion::standing::SNAPSHOT_DAYS;

    use super::*;

    #[test]
    fn what_stands_for_a_while_and_what_stands_on_come_back_as_they_were() {
        let outcomes = Outcomes::new(2);
        let facts = |key: &str| GroupFacts {
            key: key.to_owned(),
            name: key.to_owned(),
            unproven: key == "source:map",
            direct: true,
            interest: Interest::Neutral,
            reason: "says so".to_owned(),
            strength: 1.0,
            reports: Vec::new(),
        };
        let mut groups: Vec<GroupState> = ["source:list", "source:map"]
            .into_iter()
            .map(|key| GroupState {
                id: group_id(key),
                facts: Arc::new(facts(key)),
                favours: None,
            })
            .collect();
        groups.sort_by_key(|group| group.id);
        let claim = |lapse_days| StandingClaim {
            since: 480_000,
            doubts: vec![-0.25; outcomes.count()],
            lapse_days,
            unproven: lapse_days.is_none(),
        };
        let mut filter = FilterState::new(outcomes);
        filter.hour = Some(480_000);
        filter.heard = Some(479_999);
        let mut without = Beliefs::over(outcomes.count());
        without.add(group_id("source:list"), &outcomes.entry_shares());
        filter.proven = Some(Proven {
            belief: outcomes.entry_shares(),
            clash: Clash {
                threat: 0.5,
                fighting: 0.25,
            },
            heard: Some(479_990),
            without,
        });
        let list = claim(Some(SNAPSHOT_DAYS));
        filter.standing.insert(group_id("source:list"), list);
        filter.standing.insert(group_id("source:map"), claim(None));
        let mut own = FilterState {
            ladders: Vec::new(),
            ..filter.clone()
        };
        if let Some(proven) = &mut own.proven {
            proven.without = Beliefs::over(outcomes.count());
        }
        let point = ResumePoint {
            filter: Arc::new(filter),
            groups,
            sieges: Vec::new(),
            members_named: Vec::new(),
            sub_places: vec![SubPlace {
                share: 1.0,
                newest: Some(Slot(480_000)),
                own: Some(own),
            }],
            reconstructed: false,
            newest_event: None,
            input_digest: Digest::of(b"bodies"),
        };
        assert_eq!(inward(&outward(&point)), Ok(point));
    }
}
