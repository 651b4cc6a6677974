//! The offline model: what may not matter, what must, and what it finds.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_fusion::offline::{Claim, Fit, Posteriors, Problem, Temper, fit, is_open};
use proptest::prelude::*;

/// SplitMix64, for sets that are the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32 % bound
    }

    /// True so often of 100.
    fn percent(&mut self, often: u32) -> bool {
        self.below(100) < often
    }
}

fn problem(items: usize, sources: usize, values: usize, claims: Vec<Claim>) -> Problem {
    Problem {
        items,
        sources,
        values,
        claims,
    }
}

fn claim(item: u32, source: u32, value: u32) -> Claim {
    Claim {
        item,
        source,
        value,
    }
}

/// 300 items of two values, the truth is item % 2; each source says what `says` makes
/// of (source, truth).
fn binary(sources: u32, says: impl Fn(&mut Chance, u32, u32) -> u32) -> Problem {
    let mut chance = Chance(7);
    let mut claims = Vec::new();
    for item in 0..300 {
        for source in 0..sources {
            claims.push(claim(item, source, says(&mut chance, source, item % 2)));
        }
    }
    problem(300, sources as usize, 2, claims)
}

fn right_in(chance: &mut Chance, percent: u32, truth: u32) -> u32 {
    if chance.percent(percent) {
        truth
    } else {
        1 - truth
    }
}

fn leader(row: &[(u32, f64)]) -> u32 {
    row.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
}

/// The share of items whose leading value is item % 2.
fn accuracy(fit: &Fit) -> f64 {
    let items = fit.posteriors.items();
    let right = (0..items).filter(|i| leader(fit.posteriors.row(*i)) as usize == i % 2);
    right.count() as f64 / items as f64
}

/// The mean probability of the leading value.
fn confidence(posteriors: &Posteriors) -> f64 {
    let items = posteriors.items();
    let top = |item| posteriors.row(item).iter().map(|e| e.1).fold(0.0, f64::max);
    (0..items).map(top).sum::<f64>() / items as f64
}

#[test]
fn two_who_know_outvote_three_who_guess() {
    let said = binary(5, |chance, source, truth| {
        right_in(chance, if source < 2 { 95 } else { 50 }, truth)
    });
    let votes = (0..300_u32).filter(|item| {
        let own = said.claims.iter().filter(|c| c.item == *item);
        own.filter(|c| c.value == item % 2).count() >= 3
    });
    let (votes, ours) = (votes.count() as f64 / 300.0, accuracy(&fit(&said)));
    assert!(ours > votes + 0.05, "{ours} {votes}");
}

#[test]
fn one_who_always_says_the_contrary_informs_as_well_as_an_honest_one() {
    let said = binary(5, |chance, source, truth| {
        right_in(chance, if source == 0 { 3 } else { 75 }, truth)
    });
    let with = accuracy(&fit(&said));
    let others = said.claims.iter().copied().filter(|c| c.source != 0);
    let without = accuracy(&fit(&problem(300, 5, 2, others.collect())));
    assert!(with > without + 0.05, "{with} {without}");
}

#[test]
fn one_who_says_the_same_of_everything_says_nothing() {
    let quiet = binary(4, |chance, _, truth| right_in(chance, 80, truth));
    let mut loud = quiet.clone();
    loud.sources = 5;
    loud.claims.extend((0..300).map(|item| claim(item, 4, 0)));
    let (quiet, loud) = (fit(&quiet), fit(&loud));
    let (quiet, loud) = (&quiet.posteriors, &loud.posteriors);
    let differ = (0..300).filter(|i| leader(quiet.row(*i)) != leader(loud.row(*i)));
    let differ = differ.count();
    assert!(differ <= 15, "{differ} of 300 items changed");
}

#[test]
fn sources_that_err_alike_are_believed_less_than_sources_that_differ() {
    let alike = binary(6, |chance, _, truth| right_in(chance, 75, truth));
    let unlike = binary(6, |chance, source, truth| {
        right_in(chance, if source % 2 == 0 { 95 } else { 55 }, truth)
    });
    let (alike, unlike) = (fit(&alike), fit(&unlike));
    assert!(confidence(&alike.posteriors) < confidence(&unlike.posteriors) - 0.05);
}

