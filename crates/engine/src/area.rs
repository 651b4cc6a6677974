//! The states of many places summed up, one by one and in no memory to speak of.

use std::collections::BTreeMap;

use ascertain_domain::id::PlaceId;
use ascertain_domain::state::{ControlState, Outcome, Ppm, Status};
use ascertain_domain::time::DAY_US;

/// What is very likely or better counts as sure.
const SURE: Ppm = Ppm(800_000);
/// What is not very unlikely counts as possible.
const POSSIBLE: Ppm = Ppm(200_000);
/// A place is covered by evidence not older than this.
const COVERED_US: i64 = 14 * DAY_US;

/// Places of an area, summed up. All sums are of integers: the order of places does not
/// matter.
#[derive(Debug, Clone)]
pub struct AreaSummary {
    most: usize,
    places: usize,
    population: u128,
    places_with_population: usize,
    covered: usize,
    without_evidence: usize,
    outcomes: BTreeMap<Outcome, Sums>,
    statuses: BTreeMap<Status, Counted>,
    most_disputed: Vec<Noted>,
    stalest: Vec<Noted>,
}

/// Probabilities of one outcome.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    expected: Counted,
    sure: Counted,
    possible: Counted,
}

/// Something counted by places, and by inhabitants.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    places: u128,
    people: u128,
}

impl Counted {
    fn add(&mut self, weight: u128, people: u128) {
        self.places += weight;
        self.people += weight * people;
    }
}

/// A share of places, and of inhabitants, parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Of the places.
    pub places: Ppm,
    /// Of the inhabitants of places whose number is known; `None` where none is.
    pub population: Option<Ppm>,
}

/// How much of an area an outcome has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeShares {
    /// The mean of its probabilities.
    pub expected: Share,
    /// Where it is very likely, or better.
    pub sure: Share,
    /// Where it is not very unlikely.
    pub possible: Share,
}

/// A place that asks for attention.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// The place.
    pub place: PlaceId,
    /// Its status.
    pub status: Status,
    /// Disagreement between groups, 0 to 1.
    pub dispute: f64,
    /// Microseconds from the newest event in force.
    pub staleness_us: Option<i64>,
}

impl AreaSummary {
    /// Of no place yet; it is to name so many of the most disputed and of the stalest.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            places: 0,
            population: 0,
            places_with_population: 0,
            covered: 0,
            without_evidence: 0,
            outcomes: BTreeMap::new(),
            statuses: BTreeMap::new(),
            most_disputed: Vec::new(),
            stalest: Vec::new(),
        }
    }

    /// Adds a place with its inhabitants, 0 where they are not known.
    pub fn add(&mut self, state: &ControlState, population: u64) {
        let people = u128::from(population);
        self.places += 1;
        self.population += people;
        self.places_with_population += usize::from(population > 0);
        for (outcome, ppm) in &state.outcomes {
            let sums = self.outcomes.entry(outcome.clone()).or_default();
            sums.expected.add(u128::from(ppm.0), people);
            sums.sure.add(u128::from(*ppm >= SURE), people);
            sums.possible.add(u128::from(*ppm >= POSSIBLE), people);
        }
        self.statuses
            .entry(state.status)
            .or_default()
            .add(1, people);
        let noted = Noted {
            place: state.place.clone(),
            status: state.status,
            dispute: state.dispute,
            staleness_us: state.staleness_us,
        };
        match state.staleness_us {
            None => self.without_evidence += 1,
            Some(age) => {
                self.covered += usize::from(age <= COVERED_US);
                keep(&mut self.stalest, noted.clone(), self.most, |a, b| {
                    b.staleness_us.cmp(&a.staleness_us)
                });
            }
        }
        if state.dispute > 0.0 {
            keep(&mut self.most_disputed, noted, self.most, |a, b| {
                b.dispute.total_cmp(&a.dispute)
            });
        }
    }

    /// How many places were added.
    #[must_use]
    pub fn places(&self) -> usize {
        self.places
    }

    /// How many inhabitants they have, as far as that is known.
    #[must_use]
    pub fn population(&self) -> u64 {
        u64::try_from(self.population).unwrap_or(u64::MAX)
    }

    /// Of how many places the inhabitants are known.
    #[must_use]
    pub fn places_with_population(&self) -> usize {
        self.places_with_population
    }

    /// How many places no evidence bears on.
    #[must_use]
    pub fn without_evidence(&self) -> usize {
        self.without_evidence
    }

    /// The share of places with evidence of the last 14 days.
    #[must_use]
    pub fn coverage(&self) -> Ppm {
        part(self.covered as u128, self.places as u128)
    }

    /// How much of the area each outcome has: sides in the order of ids first.
    pub fn outcomes(&self) -> impl Iterator<Item = (&Outcome, OutcomeShares)> {
        self.outcomes.iter().map(|(outcome, sums)| {
            let shares = OutcomeShares {
                expected: self.share(sums.expected, 1_000_000),
                sure: self.share(sums.sure, 1),
                possible: self.share(sums.possible, 1),
            };
            (outcome, shares)
        })
    }

    /// The share of each status that there is.
    pub fn statuses(&self) -> impl Iterator<Item = (Status, Share)> {
        let statuses = self.statuses.iter();
        statuses.map(|(status, counted)| (*status, self.share(*counted, 1)))
    }

    /// The places about which sources disagree most, worst first.
    #[must_use]
    pub fn most_disputed(&self) -> &[Noted] {
        &self.most_disputed
    }

    /// The places with evidence whose newest is the oldest, oldest first.
    #[must_use]
    pub fn stalest(&self) -> &[Noted] {
        &self.stalest
    }

    fn share(&self, counted: Counted, whole: u128) -> Share {
        let people = self.population;
        Share {
            places: part(counted.places, self.places as u128 * whole),
            population: (people > 0).then(|| part(counted.people, people * whole)),
        }
    }
}

/// A part of a whole, rounded to the nearest part per million.
fn part(part: u128, whole: u128) -> Ppm {
    let rounded = (part * 1_000_000 + whole / 2).checked_div(whole);
    Ppm(rounded.map_or(0, |ppm| u32::try_from(ppm).unwrap_or(u32::MAX)))
}

/// Keeps the first few of an order; of equals those with the smaller ids.
fn keep(
    kept: &mut Vec<Noted>,
    noted: Noted,
    most: usize,
    order: impl Fn(&Noted, &Noted) -> std::cmp::Ordering,
) {
    let before = |other: &Noted| {
        order(other, &noted)
            .then_with(|| other.place.cmp(&noted.place))
            .is_lt()
    };
    let at = kept.partition_point(before);
    if at < most {
        kept.insert(at, noted);
        kept.truncate(most);
    }
}
