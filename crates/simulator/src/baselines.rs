//! What the method has to beat on a world: votes over claims, tuned on worlds of
//! other seeds. They know neither roles nor dependence.

use std::collections::BTreeMap;

use ascertain_domain::id::{ActorId, PlaceId, SourceId};
use ascertain_domain::report::{Claim, Originator, Polarity, Predicate, Report};
use ascertain_domain::source::Grade;
use ascertain_domain::time::{DAY_US, TimeInterval, Timestamp};

use crate::score::{Sample, figures};
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

    /// The spans that are tried, days.
    const fn spans(self) -> &'static [f64] {
        match self {
            Self::LastClaim | Self::LatestPerSource => &[f64::INFINITY],
            Self::Decayed | Self::GradedDecayed => &[0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        }
    }
}

const INHERITED: [f64; 2] = [0.0, 0.5];
const SHARPNESS: [f64; 6] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0];

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
                let vote = Vote {
                    known: report.first_known_at,
                    of: of(report, claim),
                    source: sources.get(id).copied().unwrap_or(usize::MAX),
                    direct: true,
                    graded: by_grade(grade),
                    shares,
                };
                let places = if claim.sub_places.is_empty() {
                    std::slice::from_ref(&claim.place)
                } else {
                    &claim.sub_places
                };
                for place in places {
                    by_place.entry(place).or_default().push(vote.clone());
                }
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

    /// What a baseline answers: a probability for each label.
    #[must_use]
    pub fn answer(
        &self,
        baseline: Baseline,
        mode: Mode,
        tuning: Tuning,
        sample: Sample,
    ) -> Vec<f64> {
        tuning.shares(&self.sums(baseline, mode, tuning.days, sample))
    }

    /// The votes for each label, those on the quarter and those on its city.
    fn sums(&self, baseline: Baseline, mode: Mode, days: f64, sample: Sample) -> [Vec<f64>; 2] {
        let all = self
            .by_quarter
            .get(sample.quarter)
            .map_or(&[][..], Vec::as_slice);
        let counts = |vote: &&Vote| mode == Mode::Smoothing || vote.known <= sample.time;
        let past = all.partition_point(|v| v.of <= sample.time);
        let before = || all[..past].iter().filter(counts);
        let mut sums = [vec![0.0; self.labels], vec![0.0; self.labels]];
        let mut add = |vote: &Vote, weight: f64| {
            let sums = &mut sums[usize::from(!vote.direct)];
            for (sum, share) in sums.iter_mut().zip(&vote.shares) {
                *sum += weight * share;
            }
        };
        match baseline {
            Baseline::LastClaim => {
                let last = before().rfind(|v| v.direct);
                last.into_iter().for_each(|v| add(v, 1.0));
            }
            Baseline::LatestPerSource => {
                let latest: BTreeMap<(usize, bool), &Vote> =
                    before().map(|v| ((v.source, v.direct), v)).collect();
                latest.values().for_each(|v| add(v, 1.0));
            }
            Baseline::Decayed | Baseline::GradedDecayed => {
                let end = if mode == Mode::Smoothing {
                    all.len()
                } else {
                    past
                };
                for vote in all[..end].iter().filter(counts) {
                    let age = (vote.of.micros() - sample.time.micros()).abs();
                    let graded = if baseline == Baseline::Decayed {
                        1.0
                    } else {
                        vote.graded
                    };
                    add(
                        vote,
                        graded * libm::exp(-(age as f64) / DAY_US as f64 / days),
                    );
                }
            }
        }
        sums
    }
}

impl Tuning {
    fn shares(&self, [direct, of_city]: &[Vec<f64>; 2]) -> Vec<f64> {
        let votes = direct.iter().zip(of_city);
        let votes: Vec<f64> = votes
            .map(|(d, c)| PRIOR_VOTE + d + self.inherited * c)
            .collect();
        let most = votes.iter().copied().fold(0.0, f64::max);
        let mut p: Vec<f64> = votes
            .iter()
            .map(|v| libm::pow(v / most, self.sharpness))
            .collect();
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        p
    }
}

/// The tuning with the least log loss on some worlds; `None` without any.
#[must_use]
pub fn tuned(baseline: Baseline, mode: Mode, worlds: &[(Votes, Vec<Sample>)]) -> Option<Tuning> {
    let mut best: Option<(f64, Tuning)> = None;
    for days in baseline.spans() {
        let mut asked: Vec<(usize, [Vec<f64>; 2])> = Vec::new();
        for (votes, samples) in worlds {
            let of = |s: &Sample| (s.truth, votes.sums(baseline, mode, *days, *s));
            asked.extend(samples.iter().map(of));
        }
        for (inherited, sharpness) in INHERITED.iter().flat_map(|i| SHARPNESS.map(|s| (*i, s))) {
            let tuning = Tuning {
                days: *days,
                inherited,
                sharpness,
            };
            let answers: Vec<(usize, Vec<f64>)> = asked
                .iter()
                .map(|(truth, sums)| (*truth, tuning.shares(sums)))
                .collect();
            let loss = figures(answers.iter().map(|(truth, p)| (*truth, &**p))).log_loss;
            if !answers.is_empty() && best.is_none_or(|(least, _)| loss < least) {
                best = Some((loss, tuning));
            }
        }
    }
    best.map(|(_, tuning)| tuning)
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
