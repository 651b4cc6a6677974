//! When and how often a call is made again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tonic::Code;

use crate::error::ClientError;

/// The most tries of one call, the first included.
pub(crate) const TRIES: u32 = 4;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long to wait before try number `tries + 1`; none if there should be none.
/// Only what is unavailable is tried again; any other answer would be the same.
pub(crate) fn wait(error: &ClientError, tries: u32) -> Option<Duration> {
    if tries >= TRIES || error.code() != Code::Unavailable {
        return None;
    }
    let asked = error.refusal().and_then(|refusal| refusal.retry_after);
    let doubled = FIRST_WAIT
        .saturating_mul(1 << tries.saturating_sub(1))
        .min(LONGEST_WAIT);
    // The server's wish is a minimum; the jitter keeps callers from coming back together.
    Some(asked.unwrap_or(doubled).mul_f64(1.0 + 0.5 * chance()))
}

/// A number from 0 to below 1. The standard library draws hash keys at random,
/// which is all that jitter needs.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    fn refused(code: Code, retry_after: Option<Duration>) -> ClientError {
        let (reason, message) = (String::new(), String::new());
        let violations = Vec::new();
        ClientError::Refused(Box::new(Refusal {
            code,
            reason,
            message,
            violations,
            retry_after,
        }))
    }

    #[test]
    fn only_what_is_unavailable_is_tried_again() {
        for code in [
            Code::InvalidArgument,
            Code::NotFound,
            Code::Internal,
            Code::DeadlineExceeded,
        ] {
            assert_eq!(wait(&refused(code, None), 1), None);
        }
        assert!(wait(&refused(Code::Unavailable, None), 1).is_some());
    }

    #[test]
    fn there_is_an_end_to_trying() {
        assert!(wait(&refused(Code::Unavailable, None), TRIES - 1).is_some());
        assert_eq!(wait(&refused(Code::Unavailable, None), TRIES), None);
    }

    #[test]
    fn waits_grow_and_are_never_shorter_than_the_server_asks() {
        let unavailable = refused(Code::Unavailable, None);
        let waits: Vec<_> = (1..TRIES)
            .filter_map(|tries| wait(&unavailable, tries))
            .collect();
        assert!(waits[0] >= FIRST_WAIT && waits[0] <= FIRST_WAIT * 2);
        assert!(waits.is_sorted(), "{waits:?}");
        let asked = Duration::from_secs(5);
        let wait = wait(&refused(Code::Unavailable, Some(asked)), 1).expect("a wait");
        assert!(wait >= asked && wait <= asked * 2);
    }
}
