//! The places within a city: how much of it is covered by evidence of their own,
//! and what that evidence says of the whole.
//!
//! Evidence goes up from quarters to their city only, and only what was said of the
//! quarters themselves: a city's claim that informed its quarters does not come
//! round again.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::place::Place;
use ascertain_domain::registry::View;
use ascertain_domain::time::Slot;
use ascertain_fusion::filter::{Beliefs, FilterState, Proven, Step};
use ascertain_fusion::outcomes::Outcomes;

use crate::fold::Folded;
use crate::point::SubPlace;

/// The parts of a place; of a place without any, the place itself.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    parts: Vec<Part>,
    index: BTreeMap<PlaceId, usize>,
}

#[derive(Debug, Clone)]
struct Part {
    share: f64,
    /// Slots with evidence of its own.
    slots: BTreeSet<Slot>,
    /// What was said of it alone; `None` for a place that is its own only part.
    own: Option<Folded>,
}

impl Parts {
    /// The places within a city, each with its share of the inhabitants (of the
    /// number, where any of them is not known). For any other place, the place itself.
    pub(crate) fn of(
        place: &Place,
        audience: Audience,
        known: (View<'_>, Option<&SourceModel>),
    ) -> Self {
        let (registry, _) = known;
        let mut parts: Vec<&Place> = Vec::new();
        if place.is_populated() {
            let children = registry.children(&place.id).map(|p| &**p);
            parts.extend(children.filter(|p| p.home_area == place.home_area));
        }
        let whole = parts.is_empty();
        if whole {
            parts.push(place);
        }
        let counted = parts.iter().all(|p| p.population > 0);
        #[allow(clippy::cast_precision_loss)] // populations are far below 2^52
        let weight = |p: &Place| if counted { p.population as f64 } else { 1.0 };
        let total: f64 = parts.iter().map(|p| weight(p)).sum();
        Self {
            index: parts
                .iter()
                .enumerate()
                .map(|(i, part)| (part.id.clone(), i))
                .collect(),
            parts: parts
                .iter()
                .map(|part| Part {
                    share: weight(part) / total,
                    slots: BTreeSet::new(),
                    own: (!whole).then(|| Folded::alone(part, audience, known)),
                })
                .collect(),
        }
    }

    /// None: for a part that is looked at alone.
    pub(crate) fn none() -> Self {
        Self {
            parts: Vec::new(),
            index: BTreeMap::new(),
        }
    }

    /// Notes evidence of a part's own.
    pub(crate) fn note(&mut self, part: &PlaceId, slot: Slot) {
        if let Some(part) = self.index.get(part).and_then(|i| self.parts.get_mut(*i)) {
            part.slots.insert(slot);
        }
    }

    /// Whether what is said of each part alone is folded: not so where the place is its own
    /// only part.
    pub(crate) fn are_folded(&self) -> bool {
        self.parts.iter().any(|part| part.own.is_some())
    }

    /// The fold of what was said of a part alone.
    pub(crate) fn own(&mut self, part: &PlaceId) -> Option<&mut Folded> {
        let i = *self.index.get(part)?;
        self.parts.get_mut(i)?.own.as_mut()
    }

    /// How many claims the folds of the parts keep.
    pub(crate) fn claims(&self) -> usize {
        let own = self.parts.iter().filter_map(|part| part.own.as_ref());
        own.map(Folded::claims).sum()
    }

    /// Whether anything was said of any part itself.
    pub(crate) fn have_evidence(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.own.as_ref().is_some_and(Folded::has_evidence))
    }

    /// What stands of the parts after all slots up to one.
    pub(crate) fn at(&mut self, up_to: Slot) -> Vec<SubPlace> {
        self.parts
            .iter_mut()
            .map(|part| SubPlace {
                share: part.share,
                newest: part.slots.range(..=up_to).next_back().copied(),
                own: part.own.as_mut().and_then(|own| own.bare(up_to)),
            })
            .collect()
    }

