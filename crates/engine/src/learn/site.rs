//! A place as the calibrator reads it: what was said of it before the cut, claim by
//! claim, with all that does not depend on what is learned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::id::{Digest, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Originator, Report};
use ascertain_domain::state::Interest;
use ascertain_domain::time::Timestamp;
use ascertain_fusion::filter::GroupId;
use ascertain_fusion::outcomes::Outcomes;
use ascertain_fusion::tables::Role;

use crate::fold::{Family, Folded};
use crate::item::days;
use crate::versions::sort_out;

/// So many groups must have spoken of holders within this time, an anchor among them,
/// for anything to be learned of a moment. With fewer, whom to believe cannot be told from the claims.
const GATE_GROUPS: usize = 3;
const GATE_HOURS: i64 = 14 * 24;

/// A claim about holders of a registered source.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Index into [`Site::sources`].
    pub source: usize,
    pub group: GroupId,
    pub role: Role,
    /// Its slot.
    pub hour: i64,
    /// When it was known, in days from the epoch.
    pub day: f64,
    pub base: f64,
    pub repetition: f64,
    /// Index into [`Site::fits`]: equal for claims that say the same.
    pub fits: usize,
    /// What its source said last of the place, of holders.
    pub before: Option<usize>,
    /// Where another report of its source named the place before: its own report's body,
    /// and whether it says the same again.
    pub again: Option<(Digest, bool)>,
    /// Whether it was made of the place itself.
    pub direct: bool,
    /// Whether enough other groups had spoken.
    pub gated_in: bool,
    pub predicate: &'static str,
    pub interest: Interest,
}

/// A source that spoke of a place.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    pub id: SourceId,
    pub group: GroupId,
    /// Whether it is an anchor: graded A or B.
    pub anchor: bool,
}

/// A place and what was said of it before a cut.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) place: Place,
    pub(crate) outcomes: Outcomes,
    /// One of each, in the order in which they were known.
    pub(crate) reports: Vec<Arc<Report>>,
    /// Those of anchors.
    pub(crate) of_anchors: Vec<Arc<Report>>,
    pub(crate) sources: Vec<Speaker>,
    pub(crate) fits: Vec<Vec<f64>>,
    /// In the order in which they were known.
    pub(crate) heard: Vec<Heard>,
    /// Who spoke of holders, by hour; the unregistered as well.
    spoke: BTreeMap<i64, BTreeSet<GroupId>>,
    /// Which anchors did.
    anchors_spoke: BTreeMap<i64, BTreeSet<GroupId>>,
}

impl Site {
    /// Reads a family up to a cut: what was first known then or later is not seen.
    #[must_use]
    pub fn new(family: Family<'_>, cut: Timestamp) -> Self {
        let Family {
            place,
            registry,
            audience,
            reports,
        } = family;
        let before: Vec<Arc<Report>> = (reports.iter())
            .filter(|r| r.first_known_at < cut)
            .cloned()
            .collect();
        let reports = sort_out(&before, registry, audience).in_force;
        let anchored = |r: &&Arc<Report>| match &r.originator {
            Originator::Source(id) => registry.source(id).is_some_and(|s| s.grade.is_anchor()),
            Originator::Unregistered(_) => false,
        };
        // By the priors: nothing that is kept here depends on what was learned.
        let folded = Folded::of_itself(family, &reports, None);
        let mut site = Self {
            place: place.clone(),
            outcomes: folded.outcomes(),
            of_anchors: reports.iter().filter(anchored).cloned().collect(),
            reports,
            sources: Vec::new(),
            fits: Vec::new(),
            heard: Vec::new(),
            spoke: BTreeMap::new(),
            anchors_spoke: BTreeMap::new(),
        };
        site.hear(&folded, registry);
        site.gate();
        site
    }

