//! Times as the files give them.

use ascertain_domain::time::{DAY_US, Timestamp};

/// Which moment of a day is meant where only the day is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayMeans {
    /// Its first moment, UTC.
    Start,
    /// Its last second, UTC: by then what was said on that day was known for sure.
    End,
}

/// Reads RFC 3339, or a day alone.
///
/// # Errors
/// Says what would be right.
pub(super) fn time(text: &str, day: DayMeans) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // Written for "never", and beyond what the calendar's library holds.
    if day == DayMeans::Start && text.starts_with("9999-12-31") {
        return Ok(Timestamp::MAX);
    }
    let bytes = text.as_bytes();
    let is_day = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    let start = is_day.then(|| format!("{text}T00:00:00Z").parse::<Timestamp>());
    match (start, day) {
        (Some(Ok(start)), DayMeans::Start) => Ok(start),
        (Some(Ok(start)), DayMeans::End) => Ok(start.plus_micros(DAY_US - 1_000_000)),
        _ if format!("{text}Z").parse::<Timestamp>().is_ok() => Err(format!(
            "time `{text}` has no offset; give one, such as {text}Z for UTC"
        )),
        _ => Err(format!(
            "time `{text}` is none; give RFC 3339, such as 2024-12-05T08:30:00Z, or a day, such as 2024-12-05"
        )),
    }
}
