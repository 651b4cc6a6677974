//! Sources: who says it.

use crate::actor::Dated;
use crate::id::{ActorId, SourceId};
use crate::name::Name;

/// An originator or relay with an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Names, the one to show first.
    pub names: Vec<Name>,
    /// What kind of source.
    pub kind: SourceKind,
    /// What its silence means.
    pub reporting: Reporting,
    /// How it stood to actors, and when.
    pub alignments: Vec<Dated<Alignment>>,
    /// The operators' prior.
    pub grade: Grade,
    /// Whether its channel is verified to be its own, so that it cannot be one of
    /// many faces of a flood.
    pub identity_verified: bool,
}

impl Source {
    /// The name to show.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.names.first().map_or(self.id.as_str(), |n| &n.text)
    }
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A state's own media or officials.
    StateMedia,
    /// A channel of an armed actor.
    ArmedActorChannel,
    /// A monitor or observatory.
    Monitor,
    /// A news agency.
    Newswire,
    /// A newspaper, broadcaster or site.
    Newsroom,
    /// A non-governmental organisation.
    Ngo,
    /// A body of the United Nations.
    Un,
    /// Somebody who was there.
    Eyewitness,
    /// Satellite or other imagery.
    Imagery,
    /// A collector of others' reports.
    Aggregator,
}

/// What a source's silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reporting {
    /// Nothing.
    Episodic,
    /// "Still so".
    ChangesOnly,
    /// What is missing has ended.
    Snapshot,
    /// Nobody said. Read as nothing, until its habit is inferred.
    Undeclared,
}

/// How a source stands to an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alignment {
    /// Speaks for it.
    OrganOf(ActorId),
    /// Leans to it.
    Sympathetic(ActorId),
    /// Leans against it.
    Opposed(ActorId),
    /// Belongs to no side.
    Independent,
    /// Not known; read as independent.
    Unknown,
}

/// Admiralty letter of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Completely reliable.
    A,
    /// Usually reliable.
    B,
    /// Fairly reliable.
    C,
    /// Not usually reliable.
    D,
    /// Unreliable.
    E,
    /// Cannot be judged: missing information, not the lowest grade.
    F,
}

impl Grade {
    /// Whether a source of this grade is an anchor: proven before anything is learned.
    #[must_use]
    pub fn is_anchor(self) -> bool {
        matches!(self, Self::A | Self::B)
    }
}
