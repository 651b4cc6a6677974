//! How a process ends: first the front door closes and requests in flight are
//! answered, then the workers behind it stop. The order matters: a handler that
//! waits for its write needs the writer alive.

use std::convert::Infallible;

use tokio_util::sync::CancellationToken;

/// The exit code after a second signal: 128 + SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// Tells every part of a process when to end. Clones speak of the same process.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopping: CancellationToken,
}

impl Shutdown {
    /// A process that runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the drain; saying it again changes nothing. `why` is logged.
    pub fn begin(&self, why: &str) {
        if !self.draining.is_cancelled() {
            tracing::info!(why, "draining");
            self.draining.cancel();
        }
    }

    /// Returns when the drain begins. Servers and endless streams end on it.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Returns when the front door is closed. Workers end on it.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Whether the front door is closed.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Tells the workers to end; only [`crate::tasks::Tasks`] knows when.
    pub(crate) fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
    }

    /// Begins the drain at the first SIGTERM or SIGINT and ends the process at
    /// once, with exit code 130, at the second. Never returns otherwise.
    ///
    /// # Errors
    /// The system does not let signals be listened to.
    pub(crate) async fn on_signals(self) -> std::io::Result<Infallible> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut first = true;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if !first {
                tracing::warn!(signal = name, "second signal: ending at once");
                std::process::exit(INTERRUPTED);
            }
            first = false;
            self.begin(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_front_door_closes_before_the_workers_stop() {
        let shutdown = Shutdown::new();
        shutdown.begin("test");
        shutdown.draining().await;
        assert!(shutdown.is_draining());
        assert!(!shutdown.is_stopping());
        shutdown.stop();
        shutdown.stopping().await;
    }

    #[tokio::test]
    async fn every_clone_hears_of_the_drain() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        shutdown.begin("test");
        other.draining().await;
    }
}
