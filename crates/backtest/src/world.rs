//! The files as the engine sees them: a registry, and reports.
//!
//! All places lie in one home area, whose sides are the values that are claimed or
//! true anywhere, except for the words that are no holder. Every claim is a report
//! of its source, known when it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::actor::{Actor, Dated};
use ascertain_domain::id::{
    ActorId, ClaimId, Digest, Id, IdError, PartnerId, PlaceId, ReportId, SourceId,
};
use ascertain_domain::marking::{Audience, Marking};
use ascertain_domain::model::SourceModel;
use ascertain_domain::name::Name;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::{
    Actors, Claim, Extent, Links, Modality, Originator, Polarity, Predicate, Report,
};
use ascertain_domain::source::{Alignment, Reporting, Source};
use ascertain_domain::state::Ppm;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{Changes, Family, Moment, family_places, series};

use crate::habits::{Turn, turns};
use crate::read::{
    CONTESTED, Claims, MIXED, NO_SIDE, Noted, OTHER, PlaceRow, Places, SourceRow, Sources, Stance,
    Truth, VACATED,
};

/// The most sides: with more, values are no holders, but free text.
const MOST_SIDES: usize = 64;

/// Why files make no world.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    /// Too many values name a holder.
    #[error(
        "has, with the truth, {0} different values; claims with times say which of at most {MOST_SIDES} sides holds a place, and free values are for claims without a time"
    )]
    Sides(usize),
    /// An id cannot be made.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// What the engine folds.
pub(crate) struct World<'a> {
    claims: &'a Claims,
    registry: Registry,
    /// The name of each outcome, in the engine's order.
    outcomes: Vec<String>,
    /// Ids by the indices of [`Claims`].
    places: Vec<PlaceId>,
    sources: Vec<SourceId>,
    /// Indices of [`Claims`] by id; places without claims are not in it.
    index: BTreeMap<PlaceId, u32>,
    /// What each claimed value says.
    predicates: Vec<Predicate>,
    partner: PartnerId,
    claim: ClaimId,
    /// The sequence at which each turn of a source's habit stands, in order.
    turns: Vec<(u64, Turn)>,
    /// The sequence before all turns.
    before_turns: u64,
}

impl<'a> World<'a> {
    /// Makes a world of what was read.
    ///
    /// # Errors
    /// [`WorldError::Sides`] where there are more sides than are ever at war; no other:
    /// the ids are made here.
    pub(crate) fn of(
        claims: &'a Claims,
        truth: Option<&Truth>,
        sources: Option<&Sources>,
        places: Option<&Places>,
        noted: &mut Noted,
    ) -> Result<Self, WorldError> {
        let sides = sides(claims, truth);
        if sides.len() > MOST_SIDES {
            return Err(WorldError::Sides(sides.len()));
        }
        let outcomes: Vec<String> = sides
            .iter()
            .cloned()
            .chain(NO_SIDE.map(str::to_owned))
            .collect();
        let mut filling = Filling::default();
        let actors = filling.actors(&sides)?;
        let (place_ids, index) = filling.places(claims, places, &actors, noted)?;
        let stranger = filling.stranger()?;
        let rows = rows(claims, sources, noted);
        let source_ids = filling.sources(claims, &rows, &sides, &actors, noted)?;
        // The pace stands before all turns, and is counted when they are known.
        filling.sequence += 1;
        let before_turns = filling.sequence;
        let asked = |source: u32| rows[source as usize].reporting.is_none();
        let found = turns(claims, asked);
        noted.add(
            "sources whose habit was not given and is told by what they did so far",
            (0..).zip(&rows).filter(|(i, _)| asked(*i)).count() as u64,
        );
        let mut kept = Vec::with_capacity(found.len());
        for turn in found {
            filling.turn(turn);
            kept.push((filling.sequence, turn));
        }
        let predicate = |value: &String| predicate(value, &sides, &actors, &stranger);
        let mut world = Self {
            claims,
            predicates: claims.values.iter().map(predicate).collect(),
            registry: filling.registry,
            outcomes,
            places: place_ids,
            sources: source_ids,
            index,
            partner: PartnerId::new("backtest")?,
            claim: ClaimId::new("c")?,
            turns: kept,
            before_turns,
        };
        let pace = world.pace(&rows);
        let model = SourceModel {
            cut: Timestamp::MIN,
            audience: Audience::Clear,
            method: "pace".to_owned(),
            input_digest: Digest::of(&[]),
            sources: BTreeMap::new(),
            copies: BTreeMap::new(),
            pace,
            temper: Ppm(1_000_000),
        };
        let change = RegistryChange::SourceModel(model);
        world.registry.apply(before_turns, Version::LATEST, change);
        Ok(world)
    }

