//! From a request's options to the times of an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ascertain_access::require_supported_audience;
use ascertain_domain::marking::Audience;
use ascertain_domain::time::Timestamp;
use ascertain_log::PartitionId;
use ascertain_proto::inward;
use ascertain_proto::token::WriteToken;
use ascertain_proto::v1::{ReadOptions, Reason};

use crate::error::QueryError;
use crate::follow::Replica;

/// The most write tokens that a read names.
const MAX_TOKENS: usize = 64;

/// A knowledge time so little ahead of the clock is waited for, microseconds. Beyond
/// it the clock of the log is another machine's.
const MOST_AHEAD_US: i64 = 100_000;

/// The times that were asked for. The clock enters here, once a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub as_of: Option<Timestamp>,
    pub as_known_at: Option<Timestamp>,
    pub audience: Audience,
    pub now: Timestamp,
}

impl Asked {
    /// Reads the options of a request.
    pub(crate) fn from_wire(
        read: Option<&ReadOptions>,
        now: Timestamp,
        frontier: Option<Timestamp>,
    ) -> Result<Self, QueryError> {
        let none = ReadOptions::default();
        let read = read.unwrap_or(&none);
        let as_of = time("read.as_of", read.as_of.as_ref())?;
        let as_known_at = known_at(
            "read.as_known_at",
            read.as_known_at.as_ref(),
            (now, frontier),
        )?;
        let audience = audience("read.audience", read.audience)?;
        Ok(Self {
            as_of,
            as_known_at,
            audience,
            now,
        })
    }
}

/// A knowledge time, which must have come: by this clock, or because something is
/// known by then (the log's clock may be ahead of this one).
pub(crate) fn known_at(
    field: &str,
    wire: Option<&prost_types::Timestamp>,
    (now, frontier): (Timestamp, Option<Timestamp>),
) -> Result<Option<Timestamp>, QueryError> {
    let known_at = time(field, wire)?;
    match known_at {
        Some(asked) if asked > now && Some(asked) > frontier => Err(QueryError::field(
            field,
            Reason::AsKnownAtInFuture,
            format!("{asked} has not come yet; it is {now}"),
        )),
        known_at => Ok(known_at),
    }
}

pub(crate) fn time(
    field: &str,
    wire: Option<&prost_types::Timestamp>,
) -> Result<Option<Timestamp>, QueryError> {
    wire.map(inward::timestamp)
        .transpose()
        .map_err(|error| QueryError::field(field, Reason::OutOfRange, error.to_string()))
}

pub(crate) fn audience(field: &str, wire: i32) -> Result<Audience, QueryError> {
    let audience = inward::audience(wire).ok_or_else(|| {
        let what = format!("{wire} is no audience");
        QueryError::field(field, Reason::OutOfRange, what)
    })?;
    require_supported_audience(audience).map_err(|error| {
        QueryError::field(field, Reason::AudienceNotSupported, error.to_string())
    })?;
    Ok(audience)
}

/// Waits until everything is here that was known at a time, so that the answer for
/// that knowledge time is the same whenever it is asked. The log is asked where it
/// ends only for a time that is later than all it was asked for before.
pub(crate) async fn see_all_known(
    replica: &Arc<Replica>,
    known_at: Timestamp,
    patience: Duration,
) -> Result<(), QueryError> {
    if known_at.micros() <= replica.settled_us.load(Ordering::Acquire) {
        return Ok(());
    }
    let waiting = async {
        // The clock must be past it: what the log takes in this very microsecond is
        // known by it, too.
        let ahead = known_at.micros() - (replica.clock)().micros();
        if (0..MOST_AHEAD_US).contains(&ahead) {
            tokio::time::sleep(Duration::from_micros(ahead.unsigned_abs() + 1)).await;
        }
        // What the log takes after this is not known before this.
        let asked = (replica.clock)();
        let ends = replica.report_log.ends().await;
        let ends = ends.map_err(|_| QueryError::NotCaughtUp(patience))?;
        for (partition, end) in (0_u32..).map(PartitionId).zip(&ends) {
            see(replica, partition, end.last_sequence.0, patience).await?;
        }
        replica
            .settled_us
            .fetch_max(asked.micros() - 1, Ordering::AcqRel);
        Ok(())
    };
    match tokio::time::timeout(patience, waiting).await {
        Ok(result) => result,
        Err(_) => Err(QueryError::NotCaughtUp(patience)),
    }
}

