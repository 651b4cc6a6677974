//! A state from a fold, or from where a fold stood, at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use ascertain_domain::id::{ActorId, PlaceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::View;
use ascertain_domain::state::{
    AnalyticConfidence, Contribution, ControlState, Interest, Outcome, Ppm, Status,
};
use ascertain_domain::time::{DAY_US, HOUR_US, Slot, TimeInterval, TimePrecision, Timestamp};
use ascertain_fusion::dispute::{Favours, disagreement};
use ascertain_fusion::filter::{Filter, FilterState, GroupId, Heard, Step, multiply};
use ascertain_fusion::outcomes::{Outcomes, leader, log_odds, normalise, parts_per_million};
use ascertain_fusion::pace::Pace;

use crate::fold::{Folded, temper};
use crate::group::GroupFacts;
use crate::pace::pace;
use crate::parts::{bare, of_the_whole};
use crate::point::{GroupState, ResumePoint};

/// The key of the line for what is said of the places within.
pub(crate) const PARTS: &str = "places-within";

/// A claim of siege is forgotten with this scale, in days.
const SIEGE_DAYS: f64 = 4.0;
/// A siege stands from this sum of claims on.
const SIEGE_STANDS: f64 = 0.4;
/// Sub-places count as covered by evidence not older than this, in days.
const COVERED_DAYS: f64 = 14.0;
/// For so many groups it is told what a past time would look like without them.
const MOST_LOOKED_BACK_UPON: usize = 64;

/// For which place, audience and times a state is made.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The place.
    pub place: &'a PlaceId,
    /// For whom.
    pub audience: Audience,
    /// The sides, sorted.
    pub sides: &'a [ActorId],
    /// Valid time.
    pub as_of: Timestamp,
    /// Knowledge time, repeated in the answer.
    pub as_known_at: Timestamp,
    /// The exponent to which what is believed is taken, as the source model in force
    /// has it; 1 without one.
    pub temper: f64,
    /// How fast control changes there, as the source model in force has it.
    pub pace: Arc<Pace>,
}

impl<'a> Question<'a> {
    /// A question about a place as a registry has it.
    #[must_use]
    pub fn new(
        place: &'a Place,
        registry: View<'a>,
        audience: Audience,
        (as_of, as_known_at): (Timestamp, Timestamp),
    ) -> Self {
        let model = registry.source_model(audience).map(Arc::as_ref);
        Self {
            place: &place.id,
            audience,
            sides: registry.sides(place),
            as_of,
            as_known_at,
            temper: temper(model),
            pace: pace(place, registry, model),
        }
    }
}

/// What is said after the time asked about, for looking back upon.
#[derive(Default)]
struct Later {
    steps: Vec<Step>,
    parts: Vec<Vec<Step>>,
}

impl Folded {
    /// The state at a valid time, with all that is known at a knowledge time:
    /// evidence after `as_of` counts in hindsight.
    pub fn evaluate(&mut self, as_of: Timestamp, as_known_at: Timestamp) -> ControlState {
        self.evaluate_for(None, as_of, as_known_at)
    }

    /// What each group did for one outcome, leading or not: its `weight` is that
    /// outcome's. Empty where the outcome is none of the place's.
    pub fn contributions_for(
        &mut self,
        outcome: &Outcome,
        as_of: Timestamp,
        as_known_at: Timestamp,
    ) -> Vec<Contribution> {
        let outcomes = self.chain.outcomes();
        let index = match outcome {
            Outcome::Side(side) => self.sides.iter().position(|listed| listed == side),
            Outcome::Contested => Some(outcomes.contested()),
            Outcome::Mixed => Some(outcomes.mixed()),
            Outcome::Vacated => Some(outcomes.vacated()),
            Outcome::Other => Some(outcomes.other()),
        };
        index.map_or_else(Vec::new, |_| {
            self.evaluate_for(index, as_of, as_known_at).contributions
        })
    }

