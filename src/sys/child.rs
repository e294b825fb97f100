//! Starting a program and ending its process group.
#![expect(unsafe_code, reason = "clone, and what a child does before exec")]

use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, killpg, pthread_sigmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::signal;

/// What the child needs of stack before it is another program, and as much again.
const STACK_LEN: usize = 8 * 1024;

/// A program to start, every string ready for exec(3).
#[derive(Debug)]
pub(crate) struct Command<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) argv: &'a [CString],
    /// Two lists, one after the other.
    pub(crate) env: [&'a [CString]; 2],
    pub(crate) chdir: Option<&'a CStr>,
    pub(crate) stdin: BorrowedFd<'a>,
    pub(crate) stdout: BorrowedFd<'a>,
    pub(crate) stderr: BorrowedFd<'a>,
    /// Ignored signals to set back to their default; the mask is emptied.
    pub(crate) reset: &'a [Signal],
}

/// Why a program does not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpawnError {
    /// The step that failed.
    pub(crate) doing: &'static str,
    /// The system's reason.
    pub(crate) source: Errno,
}

/// Starts a program in a session of its own, with descriptors 0, 1 and 2 and whatever else is not
/// close-on-exec. Returns when it runs.
///
/// The child shares our memory until it is the other program (`CLONE_VM`, `CLONE_VFORK`), so nothing
/// is copied for it however large we are, and it can leave its error in a variable of ours.
pub(crate) fn spawn(command: &Command<'_>) -> Result<Pid, SpawnError> {
    let argv = pointers(&[command.argv]);
    let env = pointers(&command.env);
    let mut failure = None;
    let mut stack = [0; STACK_LEN];
    let run = Box::new(|| {
        // SAFETY: this is the child between clone and exec, and the pointers outlive it.
        failure = unsafe { become_program(command, &argv, &env) }.err();
        127
    });
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    // SAFETY: we stand still until the child has left our memory, it has a stack of its own that
    // lives as long, and it only makes system calls on memory prepared for it.
    let pid = unsafe { clone(run, &mut stack, flags, Some(libc::SIGCHLD)) };
    let pid = pid.map_err(|source| SpawnError::at("fork", source))?;
    match failure {
        None => Ok(pid),
        Some(failure) => {
            let _status = super::retry(|| waitpid(pid, None));
            Err(failure)
        }
    }
}

impl SpawnError {
    fn at(doing: &'static str, source: Errno) -> Self {
        Self { doing, source }
    }
}

/// What exec(3) takes: pointers to the strings, then null.
fn pointers(lists: &[&[CString]]) -> Vec<*const c_char> {
    lists
        .iter()
        .copied()
        .flatten()
        .map(|it| it.as_ptr())
        .chain([std::ptr::null()])
        .collect()
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
    // SAFETY: the path is a C string, both lists end with null.
    unsafe { libc::execve(command.path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    Err(SpawnError::at("exec", Errno::last()))
}

/// Sends a signal to the process group that `leader` leads or led. Whether anyone was there.
pub(crate) fn signal_group(leader: Pid, signal: impl Into<Option<Signal>>) -> bool {
    killpg(leader, signal) != Err(Errno::ESRCH)
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
    // Only ends are asked for, so whatever else there were would be one by an unknown signal.
    match super::retry(|| waitpid(None, Some(WaitPidFlag::WNOHANG))) {
        Ok(WaitStatus::Exited(pid, status)) => Some((pid, End::Exit(status))),
        Ok(WaitStatus::Signaled(pid, by, _)) => Some((pid, End::Signal(signal::number(by)))),
        Ok(other) => Some((other.pid()?, End::Signal(0))),
        Err(_) => None,
    }
}

/// Becomes the parent of what the service leaves behind, so that its end is noticed here.
pub(crate) fn adopt_orphans() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)
}
