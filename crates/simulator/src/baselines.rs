//! What the method has to beat on a world: votes over claims, tuned on worlds of
//! other seeds. They know neither roles nor dependence.

use std::collections::BTreeMap;

use ascertain_domain::id::{ActorId, PlaceId, SourceId};
use ascertain_domain::report::{Claim, Originator, Polarity, Predicate, Report};
use ascertain_domain::source::Grade;
use ascertain_domain::time::{DAY_US, TimeInterval, Timestamp};

use crate::score::{Figures, Sample, figures};
use crate::world::World;

/// A way of voting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// The claim about the newest moment.
    LastClaim,
    /// All claims, forgotten exponentially.
    Decayed,
    /// The same, each counting by its source's grade.
    GradedDecayed,
    /// The last claim of each source.
    LatestPerSource,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::LastClaim,
        Self::Decayed,
        Self::GradedDecayed,
        Self::LatestPerSource,
    ];

    /// Its name, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastClaim => "last claim wins",
            Self::Decayed => "decayed vote",
            Self::GradedDecayed => "graded decayed vote",
            Self::LatestPerSource => "latest per source, vote",
        }
    }

    fn tunings(self) -> Vec<Tuning> {
        let days: &[f64] = match self {
            Self::LastClaim | Self::LatestPerSource => &[f64::INFINITY],
            Self::Decayed | Self::GradedDecayed => &[0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        };
        let mut tunings = Vec::new();
        for days in days {
            for inherited in [0.0, 0.5] {
                for sharpness in [0.5, 1.0, 1.5, 2.0, 3.0, 4.0] {
                    tunings.push(Tuning {
                        days: *days,
                        inherited,
                        sharpness,
                    });
                }
            }
        }
        tunings
    }
}

/// Whether later claims may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No: what is known at the time.
    Filtering,
    /// Yes: what is known in the end.
    Smoothing,
}

/// What is chosen by log loss on other worlds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Days after which a claim counts 1/e.
    pub days: f64,
    /// What a claim on the city counts for its quarters.
    pub inherited: f64,
    /// The power to which votes are raised.
    pub sharpness: f64,
}

/// Votes never lie below this.
const PRIOR_VOTE: f64 = 0.1;

/// A claim as a vote.
#[derive(Debug, Clone)]
struct Vote {
    known: Timestamp,
    of: Timestamp,
    source: usize,
    direct: bool,
    graded: f64,
    /// By label: the sides, then contested; sum 1.
    shares: Vec<f64>,
}

/// The votes of a world, by quarter.
#[derive(Debug, Clone)]
pub struct Votes {
    by_quarter: Vec<Vec<Vote>>,
    labels: usize,
}

