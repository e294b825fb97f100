//! The service: a program of its own session and process group on three pipes.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child::{self, Command};
use crate::sys::slot::Slot;
use crate::sys::stream::Stream;
use crate::sys::strings::{Strings, c_string};
use crate::sys::{Error, fd};

use super::config::{Config, Program, ServiceStderr, Services};
use super::environment::Standing;
use super::relay::Near;

/// What every service is started from: the strings are made once, and sessions inherit them.
#[derive(Debug)]
pub(super) struct Template<'c> {
    pub(super) config: &'c Config,
    /// The one program for all; `None`: each request names its own.
    pub(super) program: Option<Executable>,
    chdir: Option<CString>,
    pub(super) environment: Standing,
    /// `/dev/null`, for a service whose standard error goes there: another root may lack it.
    null: Option<OwnedFd>,
}

impl<'c> Template<'c> {
    pub(super) fn new(config: &'c Config) -> Result<Self, Error> {
        let null = match config.stderr {
            ServiceStderr::Null => Some(fd::null()),
            ServiceStderr::Log | ServiceStderr::Tagged | ServiceStderr::Inherit => None,
        };
        let null = null.transpose();
        let chdir = config.chdir.as_ref();
        let program = match &config.services {
            Services::Program(program) => Some(Executable::of(program)),
            Services::Dir(_) | Services::None => None,
        };
        Ok(Self {
            config,
            program,
            chdir: chdir.map(c_string),
            environment: Standing::new(config),
            null: null.map_err(|source| Error::new("open", "/dev/null", source))?,
        })
    }

    /// The error of a step that failed, with what it was to be done to.
    fn failed(&self, program: &Executable, doing: &'static str, source: Errno) -> Error {
        if self.config.limits.iter().any(|limit| limit.name == doing) {
            return Error::new("limit", doing, source);
        }
        match &self.config.chdir {
            Some(chdir) if doing == "chdir" => {
                Error::new("change to", chdir.display().to_string(), source)
            }
            _ => Error::new("run", program.path.to_string_lossy(), source),
        }
    }
}

/// A program to start, its strings ready for exec(3).
#[derive(Clone, Debug)]
pub(super) struct Executable {
    pub(super) path: CString,
    argv: Strings,
    /// Where it runs instead of where all do.
    home: Option<CString>,
}

impl Executable {
    fn of(program: &Program) -> Self {
        Self {
            path: c_string(&program.path),
            argv: program.argv.iter().collect(),
            home: None,
        }
    }

    /// The file at `path`, without arguments, to run in its own directory.
    #[cfg(feature = "site")]
    pub(super) fn at_home(path: &Path) -> Self {
        Self {
            home: path.parent().map(c_string),
            ..Self::alone(path)
        }
    }

    /// The file at `path`, without arguments.
    pub(super) fn alone(path: &Path) -> Self {
        Self {
            path: c_string(path),
            argv: [path].into_iter().collect(),
            home: None,
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
    /// Whether that goes to the client, too.
    is_tagged: bool,
}

impl Service {
    /// Starts the program; when this returns it runs. `variables` are those of the request; `reset` are
    /// the signals to set back to their default for it; `slot` is where it is noted for whoever ends it
    /// if we cannot.
    pub(super) fn start(
        template: &Template<'_>,
        program: &Executable,
        variables: &Strings,
        reset: &[Signal],
        slot: Option<Slot>,
    ) -> Result<Self, Error> {
        let failed = |source| template.failed(program, "pipe", source);
        let (stdin, our_stdin) = fd::pipe().map_err(failed)?;
        let (our_stdout, stdout) = fd::pipe().map_err(failed)?;
        let stderr = Stderr::new(template).map_err(failed)?;
        let pid = child::spawn(&Command {
            path: &program.path,
            argv: &program.argv,
            env: [template.environment.strings(), variables],
            chdir: program.home.as_deref().or(template.chdir.as_deref()),
            stdin: stdin.as_fd(),
            stdout: stdout.as_fd(),
            stderr: stderr.theirs(),
            reset,
            limits: &template.config.limits,
            slot,
        })
        .map_err(|error| template.failed(program, error.doing, error.source))?;
        let service = Self {
            pid,
            stdin: Some(our_stdin),
            stdout: Some(our_stdout),
            stderr: stderr.into_ours(),
            is_tagged: template.config.stderr == ServiceStderr::Tagged,
        };
        let ours = [&service.stdin, &service.stdout, &service.stderr];
        for end in ours.into_iter().flatten() {
            fd::make_nonblocking(end).map_err(failed)?;
        }
        Ok(service)
    }

    /// What the relay joins the peer to.
    pub(super) fn into_near(self) -> Near {
        Near {
            sink: self.stdin.map(Stream::pipe),
            source: self.stdout.map(Stream::pipe),
            rest: None,
            stderr: self.stderr,
            is_tagged: self.is_tagged,
            program: Some(self.pid),
        }
    }
}

/// Where the service's standard error goes.
#[derive(Debug)]
enum Stderr<'t> {
    Inherited(io::Stderr),
    Null(&'t OwnedFd),
    Logged { ours: OwnedFd, theirs: OwnedFd },
}

impl<'t> Stderr<'t> {
    fn new(template: &'t Template<'_>) -> nix::Result<Self> {
        Ok(match (template.config.stderr, &template.null) {
            (_, Some(null)) => Self::Null(null),
            (ServiceStderr::Log | ServiceStderr::Tagged, None) => {
                let (ours, theirs) = fd::pipe()?;
                Self::Logged { ours, theirs }
            }
            (ServiceStderr::Inherit | ServiceStderr::Null, None) => Self::Inherited(io::stderr()),
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