    fn hear(&mut self, folded: &Folded, registry: View<'_>) {
        let mut known_fits: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
        let mut known_sources: BTreeMap<SourceId, usize> = BTreeMap::new();
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        let mut named: BTreeMap<usize, (Digest, usize)> = BTreeMap::new();
        for item in &folded.items {
            let Some(fits) = &item.effect.fits else {
                continue;
            };
            let hour = item.entered.slot().0;
            self.spoke.entry(hour).or_default().insert(item.group);
            let Originator::Source(id) = &item.report.originator else {
                continue;
            };
            let Some(source) = registry.source(id) else {
                continue;
            };
            if source.grade.is_anchor() {
                let anchors = self.anchors_spoke.entry(hour).or_default();
                anchors.insert(item.group);
            }
            let bits: Vec<u64> = fits.iter().map(|f| f.to_bits()).collect();
            let fits_index = *known_fits.entry(bits).or_insert_with(|| {
                self.fits.push(fits.clone());
                self.fits.len() - 1
            });
            let source_index = *known_sources.entry(id.clone()).or_insert_with(|| {
                self.sources.push(Speaker {
                    id: id.clone(),
                    group: item.group,
                    anchor: source.grade.is_anchor(),
                });
                self.sources.len() - 1
            });
            let body = item.report.body_digest;
            let named_before = item
                .bearing
                .direct
                .then(|| named.insert(source_index, (body, fits_index)));
            let again = named_before.flatten().filter(|(other, _)| *other != body);
            self.heard.push(Heard {
                source: source_index,
                group: item.group,
                role: folded.role_of(&item.report, registry),
                hour,
                day: days(item.report.first_known_at),
                base: item.base(),
                repetition: item.discount.repetition,
                fits: fits_index,
                before: last.insert(source_index, fits_index),
                again: again.map(|(_, before)| (body, before == fits_index)),
                direct: item.bearing.direct,
                gated_in: false,
                predicate: item.claim().predicate.word(),
                interest: item.interest,
            });
        }
    }

    /// Notes for each claim whether enough groups beside its own had spoken.
    fn gate(&mut self) {
        let mut order: Vec<usize> = (0..self.heard.len()).collect();
        order.sort_by_key(|i| self.heard[*i].hour);
        let mut gate = Gate::new(&self.spoke, &self.anchors_spoke);
        for i in order {
            let Heard { hour, group, .. } = self.heard[i];
            self.heard[i].gated_in = gate.lets(hour, group);
        }
    }

    /// Of which moments anything is learned, for ascending hours.
    pub(crate) fn gated(&self) -> Gate<'_> {
        Gate::new(&self.spoke, &self.anchors_spoke)
    }

    /// The hours of the first claim and of the last.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let (first, _) = self.spoke.first_key_value()?;
        let (last, _) = self.spoke.last_key_value()?;
        Some((*first, *last))
    }

    /// The family that it was read from, without what came later.
    pub(crate) fn family<'a>(&'a self, registry: View<'a>, audience: Audience) -> Family<'a> {
        Family {
            place: &self.place,
            registry,
            audience,
            reports: &self.reports,
        }
    }
}

/// Tells, for ascending hours, of which groups anything is learned.
pub(crate) struct Gate<'a> {
    all: Window<'a>,
    anchors: Window<'a>,
}

impl<'a> Gate<'a> {
    fn new(
        spoke: &'a BTreeMap<i64, BTreeSet<GroupId>>,
        anchors: &'a BTreeMap<i64, BTreeSet<GroupId>>,
    ) -> Self {
        Self {
            all: Window::new(spoke),
            anchors: Window::new(anchors),
        }
    }

    /// Whether enough others had spoken for a group's words to be judged, an anchor
    /// among them.
    pub(crate) fn lets(&mut self, hour: i64, group: GroupId) -> bool {
        self.all.groups(hour, group) >= GATE_GROUPS && self.anchors.groups(hour, group) > 0
    }
}

/// The groups that spoke of holders within the last days, for ascending hours.
struct Window<'a> {
    spoke: &'a BTreeMap<i64, BTreeSet<GroupId>>,
    within: BTreeMap<GroupId, usize>,
    /// The hours counted: after the first, up to the second.
    counted: (i64, i64),
}

impl<'a> Window<'a> {
    fn new(spoke: &'a BTreeMap<i64, BTreeSet<GroupId>>) -> Self {
        let before = spoke.keys().next().map_or(0, |hour| hour - 1);
        Self {
            spoke,
            within: BTreeMap::new(),
            counted: (before, before),
        }
    }

    /// How many groups spoke in the 14 days up to an hour, that hour included, beside
    /// one.
    fn groups(&mut self, hour: i64, beside: GroupId) -> usize {
        if hour > self.counted.1 {
            for group in self
                .spoke
                .range(self.counted.1 + 1..=hour)
                .flat_map(|(_, g)| g)
            {
                *self.within.entry(*group).or_default() += 1;
            }
            self.counted.1 = hour;
        }
        let from = hour - GATE_HOURS;
        if from > self.counted.0 {
            for group in self
                .spoke
                .range(self.counted.0 + 1..=from)
                .flat_map(|(_, g)| g)
            {
                if let Some(times) = self.within.get_mut(group) {
                    *times -= 1;
                    if *times == 0 {
                        self.within.remove(group);
                    }
                }
            }
            self.counted.0 = from;
        }
        let own = self.within.contains_key(&beside);
        self.within.len() - usize::from(own)
    }
}
