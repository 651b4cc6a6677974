//! The registry: which places, actors and sources there are, and were.
//!
//! Every change stands at a sequence of partition 0. A [`View`] is the registry as
//! it stood at one sequence, so that a fold that has adopted a prefix of
//! partition 0 sees exactly that prefix, whenever it is computed.

mod check;
mod lookup;
mod models;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

pub use check::check_change;
pub use lookup::{Found, LookupError, PlaceQuery};

use crate::actor::Actor;
use crate::id::{ActorId, Digest, PlaceId, SourceId};
use crate::marking::Audience;
use crate::model::SourceModel;
use crate::name::{self, Name};
use crate::place::Place;
use crate::source::{Alignment, Source};
use crate::time::Timestamp;

/// A chain of parents or memberships longer than this is cut: it is a mistake.
const MAX_DEPTH: usize = 16;

/// An entity as it stands from some sequence on, or a model adopted there.
#[derive(Debug, Clone, PartialEq)]
pub enum RegistryChange {
    /// A place.
    Place(Place),
    /// An actor.
    Actor(Actor),
    /// A source.
    Source(Source),
    /// What was learned of sources.
    SourceModel(SourceModel),
}

/// Which of several versions of an entity stands: the one that was first known
/// last, then the one first recorded last, then that with the larger digest. What
/// stands is so a function of the set of bodies, in whatever order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// When it was first known.
    pub first_known_at: Timestamp,
    /// When it was first recorded.
    pub first_recorded_at: Timestamp,
    /// The digest of its body.
    pub body: Digest,
}

impl Version {
    /// Later than every recorded one: for changes that are only tried out.
    pub const LATEST: Self = Self {
        first_known_at: Timestamp::MAX,
        first_recorded_at: Timestamp::MAX,
        body: Digest([0xff; 32]),
    };
}

/// Which entity a change was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// A place, new or not.
    Place(PlaceId),
    /// An actor or a source. New ones change no earlier evidence: nothing could
    /// name them before.
    Party {
        /// Whether it was registered before.
        known_before: bool,
    },
    /// The source models of an audience: all that it reads may change.
    SourceModel(Audience),
}

/// Everything ever registered.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    places: Kept<PlaceId, Place>,
    actors: Kept<ActorId, Actor>,
    sources: Kept<SourceId, Source>,
    models: models::Adopted,
    /// Places that ever named a parent, by that parent.
    children: BTreeMap<PlaceId, BTreeSet<PlaceId>>,
    /// Places that ever had a code, by the code in upper case.
    codes: HashMap<String, BTreeSet<PlaceId>>,
    /// What each sequence changed.
    changes: BTreeMap<u64, Changed>,
    last_sequence: u64,
    last_recorded_at: Option<Timestamp>,
}

/// Versions of entities by id, and the names that they ever had.
#[derive(Debug, Clone)]
struct Kept<I, T> {
    versions: BTreeMap<I, Vec<(u64, Version, Arc<T>)>>,
    names: HashMap<String, BTreeSet<I>>,
}

impl<I, T> Default for Kept<I, T> {
    fn default() -> Self {
        Self {
            versions: BTreeMap::new(),
            names: HashMap::new(),
        }
    }
}

impl<I: Ord + Hash + Clone, T> Kept<I, T> {
    fn put(&mut self, at: (u64, Version), id: &I, names: &[Name], entity: T) {
        for name in names {
            self.names
                .entry(name::normalise(&name.text))
                .or_default()
                .insert(id.clone());
        }
        let versions = self.versions.entry(id.clone()).or_default();
        // A replayed change replaces itself.
        versions.retain(|(s, ..)| *s != at.0);
        versions.push((at.0, at.1, Arc::new(entity)));
    }

    fn at(&self, id: &I, sequence: u64) -> Option<&Arc<T>> {
        standing(self.versions.get(id)?, sequence)
    }

    fn all_at(&self, sequence: u64) -> impl Iterator<Item = &Arc<T>> {
        self.versions
            .values()
            .filter_map(move |versions| standing(versions, sequence))
    }
}

