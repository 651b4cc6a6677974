//! Where a record stands in one log.

use std::fmt;

use ascertain_domain::time::Timestamp;
use sha2::{Digest, Sha256};

/// A partition of a log. Partition 0 holds the registry; places have the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u32);

impl PartitionId {
    /// The partition of the registry.
    pub const REGISTRY: Self = Self(0);
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
/// bytes. It covers bodies only, so that erasing content leaves it whole.
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
            .chain_update(Sha256::digest(body))
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