    /// For each part, what is said of it after a slot.
    pub(crate) fn later(&self, than: Slot) -> Vec<Vec<Step>> {
        let own = self.parts.iter().map(|part| part.own.as_ref());
        own.map(|own| own.map_or_else(Vec::new, |own| own.later(than)))
            .collect()
    }
}

/// A filter's state without all that only explains it.
pub(crate) fn bare(state: &FilterState) -> FilterState {
    FilterState {
        hour: state.hour,
        stepped: state.stepped,
        heard: state.heard,
        alpha: state.alpha.clone(),
        proven: state.proven.as_ref().map(|proven| Proven {
            belief: proven.belief.clone(),
            clash: proven.clash,
            heard: proven.heard,
            without: Beliefs::over(state.alpha.len()),
        }),
        clash: state.clash,
        without: Beliefs::over(state.alpha.len()),
        standing: state.standing.clone(),
        ladders: Vec::new(),
        led: Vec::new(),
    }
}

/// A side has a city when it has so much of it.
const HAS_THE_CITY: f64 = 0.8;
/// The parts speak for the whole where so much of it has evidence of its own.
const SPEAKS_FOR: f64 = 0.5;
/// How much of what the parts say counts: the same sources speak of parts and whole.
const COUNTS: f64 = 0.5;
/// The share of it that is taken to say nothing.
const DOUBT: f64 = 0.1;

/// What beliefs about the parts, each with its share, say of the whole: a likelihood
/// for each outcome; `None` where they cover too little of it.
///
/// A side has the city with the chance that it has at least 80 % of what is covered
/// (normal approximation of a sum of independent parts); the rest is contested.
pub(crate) fn of_the_whole(outcomes: Outcomes, parts: &[(f64, Vec<f64>)]) -> Option<Vec<f64>> {
    let covered: f64 = parts.iter().map(|(share, _)| share).sum();
    if covered < SPEAKS_FOR {
        return None;
    }
    let contested = outcomes.contested();
    let mut whole: Vec<f64> = (0..outcomes.count())
        .map(|o| {
            let mean = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
                parts
                    .iter()
                    .map(|(share, p)| of(share / covered, p[o]))
                    .sum()
            };
            let held = mean(&|share, p| share * p);
            let variance = mean(&|share, p| share * share * p * (1.0 - p));
            let spread = libm::sqrt(variance.max(1e-6));
            0.5 * libm::erfc((HAS_THE_CITY - held) / (spread * std::f64::consts::SQRT_2))
        })
        .collect();
    whole[contested] = 0.0;
    let held: f64 = whole.iter().sum();
    whole[contested] = (1.0 - held).max(0.0);
    #[allow(clippy::cast_precision_loss)] // K is small
    let mean = whole.iter().sum::<f64>() / whole.len() as f64;
    for p in &mut whole {
        *p = libm::pow((1.0 - DOUBT) * *p + DOUBT * mean, COUNTS);
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Outcomes = Outcomes::new(2);

    fn believed(p: f64) -> Vec<f64> {
        vec![p, 0.97 - p, 0.01, 0.01, 0.005, 0.005]
    }

    #[test]
    fn quarters_that_cover_too_little_say_nothing() {
        assert_eq!(of_the_whole(TWO, &[(0.4, believed(0.9))]), None);
    }

    #[test]
    fn who_has_all_quarters_has_the_city_and_who_has_half_of_them_does_not() {
        let all: Vec<_> = (0..5).map(|_| (0.2, believed(0.95))).collect();
        let likelihoods = of_the_whole(TWO, &all).unwrap();
        assert!(likelihoods[0] > 2.0 * likelihoods[1]);
        let half: Vec<_> = (0..6)
            .map(|i| (1.0 / 6.0, believed(if i < 3 { 0.95 } else { 0.02 })))
            .collect();
        let likelihoods = of_the_whole(TWO, &half).unwrap();
        assert!(likelihoods[TWO.contested()] > 2.0 * likelihoods[0]);
        assert!((likelihoods[0] - likelihoods[1]).abs() < 1e-6);
    }
}
