//! Control states: what is concluded.

use crate::id::{ActorId, Digest, PlaceId, ReportKey};
use crate::marking::Audience;
use crate::time::{TimeInterval, Timestamp};

/// Who controls a place at a valid time, as known at a knowledge time.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlState {
    /// The place.
    pub place: PlaceId,
    /// For whom.
    pub audience: Audience,
    /// Valid time.
    pub as_of: Timestamp,
    /// Knowledge time.
    pub as_known_at: Timestamp,
    /// Whether any of the knowledge was brought along later.
    pub reconstructed: bool,
    /// The kind of outcome that is more likely than not.
    pub status: Status,
    /// Whether a force that does not hold the place surrounds it.
    pub besieged: bool,
    /// All outcomes, sides first; they sum to 1,000,000 ppm.
    pub outcomes: Vec<(Outcome, Ppm)>,
    /// For each side: is it inside at all.
    pub presence: Vec<(ActorId, Ppm)>,
    /// Actors named by the evidence in force, below their sides; sorted.
    pub members_named: Vec<ActorId>,
    /// Quantity, independence and freshness of the evidence.
    pub analytic_confidence: AnalyticConfidence,
    /// Since when the leading outcome has been so: an 80 % interval.
    pub since: Option<TimeInterval>,
    /// Disagreement between groups, 0 to 1.
    pub dispute: f64,
    /// Number of groups with evidence in force.
    pub independent_groups: u32,
    /// Microseconds from the newest event in force; `None` without evidence.
    pub staleness_us: Option<i64>,
    /// Share of sub-places with evidence of their own within 14 days.
    pub coverage: f64,
    /// What moved the answer, strongest first; all groups.
    pub contributions: Vec<Contribution>,
    /// Digest over the bodies that the answer rests on.
    pub input_digest: Digest,
}

impl ControlState {
    /// The most probable outcome; the first of several.
    #[must_use]
    pub fn leader(&self) -> Option<&(Outcome, Ppm)> {
        self.outcomes.iter().rev().max_by_key(|(_, p)| *p)
    }
}

/// Parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(pub u32);

/// One way things may stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A listed side holds the place.
    Side(ActorId),
    /// Armed parties are both inside.
    Contested,
    /// Sides share it by agreement.
    Mixed,
    /// Nobody holds it.
    Vacated,
    /// A party not listed holds it.
    Other,
}

/// The kind of outcome that is more likely than not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// One party holds it.
    Held,
    /// Armed parties are both inside.
    Contested,
    /// Sides share it.
    Mixed,
    /// Left, and nobody moved in.
    Vacated,
    /// Too little is known.
    Unknown,
}

/// The yardstick words of ICD 203, read half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likelihood {
    /// Below 5 %.
    AlmostNoChance,
    /// 5 to below 20 %.
    VeryUnlikely,
    /// 20 to below 45 %.
    Unlikely,
    /// 45 to below 55 %.
    RoughlyEvenChance,
    /// 55 to below 80 %.
    Likely,
    /// 80 to below 95 %.
    VeryLikely,
    /// 95 % and above.
    AlmostCertain,
}

impl From<Ppm> for Likelihood {
    fn from(probability: Ppm) -> Self {
        match probability.0 {
            0..50_000 => Self::AlmostNoChance,
            50_000..200_000 => Self::VeryUnlikely,
            200_000..450_000 => Self::Unlikely,
            450_000..550_000 => Self::RoughlyEvenChance,
            550_000..800_000 => Self::Likely,
            800_000..950_000 => Self::VeryLikely,
            _ => Self::AlmostCertain,
        }
    }
}

/// Quantity, independence and freshness of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnalyticConfidence {
    /// One group or none on the place itself, or nothing newer than 30 days.
    Low,
    /// Between the two.
    Moderate,
    /// Three groups or more, and something newer than 3 days.
    High,
}

/// Which way a claim cuts for its originator's own side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interest {
    /// It speaks well for it.
    SelfServing,
    /// It cuts neither way, or the originator has no side here.
    Neutral,
    /// It admits something against it.
    AgainstInterest,
}

/// How much one independence group moved the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// The group's key.
    pub group: String,
    /// The originator's name.
    pub name: String,
    /// Its reports that count here, oldest first, with the partner's references;
    /// at most 16.
    pub reports: Vec<(ReportKey, String)>,
    /// Log-odds, in nats, by which it moves the leading outcome.
    pub weight: f64,
    /// The same for "the holder before the last change no longer holds it".
    pub weight_lost: f64,
    /// How its strongest claim cuts for its side.
    pub interest: Interest,
    /// Why, in one line.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_is_half_open() {
        assert_eq!(
            Likelihood::from(Ppm(549_999)),
            Likelihood::RoughlyEvenChance
        );
        assert_eq!(Likelihood::from(Ppm(550_000)), Likelihood::Likely);
        assert_eq!(Likelihood::from(Ppm(800_000)), Likelihood::VeryLikely);
        assert_eq!(Likelihood::from(Ppm(950_000)), Likelihood::AlmostCertain);
    }
}
