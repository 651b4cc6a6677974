//! A world: what a scenario and a seed make, in the terms of the domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::actor::{Actor, Dated};
use ascertain_domain::evidence::{Evidence, EvidenceKey};
use ascertain_domain::id::{
    ActorId, ClaimId, Digest, Id, IdError, PartnerId, PlaceId, ReportId, SourceId,
};
use ascertain_domain::marking::Marking;
use ascertain_domain::name::Name;
use ascertain_domain::place::{Place, PlaceKind};
use ascertain_domain::registry::{Registry, RegistryChange, Version};
use ascertain_domain::report::{
    Actors, Claim, Extent, Links, Modality, Originator, Polarity, Predicate, Relay, Report,
};
use ascertain_domain::source::{Alignment, Grade, Reporting, Source, SourceKind};
use ascertain_domain::state::Outcome;
use ascertain_domain::time::{DAY_US, TimeInterval, TimePrecision, Timestamp};

use crate::attack::{flooded, invented, tracked};
use crate::cast::{Speaker, speakers};
use crate::scenario::Scenario;
use crate::speech::{Say, Utterance, speeches};
use crate::unlisted::{OTHER, Spells, VACATED};
use crate::war::{ACTORS, War};

/// 2024-01-01T00:00:00Z: when every world begins.
const BEGINS_US: i64 = 1_704_067_200_000_000;

/// A simulated conflict, who reported it, and what was true.
#[derive(Debug, Clone)]
pub struct World {
    /// Places, actors and sources. Each city is a home area of its own and names the
    /// sides.
    pub registry: Registry,
    /// Every change of the registry, in order.
    pub changes: Vec<RegistryChange>,
    /// All reports, by when they were first known.
    pub reports: Vec<Arc<Report>>,
    /// What was so.
    pub truth: Truth,
    /// All quarters.
    pub quarters: Vec<PlaceId>,
    /// All cities.
    pub cities: Vec<PlaceId>,
    /// The sides, sorted: the actors, as in every home area.
    pub sides: Vec<ActorId>,
    /// For each ordinary source what it tends to believe: a row for each label that
    /// may be so (the sides, then contested), the chances of the labels believed.
    /// What it keeps to itself, relays, copies or agreed upon is not in it.
    pub tables: BTreeMap<SourceId, Vec<Vec<f64>>>,
    /// The first moment.
    pub begins: Timestamp,
    /// The moment after the last.
    pub ends: Timestamp,
}

/// What was so, place by place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truth(BTreeMap<PlaceId, Vec<(Timestamp, Outcome)>>);

impl Truth {
    /// What was so at a time; before the beginning what was so then. `None` for a
    /// place that is not of this world.
    #[must_use]
    pub fn at(&self, place: &PlaceId, time: Timestamp) -> Option<&Outcome> {
        let course = self.0.get(place)?;
        let past = course.partition_point(|(from, _)| *from <= time);
        course
            .get(past.saturating_sub(1))
            .map(|(_, outcome)| outcome)
    }

    /// From when on what was so: the first from the beginning, each until the next.
    /// Nothing for a place that is not of this world.
    #[must_use]
    pub fn changes(&self, place: &PlaceId) -> &[(Timestamp, Outcome)] {
        self.0.get(place).map_or(&[], Vec::as_slice)
    }
}

/// Plays a scenario. The same seed gives the same world.
///
/// # Errors
/// Never for the scenarios named here; for one with more places or sources than ids
/// have room for.
pub fn simulate(scenario: &Scenario, seed: u64) -> Result<World, IdError> {
    let war = War::of(scenario, seed);
    let ordinary = speakers(scenario, seed);
    let mut cast: Vec<Cast> = ordinary.iter().map(Cast::ordinary).collect();
    let mut said = speeches(scenario, seed, &war, &ordinary);
    for (i, tracker) in scenario.trackers.iter().enumerate() {
        said.extend(tracked(scenario, seed, &war, (*tracker, cast.len())));
        cast.push(Cast {
            name: format!("tracker-{}", i + 1),
            kind: SourceKind::Aggregator,
            grade: Grade::B,
            declared: None,
            verified: true,
            reporting: Reporting::ChangesOnly,
        });
    }
    if let Some(flood) = scenario.flood {
        said.extend(flooded(scenario, seed, &war, (flood, cast.len())));
        cast.extend((0..flood.accounts).map(|i| Cast::account("flood", i, flood.grade)));
    }
    if let Some(new) = scenario.new_identities {
        said.extend(invented(seed, &war, (new, cast.len())));
        cast.extend((0..new.count).map(|i| Cast::account("new", i, Grade::F)));
    }
    let spells = Spells::of(scenario, seed, &war);
    spells.retell(seed, &war, &mut said);
    let told = (&ordinary[..], &cast[..], &said[..]);
    Names::new(&war, &cast)?.world(scenario, (&war, &spells), told)
}

