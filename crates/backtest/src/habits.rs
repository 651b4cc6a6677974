//! What a source's silence means, where nobody said: told by what it did so far.

use std::collections::BTreeMap;

use ascertain_domain::source::Reporting;
use ascertain_domain::time::Timestamp;

use crate::read::Claims;

/// Before so many pairs of consecutive claims of a source about one place, nothing
/// is concluded.
const LEAST_PAIRS: u64 = 20;
/// Who repeats itself in no more than one of so many pairs reports changes only.
const ONE_IN: u64 = 20;

/// From some time on a source is taken to report so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// From when, inclusive.
    pub(crate) from: Timestamp,
    /// The source, an index into the names of [`Claims`].
    pub(crate) source: u32,
    /// Whether it reports changes only; else silence says nothing.
    pub(crate) changes_only: bool,
}

impl Turn {
    /// What its silence means from then on.
    pub(crate) fn reporting(self) -> Reporting {
        if self.changes_only {
            Reporting::ChangesOnly
        } else {
            Reporting::Undeclared
        }
    }
}

/// The turns of all sources that `asked` is true of, in order of time. Each starts
/// as one whose silence says nothing; a turn rests on nothing later than itself.
pub(crate) fn turns(claims: &Claims, asked: impl Fn(u32) -> bool) -> Vec<Turn> {
    let mut pairs: Vec<(u32, Timestamp, bool)> = Vec::new();
    for about_one in claims.claims.chunk_by(|a, b| a.place == b.place) {
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        for claim in about_one.iter().filter(|claim| asked(claim.source)) {
            if let Some(before) = last.insert(claim.source, claim.value) {
                pairs.push((claim.source, claim.time, before == claim.value));
            }
        }
    }
    pairs.sort_unstable();
    let mut turns = Vec::new();
    for of_one in pairs.chunk_by(|a, b| a.0 == b.0) {
        let (mut seen, mut repeats, mut changes_only) = (0, 0, false);
        for at_once in of_one.chunk_by(|a, b| a.1 == b.1) {
            for (_, _, repeated) in at_once {
                seen += 1;
                repeats += u64::from(*repeated);
            }
            let now = seen >= LEAST_PAIRS && repeats * ONE_IN <= seen;
            if now != changes_only {
                changes_only = now;
                let (source, from, _) = at_once[0];
                turns.push(Turn {
                    from,
                    source,
                    changes_only,
                });
            }
        }
    }
    turns.sort_unstable();
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Claim, Timing};
    use ascertain_domain::time::DAY_US;

    /// One source about one place, a claim a day.
    fn turns_of(values: impl Iterator<Item = u32>) -> Vec<(i64, bool)> {
        let claim = |(day, value): (i64, u32)| Claim {
            place: 0,
            time: Timestamp::from_micros(day * DAY_US).unwrap(),
            source: 0,
            value,
        };
        let claims = Claims {
            timing: Timing::Timed,
            places: vec!["a".to_owned()],
            sources: vec!["s".to_owned()],
            values: vec!["x".to_owned(), "y".to_owned()],
            claims: (0..).zip(values).map(claim).collect(),
        };
        let found = turns(&claims, |_| true);
        let turn = |turn: &Turn| (turn.from.micros() / DAY_US, turn.changes_only);
        found.iter().map(turn).collect()
    }

    #[test]
    fn who_never_repeats_himself_is_known_for_it_after_twenty_pairs() {
        assert_eq!(turns_of((0..20).map(|day| day % 2)), []);
        assert_eq!(turns_of((0..40).map(|day| day % 2)), [(20, true)]);
    }

    #[test]
    fn who_reports_daily_is_never_taken_for_a_list_of_changes() {
        assert_eq!(turns_of((0..400).map(|day| day / 30 % 2)), []);
    }

    #[test]
    fn a_habit_that_is_given_up_is_taken_back() {
        // Alternates for 30 days, then repeats: with the second repeat, on the 31st of
        // 31 pairs, more than one in twenty.
        let values = (0..30).map(|day| day % 2).chain([1, 1]);
        assert_eq!(turns_of(values), [(20, true), (31, false)]);
    }
}
