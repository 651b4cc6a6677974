//! What was said between two moments: that became known from one knowledge time to the
//! other, or happened from one valid time to the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::id::{ClaimId, Digest, PlaceId, ReportKey};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;

use crate::bearing::bearing;
use crate::fold::Family;
use crate::group::{group_key, originator_name};
use crate::item::{entered, feeds};
use crate::records::one_of_each;
use crate::statement::statement;

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
    /// Whether its report was known later, and not yet earlier.
    pub newly_known: bool,
    /// Whether it entered after the one valid time and not after the other.
    pub entered_between: bool,
}

/// The claims of a family that were known later and not yet earlier, and those that
/// entered between two valid times, in the order in which their reports were first
/// known. `earlier` are the reports known earlier; the family is that of later.
#[must_use]
pub fn claims_between(
    later: Family<'_>,
    earlier: &[Arc<Report>],
    (from, to): (Timestamp, Timestamp),
) -> Vec<ClaimBetween> {
    let Family {
        place,
        registry,
        audience,
        reports,
    } = later;
    let known: BTreeMap<ReportKey, Digest> = one_of_each(earlier, audience)
        .into_iter()
        .map(|report| (report.key(), report.body_digest))
        .collect();
    let speaks_for = |id: &PlaceId| {
        place.is_populated()
            && registry.place(id).is_some_and(|part| {
                part.parent.as_ref() == Some(&place.id) && part.home_area == place.home_area
            })
    };
    let mut found = Vec::new();
    for report in one_of_each(reports, audience) {
        let newly_known = known.get(&report.key()) != Some(&report.body_digest);
        for claim in report.claims.iter().filter(|claim| feeds(claim)) {
            let entered = entered(report, claim);
            let entered_between = from < entered && entered <= to;
            let of_part = std::iter::once(&claim.place)
                .chain(&claim.sub_places)
                .any(speaks_for);
            let bears = of_part || bearing(claim, place, registry).is_some();
            if bears && (newly_known || entered_between) {
                found.push(ClaimBetween {
                    report: report.key(),
                    partner_reference: report.partner_reference.clone(),
                    claim: claim.id.clone(),
                    group: group_key(report),
                    name: originator_name(report, registry),
                    place: claim.place.clone(),
                    statement: statement(claim, registry),
                    entered,
                    first_known_at: report.first_known_at,
                    newly_known,
                    entered_between,
                });
            }
        }
    }
    found
}
