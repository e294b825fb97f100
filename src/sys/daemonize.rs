//! Leaving the terminal: a child of its own session goes on, and the process that was started stays
//! until it knows how that went.

use std::os::fd::OwnedFd;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};

use super::fd;
use super::fork::{Fork, fork};

/// Which of the two processes this is.
#[derive(Debug)]
pub(crate) enum Detached {
    /// The one that was started, after the other has said that it serves, or has ended: the status to
    /// leave with, `None` if it did not leave by itself.
    Parent(Option<u8>),
    /// The one that goes on.
    Child(Lifeline),
}

/// What the started process waits at. If it is dropped, the end of this process is what it learns.
#[derive(Debug)]
pub(crate) struct Lifeline {
    write: OwnedFd,
    /// Where standard input, output and error will lead: out of sight from another root.
    null: OwnedFd,
}

/// Forks. The child leads a session of its own and has no controlling terminal, but still writes on
/// its standard error.
pub(crate) fn detach() -> nix::Result<Detached> {
    let (read, write) = fd::pipe()?;
    let null = fd::null()?;
    match fork()? {
        Fork::Parent(child) => {
            drop(write);
            Ok(Detached::Parent(await_child(&read, child)))
        }
        Fork::Child => {
            setsid()?;
            Ok(Detached::Child(Lifeline { write, null }))
        }
    }
}

fn await_child(read: &OwnedFd, child: Pid) -> Option<u8> {
    if fd::read(read, &mut [0]) == Ok(1) {
        return Some(0);
    }
    match super::retry(|| waitpid(child, None)) {
        Ok(WaitStatus::Exited(_, status)) => u8::try_from(status).ok(),
        _ => None,
    }
}

impl Lifeline {
    /// Says that we serve: the started process leaves with 0. From here on standard input, output and
    /// error lead nowhere.
    pub(crate) fn cut(self) -> nix::Result<()> {
        for number in 0..=2 {
            fd::replace_standard(number, &self.null)?;
        }
        fd::write(&self.write, &[1]).map(drop)
    }
}
