//! How much each claim adds to what was said before it.
//!
//! Runs in the order in which claims were known, never in the order of events:
//! neither a backdated event nor a chosen id lets a later claim take weight from
//! an earlier one.

use std::collections::BTreeMap;

/// The same claim again counts as much as is forgotten of it, with this scale.
const REPEAT_DAYS: f64 = 8.0;
/// What a group may say at once without being discounted.
const TOKENS: f64 = 2.0;
/// A claim spends at least what this weight would.
const MIN_BASE: f64 = 1e-3;
/// How fast a crowd is forgotten.
const CROWD_DAYS: f64 = 2.0;
/// How much a crowd of all sources discounts.
const CROWD: f64 = 0.05;
/// How much a crowd of unproven sources discounts among themselves.
const CROWD_UNPROVEN: f64 = 0.3;

/// A claim on a place, as dependence sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its independence group.
    pub group: usize,
    /// Items of evidence that come with it, each with a budget of its own, whoever
    /// brings it: one picture through many hands counts once.
    pub items: Vec<usize>,
    /// What it means; equal for the same claim again.
    pub meaning: usize,
    /// When it was known, in days from any fixed epoch. Never decreasing.
    pub day: f64,
    /// Whether its source is unproven: graded neither A nor B.
    pub unproven: bool,
    /// What it weighs by itself (extent, modality, hierarchy), 0 to 1.
    pub base: f64,
}

/// The factors by which a claim is discounted, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discount {
    /// For repeating its group.
    pub repetition: f64,
    /// For standing in a crowd.
    pub crowding: f64,
}

#[derive(Clone, Copy)]
struct Spoken {
    meaning: usize,
    day: f64,
    tokens: f64,
}

#[derive(Clone, Copy, Default)]
struct Crowd {
    mass: f64,
    day: f64,
}

impl Crowd {
    fn mass_at(self, day: f64) -> f64 {
        self.mass * libm::exp(-(day - self.day).max(0.0) / CROWD_DAYS)
    }
    fn joined(self, day: f64, weight: f64) -> Self {
        Self {
            mass: self.mass_at(day) + weight,
            day,
        }
    }
}

/// The discounts of the claims on one place, in the order given, which must be
/// that in which they were known.
#[must_use]
pub fn discounts(claims: &[Said]) -> Vec<Discount> {
    let mut budgets: BTreeMap<Budget, Spoken> = BTreeMap::new();
    let (mut all, mut unproven) = (Crowd::default(), Crowd::default());
    let mut discounts = Vec::with_capacity(claims.len());
    for claim in claims {
        let of = claim.items.iter().map(|item| Budget::Item(*item));
        let of: Vec<Budget> = of.chain([Budget::Group(claim.group)]).collect();
        let left = of.iter().map(|budget| fresh(budgets.get(budget), claim));
        let repetition = left.fold(1.0, f64::min);
        for budget in of {
            let tokens = budgets.get(&budget).map_or(TOKENS, |last| {
                refilled(*last, (claim.day - last.day).max(0.0))
            });
            budgets.insert(
                budget,
                Spoken {
                    meaning: claim.meaning,
                    day: claim.day,
                    tokens: (tokens - claim.base * repetition).max(0.0),
                },
            );
        }

        let mut crowding = 1.0 / (1.0 + CROWD * all.mass_at(claim.day));
        if claim.unproven {
            crowding /= 1.0 + CROWD_UNPROVEN * unproven.mass_at(claim.day);
        }
        let weight = claim.base * repetition * crowding;
        all = all.joined(claim.day, weight);
        if claim.unproven {
            unproven = unproven.joined(claim.day, weight);
        }
        discounts.push(Discount {
            repetition,
            crowding,
        });
    }
    discounts
}

/// What may be said so often and no more: a group's word, an item of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Budget {
    Group(usize),
    Item(usize),
}

/// How much of a claim is new to a budget, and left in it.
fn fresh(last: Option<&Spoken>, claim: &Said) -> f64 {
    let Some(last) = last else { return 1.0 };
    let days = (claim.day - last.day).max(0.0);
    let fresh = if last.meaning == claim.meaning {
        1.0 - libm::exp(-days / REPEAT_DAYS)
    } else {
        1.0
    };
    // A claim spends tokens by what it weighs by itself.
    fresh.min(refilled(*last, days) / claim.base.max(MIN_BASE))
}

fn refilled(last: Spoken, days: f64) -> f64 {
    (last.tokens + days / REPEAT_DAYS).min(TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(group: usize, meaning: usize, day: f64) -> Said {
        Said {
            group,
            items: Vec::new(),
            meaning,
            day,
            unproven: false,
            base: 1.0,
        }
    }

    #[test]
    fn the_same_again_adds_almost_nothing() {
        let d = discounts(&[said(0, 0, 0.0), said(0, 0, 0.01), said(0, 0, 8.0)]);
        assert_eq!(d[0].repetition, 1.0);
        assert!(d[1].repetition < 0.01);
        assert!(d[2].repetition > 0.6 && d[2].repetition < 0.7);
    }

    #[test]
    fn a_group_cannot_carry_a_place_by_changing_its_words() {
        let claims: Vec<Said> = (0..100).map(|i| said(0, i, 0.0)).collect();
        let total: f64 = discounts(&claims).iter().map(|d| d.repetition).sum();
        assert!(total <= 2.0 + 1e-9);
    }

    #[test]
    fn what_comes_later_takes_nothing_from_what_came_before() {
        let mut claims = vec![said(0, 0, 0.0), said(1, 0, 1.0)];
        let before = discounts(&claims);
        claims.push(said(2, 0, 2.0));
        assert_eq!(discounts(&claims)[..2], before[..]);
    }

    #[test]
    fn a_flood_of_new_identities_is_bounded_by_its_own_crowd() {
        let flood: Vec<Said> = (0..1_000)
            .map(|i| Said {
                unproven: true,
                ..said(i, 0, 0.0)
            })
            .collect();
        let weight: f64 = discounts(&flood)
            .iter()
            .map(|d| d.repetition * d.crowding)
            .sum();
        assert!(weight < 80.0, "{weight}");
    }

    #[test]
    fn one_picture_through_many_hands_counts_once() {
        let carried = |group| Said {
            items: vec![7],
            ..said(group, 0, 0.0)
        };
        let d = discounts(&[carried(0), carried(1), carried(2)]);
        assert_eq!(d[0].repetition, 1.0);
        assert!(d[1].repetition < 0.01 && d[2].repetition < 0.01);
    }

    #[test]
    fn pictures_do_not_make_one_voice_many() {
        let carried = |item| Said {
            items: vec![item],
            ..said(0, 0, 0.0)
        };
        let claims: Vec<Said> = (0..40).map(carried).collect();
        let total: f64 = discounts(&claims).iter().map(|d| d.repetition).sum();
        assert!(total < 1.01, "{total}");
    }
}
