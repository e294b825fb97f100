//! Starting a program and ending its process group.
#![expect(unsafe_code, reason = "clone, and what a child does before exec")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, killpg, pthread_sigmask};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpgrp};

use super::limit::Limit;
use super::signal;
use super::slot::Slot;
use super::strings::Strings;

/// Bytes the child has of stack before it is another program: four times what it needs.
const STACK_LEN: usize = 4096;

/// A program to start, every string ready for exec(3).
#[derive(Debug)]
pub(crate) struct Command<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) argv: &'a Strings,
    /// Two lists, one after the other.
    pub(crate) env: [&'a Strings; 2],
    pub(crate) chdir: Option<&'a CStr>,
    pub(crate) stdin: BorrowedFd<'a>,
    pub(crate) stdout: BorrowedFd<'a>,
    pub(crate) stderr: BorrowedFd<'a>,
    /// Ignored signals to set back to their default; the mask is emptied.
    pub(crate) reset: &'a [Signal],
    pub(crate) limits: &'a [Limit],
    /// Where its pid is noted before it runs, for whoever ends it if we cannot; `None`: nobody does,
    /// and our death is its SIGTERM.
    pub(crate) slot: Option<Slot>,
}

/// Why a program does not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpawnError {
    /// The step that failed: a system call, or the name of a limit.
    pub(crate) doing: &'static str,
    /// The system's reason.
    pub(crate) source: Errno,
}

/// Starts a program in a session of its own, with descriptors 0, 1 and 2 and whatever else is not
/// close-on-exec. Returns when it runs.
///
/// The child shares our memory until it is the other program (`CLONE_VM`, `CLONE_VFORK`), so nothing
/// is copied for it however large we are, and it can leave its error in a variable of ours. What was
/// tried as well and measured no better: entering the sandbox meanwhile instead of standing still.
pub(crate) fn spawn(command: &Command<'_>) -> Result<Pid, SpawnError> {
    let mut child = Child {
        command,
        argv: pointers(&[command.argv]),
        env: pointers(&command.env),
        failure: None,
    };
    let pid = clone(&mut child);
    let pid = pid.map_err(|source| SpawnError::at("fork", source))?;
    let Some(failure) = child.failure else {
        return Ok(pid);
    };
    let _status = super::retry(|| waitpid(pid, None));
    if let Some(slot) = command.slot {
        slot.clear();
    }
    Err(failure)
}

/// What the child has of us.
struct Child<'a> {
    command: &'a Command<'a>,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    failure: Option<SpawnError>,
}

