//! Looking at what was there before.

use std::sync::Arc;

use crate::error::StoreError;
use crate::folder::State;
use crate::medium::{Medium, Tree};
use crate::tally::{TALLY_KEY, Tally};

/// What a medium holds.
pub(crate) enum Found {
    /// No store.
    Nothing,
    /// A store, open.
    Usable(Arc<dyn Tree>, State),
    /// A store that is to be set aside, and why.
    Unusable(String),
}

/// Looks at what a medium holds, and opens it if it can be used.
pub(crate) fn find(
    medium: &dyn Medium,
    fresh: &State,
    cache_bytes: u64,
) -> Result<Found, StoreError> {
    if let Some(reason) = medium.condemned() {
        return Ok(Found::Unusable(reason));
    }
    let state = medium.read_state()?;
    if !medium.has_tree() {
        return Ok(Found::Nothing);
    }
    let Some(state) = state else {
        return Ok(Found::Unusable("its state file cannot be read".to_owned()));
    };
    if (&state.schema, state.version) != (&fresh.schema, fresh.version) {
        return Ok(Found::Unusable(format!(
            "it holds {} version {}, not {} version {}",
            state.schema, state.version, fresh.schema, fresh.version
        )));
    }
    let tree = match medium.open(cache_bytes) {
        Ok(tree) => tree,
        Err(StoreError::Damaged(reason)) => return Ok(Found::Unusable(reason)),
        Err(error) => return Err(error),
    };
    match last_tally(&*tree) {
        Ok(tally) if tally.commit >= state.commit => Ok(Found::Usable(tree, state)),
        Ok(tally) => Ok(Found::Unusable(format!(
            "it ends at commit {}, but {} was synced",
            tally.commit, state.commit
        ))),
        Err(error) => {
            // It failed once: it is not asked to close, either.
            std::mem::forget(tree);
            Ok(Found::Unusable(error.to_string()))
        }
    }
}

/// What there is; a tally that cannot be read is that of an empty store, and
/// nothing will agree with it.
pub(crate) fn last_tally(tree: &dyn Tree) -> Result<Tally, StoreError> {
    let bytes = tree.get(TALLY_KEY)?;
    let tally = bytes.and_then(|bytes| Tally::from_bytes(&bytes));
    Ok(tally.unwrap_or_default())
}
