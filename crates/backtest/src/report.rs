//! What came of a backtest, for people and for scripts.

mod bootstrap;
mod json;
mod table;

pub use bootstrap::Difference;
pub use table::{Answers, Days, HEADER, Row};

use crate::read::{Claims, Noted, Timing, Truth};
use crate::tally::{Means, Reliability, Tally};
use crate::timed::{self, ALL, CHANGED_PLACES, NEAR_CHANGE, Sums, TimedRun};
use crate::untimed::StaticRuns;

/// What came of a backtest.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Whether the claims have times.
    pub timing: Timing,
    /// Every method; the first is ours: what was believed, with what was known then.
    pub methods: Vec<Method>,
    /// How much of what there was.
    pub counts: Vec<(&'static str, u64)>,
    /// Share of days on which the last word of any source was right: none that
    /// chooses among the sources' words can be right more often.
    pub some_source_is_right: Option<Blocks<f64>>,
    /// How ours and the vote of each source's last word differ near a change.
    pub differences: Vec<Difference>,
    /// Timed: the exponent for beliefs that suits all known truths best; what a source
    /// model may carry as its temper. `None` without truth.
    pub temper: Option<f64>,
    /// Baselines that were not run, with why.
    pub skipped: Vec<(&'static str, &'static str)>,
    /// What was found in the files.
    pub noted: Noted,
    /// How long all of it took.
    pub seconds: f64,
}

/// The same over three sets of days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blocks<T> {
    /// All days whose truth is known.
    pub all: T,
    /// Those of places whose truth changes at least once.
    pub changed_places: T,
    /// Those within 14 days of a change.
    pub near_change: T,
}

/// How one method did.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
    /// The half-life that it was given, in days.
    pub half_life_days: Option<f64>,
    /// Over all answers, as said; 2 % spread evenly is under every answer of a
    /// baseline, as those may say 0. `None`: there was no truth.
    pub means: Option<Means>,
    /// The same with 2 % spread evenly under the answers of every method, ours too.
    pub floored: Option<Means>,
    /// Timed: over other days, as said, with the floor, and among holders alone.
    pub timed: Option<TimedMeans>,
    /// Answers by confidence.
    pub reliability: Vec<Reliability>,
}

/// How a method did on a timed set.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedMeans {
    /// As said.
    pub said: Blocks<Option<Means>>,
    /// With 2 % spread evenly under all answers.
    pub floored: Blocks<Option<Means>>,
    /// Scaled to the holders, on days on which a holder is so.
    pub renormalised: Blocks<Option<Means>>,
    /// Accuracy by days after a change, from 14 before it; `None` where no answer is.
    pub around: Vec<(i64, Option<f64>)>,
}

impl Report {
    pub(crate) fn of_static(claims: &Claims, truth: Option<&Truth>, runs: StaticRuns) -> Self {
        let StaticRuns {
            runs, mut skipped, ..
        } = runs;
        let methods = runs.iter().map(|run| Method {
            name: run.name,
            seconds: run.seconds,
            half_life_days: None,
            means: run.said.means(),
            floored: run.floored.means(),
            timed: None,
            reliability: run.said.reliability(),
        });
        let same = "without times the same as majority";
        skipped.extend([
            ("latest claim wins", same),
            ("latest per source, vote", same),
        ]);
        Self {
            timing: Timing::Static,
            methods: methods.collect(),
            counts: counts(claims, truth),
            some_source_is_right: None,
            differences: Vec::new(),
            temper: None,
            skipped,
            noted: Noted::default(),
            seconds: 0.0,
        }
    }

    pub(crate) fn of_timed(claims: &Claims, truth: Option<&Truth>, run: &TimedRun) -> Self {
        let mut methods = Vec::new();
        let mut skipped = Vec::new();
        for (i, name) in timed::METHODS.into_iter().enumerate() {
            let is_ours = i == timed::ASCERTAIN || i == timed::SMOOTHED;
            if i == timed::DAWID_SKENE && truth.is_some() && !run.dawid_skene {
                skipped.push((name, "there are too many votes for it"));
            } else if is_ours || truth.is_some() {
                methods.push(Method::timed(name, run.seconds[i], None, &run.sums[i]));
            }
        }
        let loss = |sums: &Sums| sums.floored[ALL].means().map(|means| means.log_loss);
        let best = run
            .decayed
            .iter()
            .filter_map(|(half_life, sums)| Some((loss(sums)?, *half_life, sums)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, half_life, sums)) = best {
            let seconds = run.seconds[timed::VOTE];
            methods.push(Method::timed(
                "decayed vote",
                seconds,
                Some(half_life),
                sums,
            ));
        }
        let days = |block: usize| run.sums[timed::ASCERTAIN].said[block].totals().count;
        #[allow(clippy::cast_precision_loss)] // far fewer days than 2^52
        let right = |block: usize| run.some_right[block] as f64 / days(block) as f64;
        let mut counts = counts(claims, truth);
        counts.push(("place_days", run.place_days));
        counts.push(("scored_all", days(ALL)));
        counts.push(("scored_changed_places", days(CHANGED_PLACES)));
        counts.push(("scored_near_change", days(NEAR_CHANGE)));
        Self {
            timing: Timing::Timed,
            methods,
            counts,
            some_source_is_right: (days(ALL) > 0).then(|| Blocks {
                all: right(ALL),
                changed_places: right(CHANGED_PLACES),
                near_change: right(NEAR_CHANGE),
            }),
            differences: bootstrap::differences(&run.near_by_place),
            temper: run.temper,
            skipped,
            noted: Noted::default(),
            seconds: 0.0,
        }
    }
}

fn counts(claims: &Claims, truth: Option<&Truth>) -> Vec<(&'static str, u64)> {
    let mut counts = vec![
        ("claims", claims.claims.len() as u64),
        ("places", claims.places.len() as u64),
        ("sources", claims.sources.len() as u64),
        ("values", claims.values.len() as u64),
    ];
    if let Some(truth) = truth {
        let intervals = truth.places.values().map(Vec::len).sum::<usize>();
        counts.push(("truths", intervals as u64));
        counts.push(("places_with_truth", truth.places.len() as u64));
    }
    counts
}

impl Method {
    /// Whether it is the method that is measured, and no baseline.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("ascertain")
    }

    fn timed(name: &'static str, seconds: f64, half_life: Option<f64>, sums: &Sums) -> Self {
        let blocks = |tallies: &[Tally]| Blocks {
            all: tallies[ALL].means(),
            changed_places: tallies[CHANGED_PLACES].means(),
            near_change: tallies[NEAR_CHANGE].means(),
        };
        #[allow(clippy::cast_precision_loss)] // far fewer days than 2^52
        let around = (-14..).zip(&sums.around).map(|(offset, (count, right))| {
            let share = (*count > 0).then(|| right / *count as f64);
            (offset, share)
        });
        Self {
            name,
            seconds,
            half_life_days: half_life,
            means: sums.said[ALL].means(),
            floored: sums.floored[ALL].means(),
            timed: Some(TimedMeans {
                said: blocks(&sums.said),
                floored: blocks(&sums.floored),
                renormalised: blocks(&sums.holders),
                around: around.collect(),
            }),
            reliability: sums.said[ALL].reliability(),
        }
    }
}
