//! What has one sensible reading is read so, and counted.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod set;

use std::io::Write as _;

use set::{Set, method};

const PLAIN: &str = "place,source,value\na,s,x\na,t,x\na,u,y\nb,s,y\nb,t,y\n";
const TIMED: &str = "place,source,value,time\n\
    a,s,red,2024-01-01T06:00:00Z\n\
    a,t,red,2024-01-01T06:00:00Z\n\
    b,s,red,2024-01-02T06:00:00Z\n\
    a,s,blue,2024-01-09T06:00:00Z\n\
    b,t,blue,2024-01-11T06:00:00Z\n";

#[test]
fn bom_crlf_blank_lines_spaces_and_column_order_carry_no_meaning() {
    let (_, plain) = Set::of(PLAIN).answers();
    let odd = "\u{feff}value , SOURCE,note,place\r\n\r\nx,s,,a\r\nx, t,1,a\r\ny,u,,a\r\ny,s,,b \r\n\"y\",t,,b\r\n";
    assert_eq!(Set::of(odd).answers().1, plain);
}

#[test]
fn a_column_of_times_under_another_name_is_pointed_out() {
    let set = Set::of("place,source,value,Date\na,s,x,2024-01-01\na,t,x,2024-01-02\n");
    assert_eq!(set.noted("not named `time`"), 1);
}

#[test]
fn gzip_is_known_by_its_first_bytes_even_in_several_parts() {
    let (head, tail) = PLAIN.split_at(30);
    let mut packed = Vec::new();
    for part in [head, tail] {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(part.as_bytes()).unwrap();
        packed.extend(writer.finish().unwrap());
    }
    assert_eq!(Set::of(packed).answers().1, Set::of(PLAIN).answers().1);
}

#[test]
fn a_line_that_stands_twice_counts_once() {
    let twice = format!("{PLAIN}a,s,x\na,s,x\n");
    let set = Set::of(twice);
    assert_eq!(set.noted("repeat another line"), 2);
    assert_eq!(set.answers().1, Set::of(PLAIN).answers().1);
}

#[test]
fn no_answer_is_no_claim() {
    let empty = Set::of("place,source,value\na,s,x\na,t,\nb,s,\n");
    assert_eq!(empty.noted("empty value"), 2);
    assert!(
        !empty.answers().1.contains("b,"),
        "nobody says anything of b"
    );
    // Without times `unknown` may be a label like any other.
    let label = Set::of("place,source,value\na,s,unknown\na,t,x\n");
    assert!(label.answers().1.contains("a,unknown,"));
    let timed = Set::of(format!("{TIMED}c,s,Unknown,2024-01-03\n"));
    assert_eq!(timed.noted("`unknown`"), 1);
}

#[test]
fn the_order_of_lines_carries_no_meaning() {
    for text in [PLAIN, TIMED] {
        let mut lines: Vec<&str> = text.lines().collect();
        let (_, first) = Set::of(text).answers();
        for _ in 1..lines.len() {
            lines[1..].rotate_left(1);
            assert_eq!(Set::of(lines.join("\n")).answers().1, first);
        }
        lines[1..].reverse();
        assert_eq!(Set::of(lines.join("\n")).answers().1, first);
    }
}

#[test]
fn a_day_alone_is_known_when_it_is_over() {
    let day = "place,source,value,time\na,s,red,2024-01-01\na,s,red,2024-01-03\n";
    let (_, out) = Set::of(day).answers();
    let times: Vec<&str> = out
        .lines()
        .skip(1)
        .filter_map(|l| l.split(',').nth(1))
        .collect();
    assert_eq!(times.first(), Some(&"2024-01-02T12:00:00Z"));
    assert_eq!(times.last(), Some(&"2024-01-03T12:00:00Z"));
}

