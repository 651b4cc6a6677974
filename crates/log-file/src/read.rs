//! Reading records by position, out of the segment files.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ascertain_log::{
    End, FOLLOW_BATCH_BYTES, FOLLOW_BATCH_RECORDS, FollowError, Incarnation, PartitionId,
    Positional, Record, Sequence,
};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::disk::{Disk, DiskFile};
use crate::folder::segment_path;
use crate::frame::{FRAME_HEADER_BYTES, claimed_length, parse, seed};

/// Bytes read at once; the frames of one partition lie near each other.
const WINDOW_BYTES: usize = 64 << 10;

/// Where a record's frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    segment: u32,
    offset: u32,
}

impl Place {
    /// Of a record that is lost. Segments are numbered from 1.
    pub(crate) const DAMAGED: Self = Self {
        segment: 0,
        offset: 0,
    };

    /// Segments are held far below 4 GiB.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn new(segment: u32, offset: usize) -> Self {
        Self {
            segment,
            offset: offset as u32,
        }
    }

    /// The segment, and the offset within it.
    pub(crate) fn parts(self) -> (u32, u32) {
        (self.segment, self.offset)
    }
}

/// What followers hold of an open log.
pub(crate) struct Reader {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) incarnation: Incarnation,
    /// The durable ends, one a partition.
    pub(crate) ends: Vec<watch::Receiver<End>>,
    /// Where each durable record stands; sequence 1 first.
    pub(crate) index: Vec<RwLock<Vec<Place>>>,
    /// Held for writing while a frame is written over: half of it is none.
    pub(crate) erasing: RwLock<()>,
}

impl Reader {
    /// Notes where the next records of a partition stand.
    pub(crate) fn note(&self, partition: PartitionId, place: Place) {
        if let Some(index) = self.index.get(partition.0 as usize) {
            index
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .push(place);
        }
    }

    /// Where a record stands; `None` where there is none.
    pub(crate) fn place(&self, partition: PartitionId, sequence: Sequence) -> Option<Place> {
        let before = Sequence(sequence.0.checked_sub(1)?);
        self.places(partition, before, sequence).first().copied()
    }

    fn places(&self, partition: PartitionId, after: Sequence, until: Sequence) -> Vec<Place> {
        let Some(index) = self.index.get(partition.0 as usize) else {
            return Vec::new();
        };
        let index = index.read().unwrap_or_else(PoisonError::into_inner);
        let last = until.0.min(after.0 + FOLLOW_BATCH_RECORDS as u64);
        let range = after.0 as usize..last as usize;
        index.get(range).map(<[Place]>::to_vec).unwrap_or_default()
    }

    fn read_batch(
        &self,
        partition: PartitionId,
        after: Sequence,
        places: &[Place],
    ) -> Result<Vec<Record>, FollowError> {
        let _erasing = self.erasing.read().unwrap_or_else(PoisonError::into_inner);
        let mut batch: Vec<Record> = Vec::with_capacity(places.len());
        let mut bytes = 0;
        let mut window = Window::default();
        let mut sequence = after;
        for place in places {
            sequence = sequence.next();
            match self.read_record(&mut window, *place, partition, sequence) {
                Ok(record) => {
                    bytes += record.payload_bytes();
                    if bytes > FOLLOW_BATCH_BYTES && !batch.is_empty() {
                        break;
                    }
                    batch.push(record);
                }
                // What is whole is given first; the next call meets the flaw again.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(batch)
    }

    fn read_record(
        &self,
        window: &mut Window,
        place: Place,
        partition: PartitionId,
        sequence: Sequence,
    ) -> Result<Record, FollowError> {
        let damaged = |detail: String| FollowError::Damaged {
            partition,
            sequence,
            detail,
        };
        if place == Place::DAMAGED {
            return Err(damaged("it was lost to damage of its segment".to_owned()));
        }
        let bytes = window
            .frame_at(self, place)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => damaged("its segment is missing".to_owned()),
                // Out of descriptors or of memory is no damage.
                _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                    damaged(format!("the disk cannot read it: {error}"))
                }
                _ => FollowError::Unavailable(error.to_string()),
            })?;
        let frame = parse(bytes, seed(self.incarnation, place.segment)).map_err(|flaw| {
            let path = segment_path(&self.folder, place.segment);
            damaged(format!(
                "{}, offset {}: {flaw}",
                path.display(),
                place.offset
            ))
        })?;
        let at = frame.position;
        if (at.partition, at.sequence) != (partition, sequence) {
            return Err(damaged("another record stands in its place".to_owned()));
        }
        Ok(Record {
            position: at,
            body: Bytes::copy_from_slice(frame.body),
            content: Bytes::copy_from_slice(frame.content),
        })
    }
}

#[async_trait]
impl Positional for Reader {
    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn end(&self, partition: PartitionId) -> Option<watch::Receiver<End>> {
        self.ends.get(partition.0 as usize).cloned()
    }

    async fn read(
        self: Arc<Self>,
        partition: PartitionId,
        after: Sequence,
        until: Sequence,
    ) -> Result<Vec<Record>, FollowError> {
        let read = move || {
            let places = self.places(partition, after, until);
            self.read_batch(partition, after, &places)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| FollowError::Unavailable(error.to_string()))?
    }
}

/// A stretch of a segment in memory.
#[derive(Default)]
struct Window {
    file: Option<(u32, Arc<dyn DiskFile>)>,
    start: usize,
    bytes: Vec<u8>,
}

impl Window {
    /// The bytes from a place on: all of its frame, unless the file ends before.
    fn frame_at(&mut self, reader: &Reader, place: Place) -> io::Result<&[u8]> {
        let header = self.at(reader, place, FRAME_HEADER_BYTES)?;
        let length = claimed_length(header);
        self.at(reader, place, length)
    }

    fn at(&mut self, reader: &Reader, place: Place, wanted: usize) -> io::Result<&[u8]> {
        let file = match self.file.take() {
            Some((segment, file)) if segment == place.segment => file,
            _ => {
                self.bytes.clear();
                let path = segment_path(&reader.folder, place.segment);
                reader.disk.open(&path)?
            }
        };
        let offset = place.offset as usize;
        let covered = self.start..self.start + self.bytes.len();
        if !(covered.contains(&offset) && offset + wanted <= covered.end) {
            self.start = offset;
            self.bytes.resize(wanted.max(WINDOW_BYTES), 0);
            let offset = u64::from(place.offset);
            let read = match file.read_at(&mut self.bytes, offset) {
                // What lies behind it, and nobody asked for, perhaps cannot be read.
                Err(_) => file.read_at(&mut self.bytes[..wanted], offset)?,
                Ok(read) => read,
            };
            self.bytes.truncate(read);
        }
        self.file = Some((place.segment, file));
        Ok(&self.bytes[offset - self.start..])
    }
}
