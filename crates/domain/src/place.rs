//! Places: what control is judged of.

use crate::id::{ActorId, PlaceId};
use crate::name::Name;

/// An area or site that can be held.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// What kind of place.
    pub kind: PlaceKind,
    /// 0 country to 3 subdistrict, for administrative units.
    pub admin_level: u8,
    /// The place it lies in.
    pub parent: Option<PlaceId>,
    /// The area whose evidence is reconciled together; fixed for ever.
    pub home_area: PlaceId,
    /// For a home area: the sides between which control is judged, sorted.
    pub sides: Vec<ActorId>,
    /// Names, the one to show first.
    pub names: Vec<Name>,
    /// OCHA place code; empty if not known.
    pub pcode: String,
    /// GeoNames id; 0 if not known.
    pub geonames_id: u64,
    /// A representative point.
    pub location: Option<Point>,
    /// Inhabitants; 0 if not known.
    pub population: u64,
}

impl Place {
    /// Whether claims about it inform the places within it, and theirs it: a city.
    #[must_use]
    pub fn is_populated(&self) -> bool {
        self.kind == PlaceKind::City
    }

    /// The name to show.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.names.first().map_or(self.id.as_str(), |n| &n.text)
    }
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlaceKind {
    /// A country, governorate, district or subdistrict.
    AdminUnit,
    /// A city, town or village.
    City,
    /// A part of a city.
    Neighbourhood,
    /// A hill, forest, valley or open land.
    Terrain,
    /// A military base.
    Base,
    /// An airport or airfield.
    Airport,
    /// A prison.
    Prison,
    /// A road.
    Road,
}

/// A position on WGS 84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

impl Point {
    /// A point, if the degrees are in range.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let ok = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        ok.then_some(Self {
            latitude,
            longitude,
        })
    }

    /// Great-circle distance in kilometres, on a sphere of radius 6,371 km.
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_lat = (b - a) / 2.0;
        let half_lon = (other.longitude - self.longitude).to_radians() / 2.0;
        let h = half_lat.sin().powi(2) + a.cos() * b.cos() * half_lon.sin().powi(2);
        2.0 * 6_371.0 * h.sqrt().min(1.0).asin()
    }
}
