//! Waiting while a disk is full: work that can wait does not end its process.

use std::fmt::Display;
use std::time::Duration;

use crate::shutdown::Shutdown;

/// The first wait; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Waits for space between the attempts of one piece of work.
#[derive(Debug)]
pub struct SpaceWait<'a> {
    what: &'static str,
    shutdown: &'a Shutdown,
    next: Duration,
}

impl<'a> SpaceWait<'a> {
    /// For work of this name, until the workers are told to stop.
    #[must_use]
    pub fn new(what: &'static str, shutdown: &'a Shutdown) -> Self {
        Self {
            what,
            shutdown,
            next: FIRST_WAIT,
        }
    }

    /// Waits before the next attempt; the first time it is logged why. Returns
    /// `false` when there is to be none, since the process is ending.
    pub async fn again(&mut self, error: &(impl Display + ?Sized)) -> bool {
        let what = self.what;
        if self.next == FIRST_WAIT {
            tracing::warn!(what, %error, "there is no space; it is tried again until there is");
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST_WAIT);
        tokio::select! {
            biased;
            () = self.shutdown.stopping() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

impl Drop for SpaceWait<'_> {
    fn drop(&mut self) {
        if self.next != FIRST_WAIT && !self.shutdown.is_stopping() {
            tracing::info!(what = self.what, "there is space again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_end_with_the_process() {
        let shutdown = Shutdown::new();
        let mut space = SpaceWait::new("test", &shutdown);
        let started = tokio::time::Instant::now();
        for _ in 0..8 {
            assert!(space.again("full").await);
        }
        // 100 ms, 200 ms, … 3.2 s, then 5 s each.
        assert_eq!(started.elapsed(), Duration::from_millis(6_300 + 2 * 5_000));
        shutdown.stop();
        assert!(!space.again("full").await);
    }
}