/// A source as it is registered.
struct Cast {
    name: String,
    kind: SourceKind,
    grade: Grade,
    declared: Option<(usize, bool)>,
    verified: bool,
    reporting: Reporting,
}

impl Cast {
    fn ordinary(speaker: &Speaker) -> Self {
        Self {
            name: speaker.name.clone(),
            kind: speaker.class.kind,
            grade: speaker.grade,
            declared: speaker.declared,
            verified: speaker.class.verified,
            reporting: Reporting::Episodic,
        }
    }

    fn account(name: &str, number: usize, grade: Grade) -> Self {
        Self {
            name: format!("{name}-{}", number + 1),
            kind: SourceKind::Eyewitness,
            grade,
            declared: None,
            verified: false,
            reporting: Reporting::Episodic,
        }
    }
}

/// The ids of numbered things.
struct Names {
    actors: Vec<ActorId>,
    /// A party that is no side anywhere.
    stranger: ActorId,
    places: Vec<PlaceId>,
    sources: Vec<SourceId>,
    partner: PartnerId,
    claim: ClaimId,
}

impl Names {
    fn new(war: &War, cast: &[Cast]) -> Result<Self, IdError> {
        let quarter = |place: usize| {
            let number = place % war.quarters + 1;
            PlaceId::new(&format!("city-{}-quarter-{number}", war.city_of(place) + 1))
        };
        let city = |place: usize| PlaceId::new(&format!("city-{}", war.city_of(place) + 1));
        let places = (0..war.places()).map(|place| {
            if place < war.all_quarters() {
                quarter(place)
            } else {
                city(place)
            }
        });
        let actors = (0..ACTORS).map(|actor| ActorId::new(&format!("actor-{}", actor + 1)));
        let sources = cast.iter().map(|source| Id::new(&source.name));
        Ok(Self {
            actors: actors.collect::<Result<_, _>>()?,
            stranger: ActorId::new("stranger")?,
            places: places.collect::<Result<_, _>>()?,
            sources: sources.collect::<Result<_, _>>()?,
            partner: PartnerId::new("simulator")?,
            claim: ClaimId::new("c1")?,
        })
    }

    fn world(
        &self,
        scenario: &Scenario,
        (war, spells): (&War, &Spells),
        (ordinary, cast, said): (&[Speaker], &[Cast], &[Utterance]),
    ) -> Result<World, IdError> {
        let changes = self.registered(scenario, war, cast);
        let mut registry = Registry::default();
        for (sequence, change) in (1..).zip(&changes) {
            registry.apply(sequence, Version::LATEST, change.clone());
        }
        let mut reports: Vec<Arc<Report>> = said.iter().map(|u| Arc::new(self.report(u))).collect();
        reports.sort_by_key(|r| (r.first_known_at, r.id));
        let courses = self.places.iter().zip(&war.courses).enumerate();
        let truth = courses.map(|(number, (place, course))| {
            let course = spells.course(number, course);
            let outcomes = course
                .iter()
                .map(|(from, value)| (time(*from), self.outcome(*value)));
            (place.clone(), outcomes.collect())
        });
        let tables = self.sources.iter().zip(ordinary);
        let tables = tables.map(|(id, speaker)| (id.clone(), speaker.manner.table.clone()));
        Ok(World {
            registry,
            changes,
            reports,
            truth: Truth(truth.collect()),
            quarters: self.places[..war.all_quarters()].to_vec(),
            cities: self.places[war.all_quarters()..].to_vec(),
            sides: self.actors.clone(),
            tables: tables.collect(),
            begins: time(0.0),
            ends: time(scenario.days),
        })
    }

    fn outcome(&self, value: usize) -> Outcome {
        match self.actors.get(value) {
            Some(actor) => Outcome::Side(actor.clone()),
            None if value == VACATED => Outcome::Vacated,
            None if value == OTHER => Outcome::Other,
            None => Outcome::Contested,
        }
    }

    fn registered(&self, scenario: &Scenario, war: &War, cast: &[Cast]) -> Vec<RegistryChange> {
        let stranger = (scenario.unlisted > 0.0).then_some(&self.stranger);
        let actors = self.actors.iter().chain(stranger).map(|id| {
            RegistryChange::Actor(Actor {
                id: id.clone(),
                names: named(id.as_str()),
                member_of: Vec::new(),
            })
        });
        // Cities first: quarters lie in them.
        let places = (war.all_quarters()..war.places()).chain(0..war.all_quarters());
        let places = places.map(|place| RegistryChange::Place(self.place(war, place)));
        let sources = self.sources.iter().zip(cast).map(|(id, source)| {
            RegistryChange::Source(Source {
                id: id.clone(),
                names: named(id.as_str()),
                kind: source.kind,
                reporting: source.reporting,
                alignments: vec![Dated {
                    value: match source.declared {
                        Some((side, true)) => Alignment::OrganOf(self.actors[side].clone()),
                        Some((side, false)) => Alignment::Sympathetic(self.actors[side].clone()),
                        None => Alignment::Independent,
                    },
                    from: None,
                    until: None,
                }],
                grade: source.grade,
                identity_verified: source.verified,
            })
        });
        actors.chain(places).chain(sources).collect()
    }