/// Waits until the registry is here on which the states rest. It is kept in memory:
/// after a start the states may be here before it.
pub(crate) async fn see_registry(
    replica: &Arc<Replica>,
    patience: Duration,
) -> Result<(), QueryError> {
    let reached = replica.registry.reached(replica.registry_needed());
    match tokio::time::timeout(patience, reached).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(QueryError::NotCaughtUp(patience)),
    }
}

/// Waits until a record is seen, with all that it caused.
pub(crate) async fn see(
    replica: &Replica,
    partition: PartitionId,
    sequence: u64,
    patience: Duration,
) -> Result<(), QueryError> {
    let not_caught_up = || QueryError::NotCaughtUp(patience);
    if partition == PartitionId::REGISTRY {
        let reached = replica.registry.reached(sequence).await;
        return reached.then_some(()).ok_or_else(not_caught_up);
    }
    let Some(followed) = replica.partitions.get(&partition) else {
        return Ok(());
    };
    let mut states = followed.states.subscribe();
    let seen = states
        .wait_for(|up_to| up_to.report_sequence >= sequence)
        .await;
    seen.map(|_| ()).map_err(|_| not_caught_up())
}

/// Waits until the writes that tokens name are seen.
pub(crate) async fn see_writes(
    replica: &Arc<Replica>,
    field: &str,
    tokens: &[String],
    patience: Duration,
) -> Result<(), QueryError> {
    if tokens.len() > MAX_TOKENS {
        let what = format!("names {} writes; {MAX_TOKENS} are the most", tokens.len());
        return Err(QueryError::field(field, Reason::TooLong, what));
    }
    let waiting = async {
        for (i, token) in tokens.iter().enumerate() {
            see_write(replica, &format!("{field}[{i}]"), token, patience).await?;
        }
        Ok(())
    };
    match tokio::time::timeout(patience, waiting).await {
        Ok(result) => result,
        Err(_) => Err(QueryError::NotCaughtUp(patience)),
    }
}

/// Waits until what one token names is seen; its positions, by partition.
pub(crate) async fn see_write(
    replica: &Arc<Replica>,
    field: &str,
    token: &str,
    patience: Duration,
) -> Result<BTreeMap<u32, u64>, QueryError> {
    let invalid = |what: String| QueryError::field(field, Reason::TokenInvalid, what);
    let token = WriteToken::decode(token).map_err(|e| invalid(e.to_string()))?;
    if token.incarnation != replica.report_incarnation.0 {
        let what = "belongs to another history of the report log";
        return Err(invalid(what.to_owned()));
    }
    for &partition in token.positions.keys() {
        let id = PartitionId(partition);
        if id != PartitionId::REGISTRY && !replica.partitions.contains_key(&id) {
            let what = format!("names partition {partition}, which is not here");
            return Err(invalid(what));
        }
    }
    see_positions(replica, &token.positions, patience).await?;
    Ok(token.positions)
}

/// Waits until records are seen, with all that they caused: of each partition one.
pub(crate) async fn see_positions(
    replica: &Arc<Replica>,
    positions: &BTreeMap<u32, u64>,
    patience: Duration,
) -> Result<(), QueryError> {
    let waiting = async {
        for (&partition, &sequence) in positions {
            see(replica, PartitionId(partition), sequence, patience).await?;
        }
        Ok(())
    };
    match tokio::time::timeout(patience, waiting).await {
        Ok(seen) => seen,
        Err(_) => Err(QueryError::NotCaughtUp(patience)),
    }
}