    fn evaluate_for(
        &mut self,
        weighed: Option<usize>,
        as_of: Timestamp,
        as_known_at: Timestamp,
    ) -> ControlState {
        let mut point = self.stand(as_of.slot());
        let later = Later {
            steps: self.chain.later(as_of.slot()),
            parts: self.parts.later(as_of.slot()),
        };
        // Who speaks later only moves the past all the same.
        let speaking: BTreeSet<GroupId> = later
            .steps
            .iter()
            .flat_map(|step| step.evidence.keys().copied())
            .filter(|id| point.groups.iter().all(|group| group.id != *id))
            .collect();
        let speaking = speaking.iter().filter_map(|id| {
            Some(GroupState {
                id: *id,
                facts: Arc::clone(self.groups.get(id)?),
                favours: None,
            })
        });
        point.groups.extend(speaking);
        let question = Question {
            place: &self.place,
            audience: self.audience,
            sides: &self.sides,
            as_of,
            as_known_at,
            temper: self.temper,
            pace: self.chain.filter().pace(),
        };
        evaluate(&point, &later, &question, weighed)
    }
}

impl ResumePoint {
    /// The state at a valid time not before the newest slot of evidence; `None`
    /// for an earlier one, which needs the evidence. Equal, bit for bit, to
    /// evaluating the fold that stood here.
    #[must_use]
    pub fn evaluate(&self, question: &Question<'_>) -> Option<ControlState> {
        let asked = question.as_of.slot();
        let past = |state: &FilterState| state.stepped.is_none_or(|hour| hour <= asked.0);
        let sieges_past = self.sieges.iter().all(|s| s.slot <= asked);
        let sub_places_past = self
            .sub_places
            .iter()
            .all(|s| s.newest.is_none_or(|slot| slot <= asked) && s.own.as_ref().is_none_or(past));
        (past(&self.filter) && sieges_past && sub_places_past)
            .then(|| evaluate(self, &Later::default(), question, None))
    }
}

