//! The peer's part of the end: who has closed, and what is waited for.
//!
//! ```text
//! Open ── peer's Close, or its fault ────► Answering ── program done, or grace over ──┐
//!   │                                                                                 ▼
//!   ├─── program ended, stop, timeout, output that cannot be sent ─────────────► Closing
//!   │                                                                                 ▲
//!   ├─── end of a source that is no program's ──► Hearing ── peer's Close, or stop ────┤
//!   │                                                                                 │
//!   └─── connection lost ──► Gone ◄── both Closes, or 2 s ────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use crate::frame::CloseCode;
use crate::sys::child::End;

use super::{Goodbye, Relay};

/// How long a peer may take to answer our Close.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Both speak.
    Open,
    /// The peer's part is said. What a program answers still leaves until then.
    Answering { goodbye: Goodbye, until: Instant },
    /// Our part is said, and our Close; the peer's is heard until it closes, too.
    Hearing { since: Instant },
    /// Our Close is said, or queued.
    Closing(Closing),
    /// The connection is closed.
    Gone,
}

impl Phase {
    /// As the log has it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answering { .. } => "answering",
            Self::Hearing { .. } => "hearing",
            Self::Closing(_) => "closing",
            Self::Gone => "gone",
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Closing {
    /// Until when the peer may answer; set when our Close has left, or we are told to stop.
    pub(super) until: Option<Instant>,
    /// Our direction of the stream is ended, too.
    is_finished: bool,
}

impl Relay {
    /// The peer has closed: EOF for the near end; the answers of a program still leave.
    pub(super) fn heed_close(&mut self, now: Instant) {
        let (code, reason) = match self.connection.peer_close() {
            Some(close) => (close.code, close.reason.to_owned()),
            None => (None, String::new()),
        };
        let echo = Goodbye {
            code,
            reason: String::new(),
        };
        self.end_as(Goodbye { code, reason });
        self.answer(echo, now);
    }

    /// The peer's part decides how it has ended, be it that all was said before: "the first Close control
    /// frame received" (7.1.5). Why we would not hear it any more has been told otherwise.
    pub(super) fn end_as(&mut self, goodbye: Goodbye) {
        if matches!(self.phase, Phase::Hearing { .. }) {
            self.ending = Some(goodbye);
        } else {
            self.ending.get_or_insert(goodbye);
        }
    }

    /// Nothing more is heard from the peer, which is told `goodbye` after a program's answers.
    pub(super) fn answer(&mut self, goodbye: Goodbye, now: Instant) {
        match self.phase {
            Phase::Open => {
                let grace = self.program.map_or(Duration::ZERO, |_| self.settings.grace);
                let until = now + grace;
                self.phase = Phase::Answering { goodbye, until };
            }
            Phase::Hearing { .. } => self.phase = Phase::Closing(Closing::default()),
            Phase::Answering { .. } | Phase::Closing(_) | Phase::Gone => {}
        }
        self.inbound.end();
        self.ladder.start(now);
    }

    /// Says goodbye after what is queued; the near end is told by EOF, and dropped output.
    pub(super) fn close(&mut self, goodbye: Goodbye, now: Instant) {
        self.peer.is_ending = self.connection.peer_close().is_some();
        self.say(goodbye);
        self.inbound.end();
        self.ladder.start(now);
        if !matches!(self.phase, Phase::Gone) {
            self.phase = Phase::Closing(Closing::default());
        }
    }

    /// Says goodbye after what is queued. What else the near end says is for nobody.
    fn say(&mut self, goodbye: Goodbye) {
        self.outbound.close(&mut self.connection, &goodbye);
        self.ending.get_or_insert(goodbye);
        self.leave_source();
    }

    /// Nothing can be told the peer any more.
    pub(super) fn fall_silent(&mut self) {
        self.leave_source();
        self.outbound.drop_queue();
    }

    /// What is not for us is left to who reads it next; what a program says is for nobody else.
    fn leave_source(&mut self) {
        match self.program {
            Some(_) => self.outbound.mute(),
            None => self.outbound.leave(),
        }
    }

