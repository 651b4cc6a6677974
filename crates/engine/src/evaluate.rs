//! A state from a fold, or from where a fold stood, at a time.

use ascertain_domain::id::{ActorId, PlaceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::state::{
    AnalyticConfidence, Contribution, ControlState, Outcome, Ppm, Status,
};
use ascertain_domain::time::{DAY_US, HOUR_US, Slot, TimeInterval, TimePrecision, Timestamp};
use ascertain_fusion::dispute::disagreement;
use ascertain_fusion::filter::{Filter, Step, multiply};
use ascertain_fusion::outcomes::{Outcomes, leader, log_odds, parts_per_million};

use crate::fold::{Folded, ResumePoint};

/// A claim of siege is forgotten with this scale, in days.
const SIEGE_DAYS: f64 = 4.0;
/// A siege stands from this sum of claims on.
const SIEGE_STANDS: f64 = 0.4;
/// Sub-places count as covered by evidence not older than this, in days.
const COVERED_DAYS: f64 = 14.0;

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
}

impl Folded {
    /// The state at a valid time, with all that is known at a knowledge time:
    /// evidence after `as_of` counts in hindsight.
    #[must_use]
    pub fn evaluate(&self, as_of: Timestamp, as_known_at: Timestamp) -> ControlState {
        let steps = self.steps();
        let point = self.stand(&steps, as_of.slot());
        let past = steps.partition_point(|s| s.hour <= as_of.slot().0);
        let question = Question {
            place: &self.place,
            audience: self.audience,
            sides: &self.sides,
            as_of,
            as_known_at,
        };
        evaluate(&point, &steps[past..], &question)
    }

    /// Where the fold stands after all of its evidence.
    #[must_use]
    pub fn resume_point(&self) -> ResumePoint {
        self.stand(&self.steps(), Slot(i64::MAX))
    }
}

impl ResumePoint {
    /// The state at a valid time not before the newest slot of evidence; `None`
    /// for an earlier one, which needs the evidence. Equal, bit for bit, to
    /// evaluating the fold that stood here.
    #[must_use]
    pub fn evaluate(&self, question: &Question<'_>) -> Option<ControlState> {
        let stands = self
            .filter
            .hour
            .is_none_or(|hour| hour <= question.as_of.slot().0);
        let sieges_past = self.sieges.iter().all(|s| s.slot <= question.as_of.slot());
        let sub_places_past = self
            .sub_places
            .iter()
            .all(|s| s.newest.is_none_or(|slot| slot <= question.as_of.slot()));
        (stands && sieges_past && sub_places_past).then(|| evaluate(self, &[], question))
    }
}

fn evaluate(point: &ResumePoint, later: &[Step], question: &Question<'_>) -> ControlState {
    let outcomes = Outcomes::new(question.sides.len());
    let hour = hours(question.as_of);
    let mut filter = Filter::resume(outcomes, point.filter.clone());
    let hindsight =
        |without: Option<usize>| filter_hindsight(&point.filter, outcomes, hour, later, without);
    let with_all = hindsight(None);
    filter.pass_to(hour);
    let mut belief = filter.alpha().to_vec();
    multiply(&mut belief, &with_all);
    let ppm = parts_per_million(&belief);

    let leading = leader(&belief).unwrap_or(0);
    let status = status(outcomes, &ppm);
    let lost = filter.led_before(leading);
    let has_evidence = !point.groups.is_empty();
    let mut contributions: Vec<Contribution> = point
        .groups
        .iter()
        .enumerate()
        // A group whose claims bear on no holder moved nothing.
        .filter(|(_, group)| group.strength >= 0.0)
        .map(|(i, group)| {
            let mut without = filter.without(i).to_vec();
            multiply(&mut without, &hindsight(Some(i)));
            Contribution {
                group: group.key.clone(),
                name: group.name.clone(),
                reports: group.reports.clone(),
                weight: log_odds(belief[leading]) - log_odds(without[leading]),
                weight_lost: lost.map_or(0.0, |l| log_odds(without[l]) - log_odds(belief[l])),
                interest: group.interest,
                reason: group.reason.clone(),
            }
        })
        .collect();
    let span = |c: &Contribution| c.weight.abs().max(c.weight_lost.abs());
    contributions.sort_by(|a, b| {
        span(b)
            .total_cmp(&span(a))
            .then_with(|| a.group.cmp(&b.group))
    });

    let (dispute, in_force) = disagreement(point.groups.iter().map(|g| &g.favours), hour);
    let direct = point.groups.iter().filter(|g| g.direct).map(|g| &g.favours);
    let (_, direct_in_force) = disagreement(direct, hour);
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
        since: (status != Status::Unknown && has_evidence)
            .then(|| since(filter.ladders()[leading].began(), question.as_of)),
        dispute: rounded(dispute),
        independent_groups: in_force,
        staleness_us,
        coverage: rounded(coverage(point, hour)),
        contributions,
        input_digest: point.input_digest,
    }
}

fn filter_hindsight(
    standing: &ascertain_fusion::filter::Standing,
    outcomes: Outcomes,
    hour: f64,
    later: &[Step],
    without: Option<usize>,
) -> Vec<f64> {
    if later.is_empty() {
        return vec![1.0; outcomes.count()];
    }
    Filter::resume(outcomes, standing.clone()).hindsight(hour, later, without)
}

#[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years lose nothing that counts
fn hours(time: Timestamp) -> f64 {
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
    let mut sums = vec![0.0; ppm.len()];
    for claim in &point.sieges {
        #[allow(clippy::cast_precision_loss)] // hours are exact in f64
        let days = ((hour - claim.slot.0 as f64) / 24.0).max(0.0);
        sums[claim.side] += claim.weight * libm::exp(-days / SIEGE_DAYS);
    }
    sums.iter()
        .zip(ppm)
        .any(|(sum, p)| *sum >= SIEGE_STANDS && *p < 500_000)
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
