//! Finding entities by what partners write.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::{View, geonames_code};
use crate::id::{ActorId, PlaceId, SourceId};
use crate::name::{self, Name};
use crate::place::{Place, Point};

/// A representative point within so many kilometres is taken for a given position.
const NEAREST_POINT_KM: f64 = 10.0;
/// How many names an error proposes.
const PROPOSALS: usize = 3;
/// Names less alike than this are not proposed.
const PROPOSAL_SIMILARITY: f64 = 0.72;

/// A place as a partner gives it: what is given must agree.
#[derive(Debug, Clone, Default)]
pub struct PlaceQuery<'a> {
    /// The registry's id.
    pub id: &'a str,
    /// The OCHA place code.
    pub pcode: &'a str,
    /// The GeoNames id; 0 for none.
    pub geonames_id: u64,
    /// A name, looked up where no id or code is given.
    pub name: &'a str,
    /// Where to look the name up; empty: everywhere.
    pub within: &'a str,
    /// A position, used if nothing else is given.
    pub point: Option<Point>,
}

/// Something that was found by name.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// The entity.
    pub entity: Arc<T>,
    /// The name or code that matched.
    pub matched: String,
    /// 1 for the same name, less for a similar one.
    pub score: f64,
}

/// Why nothing, or not one thing, was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupError {
    /// Nothing was given to look up.
    Nothing,
    /// Nothing matches.
    Unknown {
        /// What was looked up, for people.
        looked_up: String,
        /// The nearest, for people.
        nearest: Vec<String>,
    },
    /// Several match.
    Ambiguous {
        /// What was looked up, for people.
        looked_up: String,
        /// All candidates, for people.
        candidates: Vec<String>,
    },
    /// What was given names different entities.
    Contradicts {
        /// What was given, for people.
        given: Vec<String>,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("names nothing; give an id, a code or a name"),
            Self::Unknown { looked_up, nearest } if nearest.is_empty() => {
                write!(
                    f,
                    "{looked_up} is not in the registry, nor anything like it"
                )
            }
            Self::Unknown { looked_up, nearest } => {
                write!(
                    f,
                    "{looked_up} is not in the registry; nearest: {}",
                    nearest.join(", ")
                )
            }
            Self::Ambiguous {
                looked_up,
                candidates,
            } => {
                write!(
                    f,
                    "{looked_up} may be any of: {}; give an id",
                    candidates.join(", ")
                )
            }
            Self::Contradicts { given } => {
                write!(f, "names different entities: {}", given.join(", "))
            }
        }
    }
}

