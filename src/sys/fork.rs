//! fork(2) for a process that goes on as something else.
//!
//! What makes a session dear is pages: each that it or the listener writes to after the fork becomes two.
//! So the listener keeps what it writes to between two forks where no child has it ([`super::table`]), a
//! session takes what it needs from pages of its own ([`super::heap`]), and what every session needs is
//! found out and compiled before. What was tried as well and measured no better: having the kernel copy
//! the tables of the program's own pages (24 of 53 faults less, but as much to copy and to drop), reading
//! these pages ahead by madvise(2), having it make the pages of the arena and of the stack in one call
//! each (MADV_POPULATE_WRITE), the arena among the program's own data (a mapping less), and the program's
//! text as a huge page of the file (as much is lost to the tables of what lies around it; an anonymous copy
//! of it gave 3 percent, which is not worth code that no file stands for). What helps is that what a
//! session runs lies side by side: `benches/session.ld`.
#![expect(unsafe_code, reason = "clone, fork, _exit")]

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fork {
    /// The one that was there; the other's pid.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Forks. The child inherits everything, blocked signals among it; what it has no use for it closes by
/// dropping it.
///
/// Must not be called in a program that has started a thread: another thread's locks would stay held
/// in the child for ever. `websockd` never starts one; `tests/floors.rs` holds it to that.
pub(crate) fn fork() -> nix::Result<Fork> {
    // SAFETY: there is one thread, so the child finds no lock held and may go on as any process.
    let pid = Errno::result(unsafe { fork_process() })?;
    Ok(match pid {
        0 => Fork::Child,
        pid => Fork::Parent(Pid::from_raw(pid)),
    })
}

/// fork(3) without what it does for threads and handlers that this program has not, in two pages of the
/// C library's own that each child would have for itself then.
///
/// # Safety
///
/// As fork(2): for the child of a process without threads everything is as it was, and the library keeps
/// no process id (since 2.25) and asks for the thread's where it needs it.
#[cfg(all(target_env = "gnu", not(any(target_arch = "s390x", test))))]
unsafe fn fork_process() -> libc::pid_t {
    // SAFETY: a child with its own copy of all memory and this stack.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    libc::pid_t::try_from(pid).unwrap_or(-1)
}

/// fork(3), by which other libraries come to know the child's thread id; for tests, which have threads;
/// and where clone(2) takes its arguments in another order.
///
/// # Safety
///
/// As fork(2).
#[cfg(not(all(target_env = "gnu", not(any(target_arch = "s390x", test)))))]
unsafe fn fork_process() -> libc::pid_t {
    // SAFETY: the caller's.
    unsafe { libc::fork() }
}

/// Ends this process at once. Nothing that is left to do at an exit concerns a session: it has no
/// buffered output, and what it inherited of the listener's is the listener's to flush.
pub(crate) fn exit_now(status: u8) -> ! {
    // SAFETY: ends the process; no destructor or atexit handler that matters is left out.
    unsafe { libc::_exit(status.into()) }
}
