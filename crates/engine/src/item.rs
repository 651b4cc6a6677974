//! One claim as it bears on one place.

use std::sync::Arc;

use ascertain_domain::id::{ActorId, Digest};
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Claim, Modality, Predicate, Report};
use ascertain_domain::state::Interest;
use ascertain_domain::time::{DAY_US, TimeInterval, Timestamp};
use ascertain_fusion::dependence::{Discount, Said};
use ascertain_fusion::dynamics::Clash;
use ascertain_fusion::filter::GroupId;
use ascertain_fusion::outcomes::Outcomes;

use crate::bearing::Bearing;
use crate::effect::{Effect, Sides};
use crate::interest::{Standing, interest, standing};

/// What is left of a claim whose evidence was found refuted, synthetic or recycled, all of
/// it.
const FAILED_EVIDENCE: f64 = 0.2;

/// A claim that bears on the place.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub report: Arc<Report>,
    /// Index of the claim within the report.
    pub claim: usize,
    pub group: GroupId,
    pub interest: Interest,
    pub bearing: Bearing,
    pub modality: f64,
    /// What checking the evidence of its report leaves of it.
    pub evidence: f64,
    pub entered: Timestamp,
    pub effect: Effect,
    /// ln L(outcome), at full weight; `None`: it bears on no holder.
    pub log_likelihoods: Option<Vec<f64>>,
    pub discount: Discount,
    /// The first claim of another report that carried what this one's carries, by index.
    pub repeats: Option<usize>,
    pub members: Vec<ActorId>,
}

impl Item {
    /// The claim itself.
    pub(crate) fn claim(&self) -> &Claim {
        &self.report.claims[self.claim]
    }

    /// What the fighting that it reports weighs: unrest in a city is unrest in its
    /// quarters, undiminished.
    pub(crate) fn clash(&self) -> Clash {
        let share = self.put() * self.discount.product();
        self.effect.clash.times(share)
    }

    /// What it weighs in all, 0 to 1.
    pub(crate) fn weight(&self) -> f64 {
        self.base() * self.discount.product()
    }

    /// What it weighs by itself, 0 to 1.
    pub(crate) fn base(&self) -> f64 {
        self.bearing.hierarchy * self.put()
    }

    /// What it weighs as it was put, and shown: modality and evidence.
    pub(crate) fn put(&self) -> f64 {
        self.modality * self.evidence
    }

    /// As dependence sees it, with the names of what its report carries.
    pub(crate) fn said(&self, source: &Standing, items: Vec<u64>) -> Said {
        Said {
            group: self.group,
            items,
            meaning: self.effect.meaning(),
            day: days(self.report.first_known_at),
            unproven: source.unproven,
            takes_back: false,
            base: self.base(),
        }
    }

    /// From when on its source is silent about it: since it was issued where the source
    /// states all it knows each time, else since the event.
    pub(crate) fn stated(&self, source: &Standing) -> Timestamp {
        if source.lapse_days.is_some() {
            self.report.published_at
        } else {
            self.entered
        }
    }

    /// How strongly it speaks: weight times the span of its log-likelihoods.
    pub(crate) fn strength(&self) -> Option<f64> {
        let values = self.log_likelihoods.as_ref()?;
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        Some(self.weight() * (most - least))
    }
}

/// Reads claims for the sides of one place.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub registry: View<'a>,
    pub model: Option<&'a SourceModel>,
    pub sides: &'a [ActorId],
}

impl Reader<'_> {
    pub(crate) fn outcomes(&self) -> Outcomes {
        Outcomes::new(self.sides.len())
    }

    /// How a report's originator stands to the sides, as it published it.
    pub(crate) fn source(&self, report: &Report) -> Standing {
        standing(
            &report.originator,
            report.published_at,
            self.sides,
            (self.registry, self.model),
        )
    }

    /// A claim as it bears on the place, before its likelihoods and discounts.
    pub(crate) fn item(
        &self,
        report: &Arc<Report>,
        claim_index: usize,
        bearing: Bearing,
        group: GroupId,
        source: &Standing,
    ) -> Item {
        let claim = &report.claims[claim_index];
        let time = entered(report, claim);
        let reader = Sides {
            registry: self.registry,
            listed: self.sides,
            outcomes: self.outcomes(),
        };
        let mut effect = reader.effect(&claim.predicate, claim.polarity, bearing.extent, time);
        if bearing.unrest_only {
            effect.fits = None;
            effect.sieges.clear();
        }
        let side_of = |actor: &ActorId| self.registry.side_of(actor, time, self.sides);
        let interest = interest(source.table.role, &claim.predicate, claim.polarity, side_of);
        if effect.clash.threat < 0.0 && interest == Interest::SelfServing {
            // Who gains by it does not end a fight by saying so.
            effect.clash = Clash::NONE;
        }
        Item {
            report: Arc::clone(report),
            claim: claim_index,
            group,
            interest,
            bearing,
            modality: modality_weight(claim.modality),
            evidence: if report.evidence_failed() {
                FAILED_EVIDENCE
            } else {
                1.0
            },
            entered: time,
            log_likelihoods: None,
            effect,
            discount: Discount::NONE,
            repeats: None,
            members: self.members(&claim.predicate, time),
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

/// Whether a claim says how things are.
pub(crate) fn feeds(claim: &Claim) -> bool {
    claim.modality.feeds_states()
}

/// When a claim enters: at the latest end of its event time, and not after it was
/// published.
pub(crate) fn entered(report: &Report, claim: &Claim) -> Timestamp {
    let event = claim.event_time.as_ref().and_then(TimeInterval::end);
    event.map_or(report.published_at, |latest| {
        latest.min(report.published_at)
    })
}

#[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years lose nothing that counts
pub(crate) fn days(time: Timestamp) -> f64 {
    time.micros() as f64 / DAY_US as f64
}

const fn modality_weight(modality: Modality) -> f64 {
    match modality {
        Modality::Asserted => 1.0,
        Modality::Hedged => 0.7,
        Modality::Rumoured => 0.4,
        Modality::Conditional | Modality::Intended => 0.0,
    }
}

/// The first eight bytes of a digest: a name within a place.
pub(crate) fn short(digest: &Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
