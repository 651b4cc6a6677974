//! Work that blocks: stores, folds, files. The one way to it in the services.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

/// Says how long the next piece of work takes.
type Takes = Rc<dyn Fn() -> Duration>;

thread_local! {
    static INLINE: RefCell<Option<Takes>> = const { RefCell::new(None) };
}

/// Runs work on a thread on which blocking is allowed. A panic of the work is a
/// panic of the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let takes = INLINE.with_borrow(Clone::clone).map(|takes| takes());
    if let Some(takes) = takes {
        tokio::time::sleep(takes).await;
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and the caller with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// While it lives, work that blocks runs on this thread, where it is asked for.
#[derive(Debug)]
pub struct Inline(PhantomData<*const ()>);

/// Makes [`blocking`] run its work on this very thread, after so long a wait: for
/// a simulation, which has one thread and decides itself what comes before what.
#[must_use]
pub fn inline_on_this_thread(takes: impl Fn() -> Duration + 'static) -> Inline {
    INLINE.set(Some(Rc::new(takes)));
    Inline(PhantomData)
}

impl Drop for Inline {
    fn drop(&mut self) {
        INLINE.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_blocks_runs_elsewhere_unless_told() {
        let here = std::thread::current().id();
        assert_ne!(blocking(|| std::thread::current().id()).await, here);
        let inline = inline_on_this_thread(|| Duration::ZERO);
        assert_eq!(blocking(|| std::thread::current().id()).await, here);
        drop(inline);
        assert_ne!(blocking(|| std::thread::current().id()).await, here);
    }

    #[tokio::test]
    #[should_panic(expected = "an odd state")]
    async fn a_panic_of_the_work_is_a_panic_of_its_caller() {
        blocking(|| panic!("an odd state")).await;
    }
}
