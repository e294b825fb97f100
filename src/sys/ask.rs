//! A question that may take as long as it likes, such as one to a name server, asked in a process of
//! its own: the one who asks waits as long as it wants to, and heeds its signals meanwhile.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;

use super::fd;
use super::fork::{Fork, exit_now, fork};
use super::patience::Patience;

/// Has `question` answered by a child process, which is gone when this returns. The answer is cut at
/// `max_len` bytes.
///
/// The child is forked without exec, so the question may use whatever the caller has; what it changes
/// is lost with it.
///
/// # Errors
///
/// As [`Patience::wait`]: the deadline has come, or a signal. A child that died before it had answered
/// has given an empty answer, or a part of one.
pub(crate) fn ask(
    patience: Patience<'_>,
    max_len: usize,
    question: impl FnOnce() -> Vec<u8>,
) -> io::Result<Vec<u8>> {
    let (ours, theirs) = fd::pipe()?;
    fd::make_nonblocking(&ours)?;
    let child = match fork()? {
        Fork::Parent(child) => child,
        Fork::Child => {
            // Nobody would take the answer, nor end us.
            let _outlives = prctl::set_pdeathsig(Signal::SIGKILL);
            answer(&theirs, &question());
            exit_now(0);
        }
    };
    drop(theirs);
    let answer = listen(&ours, max_len, patience);
    let _ended = kill(child, Signal::SIGKILL);
    let _status = super::retry(|| waitpid(child, None));
    patience.signals().forget(Signal::SIGCHLD);
    answer
}

/// The child's part: says it all, if somebody listens.
fn answer(pipe: &OwnedFd, mut bytes: &[u8]) {
    while let Ok(count @ 1..) = fd::write(pipe, bytes) {
        bytes = bytes.get(count..).unwrap_or_default();
    }
}

/// Reads to the end, or as much as is wanted.
fn listen(pipe: &impl AsFd, max_len: usize, patience: Patience<'_>) -> io::Result<Vec<u8>> {
    let mut heard = Vec::new();
    let mut bytes = [0; 1024];
    while heard.len() < max_len {
        match fd::read(pipe, &mut bytes) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(bytes.get(..count).unwrap_or_default()),
            Err(Errno::EAGAIN) => patience.wait(pipe, PollFlags::POLLIN)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    heard.truncate(max_len);
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use nix::sys::signal::raise;
    use nix::unistd::pause;

    use super::*;
    use crate::sys::signal::Signals;

    /// Signals of this test's thread alone.
    fn signals() -> Signals {
        Signals::handle(&[Signal::SIGCHLD, Signal::SIGTERM]).unwrap()
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn the_answer_is_the_childs_and_nothing_of_it_stays() {
        let signals = signals();
        let patience = Patience::until(in_a_minute(), &signals);
        for len in [0, 1, 100_000] {
            let answer = ask(patience, usize::MAX, || vec![b'x'; len]).unwrap();
            assert_eq!(answer.len(), len);
        }
        assert!(!signals.has_kept());
    }

    #[test]
    fn a_long_answer_is_cut() {
        let signals = signals();
        let patience = Patience::until(in_a_minute(), &signals);
        let answer = ask(patience, 10, || vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(answer, [b'x'; 10]);
    }

    #[test]
    fn who_does_not_answer_in_time_is_ended() {
        let signals = signals();
        let deadline = Instant::now() + Duration::from_millis(30);
        let never = || -> Vec<u8> {
            loop {
                pause();
            }
        };
        let error = ask(Patience::until(deadline, &signals), 10, never).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(Instant::now() >= deadline);
        assert!(!signals.has_kept());
    }

    #[test]
    fn another_signal_interrupts_and_stays_to_be_taken() {
        let signals = signals();
        let patience = Patience::until(in_a_minute(), &signals);
        raise(Signal::SIGTERM).unwrap();
        let never = || -> Vec<u8> {
            loop {
                pause();
            }
        };
        let error = ask(patience, 10, never).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        assert!(signals.take().contains(Signal::SIGTERM));
    }
}