    /// How fast control changes, area by area. Each day's pace rests on what was known
    /// before it, so that it may be given to all days at once.
    fn pace(&self, rows: &[SourceRow]) -> BTreeMap<PlaceId, BTreeMap<i32, u32>> {
        let latest = self.registry.latest();
        let mut speaks: BTreeMap<&SourceId, Vec<(Timestamp, bool)>> = BTreeMap::new();
        let changes_only = |reporting| reporting == Reporting::ChangesOnly;
        for (id, row) in self.sources.iter().zip(rows) {
            let declared = row.reporting.is_some_and(changes_only);
            speaks.insert(id, vec![(Timestamp::MIN, declared)]);
        }
        for (_, turn) in &self.turns {
            let turns = speaks
                .entry(&self.sources[turn.source as usize])
                .or_default();
            turns.push((turn.from, turn.changes_only));
        }
        let silence_speaks = |source: &SourceId, time: Timestamp| {
            let turns = speaks.get(source).into_iter().flatten();
            turns
                .rev()
                .find(|(from, _)| *from <= time)
                .is_some_and(|(_, speaks)| *speaks)
        };
        let mut changes = Changes::default();
        for (number, id) in (0..).zip(&self.places) {
            if let Some(place) = latest.place(id) {
                let reports = self.reports(&[number]);
                changes.add(Changes::of_place(
                    place,
                    latest,
                    reports.iter(),
                    silence_speaks,
                ));
            }
        }
        changes.pace()
    }

    /// The name of each outcome, in the order of [`Moment`].
    pub(crate) fn outcomes(&self) -> &[String] {
        &self.outcomes
    }

    /// The outcome that a value names.
    pub(crate) fn outcome(&self, value: &str) -> Option<usize> {
        self.outcomes.iter().position(|name| name == value)
    }

    /// How many of the outcomes, the first, are sides.
    pub(crate) fn sides(&self) -> usize {
        self.outcomes.len() - NO_SIDE.len()
    }

    /// The belief about a place at each time, given in ascending order.
    pub(crate) fn series(&self, place: u32, times: &[Timestamp]) -> Vec<Moment> {
        let latest = self.registry.latest();
        let id = &self.places[place as usize];
        let Some(this) = latest.place(id) else {
            return Vec::new();
        };
        let family = family_places(id, latest);
        let near: Vec<u32> = family
            .iter()
            .filter_map(|id| self.index.get(id))
            .copied()
            .collect();
        let reports = self.reports(&near);
        let at = |sequence| Family {
            place: this,
            registry: self.registry.at(sequence),
            audience: Audience::Clear,
            reports: &reports,
        };
        let speaking: BTreeSet<u32> = near
            .iter()
            .flat_map(|place| self.claims.about(*place))
            .map(|claim| claim.source)
            .collect();
        let turns = self
            .turns
            .iter()
            .filter(|(_, t)| speaking.contains(&t.source));
        // In hindsight habits are known, too.
        let mut moments = series(at(u64::MAX), times);
        let (mut from, mut sequence) = (0, self.before_turns);
        for (next, turn) in turns {
            let until = times.partition_point(|time| *time < turn.from);
            if until > from {
                let then = series(at(sequence), &times[from..until]);
                for (moment, then) in moments[from..until].iter_mut().zip(then) {
                    moment.filtered = then.filtered;
                }
                from = until;
            }
            sequence = *next;
        }
        moments
    }

    /// Claims about some places as reports.
    fn reports(&self, places: &[u32]) -> Vec<Arc<Report>> {
        let claims = &self.claims.claims;
        let ranges = places.iter().map(|place| {
            let from = claims.partition_point(|claim| claim.place < *place);
            let to = claims.partition_point(|claim| claim.place <= *place);
            from..to
        });
        ranges.flatten().map(|i| Arc::new(self.report(i))).collect()
    }

