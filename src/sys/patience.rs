//! Waiting for one descriptor where the event loop does not run: before the relay, and after a refusal.

use std::io;
use std::os::fd::AsFd;
#[cfg(feature = "client")]
use std::os::fd::BorrowedFd;
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

    /// What interrupts it.
    pub(super) fn signals(&self) -> &'s Signals {
        self.signals
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
        if self.signals.has_kept() {
            return Err(io::ErrorKind::Interrupted.into());
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

#[cfg(feature = "client")]
impl Patience<'_> {
    /// Waits until one of `fds` is ready for what is `wanted` of it, or has an error to tell, or until
    /// `at_most` has passed. Which of them are, in their order.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub(crate) fn wait_for_any(
        &self,
        fds: &[BorrowedFd<'_>],
        wanted: PollFlags,
        at_most: Option<Duration>,
    ) -> io::Result<Vec<usize>> {
        let left = self.left();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.signals.has_kept() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let timeout = at_most.map_or(left, |at_most| at_most.min(left));
        let timeout = timeout.saturating_add(Duration::from_micros(999));
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut all: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, wanted)).collect();
        all.push(PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
        super::retry(|| poll(&mut all, timeout))?;
        let signal = all.pop().and_then(|it| it.any());
        if signal == Some(true) && self.signals.heed_asking() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let is_ready = |(at, it): (usize, &PollFd<'_>)| (it.any() == Some(true)).then_some(at);
        Ok(all.iter().enumerate().filter_map(is_ready).collect())
    }

    /// Waits for nothing but the deadline or a signal; whether it was the deadline.
    pub(crate) fn sleep(&self) -> bool {
        loop {
            match self.wait_for_any(&[], PollFlags::empty(), None) {
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::TimedOut,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::fd::OwnedFd;
    use std::rc::Rc;

    use nix::sys::signal::{Signal, raise};

    use super::*;
    use crate::sys::fd;

    /// Signals of this test's thread alone, how often it was asked, and a descriptor that is never
    /// ready.
    fn waiting() -> (Signals, Rc<Cell<u32>>, (OwnedFd, OwnedFd)) {
        let mut signals = Signals::handle(&[Signal::SIGTERM, Signal::SIGUSR1]).unwrap();
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        signals.answer_by(move || count.set(count.get() + 1));
        (signals, asked, fd::pipe().unwrap())
    }

    fn taken(signals: &Signals) -> Vec<Signal> {
        signals.take().collect()
    }

    #[test]
    fn a_signal_ends_every_wait_until_it_is_taken() {
        let (signals, _, (never, _writer)) = waiting();
        let patience = Patience::until(Instant::now() + Duration::from_secs(60), &signals);
        raise(Signal::SIGTERM).unwrap();
        for _ in 0..3 {
            let error = patience.wait(&never, PollFlags::POLLIN).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        }
        assert_eq!(taken(&signals), [Signal::SIGTERM]);
        assert_eq!(taken(&signals), []);
    }

    #[test]
    fn the_end_of_a_child_ends_none_and_stays_to_be_taken() {
        let signals = Signals::handle(&[Signal::SIGTERM, Signal::SIGCHLD]).unwrap();
        let (never, _writer) = fd::pipe().unwrap();
        let patience = Patience::until(Instant::now() + Duration::from_secs(60), &signals);
        raise(Signal::SIGCHLD).unwrap();
        patience.wait(&never, PollFlags::POLLIN).unwrap();
        raise(Signal::SIGTERM).unwrap();
        let error = patience.wait(&never, PollFlags::POLLIN).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        assert_eq!(taken(&signals), [Signal::SIGTERM, Signal::SIGCHLD]);
    }

    #[test]
    fn a_question_is_answered_and_ends_none() {
        let (signals, asked, (never, _writer)) = waiting();
        let patience = Patience::until(Instant::now() + Duration::from_secs(60), &signals);
        for count in 1..=2 {
            raise(Signal::SIGUSR1).unwrap();
            patience.wait(&never, PollFlags::POLLIN).unwrap();
            assert_eq!(asked.get(), count);
        }
        assert_eq!(taken(&signals), []);
    }
}
