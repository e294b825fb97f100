//! The relay: one event loop that moves bytes between a peer and a program, or whatever else reads and
//! writes records, until both are done. It does not know whether it is the server or the client.
//!
//! ```text
//! far ─ transport ─► frames ─► messages ─► records ─► queue ─► pipe ─► near      inbound
//! far ◄─ transport ◄─ queue ◄─ frames ◄─ messages ◄─ records ◄─ pipe ◄─ near     outbound
//! ```
//!
//! What is awaited of the peer is a [`Phase`], what of a program a [`Ladder`]. Interest is registered
//! once, edge-triggered; each end remembers what the kernel said and works where that meets what is
//! wanted. When nothing moves nothing is held: the buffers go back to the kernel.

mod buffer;
mod ends;
mod inbound;
mod keys;
mod ladder;
mod outbound;
mod peer;
mod phase;
mod stderr;
mod tagged;
mod timers;

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::connection::Connection;
use crate::frame::CloseCode;
use crate::log::Traffic;
use crate::sys::child::{self, End};
use crate::sys::pages::give_back_unused;
use crate::sys::signal::Signals;

use super::status::Status;
pub(crate) use ends::{Far, Near, Settings, Words};
pub(crate) use keys::Keys;
pub(crate) use outbound::Rest;

use inbound::{Heard, Inbound};
use ladder::Ladder;
use outbound::Outbound;
use peer::Peer;
use phase::Phase;
pub(in crate::daemon) use stderr::Stderr;
use tagged::Pipe;
use timers::Timers;

const PEER: Token = Token(0);
const SINK: Token = Token(1);
const SOURCE: Token = Token(2);
const STDERR: Token = Token(3);
const SIGNALS: Token = Token(4);

/// Rounds of work before signals and clock are looked at again, however much there is to do.
const MAX_ROUNDS: usize = 16;

/// How long buffers outlive the bytes that moved through them.
const HOLD: Duration = Duration::from_millis(100);

/// How it went.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "websock looks at all of it")
)]
pub(crate) struct Outcome {
    /// The status code: the peer's if it closed first, 1005 if it gave none, 1006 if it vanished.
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
    pub(crate) inbound: Traffic,
    pub(crate) outbound: Traffic,
    /// How the program ended; `None` if there was none, or it could not be ended.
    pub(crate) status: Option<End>,
    /// Whether the peer has said its Close.
    pub(crate) has_peer_closed: bool,
    /// Whether it ended because we were told to end, or nobody had any use for more.
    pub(crate) is_stopped: bool,
    /// How the connection was lost, if it was before the peer had closed.
    pub(crate) loss: Option<String>,
    /// Why what came cannot be written, unless nobody reads it any more.
    pub(crate) unwritten: Option<Errno>,
    /// What of a source that is no program's is left to who reads on.
    pub(crate) rest: Rest,
}

/// Why we close: what the Close frame says.
#[derive(Clone, Debug)]
struct Goodbye {
    code: Option<CloseCode>,
    reason: String,
}

impl Goodbye {
    fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Relay {
    settings: Settings,
    poll: Poll,
    signals: Signals,
    /// Whom it serves; `None`: nobody asks.
    about: Option<Status>,
    peer: Peer,
    connection: Connection,
    inbound: Inbound,
    outbound: Outbound,
    stderr: Option<Stderr>,
    program: Option<Pid>,
    status: Option<End>,
    phase: Phase,
    ladder: Ladder,
    timers: Timers,
    /// Whether nothing has moved since memory was given back.
    is_at_rest: bool,
    /// Why it ends, as soon as that is known.
    ending: Option<Goodbye>,
    /// How the connection was lost, if it was before the peer had closed.
    loss: Option<String>,
    /// We were told to end, or nobody has any use for what the peer says.
    is_stopped: bool,
}

impl Relay {
    /// Joins two ends. `about` is whom they serve, for who asks.
    pub(crate) fn new(
        far: Far<'_>,
        mut near: Near,
        settings: Settings,
        signals: Signals,
        about: Option<Status>,
    ) -> io::Result<Box<Self>> {
        let now = Instant::now();
        let (source, stderr) = near.outputs();
        let mut inbound = Inbound::new(settings.record, settings.max_held_len, near.sink);
        inbound.preload(far.first)?;
        let mut relay = Box::new(Self {
            settings,
            poll: Poll::new()?,
            signals,
            about,
            peer: Peer::new(far.transport),
            connection: far.connection,
            inbound,
            outbound: Outbound::new(&settings, source, far.keys),
            stderr: stderr.map(Stderr::new),
            program: near.program,
            status: None,
            phase: Phase::Open,
            ladder: match near.program {
                Some(_) => Ladder::Waiting,
                None => Ladder::Done,
            },
            timers: Timers::new(now),
            is_at_rest: false,
            ending: None,
            loss: None,
            is_stopped: false,
        });
        if let Some(rest) = near.rest {
            relay.outbound.resume(rest);
        }
        relay.register()?;
        Ok(relay)
    }

