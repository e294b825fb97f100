//! Waiting for one descriptor where the event loop does not run: before the relay, and after a refusal.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::signal::Signals;

/// How long something is waited for: until a deadline or a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience<'s> {
    signals: &'s Signals,
    deadline: Instant,
}

impl<'s> Patience<'s> {
    pub(crate) fn until(deadline: Instant, signals: &'s Signals) -> Self {
        Self { signals, deadline }
    }

    /// Whether the deadline has come.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits until `fd` is ready for what is `wanted` of it, or has an error to tell.
    ///
    /// # Errors
    ///
    /// `TimedOut` at the deadline, `Interrupted` if a signal came, which stays to be taken, unless it
    /// was a question, which is answered.
    pub(crate) fn wait(&self, fd: &impl AsFd, wanted: PollFlags) -> io::Result<()> {
        let timeout = self.left();
        if timeout.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut fds = [
            PollFd::new(fd.as_fd(), wanted),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        // Rounded up: a deadline that is near is waited for, not spun for.
        let timeout = timeout.saturating_add(Duration::from_micros(999));
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        super::retry(|| poll(&mut fds, timeout))?;
        let [_, signal] = fds;
        if signal.any() == Some(true) && self.signals.heed_asking() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        // Perhaps nothing but an answered question: then the caller finds nothing and waits again.
        Ok(())
    }
}
