//! Actors: parties that can hold ground, or back one.

use crate::id::ActorId;
use crate::name::Name;
use crate::time::Timestamp;

/// A party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Its id.
    pub id: ActorId,
    /// Names, the neutral one first.
    pub names: Vec<Name>,
    /// Coalitions that it belonged to, and when.
    pub member_of: Vec<Dated<ActorId>>,
}

impl Actor {
    /// The name to show.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.names.first().map_or(self.id.as_str(), |n| &n.text)
    }
}

/// Something that holds from one time until another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated<T> {
    /// What holds.
    pub value: T,
    /// From when; `None`: always.
    pub from: Option<Timestamp>,
    /// Until when, exclusive; `None`: still.
    pub until: Option<Timestamp>,
}

impl<T> Dated<T> {
    /// Whether it holds at a time.
    #[must_use]
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }
}
