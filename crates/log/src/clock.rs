//! The log's clock. It is the log that owns knowledge time, so that nothing
//! above it reads a clock to decide what was known.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ascertain_domain::time::Timestamp;

/// Tells the time at which a record is recorded.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's wall clock, UTC.
#[must_use]
pub fn now() -> Timestamp {
    // A machine set before 1970 or after 9999 gets the nearest end: the running
    // maximum of knowledge time keeps such a clock from turning time back.
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
        }
    };
    let bounded = micros.clamp(Timestamp::MIN.micros(), Timestamp::MAX.micros());
    Timestamp::from_micros(bounded).unwrap_or(Timestamp::MIN)
}

/// [`now`] as a [`Clock`].
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(now)
}