    fn place(&self, war: &War, place: usize) -> Place {
        let city = &self.places[war.all_quarters() + war.city_of(place)];
        let is_city = place >= war.all_quarters();
        let id = self.places[place].clone();
        Place {
            names: named(id.as_str()),
            id,
            kind: if is_city {
                PlaceKind::City
            } else {
                PlaceKind::Neighbourhood
            },
            admin_level: 0,
            parent: (!is_city).then(|| city.clone()),
            home_area: city.clone(),
            sides: if is_city {
                self.actors.clone()
            } else {
                Vec::new()
            },
            pcode: String::new(),
            geonames_id: 0,
            location: None,
            population: 0,
        }
    }

    fn report(&self, said: &Utterance) -> Report {
        let (predicate, polarity) = self.claimed(said.say);
        let at = time(said.at);
        let claim = Claim {
            id: self.claim.clone(),
            place: self.places[said.place].clone(),
            predicate,
            polarity,
            extent: if said.in_part {
                Extent::Part
            } else {
                Extent::Whole
            },
            sub_places: said.parts.iter().map(|p| self.places[*p].clone()).collect(),
            event_time: said.timed.then_some(TimeInterval {
                earliest: Some(at),
                latest: Some(at),
                precision: TimePrecision::Instant,
            }),
            modality: Modality::Asserted,
        };
        let originator = &self.sources[said.source];
        let relays = said
            .relay
            .map(|relay| Relay::Source(self.sources[relay].clone()));
        let evidence = said
            .evidence
            .map(|picture| EvidenceKey::Sha256(Digest::of(&picture.to_le_bytes())));
        let published_at = time(said.published);
        let first_known_at = time(said.known);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&said.id[0].to_be_bytes());
        bytes[8..].copy_from_slice(&said.id[1].to_be_bytes());
        let id = ReportId(uuid::Builder::from_random_bytes(bytes).into_uuid());
        let statement = format!("{originator} {relays:?} {published_at} {claim:?} {evidence:?}");
        let body = format!("{id} {first_known_at} {statement}");
        Report {
            id,
            partner: self.partner.clone(),
            partner_reference: String::new(),
            first_known_at,
            backfilled: false,
            originator: Originator::Source(originator.clone()),
            relays: relays.into_iter().collect(),
            published_at,
            claims: vec![claim],
            evidence: evidence.into_iter().map(Evidence::of).collect(),
            text_simhash: None,
            links: Links::default(),
            marking: Marking::Clear,
            time_inconsistent: false,
            statement_digest: Digest::of(statement.as_bytes()),
            body_digest: Digest::of(body.as_bytes()),
        }
    }

    fn claimed(&self, say: Say) -> (Predicate, Polarity) {
        use Polarity::{Affirm, Deny};
        // One actor is at least one.
        let by = |actor: usize, predicate: fn(Actors) -> Predicate| {
            let named = self.actors.get(actor).unwrap_or(&self.stranger);
            Actors::new(vec![named.clone()]).map_or(Predicate::FightingAt(Vec::new()), predicate)
        };
        match say {
            Say::Controls(actor) => (by(actor, Predicate::Controls), Affirm),
            Say::Present(actor) => (by(actor, Predicate::Present), Affirm),
            Say::DeniesControl(actor) => (by(actor, Predicate::Controls), Deny),
            Say::DeniesPresence(actor) => (by(actor, Predicate::Present), Deny),
            Say::Lost(actor) => (by(actor, Predicate::Withdrew), Affirm),
            Say::Fighting => (Predicate::FightingAt(Vec::new()), Affirm),
            Say::AtEdge(actor) => (by(actor, Predicate::AtEdge), Affirm),
            Say::Advancing(actor) => (by(actor, Predicate::AdvancingOn), Affirm),
            Say::Besieges(actor) => (by(actor, Predicate::Besieges), Affirm),
        }
    }
}

fn named(text: &str) -> Vec<Name> {
    vec![Name {
        text: text.to_owned(),
        language: "en".to_owned(),
        script: "Latn".to_owned(),
    }]
}

/// A moment, from days since the beginning.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // days of a few years
fn time(days: f64) -> Timestamp {
    Timestamp::MIN.plus_micros(BEGINS_US - Timestamp::MIN.micros() + (days * DAY_US as f64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::war::CONTESTED;

    #[test]
    fn labels_are_the_actors_and_then_contested() {
        let war = War::of(&Scenario::base(), 1);
        let names = Names::new(&war, &[]).unwrap();
        assert_eq!(names.outcome(CONTESTED), Outcome::Contested);
        assert_eq!(names.outcome(0), Outcome::Side(names.actors[0].clone()));
    }
}
