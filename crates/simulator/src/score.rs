//! How well an answer meets the truth of a world.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::report::Report;
use ascertain_domain::state::Outcome;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::{Family, Moment, family_places, series};

use crate::dice::{Dice, Purpose};
use crate::world::World;

/// Within so many days of a change, an answer is *near* it.
pub const NEAR_DAYS: i64 = 14;
/// Nothing is asked about the first days: nobody has spoken yet.
const FIRST_DAYS: f64 = 14.0;
const BINS: usize = 10;
/// Change is looked for on a grid of so many hours, so many days around it.
const GRID_HOURS: i64 = 6;
const SEARCHED_DAYS: i64 = 15;

/// A question with a known answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Index into [`World::quarters`].
    pub quarter: usize,
    /// The time asked about.
    pub time: Timestamp,
    /// What is so: index of a side in [`World::sides`], or their number for
    /// contested.
    pub truth: usize,
    /// Whether the quarter changes within [`NEAR_DAYS`].
    pub near: bool,
}

/// Draws questions about quarters, evenly over places and times; sorted by both.
#[must_use]
pub fn samples(world: &World, seed: u64, count: usize) -> Vec<Sample> {
    let mut dice = Dice::new(seed, Purpose::Score, 0, 0);
    let mut samples: Vec<Sample> = Vec::with_capacity(count);
    let first = world.begins.micros() + (FIRST_DAYS * DAY_US as f64) as i64;
    let span = (world.ends.micros() - first) as f64;
    for _ in 0..count {
        let quarter = dice.below(world.quarters.len());
        let micros = first + (dice.share() * span) as i64;
        let Ok(time) = Timestamp::from_micros(micros) else {
            continue;
        };
        samples.extend(asked(world, quarter, time));
    }
    samples.sort_by_key(|s| (s.quarter, s.time));
    samples
}

/// A question about a quarter and a time; `None` for a quarter that is not there.
#[must_use]
pub fn asked(world: &World, quarter: usize, time: Timestamp) -> Option<Sample> {
    let place = world.quarters.get(quarter)?;
    let changes = world.truth.changes(place).iter().skip(1);
    let distance = |at: Timestamp| (at.micros() - time.micros()).abs();
    Some(Sample {
        quarter,
        time,
        truth: label(world, world.truth.at(place, time)?),
        near: changes.map(|(at, _)| distance(*at)).min() <= Some(NEAR_DAYS * DAY_US)
            && world.truth.changes(place).len() > 1,
    })
}

fn label(world: &World, outcome: &Outcome) -> usize {
    let is = |side: &_| matches!(outcome, Outcome::Side(o) if o == side);
    world.sides.iter().position(is).unwrap_or(world.sides.len())
}

/// How good probabilities were.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Share with the truth on top.
    pub accuracy: f64,
    /// −ln p(truth) in nats, not floored: an answer that never says 0 needs no floor.
    pub log_loss: f64,
    /// Expected calibration error over ten equal bins of the top probability.
    pub ece: f64,
    /// How many answers.
    pub count: usize,
}

/// Scores answers by pairs of a truth and the probabilities of all labels.
#[must_use]
pub fn figures<'a>(answers: impl IntoIterator<Item = (usize, &'a [f64])>) -> Figures {
    let mut bins = [(0.0, 0.0); BINS];
    let (mut right, mut loss, mut count) = (0.0, 0.0, 0_usize);
    for (truth, p) in answers {
        let (top, most) =
            p.iter().enumerate().fold(
                (0, 0.0),
                |best, (i, p)| {
                    if *p > best.1 { (i, *p) } else { best }
                },
            );
        let hit = if top == truth { 1.0 } else { 0.0 };
        let bin = ((most * BINS as f64) as usize).min(BINS - 1);
        bins[bin].0 += most;
        bins[bin].1 += hit;
        right += hit;
        loss -= libm::log(p.get(truth).copied().unwrap_or(0.0).max(1e-6));
        count += 1;
    }
    let all = count.max(1) as f64;
    Figures {
        accuracy: right / all,
        log_loss: loss / all,
        ece: bins.iter().map(|(p, hits)| (p - hits).abs()).sum::<f64>() / all,
        count,
    }
}

/// The reports that bear on a place.
#[must_use]
pub fn reports_of(world: &World, place: &PlaceId) -> Vec<Arc<Report>> {
    let family = family_places(place, world.registry.latest());
    let bears = |r: &&Arc<Report>| r.places().iter().any(|p| family.contains(p));
    world.reports.iter().filter(bears).cloned().collect()
}

/// What the engine answers at ascending times; nothing for a place that is not there.
#[must_use]
pub fn moments(world: &World, place: &PlaceId, times: &[Timestamp]) -> Vec<Moment> {
    let registry = world.registry.latest();
    let Some(place) = registry.place(place) else {
        return Vec::new();
    };
    let family = Family {
        place,
        registry,
        audience: Audience::Clear,
        reports: &reports_of(world, &place.id),
    };
    series(family, times)
}

