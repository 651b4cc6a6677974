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
            Reporting::Episodic
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
