//! How much each claim adds to what was said before it.
//!
//! Runs in the order in which claims were known, never in the order of events:
//! neither a backdated event nor a chosen id lets a later claim take weight from
//! an earlier one.

use std::collections::{BTreeMap, VecDeque};

use crate::filter::GroupId;

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
/// What all unproven sources together may say at once, in claims of full weight: new
/// identities cost nothing, so there is no number of them that may carry a place.
const UNPROVEN_AT_ONCE: f64 = 3.0;
/// A source may have copied what another said within so many days before.
pub const COPY_DAYS: f64 = 2.0;
/// Of what a copier says after another, the share that it has from there.
pub const COPIED: f64 = 0.8;
/// What is left of a claim at least that many copied.
const COPIED_LEAST: f64 = 0.02;

/// A claim on a place, as dependence sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its independence group.
    pub group: GroupId,
    /// Items of evidence that come with it, each with a budget of its own, whoever
    /// brings it: one picture through many hands counts once. What unproven hands spend of
    /// an item is not taken from proven ones.
    pub items: Vec<u64>,
    /// What it means; equal for the same claim again.
    pub meaning: u64,
    /// When it was known, in days from any fixed epoch. Never decreasing.
    pub day: f64,
    /// Whether its source is unproven: graded neither A nor B, nor known by its channel.
    pub unproven: bool,
    /// Whether it takes its group's last word back, as a tracker's change does, and so
    /// repeats nothing that the group said.
    pub takes_back: bool,
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
    /// For agreeing with somebody whom its source copies.
    pub copying: f64,
}

impl Discount {
    /// No discount.
    pub const NONE: Self = Self {
        repetition: 1.0,
        crowding: 1.0,
        copying: 1.0,
    };

