//! The listener's life apart from its clients: who is told of it, and how it begins anew.

use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::log;
use crate::sys::child::End;
use crate::sys::signal::Signals;
use crate::sys::terminal;

use super::notify::Notify;
use super::pid_file::PidFile;
use super::restart::{Handover, Restart};
use super::socket_file::SocketFile;

#[derive(Debug)]
pub(super) struct Life {
    restart: Restart,
    notify: Notify,
    pid_file: Option<PidFile>,
    socket_file: Option<SocketFile>,
    /// We were started from a terminal.
    had_terminal: bool,
    began: Instant,
    /// Sessions since then.
    served: u64,
}

impl Life {
    /// One that begins, or goes on from `before`.
    pub(super) fn new(
        before: &Handover,
        pid_file: Option<PidFile>,
        socket_file: Option<SocketFile>,
    ) -> Self {
        let now = Instant::now();
        Self {
            restart: Restart::of_this_program(),
            notify: Notify::from_environment(),
            pid_file,
            socket_file,
            had_terminal: terminal::is_there(),
            began: now.checked_sub(before.lasted).unwrap_or(now),
            served: before.served,
        }
    }

    /// Says that we serve.
    pub(super) fn ready(&self) {
        self.notify.ready("serving");
    }

    /// Says that we do not serve anybody new: nobody finds us any more.
    pub(super) fn stopping(&mut self, status: &str) {
        self.socket_file = None;
        self.restart.abandon();
        self.notify.stopping(status);
    }

    /// Has the new program and its configuration tried, to become it if nothing is wrong.
    pub(super) fn try_restart(&mut self, signals: &Signals) {
        if !self.restart.is_checking() {
            self.notify.reloading();
        }
        if let Err(why) = self.restart.begin(signals.ignored()) {
            self.stays(&why);
        }
    }

    /// Takes note of the end of a child that is no session: perhaps the trial.
    pub(super) fn note_end(&mut self, pid: Pid, end: End, signals: &Signals) {
        if let Err(why) = self.restart.note_end(pid, end, signals.ignored()) {
            self.stays(&why);
        }
    }

    /// Whether the trial has found nothing wrong: then [`Life::execute`] is due.
    pub(super) fn has_to_restart(&self) -> bool {
        self.restart.is_due()
    }

    /// Says why we go on as before instead of beginning anew.
    pub(super) fn stays(&self, why: &str) {
        log::error(format!("not restarted: {why}"));
        let why = why.replace('\n', " ");
        self.notify.ready(&format!("serving, not restarted: {why}"));
    }

    /// Whether a hang-up is that of the terminal we were started from, and no wish of a person's.
    pub(super) fn has_lost_terminal(&self) -> bool {
        self.had_terminal && !terminal::is_there()
    }

    /// How many sessions there have been.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    pub(super) fn note_session(&mut self) {
        self.served += 1;
    }

    /// Sends what is due.
    pub(super) fn look_at_clock(&mut self, now: Instant) {
        self.notify.beat(now);
        self.restart.look_at_clock(now);
    }

    /// When that is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.notify
            .due()
            .into_iter()
            .chain(self.restart.deadline())
            .min()
    }

    /// Logs the totals.
    pub(super) fn log(&self, sessions: usize) {
        log::status(sessions, self.served, self.lasted());
    }

    /// Becomes the new program.
    ///
    /// # Errors
    ///
    /// Why not, as a sentence.
    pub(super) fn execute(
        &mut self,
        sockets: &[BorrowedFd<'_>],
        slots: BorrowedFd<'_>,
        mut handover: Handover,
    ) -> Result<Infallible, String> {
        handover.served = self.served;
        handover.lasted = self.lasted();
        handover.to_syslog = log::is_sent_to_syslog();
        handover.has_pid_file = self.pid_file.is_some();
        handover.has_slots = true;
        handover.socket_file = self.socket_file.as_ref().map(SocketFile::identity);
        let pid_file = self.pid_file.as_ref().map(AsFd::as_fd);
        let files: Vec<_> = pid_file.into_iter().chain([slots]).collect();
        self.restart.execute(sockets, &handover, &files)
    }

    fn lasted(&self) -> Duration {
        self.began.elapsed()
    }
}
