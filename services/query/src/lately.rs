//! States that were evaluated a moment ago, for the watches: a thousand of them ask for
//! the same places at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::state::ControlState;
use ascertain_domain::time::Timestamp;

use crate::answer::Answer;
use crate::error::QueryError;
use crate::follow::Replica;
use crate::read::Asked;

/// A state is given again for so long, microseconds, if no record came in between.
const FOR_US: i64 = 1_000_000;
/// As many states are kept; then all are forgotten.
const MOST: usize = 4_096;

type State = Arc<Answer<ControlState>>;

/// States that were evaluated a moment ago.
#[derive(Default)]
pub(crate) struct Lately(Mutex<HashMap<(PlaceId, Audience), (u64, State)>>);

impl Replica {
    /// The states of places, as of now or of a second ago at the most, but never of
    /// before the newest record; those that are not registered are left out. One
    /// evaluates for all who ask at the same time.
    pub(crate) fn states_lately(
        &self,
        places: &[PlaceId],
        asked: &Asked,
    ) -> Result<Vec<State>, QueryError> {
        let mut lately = self.lately.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.len() > MOST {
            lately.clear();
        }
        let registry = self.registry.snapshot();
        let mut states = Vec::with_capacity(places.len());
        for id in places {
            let Some(place) = registry.latest().place(id) else {
                continue;
            };
            let key = (id.clone(), asked.audience);
            let seen = self.seen_of(place);
            let is_fresh =
                |as_of: Timestamp| (0..FOR_US).contains(&(asked.now.micros() - as_of.micros()));
            let kept = lately
                .get(&key)
                .filter(|(up_to, state)| *up_to == seen && is_fresh(state.found.as_of));
            if let Some((_, state)) = kept {
                states.push(Arc::clone(state));
                continue;
            }
            let Some(state) = self.states_of([id], asked)?.pop() else {
                continue;
            };
            let state = Arc::new(state);
            lately.insert(key, (seen, Arc::clone(&state)));
            states.push(state);
        }
        Ok(states)
    }
}
