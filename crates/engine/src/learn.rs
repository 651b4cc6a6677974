//! The calibrator: what is learned of sources, across places, up to a day.
//!
//! ```text
//!  habits ─ pace ─ tables, lags (12 rounds) ─ who may copy, track records ─ who copies
//! ```
//!
//! In each phase the counts of all places are added up, in whole numbers, and the
//! model goes on from their sum: so a model is the same bits however the places are
//! shared out, and whatever order anything came in. It is a function of the bodies
//! known before the cut and of the registry, and of no earlier model.
//!
//! Whom to believe is told by *anchors*: sources graded A or B. What is learned of all
//! others rests on hindsight from anchors alone, and of an anchor on that from the
//! other anchors; so neither a flood nor a crowd that colludes can vouch for itself.
//! Where no source is an anchor no table is learned. And nothing is learned of a moment
//! of which fewer than three other groups spoke within the 14 days before.
//!
//! Rates, what is said of contests, the tables of trackers and how far confidence is to
//! be trusted are left to the priors: learned, each made answers worse (docs/decisions).

mod believed;
mod copying;
mod counts;
mod fit;
mod site;

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::{Digest, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::View;
use ascertain_domain::source::Reporting;
use ascertain_domain::state::Ppm;
use ascertain_domain::time::{HOUR_US, Timestamp};

use crate::METHOD_VERSION;
use crate::fold::Family;
use crate::interest::lag_of;
use crate::pace::Changes;

pub use counts::Counts;
pub use site::Site;

/// So many rounds are made, no more and no fewer.
const ROUNDS: u32 = 12;

/// What is being learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// What silence means.
    Habits,
    /// How fast control changes.
    Pace,
    /// Tables and lags, round by round.
    Tables(u32),
    /// Which pairs of sources agree on what hardly anybody would say; track records.
    Candidates,
    /// Which of them copy.
    Copies,
    Done,
}

/// A source model in the making.
#[derive(Debug, Clone)]
pub struct Calibrator<'a> {
    registry: View<'a>,
    phase: Phase,
    model: SourceModel,
    candidates: BTreeSet<(SourceId, SourceId)>,
}

impl<'a> Calibrator<'a> {
    /// For all that an audience may see of what was known before a cut: 00:00 UTC of a
    /// day.
    #[must_use]
    pub fn new(registry: View<'a>, audience: Audience, cut: Timestamp) -> Self {
        Self {
            registry,
            phase: Phase::Habits,
            model: SourceModel {
                cut,
                audience,
                method: METHOD_VERSION.to_owned(),
                input_digest: Digest::of(&[]),
                sources: BTreeMap::new(),
                copies: BTreeMap::new(),
                pace: BTreeMap::new(),
                temper: Ppm(1_000_000),
            },
            candidates: BTreeSet::new(),
        }
    }

    /// Reads a family up to the cut.
    #[must_use]
    pub fn site(&self, family: Family<'_>) -> Site {
        Site::new(family, self.model.cut)
    }

    /// What a place says, as things stand.
    #[must_use]
    pub fn statistics(&self, site: &Site) -> Counts {
        match self.phase {
            Phase::Habits => habits(site),
            Phase::Pace => self.count_changes(site),
            Phase::Tables(_) => self.count_tables(site),
            Phase::Candidates => self.count_agreement(site),
            Phase::Copies => self.count_copies(site),
            Phase::Done => Counts::default(),
        }
    }

    /// Goes on from the counts of all places; whether there is more to learn.
    pub fn advance(&mut self, counts: &Counts) -> bool {
        self.phase = match self.phase {
            Phase::Habits => {
                self.take_habits(counts);
                Phase::Pace
            }
            Phase::Pace => {
                self.model.pace = counts.pace.pace();
                Phase::Tables(1)
            }
            Phase::Tables(round) => {
                self.fit_tables(counts);
                if round < ROUNDS {
                    Phase::Tables(round + 1)
                } else {
                    Phase::Candidates
                }
            }
            Phase::Candidates => {
                self.take_records(counts);
                self.take_candidates(counts);
                Phase::Copies
            }
            Phase::Copies => {
                self.take_copies(counts);
                Phase::Done
            }
            Phase::Done => Phase::Done,
        };
        self.phase != Phase::Done
    }

    /// How many pairs of sources, of all that spoke, have agreed so often on what hardly
    /// anybody would say that it is looked at whether they copy.
    #[must_use]
    pub fn pairs_looked_at(&self) -> usize {
        self.candidates.len()
    }

    /// The model.
    #[must_use]
    pub fn finish(self) -> SourceModel {
        self.model
    }

    fn count_changes(&self, site: &Site) -> Counts {
        let reports = site.reports.iter();
        let pace = Changes::of_place(&site.place, self.registry, reports, |source, _| {
            self.silence_speaks(source)
        });
        Counts {
            pace,
            ..Counts::default()
        }
    }

    /// Whether a source's silence means *still so*, as far as is known.
    fn silence_speaks(&self, source: &SourceId) -> bool {
        let learned = self.model.sources.get(source);
        let source = self.registry.source(source);
        source.is_some_and(|source| lag_of(source, learned).is_some())
    }

    fn undeclared(&self, source: &SourceId) -> bool {
        let source = self.registry.source(source);
        source.is_some_and(|s| s.reporting == Reporting::Undeclared)
    }

    /// The cut in hours from the epoch.
    fn cut_hour(&self) -> i64 {
        self.model.cut.micros().div_euclid(HOUR_US)
    }
}

fn habits(site: &Site) -> Counts {
    let mut counts = Counts::default();
    let bodies = site.reports.iter().map(|r| r.body_digest);
    counts.bodies.extend(bodies);
    for heard in &site.heard {
        if let Some((body, same)) = heard.again {
            let id = site.sources[heard.source].id.clone();
            let pairs = counts.pairs.entry(id).or_default();
            *pairs.entry(body).or_default() |= same;
        }
    }
    counts
}

/// Learns a source model from all that was known before a cut: 00:00 UTC of a day.
#[must_use]
pub fn learn<'a>(
    families: impl IntoIterator<Item = Family<'a>>,
    registry: View<'_>,
    audience: Audience,
    cut: Timestamp,
) -> SourceModel {
    let mut calibrator = Calibrator::new(registry, audience, cut);
    let sites: Vec<Site> = families.into_iter().map(|f| calibrator.site(f)).collect();
    loop {
        let mut counts = Counts::default();
        for site in &sites {
            counts.add(calibrator.statistics(site));
        }
        if !calibrator.advance(&counts) {
            return calibrator.finish();
        }
    }
}
