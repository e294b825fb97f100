//! The service: a program of its own session and process group on three pipes.

use std::ffi::{CString, OsStr};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child::{self, Command};
use crate::sys::{Error, fd};

use super::config::{Config, ServiceStderr};
use super::environment::Standing;

/// What every service is started from: the strings are made once, and sessions inherit them.
#[derive(Debug)]
pub(super) struct Template<'c> {
    pub(super) config: &'c Config,
    path: CString,
    argv: Vec<CString>,
    chdir: Option<CString>,
    pub(super) environment: Standing,
}

impl<'c> Template<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        let argv = config.program.argv.iter();
        let chdir = config.chdir.as_ref();
        Self {
            config,
            path: c_string(config.program.path.as_os_str()),
            argv: argv.map(|it| c_string(it)).collect(),
            chdir: chdir.map(|it| c_string(it.as_os_str())),
            environment: Standing::new(config),
        }
    }

    /// The error of a step that failed, with what it was to be done to.
    fn failed(&self, doing: &'static str, source: Errno) -> Error {
        match &self.config.chdir {
            Some(chdir) if doing == "chdir" => {
                Error::new("change to", chdir.display().to_string(), source)
            }
            _ => Error::new(
                "run",
                self.config.program.path.display().to_string(),
                source,
            ),
        }
    }
}

/// A program that runs, and our ends of its pipes, all non-blocking.
#[derive(Debug)]
pub(super) struct Service {
    /// Its process, which leads its group.
    pub(super) pid: Pid,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    /// `None` unless its standard error is logged.
    pub(super) stderr: Option<OwnedFd>,
}

impl Service {
    /// Starts the program; when this returns it runs. `variables` are those of the request; `reset` are
    /// the signals to set back to their default for it.
    pub(super) fn start(
        template: &Template<'_>,
        variables: &[CString],
        reset: &[Signal],
    ) -> Result<Self, Error> {
        let failed = |source| template.failed("pipe", source);
        let (stdin, our_stdin) = fd::pipe().map_err(failed)?;
        let (our_stdout, stdout) = fd::pipe().map_err(failed)?;
        let stderr = Stderr::new(template.config.stderr).map_err(failed)?;
        let pid = child::spawn(&Command {
            path: &template.path,
            argv: &template.argv,
            env: [template.environment.as_slice(), variables],
            chdir: template.chdir.as_deref(),
            stdin: stdin.as_fd(),
            stdout: stdout.as_fd(),
            stderr: stderr.theirs(),
            reset,
        })
        .map_err(|error| template.failed(error.doing, error.source))?;
        let service = Self {
            pid,
            stdin: Some(our_stdin),
            stdout: Some(our_stdout),
            stderr: stderr.into_ours(),
        };
        let ours = [&service.stdin, &service.stdout, &service.stderr];
        for end in ours.into_iter().flatten() {
            fd::make_nonblocking(end).map_err(failed)?;
        }
        Ok(service)
    }
}

/// Where the service's standard error goes.
#[derive(Debug)]
enum Stderr {
    Inherited(io::Stderr),
    Null(OwnedFd),
    Logged { ours: OwnedFd, theirs: OwnedFd },
}

impl Stderr {
    fn new(wanted: ServiceStderr) -> nix::Result<Self> {
        Ok(match wanted {
            ServiceStderr::Inherit => Self::Inherited(io::stderr()),
            ServiceStderr::Null => {
                let null = OpenOptions::new().write(true).open("/dev/null");
                let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
                Self::Null(null.map_err(errno)?.into())
            }
            ServiceStderr::Log => {
                let (ours, theirs) = fd::pipe()?;
                Self::Logged { ours, theirs }
            }
        })
    }

    fn theirs(&self) -> BorrowedFd<'_> {
        match self {
            Self::Inherited(stderr) => stderr.as_fd(),
            Self::Null(null) => null.as_fd(),
            Self::Logged { theirs, .. } => theirs.as_fd(),
        }
    }

    fn into_ours(self) -> Option<OwnedFd> {
        match self {
            Self::Logged { ours, .. } => Some(ours),
            Self::Inherited(_) | Self::Null(_) => None,
        }
    }
}

/// A string for the kernel. What came from a command line or a directory holds no NUL.
fn c_string(text: &OsStr) -> CString {
    CString::new(text.as_bytes()).unwrap_or_default()
}
