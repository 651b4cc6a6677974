//! Source models: what was learned of sources, across places, up to a day.
//!
//! A model is a pure function of a named cut: all bodies first recorded before
//! 00:00 UTC of a day, as one audience may see them, fitted from the priors. All
//! numbers are whole, so that a model is the same bits wherever it is kept.

use std::collections::BTreeMap;

use crate::id::{Digest, PlaceId, SourceId};
use crate::marking::Audience;
use crate::source::Reporting;
use crate::state::{Interest, Ppm};
use crate::time::Timestamp;

/// What was learned of sources up to a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceModel {
    /// 00:00 UTC of the day before which all was read.
    pub cut: Timestamp,
    /// For whom: a model reads nothing that its audience may not.
    pub audience: Audience,
    /// The method that fitted it.
    pub method: String,
    /// Digest over the bodies that it read.
    pub input_digest: Digest,
    /// What each source was found to be like.
    pub sources: BTreeMap<SourceId, LearnedSource>,
    /// Who copies whom: the chance that the first, when it agrees with the second soon
    /// after it, has its word from there.
    pub copies: BTreeMap<(SourceId, SourceId), Ppm>,
    /// How fast control changes, area by area: from each day on (days since 1970-01-01),
    /// the changes that trackers showed of late, in millionths per place and day. Each
    /// day's value rests on what was known before it, whatever the cut.
    pub pace: BTreeMap<PlaceId, BTreeMap<i32, u32>>,
    /// The exponent to which beliefs are taken before they are published, in parts per
    /// million: below 1,000,000, confidence has been found too high.
    pub temper: Ppm,
}

/// What a source was found to be like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LearnedSource {
    /// How often it says what; `None`: too little is known, the prior stands.
    pub table: Option<LearnedTable>,
    /// What its silence means, where nobody declared it.
    pub reporting: Option<Reporting>,
    /// How long after a change it shows it, on average, in hours, if its silence means
    /// *still so*.
    pub lag_hours: Option<u32>,
    /// How its claims fared, by predicate and interest.
    pub track_record: Vec<TrackRecord>,
}

/// The rows of a source's table; each sums to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnedTable {
    /// Of a source with a side of its own.
    Aligned {
        /// An own side holds: own, contested, foe.
        own: [Ppm; 3],
        /// A foe holds: own, correct, wrong, contested.
        foe: [Ppm; 4],
        /// Contested: own, other, contested.
        contested: [Ppm; 3],
    },
    /// Of a source with none.
    Independent {
        /// Somebody holds: correct, wrong, contested.
        holder: [Ppm; 3],
        /// Contested: a holder, contested.
        contested: [Ppm; 2],
    },
}

/// How a source's claims of one kind fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackRecord {
    /// The field's word for the predicate.
    pub predicate: String,
    /// Which way the claims cut for its side.
    pub interest: Interest,
    /// How many claims were judged.
    pub claims: u64,
    /// The share of them that is believed true with hindsight and without its own word.
    pub true_share: Ppm,
}
