//! Texts: their lengths, their characters, and the forms of tags and ids.

use ascertain_domain::id::{ClaimId, IdError, ReportId};
use ascertain_domain::violation::{Reason, Violations};

/// How long a text may be.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Characters(usize),
    Bytes(usize),
}

/// Checks a text that may have several lines.
pub(super) fn check(text: &str, limit: Limit, field: &str, v: &mut Violations) {
    bounded(text, limit, field, v);
    characters(text, |c| matches!(c, '\n' | '\r' | '\t'), field, v);
}

/// Checks a text of one line.
pub(super) fn check_line(text: &str, characters_at_most: usize, field: &str, v: &mut Violations) {
    bounded(text, Limit::Characters(characters_at_most), field, v);
    characters(text, |_| false, field, v);
}

/// Reads a required id that its sender chose: of a report, a ruling or a backup.
pub(super) fn report_id(given: &str, field: &str, v: &mut Violations) -> Option<ReportId> {
    let id = ReportId::parse(given);
    match (id, given) {
        (Some(_), _) => {}
        (None, "") => v.add(field, Reason::Required, "is empty; give a UUID"),
        (None, given) => {
            let what = format!("`{given}` is no UUID in its hyphenated form");
            v.add(field, Reason::InvalidUuid, what);
        }
    }
    id
}

fn bounded(text: &str, limit: Limit, field: &str, v: &mut Violations) {
    let (size, most, unit) = match limit {
        // Bytes bound characters from above: short texts need no counting.
        Limit::Characters(most) if text.len() <= most => return,
        Limit::Characters(most) => (text.chars().count(), most, "characters"),
        Limit::Bytes(most) => (text.len(), most, "bytes"),
    };
    if size > most {
        let what = format!("has {size} {unit}; {most} is the most");
        v.add(field, Reason::TooLong, what);
    }
}

fn characters(text: &str, allowed: impl Fn(char) -> bool, field: &str, v: &mut Violations) {
    if let Some(c) = text.chars().find(|c| c.is_control() && !allowed(*c)) {
        let what = format!("holds the control character {c:?}; take it out");
        v.add(field, Reason::Malformed, what);
    }
}

/// Checks how many items a list has.
pub(super) fn check_count(count: usize, most: usize, field: &str, v: &mut Violations) {
    if count > most {
        let what = format!("has {count} items; {most} is the most");
        v.add(field, Reason::TooLong, what);
    }
}

/// Checks the shape of a BCP 47 language tag; empty is "not known".
pub(super) fn check_language(tag: &str, field: &str, v: &mut Violations) {
    if !tag.is_empty() && !is_language(tag) {
        let what = "is no BCP 47 language tag, such as `ar` or `zh-Hant`; empty if not known";
        v.add(field, Reason::Malformed, what);
    }
}

fn is_language(tag: &str) -> bool {
    let subtag =
        |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    let private = matches!(first, "x" | "X" | "i" | "I") && tag.contains('-');
    let primary = first.len() >= 2 && first.bytes().all(|b| b.is_ascii_alphabetic());
    tag.len() <= 64 && (private || primary) && tag.split('-').all(subtag)
}

/// Adds what is wrong with an id.
pub(super) fn add_id_error(error: &IdError, field: &str, v: &mut Violations) {
    let reason = match error {
        IdError::Empty => Reason::Required,
        IdError::TooLong(_) => Reason::TooLong,
        IdError::Character(_) => Reason::Malformed,
    };
    v.add(field, reason, error.to_string());
}

/// Splits the link `REPORT_UUID/CLAIM_ID`.
pub(super) fn claim_link(link: &str) -> Option<(ReportId, ClaimId)> {
    let (report, claim) = link.split_once('/')?;
    Some((ReportId::parse(report)?, ClaimId::new(claim).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_have_a_shape() {
        for tag in ["ar", "zh-Hant-TW", "x-rebels", "sr-Latn"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in [
            "a",
            "Arabic!",
            "ar_SY",
            "ar-",
            "-ar",
            "x",
            "12",
            "ar-toolongsubtag",
        ] {
            assert!(!is_language(tag), "{tag}");
        }
    }

    #[test]
    fn limits_count_characters_where_characters_are_meant() {
        let mut v = Violations::at("report");
        check_line(&"ح".repeat(64), 64, "sensitivity", &mut v);
        assert_eq!(v.count(), 0);
        check_line(&"ح".repeat(65), 64, "sensitivity", &mut v);
        assert_eq!(v.count(), 1);
    }

    #[test]
    fn a_line_holds_no_line_break_and_a_text_may() {
        let mut v = Violations::at("report");
        check("one\ntwo\tthree\r\n", Limit::Bytes(100), "text", &mut v);
        assert_eq!(v.count(), 0);
        check("\u{0}", Limit::Bytes(100), "text", &mut v);
        check_line("one\ntwo", 100, "name", &mut v);
        let found = v.finish().unwrap_err();
        assert!(found.iter().all(|f| f.reason == Reason::Malformed));
        assert_eq!(found.len(), 2);
    }
}
