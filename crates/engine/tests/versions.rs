//! Versions, corrections and retractions: which of the reports that are known count.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // a test fails by panicking

mod world;

use std::sync::Arc;

use ascertain_domain::id::{PartnerId, ReportId};
use ascertain_domain::marking::Audience;
use ascertain_domain::report::{Claim, Links, Polarity, Report, Retractor};
use ascertain_domain::state::ControlState;
use ascertain_engine::{Folded, Taken, Why, sort_out};
use proptest::prelude::*;
use world::{
    PLACES, at, fold, history, place_id, predicate, registry, report, said, shared, some_reports,
    state,
};

fn id(number: u32) -> ReportId {
    ReportId(uuid::Uuid::from_u128(u128::from(number)))
}

/// A report that only takes another back.
fn retraction(number: u32, of: u32, by: Retractor, day: f64) -> Report {
    Report {
        links: Links {
            retracts: Some((id(of), by)),
            ..Links::default()
        },
        ..report(number, "wire", day, vec![])
    }
}

/// West holds the city, as a source says on a day.
fn word(number: u32, source: &str, day: f64) -> Report {
    let claim = said(source, predicate(0, "west", ""), Polarity::Affirm, day);
    report(number, source, day, vec![claim])
}

/// What the wire says who holds the city.
fn said_by(side: &str, day: f64) -> Claim {
    said("wire", predicate(0, side, ""), Polarity::Affirm, day)
}

/// The state of the city without what tells by which bodies it was reached.
fn city(reports: &[Report], day: f64) -> ControlState {
    let state = state(&registry(), "city", &shared(reports), at(day));
    assert_eq!(state.as_of, at(day));
    state
}

fn counting(reports: &[Report]) -> Vec<u128> {
    let sorted = sort_out(&shared(reports), registry().latest(), Audience::Clear);
    sorted.in_force.iter().map(|r| r.id.0.as_u128()).collect()
}

#[test]
fn of_the_versions_of_a_report_the_last_counts() {
    let version = |number, version, day| Report {
        links: Links {
            version,
            root: Some(id(1)),
            ..Links::default()
        },
        ..word(number, "wire", day)
    };
    let reports = [word(1, "wire", 1.0), version(2, 2, 2.0), version(3, 3, 3.0)];
    assert_eq!(counting(&reports), [3]);
    // A wire story revised under one address is no second witness.
    assert_eq!(city(&reports, 9.0), city(&reports[2..], 9.0));
    // Versions that passed each other on the way, and two of one number.
    let swapped = [version(2, 3, 2.0), version(3, 2, 3.0), word(1, "wire", 1.0)];
    assert_eq!(counting(&swapped), [2]);
    assert_eq!(counting(&[version(2, 2, 2.0), version(3, 2, 3.0)]), [3]);
    // Before the first version has come, the second counts all the same.
    assert_eq!(counting(&reports[1..2]), [2]);
}

#[test]
fn a_correction_counts_instead_of_what_it_corrects() {
    let corrects = |number, other, day| Report {
        links: Links {
            version: 2,
            corrects: Some(id(other)),
            ..Links::default()
        },
        ..word(number, "wire", day)
    };
    // Each names only the one before, all as second versions: the last is known all the same.
    let chain = [
        word(1, "wire", 1.0),
        corrects(2, 1, 5.0),
        corrects(3, 2, 4.0),
    ];
    assert_eq!(counting(&chain), [3]);
    let aside = sort_out(&shared(&chain), registry().latest(), Audience::Clear).set_aside;
    assert!(
        aside
            .iter()
            .all(|a| a.why == Why::Superseded && a.by.id == id(3))
    );
    assert_eq!(aside.len(), 2);
}

