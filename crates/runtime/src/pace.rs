//! How often what is costly is done.

use std::time::Duration;

use tokio::time::Instant;

/// At least so long passes from one time to the next ...
const LEAST: Duration = Duration::from_secs(15);
/// ... and so many times as long as it took: the rest of the time belongs to others.
const TIMES: u32 = 20;

/// Paces what is costly and can wait, such as copying a whole store.
#[derive(Debug, Default)]
pub struct Pace {
    not_before: Option<Instant>,
}

impl Pace {
    /// Whether it may be done now.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.not_before.is_none_or(|time| time <= Instant::now())
    }

    /// Notes that it was done, or tried, since a moment.
    pub fn wait(&mut self, begun: Instant) {
        let rest = LEAST.max(begun.elapsed().saturating_mul(TIMES));
        self.not_before = Some(Instant::now() + rest);
    }
}
