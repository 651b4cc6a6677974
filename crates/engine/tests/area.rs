//! Areas: what is summed up keeps how unsure each place is.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod world;

use ascertain_domain::report::Polarity;
use ascertain_domain::state::{ControlState, Outcome, Ppm, Status};
use ascertain_engine::AreaSummary;
use proptest::prelude::*;
use world::{PLACES, actor_id, at, predicate, registry, report, said, shared, some_reports, state};

fn states(reports: &[ascertain_domain::report::Report], day: f64) -> Vec<ControlState> {
    let reports = shared(reports);
    let place = |place: &&str| state(&registry(), place, &reports, at(day));
    PLACES.iter().map(place).collect()
}

#[test]
fn an_area_is_the_mean_of_probabilities_and_no_count_of_winners() {
    let claim = said("wire", predicate(0, "west", ""), Polarity::Affirm, 1.0);
    let states = states(&[report(1, "wire", 1.0, vec![claim])], 1.0);
    let mut summary = AreaSummary::new(2);
    for (state, population) in states.iter().zip([30_000, 0, 10_000].into_iter().cycle()) {
        summary.add(state, population);
    }
    let west = Outcome::Side(actor_id("west"));
    let of_west = |state: &ControlState| {
        let mut outcomes = state.outcomes.iter();
        outcomes.find(|(o, _)| *o == west).map_or(0, |(_, p)| p.0)
    };
    let with_west: Vec<u32> = states.iter().map(of_west).collect();
    let mean = f64::from(with_west.iter().sum::<u32>()) / states.len() as f64;
    let (_, shares) = summary.outcomes().find(|(o, _)| **o == west).unwrap();
    assert!((f64::from(shares.expected.places.0) - mean).abs() <= 0.5);
    let sure = with_west.iter().filter(|p| **p >= 800_000).count();
    let possible = with_west.iter().filter(|p| **p >= 200_000).count();
    let part = |n: usize| (n as f64 / states.len() as f64 * 1e6).round() as u32;
    assert_eq!(shares.sure.places, Ppm(part(sure)));
    assert_eq!(shares.possible.places, Ppm(part(possible)));
    assert!(shares.expected.population.is_some());
    let all: u32 = summary.statuses().map(|(_, share)| share.places.0).sum();
    assert!(all.abs_diff(1_000_000) <= 5);
    let silent = states.iter().filter(|s| s.staleness_us.is_none()).count();
    assert_eq!(summary.without_evidence(), silent);
}

#[test]
fn an_area_without_places_has_no_share_of_anything() {
    let summary = AreaSummary::new(3);
    assert_eq!(summary.coverage(), Ppm(0));
    assert_eq!(summary.outcomes().count(), 0);
    assert!(
        summary
            .statuses()
            .all(|(status, _)| status == Status::Unknown)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_order_of_places_does_not_matter(
        reports in some_reports(20),
        order in Just((0..PLACES.len()).collect::<Vec<_>>()).prop_shuffle(),
        day in 0.0..150.0f64,
    ) {
        let states = states(&reports, day);
        let (mut one, mut other) = (AreaSummary::new(3), AreaSummary::new(3));
        states.iter().for_each(|state| one.add(state, 7));
        order.iter().for_each(|i| other.add(&states[*i], 7));
        prop_assert_eq!(one.outcomes().collect::<Vec<_>>(), other.outcomes().collect::<Vec<_>>());
        prop_assert_eq!(one.most_disputed(), other.most_disputed());
        prop_assert_eq!(one.stalest(), other.stalest());
        prop_assert!(one.most_disputed().is_sorted_by(|a, b| a.dispute >= b.dispute));
    }
}