/// Weights are those of one outcome; `None`: of the leading one.
fn evaluate(
    point: &ResumePoint,
    later: &Later,
    question: &Question<'_>,
    weighed: Option<usize>,
) -> ControlState {
    let outcomes = Outcomes::new(question.sides.len());
    let (hour, known_until) = (hours(question.as_of), hours(question.as_known_at));
    let rules = Filter::new(outcomes, Arc::clone(&question.pace));
    let mut filter = FilterState::clone(&point.filter);
    rules.pass_silence(&mut filter, hour.min(known_until));
    let beats = rules.beats(&filter, hour, &later.steps, known_until);
    let all = rules.hindsight(&beats, Heard::All);
    let of_proven = rules.hindsight(&beats, Heard::Proven);
    rules.pass_to(&mut filter, hour, known_until);
    let parts = what_parts_say(point, later, &rules, outcomes, hour, known_until);
    // Each with what was said later: a belief, and that without unproven sources.
    let believed = |all: (&[f64], &[f64]), proven: (&[f64], &[f64]), parts: Option<&OfParts>| {
        let with_parts = |(belief, hindsight): (&[f64], &[f64]), said: Option<&Vec<f64>>| {
            let mut belief = belief.to_vec();
            multiply(&mut belief, hindsight);
            if let Some(said) = said {
                multiply(&mut belief, said);
            }
            belief
        };
        let mut belief = with_parts(all, parts.map(|p| &p.all));
        let proven = with_parts(proven, parts.map(|p| &p.of_proven));
        rules.bound(&mut belief, &proven);
        take_to(&mut belief, question.temper);
        belief
    };
    let (with_all, with_proven) = ((&*filter.alpha, &*all), (filter.proven(), &*of_proven));
    let belief = believed(with_all, with_proven, parts.as_ref());
    let ppm = parts_per_million(&belief);

    let leading = leader(&belief).unwrap_or(0);
    let status = status(outcomes, &ppm);
    let lost = filter.led_before(leading);
    let weighed = weighed.unwrap_or(leading);
    let weights = |without: &[f64]| {
        (
            log_odds(belief[weighed]) - log_odds(without[weighed]),
            lost.map_or(0.0, |l| log_odds(without[l]) - log_odds(belief[l])),
        )
    };
    let looked_at = looked_back_upon(point, beats.is_empty());
    let mut contributions: Vec<Contribution> = point
        .groups
        .iter()
        // A group whose claims bear on no holder moved nothing.
        .filter(|group| group.facts.strength >= 0.0)
        .map(|group| {
            let (others, proven) = if looked_at.contains(&group.id) {
                let others = rules.hindsight(&beats, Heard::Without(group.id));
                let proven = rules.hindsight(&beats, Heard::ProvenWithout(group.id));
                (others, proven)
            } else {
                (all.clone(), of_proven.clone())
            };
            let without = believed(
                (filter.without(group.id), &others),
                (filter.proven_without(group.id), &proven),
                parts.as_ref(),
            );
            let (weight, weight_lost) = weights(&without);
            Contribution {
                group: group.facts.key.clone(),
                name: group.facts.name.clone(),
                reports: group.facts.reports.clone(),
                weight,
                weight_lost,
                interest: group.facts.interest,
                reason: group.facts.reason.clone(),
            }
        })
        .collect();
    if let Some(parts) = &parts {
        let without = believed(with_all, with_proven, None);
        let (weight, weight_lost) = weights(&without);
        contributions.push(of_parts(parts.covered, weight, weight_lost));
    }
    let span = |c: &Contribution| c.weight.abs().max(c.weight_lost.abs());
    contributions.sort_by(|a, b| {
        span(b)
            .total_cmp(&span(a))
            .then_with(|| a.group.cmp(&b.group))
    });

    // Who keeps silent to say "still so" is still heard.
    let said: Vec<(&GroupFacts, Favours)> = point
        .groups
        .iter()
        .filter_map(|group| {
            let now = question.as_of.slot().0;
            let favours = match filter.standing.get(&group.id) {
                Some(claim) if claim.is_in_force(now) => {
                    Favours::standing(claim, now, outcomes.sides() + 1)
                }
                _ => group.favours.clone()?,
            };
            Some((&*group.facts, favours))
        })
        .collect();
    let (dispute, in_force) = disagreement(said.iter().map(|(_, favours)| favours), hour);
    let direct = |unproven: bool| {
        let direct = said.iter().filter(|(facts, _)| facts.direct);
        let of = direct.filter(|(facts, _)| facts.unproven == unproven);
        disagreement(of.map(|(_, favours)| favours), hour).1
    };
    // However many faces they show, unproven sources are one voice more.
    let direct_in_force = direct(false) + direct(true).min(1);
    let staleness_us = point
        .newest_event
        .map(|event| (question.as_of.micros() - event.micros()).max(0));
    ControlState {
        place: question.place.clone(),
        audience: question.audience,
        as_of: question.as_of,
        as_known_at: question.as_known_at,
        reconstructed: point.reconstructed,
        status,
        besieged: besieged(point, &ppm, hour),
        outcomes: named(question.sides, &ppm),
        presence: presence(outcomes, question.sides, &belief),
        members_named: point.members_named.clone(),
        analytic_confidence: analytic_confidence(direct_in_force, staleness_us),
        since: (status != Status::Unknown && filter.stepped.is_some())
            .then(|| since(filter.ladders[leading].began(), question.as_of)),
        dispute: rounded(dispute),
        independent_groups: in_force,
        staleness_us,
        coverage: rounded(coverage(point, hour)),
        contributions,
        input_digest: point.input_digest,
    }
}

