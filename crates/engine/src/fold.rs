//! The fold: reports of a family in, evidence slot by slot out, with everything that
//! explains it. A fold is kept up to date report by report, in the order in which they
//! were first known; whatever comes otherwise asks for a new fold.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::id::{ActorId, Digest, PartnerId, PlaceId, ReportId, ReportKey, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::place::Place;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Originator, Report};
use ascertain_domain::time::{Slot, Timestamp};
use ascertain_fusion::dependence::{Copies, Ledger};
use ascertain_fusion::dynamics::Clash;
use ascertain_fusion::filter::{FilterState, GroupId, Step};
use ascertain_fusion::outcomes::Outcomes;
use ascertain_fusion::standing::StandingClaim;
use ascertain_fusion::tables::Role;

use crate::bearing::bearing;
use crate::carried::Carried;
use crate::chain::{Chain, Mark, Running};
use crate::group::{GroupFacts, group_id, group_key, source_group};
use crate::interest::Standing;
use crate::item::{Item, Reader, days, entered, feeds};
use crate::linked::Linked;
use crate::pace::pace;
use crate::parts::{Parts, bare};
use crate::point::{GroupState, ResumePoint, SiegeClaim};
use crate::versions::sort_out;

/// What a fold reads.
#[derive(Debug, Clone, Copy)]
pub struct Family<'a> {
    /// The place judged.
    pub place: &'a Place,
    /// The registry as the fold may see it.
    pub registry: View<'a>,
    /// For whom.
    pub audience: Audience,
    /// The reports of [`crate::family_places`] that are known, in any order, any
    /// number of times; others do no harm.
    pub reports: &'a [Arc<Report>],
}

/// What a report did to a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing that any answer of the place depends on.
    Nothing,
    /// It was added.
    Added,
    /// It belongs before, or instead of, what is there: fold all reports anew.
    Refold,
}

/// The last word of a source whose silence means *still so*.
#[derive(Debug, Clone, Copy)]
struct Word {
    meaning: u64,
    stated: Timestamp,
    /// Whether it named the place itself.
    direct: bool,
}

/// What a word is beside the last one of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// A word by itself: the first, one stated earlier, or of no tracker.
    Alone,
    /// The same again.
    Same,
    /// A change.
    Change,
    /// What was said of the city, while what was said of the place itself stands.
    Overruled,
}

/// A fold of all that is known of a place.
#[derive(Debug, Clone)]
pub struct Folded {
    pub(crate) place: PlaceId,
    pub(crate) audience: Audience,
    pub(crate) sides: Arc<[ActorId]>,
    pub(crate) chain: Chain,
    pub(crate) groups: BTreeMap<GroupId, Arc<GroupFacts>>,
    /// The groups of the sources that spoke: digests, found once.
    spoke: BTreeMap<SourceId, GroupId>,
    /// Every claim, in the order in which it was known, where they are kept: only what
    /// goes on to be taken apart needs them.
    pub(crate) items: Vec<Item>,
    keeps_items: bool,
    /// How many claims bear on the place.
    claims: usize,
    pub(crate) parts: Parts,
    /// Whether only what is said of the place itself counts.
    alone: bool,
    ledger: Ledger,
    /// What reports carried, by which their claims may count once.
    carried: Carried,
    /// Whom the sources that spoke copy.
    copies: Copies,
    /// The exponent to which what is believed is taken before it is published.
    pub(crate) temper: f64,
    /// The last word of each source whose silence means *still so*.
    tracked: BTreeMap<GroupId, Word>,
    /// What reports say of each other.
    linked: Linked,
    /// The bodies of the reports taken. Partners share few names, so that ids come first.
    known: BTreeMap<(ReportId, PartnerId), Digest>,
    last: Option<(Timestamp, ReportKey)>,
    reconstructed: bool,
    input_digest: Digest,
}

impl Folded {
    /// Folds a family.
    #[must_use]
    pub fn of(family: Family<'_>) -> Self {
        Self::except(family, None)
    }

