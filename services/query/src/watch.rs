//! Watching: the current states, then what changes. A watch keeps no queue. It knows
//! how far it has told, asks the store what has changed since, and evaluates each of
//! those places once, at the moment of telling: a slow reader meets the newest states.

mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ascertain_domain::id::PlaceId;
use ascertain_domain::time::{HOUR_US, Timestamp};
use ascertain_log::PartitionId;
use ascertain_proto::outward;
use ascertain_proto::page::Bound;
use ascertain_proto::v1::watch_control_states_response::Event;
use ascertain_proto::v1::{
    ChangeCause, ControlState, ControlStateChange, Reason, WatchControlStatesRequest,
    WatchControlStatesResponse, WatchProgress,
};
use ascertain_proto::watch::ResumeToken;
use ascertain_runtime::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::answer::Seen;
use crate::error::QueryError;
use crate::follow::Replica;
use crate::grpc::fingerprint;
use crate::read::{Asked, see};
use crate::states::Changes;
use crate::watch::selection::Selection;

/// A sign of life comes after so long without a change.
const QUIET: Duration = Duration::from_secs(10);
/// So many states are evaluated before they are sent.
const AT_ONCE: usize = 32;
/// So many answers wait for a reader; then the watch waits.
const WAITING: usize = 4;

type Answer = Result<WatchControlStatesResponse, Status>;

/// A watch.
pub(crate) struct Watch {
    replica: Arc<Replica>,
    selection: Arc<Selection>,
    bound: Bound,
    /// Up to which record of each partition the states were told.
    told: BTreeMap<PartitionId, u64>,
    /// Up to which hour the passing of time was told.
    hour: i64,
    /// Whether it begins with the current states.
    is_new: bool,
    /// The newest knowledge time that was told.
    known_at: Option<Timestamp>,
    coalesced: u64,
    shutdown: Shutdown,
}

/// What a watch wants to say to a reader who may have left.
struct Reader(mpsc::Sender<Answer>);

/// The reader has left.
struct Left;

/// Why a watch ends.
enum End {
    Left,
    Failed(QueryError),
}

impl From<Left> for End {
    fn from(_: Left) -> Self {
        Self::Left
    }
}

impl From<QueryError> for End {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

impl Reader {
    async fn tell(&self, event: Event) -> Result<(), Left> {
        let event = WatchControlStatesResponse { event: Some(event) };
        self.0.send(Ok(event)).await.map_err(|_| Left)
    }
}

impl Watch {
    /// A watch of what a request asks for, from its resume token on.
    pub(crate) async fn open(
        replica: &Arc<Replica>,
        request: &WatchControlStatesRequest,
        shutdown: &Shutdown,
    ) -> Result<Self, QueryError> {
        let registry = replica.registry.snapshot();
        let selection = Selection::from_wire(request, registry.latest())?;
        let bound = fingerprint(&WatchControlStatesRequest {
            resume_token: String::new(),
            ..request.clone()
        });
        let mut watch = Self {
            replica: Arc::clone(replica),
            selection: Arc::new(selection),
            bound,
            told: BTreeMap::new(),
            hour: hour((replica.clock)()),
            is_new: request.resume_token.is_empty(),
            known_at: None,
            coalesced: 0,
            shutdown: shutdown.clone(),
        };
        if watch.is_new {
            watch.told = sequences(&replica.seen().0);
        } else {
            watch.go_on(&request.resume_token).await?;
        }
        Ok(watch)
    }

    async fn go_on(&mut self, token: &str) -> Result<(), QueryError> {
        let token = ResumeToken::read(token, self.bound).ok_or_else(|| {
            let what = "is no token of a watch with this request; give one as it came, or none";
            QueryError::field("resume_token", Reason::ResumeTokenInvalid, what)
        })?;
        let of_these_partitions = token.positions.len() == self.replica.partitions.len();
        if token.incarnation != self.replica.report_incarnation.0 || !of_these_partitions {
            return Err(QueryError::ResumeTokenExpired);
        }
        let positions = token.positions.iter();
        self.told = positions.map(|(p, s)| (PartitionId(*p), *s)).collect();
        self.hour = token.hour.min(self.hour);
        // Another node may have told more than this one has seen yet.
        let patience = self.replica.patience;
        let seeing = async {
            for (partition, sequence) in &self.told {
                see(&self.replica, *partition, *sequence, patience).await?;
            }
            Ok(())
        };
        match tokio::time::timeout(patience, seeing).await {
            Ok(seen) => seen,
            Err(_) => Err(QueryError::NotCaughtUp(patience)),
        }
    }

