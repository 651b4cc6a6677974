//! Single values as words.

use ascertain_proto::v1::{
    AnalyticConfidence, ControlState, Interest, Likelihood, Outcome, OutcomeKind, StateChange,
    Status, TimeInterval,
};
use prost_types::{Duration, Timestamp};

/// The yardstick word of ICD 203, such as `very likely`.
#[must_use]
pub fn likelihood(term: i32) -> String {
    word(
        Likelihood::try_from(term).unwrap_or_default().as_str_name(),
        "LIKELIHOOD_",
    )
}

/// How a claim cuts for its originator's side, such as `against interest`.
#[must_use]
pub fn interest(interest: i32) -> &'static str {
    match Interest::try_from(interest).unwrap_or_default() {
        Interest::Unspecified => "interest not known",
        Interest::SelfServing => "self-serving",
        Interest::Neutral => "neutral",
        Interest::AgainstInterest => "against interest",
    }
}

/// The status of a state, such as `CONTESTED`.
#[must_use]
pub fn status(status: i32) -> &'static str {
    let name = Status::try_from(status).unwrap_or_default().as_str_name();
    name.strip_prefix("STATUS_").unwrap_or(name)
}

/// How good the evidence is, such as `moderate`. Never beside a likelihood.
#[must_use]
pub fn analytic_confidence(confidence: i32) -> String {
    let confidence = AnalyticConfidence::try_from(confidence).unwrap_or_default();
    word(confidence.as_str_name(), "ANALYTIC_CONFIDENCE_")
}

/// What an outcome is called: the side, or the kind.
#[must_use]
pub fn outcome_name(outcome: &Outcome) -> String {
    outcome_kind(outcome.kind(), &outcome.side_id)
}

/// The same, of a kind and its side.
#[must_use]
pub fn outcome_kind(kind: OutcomeKind, side: &str) -> String {
    match kind {
        OutcomeKind::Side => side.to_owned(),
        kind => word(kind.as_str_name(), "OUTCOME_KIND_"),
    }
}

/// The outcome that leads: the most likely, the first of several.
#[must_use]
pub fn leading(state: &ControlState) -> Option<&Outcome> {
    let outcomes = state.outcomes.iter().rev();
    outcomes.max_by_key(|outcome| outcome.probability_ppm)
}

/// What differs between two states, such as `status, word`; empty for nothing.
#[must_use]
pub fn changes(changes: &[i32]) -> String {
    let names = changes.iter().map(|change| {
        let change = StateChange::try_from(*change).unwrap_or_default();
        word(change.as_str_name(), "STATE_CHANGE_")
    });
    names.collect::<Vec<_>>().join(", ")
}

/// A probability in percent with one decimal; its ends are shown as bounds.
#[must_use]
pub fn percent(ppm: u32) -> String {
    match ppm {
        0..1_000 => "<0.1 %".to_owned(),
        999_000.. => ">99.9 %".to_owned(),
        _ => {
            // Halves go away from 0, but never across the bounds above.
            let tenths = (ppm + 500) / 1_000;
            format!("{}.{} %", tenths / 10, tenths % 10)
        }
    }
}

/// A time in RFC 3339, UTC; `-` if unset.
#[must_use]
pub fn time(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// A span in its two largest units, such as `2 d 4 h`.
#[must_use]
pub fn span(span: &Duration) -> String {
    let minutes = span.seconds.max(0) / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// An interval in words.
#[must_use]
pub fn when(interval: &TimeInterval) -> String {
    match (&interval.earliest, &interval.latest) {
        (Some(earliest), Some(latest)) if earliest == latest => earliest.to_string(),
        (Some(earliest), Some(latest)) => format!("between {earliest} and {latest}"),
        (Some(earliest), None) => format!("after {earliest}"),
        (None, Some(latest)) => format!("before {latest}"),
        (None, None) => "not known".to_owned(),
    }
}

/// The name of an enum's value as words: without its prefix, in lower case.
#[must_use]
pub fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_lowercase()
        .replace('_', " ")
}
