//! The committer: one thread that drains the queue, writes a group, syncs it,
//! shows it to followers, and acknowledges it. Nothing else writes.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ascertain_log::{Append, AppendError, Clock, End, Erase, Position, Record, place};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::copy;
use crate::disk::{Lock, is_full};
use crate::erase::erase;
use crate::frame::{FRAME_HEADER_BYTES, FRAMES_START, encode, seed};
use crate::read::{Place, Reader};
use crate::segment::{Failure, Segment};

/// A group takes no further batch once it holds so many records ...
const GROUP_RECORDS: usize = 4096;
/// ... or so many bytes.
const GROUP_BYTES: usize = 1 << 20;
/// After so long without another group the last one is marked as settled.
const QUIET: Duration = Duration::from_millis(10);

/// What an append is answered with.
pub(crate) type Answer = Result<Vec<Position>, AppendError>;

/// Whoever waits for something to be erased.
pub(crate) type Erasing = (Vec<Erase>, oneshot::Sender<Result<(), AppendError>>);

/// What waits for the committer.
pub(crate) enum Request {
    /// Records.
    Append(Waiting),
    /// What is to be erased.
    Erase(Erasing),
    /// A question: where all partitions end at one moment, between two groups.
    Ends(oneshot::Sender<Vec<End>>),
}

/// Records that wait for the committer.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Its room in the queue; given back with the request.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What is to be appended.
pub(crate) enum Batch {
    /// New records, to be given their positions.
    New(Vec<Append>),
    /// Records of another log, with their positions.
    Copied(Vec<Record>),
}

impl Batch {
    fn records(&self) -> usize {
        match self {
            Self::New(batch) => batch.len(),
            Self::Copied(batch) => batch.len(),
        }
    }

    /// Bytes of its frames.
    pub(crate) fn bytes(&self) -> usize {
        let payload: usize = match self {
            Self::New(batch) => batch.iter().map(|a| a.body.len() + a.content.len()).sum(),
            Self::Copied(batch) => batch.iter().map(Record::payload_bytes).sum(),
        };
        payload + self.records() * FRAME_HEADER_BYTES
    }
}

/// All that the committer's thread owns.
pub(crate) struct Committer {
    pub(crate) queue: Receiver<Request>,
    pub(crate) reader: Arc<Reader>,
    /// The durable ends, one a partition.
    pub(crate) ends: Vec<watch::Sender<End>>,
    /// `None`: opened read-only.
    pub(crate) segment: Option<Segment>,
    pub(crate) clock: Clock,
    pub(crate) max_record_bytes: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) min_free_bytes: u64,
    /// Why the log takes no more records, once it does not.
    pub(crate) failure: watch::Sender<Option<String>>,
    /// Held until the last group is done.
    pub(crate) _lock: Lock,
}

/// What is done at once.
#[derive(Default)]
struct Drained {
    appends: Vec<Waiting>,
    /// Bytes of their frames.
    bytes: usize,
    /// What is to be erased, after what was appended.
    erase: Vec<Erasing>,
    /// Who asks for the ends; what was appended before is to be among them.
    asked: Vec<oneshot::Sender<Vec<End>>>,
}

/// Records that have their positions, ready to be written.
struct Group {
    bytes: Vec<u8>,
    places: Vec<(Position, Place)>,
    answers: Vec<(oneshot::Sender<Answer>, Vec<Position>)>,
    /// The ends after it.
    ends: Vec<End>,
}

