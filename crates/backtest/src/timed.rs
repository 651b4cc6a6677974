//! Claims with times: the engine's belief at each noon, then and in hindsight,
//! beside the baselines.

mod calibrated;
mod score;
mod stretches;

use std::io::Write;
use std::time::{Duration, Instant};

use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::Moment;
use ascertain_fusion::offline::{self, Posteriors, Problem};

use crate::baselines;
use crate::error::Error;
use crate::parallel;
use crate::read::{Change, Claims, Interval, Truth};
use crate::untimed::{is_dawid_skene, is_too_large};
use crate::world::World;
use calibrated::{Calibration, Tempered};
use score::{Day, Kinds};
use stretches::{HALF_LIVES, Stretch, stretches};

pub(crate) use score::{ALL, Apart, CHANGED_PLACES, NEAR_CHANGE, Sums};

/// Places are worked on so many at a time: what is made of them waits in memory.
const BATCH: usize = 64;
/// Dawid–Skene is left out where it would have to look at more votes than this.
const MOST_VOTES: usize = 5_000_000;
/// A truth that ends so many days after everything else has no end that is meant.
const OPEN_DAYS: i64 = 3_653;

/// The methods that are scored, in the order of sums. The tunings of the decayed
/// vote come last.
pub(crate) const METHODS: [&str; 7] = [
    "ascertain",
    "ascertain-smoothed",
    "ascertain-calibrated",
    "latest per source, vote",
    "latest claim wins",
    "majority of all claims so far",
    "dawid-skene",
];
pub(crate) const ASCERTAIN: usize = 0;
pub(crate) const SMOOTHED: usize = 1;
pub(crate) const CALIBRATED: usize = 2;
pub(crate) const VOTE: usize = 3;
const NEWEST: usize = 4;
const MAJORITY: usize = 5;
pub(crate) const DAWID_SKENE: usize = 6;
const ALL_METHODS: usize = METHODS.len() + HALF_LIVES.len();

/// What came of a timed set.
pub(crate) struct TimedRun {
    /// The sums of [`METHODS`]; empty tallies without truth.
    pub(crate) sums: Vec<Sums>,
    /// The sums of the decayed vote, with the half-life in days of each.
    pub(crate) decayed: Vec<(f64, Sums)>,
    /// The exponent for beliefs that suits all known truths best.
    pub(crate) temper: Option<f64>,
    /// How long each of [`METHODS`] took.
    pub(crate) seconds: [f64; METHODS.len()],
    /// Whether Dawid–Skene was run.
    pub(crate) dawid_skene: bool,
    /// Days on which the last word of any source was right, by block.
    pub(crate) some_right: [u64; score::BLOCKS],
    /// How ours and the vote of each source's last word differ near a change, for
    /// each place that has such days.
    pub(crate) near_by_place: Vec<[Apart; 3]>,
    /// Days with an answer, over all places.
    pub(crate) place_days: u64,
    /// Places without any noon between their first claim and the end.
    pub(crate) without_noon: u64,
}

/// The noons that are answered for end here: with the last claim or truth.
pub(crate) fn last_moment(claims: &Claims, truth: Option<&Truth>) -> (Timestamp, u64) {
    let last_claim = claims.claims.iter().map(|claim| claim.time).max();
    let mut last = last_claim.unwrap_or(Timestamp::MIN);
    let intervals = || truth.into_iter().flat_map(|t| t.places.values().flatten());
    for interval in intervals() {
        last = last.max(interval.from);
    }
    let far = last.plus_micros(OPEN_DAYS * DAY_US);
    let (mut open, mut end) = (0, last);
    for interval in intervals() {
        if interval.until > far {
            open += u64::from(interval.until < Timestamp::MAX);
        } else {
            // The moment of `until` itself is not in it.
            end = end.max(interval.until.plus_micros(-1));
        }
    }
    (end, open)
}

