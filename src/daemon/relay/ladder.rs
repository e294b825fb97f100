//! A program's part of the end: EOF, time, SIGTERM, time, SIGKILL, to its whole process group.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::sys::child;

use super::Relay;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ladder {
    /// The program runs.
    Waiting,
    /// It has, or gets, EOF.
    Eof { since: Instant },
    /// It was sent SIGTERM.
    Term { since: Instant },
    /// It was sent SIGKILL.
    Kill { since: Instant },
    /// Nobody is left in its group, or there never was a program.
    Done,
}

impl Ladder {
    /// Begins, unless it has begun.
    pub(super) fn start(&mut self, now: Instant) {
        if *self == Self::Waiting {
            *self = Self::Eof { since: now };
        }
    }

    /// When the next step is due.
    pub(super) fn deadline(self, grace: Duration) -> Option<Instant> {
        match self {
            Self::Eof { since } | Self::Term { since } | Self::Kill { since } => {
                Some(since + grace)
            }
            Self::Waiting | Self::Done => None,
        }
    }
}

impl Relay {
    /// Takes the next step if its time has come; whether it did.
    pub(super) fn climb(&mut self, now: Instant) -> bool {
        let grace = self.settings.grace;
        if self.ladder.deadline(grace).is_none_or(|at| now < at) {
            return false;
        }
        self.ladder = match self.ladder {
            Ladder::Eof { .. } => {
                self.inbound.abandon();
                self.signal_program(Signal::SIGTERM);
                Ladder::Term { since: now }
            }
            Ladder::Term { .. } => {
                self.signal_program(Signal::SIGKILL);
                Ladder::Kill { since: now }
            }
            // Not even that: it hangs in the kernel, or waits for an init that reaps.
            Ladder::Kill { .. } | Ladder::Waiting | Ladder::Done => Ladder::Done,
        };
        self.note_group();
        true
    }

    fn signal_program(&self, signal: Signal) {
        if let Some(program) = self.program {
            child::signal_group(program, signal);
        }
    }
}