    /// A claim as a report; it is numbered by its place among all.
    fn report(&self, number: usize) -> Report {
        let claim = self.claims.claims[number];
        let names = self.claims;
        let text = format!(
            "{}\n{}\n{}\n{}",
            names.places[claim.place as usize],
            names.sources[claim.source as usize],
            names.values[claim.value as usize],
            claim.time
        );
        let digest = Digest::of(text.as_bytes());
        Report {
            id: ReportId(uuid::Uuid::from_u128(number as u128)),
            partner: self.partner.clone(),
            partner_reference: String::new(),
            first_known_at: claim.time,
            backfilled: false,
            originator: Originator::Source(self.sources[claim.source as usize].clone()),
            relays: Vec::new(),
            published_at: claim.time,
            claims: vec![Claim {
                id: self.claim.clone(),
                place: self.places[claim.place as usize].clone(),
                predicate: self.predicates[claim.value as usize].clone(),
                polarity: Polarity::Affirm,
                extent: Extent::Whole,
                sub_places: Vec::new(),
                event_time: None,
                modality: Modality::Asserted,
            }],
            evidence: Vec::new(),
            text_simhash: None,
            links: Links::default(),
            marking: Marking::Clear,
            time_inconsistent: false,
            statement_digest: digest,
            body_digest: digest,
        }
    }
}

/// Every value that is claimed or true somewhere and names a holder, sorted.
fn sides(claims: &Claims, truth: Option<&Truth>) -> Vec<String> {
    let true_ones = truth.map_or(&[][..], |truth| &truth.values);
    let all: BTreeSet<&String> = claims.values.iter().chain(true_ones).collect();
    let holders = all.into_iter().filter(|v| !NO_SIDE.contains(&v.as_str()));
    holders.cloned().collect()
}

/// What is known of each source that claims something.
fn rows(claims: &Claims, sources: Option<&Sources>, noted: &mut Noted) -> Vec<SourceRow> {
    let row = |name: &String| {
        match sources {
        None => SourceRow::unknown(),
        Some(sources) => sources.get(name).cloned().unwrap_or_else(|| {
            noted.count("sources with claims that the sources file does not have, read as independent with grade C");
            SourceRow::unknown()
        }),
    }
    };
    claims.sources.iter().map(row).collect()
}

/// What a value says of a place.
fn predicate(value: &str, sides: &[String], actors: &[ActorId], stranger: &Actors) -> Predicate {
    let all = || Actors::new(actors.to_vec()).unwrap_or_else(|| stranger.clone());
    match value {
        CONTESTED => Predicate::FightingAt(Vec::new()),
        // Held together by all. With less than two sides the nearest that can be said
        // is that there is somebody.
        MIXED if actors.len() > 1 => Predicate::Controls(all()),
        MIXED => Predicate::Present(all()),
        VACATED => Predicate::Withdrew(all()),
        OTHER => Predicate::Controls(stranger.clone()),
        side => {
            let actor = sides.binary_search_by(|name| name.as_str().cmp(side));
            let actor = actor.ok().map(|i| vec![actors[i].clone()]);
            let actor = actor.and_then(Actors::new);
            Predicate::Controls(actor.unwrap_or_else(|| stranger.clone()))
        }
    }
}

fn names(text: &str) -> Vec<Name> {
    vec![Name {
        text: text.to_owned(),
        language: String::new(),
        script: String::new(),
    }]
}

/// Ids in the order of numbers.
fn id<K>(kind: &str, number: usize) -> Result<Id<K>, IdError> {
    Id::new(&format!("{kind}-{number:010}"))
}

/// A registry in the making.
#[derive(Default)]
struct Filling {
    registry: Registry,
    sequence: u64,
    sources: Vec<Source>,
}

impl Filling {
    fn apply(&mut self, known: Timestamp, change: RegistryChange) {
        self.sequence += 1;
        let version = Version {
            first_known_at: known,
            first_recorded_at: known,
            body: Digest([0; 32]),
        };
        self.registry.apply(self.sequence, version, change);
    }

    fn actor(&mut self, id: &ActorId, name: &str) {
        let actor = Actor {
            id: id.clone(),
            names: names(name),
            member_of: Vec::new(),
        };
        self.apply(Timestamp::MIN, RegistryChange::Actor(actor));
    }

    fn actors(&mut self, sides: &[String]) -> Result<Vec<ActorId>, IdError> {
        let mut actors = Vec::with_capacity(sides.len());
        for (i, side) in sides.iter().enumerate() {
            let id = id("side", i)?;
            self.actor(&id, side);
            actors.push(id);
        }
        Ok(actors)
    }