/// What the engine answers to questions that are sorted as [`samples`] are.
#[must_use]
pub fn engine(world: &World, samples: &[Sample]) -> Vec<Moment> {
    let mut answers = Vec::with_capacity(samples.len());
    for of_quarter in samples.chunk_by(|a, b| a.quarter == b.quarter) {
        let times: Vec<Timestamp> = of_quarter.iter().map(|s| s.time).collect();
        let place = of_quarter
            .first()
            .and_then(|s| world.quarters.get(s.quarter));
        answers.extend(place.map_or_else(Vec::new, |place| moments(world, place, &times)));
    }
    answers
}

/// When changes of holder were noticed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detection {
    /// Days from the change until the answer follows, negative where it leads.
    pub lags: Vec<f64>,
    /// Changes that no answer followed within 15 days.
    pub missed: usize,
}

impl Detection {
    /// Takes those of another world in.
    pub fn extend(&mut self, other: Self) {
        self.lags.extend(other.lags);
        self.missed += other.missed;
    }

    /// A share of lags is not above this; with `absolute`, of their sizes. 0 for none.
    #[must_use]
    pub fn quantile(&self, share: f64, absolute: bool) -> f64 {
        let mut lags: Vec<f64> = self
            .lags
            .iter()
            .map(|l| if absolute { l.abs() } else { *l })
            .collect();
        lags.sort_by(f64::total_cmp);
        let at = (share * lags.len() as f64) as usize;
        lags.get(at.min(lags.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0.0)
    }
}

/// How late the engine notices changes of holder: as they come, and in hindsight.
///
/// A change of holder is when another side than the last one begins to hold a
/// quarter. It is noticed where the leading outcome turns to the new holder, nearest
/// to the change, on a grid of six hours within 15 days and between the changes of
/// holder before and after.
#[must_use]
pub fn detection(world: &World) -> (Detection, Detection) {
    let (mut then, mut hindsight) = (Detection::default(), Detection::default());
    for place in &world.quarters {
        let held: Vec<(Timestamp, usize)> = holders(world, place);
        let mut times: BTreeMap<Timestamp, Moment> = BTreeMap::new();
        for (before, change, after) in changes(world, &held) {
            times.extend(grid(before, change.0, after).map(|t| (t, empty())));
        }
        let asked: Vec<Timestamp> = times.keys().copied().collect();
        for (moment, slot) in moments(world, place, &asked)
            .into_iter()
            .zip(times.values_mut())
        {
            *slot = moment;
        }
        for (before, change, after) in changes(world, &held) {
            let of: Vec<(Timestamp, &Moment)> = grid(before, change.0, after)
                .filter_map(|t| Some((t, times.get(&t)?)))
                .collect();
            note(
                &mut then,
                change,
                of.iter().map(|(t, m)| (*t, &*m.filtered)),
            );
            note(
                &mut hindsight,
                change,
                of.iter().map(|(t, m)| (*t, &*m.smoothed)),
            );
        }
    }
    (then, hindsight)
}

fn empty() -> Moment {
    Moment {
        filtered: Vec::new(),
        smoothed: Vec::new(),
    }
}

/// The sides that held a place one after the other, whatever was between them.
fn holders(world: &World, place: &PlaceId) -> Vec<(Timestamp, usize)> {
    let mut held: Vec<(Timestamp, usize)> = Vec::new();
    for (from, outcome) in world.truth.changes(place) {
        let side = label(world, outcome);
        if side < world.sides.len() && held.last().is_none_or(|(_, last)| *last != side) {
            held.push((*from, side));
        }
    }
    held
}

type Change = (Timestamp, usize);

fn changes<'a>(
    world: &World,
    held: &'a [Change],
) -> impl Iterator<Item = (Timestamp, Change, Timestamp)> + 'a {
    let ends = world.ends;
    (1..held.len()).map(move |i| {
        let after = held.get(i + 1).map_or(ends, |(at, _)| *at);
        (held[i - 1].0, held[i], after)
    })
}

/// The times at which a change is looked for, ascending.
fn grid(before: Timestamp, change: Timestamp, after: Timestamp) -> impl Iterator<Item = Timestamp> {
    let steps = SEARCHED_DAYS * 24 / GRID_HOURS;
    let first = change.slot().start();
    (-steps..=steps)
        .map(move |step| first.plus_micros(step * GRID_HOURS * HOUR_US))
        .filter(move |time| before <= *time && *time <= after)
}

fn note<'a>(
    detection: &mut Detection,
    (change, holder): Change,
    answers: impl Iterator<Item = (Timestamp, &'a [f64])>,
) {
    let mut led = None;
    let mut nearest: Option<f64> = None;
    for (time, p) in answers {
        let leads = (0..p.len()).max_by(|a, b| p[*a].total_cmp(&p[*b])) == Some(holder);
        if leads && led == Some(false) {
            let lag = (time.micros() - change.micros()) as f64 / DAY_US as f64;
            if nearest.is_none_or(|n| lag.abs() < n.abs()) {
                nearest = Some(lag);
            }
        }
        led = Some(leads);
    }
    match nearest {
        Some(lag) => detection.lags.push(lag),
        None => detection.missed += 1,
    }
}
