//! What stands after the newest evidence: enough to evaluate any later time.

use std::sync::Arc;

use ascertain_domain::id::{ActorId, Digest};
use ascertain_domain::time::{Slot, Timestamp};
use ascertain_fusion::dispute::Favours;
use ascertain_fusion::filter::{FilterState, GroupId};

use crate::group::GroupFacts;

/// What stands after the newest evidence: enough to evaluate any later time.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumePoint {
    /// The filter's state.
    pub filter: Arc<FilterState>,
    /// The groups that still count for something, in the order of ids.
    pub groups: Vec<GroupState>,
    /// The newest word of each group on a siege.
    pub sieges: Vec<SiegeClaim>,
    /// Actors named, below their sides; sorted.
    pub members_named: Vec<ActorId>,
    /// The places within, with what was said of each itself.
    pub sub_places: Vec<SubPlace>,
    /// Whether anything behind this was brought along later.
    pub reconstructed: bool,
    /// The newest event in force.
    pub newest_event: Option<Timestamp>,
    /// Digest over the bodies behind this.
    pub input_digest: Digest,
}

/// What one independence group did.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupState {
    /// Its id: the first eight bytes of the digest of its key.
    pub id: GroupId,
    /// What it said.
    pub facts: Arc<GroupFacts>,
    /// What its claims favour; `None` where that is forgotten.
    pub favours: Option<Favours>,
}

/// The newest word of a group on a siege.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiegeClaim {
    /// The group.
    pub group: GroupId,
    /// Index of the outcome whose side besieges.
    pub side: usize,
    /// When.
    pub slot: Slot,
    /// Its weight; negative for a denial.
    pub weight: f64,
}

/// A place within the place.
#[derive(Debug, Clone, PartialEq)]
pub struct SubPlace {
    /// Its share of the weight of all, 0 to 1.
    pub share: f64,
    /// The newest slot with evidence of its own; `None`: none.
    pub newest: Option<Slot>,
    /// What its own evidence says, alone: the filter's state without what explains
    /// it. `None` without evidence, and for a place that is its own only part.
    pub own: Option<FilterState>,
}
