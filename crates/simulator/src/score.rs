//! How well an answer meets the truth of a world.

use std::sync::Arc;

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::{RegistryChange, Version};
use ascertain_domain::report::Report;
use ascertain_domain::state::Outcome;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::{Family, Moment, family_places, learn, series};

use crate::dice::{Dice, Purpose};
use crate::world::World;

/// Within so many days of a change, an answer is *near* it.
pub const NEAR_DAYS: i64 = 14;
/// Nothing is asked about the first days: nobody has spoken yet.
const FIRST_DAYS: f64 = 14.0;
const BINS: usize = 10;
/// Change is looked for on a grid of so many hours, so many days around it.
const GRID_HOURS: i64 = 6;
const SEARCHED_DAYS: f64 = 15.0;

/// A question with a known answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Index into [`World::quarters`].
    pub quarter: usize,
    /// The time asked about.
    pub time: Timestamp,
    /// What is so: index of a side in [`World::sides`], or their number for contested;
    /// two more for a quarter that nobody holds, three for one of an unlisted party.
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
    // As in the answers: after the sides contested, mixed, vacated, other.
    let beyond = match outcome {
        Outcome::Side(_) | Outcome::Contested => 0,
        Outcome::Mixed => 1,
        Outcome::Vacated => 2,
        Outcome::Other => 3,
    };
    let side = world.sides.iter().position(is);
    side.unwrap_or(world.sides.len() + beyond)
}

/// How good probabilities were.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Share with the truth on top; where several are, each is in part.
    pub accuracy: f64,
    /// −ln p(truth) in nats, not floored: an answer that never says 0 needs no floor.
    pub log_loss: f64,
    /// Expected calibration error over ten equal bins of the top probability.
    pub ece: f64,
    /// How many answers.
    pub count: usize,
}

/// The largest probability, and how far it is right: of several labels with the same one,
/// each is in part.
pub(crate) fn top(truth: usize, p: &[f64]) -> (f64, f64) {
    let most = p.iter().copied().fold(0.0, f64::max);
    let same = |p: &f64| p.to_bits() == most.to_bits();
    let hit = p.get(truth).is_some_and(same);
    let among = p.iter().filter(|p| same(p)).count().max(1);
    (most, if hit { 1.0 / among as f64 } else { 0.0 })
}

