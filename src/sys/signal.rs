//! Signals as bytes in a pipe: a handler writes the number, the loop reads it and acts.
#![expect(unsafe_code, reason = "sigaction, and a write in the handler")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, pthread_sigmask, sigaction,
};

use super::fd;

/// The write end of the pipe of this process; -1 before there is one.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn note(signal: libc::c_int) {
    let errno = Errno::last();
    let byte = u8::try_from(signal).unwrap_or(0);
    // SAFETY: write(2) is async-signal-safe and takes one byte from this frame. A full pipe loses the
    // byte, but then a byte is there already, and readers look at everything a signal may mean.
    unsafe { libc::write(PIPE.load(Ordering::Relaxed), (&raw const byte).cast(), 1) };
    errno.set();
}

/// The signals this process handles, readable from a descriptor.
#[derive(Debug)]
pub(crate) struct Signals {
    read: OwnedFd,
    _write: OwnedFd,
    /// What was ignored when the program started and must not be so for services.
    ignored: Vec<Signal>,
}

impl Signals {
    /// Handles `wanted` from now on, except what the program's starter had ignored: a job in the
    /// background of a plain shell is not to be ended by its terminal's ^C.
    ///
    /// One at a time in a process; a later one takes over.
    pub(crate) fn handle(wanted: &[Signal]) -> nix::Result<Self> {
        let (read, write) = fd::nonblocking_pipe()?;
        PIPE.store(write.as_raw_fd(), Ordering::Relaxed);
        let ignored: Vec<_> = Signal::iterator().filter(|it| is_ignored(*it)).collect();
        let handled: Vec<_> = wanted
            .iter()
            .copied()
            .filter(|it| !ignored.contains(it) || *it == Signal::SIGCHLD)
            .collect();
        for signal in &handled {
            set(*signal, SigHandler::Handler(note))?;
        }
        // What the starter had blocked is wanted all the same.
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(Self {
            read,
            _write: write,
            ignored,
        })
    }

    /// In a fresh child: a pipe of its own in place of the parent's, same signals; then unblocks.
    pub(crate) fn renew(&mut self) -> nix::Result<()> {
        let (read, write) = fd::nonblocking_pipe()?;
        PIPE.store(write.as_raw_fd(), Ordering::Relaxed);
        self.read = read;
        self._write = write;
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
    }

    /// The signals that have come since the last call.
    pub(crate) fn take(&self) -> Vec<Signal> {
        let mut numbers = [0; 64];
        let count = super::retry(|| nix::unistd::read(&self.read, &mut numbers)).unwrap_or(0);
        numbers
            .iter()
            .take(count)
            .filter_map(|number| Signal::try_from(libc::c_int::from(*number)).ok())
            .collect()
    }

    /// What a program that is started must have set back to its default. What is handled, exec sets
    /// back by itself.
    pub(crate) fn ignored(&self) -> &[Signal] {
        &self.ignored
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// Whether the process ignores `signal`.
fn is_ignored(signal: Signal) -> bool {
    let mut current = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action sigaction(2) only fills in the old one.
    let answer = unsafe { libc::sigaction(number(signal), std::ptr::null(), current.as_mut_ptr()) };
    // SAFETY: all zero is a value of the struct, and the call may have set it.
    let current = unsafe { current.assume_init() };
    answer == 0 && current.sa_sigaction == libc::SIG_IGN
}

/// The number of `signal`.
#[expect(clippy::as_conversions, reason = "the discriminant is the number")]
pub(crate) fn number(signal: Signal) -> libc::c_int {
    signal as libc::c_int
}

/// Sets what happens at `signal`.
pub(super) fn set(signal: Signal, handler: SigHandler) -> nix::Result<()> {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the only handler of this module is `note`, which does what a handler may.
    unsafe { sigaction(signal, &action) }.map(drop)
}