    /// The listener wants us to end, or a person at the terminal: nobody is waited for long, and who
    /// asks again not at all.
    pub(super) fn stop(&mut self, now: Instant) {
        match self.phase {
            Phase::Open | Phase::Answering { .. } => {
                let goodbye = Goodbye::new(CloseCode::GOING_AWAY, self.settings.words.stopping);
                self.close(goodbye, now);
            }
            Phase::Hearing { .. } => self.phase = Phase::Closing(Closing::default()),
            Phase::Closing(_) | Phase::Gone => {}
        }
        if let Phase::Closing(closing) = &mut self.phase {
            let patience = match self.program {
                Some(_) => LINGER.min(self.settings.grace * 2),
                None if self.is_stopped => Duration::ZERO,
                None => LINGER,
            };
            let until = now + patience;
            closing.until = Some(closing.until.map_or(until, |at| at.min(until)));
        }
        self.is_stopped = true;
        self.ladder.start(now);
    }

    /// The connection is of no use any more.
    pub(super) fn lose_peer(&mut self, reason: &str, now: Instant) {
        let goodbye = Goodbye::new(CloseCode::ABNORMAL, reason);
        if self.connection.peer_close().is_none() {
            self.loss = Some(goodbye.reason.clone());
        }
        self.ending.get_or_insert(goodbye);
        self.fall_silent();
        self.inbound.end();
        self.ladder.start(now);
        self.peer.close();
        self.phase = Phase::Gone;
    }

    /// Goes on to the next phase if this one has what it waited for; whether it did.
    pub(super) fn advance(&mut self, now: Instant) -> bool {
        match &mut self.phase {
            Phase::Open => {
                let Some(goodbye) = self.near_end() else {
                    return self.lose_patience(now);
                };
                if self.program.is_some() {
                    self.close(goodbye, now);
                } else {
                    self.say(goodbye);
                    self.phase = Phase::Hearing { since: now };
                }
                true
            }
            Phase::Answering { goodbye, until } => {
                if !self.outbound.is_ended() && now < *until {
                    return false;
                }
                let goodbye = goodbye.clone();
                self.close(goodbye, now);
                true
            }
            Phase::Closing(closing) => {
                let closing = *closing;
                self.advance_closing(closing, now)
            }
            Phase::Hearing { .. } | Phase::Gone => false,
        }
    }

    /// Why we close if all has been said: by a program that has ended, by a source that is at its end.
    fn near_end(&self) -> Option<Goodbye> {
        if !self.outbound.is_ended() {
            return None;
        }
        match self.program {
            Some(_) => self.status.map(goodbye_of),
            None => {
                let closes = self.settings.close_at_end.is_some();
                closes.then(|| Goodbye::new(CloseCode::NORMAL, ""))
            }
        }
    }

    /// Hears a program no longer that has ended and left its output open to somebody else; whether
    /// that has changed anything.
    fn lose_patience(&mut self, now: Instant) -> bool {
        let is_over = self.patience().is_some_and(|until| now >= until);
        is_over && self.outbound.give_up_source()
    }

    /// Until when somebody is heard to whom a program that has ended has left its output. What the program
    /// itself has said is not his: however slow the peer is, it leaves first.
    pub(super) fn patience(&self) -> Option<Instant> {
        let exited = self.timers.exited.filter(|_| self.outbound.awaits_source());
        exited.map(|at| at + self.settings.grace)
    }

    fn advance_closing(&mut self, mut closing: Closing, now: Instant) -> bool {
        if self.inbound.is_stalled() && self.program.is_some() {
            // The peer's Close is behind what nobody takes.
            self.inbound.abandon();
            return true;
        }
        let is_queued = self.is_queued();
        if !is_queued {
            closing.until.get_or_insert(now + LINGER);
        }
        let has_answered = self.connection.peer_close().is_some()
            || self.connection.is_closed() && self.peer.has_ended;
        let is_late = closing.until.is_some_and(|until| now >= until);
        if is_late || has_answered && !is_queued {
            self.peer.close();
            self.phase = Phase::Gone;
            return true;
        }
        if self.connection.is_closed() && !is_queued && !closing.is_finished {
            // It broke a rule and is not heard: all it can still do is end the stream, and it does so
            // when it sees the end of ours. Until then what it sends is read, lest it be answered by
            // a reset that overtakes our Close.
            closing.is_finished = true;
            self.peer.finish();
        }
        self.phase = Phase::Closing(closing);
        false
    }
}

/// Exit 0 is 1000; any other end is 1011, and told.
fn goodbye_of(status: End) -> Goodbye {
    match status {
        End::Exit(0) => Goodbye::new(CloseCode::NORMAL, ""),
        End::Exit(status) => {
            Goodbye::new(CloseCode::INTERNAL_ERROR, format!("exit status {status}"))
        }
        End::Signal(number) => Goodbye::new(
            CloseCode::INTERNAL_ERROR,
            format!("killed by signal {number}"),
        ),
    }
}
