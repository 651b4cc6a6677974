//! What is believed of a place with hindsight, by anchors, at the hours of the claims.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::time::Slot;
use ascertain_fusion::filter::GroupId;
use ascertain_fusion::learn::{Counter, Hindsight, hindsight};
use ascertain_fusion::tables::Role;

use super::Calibrator;
use super::site::{Heard, Site};
use crate::fold::Folded;
use crate::interest::{lag_of, table_of};

/// What is believed of a place by anchors, and how its sources speak, as things stand.
pub(super) struct Believed<'a> {
    site: &'a Site,
    hours: BTreeMap<i64, Hindsight>,
    /// Tables by source and role.
    counters: BTreeMap<(usize, RoleKey), Counter>,
    /// The mean lag of each source that is a tracker.
    pub lags: Vec<Option<f64>>,
}

type RoleKey = (u8, usize);

const fn key(role: Role) -> RoleKey {
    match role {
        Role::OrganOf(side) => (0, side),
        Role::Sympathetic(side) => (1, side),
        Role::Opposed(side) => (2, side),
        Role::Independent => (3, 0),
    }
}

impl<'a> Believed<'a> {
    /// At the hours of all claims that are learned from, and at others as asked.
    pub(super) fn new(
        calibrator: &Calibrator<'_>,
        site: &'a Site,
        also: &BTreeMap<i64, BTreeSet<GroupId>>,
    ) -> Self {
        let mut asked = also.clone();
        for heard in site.heard.iter().filter(|h| h.is_learned_from()) {
            let groups = asked.entry(heard.hour).or_default();
            if site.sources[heard.source].anchor {
                groups.insert(heard.group);
            }
        }
        let mut hours = BTreeMap::new();
        if !asked.is_empty() {
            let family = site.family(calibrator.registry, calibrator.model.audience);
            let fold = Folded::of_itself(family, &site.of_anchors, Some(&calibrator.model));
            let steps = fold.later(Slot(i64::MIN));
            #[allow(clippy::cast_precision_loss)] // hours are exact in f64
            let until = calibrator.cut_hour() as f64;
            hours = hindsight(fold.chain.filter(), site.outcomes, &steps, &asked, until);
        }
        let mut counters = BTreeMap::new();
        for heard in &site.heard {
            counters
                .entry((heard.source, key(heard.role)))
                .or_insert_with(|| {
                    let id = &site.sources[heard.source].id;
                    let learned = calibrator.model.sources.get(id);
                    let source = calibrator.registry.source(id);
                    source.map(|s| Counter::new(table_of(s, heard.role, learned), site.outcomes))
                });
        }
        let lags = site.sources.iter().map(|speaker| {
            let learned = calibrator.model.sources.get(&speaker.id);
            lag_of(calibrator.registry.source(&speaker.id)?, learned)
        });
        Self {
            site,
            hours,
            counters: counters
                .into_iter()
                .filter_map(|(key, counter)| Some((key, counter?)))
                .collect(),
            lags: lags.collect(),
        }
    }

    /// What is believed at an hour, beside what a source says itself.
    pub(super) fn without(&self, hour: i64, source: usize) -> Option<&[f64]> {
        let speaker = self.site.sources.get(source)?;
        let at = self.hours.get(&hour)?;
        if speaker.anchor {
            at.without.get(&speaker.group).map(Vec::as_slice)
        } else {
            Some(&at.all)
        }
    }

    /// How the source of a claim speaks.
    pub(super) fn counter(&self, heard: &Heard) -> Option<&Counter> {
        self.counters.get(&(heard.source, key(heard.role)))
    }
}
