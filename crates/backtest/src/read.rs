//! The input files, read and checked: comma-separated, UTF-8, gzipped or not.
//!
//! Columns are found by their names, in any order; those not needed are ignored.
//! What can only be a mistake is refused with its line; what has one sensible
//! reading is read so and counted in [`Noted`].

mod bytes;
mod claims;
mod interval;
mod places;
mod sources;
mod table;
mod time;
mod truth;

pub use claims::{Claim, Claims, Timing};
pub use interval::{Change, Interval};
pub use places::read as places;
pub use places::{PlaceRow, Places};
pub use sources::read as sources;
pub use sources::{SourceRow, Sources, Stance};
pub use truth::Truth;

use std::collections::BTreeMap;

/// Of what is noted line by line so many lines are named.
const LINES: usize = 5;

/// What was noted while reading: how often, by what it was, and the first lines of it where
/// they are of use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted(BTreeMap<&'static str, (u64, Vec<u64>)>);

impl Noted {
    /// Counts one more.
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// Counts so many more; nothing for 0.
    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        if times > 0 {
            self.0.entry(what).or_default().0 += times;
        }
    }

    /// Counts one more that stands in a line.
    pub(crate) fn line(&mut self, what: &'static str, line: u64) {
        let (times, lines) = self.0.entry(what).or_default();
        *times += 1;
        if lines.len() < LINES {
            lines.push(line);
        }
    }

    /// All counts, by what was counted, with the first lines where they are named.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, &[u64])> {
        let all = self.0.iter();
        all.map(|(what, (times, lines))| (*what, *times, &**lines))
    }
}

/// The words that are no holder: what each says of a place.
pub(crate) const CONTESTED: &str = "contested";
pub(crate) const MIXED: &str = "mixed";
pub(crate) const VACATED: &str = "vacated";
pub(crate) const OTHER: &str = "other";
/// The outcomes that every place has beside its sides, in the engine's order.
pub(crate) const NO_SIDE: [&str; 4] = [CONTESTED, MIXED, VACATED, OTHER];
/// The word for no answer.
pub(crate) const UNKNOWN: &str = "unknown";

/// A value as it counts in a timed set: the words that are no holder in lower case.
pub(crate) fn timed_value(text: &str) -> &str {
    let words = NO_SIDE.into_iter().chain([UNKNOWN]);
    let mut same = words.filter(|word| text.eq_ignore_ascii_case(word));
    same.next().unwrap_or(text)
}
