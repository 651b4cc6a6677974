//! How a batch gets its positions: the rules of sequence, knowledge time and
//! chain, in one place for every log that writes.

use std::collections::BTreeMap;

use ascertain_domain::time::Timestamp;

use crate::{Append, AppendError, End, PartitionId, Position, Recorded};

/// The largest record that a log takes by default: bytes of body and content.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The largest batch that a log takes: bytes of body and content, and
/// [`RECORD_OVERHEAD_BYTES`] a record.
pub const MAX_BATCH_BYTES: usize = 64 << 20;

/// What a record counts in a batch beside its body and content, bytes.
pub const RECORD_OVERHEAD_BYTES: usize = 128;

/// Gives a batch its positions behind `ends` (one for each partition, partition 0
/// first) and moves `ends` to the last of them. `now` is the log's clock.
///
/// # Errors
/// [`AppendError::TooLarge`], [`AppendError::NoSuchPartition`] and
/// [`AppendError::LaterKnown`]; `ends` is then as it was.
pub fn place(
    ends: &mut [End],
    batch: &[Append],
    now: Timestamp,
    max_record_bytes: usize,
) -> Result<Vec<Position>, AppendError> {
    let mut batch_bytes = 0;
    let mut moved: BTreeMap<PartitionId, End> = BTreeMap::new();
    let mut positions = Vec::with_capacity(batch.len());
    for append in batch {
        let bytes = append.body.len() + append.content.len();
        within(bytes, max_record_bytes)?;
        batch_bytes += bytes + RECORD_OVERHEAD_BYTES;
        within(batch_bytes, MAX_BATCH_BYTES)?;

        let partition = append.partition;
        let end = match moved.get(&partition) {
            Some(end) => *end,
            None => *ends
                .get(partition.0 as usize)
                .ok_or(AppendError::NoSuchPartition(partition))?,
        };
        let position = behind(end, append, now)?;
        moved.insert(
            partition,
            End {
                last_sequence: position.sequence,
                known_at: Some(position.known_at),
                chain: position.chain,
            },
        );
        positions.push(position);
    }
    for (partition, end) in moved {
        if let Some(slot) = ends.get_mut(partition.0 as usize) {
            *slot = end;
        }
    }
    Ok(positions)
}

fn within(bytes: usize, limit: usize) -> Result<(), AppendError> {
    if bytes > limit {
        return Err(AppendError::TooLarge { bytes, limit });
    }
    Ok(())
}

fn behind(end: End, append: &Append, now: Timestamp) -> Result<Position, AppendError> {
    let recorded_at = match append.recorded {
        Recorded::Now => now,
        Recorded::Of(time) => time,
        Recorded::Stated(stated) => match end.known_at {
            Some(known_at) if known_at > stated => {
                return Err(AppendError::LaterKnown {
                    partition: append.partition,
                    known_at,
                    stated,
                });
            }
            _ => stated,
        },
    };
    Ok(Position {
        partition: append.partition,
        sequence: end.last_sequence.next(),
        recorded_at,
        known_at: match (end.known_at, append.recorded) {
            (None, _) => recorded_at,
            // Each its own: what was known at a time must not be half of a group.
            (Some(known), Recorded::Now) => recorded_at.max(known.plus_micros(1)),
            (Some(known), _) => recorded_at.max(known),
        },
        registry_sequence: append.registry_sequence,
        chain: end.chain.extend(&append.body),
    })
}
