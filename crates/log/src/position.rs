//! Where a record stands in one log.

use std::fmt;

use ascertain_domain::id::{Digest, PlaceId};
use ascertain_domain::time::Timestamp;
use ascertain_domain::tombstone::body_digest;
use sha2::{Digest as _, Sha256};

/// A partition of a log. Partition 0 holds the registry; places have the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u32);

impl PartitionId {
    /// The partition of the registry.
    pub const REGISTRY: Self = Self(0);

    /// The partition of a home area, of so many place partitions: 1 + SHA-256 of its
    /// id, first 8 bytes, big endian, modulo their number. The rule is for ever:
    /// the records of a place never move.
    #[must_use]
    pub fn of_home_area(home_area: &PlaceId, place_partitions: u32) -> Self {
        let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of(home_area.as_str().as_bytes());
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let within = number % u64::from(place_partitions.max(1));
        // Below a u32.
        Self(1 + u32::try_from(within).unwrap_or(0))
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record's number in its partition: dense, from 1. Zero is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first record.
    pub const ZERO: Self = Self(0);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 16 random bytes drawn when a log is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

impl Incarnation {
    /// A new history.
    #[must_use]
    pub fn draw() -> Self {
        Self(*uuid::Uuid::new_v4().as_bytes())
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_bytes(self.0))
    }
}

/// The chain value of a record: SHA-256(chain before ‖ SHA-256(body)), first 16
/// bytes. It covers bodies only, so that erasing content leaves it whole; and of a body
/// that was erased its tombstone knows the digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain(pub [u8; 16]);

impl Chain {
    /// The chain before the first record.
    pub const START: Self = Self([0; 16]);

    /// The chain after one more body.
    #[must_use]
    pub fn extend(self, body: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(self.0)
            .chain_update(body_digest(body).0)
            .finalize();
        let mut chain = [0; 16];
        chain.copy_from_slice(&digest[..16]);
        Self(chain)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Where a record stands in one log, and when that log knew it. A fold never
/// reads a position; it only decides what was known at a knowledge time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: PartitionId,
    /// The record's number.
    pub sequence: Sequence,
    /// This log's clock at the append, or the stated time of a backfilled record.
    pub recorded_at: Timestamp,
    /// Knowledge time: the running maximum of `recorded_at` along the partition.
    pub known_at: Timestamp,
    /// The partition-0 sequence that the record was resolved against.
    pub registry_sequence: Sequence,
    /// The chain including this record.
    pub chain: Chain,
}
