//! What happens when the machine has run out of something: nothing, for a moment.

use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::log;

/// How long nothing is accepted when the machine has nothing to accept with.
const PAUSE: Duration = Duration::from_millis(200);

/// How often that is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Whether clients are accepted, and if not until when.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Option<Instant>,
    told: Option<Instant>,
}

impl Pause {
    /// Nothing is accepted for a moment: `errno` is what kept us from `doing`.
    pub(super) fn begin(&mut self, doing: &str, errno: Errno, now: Instant) {
        self.until = Some(now + PAUSE);
        if self.told.is_none_or(|told| now - told >= TELL_EVERY) {
            self.told = Some(now);
            log::error(format!("cannot {doing}: {}; pausing", errno.desc()));
        }
    }

    /// Others have their turn before the next is accepted.
    pub(super) fn give_way(&mut self, now: Instant) {
        self.until = Some(now);
    }

    /// Whatever was lacking may be there again.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// Whether it is over.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        self.until = self.until.filter(|until| now < *until);
        self.until.is_none()
    }

    /// When it is over, if it is not.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}