/// The first and the last UTC day whose noon lies in a stretch, both included.
fn noons(from: Timestamp, until: Timestamp) -> std::ops::RangeInclusive<i64> {
    let noon = 12 * HOUR_US;
    let first = (from.micros() - noon).div_euclid(DAY_US);
    let first = first + i64::from((from.micros() - noon).rem_euclid(DAY_US) > 0);
    first..=(until.micros() - noon).div_euclid(DAY_US)
}

fn noon(day: i64) -> Option<Timestamp> {
    Timestamp::from_micros(day * DAY_US + 12 * HOUR_US).ok()
}

/// All that is needed to answer for a place.
struct Setting<'a> {
    claims: &'a Claims,
    world: &'a World<'a>,
    truth: Option<&'a Truth>,
    end: Timestamp,
    /// The outcome of each claimed, and of each true value.
    claimed: Vec<usize>,
    known: Vec<usize>,
    kinds: Kinds,
    /// Outcomes in the order of their names.
    by_name: Vec<usize>,
    /// What Dawid–Skene says of each stretch, with the first of each place.
    dawid_skene: Option<(Posteriors, Vec<usize>)>,
    wants_rows: bool,
}

/// What came of a place.
struct PlaceRun {
    rows: Vec<u8>,
    days: u64,
    sums: Option<Vec<Sums>>,
    tempered: Option<Tempered>,
    some_right: [u64; score::BLOCKS],
    /// How long the engine, the baselines and all of it took.
    engine: Duration,
    others: Duration,
    all: Duration,
}