impl View<'_> {
    /// The place that a reference means.
    ///
    /// # Errors
    /// [`LookupError`], with proposals or candidates.
    pub fn find_place(self, query: &PlaceQuery<'_>) -> Result<Arc<Place>, LookupError> {
        let mut named: Vec<(String, Arc<Place>)> = Vec::new();
        if !query.id.is_empty() {
            let looked_up = format!("place id `{}`", query.id);
            let place = PlaceId::new(query.id)
                .ok()
                .and_then(|id| self.place(&id).cloned());
            match place {
                Some(place) => named.push((looked_up, place)),
                None => return Err(self.unknown_place(looked_up, query.id)),
            }
        }
        if !query.pcode.is_empty() {
            let looked_up = format!("place code `{}`", query.pcode);
            named.push(self.by_code(looked_up, &query.pcode.to_uppercase())?);
        }
        if query.geonames_id != 0 {
            let looked_up = format!("GeoNames id {}", query.geonames_id);
            named.push(self.by_code(looked_up, &geonames_code(query.geonames_id))?);
        }
        if let Some((_, first)) = named.first() {
            let agree = named.iter().all(|(_, place)| place.id == first.id);
            return if agree {
                Ok(Arc::clone(first))
            } else {
                let given = named
                    .iter()
                    .map(|(what, p)| format!("{what} is `{}`", p.id));
                Err(LookupError::Contradicts {
                    given: given.collect(),
                })
            };
        }
        if !query.name.is_empty() {
            return self.place_by_name(query.name, query.within);
        }
        match query.point {
            Some(point) => self.nearest_place(point),
            None => Err(LookupError::Nothing),
        }
    }

    /// The place of an id, a place code, or `geonames:ID`.
    ///
    /// # Errors
    /// [`LookupError`], with proposals or candidates.
    pub fn place_by_id_or_code(self, text: &str) -> Result<Arc<Place>, LookupError> {
        let by_id = PlaceId::new(text)
            .ok()
            .and_then(|id| self.place(&id).cloned());
        if let Some(place) = by_id {
            return Ok(place);
        }
        if text.is_empty() {
            return Err(LookupError::Nothing);
        }
        match self.by_code(format!("place `{text}`"), &text.to_uppercase()) {
            Ok((_, place)) => Ok(place),
            Err(ambiguous @ LookupError::Ambiguous { .. }) => Err(ambiguous),
            Err(_) => Err(self.unknown_place(format!("place `{text}`"), text)),
        }
    }

    /// The actor of an id, or of a name where the id is empty.
    ///
    /// # Errors
    /// [`LookupError`], with proposals or candidates.
    pub fn find_actor(self, id: &str, name: &str) -> Result<ActorId, LookupError> {
        let known = ActorId::new(id).ok().filter(|id| self.actor(id).is_some());
        find(
            "actor",
            (id, known),
            name,
            &self.registry.actors.names,
            |id| self.actor(id).map(|a| a.names.as_slice()),
            self.actors().map(|a| (&a.id, a.names.as_slice())),
        )
    }

    /// The source of an id, or of a name where the id is empty.
    ///
    /// # Errors
    /// [`LookupError`], with proposals or candidates.
    pub fn find_source(self, id: &str, name: &str) -> Result<SourceId, LookupError> {
        let known = SourceId::new(id)
            .ok()
            .filter(|id| self.source(id).is_some());
        find(
            "source",
            (id, known),
            name,
            &self.registry.sources.names,
            |id| self.source(id).map(|s| s.names.as_slice()),
            self.sources().map(|s| (&s.id, s.names.as_slice())),
        )
    }

    /// Places whose names or codes are like a text, best first.
    #[must_use]
    pub fn search_places(
        self,
        text: &str,
        within: Option<&PlaceId>,
        limit: usize,
    ) -> Vec<Found<Place>> {
        let candidates = self
            .places()
            .filter(|p| within.is_none_or(|area| self.is_within(&p.id, area)));
        let mut found = search(text, candidates, limit, |p| (p.id.as_str(), &p.names));
        if let Ok(place) = self.place_by_id_or_code(text) {
            found.retain(|f| f.entity.id != place.id);
            found.insert(
                0,
                Found {
                    matched: text.to_owned(),
                    entity: place,
                    score: 1.0,
                },
            );
            found.truncate(limit);
        }
        found
    }

    /// Actors whose names are like a text, best first.
    #[must_use]
    pub fn search_actors(self, text: &str, limit: usize) -> Vec<Found<crate::actor::Actor>> {
        search(text, self.actors(), limit, |a| (a.id.as_str(), &a.names))
    }

    /// Sources whose names are like a text, best first.
    #[must_use]
    pub fn search_sources(self, text: &str, limit: usize) -> Vec<Found<crate::source::Source>> {
        search(text, self.sources(), limit, |s| (s.id.as_str(), &s.names))
    }

    fn by_code(self, looked_up: String, code: &str) -> Result<(String, Arc<Place>), LookupError> {
        let ever = self.registry.codes.get(code).into_iter().flatten();
        let now = ever
            .filter_map(|id| self.place(id))
            .filter(|p| p.pcode.to_uppercase() == code || geonames_code(p.geonames_id) == code);
        let now: Vec<_> = now.cloned().collect();
        match now.as_slice() {
            [place] => Ok((looked_up, Arc::clone(place))),
            [] => Err(LookupError::Unknown {
                looked_up,
                nearest: Vec::new(),
            }),
            several => Err(LookupError::Ambiguous {
                looked_up,
                candidates: several.iter().map(|p| self.describe(p)).collect(),
            }),
        }
    }

    fn place_by_name(self, text: &str, within: &str) -> Result<Arc<Place>, LookupError> {
        let (area, looked_up) = if within.is_empty() {
            (None, format!("place name `{text}`"))
        } else {
            let area = self.place_by_id_or_code(within)?;
            let looked_up = format!("place name `{text}` within `{}`", area.id);
            (Some(area), looked_up)
        };
        let wanted = name::normalise(text);
        let ever = self
            .registry
            .places
            .names
            .get(&wanted)
            .into_iter()
            .flatten();
        let found: Vec<_> = ever
            .filter_map(|id| self.place(id))
            .filter(|p| p.names.iter().any(|n| name::normalise(&n.text) == wanted))
            .filter(|p| area.as_ref().is_none_or(|a| self.is_within(&p.id, &a.id)))
            .collect();
        match found.as_slice() {
            [place] => Ok(Arc::clone(place)),
            [] => {
                let area = area.as_ref().map(|a| &a.id);
                let nearest = self.search_places(text, area, PROPOSALS);
                let near = nearest.iter().filter(|f| f.score >= PROPOSAL_SIMILARITY);
                let nearest = near.map(|f| self.describe(&f.entity)).collect();
                Err(LookupError::Unknown { looked_up, nearest })
            }
            several => Err(LookupError::Ambiguous {
                looked_up,
                candidates: several.iter().map(|p| self.describe(p)).collect(),
            }),
        }
    }

    fn nearest_place(self, point: Point) -> Result<Arc<Place>, LookupError> {
        let looked_up = format!("position {}, {}", point.latitude, point.longitude);
        self.places()
            .filter_map(|p| Some((p.location?.distance_km(point), p)))
            .filter(|(km, _)| *km <= NEAREST_POINT_KM)
            .min_by(|(a, p), (b, q)| a.total_cmp(b).then_with(|| p.id.cmp(&q.id)))
            .map(|(_, p)| Arc::clone(p))
            .ok_or(LookupError::Unknown {
                looked_up,
                nearest: Vec::new(),
            })
    }

    fn unknown_place(self, looked_up: String, text: &str) -> LookupError {
        let found = search(text, self.places(), PROPOSALS, |p| {
            (p.id.as_str(), &p.names)
        });
        let near = found.iter().filter(|f| f.score >= PROPOSAL_SIMILARITY);
        LookupError::Unknown {
            looked_up,
            nearest: near.map(|f| self.describe(&f.entity)).collect(),
        }
    }

    fn describe(self, place: &Place) -> String {
        let above = place.parent.as_ref().and_then(|id| self.place(id));
        let above = above
            .map(|p| format!(" in {}", p.shown_name()))
            .unwrap_or_default();
        format!("`{}` ({}{above})", place.id, place.shown_name())
    }
}

