//! Records and ends as messages, there and back.

use ascertain_domain::time::Timestamp;
use ascertain_log::{
    Chain, End, FOLLOW_BATCH_BYTES, Incarnation, PartitionId, Position, Record, Sequence,
};
use ascertain_proto::log::v1::{Frame, PartitionEnd};
use bytes::Bytes;

const MICROS: i64 = 1_000_000;

/// A record as a frame.
#[must_use]
pub fn to_frame(record: Record) -> Frame {
    let at = record.position;
    Frame {
        partition: at.partition.0,
        sequence: at.sequence.0,
        recorded_at_us: at.recorded_at.micros(),
        known_at_us: at.known_at.micros(),
        registry_sequence: at.registry_sequence.0,
        body: record.body,
        content: record.content,
        chain: Bytes::copy_from_slice(&at.chain.0),
    }
}

/// A frame as a record.
///
/// # Errors
/// What is wrong with it.
pub fn from_frame(frame: Frame) -> Result<Record, String> {
    Ok(Record {
        position: Position {
            partition: PartitionId(frame.partition),
            sequence: Sequence(frame.sequence),
            recorded_at: time(frame.recorded_at_us)?,
            known_at: time(frame.known_at_us)?,
            registry_sequence: Sequence(frame.registry_sequence),
            chain: chain(&frame.chain)?,
        },
        body: frame.body,
        content: frame.content,
    })
}

/// Records as the frames of one response after another, none of them too large.
#[must_use]
pub fn to_responses(records: Vec<Record>) -> Vec<Vec<Frame>> {
    let mut responses = vec![Vec::new()];
    let mut bytes = 0;
    for record in records {
        bytes += record.payload_bytes();
        if let Some(frames) = responses.last_mut()
            && (frames.is_empty() || bytes <= FOLLOW_BATCH_BYTES)
        {
            frames.push(to_frame(record));
        } else {
            bytes = record.payload_bytes();
            responses.push(vec![to_frame(record)]);
        }
    }
    responses
}

/// The end of a partition as a message.
#[must_use]
pub fn to_partition_end(partition: u32, end: &End) -> PartitionEnd {
    let is_empty = end.last_sequence == Sequence::ZERO;
    PartitionEnd {
        partition,
        last_sequence: end.last_sequence.0,
        known_at: end.known_at.map(|time| prost_types::Timestamp {
            seconds: time.micros().div_euclid(MICROS),
            // Below a second, and so far below the limit.
            nanos: i32::try_from(time.micros().rem_euclid(MICROS) * 1000).unwrap_or_default(),
        }),
        chain: if is_empty {
            Vec::new()
        } else {
            end.chain.0.to_vec()
        },
    }
}

/// The end of a partition from a message.
///
/// # Errors
/// What is wrong with it.
pub fn from_partition_end(end: &PartitionEnd) -> Result<End, String> {
    if end.last_sequence == 0 {
        return Ok(End::EMPTY);
    }
    let known_at = end.known_at.as_ref().ok_or("no knowledge time")?;
    let micros = known_at.seconds.checked_mul(MICROS).ok_or("no time")?;
    Ok(End {
        last_sequence: Sequence(end.last_sequence),
        known_at: Some(time(
            micros.saturating_add(i64::from(known_at.nanos / 1000)),
        )?),
        chain: chain(&end.chain)?,
    })
}

/// An incarnation; `None` for bytes that are none.
#[must_use]
pub fn from_incarnation(bytes: &[u8]) -> Option<Incarnation> {
    bytes.try_into().ok().map(Incarnation)
}

fn chain(bytes: &[u8]) -> Result<Chain, String> {
    let bytes = bytes.try_into();
    bytes.map(Chain).map_err(|_| "no chain value".to_owned())
}

fn time(micros: i64) -> Result<Timestamp, String> {
    Timestamp::from_micros(micros).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_arrives_as_it_was_sent() {
        for micros in [-1, 0, 1, 1_700_000_000_123_456] {
            let end = End {
                last_sequence: Sequence(5),
                known_at: Some(Timestamp::from_micros(micros).unwrap()),
                chain: Chain::START.extend(b"body"),
            };
            assert_eq!(from_partition_end(&to_partition_end(2, &end)), Ok(end));
        }
        let empty = to_partition_end(1, &End::EMPTY);
        assert!(empty.chain.is_empty() && empty.known_at.is_none());
        assert_eq!(from_partition_end(&empty), Ok(End::EMPTY));
    }
}
