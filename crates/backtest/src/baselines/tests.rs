use ascertain_fusion::offline::{Claim, Posteriors, Problem};

use super::*;

/// Claims as (item, source, value).
fn problem(sizes: [usize; 3], claims: &[(u32, u32, u32)]) -> Problem {
    let claim = |&(item, source, value): &(u32, u32, u32)| Claim {
        item,
        source,
        value,
    };
    Problem {
        items: sizes[0],
        sources: sizes[1],
        values: sizes[2],
        claims: claims.iter().map(claim).collect(),
    }
}

fn leader(posteriors: &Posteriors, item: usize) -> u32 {
    let row = posteriors.row(item).iter();
    row.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(9, |e| e.0)
}

/// Forty items of two values, the truth is item % 2. Sources 0 and 1 know it, 2 says
/// the contrary, 3 and 4 say 0 of everything.
fn crowd() -> Problem {
    let mut claims = Vec::new();
    for item in 0..40 {
        let truth = item % 2;
        // Each who knows errs once in ten, on items of their own.
        claims.push((item, 0, if item % 10 == 3 { 1 - truth } else { truth }));
        claims.push((item, 1, if item % 10 == 6 { 1 - truth } else { truth }));
        claims.push((item, 2, 1 - truth));
        claims.extend([(item, 3, 0), (item, 4, 0)]);
    }
    problem([40, 5, 2], &claims)
}

fn accuracy(posteriors: &Posteriors) -> f64 {
    let right = (0..40).filter(|i| leader(posteriors, *i) as usize == i % 2);
    right.count() as f64 / 40.0
}

#[test]
fn a_majority_is_the_share_of_the_votes() {
    let said = problem([2, 3, 2], &[(0, 0, 1), (0, 1, 1), (0, 2, 0), (0, 2, 0)]);
    let rows = majority(&said);
    assert_eq!(rows.row(0), [(0, 1.0 / 3.0), (1, 2.0 / 3.0)]);
    assert_eq!(rows.row(1), [(0, 0.5), (1, 0.5)]);
    // Of an open vocabulary only what was said.
    assert_eq!(open::majority(&said).row(1), []);
    assert_eq!(open::majority(&said).row(0), rows.row(0));
}

#[test]
fn who_dissents_weighs_less_in_wawa() {
    // Sources 0 and 1 agree on three items, 2 dissents; of item 3 only 0 and 2 speak.
    let mut claims = Vec::new();
    for item in 0..3 {
        claims.extend([(item, 0, 0), (item, 1, 0), (item, 2, 1)]);
    }
    claims.extend([(3, 0, 1), (3, 2, 0)]);
    let rows = wawa(&problem([4, 3, 2], &claims));
    // The tie on item 3 falls to value 0: weights 3/4 and 1/4.
    assert_eq!(rows.row(3), [(0, 0.25), (1, 0.75)]);
}

#[test]
fn tables_find_who_says_the_contrary_where_votes_do_not() {
    let said = crowd();
    assert_eq!(accuracy(&majority(&said)), 0.5);
    assert_eq!(accuracy(&dawid_skene(&said)), 1.0);
}

#[test]
fn who_says_what_it_likes_weighs_nothing_in_mace() {
    // Source 2 of the crowd becomes a third who knows, and no item has two errors.
    let mut said = crowd();
    for claim in said.claims.iter_mut().filter(|claim| claim.source == 2) {
        let errs = claim.item % 10 == 9;
        claim.value = if errs {
            1 - claim.item % 2
        } else {
            claim.item % 2
        };
    }
    assert_eq!(accuracy(&majority(&said)), 0.8);
    assert_eq!(accuracy(&mace(&said)), 1.0);
}

#[test]
fn every_baseline_gives_distributions() {
    let said = crowd();
    for (name, baseline) in STATIC.iter().chain(OPEN) {
        let rows = baseline(&said);
        assert_eq!(rows.items(), 40, "{name}");
        for item in 0..40 {
            let sum: f64 = rows.row(item).iter().map(|e| e.1).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{name}: {sum}");
        }
    }
}

#[test]
fn an_expert_outvotes_two_who_are_often_wrong() {
    // Source 0 agrees with 1 on the first half and with 2 on the second; where these
    // dissent they have values of their own. Of the last item they agree.
    let mut claims = Vec::new();
    for item in 0..20 {
        let other = |said: bool| if said { item * 10 } else { item * 10 + 1 };
        claims.push((item, 0, item * 10));
        claims.push((item, 1, other(item < 10)));
        claims.push((item, 2, other(item >= 10)));
    }
    claims.extend([(20, 0, 200), (20, 1, 201)]);
    let said = problem([21, 3, 300], &claims);
    for (name, baseline) in of(&said).iter().filter(|(name, _)| *name != "majority") {
        assert_eq!(leader(&baseline(&said), 20), 200, "{name}");
    }
}
