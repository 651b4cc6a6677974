//! Files that cannot be used are refused with the line, and with what would be right.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod set;

use set::Set;

const CLAIMS: &str = "place,source,value\na,s,x\nb,s,y\n";
const TIMED: &str = "place,source,value,time\n\
    a,s,red,2024-01-01T00:00:00Z\na,t,blue,2024-01-09T00:00:00Z\n";

#[track_caller]
fn says(set: &Set, expected: &[&str]) {
    let text = set.mistake();
    for part in expected {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

fn claims(text: &str, expected: &[&str]) {
    says(&Set::of(text), expected);
}

fn truth(text: &str, expected: &[&str]) {
    says(&Set::of(TIMED).truth(text), expected);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let mut set = Set::of(CLAIMS).files().clone();
    set.claims = set.claims.with_file_name("nowhere.csv");
    let error = ascertain_backtest::run(&set, &mut |_| ()).unwrap_err();
    assert!(
        error.to_string().contains("nowhere.csv: cannot be read"),
        "{error}"
    );
}

#[test]
fn an_empty_file_is_told_what_its_first_line_must_be() {
    claims("", &["claims.csv: is empty", "place,source,value"]);
    claims("\n\n", &["claims.csv: is empty"]);
}

#[test]
fn a_header_alone_holds_no_claim() {
    claims("place,source,value\n", &["claims.csv: holds no claim"]);
    claims(
        "place,source,value,time\na,s,unknown,2024-01-01T00:00:00Z\n",
        &["holds no claim"],
    );
    truth("place,value\n", &["truth.csv: holds no truth"]);
}

#[test]
fn a_missing_column_is_told_with_those_that_are_there() {
    claims(
        "item,worker,label\n1,2,3\n",
        &["line 1", "place, source, value", "item, worker, label"],
    );
    claims(
        "place;source;value\na;s;x\n",
        &["line 1", "separated by commas"],
    );
    truth(
        "place,status\na,red\n",
        &["truth.csv, line 1", "value is missing"],
    );
    claims("place,source,value,value\na,s,x,y\n", &["`value` twice"]);
}

#[test]
fn a_row_of_another_length_is_told_with_its_line() {
    claims(
        "place,source,value\na,s,x\nb,s\n",
        &["claims.csv, line 3: has 2 fields", "3 columns"],
    );
    claims(
        "place,source,value\n\n\r\nb,s,x,y\n",
        &["line 4: has 4 fields"],
    );
}

#[test]
fn a_quote_that_is_not_closed_is_told_where_it_begins() {
    claims(
        "place,source,value\na,s,x\nb,s,\"x\nc,s,y\n",
        &["line 3", "quote"],
    );
}

#[test]
fn an_empty_place_or_source_is_told() {
    claims("place,source,value\n,s,x\n", &["line 2: `place` is empty"]);
    claims(
        "place,source,value\na, ,x\n",
        &["line 2: `source` is empty"],
    );
}

#[test]
fn what_is_no_utf8_is_told_with_line_and_column() {
    let mut text = b"place,source,value\na,s,x\nb,s,".to_vec();
    text.extend([0xe9, b'\n']);
    says(
        &Set::of(text),
        &["claims.csv, line 3: `value` is not UTF-8"],
    );
    says(
        &Set::of(b"\xff\xfep\0l\0"),
        &["is UTF-16; save it as UTF-8"],
    );
}

#[test]
fn half_a_gzip_file_is_told_as_such() {
    says(
        &Set::of(b"\x1f\x8b\x08\x00\x00"),
        &["claims.csv: is no whole gzip file"],
    );
}

#[test]
fn a_time_that_is_none_is_told_with_an_example() {
    let row =
        |time: &str| format!("place,source,value,time\na,s,x,2024-01-01T00:00:00Z\na,s,x,{time}\n");
    claims(
        &row("yesterday"),
        &["line 3: time `yesterday`", "2024-12-05T08:30:00Z"],
    );
    claims(&row("2024-13-45"), &["line 3: time `2024-13-45`"]);
    claims(
        &row("2024-12-05T08:30:00"),
        &["line 3", "has no offset", "2024-12-05T08:30:00Z"],
    );
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_up_to_ten() {
    let mut text = "place,source,value,time\n".to_owned();
    (0..12).for_each(|_| text += "a,s,x,never\n");
    claims(&text, &["line 2:", "line 11:", "and 2 more mistakes"]);
}

#[test]
fn claims_with_and_without_times_do_not_mix() {
    claims(
        "place,source,value,time\na,s,x,2024-01-01T00:00:00Z\nb,s,x,\n",
        &["line 3: has no time, but line 2 has one"],
    );
    claims(
        "place,source,value,time\na,s,x,\nb,s,x,2024-01-01T00:00:00Z\n",
        &["line 3: has a time, but line 2 has none"],
    );
}

#[test]
fn a_year_with_a_missing_digit_is_found() {
    claims(
        "place,source,value,time\na,s,x,2024-01-01T00:00:00Z\na,s,y,0024-01-02T00:00:00Z\n",
        &[
            "line 3: is of 0024-01-02",
            "line 2 of 2024-01-01",
            "mistake",
        ],
    );
}

#[test]
fn a_truth_that_contradicts_another_is_told_with_both_lines() {
    truth(
        "place,value,from,until\na,red,2024-01-01,2024-01-05\nb,red,,\na,blue,2024-01-04,2024-01-09\n",
        &["truth.csv, line 4: says `blue`", "line 2 says `red`"],
    );
    // Two answers without any times contradict each other, too.
    says(
        &Set::of(CLAIMS).truth("place,value\na,x\na,y\n"),
        &["line 3: says `y`", "line 2 says `x`"],
    );
}

#[test]
fn a_truth_must_end_after_it_begins() {
    for until in ["2024-01-05", "2024-01-04"] {
        let text = format!("place,value,from,until\na,red,2024-01-05,{until}\n");
        truth(&text, &["truth.csv, line 2: ends at", "must be later"]);
    }
    truth(
        "place,value,from,until\na,red,soon,\n",
        &["line 2: from: time `soon`"],
    );
}

#[test]
fn a_source_is_given_once_and_in_known_words() {
    let sources = |text: &str, expected: &[&str]| says(&Set::of(TIMED).sources(text), expected);
    sources(
        "id,grade\ns,B\ns,C\n",
        &["sources.csv, line 3: gives `s` again, other than line 2"],
    );
    sources("id,grade\ns,G\n", &["line 2: grade `G`", "A to F"]);
    sources(
        "id,reporting\ns,often\n",
        &["line 2: reporting `often`", "changes_only"],
    );
    sources(
        "id,alignment\ns,friend\n",
        &["line 2: alignment `friend`", "organ_of"],
    );
    sources("name\ns\n", &["sources.csv, line 1", "id is missing"]);
}

#[test]
fn a_place_lies_on_the_globe() {
    let places = |text: &str, expected: &[&str]| says(&Set::of(TIMED).places(text), expected);
    places(
        "id,lat,lon\na,91,0\n",
        &["places.csv, line 2: lat `91`", "-90 to 90"],
    );
    places("id,lat,lon\na,35,\n", &["line 2: lat `35`, lon ``"]);
    places("id,population\na,many\n", &["line 2: population `many`"]);
    places(
        "id,kind\na,town\na,region\n",
        &["line 3: gives `a` again, other than line 2"],
    );
}

#[test]
fn values_that_are_no_sides_at_all_are_refused_with_times() {
    let mut text = "place,source,value,time\n".to_owned();
    (0..300).for_each(|i| text += &format!("a,s,{i},2024-01-01\n"));
    claims(&text, &["300 different values", "claims without a time"]);
}

#[test]
fn a_result_never_overwrites_what_is_read() {
    let set = Set::of(CLAIMS);
    let mut files = set.files().clone();
    files.out = Some(files.claims.clone());
    let error = ascertain_backtest::run(&files, &mut |_| ()).unwrap_err();
    assert!(
        error.to_string().contains("would be written over"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&files.claims).unwrap(), CLAIMS);
}
