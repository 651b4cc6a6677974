//! The fold: reports of a family in, steps of a filter out, with everything that
//! explains them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::id::{ActorId, ClaimId, Digest, PlaceId, ReportKey};
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Claim, EvidenceKey, Modality, Predicate, Report};
use ascertain_domain::state::Interest;
use ascertain_domain::time::{DAY_US, Slot, TimeInterval, Timestamp};
use ascertain_fusion::dependence::{Discount, Said, discounts};
use ascertain_fusion::dispute::Favours;
use ascertain_fusion::filter::{Filter, Standing, Step};
use ascertain_fusion::outcomes::Outcomes;
use ascertain_fusion::tables::log_likelihoods;

use crate::bearing::{Bearing, bearing};
use crate::effect::{Effect, Sides};
use crate::group::{group_key, originator_name};
use crate::interest::{interest, standing};
use crate::records::one_of_each;
use crate::statement::statement;

/// How many reports a group lists.
const LISTED_REPORTS: usize = 16;

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

/// A fold of all that is known of a place.
#[derive(Debug, Clone)]
pub struct Folded {
    pub(crate) place: PlaceId,
    pub(crate) audience: Audience,
    pub(crate) sides: Vec<ActorId>,
    pub(crate) items: Vec<Item>,
    pub(crate) groups: Vec<GroupKey>,
    pub(crate) reconstructed: bool,
    pub(crate) input_digest: Digest,
    pub(crate) sub_places: Vec<SubPlace>,
}

/// A group's key and name, in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupKey {
    pub key: String,
    pub name: String,
}

/// A claim that bears on the place.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub report: ReportKey,
    pub reference: String,
    pub relays: Vec<String>,
    pub time_inconsistent: bool,
    pub claim: ClaimId,
    pub claimed_of: PlaceId,
    pub statement: String,
    pub group: usize,
    pub interest: Interest,
    pub bearing: Bearing,
    pub modality: f64,
    pub entered: Timestamp,
    pub effect: Effect,
    /// ln L(outcome), at full weight; `None`: it bears on no holder.
    pub log_likelihoods: Option<Vec<f64>>,
    pub discount: Discount,
    pub members: Vec<ActorId>,
}

impl Item {
    /// What the fighting that it reports weighs: unrest in a city is unrest in its
    /// quarters, undiminished.
    fn clash(&self) -> f64 {
        let discount = self.discount.repetition * self.discount.crowding;
        self.effect.clash * self.modality * discount
    }

    /// What it weighs in all, 0 to 1.
    pub(crate) fn weight(&self) -> f64 {
        self.bearing.hierarchy * self.modality * self.discount.repetition * self.discount.crowding
    }
}

/// A place within the place, and when it had evidence of its own.
#[derive(Debug, Clone)]
pub(crate) struct SubPlace {
    /// Its share of the weight of all, 0 to 1.
    pub share: f64,
    /// The slots with evidence of its own, ascending.
    pub slots: Vec<Slot>,
}

/// What stands after the newest evidence: enough to evaluate any later time.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumePoint {
    /// The filter's state; groups are indices into `groups`.
    pub filter: Standing,
    /// The groups, in the order of keys.
    pub groups: Vec<GroupState>,
    /// The newest word of each group on a siege.
    pub sieges: Vec<SiegeClaim>,
    /// Actors named, below their sides; sorted.
    pub members_named: Vec<ActorId>,
    /// When the sub-places last had evidence of their own.
    pub sub_places: Vec<SubPlaceEvidence>,
    /// Whether anything behind this was brought along later.
    pub reconstructed: bool,
    /// The newest event in force.
    pub newest_event: Option<Timestamp>,
    /// Digest over the bodies behind this.
    pub input_digest: Digest,
}

/// What one independence group did.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupState {
    /// Its key.
    pub key: String,
    /// The originator's name.
    pub name: String,
    /// What its claims favour.
    pub favours: Favours,
    /// Whether any of it was said of the place itself.
    pub direct: bool,
    /// How its strongest claim cuts for its side.
    pub interest: Interest,
    /// Its strongest claim, in one line.
    pub reason: String,
    /// The strength of that claim: weight times the span of its log-likelihoods.
    pub strength: f64,
    /// Its reports with the partner's references, oldest first; at most 16.
    pub reports: Vec<(ReportKey, String)>,
}