/// The latest of the versions that are there at a sequence.
fn standing<T>(versions: &[(u64, Version, Arc<T>)], sequence: u64) -> Option<&Arc<T>> {
    let there = versions.iter().filter(|(s, ..)| *s <= sequence);
    there
        .max_by_key(|(_, version, _)| *version)
        .map(|(.., entity)| entity)
}

impl Registry {
    /// Takes a change in that stands at a sequence of partition 0. It stands unless
    /// a later version of the entity is here.
    pub fn apply(&mut self, sequence: u64, version: Version, change: RegistryChange) {
        self.last_sequence = self.last_sequence.max(sequence);
        self.last_recorded_at = self.last_recorded_at.max(Some(version.first_recorded_at));
        let at = (sequence, version);
        let changed = match &change {
            RegistryChange::Place(place) => Changed::Place(place.id.clone()),
            RegistryChange::Actor(actor) => Changed::Party {
                known_before: self
                    .at(sequence.saturating_sub(1))
                    .actor(&actor.id)
                    .is_some(),
            },
            RegistryChange::Source(source) => Changed::Party {
                known_before: self
                    .at(sequence.saturating_sub(1))
                    .source(&source.id)
                    .is_some(),
            },
            RegistryChange::SourceModel(model) => Changed::SourceModel(model.audience),
        };
        self.changes.insert(sequence, changed);
        match change {
            RegistryChange::Place(place) => {
                if let Some(parent) = &place.parent {
                    self.children
                        .entry(parent.clone())
                        .or_default()
                        .insert(place.id.clone());
                }
                if !place.pcode.is_empty() {
                    self.codes
                        .entry(place.pcode.to_uppercase())
                        .or_default()
                        .insert(place.id.clone());
                }
                if place.geonames_id != 0 {
                    self.codes
                        .entry(geonames_code(place.geonames_id))
                        .or_default()
                        .insert(place.id.clone());
                }
                self.places
                    .put(at, &place.id.clone(), &place.names.clone(), place);
            }
            RegistryChange::Actor(actor) => {
                self.actors
                    .put(at, &actor.id.clone(), &actor.names.clone(), actor);
            }
            RegistryChange::Source(source) => {
                self.sources
                    .put(at, &source.id.clone(), &source.names.clone(), source);
            }
            RegistryChange::SourceModel(model) => self.models.put(sequence, model),
        }
    }

    /// The registry as it stood at a sequence of partition 0.
    #[must_use]
    pub fn at(&self, sequence: u64) -> View<'_> {
        View {
            registry: self,
            sequence,
        }
    }

    /// When the newest version was first recorded; `None` without any.
    #[must_use]
    pub fn last_recorded_at(&self) -> Option<Timestamp> {
        self.last_recorded_at
    }

    /// What changed after a sequence, up to and including another.
    pub fn changed(&self, after: u64, up_to: u64) -> impl Iterator<Item = &Changed> {
        let range = (after < up_to).then(|| self.changes.range(after + 1..=up_to));
        range.into_iter().flatten().map(|(_, changed)| changed)
    }

    /// The registry as it stands.
    #[must_use]
    pub fn latest(&self) -> View<'_> {
        self.at(u64::MAX)
    }

    /// The last sequence taken in; 0 for none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }
}

fn geonames_code(id: u64) -> String {
    format!("GEONAMES:{id}")
}

/// The registry as it stood at one sequence.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    registry: &'a Registry,
    sequence: u64,
}

