//! The client's part of the end: who has closed, and what is waited for.
//!
//! ```text
//! Open ── client's Close, or its fault ──► Answering ── service done, or grace over ──┐
//!   │                                                                                 ▼
//!   ├─── service ended, stop, timeout, output that cannot be sent ─────────────► Closing
//!   │                                                                                 │
//!   └─── connection lost ──► Gone ◄── both Closes, or 2 s ────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use crate::frame::CloseCode;
use crate::sys::child::End;

use super::{Goodbye, NO_KEY, Relay};

/// How long a client may take to answer our Close.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Both speak.
    Open,
    /// The client's part is said. What the service answers still leaves until then.
    Answering { goodbye: Goodbye, until: Instant },
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
            Self::Closing(_) => "closing",
            Self::Gone => "gone",
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Closing {
    /// Until when the client may answer; set when our Close has left, or we are told to stop.
    pub(super) until: Option<Instant>,
    /// Our direction of the stream is ended, too.
    is_finished: bool,
}

impl Relay {
    /// The client has closed: EOF for the service, whose answers still leave.
    pub(super) fn heed_close(&mut self, now: Instant) {
        let (code, reason) = match self.connection.peer_close() {
            Some(close) => (close.code, close.reason.to_owned()),
            None => (None, String::new()),
        };
        let echo = Goodbye {
            code,
            reason: String::new(),
        };
        self.ending.get_or_insert(Goodbye { code, reason });
        self.answer(echo, now);
    }

    /// Nothing more is heard from the client, which is told `goodbye` after the service's answers.
    pub(super) fn answer(&mut self, goodbye: Goodbye, now: Instant) {
        self.ending.get_or_insert_with(|| goodbye.clone());
        if matches!(self.phase, Phase::Open) {
            let until = now + self.settings.grace;
            self.phase = Phase::Answering { goodbye, until };
        }
        self.inbound.end();
        self.ladder.start(now);
    }

    /// Says goodbye after what is queued; the service is told by EOF, and dropped output.
    pub(super) fn close(&mut self, goodbye: Goodbye, now: Instant) {
        if let Some(frame) = self.connection.close(goodbye.code, &goodbye.reason, NO_KEY) {
            self.outbound.append(&frame);
        }
        self.ending.get_or_insert(goodbye);
        self.outbound.mute();
        self.inbound.end();
        self.ladder.start(now);
        if !matches!(self.phase, Phase::Gone) {
            self.phase = Phase::Closing(Closing::default());
        }
    }

    /// The listener wants us to end, or a person at the terminal: nobody is waited for long.
    pub(super) fn stop(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open | Phase::Answering { .. }) {
            let goodbye = Goodbye::new(CloseCode::GOING_AWAY, "server is stopping");
            self.close(goodbye, now);
        }
        if let Phase::Closing(closing) = &mut self.phase {
            let until = now + LINGER.min(self.settings.grace * 2);
            closing.until = Some(closing.until.map_or(until, |at| at.min(until)));
        }
        self.ladder.start(now);
    }

    /// The connection is of no use any more.
    pub(super) fn lose_client(&mut self, reason: &str, now: Instant) {
        self.ending
            .get_or_insert_with(|| Goodbye::new(CloseCode::ABNORMAL, reason));
        self.outbound.mute();
        self.outbound.drop_queue();
        self.inbound.end();
        self.ladder.start(now);
        self.client.close();
        self.phase = Phase::Gone;
    }

    /// Goes on to the next phase if this one has what it waited for; whether it did.
    pub(super) fn advance(&mut self, now: Instant) -> bool {
        match &mut self.phase {
            Phase::Open => {
                let Some(goodbye) = self.service_end() else {
                    return self.lose_patience(now);
                };
                self.close(goodbye, now);
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
            Phase::Gone => false,
        }
    }

    /// Why we close if the service has ended and has been heard to its end.
    fn service_end(&self) -> Option<Goodbye> {
        let status = self.status.filter(|_| self.outbound.is_ended())?;
        Some(goodbye_of(status))
    }

    /// Hears a service no longer that has ended and left its output open to somebody else; whether
    /// that has changed anything.
    fn lose_patience(&mut self, now: Instant) -> bool {
        let grace = self.settings.grace;
        let is_over = self.timers.exited.is_some_and(|at| now >= at + grace);
        is_over && self.outbound.close_source()
    }

    fn advance_closing(&mut self, mut closing: Closing, now: Instant) -> bool {
        if self.inbound.is_stalled() {
            // The client's Close is behind what nobody takes.
            self.inbound.abandon();
            return true;
        }
        let is_queued = self.is_queued();
        if !is_queued {
            closing.until.get_or_insert(now + LINGER);
        }
        let has_answered = self.connection.peer_close().is_some()
            || self.connection.is_closed() && self.client.has_ended;
        let is_late = closing.until.is_some_and(|until| now >= until);
        if is_late || has_answered && !is_queued {
            self.client.close();
            self.phase = Phase::Gone;
            return true;
        }
        if self.connection.is_closed() && !is_queued && !closing.is_finished {
            // It broke a rule and is not heard: all it can still do is end the stream, and it does so
            // when it sees the end of ours. Until then what it sends is read, lest it be answered by
            // a reset that overtakes our Close.
            closing.is_finished = true;
            self.client.finish();
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