/// The newest word of a group on a siege.
#[derive(Debug, Clone, PartialEq)]
pub struct SiegeClaim {
    /// Index of the group.
    pub group: usize,
    /// Index of the outcome whose side besieges.
    pub side: usize,
    /// When.
    pub slot: Slot,
    /// Its weight; negative for a denial.
    pub weight: f64,
}

/// When a sub-place last had evidence of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubPlaceEvidence {
    /// Its share of the weight of all, 0 to 1.
    pub share: f64,
    /// The newest slot with evidence; `None`: never.
    pub newest: Option<Slot>,
}

impl Folded {
    /// Folds a family.
    #[must_use]
    pub fn of(family: Family<'_>) -> Self {
        Self::except(family, None)
    }

    /// Folds a family as if a group had never reported.
    pub(crate) fn except(family: Family<'_>, left_out: Option<&str>) -> Self {
        let Family {
            place,
            registry,
            audience,
            reports,
        } = family;
        let sides = registry.sides(place).to_vec();
        let all = one_of_each(reports, audience);
        let known: Vec<(&Report, String)> = all
            .iter()
            .map(|r| (*r, group_key(r)))
            .filter(|(_, key)| left_out != Some(key.as_str()))
            .collect();
        let bears = |r: &Report| {
            r.claims
                .iter()
                .any(|c| feeds(c) && bearing(c, place, registry).is_some())
        };
        let bearing_reports: Vec<&(&Report, String)> =
            known.iter().filter(|(r, _)| bears(r)).collect();

        let mut names: BTreeMap<&str, String> = BTreeMap::new();
        for (report, key) in &bearing_reports {
            names
                .entry(key)
                .or_insert_with(|| originator_name(report, registry));
        }
        let index: BTreeMap<&str, usize> = names.keys().enumerate().map(|(i, k)| (*k, i)).collect();
        let reader = Reader {
            place,
            registry,
            sides: &sides,
        };
        let mut items: Vec<Item> = Vec::new();
        let mut said: Vec<(usize, Said)> = Vec::new();
        let mut meanings: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
        let mut carried: BTreeMap<&EvidenceKey, usize> = BTreeMap::new();
        for (report, key) in &bearing_reports {
            for claim in report.claims.iter().filter(|c| feeds(c)) {
                let Some(bearing) = bearing(claim, place, registry) else {
                    continue;
                };
                let (item, unproven) = reader.item(report, claim, bearing, index[key.as_str()]);
                if bearing.unrest_only && item.effect.clash == 0.0 {
                    continue;
                }
                if item.effect.fits.is_some() || item.effect.clash != 0.0 {
                    let next = meanings.len();
                    let evidence = report.evidence.iter().map(|key| {
                        let next = carried.len();
                        *carried.entry(key).or_insert(next)
                    });
                    let evidence = evidence.collect();
                    said.push((
                        items.len(),
                        Said {
                            group: item.group,
                            items: evidence,
                            meaning: *meanings.entry(item.effect.bits()).or_insert(next),
                            day: days(report.first_known_at),
                            unproven,
                            base: item.bearing.hierarchy * item.modality,
                        },
                    ));
                }
                items.push(item);
            }
        }
        let only: Vec<Said> = said.iter().map(|(_, s)| s.clone()).collect();
        for ((i, _), discount) in said.iter().zip(discounts(&only)) {
            items[*i].discount = discount;
        }
        Self {
            place: place.id.clone(),
            audience,
            groups: names
                .iter()
                .map(|(key, name)| GroupKey {
                    key: (*key).to_owned(),
                    name: name.clone(),
                })
                .collect(),
            reconstructed: bearing_reports.iter().any(|(r, _)| r.backfilled),
            input_digest: input_digest(bearing_reports.iter().map(|(r, _)| *r)),
            sub_places: sub_places(place, registry, &all),
            sides,
            items,
        }
    }

    /// Whether any claim bears on the place.
    #[must_use]
    pub fn has_evidence(&self) -> bool {
        !self.items.is_empty()
    }

    pub(crate) fn outcomes(&self) -> Outcomes {
        Outcomes::new(self.sides.len())
    }

