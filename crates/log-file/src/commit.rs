//! The committer: one thread that drains the queue, writes a group, syncs it,
//! shows it to followers, and acknowledges it. Nothing else writes.

use std::fs::File;
use std::io;
use std::sync::Arc;

use ascertain_log::{Append, AppendError, Clock, End, Position, place};
use tokio::sync::{mpsc, oneshot, watch};

use crate::disk::Disk;
use crate::folder::create_segment;
use crate::frame::{SEGMENT_HEADER_BYTES, encode, frame_bytes, seed};
use crate::read::{Place, Reader};

/// A group takes no further batch once it holds so many records ...
const GROUP_RECORDS: usize = 4096;
/// ... or so many bytes.
const GROUP_BYTES: usize = 1 << 20;

/// What an append is answered with.
pub(crate) type Answer = Result<Vec<Position>, AppendError>;

/// A batch that waits for the committer.
pub(crate) struct Request {
    pub(crate) batch: Vec<Append>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The segment that is written now.
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) file: File,
    /// Bytes that are durable and acknowledged; the next group goes here.
    pub(crate) length: u64,
}

/// All that the committer's thread owns.
pub(crate) struct Committer {
    pub(crate) queue: mpsc::Receiver<Request>,
    pub(crate) reader: Arc<Reader>,
    /// The durable ends, one a partition.
    pub(crate) ends: Vec<watch::Sender<End>>,
    /// `None`: opened read-only.
    pub(crate) segment: Option<Segment>,
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) clock: Clock,
    pub(crate) max_record_bytes: usize,
    pub(crate) segment_bytes: u64,
    /// Held until the last group is done.
    pub(crate) _lock: File,
}

/// Why a group was not committed.
enum Failure {
    /// It surely did not happen, and the log goes on.
    Nothing(io::Error),
    /// It surely did not happen, but the log cannot go on.
    Stop(io::Error),
    /// It perhaps happened, and the log cannot go on.
    Unknown(io::Error),
}

/// Records that have their positions, ready to be written.
struct Group {
    bytes: Vec<u8>,
    places: Vec<(Position, Place)>,
    answers: Vec<(oneshot::Sender<Answer>, Vec<Position>)>,
}

impl Committer {
    /// Serves the queue until every sender is gone and it is empty.
    pub(crate) fn run(mut self) {
        let mut refusal = "it is open for reading only".to_owned();
        while let Some(first) = self.queue.blocking_recv() {
            let (requests, bytes) = self.drain(first);
            let Some(mut segment) = self.segment.take() else {
                for request in requests {
                    // A caller that went away needs no answer, here and below.
                    let _ = request
                        .answer
                        .send(Err(AppendError::Refused(refusal.clone())));
                }
                continue;
            };
            match self.commit(&mut segment, requests, bytes) {
                Ok(()) => self.segment = Some(segment),
                // Never a second fsync: what a failed one lost, it never writes again.
                Err(error) => {
                    tracing::error!(%error, "the log takes no more records until it is opened again");
                    refusal = format!("it is read-only since a failure of the disk: {error}");
                }
            }
        }
    }

    /// The requests of the next group, and the bytes of their frames.
    fn drain(&mut self, first: Request) -> (Vec<Request>, usize) {
        let mut requests = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        let mut next = Some(first);
        while let Some(request) = next {
            records += request.batch.len();
            bytes += request.batch.iter().map(frame_bytes).sum::<usize>();
            requests.push(request);
            let full = records >= GROUP_RECORDS || bytes >= GROUP_BYTES;
            next = if full {
                None
            } else {
                self.queue.try_recv().ok()
            };
        }
        (requests, bytes)
    }