/// Scores answers by pairs of a truth and the probabilities of all labels.
#[must_use]
pub fn figures<'a>(answers: impl IntoIterator<Item = (usize, &'a [f64])>) -> Figures {
    let mut bins = [(0.0, 0.0); BINS];
    let (mut right, mut loss, mut count) = (0.0, 0.0, 0_usize);
    for (truth, p) in answers {
        let (most, hit) = top(truth, p);
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

/// The same world with a source model in force that was learned from what was known
/// before one of its days.
#[must_use]
pub fn learned(world: &World, day: i64) -> World {
    let cut = world.begins.plus_micros(day * DAY_US);
    let view = world.registry.latest();
    let places: Vec<&PlaceId> = world.cities.iter().chain(&world.quarters).collect();
    let reports: Vec<_> = places.iter().map(|id| reports_of(world, id)).collect();
    let families = places.iter().zip(&reports).filter_map(|(id, reports)| {
        Some(Family {
            place: view.place(id)?,
            registry: view,
            audience: Audience::Clear,
            reports,
        })
    });
    let model = learn(families, view, Audience::Clear, cut);
    let mut world = world.clone();
    let sequence = world.registry.last_sequence() + 1;
    let change = RegistryChange::SourceModel(model);
    world.registry.apply(sequence, Version::LATEST, change);
    world
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
    /// Changes that no answer followed.
    pub missed: usize,
    /// Changes of the answer that nothing on the ground answers to.
    pub alarms: usize,
}

impl Detection {
    /// Takes those of another world in.
    pub fn extend(&mut self, other: Self) {
        self.lags.extend(other.lags);
        self.missed += other.missed;
        self.alarms += other.alarms;
    }

    /// So large a share of lags is not above this; with `absolute`, of their sizes.
    /// 0 for none.
    #[must_use]
    pub fn quantile(&self, share: f64, absolute: bool) -> f64 {
        let sized = |lag: &f64| if absolute { lag.abs() } else { *lag };
        let mut lags: Vec<f64> = self.lags.iter().map(sized).collect();
        lags.sort_by(f64::total_cmp);
        let at = (share * lags.len() as f64) as usize;
        let at = at.min(lags.len().saturating_sub(1));
        lags.get(at).copied().unwrap_or(0.0)
    }

    /// Holds the changes of an answer against those on the ground.
    fn note(&mut self, so: &[Change], answered: &[Change], ends: Timestamp) {
        let days =
            |from: Timestamp, to: Timestamp| (to.micros() - from.micros()) as f64 / DAY_US as f64;
        let mut matched = 0;
        for (i, (at, holder)) in so.iter().enumerate().skip(1) {
            let (before, after) = (so[i - 1].0, so.get(i + 1).map_or(ends, |next| next.0));
            let lags = answered
                .iter()
                .skip(1)
                .filter(|(when, who)| who == holder && before <= *when && *when <= after);
            let lags = lags.map(|(when, _)| days(*at, *when));
            match lags.min_by(|a, b| a.abs().total_cmp(&b.abs())) {
                Some(lag) if lag.abs() <= SEARCHED_DAYS => {
                    self.lags.push(lag);
                    matched += 1;
                }
                _ => self.missed += 1,
            }
        }
        self.alarms += answered.len().saturating_sub(1).saturating_sub(matched);
    }
}

/// From when on which side held.
type Change = (Timestamp, usize);

/// How late the engine notices changes of holder: as they come, and in hindsight.
///
/// A change of holder is when another side than the last one begins to hold a
/// quarter; for an answer, when another side than the last begins to lead. It is
/// noticed where the answer changes to the new holder, nearest to the change, on a
/// grid of six hours within 15 days and between the changes of holder before and
/// after.
#[must_use]
pub fn detection(world: &World) -> (Detection, Detection) {
    let (mut then, mut hindsight) = (Detection::default(), Detection::default());
    let hours = (world.ends.micros() - world.begins.micros()) / HOUR_US;
    let grid = (0..=hours / GRID_HOURS).map(|step| step * GRID_HOURS * HOUR_US);
    let times: Vec<Timestamp> = grid.map(|us| world.begins.plus_micros(us)).collect();
    let sides = world.sides.len();
    for place in &world.quarters {
        let truth = world.truth.changes(place).iter();
        let so = holders(
            truth.map(|(at, outcome)| (*at, label(world, outcome))),
            sides,
        );
        let moments = moments(world, place, &times);
        let of = |p: &dyn Fn(&Moment) -> &[f64]| {
            let leading = times.iter().zip(&moments).map(|(t, m)| (*t, leader(p(m))));
            holders(leading, sides)
        };
        then.note(&so, &of(&|m| &m.filtered), world.ends);
        hindsight.note(&so, &of(&|m| &m.smoothed), world.ends);
    }
    (then, hindsight)
}

/// The sides that held one after the other, whatever was between them.
fn holders(values: impl Iterator<Item = Change>, sides: usize) -> Vec<Change> {
    let mut held: Vec<Change> = Vec::new();
    for (at, value) in values.filter(|(_, value)| *value < sides) {
        if held.last().is_none_or(|(_, last)| *last != value) {
            held.push((at, value));
        }
    }
    held
}

fn leader(p: &[f64]) -> usize {
    let best = |best: usize, i: usize| if p[i] > p[best] { i } else { best };
    (1..p.len()).fold(0, best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(day * DAY_US).unwrap()
    }

    #[test]
    fn who_cannot_tell_two_apart_is_half_right() {
        let even = [0.4, 0.4, 0.2];
        let f = figures([(0, &even[..]), (1, &even[..]), (2, &even[..])]);
        assert!((f.accuracy - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn figures_are_those_of_the_book() {
        let sure = [0.9, 0.1];
        let f = figures([(0, &sure[..]), (1, &sure[..])]);
        assert_eq!((f.accuracy, f.count), (0.5, 2));
        assert!((f.ece - 0.4).abs() < 1e-12);
        assert!((f.log_loss - -(0.9_f64.ln() + 0.1_f64.ln()) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_change_is_noticed_late_missed_or_made_up() {
        let so = [(day(0), 0), (day(50), 1), (day(100), 2)];
        let mut d = Detection::default();
        // The second side leads two days late, the third never; the first comes back.
        d.note(&so, &[(day(0), 0), (day(52), 1), (day(120), 0)], day(365));
        assert_eq!((&*d.lags, d.missed, d.alarms), (&[2.0][..], 1, 1));
        assert_eq!(d.quantile(0.5, true), 2.0);
    }

    #[test]
    fn a_contest_between_two_spells_of_one_side_changes_no_holder() {
        let values = [
            (day(0), 0),
            (day(5), 3),
            (day(8), 0),
            (day(9), 3),
            (day(12), 1),
        ];
        assert_eq!(holders(values.into_iter(), 3), [(day(0), 0), (day(12), 1)]);
    }
}