    /// Folds a family as if a group had never reported.
    pub(crate) fn except(family: Family<'_>, left_out: Option<&str>) -> Self {
        let model = family.registry.source_model(family.audience);
        Self::modelled(family, model.map(Arc::as_ref), left_out, false)
    }

    /// Folds a family, and keeps every claim of the place as it entered.
    pub(crate) fn in_full(family: Family<'_>) -> Self {
        let model = family.registry.source_model(family.audience);
        Self::modelled(family, model.map(Arc::as_ref), None, true)
    }

    /// Folds a family as if a source model were in force, and no other.
    pub(crate) fn modelled(
        family: Family<'_>,
        model: Option<&SourceModel>,
        left_out: Option<&str>,
        keeps_items: bool,
    ) -> Self {
        let Family {
            place,
            registry,
            audience,
            ..
        } = family;
        let mut folded = Self::empty(place, audience, (registry, model));
        folded.keeps_items = keeps_items;
        folded.parts = Parts::of(place, audience, (registry, model));
        for report in &sort_out(family.reports, registry, audience).in_force {
            if left_out.is_none_or(|key| key != group_key(report)) {
                // In the order in which they were known: nothing asks for a refold.
                folded.take_modelled(family.place, family.registry, model, report);
            }
        }
        let seen = family.reports.iter();
        folded.linked = Linked::of(seen.filter(|r| audience.sees(r.marking)));
        folded
    }

    /// The same of what is said of the place itself and the city that it lies in, with
    /// every claim kept: of the places within nothing is taken.
    pub(crate) fn of_itself(
        family: Family<'_>,
        reports: &[Arc<Report>],
        model: Option<&SourceModel>,
    ) -> Self {
        let known = (family.registry, model);
        let mut folded = Self::empty(family.place, family.audience, known);
        folded.keeps_items = true;
        for report in &sort_out(reports, family.registry, family.audience).in_force {
            folded.take_modelled(family.place, family.registry, model, report);
        }
        folded
    }