    /// Runs until the peer is done with and the program gone.
    pub(crate) fn run(mut self: Box<Self>) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(8);
        // What came and was kept before the loop does not show in the descriptor any more.
        self.heed_signals();
        loop {
            let now = Instant::now();
            let has_more = (0..MAX_ROUNDS).all(|_| self.work(now));
            // Afterwards: who has said something in time is not blamed if we did not run.
            let is_busy = self.look_at_clock(now) || has_more;
            if self.is_over() {
                return Ok(self.outcome());
            }
            self.wait(&mut events, is_busy)?;
        }
    }

    fn register(&mut self) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.add(self.peer.transport.as_ref(), PEER, both)?;
        self.add(self.inbound.pipe(), SINK, Interest::WRITABLE)?;
        let outputs = self.outbound.pipe().map(Pipe::descriptors);
        let [source, tagged] = outputs.unwrap_or_default();
        self.add(tagged, STDERR, Interest::READABLE)?;
        if !self.add(source, SOURCE, Interest::READABLE)? {
            self.outbound.note_ready();
        }
        let stderr = self.stderr.as_ref().map(|stderr| &stderr.pipe);
        self.add(stderr, STDERR, Interest::READABLE)?;
        self.add(Some(&self.signals), SIGNALS, Interest::READABLE)?;
        Ok(())
    }

    /// Has the kernel tell of an end. `false`: there is nothing to tell, for a file is always ready.
    fn add(&self, end: Option<&impl AsFd>, token: Token, interest: Interest) -> io::Result<bool> {
        let Some(end) = end else {
            return Ok(true);
        };
        let fd = end.as_fd().as_raw_fd();
        let registry = self.poll.registry();
        match registry.register(&mut SourceFd(&fd), token, interest) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    /// Waits for the kernel, at most until the next deadline.
    fn wait(&mut self, events: &mut Events, is_busy: bool) -> io::Result<()> {
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            let deadline = self.next_deadline();
            let until = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let hold = (!self.is_at_rest).then_some(HOLD);
            until.into_iter().chain(hold).min()
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            answer => answer?,
        }
        if events.is_empty() && !is_busy {
            self.rest();
        } else {
            self.is_at_rest = false;
        }
        for event in &*events {
            match event.token() {
                PEER => self.peer.note(event),
                SINK => self.inbound.note_writable(),
                SOURCE => self.outbound.note(event),
                STDERR if self.stderr.is_none() => self.outbound.note_stderr(),
                STDERR => self.note_stderr(),
                _ => self.heed_signals(),
            }
        }
        Ok(())
    }

    /// Nothing has moved for a while: gives all memory back that can be had again.
    fn rest(&mut self) {
        if !self.is_at_rest {
            self.is_at_rest = true;
            self.inbound.release();
            self.outbound.release();
            self.peer.release();
            give_back_unused();
        }
    }

    /// One round in both directions; whether there may be more to do at once.
    fn work(&mut self, now: Instant) -> bool {
        let (heard, fault) = self.inbound.step(&mut self.peer, &mut self.connection);
        self.heed(heard, now);
        if let Some(fault) = fault {
            let goodbye = Goodbye::new(fault.close_code(), fault.to_string());
            self.end_as(goodbye.clone());
            self.answer(goodbye, now);
        }
        let mut progress = heard.progress;
        if self.peer.is_broken {
            self.fall_silent();
        }
        match self.outbound.step(&mut self.peer, &mut self.connection) {
            Ok(moved) => {
                progress |= moved.read || moved.written > 0;
                let is_queued = self.is_queued();
                self.timers.note_sent(moved, is_queued, now);
            }
            Err(goodbye) => {
                // The Close that is queued now is the next round's work.
                progress = true;
                self.close(goodbye, now);
            }
        }
        progress |= self.log_stderr();
        self.advance(now) || progress
    }

    fn heed(&mut self, heard: Heard, now: Instant) {
        self.timers.note_heard(heard, now);
        if heard.undelivered && matches!(self.phase, Phase::Open) {
            self.timers.note_deaf(now);
        }
        if heard.close {
            self.heed_close(now);
        }
        if self.inbound.is_stalled() {
            self.timers.note_stalled(now);
        } else {
            self.timers.note_flowing(now);
        }
        // After its Close a peer may end its direction and still listen.
        let has_vanished = heard.ended && self.connection.can_receive();
        if has_vanished || self.peer.is_lost {
            self.lose_peer(self.settings.words.vanished, now);
        } else if self.peer.has_ended && self.inbound.is_stalled() {
            // What it sent before its end is delivered as far as the service takes it in time.
            self.ladder.start(now);
        }
    }

    fn heed_signals(&mut self) {
        let now = Instant::now();
        for signal in self.signals.take() {
            if signal == Signal::SIGCHLD {
                self.reap(now);
            } else if signal == Signal::SIGUSR1 {
                let state = self.phase.name();
                let (inbound, outbound) = (self.inbound.traffic, self.outbound.traffic);
                if let Some(about) = &self.about {
                    about.log(state, inbound, outbound);
                }
            } else {
                self.stop(now);
            }
        }
    }

    /// Takes note of the ends of processes: the program, and what it left behind.
    fn reap(&mut self, now: Instant) {
        while let Some((pid, status)) = child::reap() {
            if Some(pid) == self.program {
                self.status = Some(status);
                self.timers.note_exit(now);
                self.ladder.start(now);
            }
        }
        self.note_group();
    }

    /// The ladder has done its work when the program has been reaped and its group is empty.
    fn note_group(&mut self) {
        let program = self.program.filter(|_| self.status.is_some());
        if program.is_some_and(|program| !child::signal_group(program, None)) {
            self.ladder = Ladder::Done;
        }
    }

    fn note_stderr(&mut self) {
        if let Some(stderr) = &mut self.stderr {
            stderr.is_readable = true;
        }
    }

    /// Logs some of what is there; whether there may be more.
    fn log_stderr(&mut self) -> bool {
        let Some(stderr) = self.stderr.as_mut().filter(|it| it.is_readable) else {
            return false;
        };
        if !stderr.log_lines() {
            self.stderr = None;
        }
        true
    }

    /// Whether anything waits for room towards the peer.
    fn is_queued(&self) -> bool {
        self.outbound.is_queued() || self.peer.is_pending()
    }

    fn is_over(&self) -> bool {
        // Without a program there is who reads what has come, in his own time.
        let is_read = self.program.is_some() || self.is_stopped || self.inbound.pipe().is_none();
        is_read && matches!(self.phase, Phase::Gone) && matches!(self.ladder, Ladder::Done)
    }

    fn outcome(mut self) -> Outcome {
        // What was said before the end, a pipe of it at most: somebody may go on.
        self.note_stderr();
        let mut rounds = 0..MAX_ROUNDS;
        while rounds.next().is_some() && self.log_stderr() {}
        let ending = self.ending.unwrap_or(Goodbye {
            code: None,
            reason: String::new(),
        });
        Outcome {
            code: ending.code.unwrap_or(CloseCode::NO_STATUS),
            reason: ending.reason,
            inbound: self.inbound.traffic,
            outbound: self.outbound.traffic,
            status: self.status,
            has_peer_closed: self.connection.peer_close().is_some(),
            is_stopped: self.is_stopped,
            loss: self.loss,
            unwritten: self.inbound.error,
            rest: self.outbound.into_rest(),
        }
    }
}

#[cfg(test)]
mod tests;
