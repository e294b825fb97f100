//! fork(2) for a process that goes on as something else.
//!
//! What makes a session dear is pages: each that it or the listener writes to after the fork becomes two.
//! So the listener tidies its heap before it listens, finds out what the processor can do, and compiles
//! what every session needs. What was tried as well and measured no better: having the kernel copy the
//! tables of the program's own pages (24 of 53 faults less, but as much to copy and to drop); reading
//! these pages ahead by madvise(2) (the same); a heap of the session's own (4 % less processor time for
//! a connection, no less memory, since it is the listener's writing that parts the pages).
#![expect(unsafe_code, reason = "fork, _exit")]

use nix::unistd::{ForkResult, Pid, fork as fork_process};

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
    Ok(match unsafe { fork_process() }? {
        ForkResult::Parent { child } => Fork::Parent(child),
        ForkResult::Child => Fork::Child,
    })
}

/// Ends this process at once. Nothing that is left to do at an exit concerns a session: it has no
/// buffered output, and what it inherited of the listener's is the listener's to flush.
pub(crate) fn exit_now(status: u8) -> ! {
    // SAFETY: ends the process; no destructor or atexit handler that matters is left out.
    unsafe { nix::libc::_exit(status.into()) }
}