    /// Before any report, and without the places within.
    pub(crate) fn empty(
        place: &Place,
        audience: Audience,
        (registry, model): (View<'_>, Option<&SourceModel>),
    ) -> Self {
        let sides: Arc<[ActorId]> = registry.sides(place).into();
        Self {
            place: place.id.clone(),
            audience,
            chain: Chain::new(Outcomes::new(sides.len()), pace(place, registry, model)),
            sides,
            groups: BTreeMap::new(),
            spoke: BTreeMap::new(),
            items: Vec::new(),
            keeps_items: false,
            claims: 0,
            parts: Parts::none(),
            alone: false,
            ledger: Ledger::default(),
            carried: Carried::default(),
            copies: Copies::new(),
            temper: temper(model),
            tracked: BTreeMap::new(),
            linked: Linked::default(),
            known: BTreeMap::new(),
            last: None,
            reconstructed: false,
            input_digest: Digest::of(&[]),
        }
    }

    /// The empty fold of what is said of a part of a city itself.
    pub(crate) fn alone(
        place: &Place,
        audience: Audience,
        known: (View<'_>, Option<&SourceModel>),
    ) -> Self {
        Self {
            alone: true,
            ..Self::empty(place, audience, known)
        }
    }

    /// Adds a report. `place` and `registry` must be those of the fold so far: what
    /// changed there asks for a new one.
    pub fn take(&mut self, place: &Place, registry: View<'_>, report: &Arc<Report>) -> Taken {
        if self.audience.sees(report.marking) && self.linked.bear_on(report) {
            return Taken::Refold;
        }
        let model = registry.source_model(self.audience);
        self.take_modelled(place, registry, model.map(Arc::as_ref), report)
    }

    /// The same as if a source model were in force, and no other.
    pub(crate) fn take_modelled(
        &mut self,
        place: &Place,
        registry: View<'_>,
        model: Option<&SourceModel>,
        report: &Arc<Report>,
    ) -> Taken {
        if !self.audience.sees(report.marking) {
            return Taken::Nothing;
        }
        let key = report.key();
        let by_id = (report.id, report.partner.clone());
        if let Some(known) = self.known.get(&by_id) {
            // Of several recordings that with the smallest body digest counts.
            return if report.body_digest < *known {
                Taken::Refold
            } else {
                Taken::Nothing
            };
        }
        let order = (report.first_known_at, key);
        if self.last.as_ref().is_some_and(|last| *last > order) {
            return Taken::Refold;
        }
        self.known.insert(by_id, report.body_digest);
        self.last = Some(order);
        let mut bears = self.take_parts(registry, model, report);
        let sides = Arc::clone(&self.sides);
        let reader = Reader {
            registry,
            model,
            sides: &sides,
        };
        let source = reader.source(report);
        // Looked up once for all claims, and only where one of them speaks of the place.
        let mut names = None;
        for (i, claim) in report.claims.iter().enumerate().filter(|(_, c)| feeds(c)) {
            let Some(bearing) = bearing(claim, place, registry) else {
                continue;
            };
            // What names the part while it speaks of the city is counted there.
            if self.alone && claim.place != place.id {
                continue;
            }
            let group = self.group_of(report);
            let mut item = reader.item(report, i, bearing, group, &source);
            bears = true;
            if bearing.unrest_only && !item.effect.clash.is_some() {
                continue;
            }
            if !self.groups.contains_key(&group)
                && let Originator::Source(id) = &report.originator
            {
                let copied = model.into_iter().flat_map(|model| model.copied_by(id));
                let copied = copied.map(|(from, chance)| ((group, source_group(from)), chance));
                self.copies.extend(copied);
            }
            if item.effect.speaks() && names.is_none() {
                names = Some(self.carried.names(report));
            }
            self.weigh(&mut item, &source, names.as_deref().unwrap_or_default());
            let facts = self.groups.entry(group);
            facts
                .or_insert_with(|| {
                    let key = group_key(report);
                    Arc::new(GroupFacts::new(key, report, registry, source.unproven))
                })
                .note(&item, registry);
            self.claims += 1;
            if self.keeps_items {
                self.items.push(item);
            }
        }
        if bears {
            self.reconstructed |= report.backfilled;
            let both = [self.input_digest.0, report.body_digest.0];
            self.input_digest = Digest::of(both.as_flattened());
            Taken::Added
        } else {
            Taken::Nothing
        }
    }

    /// The group of a report's originator.
    fn group_of(&mut self, report: &Report) -> GroupId {
        match &report.originator {
            Originator::Source(id) => match self.spoke.get(id) {
                Some(group) => *group,
                None => *self.spoke.entry(id.clone()).or_insert(source_group(id)),
            },
            Originator::Unregistered(_) => group_id(&group_key(report)),
        }
    }

    /// Notes what a report says of the parts themselves; whether it does.
    fn take_parts(
        &mut self,
        registry: View<'_>,
        model: Option<&SourceModel>,
        report: &Arc<Report>,
    ) -> bool {
        let mut bears = false;
        for claim in report.claims.iter().filter(|c| feeds(c)) {
            let slot = entered(report, claim).slot();
            for place in std::iter::once(&claim.place).chain(&claim.sub_places) {
                self.parts.note(place, slot);
            }
        }
        if !self.parts.are_folded() {
            return false;
        }
        for id in report.places() {
            if let (Some(own), Some(part)) = (self.parts.own(&id), registry.place(&id)) {
                bears |= own.take_modelled(part, registry, model, report) == Taken::Added;
            }
        }
        bears
    }

    /// What a claim is beside the last word of its source, which it becomes unless it was
    /// stated earlier or is overruled.
    fn beside_last(&mut self, item: &Item, source: &Standing, meaning: u64) -> Beside {
        if source.lag_days.is_none() || item.effect.fits.is_none() {
            return Beside::Alone;
        }
        let word = Word {
            meaning,
            stated: item.stated(source),
            direct: item.bearing.direct,
        };
        let last = self.tracked.get(&item.group).copied();
        let last = last.filter(|last| source.stands(last.stated, word.stated));
        let beside = match last {
            // What is said of the place itself stands, whatever is said of its city: a
            // list of both would take itself back each day.
            Some(last) if last.direct && !word.direct => return Beside::Overruled,
            // It does not take back what was stated later, but for what the city alone was
            // said to be.
            Some(last) if word.stated < last.stated && last.direct == word.direct => {
                return Beside::Alone;
            }
            Some(last) if word.stated < last.stated => Beside::Alone,
            Some(last) if last.meaning == word.meaning => Beside::Same,
            Some(_) => Beside::Change,
            None => Beside::Alone,
        };
        self.tracked.insert(item.group, word);
        beside
    }

    /// Finds the discounts and likelihoods of a claim, whose report carries what goes by
    /// these names, and adds it to its slot.
    fn weigh(&mut self, item: &mut Item, source: &Standing, names: &[u64]) {
        let outcomes = self.chain.outcomes();
        let mut stands = None;
        if item.effect.speaks() {
            let is_other = |i: usize| self.items[i].report.key() != item.report.key();
            item.repeats = self.carried.note(names, self.items.len(), is_other);
            let mut said = item.said(source, names.to_vec());
            let beside = self.beside_last(item, source, said.meaning);
            let fits = item.effect.fits.as_ref();
            if matches!(beside, Beside::Same | Beside::Overruled) {
                // It says by silence already what it says again.
                item.effect.clash = Clash::NONE;
                item.log_likelihoods = fits.map(|_| vec![0.0; outcomes.count()]);
            } else {
                said.takes_back = beside == Beside::Change;
                item.discount = self.ledger.hear(&said, &self.copies);
                item.log_likelihoods =
                    fits.map(|fits| source.table.log_likelihoods(outcomes, fits));
            }
            if let (Some(lag), Some(fits), true) =
                (source.lag_days, fits, beside != Beside::Overruled)
            {
                let change = source.table.change(outcomes, fits, lag);
                if beside == Beside::Change {
                    item.log_likelihoods = Some(change.log_likelihoods);
                }
                let base = item.base();
                stands = Some(StandingClaim {
                    since: item.stated(source).slot().0,
                    doubts: change.doubts.iter().map(|d| d * base).collect(),
                    lapse_days: source.lapse_days,
                    unproven: source.unproven,
                });
            }
        }
        let (weight, clash, group) = (item.weight(), item.clash(), item.group);
        let mark = Mark {
            group,
            entered: item.entered,
            favours: item.log_likelihoods.clone().map(|ll| (weight, ll)),
            sieges: item
                .effect
                .sieges
                .iter()
                .map(|(side, is_so)| (*side, if *is_so { item.put() } else { -item.put() }))
                .collect(),
            members: item.members.clone(),
        };
        let log_likelihoods = item.log_likelihoods.as_ref();
        let slot = item.entered.slot();
        // A snapshot is silent from when it was issued, however old what it states.
        let issued_later = stands.as_ref().is_some_and(|c| Slot(c.since) != slot);
        let (stands, stands_later) = if issued_later {
            (None, stands)
        } else {
            (stands, None)
        };
        let add_to = |step: &mut Step| {
            step.clash = step.clash.and(clash);
            if !source.unproven {
                step.proven_clash = step.proven_clash.and(clash);
            }
            if let Some(log_likelihoods) = log_likelihoods {
                if source.unproven {
                    step.unproven.insert(group);
                }
                let sum = step
                    .evidence
                    .entry(group)
                    .or_insert_with(|| vec![0.0; log_likelihoods.len()]);
                sum.iter_mut()
                    .zip(log_likelihoods)
                    .for_each(|(s, l)| *s += weight * l);
            }
            if stands.is_some() {
                step.standing.insert(group, stands);
            }
        };
        self.chain.add(slot, add_to, mark);
        if let Some(claim) = stands_later {
            let slot = Slot(claim.since);
            let add_to = |step: &mut Step| {
                step.standing.insert(group, Some(claim));
            };
            let mark = Mark {
                group,
                entered: item.entered,
                favours: None,
                sieges: Vec::new(),
                members: Vec::new(),
            };
            self.chain.add(slot, add_to, mark);
        }
    }

    /// The same if what is said of the places within said nothing of the whole.
    pub(crate) fn without_parts(mut self) -> Self {
        self.parts = Parts::none();
        self
    }

    /// How many claims it was made of, and how many prints of pictures and texts it keeps,
    /// those of its parts alone included: what it costs in memory.
    #[must_use]
    pub fn claims(&self) -> usize {
        self.claims + self.carried.prints() + self.parts.claims()
    }

    /// Whether any claim bears on the place or its parts.
    #[must_use]
    pub fn has_evidence(&self) -> bool {
        self.claims > 0 || self.parts.have_evidence()
    }

    pub(crate) fn outcomes(&self) -> Outcomes {
        self.chain.outcomes()
    }

    /// What unproven sources said of the place, in claims of full weight within about
    /// two days, when the newest report was known, before their crowd was discounted:
    /// far above what they may say at once, a flood.
    #[must_use]
    pub fn unproven_mass(&self) -> f64 {
        let newest = self.last.as_ref();
        newest.map_or(0.0, |(time, _)| self.ledger.unproven_mass(days(*time)))
    }

    /// Where the fold stands after all of its evidence.
    pub fn resume_point(&mut self) -> ResumePoint {
        self.stand(Slot(i64::MAX))
    }

    /// What stands after the evidence of all slots up to one.
    pub(crate) fn stand(&mut self, up_to: Slot) -> ResumePoint {
        let stood = self.chain.at(up_to);
        let Running {
            filter,
            favours,
            sieges,
            members,
            newest_event,
        } = &*stood;
        let mut groups = Vec::with_capacity(favours.len());
        let mut favours = favours.iter().peekable();
        for (id, facts) in &self.groups {
            // Both in the order of ids, and each that favours anything has its facts.
            let favours = favours.next_if(|(group, _)| group == id);
            let proven = filter.proven.as_ref();
            let counts = favours.is_some()
                || filter.without.contains(*id)
                || proven.is_some_and(|p| p.without.contains(*id))
                || filter.standing.contains_key(id)
                || sieges.range((*id, 0)..=(*id, usize::MAX)).next().is_some();
            if counts {
                groups.push(GroupState {
                    id: *id,
                    facts: Arc::clone(facts),
                    favours: favours.map(|(_, favours)| favours.clone()),
                });
            }
        }
        ResumePoint {
            filter: Arc::clone(filter),
            groups,
            sieges: sieges
                .iter()
                .map(|((group, side), (slot, weight))| SiegeClaim {
                    group: *group,
                    side: *side,
                    slot: *slot,
                    weight: *weight,
                })
                .collect(),
            members_named: members.iter().cloned().collect(),
            sub_places: self.parts.at(up_to),
            reconstructed: self.reconstructed,
            newest_event: *newest_event,
            input_digest: self.input_digest,
        }
    }

    /// The filter's state after all slots up to one, without what explains it; `None`
    /// without evidence.
    pub(crate) fn bare(&mut self, up_to: Slot) -> Option<FilterState> {
        let state = self.chain.at(up_to);
        state.filter.stepped.is_some().then(|| bare(&state.filter))
    }

    /// How the originator of a report stands to the sides.
    pub(crate) fn role_of(&self, report: &Report, registry: View<'_>) -> Role {
        let reader = Reader {
            registry,
            model: None,
            sides: &self.sides,
        };
        reader.source(report).table.role
    }

    pub(crate) fn later(&self, than: Slot) -> Vec<Step> {
        self.chain.later(than)
    }
}

/// The exponent to which a source model takes what is believed; 1 without one.
pub(crate) fn temper(model: Option<&SourceModel>) -> f64 {
    model.map_or(1.0, |model| f64::from(model.temper.0) / 1e6)
}