    /// Begins to tell, until the reader leaves or the node drains.
    pub(crate) fn start(self, permit: OwnedSemaphorePermit) -> ReceiverStream<Answer> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            let reader = Reader(sender.clone());
            let last = tokio::select! {
                biased;
                () = sender.closed() => End::Left,
                () = shutdown.draining() => End::Failed(QueryError::Draining),
                end = self.run(&reader) => end,
            };
            drop(permit);
            if let End::Failed(error) = last {
                // Whoever does not read is not waited for: the stream ends, too.
                let _ = sender.try_send(Err(error.into()));
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn run(mut self, reader: &Reader) -> End {
        match self.tell(reader).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn tell(&mut self, reader: &Reader) -> Result<std::convert::Infallible, End> {
        let mut changed = self.replica.changed.subscribe();
        if self.is_new {
            self.tell_current(reader).await?;
        }
        loop {
            self.tell_changes(reader).await?;
            self.tell_time(reader).await?;
            self.tell_progress(reader).await?;
            // The sender is in the replica: it does not close while this waits.
            let _ = tokio::time::timeout(QUIET, changed.changed()).await;
        }
    }

    /// The current states of all that is watched and matches.
    async fn tell_current(&self, reader: &Reader) -> Result<(), End> {
        let mut after = String::new();
        loop {
            let (selection, from) = (Arc::clone(&self.selection), after.clone());
            let next = self.replica.blocking(move |replica| {
                let registry = replica.registry.snapshot();
                let view = registry.latest();
                let places = view.places().filter(|place| place.id.as_str() > &*from);
                let watched = places.filter(|place| selection.watches(&place.id, view));
                Ok(watched
                    .take(AT_ONCE)
                    .map(|place| place.id.clone())
                    .collect::<Vec<_>>())
            });
            let next = next.await?;
            let Some(last) = next.last() else {
                return Ok(());
            };
            after = last.to_string();
            let none = Changes::default();
            let next = next.into_iter().map(|place| (place, none)).collect();
            self.tell_states(next, ChangeCause::Current, reader).await?;
        }
    }

    /// What records have changed since it was told.
    async fn tell_changes(&mut self, reader: &Reader) -> Result<(), End> {
        let (seen, _) = self.replica.seen();
        let known_at = seen.values().filter_map(|up_to| up_to.known_at).max();
        for (partition, up_to) in seen {
            let after = self.told.get(&partition).copied().unwrap_or_default();
            let until = up_to.report_sequence;
            if until <= after {
                continue;
            }
            let selection = Arc::clone(&self.selection);
            let (changed, placed, gone) = self
                .replica
                .blocking(move |replica| {
                    let registry = replica.registry.snapshot();
                    let of = |sequence| {
                        replica
                            .states
                            .registry_at(partition, Timestamp::MAX, sequence)
                    };
                    let (before, now) = (of(after)?, of(until)?);
                    let (before, now) = (registry.at(before), registry.at(now));
                    let (mut placed, gone) = selection.moved(partition, (before, now), replica);
                    let mut changed = replica.states.changed(partition, (after, until))?;
                    for (place, moved) in &mut placed {
                        let changes = changed.remove(place).unwrap_or_default();
                        moved.all += changes.all;
                        moved.errata += changes.errata;
                    }
                    changed.retain(|place, _| selection.watches(place, now));
                    Ok((changed, placed, gone))
                })
                .await?;
            let changes = changed.values().map(|changes| u64::from(changes.all));
            self.coalesced += changes.map(|count| count.saturating_sub(1)).sum::<u64>();
            self.tell_states(placed, ChangeCause::Place, reader).await?;
            self.tell_states(changed, ChangeCause::Record, reader)
                .await?;
            for place in gone {
                let state = ControlState {
                    place_id: place.to_string(),
                    ..ControlState::default()
                };
                reader
                    .tell(Event::Change(ControlStateChange {
                        state: Some(state),
                        cause: ChangeCause::Place.into(),
                        changes: 1,
                        matches: false,
                        errata: 0,
                    }))
                    .await?;
            }
            self.told.insert(partition, until);
        }
        self.known_at = known_at.max(self.known_at);
        Ok(())
    }

    /// What the passing of time has changed, on the hour.
    async fn tell_time(&mut self, reader: &Reader) -> Result<(), End> {
        let (from, to) = (self.hour, hour((self.replica.clock)()));
        if self.selection.as_of.is_some() || to <= from {
            self.hour = to.max(from);
            return Ok(());
        }
        let changed = changed_between(&self.replica, (from, to), &self.selection).await?;
        let (registry, selection) = (self.replica.registry.snapshot(), &self.selection);
        let watched = changed
            .iter()
            .filter(|place| selection.watches(place, registry.latest()));
        let once = Changes { all: 1, errata: 0 };
        let watched = watched.map(|place| (place.clone(), once)).collect();
        self.tell_states(watched, ChangeCause::Time, reader).await?;
        self.hour = to;
        Ok(())
    }

    /// Tells the newest states of places.
    async fn tell_states(
        &self,
        places: BTreeMap<PlaceId, Changes>,
        cause: ChangeCause,
        reader: &Reader,
    ) -> Result<(), End> {
        let mut places = places.into_iter();
        loop {
            let next: Vec<(PlaceId, Changes)> = places.by_ref().take(AT_ONCE).collect();
            if next.is_empty() {
                return Ok(());
            }
            let asked = Asked {
                as_of: self.selection.as_of,
                as_known_at: None,
                audience: self.selection.audience,
                now: (self.replica.clock)(),
            };
            let selection = Arc::clone(&self.selection);
            let changes = self.replica.blocking(move |replica| {
                let places: Vec<PlaceId> = next.iter().map(|(place, _)| place.clone()).collect();
                let states: Vec<_> = match asked.as_of {
                    Some(_) => {
                        let states = replica.states_of(&places, &asked)?.into_iter();
                        states.map(Arc::new).collect()
                    }
                    None => replica.states_lately(&places, &asked)?,
                };
                let counts: BTreeMap<&PlaceId, Changes> =
                    next.iter().map(|(p, changes)| (p, *changes)).collect();
                let changes = states.iter().map(|state| {
                    let counts = counts.get(&state.found.place).copied();
                    let Changes { all, errata } = counts.unwrap_or_default();
                    ControlStateChange {
                        state: Some(state.wire()),
                        cause: cause.into(),
                        changes: all,
                        matches: selection.matches(&state.found),
                        errata,
                    }
                });
                Ok(changes.collect::<Vec<_>>())
            });
            for change in changes.await? {
                if change.matches || cause != ChangeCause::Current {
                    reader.tell(Event::Change(change)).await?;
                }
            }
        }
    }

    async fn tell_progress(&self, reader: &Reader) -> Result<(), Left> {
        let token = ResumeToken {
            incarnation: self.replica.report_incarnation.0,
            positions: self.told.iter().map(|(p, s)| (p.0, *s)).collect(),
            hour: self.hour,
        };
        reader
            .tell(Event::Progress(WatchProgress {
                resume_token: token.write(self.bound),
                as_known_at: self.known_at.map(outward::timestamp),
                coalesced: self.coalesced,
            }))
            .await
    }
}

/// What time alone has changed between two hours. The watches of a node meet the same
/// hours: the last answer is kept for all.
async fn changed_between(
    replica: &Arc<Replica>,
    hours: (i64, i64),
    selection: &Selection,
) -> Result<Arc<BTreeSet<PlaceId>>, QueryError> {
    let mut last = replica.hours.lock().await;
    if last.0 == hours {
        return Ok(Arc::clone(&last.1));
    }
    let audience = selection.audience;
    let changed = replica.blocking(move |replica| {
        let moment = |hour: i64| Timestamp::from_micros(hour.saturating_mul(HOUR_US));
        let moments = (
            moment(hours.0).unwrap_or(Timestamp::MIN),
            moment(hours.1).unwrap_or(Timestamp::MAX),
        );
        replica.changed_by_time(moments, audience)
    });
    let changed = Arc::new(changed.await?);
    *last = (hours, Arc::clone(&changed));
    Ok(changed)
}

fn sequences(seen: &Seen) -> BTreeMap<PartitionId, u64> {
    let sequence = |(partition, up_to): (&PartitionId, &crate::states::UpTo)| {
        (*partition, up_to.report_sequence)
    };
    seen.iter().map(sequence).collect()
}

fn hour(time: Timestamp) -> i64 {
    time.micros().div_euclid(HOUR_US)
}