    /// The evidence, slot by slot.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps: BTreeMap<i64, Step> = BTreeMap::new();
        for item in &self.items {
            if item.log_likelihoods.is_none() && item.effect.clash == 0.0 {
                continue;
            }
            let hour = item.entered.slot().0;
            let step = steps.entry(hour).or_insert_with(|| Step {
                hour,
                ..Step::default()
            });
            let weight = item.weight();
            step.clash += item.clash();
            if let Some(log_likelihoods) = &item.log_likelihoods {
                let sum = step
                    .evidence
                    .entry(item.group)
                    .or_insert_with(|| vec![0.0; log_likelihoods.len()]);
                sum.iter_mut()
                    .zip(log_likelihoods)
                    .for_each(|(s, l)| *s += weight * l);
            }
        }
        steps.into_values().collect()
    }

    /// What stands after the evidence of all slots up to one.
    pub(crate) fn stand(&self, steps: &[Step], up_to: Slot) -> ResumePoint {
        let mut filter = Filter::new(self.outcomes());
        steps
            .iter()
            .take_while(|s| s.hour <= up_to.0)
            .for_each(|s| filter.take(s));
        let mut groups: Vec<GroupState> = self.groups.iter().map(|g| self.empty_group(g)).collect();
        let mut sieges: BTreeMap<(usize, usize), SiegeClaim> = BTreeMap::new();
        let mut members = BTreeSet::new();
        let mut newest_event = None;
        // In the order of slots, so that what was said decays forward; within a
        // slot in the order in which it was known.
        let mut in_order: Vec<&Item> = self.items.iter().collect();
        in_order.sort_by_key(|item| item.entered.slot());
        for item in in_order {
            let happened = item.entered.slot() <= up_to;
            if let Some(log_likelihoods) = &item.log_likelihoods {
                let group = &mut groups[item.group];
                note_strongest(group, item, log_likelihoods);
                if happened {
                    let judged = self.sides.len() + 1;
                    let hour = item.entered.slot().0;
                    group
                        .favours
                        .add(hour, item.weight(), log_likelihoods, judged);
                    newest_event = newest_event.max(Some(item.entered));
                    members.extend(item.members.iter().cloned());
                }
            }
            for (side, besieged) in item.effect.sieges.iter().filter(|_| happened) {
                let weight = if *besieged {
                    item.modality
                } else {
                    -item.modality
                };
                let (group, side, slot) = (item.group, *side, item.entered.slot());
                sieges.insert(
                    (group, side),
                    SiegeClaim {
                        group,
                        side,
                        slot,
                        weight,
                    },
                );
            }
        }
        for item in &self.items {
            let listed = &mut groups[item.group].reports;
            let report = (item.report.clone(), item.reference.clone());
            if listed.len() < LISTED_REPORTS && !listed.contains(&report) {
                listed.push(report);
            }
        }
        let sub_places = self.sub_places.iter().map(|sub| SubPlaceEvidence {
            share: sub.share,
            newest: sub.slots.iter().rev().find(|slot| **slot <= up_to).copied(),
        });
        ResumePoint {
            filter: filter.standing(),
            groups,
            sieges: sieges.into_values().collect(),
            members_named: members.into_iter().collect(),
            sub_places: sub_places.collect(),
            reconstructed: self.reconstructed,
            newest_event,
            input_digest: self.input_digest,
        }
    }

    fn empty_group(&self, group: &GroupKey) -> GroupState {
        GroupState {
            key: group.key.clone(),
            name: group.name.clone(),
            favours: Favours::none(self.outcomes().count()),
            direct: false,
            interest: Interest::Neutral,
            reason: String::new(),
            strength: -1.0,
            reports: Vec::new(),
        }
    }
}

fn note_strongest(group: &mut GroupState, item: &Item, log_likelihoods: &[f64]) {
    let most = log_likelihoods
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let least = log_likelihoods
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min);
    let strength = item.weight() * (most - least);
    group.direct |= item.bearing.direct;
    if strength > group.strength {
        group.strength = strength;
        group.interest = item.interest;
        group.reason = item.statement.clone();
    }
}

fn feeds(claim: &Claim) -> bool {
    claim.modality.feeds_states()
}

#[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years lose nothing that counts
fn days(time: Timestamp) -> f64 {
    time.micros() as f64 / DAY_US as f64
}

/// When a claim enters: at the latest end of its event time, and not after it was
/// published.
fn entered(report: &Report, claim: &Claim) -> Timestamp {
    let event = claim.event_time.as_ref().and_then(TimeInterval::end);
    event.map_or(report.published_at, |latest| {
        latest.min(report.published_at)
    })
}

const fn modality_weight(modality: Modality) -> f64 {
    match modality {
        Modality::Asserted => 1.0,
        Modality::Hedged => 0.7,
        Modality::Rumoured => 0.4,
        Modality::Conditional | Modality::Intended => 0.0,
    }
}