/// Takes a belief to an exponent: below 1 it is less sure, and as sure of which
/// outcome leads.
pub(crate) fn take_to(belief: &mut [f64], temper: f64) {
    // Without a model not a bit changes.
    if temper.to_bits() != 1.0_f64.to_bits() {
        belief.iter_mut().for_each(|p| *p = libm::pow(*p, temper));
        normalise(belief);
    }
}

/// The groups whose later words are left out one by one, where there are any: those that
/// spoke most strongly.
fn looked_back_upon(point: &ResumePoint, nothing_later: bool) -> BTreeSet<GroupId> {
    if nothing_later {
        return BTreeSet::new();
    }
    let mut ranked: Vec<&GroupState> = point.groups.iter().collect();
    let strength = |group: &GroupState| group.facts.strength;
    ranked.sort_by(|a, b| {
        let stronger = strength(b).total_cmp(&strength(a));
        stronger.then(a.id.cmp(&b.id))
    });
    let most = ranked.iter().take(MOST_LOOKED_BACK_UPON);
    most.map(|group| group.id).collect()
}

/// What the places within say of the whole.
struct OfParts {
    all: Vec<f64>,
    /// The same without all that unproven sources said.
    of_proven: Vec<f64>,
    /// How many of how many have evidence.
    covered: (usize, usize),
}

/// What the places within say of the whole; `None` where they cover too little of it.
fn what_parts_say(
    point: &ResumePoint,
    later: &Later,
    rules: &Filter,
    outcomes: Outcomes,
    hour: f64,
    known_until: f64,
) -> Option<OfParts> {
    let nothing = Vec::new();
    let believed = point.sub_places.iter().enumerate().filter_map(|(i, sub)| {
        let steps = later.parts.get(i).unwrap_or(&nothing);
        let mut own = match (&sub.own, steps.is_empty()) {
            (Some(own), _) => own.clone(),
            // What was first said of it later tells of its past as well.
            (None, false) => bare(&FilterState::new(outcomes)),
            (None, true) => return None,
        };
        rules.pass_silence(&mut own, hour.min(known_until));
        let beats = rules.beats(&own, hour, steps, known_until);
        let all = rules.hindsight(&beats, Heard::All);
        let of_proven = rules.hindsight(&beats, Heard::Proven);
        rules.pass_to(&mut own, hour, known_until);
        let mut proven = own.proven().to_vec();
        multiply(&mut proven, &of_proven);
        multiply(&mut own.alpha, &all);
        rules.bound(&mut own.alpha, &proven);
        Some(((sub.share, own.alpha), (sub.share, proven)))
    });
    let (believed, of_proven): (Vec<_>, Vec<_>) = believed.unzip();
    Some(OfParts {
        all: of_the_whole(outcomes, &believed)?,
        of_proven: of_the_whole(outcomes, &of_proven)?,
        covered: (believed.len(), point.sub_places.len()),
    })
}

/// What the places within add, as a line of its own.
fn of_parts((with_evidence, all): (usize, usize), weight: f64, weight_lost: f64) -> Contribution {
    Contribution {
        group: PARTS.to_owned(),
        name: "places within".to_owned(),
        reports: Vec::new(),
        weight,
        weight_lost,
        interest: Interest::Neutral,
        reason: format!("what is said of {with_evidence} of {all} places within, each for itself"),
    }
}

#[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years lose nothing that counts
pub(crate) fn hours(time: Timestamp) -> f64 {
    let whole = time.slot().0;
    whole as f64 + (time.micros() - whole * HOUR_US) as f64 / HOUR_US as f64
}

/// Six decimals are all that is meant.
fn rounded(share: f64) -> f64 {
    // `round` is exact on every target.
    (share * 1e6).round() / 1e6
}

pub(crate) fn named(sides: &[ActorId], ppm: &[u32]) -> Vec<(Outcome, Ppm)> {
    let sides = sides.iter().cloned().map(Outcome::Side);
    let rest = [
        Outcome::Contested,
        Outcome::Mixed,
        Outcome::Vacated,
        Outcome::Other,
    ];
    sides
        .chain(rest)
        .zip(ppm.iter().copied().map(Ppm))
        .collect()
}