    /// Somebody who belongs to no side.
    fn stranger(&mut self) -> Result<Actors, IdError> {
        let id = ActorId::new("stranger")?;
        self.actor(&id, OTHER);
        Actors::new(vec![id]).ok_or(IdError::Empty)
    }

    fn places(
        &mut self,
        claims: &Claims,
        places: Option<&Places>,
        actors: &[ActorId],
        noted: &mut Noted,
    ) -> Result<(Vec<PlaceId>, BTreeMap<PlaceId, u32>), IdError> {
        let area = PlaceId::new("area")?;
        let place = |id: &PlaceId, row: &PlaceRow, parent: PlaceId| Place {
            id: id.clone(),
            kind: row.kind,
            admin_level: u8::from(row.kind == PlaceKind::AdminUnit),
            parent: Some(parent),
            home_area: area.clone(),
            sides: Vec::new(),
            names: names(&row.name),
            pcode: String::new(),
            geonames_id: 0,
            location: row.location,
            population: row.population,
        };
        let home = Place {
            kind: PlaceKind::AdminUnit,
            admin_level: 0,
            parent: None,
            sides: actors.to_vec(),
            ..place(&area, &PlaceRow::unknown("area"), area.clone())
        };
        self.apply(Timestamp::MIN, RegistryChange::Place(home));
        let listed = places.into_iter().flat_map(BTreeMap::keys);
        let all: BTreeSet<&String> = claims.places.iter().chain(listed).collect();
        let mut ids: BTreeMap<&str, PlaceId> = BTreeMap::new();
        for (i, name) in all.iter().enumerate() {
            ids.insert(name, id("place", i)?);
        }
        for (name, id) in &ids {
            let row = places.and_then(|places| places.get(*name));
            if places.is_some() && row.is_none() {
                noted
                    .count("places with claims that the places file does not have, read as cities");
            }
            let unknown = PlaceRow::unknown(name);
            let row = row.unwrap_or(&unknown);
            let parent = ids.get(row.parent.as_str()).filter(|parent| *parent != id);
            if parent.is_none() && !row.parent.is_empty() {
                noted.count("places whose parent is no other place of the places file");
            }
            let parent = parent.cloned().unwrap_or_else(|| area.clone());
            let place = place(id, row, parent);
            self.apply(Timestamp::MIN, RegistryChange::Place(place));
        }
        let of_claims: Vec<PlaceId> = claims
            .places
            .iter()
            .filter_map(|name| ids.get(name.as_str()).cloned())
            .collect();
        let index = of_claims.iter().cloned().zip(0..).collect();
        Ok((of_claims, index))
    }

    fn sources(
        &mut self,
        claims: &Claims,
        rows: &[SourceRow],
        sides: &[String],
        actors: &[ActorId],
        noted: &mut Noted,
    ) -> Result<Vec<SourceId>, IdError> {
        let mut ids = Vec::with_capacity(rows.len());
        for (i, (name, row)) in claims.sources.iter().zip(rows).enumerate() {
            let id: SourceId = id("source", i)?;
            let side = row.side(sides);
            let actor = side.and_then(|side| sides.binary_search(side).ok());
            let alignment = match (actor.map(|i| actors[i].clone()), row.stance) {
                (_, Stance::Independent) => Alignment::Independent,
                (None, _) => {
                    noted.count(
                        "sources aligned with what is no value of the files, read as independent",
                    );
                    Alignment::Unknown
                }
                (Some(actor), Stance::Organ) => Alignment::OrganOf(actor),
                (Some(actor), Stance::Sympathetic) => Alignment::Sympathetic(actor),
                (Some(actor), Stance::Opposed) => Alignment::Opposed(actor),
            };
            let shown = if row.name.is_empty() { name } else { &row.name };
            let source = Source {
                id: id.clone(),
                names: names(shown),
                kind: row.kind,
                reporting: row.reporting.unwrap_or(Reporting::Undeclared),
                alignments: vec![Dated {
                    value: alignment,
                    from: None,
                    until: None,
                }],
                grade: row.grade,
                identity_verified: false,
            };
            self.sources.push(source.clone());
            self.apply(Timestamp::MIN, RegistryChange::Source(source));
            ids.push(id);
        }
        Ok(ids)
    }

    fn turn(&mut self, turn: Turn) {
        let mut source = self.sources[turn.source as usize].clone();
        source.reporting = turn.reporting();
        self.apply(turn.from, RegistryChange::Source(source));
    }
}
