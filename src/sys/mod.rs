//! The machine: descriptors, processes, signals, memory. The only home of `unsafe`.
//!
//! Floor 2. Everything here assumes what `websockd` guarantees: the process never starts a thread.

pub(crate) mod ask;
pub(crate) mod beneath;
pub(crate) mod child;
pub(crate) mod daemonize;
pub(crate) mod exec;
pub(crate) mod fd;
pub(crate) mod fork;
pub(crate) mod heap;
pub(crate) mod limit;
pub(crate) mod name;
pub(crate) mod pages;
pub(crate) mod pass;
pub(crate) mod patience;
#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
#[cfg(not(feature = "sandbox"))]
#[path = "without_sandbox.rs"]
pub(crate) mod sandbox;
pub(crate) mod signal;
pub(crate) mod slot;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod strings;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod user;

use std::fmt;
use std::io;

use nix::errno::Errno;

/// What the machine refused: "cannot *doing* *on*: *reason*".
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Error {
    /// The verb: `listen on`, `run`.
    pub(crate) doing: &'static str,
    /// What it was to be done to.
    pub(crate) on: String,
    /// The system's reason.
    pub(crate) source: Errno,
}

impl Error {
    /// The error of a call that was to do `doing` to `on`.
    pub(crate) fn new(doing: &'static str, on: impl Into<String>, source: Errno) -> Self {
        Self {
            doing,
            on: on.into(),
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.doing,
            self.on,
            self.source.desc()
        )
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The system's reason in an error of the standard library; `EIO` for one that has none.
pub(crate) fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// `EINTR` is no answer: asks again.
pub(crate) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}
