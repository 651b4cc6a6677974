//! Claims with times, from file to probability.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod set;

use std::collections::BTreeMap;

use set::{Set, method};

const HEADER: &str = "place,source,value,time\n";

/// A row of the probabilities: (place, time, value), then both numbers.
type Row = ((String, String, String), (f64, f64));

fn rows(out: &str) -> Vec<Row> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let key = (cells[0].into(), cells[1].into(), cells[2].into());
        (key, (cells[3].parse().unwrap(), cells[4].parse().unwrap()))
    };
    out.lines().skip(1).map(row).collect()
}

/// What is believed of a value at a place on a day.
#[track_caller]
fn belief(out: &str, place: &str, day: &str, value: &str) -> f64 {
    let line = format!("{place},{day}T12:00:00Z,{value},");
    let found = out.lines().find(|l| l.starts_with(&line));
    let found = found.unwrap_or_else(|| panic!("no line {line} in\n{out}"));
    found[line.len()..]
        .split(',')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// Two trackers that follow a city from hand to hand, one later than the other.
fn two_trackers() -> String {
    let mut text = HEADER.to_owned();
    for (day, value) in [("01-01", "red"), ("03-01", "contested"), ("03-08", "blue")] {
        text += &format!("city,early,{value},2024-{day}T08:00:00Z\n");
    }
    for (day, value) in [("01-03", "red"), ("03-11", "blue"), ("05-01", "blue")] {
        text += &format!("city,late,{value},2024-{day}T20:00:00Z\n");
    }
    text
}

#[test]
fn a_days_probabilities_sum_to_one_and_come_by_place_time_and_value() {
    let text = two_trackers() + "village,early,red,2024-02-01T00:00:00Z\n";
    let (_, out) = Set::of(text).answers();
    assert_eq!(
        out.lines().next(),
        Some("place,time,value,probability,smoothed")
    );
    let rows = rows(&out);
    assert!(
        rows.windows(2).all(|two| two[0].0 < two[1].0),
        "sorted, once each"
    );
    let mut sums: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for ((place, time, _), (then, smoothed)) in &rows {
        let sum = sums.entry((place, time)).or_default();
        assert!((0.0..=1.0).contains(then) && (0.0..=1.0).contains(smoothed));
        *sum = (sum.0 + then, sum.1 + smoothed);
    }
    assert_eq!(
        sums.len(),
        122 + 91,
        "each noon from a place's first claim to the last of all"
    );
    for (day, (then, smoothed)) in sums {
        assert!(
            (then - 1.0).abs() < 1e-9 && (smoothed - 1.0).abs() < 1e-9,
            "{day:?}"
        );
    }
}

#[test]
fn what_is_said_later_changes_no_earlier_answer_but_the_one_in_hindsight() {
    let sources = "id,kind\nearly,map\nlate,newswire\n";
    let whole = two_trackers();
    let short: Vec<&str> = whole
        .lines()
        .filter(|line| !line.contains("2024-05"))
        .collect();
    let (_, whole) = Set::of(&whole).sources(sources).answers();
    let (_, short) = Set::of(short.join("\n")).sources(sources).answers();
    let whole: BTreeMap<_, _> = rows(&whole).into_iter().collect();
    let short = rows(&short);
    let mut hindsight = 0;
    for (key, (then, smoothed)) in &short {
        let (same, later) = whole[key];
        assert_eq!(then.to_bits(), same.to_bits(), "{key:?}");
        hindsight += usize::from(smoothed.to_bits() != later.to_bits());
    }
    assert!(hindsight > 0 && short.len() < whole.len());
}

#[test]
fn nothing_is_concluded_from_habits_that_are_not_yet_shown() {
    // A source that never repeats itself, in many places, and then falls silent.
    let mut whole = HEADER.to_owned();
    for i in 0..30 {
        let day = 1 + i % 20;
        whole += &format!("p{i},s,red,2024-01-{day:02}\np{i},s,blue,2024-02-{day:02}\n");
    }
    whole += "p0,s,red,2024-06-01\n";
    let before: Vec<&str> = whole
        .lines()
        .filter(|l| !l.contains("2024-02-1") && !l.contains("2024-06"))
        .collect();
    let before = before.join("\n");
    let (_, until_then) = Set::of(before).answers();
    let (_, whole) = Set::of(&whole).answers();
    let all: BTreeMap<_, _> = rows(&whole).into_iter().collect();
    for (key, (then, _)) in rows(&until_then) {
        if key.1.as_str() < "2024-02-10" {
            assert_eq!(then.to_bits(), all[&key].0.to_bits(), "{key:?}");
        }
    }
    // Months later its silence still means what it said last.
    assert!(belief(&whole, "p1", "2024-05-20", "blue") > 0.9);
}

#[test]
fn a_maps_silence_means_still_so_and_a_papers_nothing() {
    let text = format!("{HEADER}a,s,red,2024-01-01\nb,s,blue,2024-12-01\n");
    let silent = |kind: &str| {
        let sources = format!("id,kind,grade\ns,{kind},B\n");
        let (_, out) = Set::of(&text).sources(&sources).answers();
        belief(&out, "a", "2024-11-01", "red")
    };
    let (map, paper) = (silent("map"), silent("newspaper"));
    assert!(map > 0.9 && paper < map - 0.1, "{map} {paper}");
    // What is declared stands above what the kind tells.
    let (_, out) = Set::of(&text)
        .sources("id,kind,grade,reporting\ns,map,B,episodic\n")
        .answers();
    assert_eq!(belief(&out, "a", "2024-11-01", "red"), paper);
}

#[test]
fn who_speaks_for_his_own_side_is_believed_less() {
    let text = format!("{HEADER}a,s,red,2024-01-01\na,t,blue,2024-01-03\n");
    let red = |aligned: &str, kind: &str| {
        let sources = format!("id,kind,aligned_with\ns,{kind},{aligned}\nt,newswire,none\n");
        let (_, out) = Set::of(&text).sources(&sources).answers();
        belief(&out, "a", "2024-01-02", "red")
    };
    let independent = red("none", "newswire");
    let own = red("red-leaning (by its owners)", "newswire");
    let against = red("pro-blue", "newswire");
    let army = red("red", "army spokesman");
    assert!(
        own < independent && army < own,
        "{army} {own} {independent}"
    );
    assert!(against > own, "{against}: said of the foe");
}

#[test]
fn the_words_that_are_no_holder_are_believed_where_they_are_said() {
    let sources = "id,kind\ns,un\nt,newswire\nu,ngo\nv,imagery\nw,imagery\nx,imagery\n";
    let frame = format!("{HEADER}b,s,red,2024-01-01\nb,s,blue,2024-01-01\nb,s,red,2024-01-02\n");
    for word in ["contested", "mixed", "vacated", "other", "Contested"] {
        let said = ["s", "t", "u", "v", "w", "x"]
            .map(|source| format!("a,{source},{word},2024-01-01T09:00:00Z\n"))
            .concat();
        let (_, out) = Set::of(format!("{frame}{said}")).sources(sources).answers();
        let of = |value: &str| belief(&out, "a", "2024-01-01", value);
        let word = word.to_lowercase();
        if word == "mixed" {
            // That both hold it fits a little with each of them, and is rare.
            assert!(of("mixed") > 0.1, "{}", of("mixed"));
        } else {
            assert!(
                of(&word) > of("red") && of(&word) > of("blue"),
                "{word} {}",
                of(&word)
            );
        }
    }
}

#[test]
fn what_is_said_of_a_city_bears_on_its_quarters_where_places_say_so() {
    let text = format!(
        "{HEADER}city,s,red,2024-01-01\nquarter,s,red,2024-01-01\ncity,t,blue,2024-01-10\nz,s,blue,2024-01-12\n"
    );
    let within = "id,kind,parent\narea,region,\ncity,city,area\nquarter,quarter,city\nz,,area\n";
    let (_, apart) = Set::of(&text).answers();
    let (_, within) = Set::of(&text).places(within).answers();
    let blue = |out: &str| belief(out, "quarter", "2024-01-11", "blue");
    assert!(
        blue(&within) > 2.0 * blue(&apart),
        "{} {}",
        blue(&within),
        blue(&apart)
    );
}

const TRUTH: &str = "place,value,from,until\n\
    city,red,2024-01-01,2024-03-03\ncity,blue,2024-03-06,2024-05-20\n";

#[test]
fn the_days_near_a_change_are_fourteen_before_and_fourteen_after_what_is_open() {
    let report = Set::of(two_trackers()).truth(TRUTH).run().unwrap();
    let count = |what: &str| report.counts.iter().find(|(w, _)| *w == what).unwrap().1;
    // Before: the days 18 February to 2 March; after: 6 to 20 March.
    assert_eq!(count("scored_near_change"), 14 + 15);
    // The last claim is of 1 May, the truth ends on 20 May: noons until 19 May.
    assert_eq!(count("scored_all"), 62 + 75);
    assert_eq!(count("scored_changed_places"), 62 + 75);
    let around = &method(&report, "ascertain").timed.as_ref().unwrap().around;
    assert_eq!(
        (around.first().unwrap().0, around.last().unwrap().0),
        (-14, 14)
    );
    let answered = around
        .iter()
        .filter(|(_, accuracy)| accuracy.is_some())
        .count();
    assert_eq!(answered, 29);
}

#[test]
fn a_vote_counts_each_sources_last_word_and_contested_is_a_word_of_its_own() {
    let report = Set::of(two_trackers()).truth(TRUTH).run().unwrap();
    let near = |name: &str| {
        let timed = method(&report, name).timed.as_ref().unwrap();
        (
            timed.said.near_change.unwrap(),
            timed.renormalised.near_change.unwrap(),
        )
    };
    let (vote, holders) = near("latest per source, vote");
    // From 1 to 8 March one says contested, the other red: half of each; then blue
    // and red until 11 March, from then on blue.
    let right = 12.0 + 2.0 * 0.5 + 0.0 * 2.0 + 4.0 * 0.5 + 9.0;
    assert!(
        (vote.accuracy - right / 29.0).abs() < 1e-12,
        "{}",
        vote.accuracy
    );
    // Among holders alone red leads until the 8th.
    let right = 14.0 + 0.0 * 2.0 + 4.0 * 0.5 + 9.0;
    assert!(
        (holders.accuracy - right / 29.0).abs() < 1e-12,
        "{}",
        holders.accuracy
    );
    // One of them is right on all days but 6 and 7 March.
    let some = report.some_source_is_right.unwrap().near_change;
    assert!((some - 27.0 / 29.0).abs() < 1e-12, "{some}");
}

#[test]
fn a_baseline_is_never_without_a_floor_and_ours_is_as_it_was_said() {
    let report = Set::of(two_trackers()).truth(TRUTH).run().unwrap();
    for found in &report.methods {
        let (said, floored) = (found.means.unwrap(), found.floored.unwrap());
        assert_eq!(said == floored, !found.is_ours(), "{}", found.name);
    }
}

#[test]
fn without_truth_there_are_answers_and_no_scores() {
    let (report, out) = Set::of(two_trackers()).answers();
    assert!(out.lines().count() > 500);
    assert!(
        report
            .methods
            .iter()
            .all(|m| m.means.is_none() && m.is_ours())
    );
}

#[test]
fn a_picture_shows_both_panels_and_names_its_lines() {
    let report = Set::of(two_trackers()).truth(TRUTH).run().unwrap();
    let picture = ascertain_backtest::plot::svg(&report).unwrap();
    for words in [
        "How far confidence",
        "around a change",
        ">ascertain<",
        ">latest per source, vote<",
    ] {
        assert!(picture.contains(words), "{words}");
    }
    assert_eq!(
        picture.matches("<g ").count(),
        picture.matches("</g>").count()
    );
    assert!(!picture.contains("NaN") && picture.ends_with("</svg>\n"));
}
