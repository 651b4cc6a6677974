//! Who copies whom: sources that follow others in what hardly anybody would say.
//!
//! Pairs are not tried out: ten thousand sources have a hundred million. A pair is
//! looked at once it has agreed often enough on claims that were unlikely to be made,
//! which is counted from a few of the latest who said the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ascertain_domain::id::SourceId;
use ascertain_domain::state::Ppm;
use ascertain_fusion::dependence::COPY_DAYS;
use ascertain_fusion::learn::{copied, copies, fixed};
use ascertain_fusion::outcomes::sharpness;

use super::Calibrator;
use super::believed::Believed;
use super::counts::Counts;
use super::site::Site;

/// A claim is rare whose source makes it less often than this.
const RARE: f64 = 0.5;
/// A pair that agreed so often on rare claims is looked at.
const AGREED: u64 = 3;
/// Of those who said the same, so many of the latest are counted.
const LATEST: usize = 16;
/// A pair is kept that copies more likely than not.
const KEPT: f64 = 0.5;

impl Calibrator<'_> {
    /// Counts, for each rare claim, who had said the same within two days. Track
    /// records are counted by the way.
    pub(super) fn count_agreement(&self, site: &Site) -> Counts {
        let mut counts = self.count_tables(site);
        let believed = Believed::new(self, site, &BTreeMap::new());
        // Who said what of late, the latest last, by what was said.
        let mut recent: BTreeMap<usize, VecDeque<(usize, f64)>> = BTreeMap::new();
        for heard in site.heard.iter().filter(|h| h.direct) {
            let said = recent.entry(heard.fits).or_default();
            while said
                .front()
                .is_some_and(|(_, day)| heard.day - day > COPY_DAYS)
            {
                said.pop_front();
            }
            let rare = believed
                .without(heard.hour, heard.source)
                .zip(believed.counter(heard))
                .is_some_and(|(p, counter)| {
                    let likelihoods = counter.likelihoods(&site.fits[heard.fits]);
                    p.iter().zip(&likelihoods).map(|(p, l)| p * l).sum::<f64>() <= RARE
                });
            if rare && believed.lags[heard.source].is_none() && heard.before != Some(heard.fits) {
                let mut seen: BTreeSet<usize> = BTreeSet::new();
                for (other, _) in said.iter().rev() {
                    if *other == heard.source || !seen.insert(*other) {
                        continue;
                    }
                    if seen.len() > LATEST {
                        break;
                    }
                    let id = |source: usize| site.sources[source].id.clone();
                    let pair = (id(heard.source), id(*other));
                    *counts.agreed.entry(pair).or_default() += 1;
                }
            }
            said.push_back((heard.source, heard.day));
        }
        counts
    }

    pub(super) fn take_candidates(&mut self, counts: &Counts) {
        let often = counts.agreed.iter().filter(|(_, n)| **n >= AGREED);
        self.candidates = often.map(|(pair, _)| pair.clone()).collect();
    }

    /// Counts every claim of a candidate that came soon after the other's, whether it
    /// said the same or not.
    pub(super) fn count_copies(&self, site: &Site) -> Counts {
        let mut counts = Counts::default();
        let index: BTreeMap<&SourceId, usize> = site
            .sources
            .iter()
            .enumerate()
            .map(|(i, s)| (&s.id, i))
            .collect();
        let mut origins: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (copier, origin) in &self.candidates {
            if let (Some(copier), Some(origin)) = (index.get(copier), index.get(origin)) {
                origins.entry(*copier).or_default().push(*origin);
            }
        }
        if origins.is_empty() {
            return counts;
        }
        let believed = Believed::new(self, site, &BTreeMap::new());
        // The last word of each: what it was, and when.
        let mut last: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
        for heard in site.heard.iter().filter(|h| h.direct) {
            let looked_at = origins.get(&heard.source);
            let known = believed
                .without(heard.hour, heard.source)
                .zip(believed.counter(heard));
            if let (Some(looked_at), Some((p, counter))) = (looked_at, known) {
                let likelihoods = counter.likelihoods(&site.fits[heard.fits]);
                for origin in looked_at {
                    let Some((said, _)) = last
                        .get(origin)
                        .filter(|(_, day)| heard.day - day <= COPY_DAYS)
                    else {
                        continue;
                    };
                    let speaks = copied(p, &likelihoods, *said == heard.fits);
                    let weight = heard.repetition * sharpness(site.outcomes, p);
                    let id = |source: usize| site.sources[source].id.clone();
                    let pair = (id(heard.source), id(*origin));
                    let (claims, sum) = counts.copied.entry(pair).or_default();
                    *claims += 1;
                    *sum += fixed(speaks * weight);
                }
            }
            last.insert(heard.source, (heard.fits, heard.day));
        }
        counts
    }

    pub(super) fn take_copies(&mut self, counts: &Counts) {
        for (pair, (claims, sum)) in &counts.copied {
            let chance = copies(*claims, *sum);
            if chance > KEPT {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 1
                let ppm = Ppm((chance * 1e6).round() as u32);
                self.model.copies.insert(pair.clone(), ppm);
            }
        }
    }
}