fn status(outcomes: Outcomes, ppm: &[u32]) -> Status {
    match ppm.iter().position(|p| *p >= 500_000) {
        None => Status::Unknown,
        Some(o) if o == outcomes.contested() => Status::Contested,
        Some(o) if o == outcomes.mixed() => Status::Mixed,
        Some(o) if o == outcomes.vacated() => Status::Vacated,
        Some(_) => Status::Held,
    }
}

/// Each side is inside if it holds the place, and, being two of however many, if
/// the place is contested or shared.
fn presence(outcomes: Outcomes, sides: &[ActorId], belief: &[f64]) -> Vec<(ActorId, Ppm)> {
    #[allow(clippy::cast_precision_loss)] // a dozen sides at the most
    let among = (2.0 / sides.len().max(1) as f64).min(1.0);
    let both = belief[outcomes.contested()] + belief[outcomes.mixed()];
    sides
        .iter()
        .enumerate()
        .map(|(i, side)| {
            let inside = (belief[i] + among * both).clamp(0.0, 1.0);
            // Never certain, never impossible.
            let parts = parts_per_million(&[inside, 1.0 - inside]);
            (side.clone(), Ppm(parts[0]))
        })
        .collect()
}

fn besieged(point: &ResumePoint, ppm: &[u32], hour: f64) -> bool {
    let (mut proven, mut unproven) = (vec![0.0; ppm.len()], vec![0.0_f64; ppm.len()]);
    for claim in &point.sieges {
        #[allow(clippy::cast_precision_loss)] // hours are exact in f64
        let days = ((hour - claim.slot.0 as f64) / 24.0).max(0.0);
        let group = point.groups.binary_search_by_key(&claim.group, |g| g.id);
        let group = group.ok().and_then(|i| point.groups.get(i));
        let sums = if group.is_some_and(|g| g.facts.unproven) {
            &mut unproven
        } else {
            &mut proven
        };
        sums[claim.side] += claim.weight * libm::exp(-days / SIEGE_DAYS);
    }
    // However many faces they show, unproven sources have one word together.
    let together = proven
        .iter()
        .zip(&unproven)
        .map(|(p, u)| p + u.clamp(-1.0, 1.0));
    together
        .zip(ppm)
        .any(|(sum, p)| sum >= SIEGE_STANDS && *p < 500_000)
}

fn analytic_confidence(direct_groups: u32, staleness_us: Option<i64>) -> AnalyticConfidence {
    match staleness_us {
        None => AnalyticConfidence::Low,
        Some(age) if direct_groups <= 1 || age > 30 * DAY_US => AnalyticConfidence::Low,
        Some(age) if direct_groups >= 3 && age <= 3 * DAY_US => AnalyticConfidence::High,
        Some(_) => AnalyticConfidence::Moderate,
    }
}

fn since((earliest, latest): (Option<i64>, Option<i64>), as_of: Timestamp) -> TimeInterval {
    TimeInterval {
        earliest: earliest.map(|hour| Slot(hour).start()),
        // Where even the newest rung has faded, it may have begun at any time until now.
        latest: Some(latest.map_or(as_of, |hour| Slot(hour).start().min(as_of))),
        precision: TimePrecision::Hour,
    }
}

fn coverage(point: &ResumePoint, hour: f64) -> f64 {
    point
        .sub_places
        .iter()
        .filter(|sub| {
            #[allow(clippy::cast_precision_loss)] // hours are exact in f64
            let age = |slot: Slot| (hour - slot.0 as f64) / 24.0;
            sub.newest.is_some_and(|slot| age(slot) <= COVERED_DAYS)
        })
        .map(|sub| sub.share)
        // Not `sum`: that of nothing is -0.
        .fold(0.0, |sum, share| sum + share)
        .min(1.0)
}