impl Committer {
    /// Serves the queue until every sender is gone and it is empty.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.next() {
            let Drained {
                appends,
                bytes,
                erase,
                asked,
            } = self.drain(first);
            if let Some(mut segment) = self.segment.take() {
                match self.commit(&mut segment, appends, bytes) {
                    Ok(()) => self.segment = Some(segment),
                    // Never a second fsync: what a failed one lost, it never writes again.
                    Err(error) => self.stop(&error),
                }
            } else {
                let failure = self.failure.borrow().clone();
                let why = failure.unwrap_or_else(|| "it is open for reading only".to_owned());
                for append in appends {
                    // A caller that went away needs no answer, here and below.
                    let _ = append.answer.send(Err(AppendError::Refused(why.clone())));
                }
            }
            for (records, answer) in erase {
                let _ = answer.send(self.erase(&records));
            }
            for ends in asked {
                let _ = ends.send(self.ends());
            }
        }
    }

    fn stop(&self, error: &io::Error) {
        tracing::error!(%error, "the log takes no more records until it is opened again");
        let why = format!("it is read-only since a failure of the disk: {error}");
        self.failure.send_replace(Some(why));
    }

    /// The next request; what is acknowledged is marked as settled when it is quiet,
    /// and at the end.
    fn next(&mut self) -> Option<Request> {
        if self.segment.as_ref().is_some_and(Segment::is_unsettled) {
            match self.queue.recv_timeout(QUIET) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if let Some(mut segment) = self.segment.take() {
                        match segment.settle() {
                            Ok(()) => self.segment = Some(segment),
                            Err(error) => self.stop(&error),
                        }
                    }
                }
            }
        }
        self.queue.recv().ok()
    }

    /// The requests of the next group.
    fn drain(&mut self, first: Request) -> Drained {
        let mut drained = Drained::default();
        let mut records = 0;
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Append(append) => {
                    records += append.batch.records();
                    drained.bytes += append.batch.bytes();
                    drained.appends.push(append);
                }
                Request::Erase(erasing) => drained.erase.push(erasing),
                Request::Ends(asked) => drained.asked.push(asked),
            }
            let full = records >= GROUP_RECORDS || drained.bytes >= GROUP_BYTES;
            next = if full {
                None
            } else {
                self.queue.try_recv().ok()
            };
        }
        drained
    }

    /// Erases, once all that was acknowledged is settled: what a watermark says of the zeros
    /// in the last group is to stay true.
    fn erase(&mut self, records: &[Erase]) -> Result<(), AppendError> {
        let Some(mut segment) = self.segment.take() else {
            let failure = self.failure.borrow().clone();
            let why = failure.unwrap_or_else(|| "it is open for reading only".to_owned());
            return Err(AppendError::Refused(why));
        };
        if segment.is_unsettled()
            && let Err(error) = segment.settle()
        {
            self.stop(&error);
            return Err(AppendError::Refused(error.to_string()));
        }
        match erase(&self.reader, records) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                self.segment = Some(segment);
                return Err(AppendError::NoSpace(error.to_string()));
            }
            Err(error) => {
                // The next start finishes it.
                self.stop(&error);
                return Err(AppendError::OutcomeUnknown(error.to_string()));
            }
        }
        self.segment = Some(segment);
        Ok(())
    }

    /// Commits a group and answers its requests. An error means that the log
    /// cannot go on.
    fn commit(&self, segment: &mut Segment, appends: Vec<Waiting>, bytes: usize) -> io::Result<()> {
        let rolled = self.roll(segment, bytes as u64);
        let group = self.place(segment, appends, bytes);
        let written = rolled.and_then(|()| match group.bytes.is_empty() {
            true => Ok(()),
            false => segment.append(&group.bytes, &group.ends),
        });
        let (error, stop) = match written {
            Ok(()) => {
                self.show(&group.places);
                for (answer, positions) in group.answers {
                    let _ = answer.send(Ok(positions));
                }
                return Ok(());
            }
            Err(Failure::NoSpace(error)) => (AppendError::NoSpace(error.to_string()), Ok(())),
            Err(Failure::Stop(error)) => (AppendError::Refused(error.to_string()), Err(error)),
            Err(Failure::Unknown(error)) => {
                (AppendError::OutcomeUnknown(error.to_string()), Err(error))
            }
        };
        for (answer, _) in group.answers {
            let _ = answer.send(Err(again(&error)));
        }
        stop
    }

    /// Begins a new segment where the group does not fit into this one.
    fn roll(&self, segment: &mut Segment, bytes: u64) -> Result<(), Failure> {
        if bytes == 0 {
            return Ok(());
        }
        self.has_space(segment, bytes)?;
        let used = segment.length - FRAMES_START as u64;
        if used == 0 || used + bytes <= self.segment_bytes {
            return Ok(());
        }
        let Reader {
            disk,
            folder,
            incarnation,
            ..
        } = &*self.reader;
        let next = Segment::create(
            disk.as_ref(),
            folder,
            *incarnation,
            (segment.number + 1, self.segment_bytes),
            &self.ends(),
        )
        .map_err(|error| match is_full(&error) {
            true => Failure::NoSpace(error),
            false => Failure::Stop(error),
        })?;
        segment.seal().map_err(Failure::Stop)?;
        *segment = next;
        Ok(())
    }

    /// Whether a group may be written: the last of the space is left for others. Space
    /// that the segment has made and not used yet counts as free.
    fn has_space(&self, segment: &Segment, bytes: u64) -> Result<(), Failure> {
        if self.min_free_bytes == 0 {
            return Ok(());
        }
        let free = self.reader.disk.free_bytes(&self.reader.folder);
        let free = free.map_err(Failure::NoSpace)? + segment.room();
        if free >= self.min_free_bytes.saturating_add(bytes) {
            return Ok(());
        }
        let detail = format!("{free} bytes are free; {} are kept", self.min_free_bytes);
        Err(Failure::NoSpace(io::Error::new(
            io::ErrorKind::StorageFull,
            detail,
        )))
    }

    fn ends(&self) -> Vec<End> {
        self.ends.iter().map(|end| *end.borrow()).collect()
    }

    /// Gives every request its positions; those that cannot have any are answered.
    fn place(&self, segment: &Segment, appends: Vec<Waiting>, bytes: usize) -> Group {
        let seed = seed(self.reader.incarnation, segment.number);
        let now = (self.clock)();
        let mut group = Group {
            bytes: Vec::with_capacity(bytes),
            places: Vec::new(),
            answers: Vec::with_capacity(appends.len()),
            ends: self.ends(),
        };
        for Waiting { batch, answer, .. } in appends {
            let (batch, placed) = match batch {
                Batch::New(batch) => {
                    let placed = place(&mut group.ends, &batch, now, self.max_record_bytes);
                    (batch, placed)
                }
                Batch::Copied(records) => copy::place(&mut group.ends, records),
            };
            let positions = match placed {
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

/// The same answer for each batch of a group.
fn again(error: &AppendError) -> AppendError {
    match error {
        AppendError::NoSpace(text) => AppendError::NoSpace(text.clone()),
        AppendError::Refused(text) => AppendError::Refused(text.clone()),
        other => AppendError::OutcomeUnknown(other.to_string()),
    }
}
