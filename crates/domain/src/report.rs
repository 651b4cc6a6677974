//! Reports and claims, checked and resolved: what a fold may read of a record.

use crate::evidence::Evidence;
use crate::id::{ActorId, ClaimId, Digest, PartnerId, PlaceId, ReportId, ReportKey, SourceId};
use crate::marking::Marking;
use crate::source::SourceKind;
use crate::time::{TimeInterval, Timestamp};

/// One communication from one originator.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// Who submitted it.
    pub partner: PartnerId,
    /// The partner's own reference; may be empty.
    pub partner_reference: String,
    /// When it was first known: as first recorded, or as stated by a backfill.
    pub first_known_at: Timestamp,
    /// Whether that time was stated by an operator who brought an archive along.
    pub backfilled: bool,
    /// Who said it first.
    pub originator: Originator,
    /// Who passed it on, in order.
    pub relays: Vec<Relay>,
    /// When it was said.
    pub published_at: Timestamp,
    /// How it stands to other reports of its partner.
    pub links: Links,
    /// What it claims; nothing, where it only takes another report back.
    pub claims: Vec<Claim>,
    /// Items of evidence that came with it, or that it points at; sorted.
    pub evidence: Vec<Evidence>,
    /// SimHash of its text ([`crate::simhash`]), as the node computed it that first
    /// recorded the report; `None` for a short text, and in records from before there was one.
    pub text_simhash: Option<u64>,
    /// Its marking.
    pub marking: Marking,
    /// Whether its times contradict each other; kept as they are.
    pub time_inconsistent: bool,
    /// Digest of the body without stamps and commitments: of what was said.
    pub statement_digest: Digest,
    /// Digest of the whole body.
    pub body_digest: Digest,
}

impl Report {
    /// Its key in the whole system.
    #[must_use]
    pub fn key(&self) -> ReportKey {
        ReportKey {
            partner: self.partner.clone(),
            report: self.id,
        }
    }

    /// Every place that it names, in order of ids, once each.
    #[must_use]
    pub fn places(&self) -> Vec<PlaceId> {
        let mut places: Vec<PlaceId> = self
            .claims
            .iter()
            .flat_map(|c| std::iter::once(&c.place).chain(&c.sub_places))
            .cloned()
            .collect();
        places.sort();
        places.dedup();
        places
    }

    /// Whether evidence came with it, and its submitter found every item refuted,
    /// synthetic or recycled.
    #[must_use]
    pub fn evidence_failed(&self) -> bool {
        !self.evidence.is_empty() && self.evidence.iter().all(|item| item.failed)
    }
}

/// How a report stands to others of the same partner. They may not have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Links {
    /// Its version, from 1; 0 is the first, too.
    pub version: u32,
    /// Its first version, where it is not that itself.
    pub root: Option<ReportId>,
    /// A version that it corrects.
    pub corrects: Option<ReportId>,
    /// A report that it takes back, any version, and who does.
    pub retracts: Option<(ReportId, Retractor)>,
}

impl Links {
    /// Whether it bears on any other report.
    #[must_use]
    pub fn are_any(&self) -> bool {
        self.to().next().is_some()
    }

    /// The reports that it names.
    pub fn to(&self) -> impl Iterator<Item = ReportId> {
        let retracts = self.retracts.map(|(report, _)| report);
        [self.root, self.corrects, retracts].into_iter().flatten()
    }
}

/// Who takes a report back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retractor {
    /// Who submitted it or passed it on: that report.
    Submitter,
    /// Its originator: also what others pass on of it.
    Originator,
}

/// Who said it first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Originator {
    /// A registered source.
    Source(SourceId),
    /// Somebody not registered: counts with the prior of the kind, unproven.
    Unregistered(SourceKind),
}

/// Who passed a report on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relay {
    /// A registered source.
    Source(SourceId),
    /// Somebody not registered.
    Unregistered(SourceKind),
}

/// The smallest thing that can be true or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its name within the report.
    pub id: ClaimId,
    /// The place spoken of.
    pub place: PlaceId,
    /// What is said of it.
    pub predicate: Predicate,
    /// Affirmed or denied.
    pub polarity: Polarity,
    /// How much of the place.
    pub extent: Extent,
    /// The parts spoken of, where named.
    pub sub_places: Vec<PlaceId>,
    /// When it happened or was so; `None`: when it was published.
    pub event_time: Option<TimeInterval>,
    /// How it was put.
    pub modality: Modality,
}

/// What is claimed, with the actors that it needs: a predicate without its actor
/// has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// The actors hold the place.
    Controls(Actors),
    /// They are inside it.
    Present(Actors),
    /// There is fighting, with the parties if they are named.
    FightingAt(Vec<ActorId>),
    /// They are at its edge.
    AtEdge(Actors),
    /// They move towards it.
    AdvancingOn(Actors),
    /// They left it or lost it.
    Withdrew(Actors),
    /// They surround it.
    Besieges(Actors),
    /// They gave it to others without a fight.
    HandedOver {
        /// Who gave it.
        from: Actors,
        /// Who received it.
        to: Actors,
    },
}

impl Predicate {
    /// The subjects.
    #[must_use]
    pub fn actors(&self) -> &[ActorId] {
        match self {
            Self::Controls(a)
            | Self::Present(a)
            | Self::AtEdge(a)
            | Self::AdvancingOn(a)
            | Self::Withdrew(a)
            | Self::Besieges(a)
            | Self::HandedOver { from: a, .. } => a.as_slice(),
            Self::FightingAt(a) => a,
        }
    }

    /// The field's word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Controls(_) => "controls",
            Self::Present(_) => "present",
            Self::FightingAt(_) => "fighting_at",
            Self::AtEdge(_) => "at_edge",
            Self::AdvancingOn(_) => "advancing_on",
            Self::Withdrew(_) => "withdrew",
            Self::Besieges(_) => "besieges",
            Self::HandedOver { .. } => "handed_over",
        }
    }
}

/// One actor or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actors(Vec<ActorId>);

impl Actors {
    /// The actors, if there is at least one; sorted, once each.
    #[must_use]
    pub fn new(mut actors: Vec<ActorId>) -> Option<Self> {
        actors.sort();
        actors.dedup();
        (!actors.is_empty()).then_some(Self(actors))
    }

    /// The actors, sorted.
    #[must_use]
    pub fn as_slice(&self) -> &[ActorId] {
        &self.0
    }
}

/// Whether a claim is affirmed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// It is so.
    Affirm,
    /// It is not so.
    Deny,
}

/// How much of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Not said.
    Unspecified,
    /// All of it.
    Whole,
    /// More than half.
    Most,
    /// A part.
    Part,
    /// Its edge.
    Edge,
    /// Its outskirts.
    Outskirts,
}

impl Extent {
    /// Whether parts may be named beside it.
    #[must_use]
    pub fn takes_sub_places(self) -> bool {
        !matches!(self, Self::Whole | Self::Most)
    }
}

/// How a claim was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modality {
    /// As a fact.
    Asserted,
    /// With reserve.
    Hedged,
    /// As a rumour.
    Rumoured,
    /// On a condition; feeds no state.
    Conditional,
    /// As a plan; feeds no state.
    Intended,
}

impl Modality {
    /// Whether it says how things are, not how they might become.
    #[must_use]
    pub fn feeds_states(self) -> bool {
        matches!(self, Self::Asserted | Self::Hedged | Self::Rumoured)
    }
}
