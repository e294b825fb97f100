//! Signals as records in a descriptor (signalfd): they stay blocked, the loop reads them and acts. No
//! handler ever runs, so nothing is interrupted, and what has come and was not read waits in the
//! kernel, for a program that this process becomes, too.
#![expect(unsafe_code, reason = "sigaction")]

use std::cell::Cell;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, pthread_sigmask, sigaction,
};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::fd;

/// Bytes of one record; its first four are the signal's number (signalfd(2)).
const RECORD_LEN: usize = 128;

/// The signals this process handles, readable from a descriptor. A forked child reads its own from
/// what it inherits.
#[derive(Debug)]
pub(crate) struct Signals {
    fd: SignalFd,
    /// What is ignored and must not be so for services.
    ignored: Vec<Signal>,
    /// What is read and dropped.
    unheeded: Arrived,
    /// What SIGUSR1 asks for while nothing but [`Signals::heed_asking`] looks.
    answer: Answer,
    /// What was read then and is not for there.
    kept: Cell<Arrived>,
}

/// Signals that have come. As bits, which costs a session less than a set of the C library's, to be
/// looked through signal by signal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Arrived(u64);

impl Arrived {
    pub(crate) fn contains(self, signal: Signal) -> bool {
        self.0 & bit(signal) != 0
    }

    fn add(&mut self, signal: Signal) {
        self.0 |= bit(signal);
    }

    fn remove(&mut self, signal: Signal) {
        self.0 &= !bit(signal);
    }
}

/// By their numbers.
impl Iterator for Arrived {
    type Item = Signal;

    fn next(&mut self) -> Option<Signal> {
        let first = libc::c_int::try_from(self.0.trailing_zeros()).ok()?;
        let signal = Signal::try_from(first).ok()?;
        self.remove(signal);
        Some(signal)
    }
}

fn bit(signal: Signal) -> u64 {
    1 << number(signal)
}

/// What is done when somebody asks how it goes.
struct Answer(Option<Box<dyn Fn()>>);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.0.is_some())
    }
}

impl Signals {
    /// Handles `wanted` from now on, except what the program's starter had ignored: a job in the
    /// background of a plain shell is not to be ended by its terminal's ^C. What the starter had
    /// blocked is wanted all the same.
    pub(crate) fn handle(wanted: &[Signal]) -> nix::Result<Self> {
        let ignored: Vec<_> = Signal::iterator().filter(|it| is_ignored(*it)).collect();
        // Ends of children that are ignored are not told at all.
        set(Signal::SIGCHLD, SigHandler::SigDfl)?;
        let handled: SigSet = wanted
            .iter()
            .copied()
            .filter(|it| !ignored.contains(it) || *it == Signal::SIGCHLD)
            .collect();
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&handled), None)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            fd: SignalFd::with_flags(&handled, flags)?,
            ignored,
            unheeded: Arrived::default(),
            answer: Answer(None),
            kept: Cell::default(),
        })
    }

    /// Heeds these no more, in this process. They stay blocked, which costs no call.
    pub(crate) fn ignore(&mut self, signals: &[Signal]) {
        signals.iter().for_each(|it| self.unheeded.add(*it));
    }

    /// The signals that have come since the last call: which, for the kernel does not count them either.
    pub(crate) fn take(&self) -> Arrived {
        let mut signals = self.kept.take();
        let mut records = [0; 8 * RECORD_LEN];
        let count = fd::read(&self.fd, &mut records).unwrap_or(0);
        let records = records.get(..count).unwrap_or_default();
        let came = records.chunks_exact(RECORD_LEN).filter_map(|record| {
            let number = libc::c_int::from_ne_bytes(*record.first_chunk()?);
            Signal::try_from(number).ok()
        });
        came.filter(|it| !self.unheeded.contains(*it))
            .for_each(|it| signals.add(it));
        signals
    }

    /// Has SIGUSR1 answered by `answer` wherever [`Signals::heed_asking`] is called.
    pub(crate) fn answer_by(&mut self, answer: impl Fn() + 'static) {
        self.answer = Answer(Some(Box::new(answer)));
    }

    /// Has SIGUSR1 wait to be taken again.
    pub(crate) fn stop_answering(&mut self) {
        self.answer = Answer(None);
    }

    /// Answers SIGUSR1 if it has come; whether a signal has that is to end a wait. It stays to be taken,
    /// and so does SIGCHLD, which ends none.
    pub(crate) fn heed_asking(&self) -> bool {
        let mut others = self.take();
        if let (Some(answer), true) = (&self.answer.0, others.contains(Signal::SIGUSR1)) {
            others.remove(Signal::SIGUSR1);
            answer();
        }
        self.kept.set(others);
        self.has_kept()
    }

    /// Drops `signal` if it has come: what it tells of has been seen to.
    pub(crate) fn forget(&self, signal: Signal) {
        self.heed_asking();
        let mut kept = self.kept.get();
        kept.remove(signal);
        self.kept.set(kept);
    }

    /// Whether something that is to end a wait was kept: [`Signals::take`] will return it, though the
    /// descriptor does not show it.
    pub(crate) fn has_kept(&self) -> bool {
        // A child that ends is no reason to stop what it has no part in.
        let mut kept = self.kept.get();
        kept.remove(Signal::SIGCHLD);
        kept != Arrived::default()
    }

    /// What a program that is started must have set back to its default.
    pub(crate) fn ignored(&self) -> &[Signal] {
        &self.ignored
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
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

/// Sets what happens at `signal`: its default, or nothing.
pub(super) fn set(signal: Signal, handler: SigHandler) -> nix::Result<()> {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: nobody in this program passes a handler that runs.
    unsafe { sigaction(signal, &action) }.map(drop)
}