#[test]
fn noons_go_from_the_first_claim_of_a_place_to_the_last_claim_or_truth_of_all() {
    let noons = |set: Set, place: &str| -> (String, String) {
        let (_, out) = set.answers();
        let start = format!("{place},");
        let times: Vec<String> = out
            .lines()
            .filter(|line| line.starts_with(&start))
            .filter_map(|line| line.split(',').nth(1))
            .map(str::to_owned)
            .collect();
        (times[0].clone(), times[times.len() - 1].clone())
    };
    let of = |from: &str, until: &str| (format!("{from}T12:00:00Z"), format!("{until}T12:00:00Z"));
    assert_eq!(noons(Set::of(TIMED), "b"), of("2024-01-02", "2024-01-10"));
    let truth = "place,value,from,until\na,red,2024-01-01,2024-01-20\n";
    assert_eq!(
        noons(Set::of(TIMED).truth(truth), "b"),
        of("2024-01-02", "2024-01-19")
    );
    // An end that nobody means does not ask for the days of centuries.
    let open = |end: &str| format!("place,value,from,until\na,red,2024-01-15,{end}\n");
    for end in ["", "2100-01-01", "9999-12-31", "9999-12-31T23:59:59Z"] {
        let set = Set::of(TIMED).truth(&open(end));
        assert_eq!(noons(set, "a"), of("2024-01-01", "2024-01-14"), "{end}");
    }
    assert_eq!(
        Set::of(TIMED)
            .truth(&open("2100-01-01"))
            .noted("read as without an end"),
        1
    );
}

#[test]
fn truths_without_a_claim_and_values_that_nobody_claims_are_counted() {
    let set = Set::of(PLAIN).truth("place,value\na,z\nb,y\nnowhere,x\nc,\n");
    assert_eq!(set.noted("no claim, not scored"), 1);
    assert_eq!(set.noted("claimed nowhere"), 1);
    assert_eq!(set.noted("without an answer"), 1);
    let report = set.run().unwrap();
    let means = method(&report, "ascertain").means.unwrap();
    assert_eq!((means.count, means.accuracy), (2, 0.5));
    // Where they stand is told.
    let remarks = report.remarks().join("\n");
    assert!(remarks.contains("claimed nowhere: 1 (line 2)"), "{remarks}");
    assert!(
        remarks.contains("without an answer, left out: 1 (line 5)"),
        "{remarks}"
    );
    assert!(means.log_loss.is_finite());
}

#[test]
fn equal_truths_that_overlap_are_joined() {
    let whole = "place,value,from,until\na,red,2024-01-01,2024-01-12\n";
    let pieces = "place,value,from,until\na,red,2024-01-05,2024-01-12\na,red,2024-01-01,2024-01-06\n\
                  a,red,2024-01-02,2024-01-03\na,red,2024-01-01,2024-01-06\n";
    let pieces = Set::of(TIMED).truth(pieces);
    assert_eq!(pieces.noted("overlap an equal one"), 3);
    let count = |set: &Set| {
        method(&set.run().unwrap(), "ascertain")
            .means
            .unwrap()
            .count
    };
    assert_eq!(count(&pieces), count(&Set::of(TIMED).truth(whole)));
}

#[test]
fn truth_without_times_holds_for_all_times() {
    let report = Set::of(TIMED)
        .truth("place,value\na,red\nb,red\n")
        .run()
        .unwrap();
    let days = report.counts.iter().find(|(what, _)| *what == "place_days");
    let means = method(&report, "ascertain").means.unwrap();
    assert_eq!(Some(means.count), days.map(|(_, days)| *days));
}

#[test]
fn files_that_name_places_differently_are_told() {
    let set = Set::of(PLAIN).truth("place,value\nA,x\nB,y\n");
    assert_eq!(set.noted("name places differently"), 1);
    assert_eq!(method(&set.run().unwrap(), "ascertain").means, None);
}

#[test]
fn sources_and_places_that_a_file_does_not_have_are_counted() {
    let set = Set::of(TIMED)
        .sources("id,kind,aligned_with\ns,map,green-leaning\n")
        .places("id,parent\na,nowhere\n");
    assert_eq!(set.noted("sources file does not have"), 1);
    assert_eq!(set.noted("aligned with what is no value"), 1);
    assert_eq!(set.noted("places file does not have"), 1);
    assert_eq!(set.noted("parent is no other place"), 1);
}

#[test]
fn a_truth_without_any_scored_day_gives_no_score_and_no_fault() {
    let set = Set::of(TIMED).truth("place,value,from,until\na,red,1999-01-01,1999-02-01\n");
    let report = set.run().unwrap();
    assert_eq!(method(&report, "ascertain").means, None);
    let json = report.to_json();
    assert!(json["methods"][0]["accuracy"].is_null());
}
