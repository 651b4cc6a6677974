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
}

/// How a claim bears on a place; `None`: not at all.
///
/// A claim bears on the place that it names and on the parts that it names. A
/// claim about a city bears, weakly, on what lies in the city, unless it names
/// the parts that it means or speaks of the edge only. Nothing is inferred for
/// administrative units, nor between neighbours.
pub(crate) fn bearing(claim: &Claim, place: &Place, registry: View<'_>) -> Option<Bearing> {
    if claim.place == place.id {
        return Some(Bearing {
            extent: claim.extent,
            direct: true,
            hierarchy: 1.0,
        });
    }
    if claim.sub_places.contains(&place.id) {
        return Some(Bearing {
            extent: Extent::Whole,
            direct: true,
            hierarchy: 1.0,
        });
    }
    let inherits = is_city_of(&claim.place, place, registry)
        && claim.sub_places.is_empty()
        && !matches!(claim.extent, Extent::Edge | Extent::Outskirts);
    inherits.then_some(Bearing {
        extent: claim.extent,
        direct: false,
        hierarchy: INHERITED,
    })
}

fn is_city_of(city: &PlaceId, place: &Place, registry: View<'_>) -> bool {
    place.parent.as_ref() == Some(city)
        && place.kind != PlaceKind::AdminUnit
        && registry.place(city).is_some_and(|c| c.is_populated())
}
