//! What each side says that it has, which is not what is believed.

use std::sync::Arc;

use ascertain_domain::id::{ActorId, PlaceId, ReportKey};
use ascertain_domain::report::{Claim, Extent, Polarity, Predicate, Report};
use ascertain_domain::time::Timestamp;
use ascertain_fusion::tables::Role;

use crate::fold::Family;
use crate::item::{Reader, entered, feeds};
use crate::statement::statement;
use crate::versions::sort_out;

/// So many reports are named for a side.
const REPORTS_NAMED: usize = 16;

/// How much of a place a side says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// Nothing: it says that it left, or that it does not hold it.
    Nothing,
    /// It is at the edge, moves towards it or surrounds it.
    Near,
    /// It is inside.
    Present,
    /// It holds it, or most of it.
    Controls,
}

/// What a side's own camp says: its organs, and sources that lean to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedControl {
    /// The side.
    pub side: ActorId,
    /// The most that it says it has since it last said that it left.
    pub hold: Hold,
    /// Since when, by the events that it tells of.
    pub since: Timestamp,
    /// The newest event of which it says so.
    pub newest: Timestamp,
    /// The newest word for it, in one line.
    pub statement: String,
    /// The reports that say so, newest event first; at most 16.
    pub reports: Vec<(ReportKey, String)>,
}

/// What each side says that it has of a place at a valid time, by all reports of the
/// family: sides in the order of ids, without those that say nothing. Only what is said of
/// the place itself counts.
#[must_use]
pub fn claimed(family: Family<'_>, as_of: Timestamp) -> Vec<ClaimedControl> {
    let sides = family.registry.sides(family.place);
    let reader = Reader {
        registry: family.registry,
        model: None,
        sides,
    };
    let in_force = sort_out(family.reports, family.registry, family.audience).in_force;
    let mut said: Vec<Vec<Said<'_>>> = vec![Vec::new(); sides.len()];
    for report in &in_force {
        let side = match reader.source(report).table.role {
            Role::OrganOf(side) | Role::Sympathetic(side) => side,
            Role::Opposed(_) | Role::Independent => continue,
        };
        for claim in report.claims.iter().filter(|claim| feeds(claim)) {
            let at = entered(report, claim);
            if at > as_of || !speaks_of(claim, &family.place.id) {
                continue;
            }
            let of = |actor: &ActorId| reader.registry.side_of(actor, at, sides) == Some(side);
            if let (Some(hold), Some(said)) = (hold(claim, of), said.get_mut(side)) {
                said.push(Said {
                    hold,
                    at,
                    report,
                    claim,
                });
            }
        }
    }
    let sides = sides.iter().zip(said);
    sides
        .filter_map(|(side, said)| of_side(side, said, family))
        .collect()
}

/// A word of a side's camp about what the side has.
#[derive(Clone, Copy)]
struct Said<'a> {
    hold: Hold,
    at: Timestamp,
    report: &'a Arc<Report>,
    claim: &'a Claim,
}

fn of_side(side: &ActorId, said: Vec<Said<'_>>, family: Family<'_>) -> Option<ClaimedControl> {
    let left = said.iter().filter(|s| s.hold == Hold::Nothing);
    let left = left.map(|s| s.at).max();
    // Where it says at one time that it left and that it is there, it says the more.
    let mut since_then: Vec<Said<'_>> = said
        .iter()
        .filter(|s| s.hold != Hold::Nothing && left.is_none_or(|left| s.at >= left))
        .copied()
        .collect();
    if since_then.is_empty() {
        since_then = said.into_iter().filter(|s| Some(s.at) == left).collect();
    }
    let hold = since_then.iter().map(|s| s.hold).max()?;
    since_then.retain(|s| s.hold == hold);
    since_then.sort_by(|a, b| {
        let newest = b.at.cmp(&a.at);
        newest.then_with(|| a.report.key().cmp(&b.report.key()))
    });
    let (newest, oldest) = (since_then.first()?, since_then.last()?);
    let mut reports: Vec<(ReportKey, String)> = Vec::new();
    for said in &since_then {
        let named = (said.report.key(), said.report.partner_reference.clone());
        if reports.len() < REPORTS_NAMED && !reports.contains(&named) {
            reports.push(named);
        }
    }
    Some(ClaimedControl {
        side: side.clone(),
        hold,
        since: oldest.at,
        newest: newest.at,
        statement: statement(newest.claim, family.registry),
        reports,
    })
}

fn speaks_of(claim: &Claim, place: &PlaceId) -> bool {
    claim.place == *place || claim.sub_places.contains(place)
}

/// What a claim says that a side has; `None` where it says nothing of that. That it denies
/// to have left says that it is inside; what it says of others says nothing of itself.
fn hold(claim: &Claim, of_side: impl Fn(&ActorId) -> bool) -> Option<Hold> {
    let is_its = claim.predicate.actors().iter().any(&of_side);
    let in_part = matches!(
        claim.extent,
        Extent::Part | Extent::Edge | Extent::Outskirts
    );
    let affirmed = claim.polarity == Polarity::Affirm;
    match (&claim.predicate, affirmed) {
        (Predicate::HandedOver { to, .. }, true) if to.as_slice().iter().any(&of_side) => {
            Some(Hold::Controls)
        }
        _ if !is_its => None,
        (Predicate::Controls(_), true) if in_part => Some(Hold::Present),
        (Predicate::Controls(_), true) => Some(Hold::Controls),
        (Predicate::Present(_), true) | (Predicate::Withdrew(_), false) => Some(Hold::Present),
        (Predicate::AtEdge(_) | Predicate::AdvancingOn(_) | Predicate::Besieges(_), true) => {
            Some(Hold::Near)
        }
        // That it left a part says nothing of the rest.
        (Predicate::Withdrew(_) | Predicate::HandedOver { .. }, true)
        | (Predicate::Controls(_) | Predicate::Present(_), false)
            if !in_part =>
        {
            Some(Hold::Nothing)
        }
        _ => None,
    }
}
