//! Places.

use ascertain_domain::id::{ActorId, PlaceId};
use ascertain_domain::place::{Place, PlaceKind, Point};
use ascertain_domain::violation::{Reason, Violations};

use super::{id, names, validity};
use crate::inward::{enums, text};
use crate::v1;

/// The most sides of a home area.
const MOST_SIDES: usize = 12;
/// The most neighbours of a place.
const MOST_ADJACENT: usize = 256;
/// The largest geometry, bytes.
const MOST_GEOMETRY_BYTES: usize = 256 << 10;

/// Reads a place whose home area is given. Where something is wrong that is added
/// under the path of `v`, and what can be read is read all the same, so that
/// others which refer to it are not refused for its sake; `None`: it has no id.
pub fn place(wire: &v1::Place, v: &mut Violations) -> Option<Place> {
    let place_id: Option<PlaceId> = id(&wire.place_id, "place_id", v);
    let kind = enums::required(wire.kind, "kind", v).and_then(enums::place_kind);
    let parent = if wire.parent_id.is_empty() {
        None
    } else {
        id(&wire.parent_id, "parent_id", v)
    };
    let home_area = id(&wire.home_area_id, "home_area_id", v);
    let names = names(&wire.names, v);
    adjacent(wire, v);
    codes(wire, v);
    geometry(&wire.geometry_geojson, v);
    validity(wire.valid_from.as_ref(), wire.valid_to.as_ref(), v);

    let place_id = place_id?;
    Some(Place {
        kind: kind.unwrap_or(PlaceKind::AdminUnit),
        admin_level: admin_level(wire.admin_level, v),
        parent,
        home_area: home_area.unwrap_or_else(|| place_id.clone()),
        sides: sides(&wire.side_ids, v),
        names,
        pcode: wire.pcode.clone(),
        geonames_id: wire.geonames_id,
        location: location(wire.location.as_ref(), v),
        population: wire.population,
        id: place_id,
    })
}

fn admin_level(level: i32, v: &mut Violations) -> u8 {
    match u8::try_from(level) {
        Ok(level @ 0..=3) => level,
        _ => {
            let what = format!("{level} is not a level from 0 (country) to 3 (subdistrict)");
            v.add("admin_level", Reason::OutOfRange, what);
            0
        }
    }
}

fn sides(wire: &[String], v: &mut Violations) -> Vec<ActorId> {
    text::check_count(wire.len(), MOST_SIDES, "side_ids", v);
    let mut sides: Vec<ActorId> = Vec::new();
    for (i, side) in wire.iter().take(MOST_SIDES).enumerate() {
        let field = format!("side_ids[{i}]");
        let Some(side) = id(side, &field, v) else {
            continue;
        };
        if sides.contains(&side) {
            v.add(
                &field,
                Reason::Duplicate,
                format!("`{side}` is listed twice"),
            );
        } else {
            sides.push(side);
        }
    }
    sides.sort();
    sides
}

fn adjacent(wire: &v1::Place, v: &mut Violations) {
    text::check_count(wire.adjacent_ids.len(), MOST_ADJACENT, "adjacent_ids", v);
    for (i, neighbour) in wire.adjacent_ids.iter().take(MOST_ADJACENT).enumerate() {
        let field = format!("adjacent_ids[{i}]");
        if id::<ascertain_domain::id::OfPlace>(neighbour, &field, v).is_some()
            && *neighbour == wire.place_id
        {
            v.add(&field, Reason::Malformed, "is the place itself");
        }
    }
}

fn codes(wire: &v1::Place, v: &mut Violations) {
    text::check_line(&wire.pcode, 64, "pcode", v);
    text::check_line(&wire.pcode_version, 64, "pcode_version", v);
    let is_iso = wire
        .iso_3166_2
        .split_once('-')
        .is_some_and(|(country, part)| {
            country.len() == 2
                && country.bytes().all(|b| b.is_ascii_uppercase())
                && (1..=3).contains(&part.len())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
    if !wire.iso_3166_2.is_empty() && !is_iso {
        v.add(
            "iso_3166_2",
            Reason::Malformed,
            "is no ISO 3166-2 code, such as `SY-HM`",
        );
    }
}

fn location(wire: Option<&v1::Point>, v: &mut Violations) -> Option<Point> {
    let wire = wire?;
    let point = Point::new(wire.latitude, wire.longitude);
    if point.is_none() {
        let what = "is not on WGS 84: latitude -90 to 90, longitude -180 to 180, degrees";
        v.add("location", Reason::OutOfRange, what);
    }
    point
}

fn geometry(text: &str, v: &mut Violations) {
    const FIELD: &str = "geometry_geojson";
    if text.len() > MOST_GEOMETRY_BYTES {
        let what = format!(
            "has {} bytes; {MOST_GEOMETRY_BYTES} is the most",
            text.len()
        );
        v.add(FIELD, Reason::TooLong, what);
    } else if !text.is_empty() && !is_geometry(text) {
        v.add(
            FIELD,
            Reason::Malformed,
            "is no GeoJSON geometry (RFC 7946)",
        );
    }
}

fn is_geometry(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return false;
    };
    let list = match value.get("type").and_then(serde_json::Value::as_str) {
        Some("GeometryCollection") => "geometries",
        Some(
            "Point" | "MultiPoint" | "LineString" | "MultiLineString" | "Polygon" | "MultiPolygon",
        ) => "coordinates",
        _ => return false,
    };
    value.get(list).is_some_and(serde_json::Value::is_array)
}