    /// The product of all.
    #[must_use]
    pub fn product(self) -> f64 {
        self.repetition * self.crowding * self.copying
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Spoken {
    meaning: u64,
    day: f64,
    tokens: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
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

/// Which sources copy which: how likely it is that the first, when it agrees with
/// the second soon after it, has its word from there. Learned across places.
pub type Copies = BTreeMap<(GroupId, GroupId), f64>;

/// A group, and what it said.
type Word = (GroupId, u64);

/// What has been said on one place so far, in the order in which it was known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    budgets: BTreeMap<Budget, Spoken>,
    all: Crowd,
    unproven: Crowd,
    /// What unproven sources said, before likenesses and their crowd were discounted.
    unproven_said: Crowd,
    /// What was said within the last days, and by whom, in that order.
    recent: VecDeque<(Word, f64)>,
    /// When each of these was said last.
    said: BTreeMap<Word, f64>,
}

impl Ledger {
    /// The discount of the next claim, which is not known earlier than any before it.
    pub fn hear(&mut self, claim: &Said, copies: &Copies) -> Discount {
        let (of_group, repetition) = self.repetition(claim);
        let copying = self.copying(claim, copies);
        let mut crowding = 1.0 / (1.0 + CROWD * self.all.mass_at(claim.day));
        if claim.unproven {
            let left = 1.0 - self.unproven.mass_at(claim.day) / UNPROVEN_AT_ONCE;
            crowding *= left.max(0.0);
        }
        let discount = Discount {
            repetition,
            crowding,
            copying,
        };
        let weight = claim.base * discount.product();
        self.all = self.all.joined(claim.day, weight);
        if claim.unproven {
            self.unproven = self.unproven.joined(claim.day, weight);
            // However often a picture or a text goes round, each hand that passes it on counts.
            let said = claim.base * of_group;
            self.unproven_said = self.unproven_said.joined(claim.day, said);
        }
        discount
    }

    /// How much unproven sources have said lately, in claims of full weight, before
    /// their crowd was discounted: a flood where it is large.
    #[must_use]
    pub fn unproven_mass(&self, day: f64) -> f64 {
        self.unproven_said.mass_at(day)
    }

    /// What is new in a claim to its group; and to that and to its items.
    fn repetition(&mut self, claim: &Said) -> (f64, f64) {
        let own = Budget::Group(claim.group);
        let of_group = if claim.takes_back {
            1.0
        } else {
            fresh(self.budgets.get(&own), claim)
        };
        let items = |unproven| {
            let items = claim.items.iter();
            items.map(move |item| Budget::Item {
                item: *item,
                unproven,
            })
        };
        let proven = items(false);
        let limits = proven.chain(items(true).filter(|_| claim.unproven));
        let of_items = limits.map(|item| fresh(self.budgets.get(&item), claim));
        let of_all = of_items.fold(of_group, f64::min);
        for budget in items(claim.unproven).chain([own]) {
            let tokens = self.budgets.get(&budget).map_or(TOKENS, |last| {
                refilled(*last, (claim.day - last.day).max(0.0))
            });
            self.budgets.insert(
                budget,
                Spoken {
                    meaning: claim.meaning,
                    day: claim.day,
                    tokens: (tokens - claim.base * of_all).max(0.0),
                },
            );
        }
        (of_group, of_all)
    }

    /// Π (1 − c·P) over the others whom its group copies and who said the same of
    /// late, not below 0.02.
    fn copying(&mut self, claim: &Said, copies: &Copies) -> f64 {
        let gone = |day: f64| claim.day - day > COPY_DAYS;
        while let Some((word, day)) = self.recent.front().copied().filter(|(_, day)| gone(*day)) {
            self.recent.pop_front();
            if self.said.get(&word) == Some(&day) {
                self.said.remove(&word);
            }
        }
        let of_group = (claim.group, GroupId::MIN)..=(claim.group, GroupId::MAX);
        let left = copies
            .range(of_group)
            .filter(|((_, earlier), _)| self.said.contains_key(&(*earlier, claim.meaning)))
            .fold(1.0, |left, (_, p)| left * (1.0 - COPIED * p));
        let word = (claim.group, claim.meaning);
        self.recent.push_back((word, claim.day));
        self.said.insert(word, claim.day);
        left.max(COPIED_LEAST)
    }
}

/// What may be said so often and no more: a group's word, an item of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Budget {
    Group(GroupId),
    /// In the hands of proven sources, or of unproven ones: who can make up sources must
    /// not silence an anchor by sending its picture first.
    Item {
        item: u64,
        unproven: bool,
    },
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

    fn said(group: GroupId, meaning: u64, day: f64) -> Said {
        Said {
            group,
            items: Vec::new(),
            meaning,
            day,
            unproven: false,
            takes_back: false,
            base: 1.0,
        }
    }

    fn discounts(claims: &[Said]) -> Vec<Discount> {
        let mut ledger = Ledger::default();
        claims
            .iter()
            .map(|claim| ledger.hear(claim, &Copies::new()))
            .collect()
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
        assert!(weight < 3.0, "{weight}");
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
    fn unproven_hands_take_nothing_from_what_an_anchors_picture_may_say() {
        let carried = |group, meaning, unproven| Said {
            items: vec![7],
            unproven,
            ..said(group, meaning, 0.0)
        };
        // Two that differ spend all of it, and a third says what the anchor will.
        let d = discounts(&[
            carried(0, 1, true),
            carried(1, 2, true),
            carried(2, 0, true),
            carried(3, 0, false),
            carried(4, 0, false),
        ]);
        let repetition: Vec<f64> = d.iter().map(|d| d.repetition).collect();
        assert_eq!(repetition[..2], [1.0, 1.0]);
        assert!(repetition[2] < 0.2, "{repetition:?}");
        assert_eq!(repetition[3], 1.0);
        assert!(repetition[4] < 0.01, "the next anchor repeats the first");
    }

    #[test]
    fn unproven_hands_repeat_what_an_anchor_said_with_its_picture() {
        let carried = |group, unproven| Said {
            items: vec![7],
            unproven,
            ..said(group, 0, 0.0)
        };
        let d = discounts(&[carried(0, false), carried(1, true)]);
        assert!(d[1].repetition < 0.01);
    }

    #[test]
    fn a_flood_of_one_picture_is_a_flood_all_the_same() {
        let mut ledger = Ledger::default();
        for group in 0..100 {
            let carried = Said {
                items: vec![7],
                unproven: true,
                ..said(group, 0, 0.0)
            };
            ledger.hear(&carried, &Copies::new());
        }
        assert!(ledger.unproven_mass(0.0) > 99.0);
    }

    #[test]
    fn a_tracker_that_takes_its_word_back_repeats_nothing() {
        let takes_back = |meaning, day| Said {
            takes_back: true,
            ..said(0, meaning, day)
        };
        let d = discounts(&[
            said(0, 0, 0.0),
            takes_back(1, 0.1),
            takes_back(0, 0.2),
            takes_back(1, 0.3),
        ]);
        assert!(d.iter().all(|d| d.repetition == 1.0));
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

    #[test]
    fn who_copies_adds_little_to_whom_it_copies_and_something_to_others() {
        let copies = Copies::from([((1, 0), 0.9)]);
        let mut ledger = Ledger::default();
        ledger.hear(&said(0, 0, 0.0), &copies);
        let after_it = ledger.hear(&said(1, 0, 0.5), &copies);
        let against_it = ledger.hear(&said(1, 1, 0.6), &copies);
        let another = ledger.hear(&said(2, 0, 0.7), &copies);
        assert!(after_it.copying < 0.3);
        assert_eq!((against_it.copying, another.copying), (1.0, 1.0));
        let late = ledger.hear(&said(1, 0, 9.0), &copies);
        assert_eq!(late.copying, 1.0);
    }

    #[test]
    fn whom_one_copies_may_speak_before_it_is_known_that_anybody_copies() {
        let mut ledger = Ledger::default();
        ledger.hear(&said(0, 0, 0.0), &Copies::new());
        let after_it = ledger.hear(&said(1, 0, 0.5), &Copies::from([((1, 0), 0.9)]));
        assert!(after_it.copying < 0.3);
    }
}
