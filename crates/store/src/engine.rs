//! A tree as it is asked by many threads: what failed is not asked again.

use std::sync::{Arc, PoisonError, RwLock};

use crate::error::StoreError;
use crate::medium::{Lock, Medium, Tree};

/// An open tree, or why it is none any more.
pub(crate) struct Engine {
    medium: Arc<dyn Medium>,
    state: RwLock<EngineState>,
}

enum EngineState {
    Open {
        tree: Arc<dyn Tree>,
        /// Ours; a tree's own is not taken on every platform.
        _lock: Arc<Lock>,
    },
    Failed(StoreError),
    Closed,
}

impl Engine {
    pub(crate) fn new(medium: Arc<dyn Medium>, tree: Arc<dyn Tree>, lock: Arc<Lock>) -> Self {
        let state = EngineState::Open { tree, _lock: lock };
        Self {
            medium,
            state: RwLock::new(state),
        }
    }

    /// Asks the tree something. Where it fails, it is never asked again.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&dyn Tree) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tree = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            EngineState::Open { tree, .. } => Arc::clone(tree),
            EngineState::Failed(error) => return Err(error.clone()),
            EngineState::Closed => return Err(StoreError::Closed),
        };
        question(&*tree).map_err(|error| {
            // Dropping it would flush once more.
            std::mem::forget(tree);
            self.fail(error)
        })
    }

    /// Notes that the store failed, and for damage, that it is to be set aside.
    pub(crate) fn fail(&self, error: StoreError) -> StoreError {
        let store = self.medium.name();
        tracing::error!(store, %error, "the store answers nothing more");
        if let StoreError::Damaged(reason) = &error
            && let Err(failed) = self.medium.condemn(reason)
        {
            tracing::error!(%failed, "the damage could not be noted for the next start");
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *state, EngineState::Failed(error.clone()));
        match before {
            EngineState::Open { tree, .. } => std::mem::forget(tree),
            // The first failure tells more than those that follow from it.
            EngineState::Failed(_) | EngineState::Closed => *state = before,
        }
        error
    }

    /// Asks another tree from now on, which holds the same.
    pub(crate) fn replace(&self, next: Arc<dyn Tree>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let EngineState::Open { tree, .. } = &mut *state {
            *tree = next;
        }
    }

    /// Lets go of the tree and of the lock.
    pub(crate) fn close(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let open = std::mem::replace(&mut *state, EngineState::Closed);
        drop(state);
        drop(open);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
