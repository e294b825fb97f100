//! Who may wait at the listener: one call at a time, so that one wake is enough and no call changes
//! how long another one waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The right to wait at the listener.
#[derive(Debug, Default)]
pub(super) struct Turn {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    is_taken: bool,
    /// How often everybody was woken.
    wakes: u64,
}

/// Somebody's turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken<'t>(&'t Turn);

impl Turn {
    /// Waits for the turn; `None`: not by the deadline.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Option<Taken<'_>> {
        let mut inner = self.lock();
        while inner.is_taken {
            inner = match deadline {
                None => self
                    .changed
                    .wait(inner)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    self.wait(inner, left)
                }
            };
        }
        inner.is_taken = true;
        Some(Taken(self))
    }

    /// Ends all pauses; tells whether somebody has the turn.
    pub(super) fn wake(&self) -> bool {
        let mut inner = self.lock();
        inner.wakes += 1;
        self.changed.notify_all();
        inner.is_taken
    }

    /// Lets some time pass; true: it was cut short by [`wake`](Self::wake).
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        let mut inner = self.lock();
        let wakes = inner.wakes;
        while inner.wakes == wakes {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.wait(inner, left);
        }
        true
    }

    fn wait<'i>(&self, inner: MutexGuard<'i, Inner>, time: Duration) -> MutexGuard<'i, Inner> {
        let waited = self.changed.wait_timeout(inner, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.lock().is_taken = false;
        self.0.changed.notify_all();
    }
}