    /// Commits a group and answers its requests. An error means that the log
    /// cannot go on.
    fn commit(
        &self,
        segment: &mut Segment,
        requests: Vec<Request>,
        bytes: usize,
    ) -> io::Result<()> {
        let rolled = self.roll(segment, bytes);
        let group = self.place(segment, requests, bytes);
        let written = rolled.and_then(|()| self.write(segment, &group.bytes));
        let (surely_not, error) = match written {
            Ok(()) => {
                self.show(&group.places);
                for (answer, positions) in group.answers {
                    let _ = answer.send(Ok(positions));
                }
                return Ok(());
            }
            Err(Failure::Nothing(error)) => (true, Ok(error)),
            Err(Failure::Stop(error)) => (true, Err(error)),
            Err(Failure::Unknown(error)) => (false, Err(error)),
        };
        let text = error
            .as_ref()
            .map_or_else(ToString::to_string, ToString::to_string);
        for (answer, _) in group.answers {
            let error = if surely_not {
                AppendError::Refused(text.clone())
            } else {
                AppendError::OutcomeUnknown(text.clone())
            };
            let _ = answer.send(Err(error));
        }
        error.map(drop)
    }

    /// Begins a new segment where the group does not fit into this one.
    fn roll(&self, segment: &mut Segment, bytes: usize) -> Result<(), Failure> {
        let empty = segment.length <= SEGMENT_HEADER_BYTES as u64;
        if empty || segment.length + bytes as u64 <= self.segment_bytes {
            return Ok(());
        }
        let number = segment.number + 1;
        let file = create_segment(&self.reader.folder, self.reader.incarnation, number).map_err(
            |error| match is_full(&error) {
                true => Failure::Nothing(error),
                false => Failure::Stop(error),
            },
        )?;
        *segment = Segment {
            number,
            file,
            length: SEGMENT_HEADER_BYTES as u64,
        };
        Ok(())
    }

    /// Gives every request its positions; those that cannot have any are answered.
    fn place(&self, segment: &Segment, requests: Vec<Request>, bytes: usize) -> Group {
        let seed = seed(self.reader.incarnation, segment.number);
        let now = (self.clock)();
        let mut ends: Vec<End> = self.ends.iter().map(|end| *end.borrow()).collect();
        let mut group = Group {
            bytes: Vec::with_capacity(bytes),
            places: Vec::new(),
            answers: Vec::with_capacity(requests.len()),
        };
        for Request { batch, answer } in requests {
            let positions = match place(&mut ends, &batch, now, self.max_record_bytes) {
                Ok(positions) => positions,
                Err(error) => {
                    let _ = answer.send(Err(error));
                    continue;
                }
            };
            for (n, (append, position)) in batch.iter().zip(&positions).enumerate() {
                let offset = segment.length as usize + group.bytes.len();
                group
                    .places
                    .push((*position, Place::new(segment.number, offset)));
                let is_last = n + 1 == batch.len();
                encode(&mut group.bytes, position, append, is_last, seed);
            }
            group.answers.push((answer, positions));
        }
        group
    }

    fn write(&self, segment: &mut Segment, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.disk.write(&segment.file, bytes, segment.length) {
            // Without space part of the group may stand in the file. It is gone for
            // sure only once the cut is durable.
            let undone =
                is_full(&error) && self.disk.truncate(&segment.file, segment.length).is_ok();
            return Err(match undone {
                true => Failure::Nothing(error),
                false => Failure::Unknown(error),
            });
        }
        self.disk.sync(&segment.file).map_err(Failure::Unknown)?;
        segment.length += bytes.len() as u64;
        Ok(())
    }

    /// Shows durable records to followers.
    fn show(&self, places: &[(Position, Place)]) {
        let mut last: Vec<Option<&Position>> = vec![None; self.ends.len()];
        for (position, place) in places {
            self.reader.note(position.partition, *place);
            if let Some(last) = last.get_mut(position.partition.0 as usize) {
                *last = Some(position);
            }
        }
        for (end, last) in self.ends.iter().zip(last) {
            if let Some(position) = last {
                end.send_replace(End {
                    last_sequence: position.sequence,
                    known_at: Some(position.known_at),
                    chain: position.chain,
                });
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
