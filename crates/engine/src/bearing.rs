//! Which claims bear on a place, and how.

use ascertain_domain::id::PlaceId;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::View;
use ascertain_domain::report::{Claim, Extent};

/// What a claim about a city says of a place in it, beside what it says of the city.
const INHERITED: f64 = 0.5;

/// How a claim bears on a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bearing {
    /// How much of the place it speaks of.
    pub extent: Extent,
    /// Whether it names the place itself.
    pub direct: bool,
    /// The weight that the hierarchy leaves it, 0 to 1.
    pub hierarchy: f64,
    /// Whether only the fighting that it reports bears on the place, not what it
    /// says of holders.
    pub unrest_only: bool,
}

/// How a claim bears on a place; `None`: not at all.
///
/// A claim bears on the place that it names and on the parts that it names. A
/// claim about a city bears, weakly, on what lies in the city; where it names the
/// parts that it means, or speaks of the edge only, no more than the unrest in the
/// city does. Nothing is inferred for administrative units, nor between
/// neighbours.
pub(crate) fn bearing(claim: &Claim, place: &Place, registry: View<'_>) -> Option<Bearing> {
    let direct = |extent| {
        Some(Bearing {
            extent,
            direct: true,
            hierarchy: 1.0,
            unrest_only: false,
        })
    };
    if claim.place == place.id {
        // Where parts are named, no more than these is meant.
        let parts = claim.extent == Extent::Unspecified && !claim.sub_places.is_empty();
        return direct(if parts { Extent::Part } else { claim.extent });
    }
    if claim.sub_places.contains(&place.id) {
        return direct(Extent::Whole);
    }
    let elsewhere =
        !claim.sub_places.is_empty() || matches!(claim.extent, Extent::Edge | Extent::Outskirts);
    is_city_of(&claim.place, place, registry).then_some(Bearing {
        extent: claim.extent,
        direct: false,
        hierarchy: INHERITED,
        unrest_only: elsewhere,
    })
}

fn is_city_of(city: &PlaceId, place: &Place, registry: View<'_>) -> bool {
    place.parent.as_ref() == Some(city)
        && place.kind != PlaceKind::AdminUnit
        && registry
            .place(city)
            .is_some_and(|c| c.is_populated() && c.home_area == place.home_area)
}
