//! What holds of every answer, whatever is reported.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use std::sync::Arc;

use ascertain_domain::marking::Audience;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Originator, Report};
use ascertain_engine::{Family, Question, explain, series};
use proptest::prelude::*;
use world::{PLACES, at, fold, place_id, registry, shared, some_reports, state};

fn family<'a>(view: View<'a>, reports: &'a [Arc<Report>]) -> Family<'a> {
    Family {
        place: view.place(&place_id("city")).unwrap(),
        registry: view,
        audience: Audience::Clear,
        reports,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn order_and_duplicates_do_not_change_an_answer_by_a_bit(
        (reports, shuffled) in some_reports(24).prop_flat_map(|reports| {
            let doubled: Vec<Report> = reports.iter().chain(reports.iter().step_by(3)).cloned().collect();
            (Just(reports), Just(doubled).prop_shuffle())
        }),
        day in 0.0..150.0f64,
    ) {
        let registry = registry();
        let (reports, shuffled) = (shared(&reports), shared(&shuffled));
        for place in PLACES {
            let time = at(day);
            prop_assert_eq!(state(&registry, place, &reports, time), state(&registry, place, &shuffled, time));
            prop_assert_eq!(
                fold(&registry, place, &reports).resume_point(),
                fold(&registry, place, &shuffled).resume_point()
            );
        }
    }

    #[test]
    fn a_resumable_point_answers_as_the_fold_does(reports in some_reports(24), days in 0.0..90.0f64) {
        let registry = registry();
        let reports = shared(&reports);
        // After the last event, which is within four months.
        let time = at(120.0 + days);
        for place in PLACES {
            let mut folded = fold(&registry, place, &reports);
            let view = registry.latest();
            let place = view.place(&place_id(place)).unwrap();
            let question = Question::new(place, view, Audience::Clear, (time, at(200.0)));
            prop_assert_eq!(folded.resume_point().evaluate(&question), Some(folded.evaluate(time, at(200.0))));
        }
    }

    #[test]
    fn probabilities_are_distributions_without_certainty(reports in some_reports(40), day in -5.0..150.0f64) {
        let registry = registry();
        let reports = shared(&reports);
        for place in PLACES {
            let state = state(&registry, place, &reports, at(day));
            prop_assert_eq!(state.outcomes.iter().map(|(_, p)| p.0).sum::<u32>(), 1_000_000);
            let open = |p: u32| p > 0 && p < 1_000_000;
            prop_assert!(state.outcomes.iter().all(|(_, p)| open(p.0)));
            prop_assert!(state.presence.iter().all(|(_, p)| open(p.0)));
            prop_assert!((0.0..=1.0).contains(&state.dispute));
            prop_assert!((0.0..=1.0).contains(&state.coverage));
            prop_assert!(state.contributions.iter().all(|c| c.weight.is_finite() && c.weight_lost.is_finite()));
        }
    }

    #[test]
    fn without_a_group_is_as_if_it_had_never_reported(reports in some_reports(16), day in 0.0..150.0f64) {
        let registry = registry();
        let view = registry.latest();
        let reports = shared(&reports);
        let explanation = explain(family(view, &reports), at(day), at(200.0));
        // What is said of the places within is no group: it is reports of many.
        let groups = explanation.groups.iter().filter(|g| g.contribution.group != "places-within");
        for group in groups {
            let of_group = |r: &Arc<Report>| match &r.originator {
                Originator::Source(id) => group.contribution.group == format!("source:{id}"),
                Originator::Unregistered(_) => group.contribution.group == "unregistered:local",
            };
            let others: Vec<Arc<Report>> = reports.iter().filter(|r| !of_group(r)).cloned().collect();
            let retracted = explain(family(view, &others), at(day), at(200.0));
            prop_assert_eq!(&group.without_group, &retracted.state.outcomes);
        }
    }

    #[test]
    fn relays_add_nothing(reports in some_reports(12), day in 0.0..150.0f64) {
        let registry = registry();
        let plain: Vec<Report> = reports.iter().map(|r| Report { relays: vec![], ..r.clone() }).collect();
        let (with, without) = (shared(&reports), shared(&plain));
        for place in PLACES {
            prop_assert_eq!(
                state(&registry, place, &with, at(day)).outcomes,
                state(&registry, place, &without, at(day)).outcomes
            );
        }
    }

    #[test]
    fn what_is_known_later_takes_nothing_from_what_was_published(reports in some_reports(24), day in 0.0..150.0f64) {
        // A fold of a prefix by knowledge time is the same, whatever came after.
        let registry = registry();
        let all = shared(&reports);
        let known: Vec<Arc<Report>> = all.iter().filter(|r| r.first_known_at <= at(day)).cloned().collect();
        let mut shuffled = known.clone();
        shuffled.reverse();
        for place in PLACES {
            prop_assert_eq!(
                state(&registry, place, &known, at(day)),
                state(&registry, place, &shuffled, at(day))
            );
        }
    }

    #[test]
    fn a_series_is_what_was_answered_at_each_moment_and_what_is_answered_now(
        reports in some_reports(24),
        days in prop::collection::btree_set(0..140u32, 1..8),
    ) {
        let registry = registry();
        let view = registry.latest();
        let reports = shared(&reports);
        let times: Vec<_> = days.iter().map(|day| at(f64::from(*day) + 0.5)).collect();
        let last = times[times.len() - 1];
        // Of quarters alone: what is said of them says something of the city as well.
        let family = Family { place: view.place(&place_id("north")).unwrap(), ..family(view, &reports) };
        for (time, moment) in times.iter().zip(series(family, &times)) {
            let known: Vec<Arc<Report>> =
                reports.iter().filter(|r| r.first_known_at <= *time).cloned().collect();
            let then = fold(&registry, "north", &known).evaluate(*time, *time);
            let now = fold(&registry, "north", &reports).evaluate(*time, last);
            for (state, probabilities) in [(then, moment.filtered), (now, moment.smoothed)] {
                for ((_, ppm), p) in state.outcomes.iter().zip(probabilities) {
                    prop_assert!((f64::from(ppm.0) / 1e6 - p).abs() < 2e-5);
                }
            }
        }
    }
}
