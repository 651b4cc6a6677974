//! What places say of sources, in whole numbers: sums that add up in any order, over
//! any partition of the places.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::{Digest, SourceId};
use ascertain_domain::state::Interest;
use ascertain_fusion::learn::{CellCounts, Fixed};
use ascertain_fusion::tables::Role;

use crate::pace::Changes;

/// How a source stands to a side, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relation {
    Organ,
    Sympathetic,
    Opposed,
    Independent,
}

impl Relation {
    pub(crate) const fn of(role: Role) -> Self {
        match role {
            Role::OrganOf(_) => Self::Organ,
            Role::Sympathetic(_) => Self::Sympathetic,
            Role::Opposed(_) => Self::Opposed,
            Role::Independent => Self::Independent,
        }
    }

    /// A role of this kind: which side it is of makes no difference to the prior.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Organ => Role::OrganOf(0),
            Self::Sympathetic => Role::Sympathetic(0),
            Self::Opposed => Role::Opposed(0),
            Self::Independent => Role::Independent,
        }
    }
}

/// What is counted of one place, or of many. Which of it is filled depends on what is
/// learned at the time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// The bodies that were read.
    pub(crate) bodies: BTreeSet<Digest>,
    /// The reports of a source that speak of a place of which another report of it spoke
    /// before, by their bodies: whether it says the same again of any.
    pub(crate) pairs: BTreeMap<SourceId, BTreeMap<Digest, bool>>,
    pub(crate) pace: Changes,
    pub(crate) cells: BTreeMap<(SourceId, Relation), CellCounts>,
    /// Of a tracker: the days that it would have taken had its mean lag been one day
    /// for each change that it showed; and the changes that it showed.
    pub(crate) lags: BTreeMap<SourceId, (Fixed, Fixed)>,
    /// Claims that were judged, and how many of them are believed true.
    pub(crate) records: BTreeMap<(SourceId, &'static str, Interest), (u64, Fixed)>,
    /// For pairs of sources: how often the first said after the second what hardly
    /// anybody would say.
    pub(crate) agreed: BTreeMap<(SourceId, SourceId), u64>,
    /// For such pairs: claims of the first soon after the second's, and how much they
    /// speak for copying.
    pub(crate) copied: BTreeMap<(SourceId, SourceId), (u64, Fixed)>,
}

impl Counts {
    /// Adds the counts of other places.
    pub fn add(&mut self, other: Self) {
        self.bodies.extend(other.bodies);
        self.pace.add(other.pace);
        for (key, pairs) in other.pairs {
            let all = self.pairs.entry(key).or_default();
            for (body, same) in pairs {
                *all.entry(body).or_default() |= same;
            }
        }
        for (key, cells) in other.cells {
            let sums = self.cells.entry(key).or_default();
            sums.iter_mut().zip(cells).for_each(|(sum, n)| *sum += n);
        }
        for (key, (exposure, shown)) in other.lags {
            let sum = self.lags.entry(key).or_default();
            *sum = (sum.0 + exposure, sum.1 + shown);
        }
        for (key, (claims, fared)) in other.records {
            let sum = self.records.entry(key).or_default();
            *sum = (sum.0 + claims, sum.1 + fared);
        }
        for (key, times) in other.agreed {
            *self.agreed.entry(key).or_default() += times;
        }
        for (key, (claims, copied)) in other.copied {
            let sum = self.copied.entry(key).or_default();
            *sum = (sum.0 + claims, sum.1 + copied);
        }
    }
}
