//! How far a list of errata is: by records, since a time may be stated for what comes later.

use std::collections::BTreeMap;

use ascertain_domain::id::PlaceId;
use ascertain_log::PartitionId;

use crate::error::QueryError;
use crate::states::{ErratumAt, States};

/// How far a list is, in each partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    spans: BTreeMap<PartitionId, Span>,
    /// The last that was looked at; of its record others may be left.
    last: Option<(PartitionId, u64, PlaceId)>,
}

/// Records of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    after: u64,
    up_to: u64,
}

impl Cursor {
    /// A list that begins after some records and ends with others.
    pub(crate) fn new(
        after: &BTreeMap<PartitionId, u64>,
        up_to: impl IntoIterator<Item = (PartitionId, u64)>,
    ) -> Self {
        let span = |(partition, up_to)| {
            let after = after.get(&partition).copied().unwrap_or_default();
            (partition, Span { after, up_to })
        };
        Self {
            spans: up_to.into_iter().map(span).collect(),
            last: None,
        }
    }

    /// Where it ends, by partition.
    pub(crate) fn up_to(&self) -> BTreeMap<u32, u64> {
        let spans = self.spans.iter();
        spans.map(|(id, span)| (id.0, span.up_to)).collect()
    }

    /// Notes that an erratum was looked at, and all that stand before it.
    pub(crate) fn look_at(&mut self, erratum: &ErratumAt) {
        if let Some((partition, sequence, _)) = &self.last
            && (*partition, *sequence) != (erratum.partition, erratum.sequence)
            && let Some(span) = self.spans.get_mut(partition)
        {
            span.after = *sequence;
        }
        self.last = Some((erratum.partition, erratum.sequence, erratum.place.clone()));
    }

    /// What is left of the list, in the order in which it became known.
    pub(crate) fn rest(
        &self,
        states: &States,
    ) -> impl Iterator<Item = Result<ErratumAt, QueryError>> + use<> {
        let of = |(id, span): (&PartitionId, &Span)| {
            let within = self.last.as_ref().filter(|(partition, ..)| partition == id);
            let after = match within {
                Some((_, sequence, place)) => (*sequence, Some(place)),
                None => (span.after, None),
            };
            states.errata(*id, after, span.up_to).peekable()
        };
        let mut partitions: Vec<_> = self.spans.iter().map(of).collect();
        std::iter::from_fn(move || {
            // A failure first, so that nothing is left out unsaid.
            let rank = |head: &Result<ErratumAt, QueryError>| head.as_ref().ok().cloned();
            let heads = partitions.iter_mut().enumerate();
            let heads = heads.filter_map(|(i, left)| Some((rank(left.peek()?), i)));
            let (_, first) = heads.min()?;
            partitions.get_mut(first)?.next()
        })
    }

    /// As a text for a token.
    pub(crate) fn write(&self) -> String {
        let spans = self.spans.iter();
        let spans = spans.map(|(id, span)| format!("{}:{}:{}", id.0, span.after, span.up_to));
        let last = self.last.as_ref();
        let last =
            last.map(|(partition, sequence, place)| format!("{}:{sequence}:{place}", partition.0));
        let spans = spans.collect::<Vec<_>>().join(",");
        format!("{spans}/{}", last.unwrap_or_default())
    }

    /// Reads what was written; `None` if it is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (spans, last) = text.split_once('/')?;
        let numbers = |text: &str| -> Option<(PartitionId, u64, String)> {
            let mut parts = text.splitn(3, ':');
            let partition = parts.next()?.parse().ok()?;
            let sequence = parts.next()?.parse().ok()?;
            Some((PartitionId(partition), sequence, parts.next()?.to_owned()))
        };
        let span = |text: &str| {
            let (partition, after, up_to) = numbers(text)?;
            let up_to = up_to.parse().ok()?;
            Some((partition, Span { after, up_to }))
        };
        let last = match last {
            "" => None,
            last => {
                let (partition, sequence, place) = numbers(last)?;
                Some((partition, sequence, PlaceId::new(&place).ok()?))
            }
        };
        Some(Self {
            spans: spans.split(',').map(span).collect::<Option<_>>()?,
            last,
        })
    }
}

#[cfg(test)]
mod tests {
    use ascertain_domain::time::Timestamp;

    use super::*;

    #[test]
    fn a_cursor_is_written_and_read() {
        let partition = PartitionId;
        let after = BTreeMap::from([(partition(1), 3)]);
        let mut cursor = Cursor::new(&after, [(partition(1), 9), (partition(2), 7)]);
        assert_eq!(Cursor::read(&cursor.write()), Some(cursor.clone()));
        for (of, sequence) in [(1, 4), (2, 1), (2, 2)] {
            cursor.look_at(&ErratumAt {
                known_at: Timestamp::MIN,
                partition: partition(of),
                sequence,
                place: PlaceId::new("hama").unwrap(),
            });
        }
        assert_eq!(cursor.write(), "1:4:9,2:1:7/2:2:hama");
        assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
        for bad in ["", "1:2", "1:2:x/", "1:2:3/1:hama", "a:2:3/"] {
            assert_eq!(Cursor::read(bad), None, "{bad}");
        }
    }
}
