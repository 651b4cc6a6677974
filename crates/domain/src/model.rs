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

/// The least and the most that [`SourceModel::temper`] is.
pub const TEMPER: std::ops::RangeInclusive<u32> = 200_000..=1_500_000;

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

impl SourceModel {
    /// Whom a source copies, and how likely it is.
    pub fn copied_by(&self, copier: &SourceId) -> impl Iterator<Item = (&SourceId, f64)> {
        let from = (copier.clone(), SourceId::least());
        let pairs = self.copies.range(from..);
        pairs
            .take_while(move |((id, _), _)| id == copier)
            .map(|((_, origin), chance)| (origin, f64::from(chance.0) / 1e6))
    }

    /// The SHA-256 over all of it, in one form: which of two models of one day stands
    /// does not depend on how they were carried.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut bytes = Bytes::default();
        bytes.text("ascertain.source-model.1");
        bytes.number(self.cut.micros());
        bytes.number(self.audience as i64);
        bytes.text(&self.method);
        bytes.0.extend(self.input_digest.0);
        bytes.count(self.sources.len());
        for (id, learned) in &self.sources {
            bytes.text(id.as_str());
            bytes.learned(learned);
        }
        bytes.count(self.copies.len());
        for ((copier, origin), chance) in &self.copies {
            bytes.text(copier.as_str());
            bytes.text(origin.as_str());
            bytes.number(i64::from(chance.0));
        }
        bytes.count(self.pace.len());
        for (area, days) in &self.pace {
            bytes.text(area.as_str());
            bytes.count(days.len());
            for (day, pace) in days {
                bytes.number(i64::from(*day));
                bytes.number(i64::from(*pace));
            }
        }
        bytes.number(i64::from(self.temper.0));
        Digest::of(&bytes.0)
    }
}

/// What a digest is taken over: numbers of eight bytes, texts with their length.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.extend((count as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }

    fn learned(&mut self, learned: &LearnedSource) {
        let rows = learned
            .table
            .as_ref()
            .map_or(Vec::new(), LearnedTable::rows);
        self.count(rows.len());
        for row in rows {
            row.iter().for_each(|cell| self.number(i64::from(cell.0)));
        }
        self.number(learned.reporting.map_or(-1, |reporting| reporting as i64));
        self.number(learned.lag_hours.map_or(-1, i64::from));
        self.count(learned.track_record.len());
        for record in &learned.track_record {
            self.text(&record.predicate);
            self.number(record.interest as i64);
            self.0.extend(record.claims.to_be_bytes());
            self.number(i64::from(record.true_share.0));
        }
    }
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

impl LearnedTable {
    /// The rows by the names of their fields: three of an aligned source, two of an
    /// independent one.
    #[must_use]
    pub fn named_rows(&self) -> Vec<(&'static str, &[Ppm])> {
        match self {
            Self::Aligned {
                own,
                foe,
                contested,
            } => vec![("own", own), ("foe", foe), ("contested", contested)],
            Self::Independent { holder, contested } => {
                vec![("holder", holder), ("contested", contested)]
            }
        }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> Vec<&[Ppm]> {
        self.named_rows().into_iter().map(|(_, row)| row).collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> SourceModel {
        let learned = LearnedSource {
            table: Some(LearnedTable::Independent {
                holder: [Ppm(900_000), Ppm(50_000), Ppm(50_000)],
                contested: [Ppm(200_000), Ppm(800_000)],
            }),
            ..LearnedSource::default()
        };
        let wire = SourceId::new("wire").unwrap_or_else(|_| unreachable!());
        SourceModel {
            cut: Timestamp::MIN,
            audience: Audience::Clear,
            method: "prior-6".to_owned(),
            input_digest: Digest::of(&[]),
            sources: BTreeMap::from([(wire.clone(), learned)]),
            copies: BTreeMap::from([((wire.clone(), wire), Ppm(1))]),
            pace: BTreeMap::new(),
            temper: Ppm(1_000_000),
        }
    }

    #[test]
    fn a_digest_is_over_every_part_of_a_model() {
        let base = model();
        let changes: [fn(&mut SourceModel); 9] = [
            |m| m.cut = Timestamp::MAX,
            |m| m.audience = Audience::Full,
            |m| m.method.push('x'),
            |m| m.input_digest = Digest::of(&[1]),
            |m| m.copies.clear(),
            |m| {
                let area = PlaceId::new("area").unwrap_or_else(|_| unreachable!());
                m.pace.insert(area, BTreeMap::from([(0, 1)]));
            },
            |m| m.temper = Ppm(900_000),
            |m| {
                m.sources.values_mut().for_each(|s| s.lag_hours = Some(0));
            },
            |m| {
                m.sources
                    .values_mut()
                    .for_each(|s| s.reporting = Some(Reporting::ChangesOnly));
            },
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut other = base.clone();
            change(&mut other);
            assert_ne!(other.digest(), base.digest(), "change {i}");
        }
        assert_eq!(base.clone().digest(), base.digest());
    }
}
