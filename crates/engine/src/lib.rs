//! The fusion applied to the domain. One function defines every answer: fold the
//! reports of a place's family that are known, and evaluate the fold at a time.
//!
//! ```text
//!  reports ─ records (one of each) ─ versions (what still counts) ─ bearing (which claims bear on the place)
//!          ─ effect (what each says of the outcomes) ─ fold ─ evaluate(T) ─ state
//! ```
//!
//! A belief is a function of the set of record bodies and of the registry: order,
//! duplicates and batching of what comes in do not change it by a bit. No IO, no
//! async, no clock, no randomness.

mod area;
mod bearing;
mod between;
mod carried;
mod chain;
mod claimed;
mod compare;
mod effect;
mod erratum;
mod evaluate;
mod explain;
mod fold;
mod group;
mod interest;
mod item;
mod learn;
mod linked;
mod pace;
mod parts;
mod point;
mod records;
mod series;
mod statement;
mod versions;

pub use area::{AreaSummary, Noted, OutcomeShares, Share};
pub use between::{ClaimBetween, claims_between};
pub use claimed::{ClaimedControl, Hold, claimed};
pub use compare::{GroupDifference, StateChange, changes, group_differences, has_moved};
pub use erratum::{distance, taken_back};
pub use evaluate::Question;
pub use explain::{ClaimExplanation, Explanation, GroupExplanation, explain};
pub use fold::{Family, Folded, Taken};
pub use group::{GroupFacts, group_id};
pub use learn::{Calibrator, Counts, Site, learn};
pub use pace::{Changes, declared_changes_only, pace};
pub use point::{GroupState, ResumePoint, SiegeClaim, SubPlace};
pub use records::{affected_places, family_places};
pub use series::{Moment, series};
pub use versions::{SetAside, Sorted, Why, sort_out};

/// The method that computes the numbers; changes whenever they may.
pub const METHOD_VERSION: &str = "prior-6";
/// The source model in force until one is learned: the tables of the prior.
pub const SOURCE_MODEL: &str = "prior";