impl<'a> View<'a> {
    /// The sequence.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.sequence
    }

    /// The place of an id.
    #[must_use]
    pub fn place(self, id: &PlaceId) -> Option<&'a Arc<Place>> {
        self.registry.places.at(id, self.sequence)
    }

    /// The actor of an id.
    #[must_use]
    pub fn actor(self, id: &ActorId) -> Option<&'a Arc<Actor>> {
        self.registry.actors.at(id, self.sequence)
    }

    /// The source of an id.
    #[must_use]
    pub fn source(self, id: &SourceId) -> Option<&'a Arc<Source>> {
        self.registry.sources.at(id, self.sequence)
    }

    /// All places, in the order of ids.
    pub fn places(self) -> impl Iterator<Item = &'a Arc<Place>> {
        self.registry.places.all_at(self.sequence)
    }

    /// All actors, in the order of ids.
    pub fn actors(self) -> impl Iterator<Item = &'a Arc<Actor>> {
        self.registry.actors.all_at(self.sequence)
    }

    /// All sources, in the order of ids.
    pub fn sources(self) -> impl Iterator<Item = &'a Arc<Source>> {
        self.registry.sources.all_at(self.sequence)
    }

    /// The source model in force for an audience: of those adopted, the one with the
    /// latest cut, of equal ones that with the greatest digest.
    #[must_use]
    pub fn source_model(self, audience: Audience) -> Option<&'a Arc<SourceModel>> {
        self.registry.models.at(audience, self.sequence)
    }

    /// The places directly within a place, in the order of ids.
    pub fn children(self, parent: &PlaceId) -> impl Iterator<Item = &'a Arc<Place>> {
        let parent = parent.clone();
        self.registry
            .children
            .get(&parent)
            .into_iter()
            .flatten()
            .filter_map(move |id| self.place(id))
            .filter(move |place| place.parent.as_ref() == Some(&parent))
    }

    /// Whether a place is another or lies in it.
    #[must_use]
    pub fn is_within(self, place: &PlaceId, area: &PlaceId) -> bool {
        self.ancestry(place).any(|p| p.id == *area)
    }

    /// A place and those that it lies in, upwards.
    pub fn ancestry(self, place: &PlaceId) -> impl Iterator<Item = &'a Arc<Place>> {
        std::iter::successors(self.place(place), move |p| {
            p.parent.as_ref().and_then(|id| self.place(id))
        })
        .take(MAX_DEPTH)
    }

    /// The sides between which control of a place is judged: those of its home
    /// area, sorted. Empty where the home area names none.
    #[must_use]
    pub fn sides(self, place: &Place) -> &'a [ActorId] {
        self.place(&place.home_area).map_or(&[], |area| &area.sides)
    }

    /// An actor and the coalitions above it at a time, upwards. Where it belongs
    /// to several, the smallest id is followed.
    #[must_use]
    pub fn coalitions(self, actor: &ActorId, time: Timestamp) -> Vec<ActorId> {
        let mut chain = vec![actor.clone()];
        while chain.len() < MAX_DEPTH {
            let above = chain
                .last()
                .and_then(|id| self.actor(id))
                .and_then(|a| {
                    a.member_of
                        .iter()
                        .filter(|m| m.holds_at(time))
                        .map(|m| &m.value)
                        .min()
                })
                .filter(|above| !chain.contains(above));
            match above {
                Some(above) => chain.push(above.clone()),
                None => break,
            }
        }
        chain
    }

    /// Which of the sides an actor belongs to at a time: the topmost that is
    /// listed. `None`: a party that is not listed.
    #[must_use]
    pub fn side_of(self, actor: &ActorId, time: Timestamp, sides: &[ActorId]) -> Option<usize> {
        self.coalitions(actor, time)
            .iter()
            .rev()
            .find_map(|id| sides.iter().position(|side| side == id))
    }

    /// How a source stands to the sides at a time: the first alignment that holds
    /// and leads to a listed side, with the index of that side.
    #[must_use]
    pub fn alignment(
        self,
        source: &'a Source,
        time: Timestamp,
        sides: &[ActorId],
    ) -> Option<(&'a Alignment, usize)> {
        source
            .alignments
            .iter()
            .filter(|a| a.holds_at(time))
            .find_map(|a| match &a.value {
                Alignment::OrganOf(actor)
                | Alignment::Sympathetic(actor)
                | Alignment::Opposed(actor) => Some((&a.value, self.side_of(actor, time, sides)?)),
                Alignment::Independent | Alignment::Unknown => None,
            })
    }
}