fn find<'a, I>(
    kind: &str,
    (id, known): (&str, Option<I>),
    text: &str,
    ever_named: &HashMap<String, BTreeSet<I>>,
    names_of: impl Fn(&I) -> Option<&'a [Name]>,
    all: impl Iterator<Item = (&'a I, &'a [Name])>,
) -> Result<I, LookupError>
where
    I: Ord + Hash + Clone + fmt::Display + AsIdText + 'a,
{
    if id.is_empty() && text.is_empty() {
        return Err(LookupError::Nothing);
    }
    let looked_up = if id.is_empty() {
        format!("{kind} name `{text}`")
    } else {
        format!("{kind} id `{id}`")
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let wanted = name::normalise(text);
    if id.is_empty() {
        let found: Vec<&I> = ever_named
            .get(&wanted)
            .into_iter()
            .flatten()
            .filter(|id| {
                names_of(id)
                    .is_some_and(|names| names.iter().any(|n| name::normalise(&n.text) == wanted))
            })
            .collect();
        match found.as_slice() {
            [one] => return Ok((*one).clone()),
            [] => {}
            several => {
                return Err(LookupError::Ambiguous {
                    looked_up,
                    candidates: several.iter().map(|id| format!("`{id}`")).collect(),
                });
            }
        }
    }
    let text = if id.is_empty() { text } else { id };
    let wanted = name::normalise(text);
    let mut near: Vec<(f64, String)> = all
        .map(|(id, names)| {
            let (score, _) = best_match(&wanted, id.id_text(), names);
            let shown = names.first().map_or("", |n| n.text.as_str());
            (score, format!("`{id}` ({shown})"))
        })
        .filter(|(score, _)| *score >= PROPOSAL_SIMILARITY)
        .collect();
    near.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    near.truncate(PROPOSALS);
    Err(LookupError::Unknown {
        looked_up,
        nearest: near.into_iter().map(|(_, shown)| shown).collect(),
    })
}

/// Gives the text of an id, whatever its kind.
trait AsIdText {
    fn id_text(&self) -> &str;
}

impl<K> AsIdText for crate::id::Id<K> {
    fn id_text(&self) -> &str {
        self.as_str()
    }
}

fn search<'a, T: 'a>(
    text: &str,
    all: impl Iterator<Item = &'a Arc<T>>,
    limit: usize,
    names_of: impl Fn(&T) -> (&str, &Vec<Name>),
) -> Vec<Found<T>> {
    let wanted = name::normalise(text);
    let mut found: Vec<Found<T>> = all
        .map(|entity| {
            let (id, names) = names_of(entity);
            let (score, matched) = best_match(&wanted, id, names);
            Found {
                entity: Arc::clone(entity),
                matched,
                score,
            }
        })
        .filter(|f| f.score >= PROPOSAL_SIMILARITY)
        .collect();
    // A stable sort: equal scores stay in the order of ids.
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(limit);
    found
}

/// The best of an id's and its names' likeness to a normalised text.
fn best_match(wanted: &str, id: &str, names: &[Name]) -> (f64, String) {
    let as_name = id.replace(['-', '_', '.'], " ");
    std::iter::once((
        name::similarity(wanted, &name::normalise(&as_name)) * 0.99,
        id,
    ))
    .chain(names.iter().map(|n| {
        let candidate = name::normalise(&n.text);
        // A name that begins with all that was typed is a match in the making.
        let prefix = if !wanted.is_empty() && candidate.starts_with(wanted) {
            0.95
        } else {
            0.0
        };
        (
            name::similarity(wanted, &candidate).max(prefix),
            n.text.as_str(),
        )
    }))
    .max_by(|(a, _), (b, _)| a.total_cmp(b))
    .map_or((0.0, String::new()), |(score, matched)| {
        (score, matched.to_owned())
    })
}