/// Starts the child and waits until it is another program or has given up. Before it runs, the kernel
/// notes its pid in the slot: nothing can happen to us that leaves it unknown.
fn clone(child: &mut Child<'_>) -> nix::Result<Pid> {
    let nobody = AtomicI32::new(0);
    let noted = match child.command.slot {
        Some(slot) => slot.word(),
        None => &nobody,
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT_SETTID | libc::SIGCHLD;
    // Of the heap, where it is used again and only touched as far as it is needed, and of what is as
    // aligned as any processor wants a stack's top.
    let mut stack = Vec::<u128>::with_capacity(STACK_LEN / size_of::<u128>());
    let top = stack.spare_capacity_mut().as_mut_ptr_range().end;
    // SAFETY: we stand still until the child has left our memory, it has a stack of its own that lives
    // as long, and it only makes system calls on memory prepared for it.
    let pid = unsafe {
        libc::clone(
            live,
            top.cast(),
            flags,
            (&raw mut *child).cast(),
            noted.as_ptr(),
        )
    };
    Errno::result(pid).map(Pid::from_raw)
}

extern "C" fn live(child: *mut c_void) -> c_int {
    // SAFETY: it is the one that `clone` passed, and its owner stands still.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    // SAFETY: this is the child between clone and exec, and the pointers outlive it.
    child.failure = unsafe { become_program(child.command, &child.argv, &child.env) }.err();
    127
}

impl SpawnError {
    fn at(doing: &'static str, source: Errno) -> Self {
        Self { doing, source }
    }
}

/// What exec(3) takes: pointers to the strings, then null.
fn pointers(lists: &[&Strings]) -> Vec<*const c_char> {
    let pointers = lists.iter().flat_map(|it| it.pointers());
    pointers.chain([std::ptr::null()]).collect()
}

/// Goes on as the command's program; returns only if that fails.
///
/// # Safety
///
/// Only for a child between clone and exec: it rearranges the process. `argv` and `env` end with null.
unsafe fn become_program(
    command: &Command<'_>,
    argv: &[*const c_char],
    env: &[*const c_char],
) -> Result<(), SpawnError> {
    nix::unistd::setsid().map_err(|it| SpawnError::at("setsid", it))?;
    if command.slot.is_none() {
        prctl::set_pdeathsig(Signal::SIGTERM).map_err(|it| SpawnError::at("prctl", it))?;
    }
    let descriptors = [command.stdin, command.stdout, command.stderr];
    for (number, fd) in (0..).zip(descriptors) {
        // SAFETY: both are open. Ours are all above 2, so that none is overwritten before its turn,
        // except for a stderr that stays in its place: its copy must lose close-on-exec likewise,
        // which dup2 onto itself would not do, but 0 to 2 never have it.
        Errno::result(unsafe { libc::dup2(fd.as_raw_fd(), number) })
            .map_err(|it| SpawnError::at("dup2", it))?;
    }
    if let Some(directory) = command.chdir {
        nix::unistd::chdir(directory).map_err(|it| SpawnError::at("chdir", it))?;
    }
    for signal in command.reset {
        signal::set(*signal, SigHandler::SigDfl).map_err(|it| SpawnError::at("sigaction", it))?;
    }
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(|it| SpawnError::at("sigprocmask", it))?;
    for limit in command.limits {
        limit.apply().map_err(|it| SpawnError::at(limit.name, it))?;
    }
    // SAFETY: the path is a C string, both lists end with null.
    unsafe { libc::execve(command.path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    Err(SpawnError::at("exec", Errno::last()))
}

/// Sends a signal to the process group that `leader` leads or led. Whether anyone was there.
pub(crate) fn signal_group(leader: Pid, signal: impl Into<Option<Signal>>) -> bool {
    killpg(leader, signal) != Err(Errno::ESRCH)
}

/// Whether a child of ours, running or not reaped yet, belongs to this process group, which is not our
/// own.
pub(crate) fn is_parent_in(group: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    group != getpgrp() && waitid(Id::PGid(group), flags).is_ok()
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "exit {status}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// The next child that has ended, without waiting.
pub(crate) fn reap() -> Option<(Pid, End)> {
    let status = super::retry(|| waitpid(None, Some(WaitPidFlag::WNOHANG))).ok()?;
    Some((status.pid()?, end_of(status)))
}

/// The end that a status tells of.
pub(super) fn end_of(status: WaitStatus) -> End {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only ends are asked for")]
    match status {
        WaitStatus::Exited(_, status) => End::Exit(status),
        WaitStatus::Signaled(_, by, _) => End::Signal(signal::number(by)),
        // One by a signal without a name.
        _ => End::Signal(0),
    }
}

/// Becomes the parent of what the service leaves behind, so that its end is noticed here.
pub(crate) fn adopt_orphans() -> nix::Result<()> {
    prctl::set_child_subreaper(true)
}

#[cfg(test)]
mod tests {
    use nix::unistd::pause;

    use super::super::fork::{Fork, fork};
    use super::*;

    #[test]
    fn a_group_is_ours_only_with_a_child_of_ours_and_never_our_own() {
        let Ok(Fork::Parent(child)) = fork() else {
            // Every signal is blocked here but the one that ends it.
            pause();
            return;
        };
        assert!(!is_parent_in(getpgrp()), "it has the child in it");
        assert!(!is_parent_in(Pid::from_raw(1)));
        assert!(!is_parent_in(Pid::from_raw(-1)));
        assert!(!is_parent_in(child));
        nix::unistd::setpgid(child, child).expect("a group of its own");
        assert!(is_parent_in(child));
        assert!(signal_group(child, Signal::SIGKILL));
        waitpid(child, None).expect("its end");
        assert!(!is_parent_in(child));
    }
}
