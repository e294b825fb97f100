//! Beginning anew in place: the program and its configuration are tried by a child, and when that
//! finds nothing wrong this process becomes the new program, with the sockets and the sessions it has.
//!
//! ```text
//! Idle ── SIGHUP ──► Checking ── all is well ──► Due ── exec ──► the new program
//!   ▲                   │                         │
//!   └── why not, told ──┴─────────────────────────┘
//! ```

mod check;
mod handover;
mod image;

pub(super) use handover::{Handover, Taken, take};

use std::convert::Infallible;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child::End;

use check::Check;
use handover::Written;
use image::Image;

/// The variable that says whose handing-over the descriptors are: our own pid.
pub(super) const VARIABLE: &str = "WEBSOCKD_RESTART";

/// How far a restart is.
#[derive(Debug)]
pub(super) struct Restart {
    image: Image,
    stage: Stage,
    /// Asked for again during the check, which may have looked at what is not so any more.
    is_asked_again: bool,
}

#[derive(Debug)]
enum Stage {
    Idle,
    Checking(Check),
    Due,
}

impl Restart {
    /// For the program that runs now. To be called at start, before its file can be replaced.
    pub(super) fn of_this_program() -> Self {
        Self {
            image: Image::of_this_program(),
            stage: Stage::Idle,
            is_asked_again: false,
        }
    }

    /// Whether a child is trying the new program.
    pub(super) fn is_checking(&self) -> bool {
        matches!(self.stage, Stage::Checking(_))
    }

    /// Begins to check, if it is not checking; `reset` are the signals to set back to their default for
    /// that.
    ///
    /// # Errors
    ///
    /// Why not, as a sentence.
    pub(super) fn begin(&mut self, reset: &[Signal]) -> Result<(), String> {
        if self.is_checking() {
            self.is_asked_again = true;
            return Ok(());
        }
        self.stage = Stage::Idle;
        self.stage = Stage::Checking(Check::start(&self.image, reset)?);
        Ok(())
    }

    /// Takes note of the end of a child, which may be that of the check; `reset` as for `begin`.
    ///
    /// # Errors
    ///
    /// Why there is no restart, as a sentence.
    pub(super) fn note_end(&mut self, pid: Pid, end: End, reset: &[Signal]) -> Result<(), String> {
        let Stage::Checking(check) = &self.stage else {
            return Ok(());
        };
        if check.pid() != pid {
            return Ok(());
        }
        let verdict = check.verdict(end);
        self.stage = Stage::Idle;
        if std::mem::take(&mut self.is_asked_again) {
            return self.begin(reset);
        }
        verdict?;
        self.stage = Stage::Due;
        Ok(())
    }

    /// Ends a check that takes too long, or is of no use any more.
    pub(super) fn look_at_clock(&mut self, now: Instant) {
        if let Stage::Checking(check) = &mut self.stage {
            check.look_at_clock(now);
        }
    }

    /// Forgets about it.
    pub(super) fn abandon(&mut self) {
        if let Stage::Checking(check) = &self.stage {
            check.kill();
        }
        self.stage = Stage::Idle;
    }

    /// When there is something to do without a signal.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Checking(check) => check.deadline(),
            Stage::Idle | Stage::Due => None,
        }
    }

    /// Whether everything is ready for [`Restart::execute`].
    pub(super) fn is_due(&self) -> bool {
        matches!(self.stage, Stage::Due)
    }

    /// Becomes the new program. All signals are to be held. `files` are those that the handover speaks
    /// of, in its order.
    ///
    /// # Errors
    ///
    /// Why this is still the old one, as a sentence.
    pub(super) fn execute(
        &mut self,
        sockets: &[BorrowedFd<'_>],
        handover: &Handover,
        files: &[BorrowedFd<'_>],
    ) -> Result<Infallible, String> {
        self.stage = Stage::Idle;
        let written = Written::new(handover)
            .map_err(|errno| format!("cannot hand the sessions over: {}", errno.desc()))?;
        let mut pass = sockets.to_vec();
        pass.push(written.as_fd());
        pass.extend(files);
        self.image.execute(sockets.len(), &pass)
    }
}
