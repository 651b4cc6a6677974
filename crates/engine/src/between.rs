//! What was said between two moments: that became known from one knowledge time to the
//! other, or happened from one valid time to the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use ascertain_domain::id::{ClaimId, PlaceId, ReportKey};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;

use crate::bearing::bearing;
use crate::fold::Family;
use crate::group::{group_key, originator_name};
use crate::item::{entered, feeds};
use crate::statement::statement;
use crate::versions::sort_out;

/// A claim that bears on a place, or on one of the places within that speak for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimBetween {
    /// Its report.
    pub report: ReportKey,
    /// The partner's own reference.
    pub partner_reference: String,
    /// The claim within the report.
    pub claim: ClaimId,
    /// The key of its independence group.
    pub group: String,
    /// The originator's name.
    pub name: String,
    /// The place that it was made of.
    pub place: PlaceId,
    /// What it says, in one line.
    pub statement: String,
    /// When it entered.
    pub entered: Timestamp,
    /// When its report was first known.
    pub first_known_at: Timestamp,
    /// Whether it counts later, and did not yet earlier.
    pub newly_known: bool,
    /// Whether it counted earlier, and counts no longer: its report was corrected or
    /// retracted, or its originator took it back.
    pub no_longer_counts: bool,
    /// Whether it entered after the one valid time and not after the other.
    pub entered_between: bool,
}

/// The claims of a family that count by what was known later and not by what was known
/// earlier, or the other way round, and those that entered between two valid times, in
/// the order in which their reports were first known.
#[must_use]
pub fn claims_between(
    (earlier, later): (Family<'_>, Family<'_>),
    valid: (Timestamp, Timestamp),
) -> Vec<ClaimBetween> {
    let (before, after) = (counting(earlier), counting(later));
    let name = |(report, claim): &(Arc<Report>, usize)| {
        (
            report.key(),
            report.body_digest,
            report.claims[*claim].id.clone(),
        )
    };
    let names = |all: &[(Arc<Report>, usize)]| all.iter().map(name).collect::<BTreeSet<_>>();
    let (known_before, known_after) = (names(&before), names(&after));
    let still = after.iter().map(|one| {
        let newly_known = !known_before.contains(&name(one));
        between(one, later, valid, (newly_known, false))
    });
    let gone = before
        .iter()
        .filter(|one| !known_after.contains(&name(one)));
    let gone = gone.map(|one| between(one, earlier, valid, (false, true)));
    let all = still.chain(gone);
    let mut found: Vec<ClaimBetween> = all
        .filter(|one| one.newly_known || one.no_longer_counts || one.entered_between)
        .collect();
    // Stable: claims of one report stay in their order.
    found.sort_by(|a, b| (a.first_known_at, &a.report).cmp(&(b.first_known_at, &b.report)));
    found
}

/// The claims that count for a place, or for a place within that speaks for it.
fn counting(family: Family<'_>) -> Vec<(Arc<Report>, usize)> {
    let Family {
        place,
        registry,
        audience,
        reports,
    } = family;
    let speaks_for = |id: &PlaceId| {
        place.is_populated()
            && registry.place(id).is_some_and(|part| {
                part.parent.as_ref() == Some(&place.id) && part.home_area == place.home_area
            })
    };
    let mut found = Vec::new();
    for report in sort_out(reports, registry, audience).in_force {
        for (i, claim) in report.claims.iter().enumerate() {
            let mut places = std::iter::once(&claim.place).chain(&claim.sub_places);
            let bears = places.any(speaks_for) || bearing(claim, place, registry).is_some();
            if bears && feeds(claim) {
                found.push((Arc::clone(&report), i));
            }
        }
    }
    found
}

fn between(
    (report, claim): &(Arc<Report>, usize),
    family: Family<'_>,
    (from, to): (Timestamp, Timestamp),
    (newly_known, no_longer_counts): (bool, bool),
) -> ClaimBetween {
    let claim = &report.claims[*claim];
    let entered = entered(report, claim);
    ClaimBetween {
        report: report.key(),
        partner_reference: report.partner_reference.clone(),
        claim: claim.id.clone(),
        group: group_key(report),
        name: originator_name(report, family.registry),
        place: claim.place.clone(),
        statement: statement(claim, family.registry),
        entered,
        first_known_at: report.first_known_at,
        newly_known,
        no_longer_counts,
        entered_between: from < entered && entered <= to,
    }
}
