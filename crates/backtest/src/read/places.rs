//! What is known of places beside their names: what they lie in, and what they are.

use std::collections::BTreeMap;
use std::path::Path;

use ascertain_domain::place::{PlaceKind, Point};

use super::Noted;
use super::table::rows;
use crate::error::Error;

/// A place of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceRow {
    /// The name to show; empty if not given.
    pub name: String,
    /// A representative point.
    pub location: Option<Point>,
    /// The place it lies in; empty if none is given.
    pub parent: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Inhabitants; 0 if not given.
    pub population: u64,
}

impl PlaceRow {
    /// What is taken of a place of which nothing is known.
    pub(crate) fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            location: None,
            parent: String::new(),
            kind: PlaceKind::City,
            population: 0,
        }
    }
}

/// The places of a file, by id.
pub type Places = BTreeMap<String, PlaceRow>;

/// Words for areas.
const UNITS: [&str; 13] = [
    "country",
    "province",
    "oblast",
    "region",
    "district",
    "raion",
    "rayon",
    "governorate",
    "state",
    "county",
    "subdistrict",
    "hromada",
    "area",
];
/// Words for parts of a city.
const PARTS: [&str; 6] = [
    "neighbourhood",
    "neighborhood",
    "quarter",
    "suburb",
    "borough",
    "ward",
];
/// Words for what is a settlement, whatever it is the centre of.
const SETTLEMENTS: [&str; 4] = ["city", "town", "village", "settlement"];

/// Reads a file with `id` and, if they are there,
/// `name,lat,lon,parent,kind,population`.
///
/// # Errors
/// [`Error::Input`] with the lines that cannot be used.
pub fn read(file: &Path, noted: &mut Noted) -> Result<Places, Error> {
    let mut places: BTreeMap<String, (u64, PlaceRow)> = BTreeMap::new();
    rows(
        file,
        ["id"],
        ["name", "lat", "lon", "parent", "kind", "population"],
        |line, cells, mistakes| match row(cells) {
            Ok((id, row)) => match places.get(id) {
                Some((_, same)) if *same == row => noted.count("places given twice alike"),
                Some((first, _)) => mistakes.add(
                    line,
                    format!("gives `{id}` again, other than line {first}; give each place once"),
                ),
                None => {
                    places.insert(id.to_owned(), (line, row));
                }
            },
            Err(what) => mistakes.add(line, what),
        },
    )?;
    Ok(places.into_iter().map(|(id, (_, row))| (id, row)).collect())
}

fn row<'a>(cells: &[&'a str]) -> Result<(&'a str, PlaceRow), String> {
    let [id, name, lat, lon, parent, kind, population] = *cells else {
        return Err("has no id".to_owned());
    };
    if id.is_empty() {
        return Err("`id` is empty; give each place one, as the claims name it".to_owned());
    }
    let population = match population {
        "" => 0,
        // Some gazetteers write 1200.0.
        text => text
            .strip_suffix(".0")
            .unwrap_or(text)
            .parse()
            .map_err(|_| format!("population `{text}` is none; give a whole number, or nothing"))?,
    };
    let row = PlaceRow {
        name: name.to_owned(),
        location: point(lat, lon)?,
        parent: parent.to_owned(),
        kind: place_kind(kind),
        population,
    };
    Ok((id, row))
}

fn point(lat: &str, lon: &str) -> Result<Option<Point>, String> {
    if lat.is_empty() && lon.is_empty() {
        return Ok(None);
    }
    let degrees = |text: &str| text.parse::<f64>().ok();
    let point = degrees(lat)
        .zip(degrees(lon))
        .and_then(|(lat, lon)| Point::new(lat, lon));
    point.map(Some).ok_or_else(|| {
        format!(
            "lat `{lat}`, lon `{lon}` is no position; give degrees, -90 to 90 and -180 to 180, or neither"
        )
    })
}

fn place_kind(text: &str) -> PlaceKind {
    let text = text.to_lowercase();
    let says = |list: &[&str]| {
        text.split(|c: char| !c.is_alphanumeric())
            .any(|word| list.contains(&word))
    };
    if says(&PARTS) {
        PlaceKind::Neighbourhood
    } else if says(&UNITS) && !says(&SETTLEMENTS) {
        PlaceKind::AdminUnit
    } else {
        PlaceKind::City
    }
}
