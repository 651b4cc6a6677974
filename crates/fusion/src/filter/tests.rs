use super::*;
use crate::tables::{Cells, Role, Table};

const TWO: Outcomes = Outcomes::new(2);

fn filter() -> Filter {
    Filter::new(TWO, Arc::default())
}

fn independent(right: f64) -> Table {
    Table {
        role: Role::Independent,
        cells: Cells::independent(right),
    }
}

fn organ_of(side: usize) -> Table {
    Table {
        role: Role::OrganOf(side),
        cells: Cells::ORGAN,
    }
}

fn only(label: usize) -> Vec<f64> {
    let mut fits = vec![0.0; TWO.count()];
    fits[label] = 1.0;
    fits
}

fn step(hour: i64, said: &[(GroupId, Table, usize)]) -> Step {
    let mut step = Step {
        hour,
        ..Step::default()
    };
    for (group, table, label) in said {
        let evidence = table.log_likelihoods(TWO, &only(*label));
        step.evidence.insert(*group, evidence);
    }
    step
}

/// A tracker's word that a side holds the place, from then on.
fn tracked(hour: i64, group: GroupId, label: usize) -> Step {
    let mut step = step(hour, &[(group, independent(0.9), label)]);
    let doubts = only(label).iter().map(|fits| -0.3 * (1.0 - fits)).collect();
    let claim = StandingClaim {
        since: hour,
        doubts,
        lapse_days: None,
        unproven: false,
    };
    step.standing.insert(group, Some(claim));
    step
}

fn folded(steps: &[Step]) -> FilterState {
    let mut state = FilterState::new(TWO);
    steps.iter().for_each(|s| filter().take(&mut state, s));
    state
}

fn at(state: &FilterState, hour: f64, known_until: f64) -> FilterState {
    let mut state = state.clone();
    filter().pass_to(&mut state, hour, known_until);
    state
}

#[test]
fn who_looks_at_the_hour_where_a_belief_stands_sees_it_to_the_bit() {
    let says = |hour: i64| {
        let right = 0.8 + f64::from(u8::try_from(hour).unwrap()) / 500.0;
        step(hour, &[(hour.unsigned_abs(), independent(right), 0)])
    };
    for last in 1..20 {
        let said: Vec<Step> = (0..=last).map(says).collect();
        let mut state = folded(&said);
        assert_eq!(at(&state, last as f64, last as f64), state);
        // And who goes on from there comes to its hour once more.
        filter().approach(&mut state, last + 1);
        let mut again = state.clone();
        filter().approach(&mut again, last + 1);
        assert_eq!(again, state);
    }
}

/// A report in the slot of a tracker's silence, and a look back from it to that silence.
#[test]
fn what_is_said_at_one_hour_is_looked_back_upon_to_the_bit() {
    let state = folded(&[tracked(0, 1, 0)]);
    let later = [step(24, &[(2, independent(0.8), 1)])];
    let beats = filter().beats(&state, 1.0, &later, 24.0);
    let [silence, said] = &*beats else {
        panic!("{} beats", beats.len());
    };
    assert_eq!((silence.hour, said.after, said.hour), (24, 24.0, 24));
    let message = [0.1, 0.3, 0.7, 0.2, 0.11, 0.13];
    let (mut back, mut weighed) = (message, message);
    filter().look_back(&mut back, said, said.after, Heard::All);
    let mut likelihoods = total(TWO, &later[0].evidence);
    factors(&mut likelihoods);
    multiply(&mut weighed, &likelihoods);
    assert_eq!(back, weighed);
}

#[test]
fn without_a_group_equals_never_having_heard_it() {
    let both = step(10, &[(0, independent(0.9), 0), (1, independent(0.7), 1)]);
    let later = step(60, &[(0, independent(0.9), 0)]);
    // Somebody else is heard at the same times: that a place was reported on is held.
    let other = (2, independent(0.6), 0);
    let first = step(0, &[(1, organ_of(1), 1), other]);
    let with = folded(&[first, both, later.clone()]);
    let only = [
        step(0, &[other]),
        step(10, &[(0, independent(0.9), 0)]),
        later,
    ];
    let never = folded(&only);
    for (a, b) in with.without(1).iter().zip(&never.alpha) {
        assert!((a - b).abs() < 1e-12);
    }
}