impl Votes {
    /// Reads all claims of a world.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let registry = world.registry.latest();
        let sources: BTreeMap<&SourceId, usize> = registry
            .sources()
            .enumerate()
            .map(|(i, s)| (&s.id, i))
            .collect();
        let mut by_place: BTreeMap<&PlaceId, Vec<Vote>> = BTreeMap::new();
        for report in &world.reports {
            let Originator::Source(id) = &report.originator else {
                continue;
            };
            let grade = registry.source(id).map_or(Grade::F, |s| s.grade);
            for claim in &report.claims {
                let Some(shares) = shares(claim, &world.sides) else {
                    continue;
                };
                by_place.entry(&claim.place).or_default().push(Vote {
                    known: report.first_known_at,
                    of: of(report, claim),
                    source: sources.get(id).copied().unwrap_or(usize::MAX),
                    direct: true,
                    graded: by_grade(grade),
                    shares,
                });
            }
        }
        let by_quarter = world.quarters.iter().map(|quarter| {
            let mut votes = by_place.get(quarter).cloned().unwrap_or_default();
            let city = registry.place(quarter).and_then(|p| p.parent.as_ref());
            let of_city = city
                .and_then(|city| by_place.get(city))
                .into_iter()
                .flatten();
            votes.extend(of_city.map(|v| Vote {
                direct: false,
                ..v.clone()
            }));
            votes.sort_by_key(|v| (v.of, v.known, v.source));
            votes
        });
        Self {
            by_quarter: by_quarter.collect(),
            labels: world.sides.len() + 1,
        }
    }

    /// What a baseline answers.
    #[must_use]
    pub fn answer(
        &self,
        baseline: Baseline,
        mode: Mode,
        tuning: Tuning,
        sample: Sample,
    ) -> Vec<f64> {
        let all = self
            .by_quarter
            .get(sample.quarter)
            .map_or(&[][..], Vec::as_slice);
        let counts = |vote: &&Vote| {
            (vote.direct || tuning.inherited > 0.0)
                && (mode == Mode::Smoothing || vote.known <= sample.time)
        };
        let past = all.partition_point(|v| v.of <= sample.time);
        let mut before = all[..past].iter().filter(counts);
        let mut sums = vec![PRIOR_VOTE; self.labels];
        let mut add = |vote: &Vote, weight: f64| {
            let weight = weight * if vote.direct { 1.0 } else { tuning.inherited };
            sums.iter_mut()
                .zip(&vote.shares)
                .for_each(|(s, v)| *s += weight * v);
        };
        match baseline {
            Baseline::LastClaim => before.next_back().into_iter().for_each(|v| add(v, 1.0)),
            Baseline::LatestPerSource => {
                let latest: BTreeMap<usize, &Vote> = before.map(|v| (v.source, v)).collect();
                latest.values().for_each(|v| add(v, 1.0));
            }
            Baseline::Decayed | Baseline::GradedDecayed => {
                let end = if mode == Mode::Smoothing {
                    all.len()
                } else {
                    past
                };
                for vote in all[..end].iter().filter(counts) {
                    let days =
                        (vote.of.micros() - sample.time.micros()).abs() as f64 / DAY_US as f64;
                    let graded = if baseline == Baseline::Decayed {
                        1.0
                    } else {
                        vote.graded
                    };
                    add(vote, graded * libm::exp(-days / tuning.days));
                }
            }
        }
        let most = sums.iter().copied().fold(0.0, f64::max);
        let mut p: Vec<f64> = sums
            .iter()
            .map(|s| libm::pow(s / most, tuning.sharpness))
            .collect();
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        p
    }

    /// The figures of a baseline.
    #[must_use]
    pub fn figures(
        &self,
        baseline: Baseline,
        mode: Mode,
        tuning: Tuning,
        samples: &[Sample],
    ) -> Figures {
        let answers: Vec<(usize, Vec<f64>)> = samples
            .iter()
            .map(|s| (s.truth, self.answer(baseline, mode, tuning, *s)))
            .collect();
        figures(answers.iter().map(|(truth, p)| (*truth, &**p)))
    }
}

/// The tuning with the least log loss on some worlds.
#[must_use]
pub fn tuned(baseline: Baseline, mode: Mode, worlds: &[(Votes, Vec<Sample>)]) -> Option<Tuning> {
    let loss = |tuning: &Tuning| {
        let of = |(votes, samples): &(Votes, Vec<Sample>)| {
            votes.figures(baseline, mode, *tuning, samples).log_loss
        };
        worlds.iter().map(of).sum::<f64>()
    };
    let scored = baseline.tunings().into_iter().map(|t| (loss(&t), t));
    scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, t)| t)
}

fn of(report: &Report, claim: &Claim) -> Timestamp {
    let end = claim.event_time.as_ref().and_then(TimeInterval::end);
    end.map_or(report.published_at, |end| end.min(report.published_at))
}

/// The log-odds of being right rather than saying one of three other things.
fn by_grade(grade: Grade) -> f64 {
    let right = match grade {
        Grade::A => 0.95,
        Grade::B => 0.88,
        Grade::C => 0.78,
        Grade::D => 0.68,
        Grade::E => 0.50,
        Grade::F => 0.65,
    };
    libm::log(3.0 * right / (1.0 - right))
}

/// A claim's vote, evenly over the labels that it leaves open; `None` where it is
/// not about who holds the place.
fn shares(claim: &Claim, sides: &[ActorId]) -> Option<Vec<f64>> {
    let contested = sides.len();
    let subject = claim.predicate.actors().first();
    let subject = subject.and_then(|actor| sides.iter().position(|side| side == actor));
    let is_open = |label: usize| match (&claim.predicate, claim.polarity) {
        (Predicate::Controls(_), Polarity::Affirm) => Some(label) == subject,
        (Predicate::Present(_), Polarity::Affirm) => Some(label) == subject || label == contested,
        (Predicate::FightingAt(_), Polarity::Affirm) => label == contested,
        (Predicate::Controls(_), Polarity::Deny) | (Predicate::Withdrew(_), Polarity::Affirm) => {
            Some(label) != subject
        }
        (Predicate::Present(_), Polarity::Deny) => Some(label) != subject && label != contested,
        _ => false,
    };
    let open = (0..=contested).filter(|l| is_open(*l)).count();
    let share = |label: usize| {
        if is_open(label) {
            1.0 / open as f64
        } else {
            0.0
        }
    };
    (open > 0).then(|| (0..=contested).map(share).collect())
}