#[test]
fn an_item_without_claims_is_what_items_are() {
    // Of ten items eight are 0.
    let mut claims = Vec::new();
    let mut chance = Chance(5);
    for item in 0..300 {
        let truth = u32::from(item % 10 < 2);
        for source in 0..5 {
            claims.push(claim(item, source, right_in(&mut chance, 90, truth)));
        }
    }
    let fit = fit(&problem(301, 5, 2, claims));
    let row = fit.posteriors.row(300);
    assert!(row[0].1 > 0.7 && row[0].1 < 0.85, "{row:?}");
    // Nothing was said of it that could be believed less.
    let calm = Temper {
        scale: 0.1,
        bend: 1.0,
    };
    assert_eq!(fit.answer(300, calm), row);
}

#[test]
fn who_says_two_things_of_an_item_says_less() {
    let mut said = binary(5, |chance, _, truth| right_in(chance, 85, truth));
    let before = fit(&said).posteriors.row(0).to_vec();
    let of_first = |c: &&Claim| c.item == 0 && c.source == 0;
    let value = said.claims.iter().find(of_first).unwrap().value;
    said.claims.push(claim(0, 0, 1 - value));
    let after = fit(&said).posteriors.row(0).to_vec();
    let of = |row: &[(u32, f64)]| row[value as usize].1;
    assert!(of(&after) < of(&before), "{before:?} {after:?}");
}

#[test]
fn a_smaller_scale_is_less_sure_of_the_same_answers() {
    let fit = fit(&binary(5, |chance, _, truth| right_in(chance, 80, truth)));
    let half = fit.tempered(Temper {
        scale: 0.5,
        bend: 1.0,
    });
    for item in 0..300 {
        assert_eq!(leader(fit.posteriors.row(item)), leader(half.row(item)));
    }
    assert!(confidence(&half) < confidence(&fit.posteriors));
}

#[test]
fn nothing_to_choose_from_is_no_error() {
    assert_eq!(fit(&problem(0, 0, 0, vec![])).posteriors.items(), 0);
    assert_eq!(fit(&problem(2, 0, 0, vec![])).posteriors.row(1), []);
    let one = fit(&problem(2, 1, 1, vec![claim(0, 0, 0)]));
    assert_eq!(one.posteriors.row(0), [(0, 1.0)]);
    assert_eq!(fit(&problem(3, 1, 2, vec![])).posteriors.items(), 3);
}

#[test]
fn claims_outside_of_the_problem_are_left_out() {
    let said = binary(5, |chance, _, truth| right_in(chance, 80, truth));
    let mut more = said.clone();
    let outside = [claim(300, 0, 0), claim(0, 5, 0), claim(0, 0, 2)];
    more.claims.extend(outside);
    assert_eq!(fit(&said), fit(&more));
}

/// 200 items with values of their own: item i is 10 i, and nine others are wrong.
/// Sources 0 to 5 are right in 60 of 100; sources 6 to 8, if there, repeat source 5.
fn own_values(copied: bool) -> Problem {
    let mut chance = Chance(11);
    let mut claims = Vec::new();
    for item in 0..200 {
        let mut said = 0;
        for source in 0..6 {
            let wrong = 1 + chance.below(9);
            said = item * 10 + if chance.percent(60) { 0 } else { wrong };
            claims.push(claim(item, source, said));
        }
        if copied {
            claims.extend((6..9).map(|source| claim(item, source, said)));
        }
    }
    problem(200, 9, 2_000, claims)
}

fn accuracy_on_own_values(problem: &Problem) -> f64 {
    let fit = fit(problem);
    assert!(fit.open);
    let right = (0..200).filter(|i| leader(fit.posteriors.row(*i)) as usize == i * 10);
    right.count() as f64 / 200.0
}