/// Reads claims for one place.
struct Reader<'a> {
    place: &'a Place,
    registry: View<'a>,
    sides: &'a [ActorId],
}

impl Reader<'_> {
    fn item(&self, report: &Report, claim: &Claim, bearing: Bearing, group: usize) -> (Item, bool) {
        let outcomes = Outcomes::new(self.sides.len());
        let time = entered(report, claim);
        let source = standing(
            &report.originator,
            report.published_at,
            self.sides,
            self.registry,
        );
        let reader = Sides {
            registry: self.registry,
            listed: self.sides,
            outcomes,
        };
        let mut effect = reader.effect(&claim.predicate, claim.polarity, bearing.extent, time);
        if bearing.unrest_only {
            effect.fits = None;
            effect.sieges.clear();
        }
        let side_of = |actor: &ActorId| self.registry.side_of(actor, time, self.sides);
        let interest = interest(source.role, &claim.predicate, claim.polarity, side_of);
        if effect.clash < 0.0 && interest == Interest::SelfServing {
            // Who gains by it does not end a fight by saying so.
            effect.clash = 0.0;
        }
        let item = Item {
            report: report.key(),
            reference: report.partner_reference.clone(),
            relays: report.relays.iter().map(|r| self.relay(r)).collect(),
            time_inconsistent: report.time_inconsistent,
            claim: claim.id.clone(),
            claimed_of: if bearing.direct {
                self.place.id.clone()
            } else {
                claim.place.clone()
            },
            statement: statement(claim, self.registry),
            group,
            interest,
            bearing,
            modality: modality_weight(claim.modality),
            entered: time,
            log_likelihoods: effect
                .fits
                .as_ref()
                .map(|fits| log_likelihoods(outcomes, source.role, fits)),
            effect,
            discount: Discount {
                repetition: 1.0,
                crowding: 1.0,
            },
            members: self.members(&claim.predicate, time),
        };
        (item, source.unproven)
    }

    fn relay(&self, relay: &ascertain_domain::report::Relay) -> String {
        use ascertain_domain::report::Relay;
        match relay {
            Relay::Source(id) => id.to_string(),
            Relay::Unregistered(_) => "unregistered".to_owned(),
        }
    }

    /// Actors that a claim names which stand below a listed side.
    fn members(&self, predicate: &Predicate, time: Timestamp) -> Vec<ActorId> {
        let named = predicate.actors().iter();
        let below = named.filter(|a| {
            !self.sides.contains(a) && self.registry.side_of(a, time, self.sides).is_some()
        });
        below.cloned().collect()
    }
}

fn input_digest<'a>(reports: impl Iterator<Item = &'a Report>) -> Digest {
    let mut digests: Vec<Digest> = reports.map(|r| r.body_digest).collect();
    digests.sort();
    Digest::of(&digests.iter().flat_map(|d| d.0).collect::<Vec<u8>>())
}

/// The places within a city, each with its share of the inhabitants (of the
/// number, where any of them is not known) and the slots of its own evidence. For
/// any other place, the place itself.
fn sub_places(place: &Place, registry: View<'_>, reports: &[&Report]) -> Vec<SubPlace> {
    let mut parts: Vec<&Place> = Vec::new();
    if place.is_populated() {
        let children = registry.children(&place.id).map(|p| &**p);
        parts.extend(children.filter(|p| p.home_area == place.home_area));
    }
    if parts.is_empty() {
        parts.push(place);
    }
    let counted = parts.iter().all(|p| p.population > 0);
    #[allow(clippy::cast_precision_loss)] // populations are far below 2^52
    let weights: Vec<f64> = parts
        .iter()
        .map(|p| if counted { p.population as f64 } else { 1.0 })
        .collect();
    let total: f64 = weights.iter().sum();
    parts
        .iter()
        .zip(weights)
        .map(|(part, weight)| {
            let mut slots: Vec<Slot> = reports
                .iter()
                .flat_map(|r| r.claims.iter().map(move |c| (r, c)))
                .filter(|(_, c)| feeds(c) && bearing(c, part, registry).is_some_and(|b| b.direct))
                .map(|(r, c)| entered(r, c).slot())
                .collect();
            slots.sort_unstable();
            slots.dedup();
            SubPlace {
                share: weight / total,
                slots,
            }
        })
        .collect()
}