#[test]
fn a_version_that_says_the_same_moves_no_number() {
    let mended = |number, claims| Report {
        links: Links {
            version: 2,
            corrects: Some(id(1)),
            ..Links::default()
        },
        first_known_at: at(8.0),
        ..Report {
            id: id(number),
            claims,
            ..word(1, "wire", 1.0)
        }
    };
    // The wire says it again on the day after: which of its words is the repetition matters.
    let said = [word(1, "wire", 1.0), word(2, "wire", 2.0)];
    let same = mended(3, said[0].claims.clone());
    let with = [said[0].clone(), said[1].clone(), same];
    assert_eq!(counting(&with), [3, 2]);
    assert_eq!(city(&with, 9.0).outcomes, city(&said, 9.0).outcomes);
    // Its words may not move it to the group of those who said like words.
    let words = Report {
        text_simhash: Some(7),
        ..mended(3, said[0].claims.clone())
    };
    let sorted = sort_out(
        &shared(&[said[0].clone(), words]),
        registry().latest(),
        Audience::Clear,
    );
    assert_eq!(sorted.in_force[0].text_simhash, said[0].text_simhash);
    // What is said of another time is said anew, and was first known when it came.
    let later = Report {
        published_at: at(7.0),
        ..mended(3, said[0].claims.clone())
    };
    assert_eq!(counting(&[said[0].clone(), said[1].clone(), later]), [2, 3]);
    // So is what says something new.
    let east = said_by("east", 1.0);
    let with = [said[0].clone(), said[1].clone(), mended(3, vec![east])];
    assert_eq!(counting(&with), [2, 3]);
}

#[test]
fn what_is_taken_back_is_taken_back_in_all_versions_whichever_is_named() {
    let second = Report {
        links: Links {
            version: 2,
            root: Some(id(1)),
            ..Links::default()
        },
        ..word(2, "wire", 2.0)
    };
    for of in [1, 2] {
        let taken_back = retraction(9, of, Retractor::Submitter, 3.0);
        let all = [
            word(1, "wire", 1.0),
            second.clone(),
            taken_back,
            word(5, "east-organ", 4.0),
        ];
        assert_eq!(counting(&all), [5], "by naming {of}");
        // Also where the retraction was here first.
        let all = [all[2].clone(), all[1].clone(), all[0].clone()];
        assert!(counting(&all).is_empty());
    }
}

#[test]
fn partners_correct_and_retract_their_own_reports_only() {
    let other = PartnerId::new("other").unwrap();
    let foreign = Report {
        partner: PartnerId::new("third").unwrap(),
        ..retraction(9, 1, Retractor::Originator, 3.0)
    };
    let correction = Report {
        partner: other,
        links: Links {
            version: 2,
            corrects: Some(id(1)),
            ..Links::default()
        },
        ..word(8, "wire", 2.0)
    };
    assert_eq!(
        counting(&[word(1, "wire", 1.0), correction, foreign]),
        [1, 8]
    );
}

#[test]
fn an_originator_takes_back_what_all_relays_pass_on_and_a_relay_only_its_own() {
    let passed_on = |number, day, partner: &str| Report {
        partner: PartnerId::new(partner).unwrap(),
        published_at: at(day),
        first_known_at: at(day),
        ..word(number, "wire", 1.0)
    };
    let said_before = word(7, "wire", 0.5);
    let said_again = Report {
        published_at: at(6.0),
        first_known_at: at(6.0),
        ..word(8, "wire", 1.0)
    };
    let others = [
        said_before,
        passed_on(2, 1.2, "agency"),
        passed_on(3, 1.4, "newsroom"),
        word(4, "east-organ", 1.0),
        said_again,
        // In a translation, west's men are called by the name of one of them.
        {
            let mut renamed = passed_on(5, 1.5, "translators");
            renamed.claims[0].predicate = predicate(0, "west-member", "");
            renamed
        },
    ];
    let with = |by| {
        let mut all = vec![word(1, "wire", 1.0), retraction(9, 1, by, 5.0)];
        all.extend(others.iter().cloned());
        counting(&all)
    };
    assert_eq!(with(Retractor::Submitter), [7, 4, 2, 3, 5, 8]);
    // What it said of another time, what others say, and what it says afterwards stay.
    assert_eq!(with(Retractor::Originator), [7, 4, 8]);
}

#[test]
fn of_a_report_that_says_two_things_one_may_be_taken_back_by_its_originator() {
    let two = {
        let mut claims = word(2, "wire", 1.0).claims;
        let mut other = claims[0].clone();
        other.place = place_id("north");
        claims.push(other);
        Report {
            partner: PartnerId::new("newsroom").unwrap(),
            claims,
            ..word(2, "wire", 1.0)
        }
    };
    let taken_back = retraction(9, 1, Retractor::Originator, 5.0);
    let sorted = sort_out(
        &shared(&[word(1, "wire", 1.0), two, taken_back]),
        registry().latest(),
        Audience::Clear,
    );
    let left: Vec<_> = sorted.in_force.iter().map(|r| r.claims.len()).collect();
    assert_eq!(left, [1]);
    assert_eq!(sorted.in_force[0].claims[0].place, place_id("north"));
    assert_eq!(sorted.set_aside.len(), 2);
}

