//! Claims without times, from file to probability.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod set;

use set::{Set, method};

/// Three who mostly agree, and one who errs at random.
fn crowd() -> (String, String) {
    let mut claims = "place,source,value\n".to_owned();
    let mut truth = "place,value\n".to_owned();
    for i in 0..40 {
        let right = if i % 2 == 0 { "x" } else { "y" };
        let wrong = if i % 2 == 0 { "y" } else { "x" };
        truth += &format!("p{i},{right}\n");
        for (source, every) in [("a", 10), ("b", 9), ("c", 8), ("d", 2)] {
            let value = if i % every == 1 { wrong } else { right };
            claims += &format!("p{i},{source},{value}\n");
        }
    }
    (claims, truth)
}

#[test]
fn every_place_has_every_value_and_its_probabilities_sum_to_one() {
    let (_, out) = Set::of(crowd().0).answers();
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("place,value,probability"));
    let rows: Vec<(String, f64)> = lines
        .map(|line| {
            let (key, p) = line.rsplit_once(',').unwrap();
            (key.to_owned(), p.parse().unwrap())
        })
        .collect();
    assert_eq!(rows.len(), 80);
    assert!(
        rows.windows(2).all(|two| two[0].0 < two[1].0),
        "by place and value"
    );
    for two in rows.chunks(2) {
        assert!((two[0].1 + two[1].1 - 1.0).abs() < 1e-9, "{two:?}");
    }
}

#[test]
fn ours_comes_first_and_the_baselines_after_it() {
    let (claims, truth) = crowd();
    let report = Set::of(claims).truth(&truth).run().unwrap();
    assert_eq!(report.methods[0].name, "ascertain");
    let ours = report.methods[0].means.unwrap();
    let majority = method(&report, "majority").means.unwrap();
    assert_eq!((ours.count, majority.count), (40, 40));
    assert!(ours.accuracy >= majority.accuracy);
    let json = report.to_json();
    assert_eq!(json["timing"], "STATIC");
    assert_eq!(json["skipped"].as_array().unwrap().len(), 2);
}

#[test]
fn a_name_with_commas_and_quotes_comes_back_as_it_was() {
    let (_, out) = Set::of("place,source,value\n\"a, \"\"b\"\"\",s,x\n").answers();
    assert!(out.contains("\n\"a, \"\"b\"\"\",x,"), "{out}");
}

#[test]
fn truth_with_times_is_held_against_claims_without() {
    let (claims, _) = crowd();
    let set = Set::of(claims).truth("place,value,from,until\np0,x,2024-01-01,2024-02-01\n");
    assert_eq!(set.noted("the times are not read"), 1);
    assert_eq!(
        method(&set.run().unwrap(), "ascertain")
            .means
            .unwrap()
            .accuracy,
        1.0
    );
}
