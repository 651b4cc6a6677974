//! Records of another log, kept with the positions that they have there: for backups,
//! and for what is restored from them.

use ascertain_log::{Append, AppendError, End, Position, Record, Recorded};

/// Checks that records continue the ends of their partitions, and moves the ends.
pub(crate) fn place(
    ends: &mut Vec<End>,
    records: Vec<Record>,
) -> (Vec<Append>, Result<Vec<Position>, AppendError>) {
    let mut moved = ends.clone();
    let positions: Result<Vec<_>, _> = records
        .iter()
        .map(|record| continued(&mut moved, record))
        .collect();
    if positions.is_ok() {
        *ends = moved;
    }
    let append = |record: Record| Append {
        partition: record.position.partition,
        body: record.body,
        content: record.content,
        registry_sequence: record.position.registry_sequence,
        recorded: Recorded::Of(record.position.recorded_at),
    };
    (records.into_iter().map(append).collect(), positions)
}

fn continued(ends: &mut [End], record: &Record) -> Result<Position, AppendError> {
    let at = record.position;
    let end = ends
        .get_mut(at.partition.0 as usize)
        .ok_or(AppendError::NoSuchPartition(at.partition))?;
    let continues = at.sequence == end.last_sequence.next()
        && at.chain == end.chain.extend(&record.body)
        && end.known_at.is_none_or(|known| known <= at.known_at);
    if !continues {
        return Err(AppendError::Refused(format!(
            "record {} of partition {} does not continue record {}",
            at.sequence, at.partition, end.last_sequence
        )));
    }
    *end = End {
        last_sequence: at.sequence,
        known_at: Some(at.known_at),
        chain: at.chain,
    };
    Ok(at)
}