#[test]
fn hindsight_agrees_with_the_forward_fold() {
    // The evidence of the whole is the same from either end: Σ_x α(x) β(x) is what
    // the forward fold normalises by, wherever it is cut.
    let steps = [
        tracked(0, 0, 0),
        step(100, &[(1, independent(0.9), 1)]),
        tracked(130, 2, 2),
    ];
    let filter = filter();
    let then = folded(&steps[..1]);
    let beats = filter.beats(&then, 50.0, &steps[1..], 300.0);
    let hours: Vec<i64> = beats.iter().map(|b| b.hour).collect();
    assert_eq!(hours[..3], [72, 96, 100]);
    assert_eq!(hours[hours.len() - 1], 288);
    let mut smoothed = at(&then, 50.0, 300.0).alpha;
    multiply(&mut smoothed, &filter.hindsight(&beats, Heard::All));
    assert!((smoothed.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    // Looking back from the end to the end is the forward fold itself.
    let end = folded(&steps);
    assert!(filter.beats(&end, 130.0, &[], 130.0).is_empty());
}

#[test]
fn no_slot_rules_anything_out() {
    let many: Vec<_> = (0..50).map(|g| (g, independent(0.95), 0)).collect();
    let state = folded(&[step(0, &many)]);
    assert!(
        state.alpha.iter().all(|p| *p > 1e-6 && *p < 1.0),
        "{:?}",
        state.alpha
    );
}

#[test]
fn the_side_that_led_before_is_remembered_through_a_contest() {
    let said = |hour, label| step(hour, &[(0, independent(0.95), label)]);
    let mut state = folded(&[said(0, 0), said(24, 0)]);
    let filter = filter();
    filter.take(&mut state, &said(48, 2));
    filter.take(&mut state, &said(49, 2));
    assert_eq!(leader(&state.alpha), Some(2));
    assert_eq!(state.led_before(2), Some(0));
    for hour in 60..64 {
        filter.take(&mut state, &said(hour * 24, 1));
    }
    assert_eq!(state.led_before(1), Some(0));
}

#[test]
fn a_tracker_that_keeps_silent_keeps_a_place_where_it_was() {
    let claimed = folded(&[tracked(0, 0, 0)]);
    let once = folded(&[step(0, &[(0, independent(0.9), 0)])]);
    let year = 24.0 * 150.0;
    let standing = at(&claimed, year, year).alpha[0];
    let episodic = at(&once, year, year).alpha[0];
    assert!(standing > 0.97, "{standing}");
    assert!(episodic < 0.85, "{episodic}");
    // Nobody knows yet who keeps silent in the future.
    let forecast = at(&claimed, year, 0.0).alpha[0];
    assert!((forecast - episodic).abs() < 1e-12);
}

#[test]
fn silence_is_evidence_of_the_group_that_keeps_it() {
    let state = folded(&[tracked(0, 7, 0)]);
    let later = at(&state, 24.0 * 100.0, 24.0 * 100.0);
    assert!(later.alpha[0] > 0.95 && later.without(7)[0] < 0.6);
}

#[test]
fn a_group_of_long_ago_makes_no_difference_any_more_and_is_dropped() {
    let mut steps = vec![step(0, &[(1, independent(0.9), 1)])];
    steps.extend((1..400).map(|day| step(day * 24, &[(0, independent(0.95), 0)])));
    let state = folded(&steps);
    assert!(!state.without.contains(1));
    assert!(state.without.contains(0));
}

#[test]
fn a_crowd_of_groups_is_kept_to_those_that_make_most_difference() {
    // They hold each other in balance, but for one.
    let many: Vec<_> = (0..1_000)
        .map(|g| match g {
            500 => (g, independent(0.95), 0),
            _ => (g, independent(0.5), usize::from(g % 2 == 0)),
        })
        .collect();
    let state = folded(&[step(0, &many)]);
    assert_eq!(state.without.len(), beliefs::MOST_GROUPS);
    assert!(state.without.contains(500));
}

#[test]
fn folds_that_differed_long_ago_are_equal_again() {
    let recent: Vec<Step> = (0..2_000)
        .map(|day| {
            let label = usize::from(day >= 700);
            step(day * 24, &[(0, independent(0.95), label)])
        })
        .collect();
    let mut other = recent.clone();
    let doubt = independent(0.8).log_likelihoods(TWO, &only(1));
    other[3].evidence.insert(1, doubt);
    assert_ne!(folded(&recent[..10]).alpha, folded(&other[..10]).alpha);
    assert_eq!(folded(&recent).alpha, folded(&other).alpha);
}

#[test]
fn where_much_changes_a_holder_is_less_sure() {
    let state = folded(&[step(0, &[(0, independent(0.95), 0)])]);
    let fast = Filter::new(TWO, Arc::new(Pace::new(vec![(2, 0.02), (5, 0.0)])));
    let mut shaken = state.clone();
    fast.pass_to(&mut shaken, 24.0 * 10.0, 24.0 * 10.0);
    let calm = at(&state, 24.0 * 10.0, 24.0 * 10.0);
    assert!(shaken.alpha[0] < calm.alpha[0] - 0.02);
    // Looking back passes the same days at the same pace.
    let later = [step(24 * 10, &[(1, independent(0.9), 1)])];
    let beats = fast.beats(&state, 0.0, &later, 240.0);
    let slow = filter().beats(&state, 0.0, &later, 240.0);
    let odds = |back: Vec<f64>| back[1] / back[0];
    assert!(odds(fast.hindsight(&beats, Heard::All)) < odds(filter().hindsight(&slow, Heard::All)));
}

/// What unproven sources said, of evidence so strong.
fn unproven_step(hour: i64, group: GroupId, strength: f64) -> Step {
    let mut step = step(hour, &[(group, independent(0.65), 1)]);
    step.evidence
        .values_mut()
        .flatten()
        .for_each(|l| *l *= strength);
    step.unproven.insert(group);
    step
}

proptest::proptest! {
    /// What weighs nothing keeps no old belief from fading, whoever says it.
    #[test]
    fn a_word_of_no_weight_is_not_heard(
        days in proptest::collection::btree_set(1..200_i64, 1..20),
        proven in proptest::bool::ANY,
    ) {
        let said = tracked_none(&days, proven);
        let with = folded(&said);
        proptest::prop_assert_eq!(with.heard, Some(0));
        let end = 24.0 * 200.0;
        let (with, without) = (at(&with, end, end), at(&folded(&said[..1]), end, end));
        for (a, b) in with.alpha.iter().zip(&without.alpha) {
            // Rates are means over stretches, so that cutting one makes a small difference.
            proptest::prop_assert!((a - b).abs() < 5e-3, "{a} {b}");
        }
    }

    /// What unproven sources say leaves the belief without them as old as it is.
    #[test]
    fn unproven_sources_keep_no_belief_from_fading_that_stands_without_them(
        days in proptest::collection::btree_set(1..200_i64, 1..20),
        strength in 0.001..1.0f64,
        fighting in proptest::bool::ANY,
    ) {
        let mut said = vec![step(0, &[(0, independent(0.95), 0)])];
        said.extend(days.iter().map(|day| {
            let mut step = unproven_step(day * 24, 7, strength);
            step.clash.fighting = f64::from(u8::from(fighting));
            step
        }));
        let with = folded(&said);
        proptest::prop_assert_eq!(with.heard, days.last().map(|day| day * 24));
        proptest::prop_assert_eq!(with.proven.as_ref().map(|p| p.heard), Some(Some(0)));
        let end = 24.0 * 200.0;
        let (with, without) = (at(&with, end, end), at(&folded(&said[..1]), end, end));
        for (a, b) in with.proven().iter().zip(&without.alpha) {
            proptest::prop_assert!((a - b).abs() < 5e-3, "{a} {b}");
        }
    }
}

/// A word, and after it others of no weight on some days.
fn tracked_none(days: &BTreeSet<i64>, proven: bool) -> Vec<Step> {
    let mut said = vec![step(0, &[(0, independent(0.95), 0)])];
    said.extend(days.iter().map(|day| {
        let mut step = unproven_step(day * 24, 7, 0.0);
        if proven {
            step.unproven.clear();
        }
        step
    }));
    said
}

#[test]
fn looking_back_passes_a_gap_as_unheard_as_going_on_did() {
    // The evidence of the whole is the same from either end, also where unproven sources
    // were heard in between and others were not.
    let steps = [
        step(0, &[(0, independent(0.95), 0)]),
        unproven_step(24 * 30, 7, 0.5),
        step(24 * 90, &[(1, independent(0.9), 1)]),
    ];
    let filter = filter();
    let expected = |p: &[f64], v: &[f64]| p.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
    let then = folded(&steps[..1]);
    let beats = filter.beats(&then, 0.0, &steps[1..], 24.0 * 90.0);
    let heard: Vec<_> = beats.iter().map(|b| (b.heard, b.proven_heard)).collect();
    assert_eq!(heard, [(Some(0), Some(0)), (Some(24 * 30), Some(0))]);
    // A likelihood told at the end, carried back over both gaps and the word between,
    // weighs the belief then as it weighs what was believed at the end.
    let mut late = folded(&steps[..2]);
    filter.approach(&mut late, 24 * 90);
    let mut message = vec![1.0; TWO.count()];
    filter.look_back(&mut message, &beats[1], beats[1].after, Heard::Proven);
    let silent = {
        let mut state = folded(&steps[..1]);
        filter.approach(&mut state, 24 * 90);
        state
    };
    // Proven: from the first day to the ninetieth nobody was heard.
    for (a, b) in late.proven().iter().zip(&silent.alpha) {
        assert!((a - b).abs() < 5e-3, "{a} {b}");
    }
    assert!(expected(&then.alpha, &message) > 0.0);
}