/// Links among some reports, as chance has it, forwards and backwards.
fn some_links(count: usize) -> impl Strategy<Value = Vec<Links>> {
    let index = prop::option::weighted(0.15, 0..count as u32);
    let retracts = prop::option::weighted(0.1, (0..count as u32, any::<bool>()));
    let one = (0..4_u32, index.clone(), index, retracts);
    let links = one.prop_map(|(version, root, corrects, retracts)| Links {
        version,
        root: root.map(id),
        corrects: corrects.map(id),
        retracts: retracts.map(|(of, by_originator)| {
            let by = if by_originator {
                Retractor::Originator
            } else {
                Retractor::Submitter
            };
            (id(of), by)
        }),
    });
    prop::collection::vec(links, count)
}

fn linked(reports: Vec<Report>, links: Vec<Links>) -> Vec<Report> {
    let pairs = reports.into_iter().zip(links);
    pairs
        .map(|(report, links)| Report { links, ..report })
        .collect()
}

/// Takes report after report, folding anew where that is asked for.
fn one_by_one(place: &str, reports: &[Arc<Report>]) -> Folded {
    let registry = registry();
    let view = registry.latest();
    let mut folded = fold(&registry, place, &[]);
    for known in 1..=reports.len() {
        let newest = &reports[known - 1];
        let taken = folded.take(view.place(&place_id(place)).unwrap(), view, newest);
        if taken == Taken::Refold {
            folded = fold(&registry, place, &reports[..known]);
        }
    }
    folded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn versions_and_retractions_do_not_depend_on_order_or_duplicates(
        (reports, shuffled) in some_reports(20).prop_flat_map(|reports| {
            let count = reports.len();
            (Just(reports), some_links(count))
        }).prop_flat_map(|(reports, links)| {
            let reports = linked(reports, links);
            let doubled: Vec<Report> = reports.iter().chain(reports.iter().step_by(2)).cloned().collect();
            (Just(reports), Just(doubled).prop_shuffle())
        }),
        day in 0.0..150.0f64,
    ) {
        let (reports, shuffled) = (shared(&reports), shared(&shuffled));
        let registry = registry();
        for place in PLACES {
            prop_assert_eq!(
                state(&registry, place, &reports, at(day)),
                state(&registry, place, &shuffled, at(day))
            );
        }
        // And report after report, as reconcile takes them.
        let mut folded = one_by_one("city", &shuffled);
        prop_assert_eq!(folded.resume_point(), fold(&registry, "city", &reports).resume_point());
    }

    #[test]
    fn a_retraction_leaves_the_same_belief_as_absence(
        (reports, gone) in history(2..60).prop_flat_map(|r| { let n = r.len(); (Just(r), 0..n) }),
        late in 0.0..40.0f64,
        days in 0.0..60.0f64,
    ) {
        let registry = registry();
        let mut left = reports.clone();
        let target = left.remove(gone);
        let mut all = reports;
        let back = Report {
            first_known_at: target.first_known_at.plus_micros((late * 86_400e6) as i64),
            links: Links { retracts: Some((target.id, Retractor::Submitter)), ..Links::default() },
            ..retraction(99_999, 0, Retractor::Submitter, 0.0)
        };
        all.push(back);
        let (all, left) = (shared(&all), shared(&left));
        for place in ["city", "north"] {
            let (mut with, mut without) = (fold(&registry, place, &all), fold(&registry, place, &left));
            prop_assert_eq!(with.resume_point(), without.resume_point());
            let time = at(days);
            prop_assert_eq!(with.evaluate(time, at(200.0)), without.evaluate(time, at(200.0)));
            let mut slowly = one_by_one(place, &all);
            prop_assert_eq!(slowly.resume_point(), without.resume_point());
        }
    }
}

#[test]
fn a_first_version_that_is_not_everywhere_decides_nothing_among_those_that_are() {
    // Each corrects the other, and neither the first; or the first is published last.
    let version = |number, corrects: Option<u32>, day| Report {
        links: Links {
            root: Some(id(1)),
            corrects: corrects.map(id),
            ..Links::default()
        },
        ..word(number, "wire", day)
    };
    let circle = [version(2, Some(3), 2.0), version(3, Some(2), 3.0)];
    let one = [version(2, None, 2.0)];
    for later in [&circle[..], &one[..]] {
        let without = counting(later);
        let mut all = later.to_vec();
        all.push(word(1, "wire", 9.0));
        assert_eq!(counting(&all), without);
    }
}