#[test]
fn values_that_each_item_has_of_its_own_are_open() {
    assert!(is_open(&own_values(false)));
    assert!(!is_open(&binary(3, |_, _, truth| truth)));
}

#[test]
fn four_who_repeat_one_another_do_not_outvote_five_who_do_not() {
    let alone = accuracy_on_own_values(&own_values(false));
    let copied = accuracy_on_own_values(&own_values(true));
    assert!(copied >= alone - 0.05, "{copied} {alone}");
    // A vote would follow the four in everything: right in 60 of 100.
    assert!(copied > 0.7, "{copied}");
}

#[test]
fn an_open_row_leaves_room_for_what_nobody_said() {
    let fit = fit(&own_values(false));
    for item in 0..200 {
        let sum: f64 = fit.posteriors.row(item).iter().map(|e| e.1).sum();
        assert!(sum < 1.0 && sum > 0.3, "{sum}");
    }
}

/// Small problems of any kind.
fn any_problem() -> impl Strategy<Value = Problem> {
    (1_usize..12, 1_usize..6, 2_usize..5).prop_flat_map(|(items, sources, values)| {
        let one = (0..items as u32, 0..sources as u32, 0..values as u32);
        let one = one.prop_map(|(item, source, value)| claim(item, source, value));
        proptest::collection::vec(one, 0..80)
            .prop_map(move |claims| problem(items, sources, values, claims))
    })
}

/// A permutation of 0..count, drawn from a seed.
fn permutation(count: usize, seed: u64) -> Vec<u32> {
    let mut chance = Chance(seed);
    let mut order: Vec<u32> = (0..count as u32).collect();
    for i in (1..count).rev() {
        order.swap(i, chance.below(i as u32 + 1) as usize);
    }
    order
}

proptest! {
    #[test]
    fn the_order_of_claims_and_their_repetition_change_no_bit(
        said in any_problem(),
        seed in any::<u64>(),
    ) {
        let order = permutation(said.claims.len(), seed);
        let mut shuffled = said.clone();
        shuffled.claims = order.iter().map(|i| said.claims[*i as usize]).collect();
        shuffled.claims.extend(said.claims.iter().take(3));
        prop_assert_eq!(fit(&said), fit(&shuffled));
    }

    #[test]
    fn every_row_is_a_distribution_that_rules_nothing_out(said in any_problem()) {
        let fit = fit(&said);
        prop_assert_eq!(fit.posteriors.items(), said.items);
        for item in 0..said.items {
            let row = fit.posteriors.row(item);
            for (value, p) in row {
                prop_assert!(*p > 0.0 && *p < 1.0, "{} {}", value, p);
            }
            let sum: f64 = row.iter().map(|e| e.1).sum();
            prop_assert!(fit.open || (sum - 1.0).abs() < 1e-12, "{}", sum);
        }
    }
}

#[test]
fn what_items_sources_and_values_are_called_changes_nothing_but_rounding() {
    let mut chance = Chance(3);
    let mut claims = Vec::new();
    for item in 0..200 {
        for source in 0..20 {
            if chance.percent(40) {
                let right = chance.percent(50 + 2 * source);
                let value = if right { item % 3 } else { chance.below(3) };
                claims.push(claim(item, source, value));
            }
        }
    }
    let (items, sources) = (permutation(200, 1), permutation(20, 2));
    let values = permutation(3, 5);
    let renamed = claims.iter().map(|c| Claim {
        item: items[c.item as usize],
        source: sources[c.source as usize],
        value: values[c.value as usize],
    });
    let renamed = fit(&problem(200, 20, 3, renamed.collect()));
    let fit = fit(&problem(200, 20, 3, claims));
    assert_eq!((fit.open, fit.rounds), (false, renamed.rounds));
    for (item, new) in items.iter().enumerate() {
        let there = renamed.posteriors.row(*new as usize);
        for (value, p) in fit.posteriors.row(item) {
            let other = there[values[*value as usize] as usize].1;
            assert!((p - other).abs() < 1e-9, "{p} {other}");
        }
    }
}
