//! Tables, lags, habits and track records: how they are counted, and what they come to.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::{Digest, SourceId};
use ascertain_domain::model::{LearnedTable, TrackRecord};
use ascertain_domain::source::{Grade, Reporting, SourceKind};
use ascertain_domain::state::Ppm;
use ascertain_fusion::filter::GroupId;
use ascertain_fusion::learn::{CellCounts, fixed, pooled, value};
use ascertain_fusion::outcomes::{parts_per_million, sharpness};
use ascertain_fusion::standing::{GRID_HOURS, next_grid_hour};
use ascertain_fusion::tables::Cells;

use super::Calibrator;
use super::believed::Believed;
use super::counts::{Counts, Relation};
use super::site::{Heard, Site};
use crate::interest::{lag_days, prior_cells};

/// Before so many reports of a source that speak again of a place, nothing is concluded
/// of its habit. One report is one pair at the most, whatever it says within itself.
const LEAST_PAIRS: u64 = 20;
/// Who repeats itself in no more than one of so many pairs reports changes only.
const ONE_IN: u64 = 20;
/// So many changes shown with the prior lag stand beside those that were seen.
const PRIOR_CHANGES: f64 = 10.0;
/// The shortest and the longest lag, in hours.
const LAG_HOURS: (f64, f64) = (6.0, 30.0 * 24.0);
/// A claim is true of the outcomes that fit it so well: who holds all is also there.
const TRUE_FIT: f64 = 0.4;
/// Less than this was seen of a source's table: the prior stands.
const LEAST_COUNTS: f64 = 1.0;

/// Sources that are taken to be alike. The grade is part of it: who calls itself a
/// newswire does not inherit what proven newswires earned.
type Class = (SourceKind, Grade, Relation);

impl Heard {
    /// Whether anything is learned from it.
    pub(super) fn is_learned_from(&self) -> bool {
        self.direct && self.gated_in
    }
}

impl Calibrator<'_> {
    pub(super) fn take_habits(&mut self, counts: &Counts) {
        let bodies: Vec<u8> = counts.bodies.iter().flat_map(|b| b.0).collect();
        self.model.input_digest = Digest::of(&bodies);
        for (id, pairs) in &counts.pairs {
            let all = pairs.len() as u64;
            let same = pairs.values().filter(|same| **same).count() as u64;
            if all < LEAST_PAIRS || !self.undeclared(id) {
                continue;
            }
            let habit = if same * ONE_IN <= all {
                Reporting::ChangesOnly
            } else {
                Reporting::Episodic
            };
            self.model.sources.entry(id.clone()).or_default().reporting = Some(habit);
        }
    }

    pub(super) fn count_tables(&self, site: &Site) -> Counts {
        let mut counts = Counts::default();
        let silent = self.silent_days(site);
        let mut also: BTreeMap<i64, BTreeSet<GroupId>> = BTreeMap::new();
        for (hour, source, _) in &silent {
            let groups = also.entry(*hour).or_default();
            let speaker = &site.sources[*source];
            if speaker.anchor {
                groups.insert(speaker.group);
            }
        }
        let believed = Believed::new(self, site, &also);
        for heard in site.heard.iter().filter(|h| h.is_learned_from()) {
            count_claim(&mut counts, site, &believed, heard);
        }
        for (hour, source, claim) in silent {
            let heard = &site.heard[claim];
            if let (Some(p), Some(counter)) =
                (believed.without(hour, source), believed.counter(heard))
            {
                let fits = &site.fits[heard.fits];
                let doubts = counter.table().change(site.outcomes, fits, 1.0).doubts;
                let expected: f64 = doubts.iter().zip(p).map(|(d, p)| -d * p).sum();
                let id = site.sources[source].id.clone();
                counts.lags.entry(id).or_default().0 +=
                    fixed(expected * sharpness(site.outcomes, p));
            }
        }
        counts
    }

    /// The midnights at which trackers kept silent and enough others had spoken: the
    /// hour, the source, and its last claim.
    fn silent_days(&self, site: &Site) -> Vec<(i64, usize, usize)> {
        let mut silent = Vec::new();
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        let mut by_hour: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (i, heard) in site.heard.iter().enumerate() {
            if self.silence_speaks(&site.sources[heard.source].id) {
                by_hour.entry(heard.hour).or_default().push(i);
            }
        }
        let (Some((first, _)), Some((_, end))) = (by_hour.first_key_value(), site.span()) else {
            return silent;
        };
        let mut gate = site.gated();
        let mut next = by_hour.iter().peekable();
        let mut grid = next_grid_hour(*first);
        while grid <= end.min(self.cut_hour()) {
            while let Some((_, claims)) = next.next_if(|(hour, _)| **hour < grid) {
                last.extend(claims.iter().map(|i| (site.heard[*i].source, *i)));
            }
            for (source, claim) in &last {
                let group = site.sources[*source].group;
                if gate.lets(grid, group) {
                    silent.push((grid, *source, *claim));
                }
            }
            grid += GRID_HOURS;
        }
        silent
    }

    pub(super) fn fit_tables(&mut self, counts: &Counts) {
        for learned in self.model.sources.values_mut() {
            learned.table = None;
            learned.lag_hours = None;
        }
        // Of a source in several roles, that in which it said most.
        let mut of_source: BTreeMap<&SourceId, (Relation, CellCounts)> = BTreeMap::new();
        for ((id, relation), cells) in &counts.cells {
            let all = |cells: &CellCounts| cells.iter().sum::<i64>();
            let most = of_source.entry(id).or_insert((*relation, *cells));
            if all(cells) > all(&most.1) {
                *most = (*relation, *cells);
            }
        }
        let mut classes: BTreeMap<Class, Vec<(&SourceId, CellCounts)>> = BTreeMap::new();
        for (id, (relation, cells)) in of_source {
            let Some(source) = self.registry.source(id) else {
                continue;
            };
            let class = classes.entry((source.kind, source.grade, relation));
            class.or_default().push((id, cells));
        }
        for ((.., relation), members) in classes {
            let priors = members.iter().filter_map(|(id, cells)| {
                let source = self.registry.source(id)?;
                Some((prior_cells(source, relation.role()), *cells))
            });
            let learned = pooled(&priors.collect::<Vec<_>>());
            for ((id, cells), learned) in members.into_iter().zip(learned) {
                if value(cells.iter().sum()) >= LEAST_COUNTS {
                    let of_source = self.model.sources.entry(id.clone()).or_default();
                    of_source.table = Some(in_ppm(&learned));
                }
            }
        }
        self.fit_lags(counts);
    }

    fn fit_lags(&mut self, counts: &Counts) {
        for (id, (expected, shown)) in &counts.lags {
            let Some(source) = self.registry.source(id) else {
                continue;
            };
            let prior = lag_days(source.kind);
            let days = (PRIOR_CHANGES * prior + value(*expected)) / (PRIOR_CHANGES + value(*shown));
            // `round` is exact on every target.
            let hours = (days * 24.0).round().clamp(LAG_HOURS.0, LAG_HOURS.1);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within range
            let hours = hours as u32;
            self.model.sources.entry(id.clone()).or_default().lag_hours = Some(hours);
        }
    }

    pub(super) fn take_records(&mut self, counts: &Counts) {
        for ((id, predicate, interest), (claims, fared)) in &counts.records {
            let learned = self.model.sources.entry(id.clone()).or_default();
            #[allow(clippy::cast_precision_loss)] // counts are far below 2^52
            let share = value(*fared) / (*claims).max(1) as f64;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 1,000,000
            let true_share = Ppm((share * 1e6).round().clamp(0.0, 1e6) as u32);
            learned.track_record.push(TrackRecord {
                predicate: (*predicate).to_owned(),
                interest: *interest,
                claims: *claims,
                true_share,
            });
        }
    }
}

