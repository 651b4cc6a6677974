//! Which records a fold reads, one of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::id::{PlaceId, ReportKey};
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::View;
use ascertain_domain::report::Report;

/// The places whose reports bear on a place: itself, the city that it lies in, and
/// for a city what lies in it. Evidence stays within a home area.
#[must_use]
pub fn family_places(place: &PlaceId, registry: View<'_>) -> Vec<PlaceId> {
    let Some(this) = registry.place(place) else {
        return vec![place.clone()];
    };
    let mut family = vec![place.clone()];
    if let Some(parent) = this.parent.as_ref().and_then(|id| registry.place(id))
        && parent.is_populated()
        && parent.home_area == this.home_area
    {
        family.push(parent.id.clone());
    }
    if this.is_populated() {
        let children = registry.children(place);
        let near = children.filter(|child| child.home_area == this.home_area);
        family.extend(near.map(|child| child.id.clone()));
    }
    family
}

/// The places on whose states a report of these places bears: each itself, the
/// city that it lies in, and what lies in it if it is a city. Sorted, once each.
#[must_use]
pub fn affected_places(places: &[PlaceId], registry: View<'_>) -> Vec<PlaceId> {
    let mut affected: Vec<PlaceId> = places
        .iter()
        .flat_map(|place| family_places(place, registry))
        .filter(|place| registry.place(place).is_some())
        .collect();
    affected.sort();
    affected.dedup();
    affected
}

/// One report of each key that an audience may see, in the order in which they
/// were first known, then by key. Of several recordings of one key that with the
/// smallest body digest counts, as it does where nodes exchange records.
pub(crate) fn one_of_each(reports: &[Arc<Report>], audience: Audience) -> Vec<&Arc<Report>> {
    let mut kept: BTreeMap<ReportKey, &Arc<Report>> = BTreeMap::new();
    for report in reports.iter().filter(|r| audience.sees(r.marking)) {
        kept.entry(report.key())
            .and_modify(|other| {
                if report.body_digest < other.body_digest {
                    *other = report;
                }
            })
            .or_insert(report);
    }
    let mut reports: Vec<&Arc<Report>> = kept.into_values().collect();
    reports.sort_by_cached_key(|r| (r.first_known_at, r.key()));
    reports
}
