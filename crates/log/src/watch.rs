//! A value that others wait upon, as tokio's `watch` is, but that wakes them in the
//! order in which they began to wait. tokio's draws lots; with these a simulation
//! runs the same way twice, and nobody waits longer than who came later.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;

struct Shared<T> {
    current: RwLock<Current<T>>,
    changed: Notify,
}

struct Current<T> {
    value: T,
    /// Counts changes.
    version: u64,
    /// Whether the sender is gone.
    closed: bool,
}

/// Changes the value. There is one; the channel closes with it.
pub struct Sender<T>(Arc<Shared<T>>);

/// Sees the value.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// The sender is gone, and what it sent last was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody changes the value any more")]
pub struct Closed;

/// The value; it does not change while this is held.
pub struct Ref<'a, T>(RwLockReadGuard<'a, Current<T>>);

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// A value, with who changes it and who sees it.
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let current = Current {
        value,
        version: 0,
        closed: false,
    };
    let shared = Arc::new(Shared {
        current: RwLock::new(current),
        changed: Notify::new(),
    });
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        seen: 0,
    };
    (Sender(shared), receiver)
}

impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, Current<T>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Current<T>) -> R) -> R {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut current);
        drop(current);
        self.changed.notify_waiters();
        result
    }
}

impl<T> Sender<T> {
    /// Puts another value in place and gives the old one.
    pub fn send_replace(&self, value: T) -> T {
        self.0.change(|current| {
            current.version += 1;
            std::mem::replace(&mut current.value, value)
        })
    }

    /// Changes the value in place.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.0.change(|current| {
            current.version += 1;
            modify(&mut current.value);
        });
    }

    /// The value.
    #[must_use]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.0.read())
    }

    /// A receiver that has seen the value as it is.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.read().version;
        Receiver {
            shared: Arc::clone(&self.0),
            seen,
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.change(|current| current.closed = true);
    }
}

impl<T> Receiver<T> {
    /// The value.
    #[must_use]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.shared.read())
    }

    /// Waits until the value is another than was seen; it is seen then.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let seen = self.seen;
        self.seen = self.until(|current| current.version != seen).await?;
        Ok(())
    }

    /// Waits until the value is as wished; it is seen then.
    ///
    /// # Errors
    /// [`Closed`], where it is not and will never be.
    pub async fn wait_for(&mut self, mut wish: impl FnMut(&T) -> bool) -> Result<(), Closed> {
        self.seen = self.until(|current| wish(&current.value)).await?;
        Ok(())
    }

    async fn until(&self, mut wish: impl FnMut(&Current<T>) -> bool) -> Result<u64, Closed> {
        loop {
            // Made before the look: what changes after it wakes this up.
            let changed = self.shared.changed.notified();
            {
                let current = self.shared.read();
                if wish(&current) {
                    return Ok(current.version);
                }
                if current.closed {
                    return Err(Closed);
                }
            }
            changed.await;
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            seen: self.seen,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&*self.borrow()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&*self.borrow()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn who_waits_longest_is_woken_first() {
        let (sender, receiver) = channel(0);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for n in 0..20 {
            let (mut receiver, woken) = (receiver.clone(), Arc::clone(&woken));
            waiting.push(tokio::spawn(async move {
                receiver.wait_for(|value| *value == 7).await.unwrap();
                woken.lock().unwrap().push(n);
            }));
        }
        tokio::task::yield_now().await;
        sender.send_replace(6);
        tokio::task::yield_now().await;
        sender.send_replace(7);
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(*woken.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_value_that_came_before_its_receiver_looked_is_not_missed() {
        let (sender, mut receiver) = channel("first");
        sender.send_modify(|value| *value = "second");
        receiver.changed().await.unwrap();
        assert_eq!(*receiver.borrow(), "second");
        let mut late = sender.subscribe();
        drop(sender);
        assert_eq!(late.changed().await, Err(Closed));
        assert_eq!(late.wait_for(|value| *value == "second").await, Ok(()));
        assert_eq!(late.wait_for(|value| *value == "third").await, Err(Closed));
    }
}