fn count_claim(counts: &mut Counts, site: &Site, believed: &Believed<'_>, heard: &Heard) {
    let (Some(p), Some(counter)) = (
        believed.without(heard.hour, heard.source),
        believed.counter(heard),
    ) else {
        return;
    };
    let speaker = &site.sources[heard.source];
    let fits = &site.fits[heard.fits];
    let sharp = sharpness(site.outcomes, p);
    let fared = p.iter().zip(fits).filter(|(_, fit)| **fit >= TRUE_FIT);
    let fared: f64 = fared.map(|(p, _)| p).sum();
    let record = (speaker.id.clone(), heard.predicate, heard.interest);
    let record = counts.records.entry(record).or_default();
    *record = (record.0 + 1, record.1 + fixed(fared));
    if believed.lags[heard.source].is_some() {
        // Of a tracker, whose claims are changes, only its lag is learned: others show
        // the change later, and make the quickest look wrong.
        if heard.before.is_some_and(|before| before != heard.fits) {
            let lag = counts.lags.entry(speaker.id.clone()).or_default();
            lag.1 += fixed(fared * sharp);
        }
        return;
    }
    let weight = heard.base * heard.repetition * sharp;
    let key = (speaker.id.clone(), Relation::of(heard.role));
    let cells = counts.cells.entry(key).or_default();
    counter.count(cells, p, fits, weight);
}

fn in_ppm(cells: &Cells) -> LearnedTable {
    fn row<const N: usize>(row: &[f64; N]) -> [Ppm; N] {
        let mut ppm = [Ppm(0); N];
        for (to, from) in ppm.iter_mut().zip(parts_per_million(row)) {
            *to = Ppm(from);
        }
        ppm
    }
    match cells {
        Cells::Aligned {
            own,
            foe,
            contested,
        } => LearnedTable::Aligned {
            own: row(own),
            foe: row(foe),
            contested: row(contested),
        },
        Cells::Independent { holder, contested } => LearnedTable::Independent {
            holder: row(holder),
            contested: row(contested),
        },
    }
}
