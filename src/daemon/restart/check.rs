//! A child that runs the new program with `--check` in front of our arguments: whether it runs, and
//! whether it understands and finds what they say.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child::{self, Command, End};
use crate::sys::fd;
use crate::sys::strings::Strings;

use super::image::{self, Image};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is read of its complaint.
const MAX_COMPLAINT_LEN: usize = 1000;

#[derive(Debug)]
pub(super) struct Check {
    pid: Pid,
    /// Its standard error.
    complaint: OwnedFd,
    /// `None` when it has been killed for that.
    deadline: Option<Instant>,
}

impl Check {
    /// Starts it; `reset` are the signals to set back to their default.
    ///
    /// # Errors
    ///
    /// Why it does not run, as a sentence.
    pub(super) fn start(image: &Image, reset: &[Signal]) -> Result<Self, String> {
        let cannot = |reason: &str| format!("cannot run {:?}: {reason}", image.path());
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        let null = null.map_err(|error| cannot(&error.to_string()))?;
        let (complaint, stderr) = fd::pipe().map_err(|errno| cannot(errno.desc()))?;
        fd::set_nonblocking(&complaint).map_err(|errno| cannot(errno.desc()))?;
        let pid = child::spawn(&Command {
            path: &image.file(),
            argv: &image.argv(Some("--check")),
            env: [&image::environment(), &Strings::default()],
            chdir: None,
            stdin: null.as_fd(),
            stdout: null.as_fd(),
            stderr: stderr.as_fd(),
            reset,
            limits: &[],
            slot: None,
        });
        Ok(Self {
            pid: pid.map_err(|error| cannot(error.source.desc()))?,
            complaint,
            deadline: Some(Instant::now() + PATIENCE),
        })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends it if it takes too long.
    pub(super) fn look_at_clock(&mut self, now: Instant) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            self.kill();
        }
    }

    pub(super) fn kill(&self) {
        child::signal_group(self.pid, Signal::SIGKILL);
    }

    /// What its end says of the new program.
    pub(super) fn verdict(&self, end: End) -> Result<(), String> {
        if self.deadline.is_none() {
            let seconds = PATIENCE.as_secs();
            return Err(format!("the check took longer than {seconds} seconds"));
        }
        if end == End::Exit(0) {
            return Ok(());
        }
        let mut bytes = [0; MAX_COMPLAINT_LEN];
        let len = fd::read(&self.complaint, &mut bytes).unwrap_or(0);
        let complaint = String::from_utf8_lossy(bytes.get(..len).unwrap_or_default());
        match complaint.trim() {
            "" => Err(format!("the check ended with {end}")),
            complaint => Err(complaint.to_owned()),
        }
    }
}