/// Runs a timed set. Rows go to `out`; `progress` is told how many places of how
/// many are done.
pub(crate) fn run(
    claims: &Claims,
    truth: Option<&Truth>,
    world: &World<'_>,
    mut out: Option<&mut (dyn Write + '_)>,
    progress: &mut dyn FnMut(usize, usize),
    write_error: impl Fn(std::io::Error) -> Error,
) -> Result<TimedRun, Error> {
    let mut setting = Setting::of(claims, truth, world, out.is_some());
    let mut seconds = [0.0; METHODS.len()];
    if truth.is_some() {
        let start = Instant::now();
        setting.dawid_skene = setting.dawid_skene();
        seconds[DAWID_SKENE] = start.elapsed().as_secs_f64();
    }
    if let Some(out) = &mut out {
        let header = b"place,time,value,probability,smoothed\n";
        out.write_all(header).map_err(&write_error)?;
    }
    let mut sums = vec![Sums::default(); ALL_METHODS];
    let mut run = TimedRun {
        sums: Vec::new(),
        decayed: Vec::new(),
        temper: None,
        seconds,
        dawid_skene: setting.dawid_skene.is_some(),
        some_right: [0; score::BLOCKS],
        near_by_place: Vec::new(),
        place_days: 0,
        without_noon: 0,
    };
    let mut calibration = Calibration::new();
    let count = claims.places.len();
    let mut done = 0;
    while done < count {
        progress(done, count);
        let batch = done..count.min(done + BATCH);
        done = batch.end;
        let start = Instant::now();
        let places = parallel::map(batch.clone(), |place| {
            let start = Instant::now();
            let mut run = setting.place(place);
            run.all = start.elapsed();
            run
        });
        let passed = start.elapsed().as_secs_f64();
        let took: f64 = places.iter().map(|place| place.all.as_secs_f64()).sum();
        // Places are worked on side by side: each method gets its share of what passed.
        let share = |time: Duration| time.as_secs_f64() / took.max(f64::MIN_POSITIVE) * passed;
        for (index, place) in batch.zip(places) {
            if let Some(out) = &mut out {
                out.write_all(&place.rows).map_err(&write_error)?;
            }
            run.place_days += place.days;
            run.without_noon += u64::from(place.days == 0);
            run.seconds[ASCERTAIN] += share(place.engine);
            run.seconds[VOTE] += share(place.others);
            let Some(of_place) = &place.sums else {
                continue;
            };
            sums.iter_mut().zip(of_place).for_each(|(s, p)| s.merge(p));
            if let Some(tempered) = &place.tempered {
                calibration.add(index, tempered);
            }
            for (all, right) in run.some_right.iter_mut().zip(place.some_right) {
                *all += right;
            }
            let [ours, theirs] = [ASCERTAIN, VOTE].map(|method| of_place[method].near_change());
            if ours[0].totals().count > 0 {
                let apart = |i: usize| Apart::of(ours[i].totals(), theirs[i].totals());
                run.near_by_place.push(std::array::from_fn(apart));
            }
        }
    }
    progress(count, count);
    // These are worked out together with another, and so take the same time.
    run.seconds[SMOOTHED] = run.seconds[ASCERTAIN];
    run.seconds[CALIBRATED] = run.seconds[ASCERTAIN];
    sums[CALIBRATED] = calibration.cross_fitted();
    run.temper = truth.and_then(|_| calibration.temper());
    run.seconds[NEWEST] = run.seconds[VOTE];
    run.seconds[MAJORITY] = run.seconds[VOTE];
    let decayed = sums.split_off(METHODS.len());
    run.decayed = HALF_LIVES.into_iter().zip(decayed).collect();
    run.sums = sums;
    Ok(run)
}

impl<'a> Setting<'a> {
    fn of(
        claims: &'a Claims,
        truth: Option<&'a Truth>,
        world: &'a World<'a>,
        wants_rows: bool,
    ) -> Self {
        let names = world.outcomes();
        let outcome = |value: &String| world.outcome(value).unwrap_or(names.len() - 1);
        let claimed: Vec<usize> = claims.values.iter().map(outcome).collect();
        let values = truth.map_or(&[][..], |truth| &truth.values);
        let known: Vec<usize> = values.iter().map(outcome).collect();
        let mut in_use = vec![false; names.len()];
        claimed.iter().chain(&known).for_each(|o| in_use[*o] = true);
        let holders = (0..names.len()).map(|o| o < world.sides()).collect();
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        by_name.sort_by_key(|o| &names[*o]);
        Self {
            claims,
            world,
            truth,
            end: last_moment(claims, truth).0,
            claimed,
            known,
            kinds: Kinds { in_use, holders },
            by_name,
            dawid_skene: None,
            wants_rows,
        }
    }

    fn stretches(&self, place: usize, see: impl FnMut(&stretches::Latest)) -> Vec<Stretch> {
        let about = self.claims.about(number(place));
        let outcome = |value: u32| self.claimed[value as usize];
        stretches(about, self.kinds.in_use.len(), outcome, see)
    }

    /// Dawid–Skene over one item for each stretch of each place: what everybody said
    /// last. `None` where that is too much, or there is no such baseline.
    fn dawid_skene(&self) -> Option<(Posteriors, Vec<usize>)> {
        let mut votes = Vec::new();
        let (mut items, mut firsts) = (0_u32, Vec::with_capacity(self.claims.places.len()));
        for place in 0..self.claims.places.len() {
            firsts.push(items as usize);
            self.stretches(place, |latest| {
                if votes.len() <= MOST_VOTES {
                    for (source, values) in latest {
                        votes.extend(values.iter().map(|value| offline::Claim {
                            item: items,
                            source: *source,
                            value: number(*value),
                        }));
                    }
                }
                items += 1;
            });
        }
        let (name, fit) = baselines::STATIC
            .iter()
            .find(|(name, _)| is_dawid_skene(name))?;
        let fits = votes.len() <= MOST_VOTES;
        let problem = Problem {
            items: items as usize,
            sources: self.claims.sources.len(),
            values: self.kinds.in_use.len(),
            claims: votes,
        };
        (fits && !is_too_large(name, &problem)).then(|| (fit(&problem), firsts))
    }

    fn place(&self, place: usize) -> PlaceRun {
        let mut run = PlaceRun {
            rows: Vec::new(),
            days: 0,
            sums: None,
            tempered: None,
            some_right: [0; score::BLOCKS],
            engine: Duration::ZERO,
            others: Duration::ZERO,
            all: Duration::ZERO,
        };
        let about = self.claims.about(number(place));
        let Some(first) = about.first() else {
            return run;
        };
        let days: Vec<(i64, Timestamp)> = noons(first.time, self.end)
            .filter_map(|day| Some((day, noon(day)?)))
            .collect();
        let times: Vec<Timestamp> = days.iter().map(|(_, noon)| *noon).collect();
        let start = Instant::now();
        let moments = self.world.series(number(place), &times);
        run.engine = start.elapsed();
        run.days = days.len() as u64;
        if self.wants_rows {
            self.rows(place, &times, &moments, &mut run.rows);
        }
        let known = self
            .truth
            .and_then(|truth| truth.places.get(&self.claims.places[place]));
        if let Some(intervals) = known {
            self.score(place, &days, &moments, intervals, &mut run);
        }
        run
    }

    fn rows(&self, place: usize, times: &[Timestamp], moments: &[Moment], rows: &mut Vec<u8>) {
        let mut writer = csv::Writer::from_writer(rows);
        let names = self.world.outcomes();
        for (time, moment) in times.iter().zip(moments) {
            let time = time.to_string();
            for outcome in &self.by_name {
                let probability = format!("{:?}", moment.filtered[*outcome]);
                let smoothed = format!("{:?}", moment.smoothed[*outcome]);
                let fields = [
                    self.claims.places[place].as_str(),
                    &time,
                    &names[*outcome],
                    &probability,
                    &smoothed,
                ];
                // Memory takes every row.
                let _ = writer.write_record(fields);
            }
        }
        let _ = writer.flush();
    }

    fn score(
        &self,
        place: usize,
        days: &[(i64, Timestamp)],
        moments: &[Moment],
        intervals: &[Interval],
        run: &mut PlaceRun,
    ) {
        let start = Instant::now();
        let stretches = self.stretches(place, |_| ());
        run.others = start.elapsed();
        let changes = Change::among(intervals);
        let mut sums = vec![Sums::default(); ALL_METHODS];
        let mut tempered = Tempered::new();
        for ((day, noon), moment) in days.iter().zip(moments) {
            let at = intervals.partition_point(|i| i.until <= *noon);
            let Some(interval) = intervals.get(at).filter(|i| i.from <= *noon) else {
                continue;
            };
            let so = Day::of(*day, self.known[interval.value as usize], &changes);
            let at = stretches.partition_point(|s| s.from <= *noon);
            let Some(at) = at.checked_sub(1) else {
                continue;
            };
            let stretch = &stretches[at];
            let mut add = |method: usize, answer: &[f64], floor: bool| {
                sums[method].add(answer, floor, &so, &self.kinds);
            };
            add(ASCERTAIN, &moment.filtered, false);
            add(SMOOTHED, &moment.smoothed, false);
            tempered.add(&moment.filtered, &so, &self.kinds);
            add(VOTE, &stretch.vote, true);
            add(NEWEST, &stretch.newest, true);
            add(MAJORITY, &stretch.majority, true);
            if let Some((posteriors, firsts)) = &self.dawid_skene {
                let mut answer = vec![0.0; self.kinds.in_use.len()];
                for (value, p) in posteriors.row(firsts[place] + at) {
                    answer[*value as usize] = *p;
                }
                add(DAWID_SKENE, &answer, true);
            }
            for (i, decayed) in stretch.decayed.iter().enumerate() {
                add(METHODS.len() + i, decayed, true);
            }
            if stretch.said[so.truth] {
                let blocks = run.some_right.iter_mut().zip(so.blocks);
                blocks.for_each(|(right, counts)| *right += u64::from(counts));
            }
        }
        run.sums = Some(sums);
        run.tempered = Some(tempered);
    }
}

/// An index that fits, as the names it counts do.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
