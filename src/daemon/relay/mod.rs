//! The relay: one event loop that moves bytes between a client and a service until both are done.
//!
//! ```text
//! client ─ transport ─► frames ─► messages ─► records ─► queue ─► pipe ─► service      inbound
//! client ◄─ transport ◄─ queue ◄─ frames ◄─ messages ◄─ records ◄─ pipe ◄─ service     outbound
//! ```
//!
//! What is awaited of the client is a [`Phase`], what of the service a [`Ladder`]. Interest is registered
//! once, edge-triggered; each end remembers what the kernel said and works where that meets what is
//! wanted. When nothing moves nothing is held: the buffers go back to the kernel.

mod buffer;
mod client;
mod inbound;
mod ladder;
mod outbound;
mod phase;
mod stderr;
mod timers;

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::signal::Signal;

use crate::connection::Connection;
use crate::frame::CloseCode;
use crate::log::Traffic;
use crate::sys::child::{self, End};
use crate::sys::pages::give_back_unused;
use crate::sys::signal::Signals;
use crate::transport::Transport;

use super::config::Config;
use super::service::Service;
use super::status::Status;
use client::Client;
use inbound::{Heard, Inbound};
use ladder::Ladder;
use outbound::Outbound;
use phase::Phase;
use stderr::Stderr;
use timers::Timers;

const CLIENT: Token = Token(0);
const SINK: Token = Token(1);
const SOURCE: Token = Token(2);
const STDERR: Token = Token(3);
const SIGNALS: Token = Token(4);

/// A server masks nothing.
const NO_KEY: [u8; 4] = [0; 4];

/// Rounds of work before signals and clock are looked at again, however much there is to do.
const MAX_ROUNDS: usize = 16;

/// How long buffers outlive the bytes that moved through them.
const HOLD: Duration = Duration::from_millis(100);

/// A typed record of a fragmented message is held until its length is known: at most so much of it
/// where messages may have any size.
const MAX_HELD_LEN: u64 = 16 << 20;

/// How a session went.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The status code: the client's if it closed first, 1005 if it gave none, 1006 if it vanished.
    pub(super) code: CloseCode,
    pub(super) reason: String,
    pub(super) inbound: Traffic,
    pub(super) outbound: Traffic,
    /// How the service ended; `None` if it could not be ended.
    pub(super) status: Option<End>,
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

/// The settings the relay itself looks at.
#[derive(Clone, Copy, Debug)]
struct Settings {
    grace: Duration,
    write_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    ping: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Relay {
    settings: Settings,
    poll: Poll,
    signals: Signals,
    /// Whom it serves.
    about: Status,
    client: Client,
    connection: Connection,
    inbound: Inbound,
    outbound: Outbound,
    stderr: Option<Stderr>,
    service: Service,
    status: Option<End>,
    phase: Phase,
    ladder: Ladder,
    timers: Timers,
    /// Whether nothing has moved since memory was given back.
    is_at_rest: bool,
    /// Why the session ends, as soon as that is known.
    ending: Option<Goodbye>,
}

impl Relay {
    /// Joins a client, whose handshake is done, and a service, which runs. `first` is what came with
    /// the request.
    pub(super) fn new(
        transport: Transport,
        connection: Connection,
        first: &[u8],
        mut service: Service,
        (config, signals, about): (&Config, Signals, Status),
    ) -> io::Result<Self> {
        let now = Instant::now();
        let max_held = config.max_message.unwrap_or(MAX_HELD_LEN).min(MAX_HELD_LEN);
        let max_held = usize::try_from(max_held).unwrap_or(usize::MAX);
        let mut inbound = Inbound::new(config.record, max_held, service.stdin.take());
        inbound.preload(first)?;
        let outbound = Outbound::new(config.record, config.invalid_utf8, service.stdout.take());
        let relay = Self {
            settings: Settings {
                grace: config.grace,
                write_timeout: config.write_timeout,
                idle_timeout: config.idle_timeout,
                ping: config.ping,
            },
            poll: Poll::new()?,
            signals,
            about,
            client: Client::new(transport),
            connection,
            inbound,
            outbound,
            stderr: service.stderr.take().map(Stderr::new),
            service,
            status: None,
            phase: Phase::Open,
            ladder: Ladder::Waiting,
            timers: Timers::new(now),
            is_at_rest: false,
            ending: None,
        };
        relay.register()?;
        Ok(relay)
    }

    /// Runs until the client is served and the service gone.
    pub(super) fn run(mut self) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(8);
        // What came and was kept before the loop does not show in the descriptor any more.
        self.heed_signals();
        loop {
            let now = Instant::now();
            self.look_at_clock(now);
            let is_busy = (0..MAX_ROUNDS).all(|_| self.work(now));
            if self.is_over() {
                return Ok(self.outcome());
            }
            self.wait(&mut events, is_busy)?;
        }
    }

    fn register(&self) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.add(self.client.transport.as_ref(), CLIENT, both)?;
        self.add(self.inbound.pipe(), SINK, Interest::WRITABLE)?;
        self.add(self.outbound.pipe(), SOURCE, Interest::READABLE)?;
        let stderr = self.stderr.as_ref().map(|stderr| &stderr.pipe);
        self.add(stderr, STDERR, Interest::READABLE)?;
        self.add(Some(&self.signals), SIGNALS, Interest::READABLE)
    }

    fn add(&self, end: Option<&impl AsFd>, token: Token, interest: Interest) -> io::Result<()> {
        let Some(end) = end else {
            return Ok(());
        };
        let fd = end.as_fd().as_raw_fd();
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), token, interest)
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
                CLIENT => self.client.note(event),
                SINK => self.inbound.note_writable(),
                SOURCE => self.outbound.note(event),
                STDERR => self.log_stderr(),
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
            self.client.release();
            give_back_unused();
        }
    }

    /// One round in both directions; whether there may be more to do at once.
    fn work(&mut self, now: Instant) -> bool {
        let (heard, fault) = self.inbound.step(&mut self.client, &mut self.connection);
        self.heed(heard, now);
        if let Some(fault) = fault {
            self.answer(Goodbye::new(fault.close_code(), fault.to_string()), now);
        }
        let mut progress = heard.progress;
        match self.outbound.step(&mut self.client, &mut self.connection) {
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
        // After its Close a client may end its direction and still listen.
        let has_vanished = heard.ended && self.connection.can_receive();
        if has_vanished || self.client.is_lost {
            self.lose_client("client vanished", now);
        } else if self.client.has_ended && self.inbound.is_stalled() {
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
                self.about.log(state, inbound, outbound);
            } else {
                self.stop(now);
            }
        }
    }

    /// Takes note of the ends of processes: the service, and what it left behind.
    fn reap(&mut self, now: Instant) {
        while let Some((pid, status)) = child::reap() {
            if pid == self.service.pid {
                self.status = Some(status);
                self.timers.note_exit(now);
                self.ladder.start(now);
            }
        }
        self.note_group();
    }

    /// The ladder has done its work when the service has been reaped and its group is empty.
    fn note_group(&mut self) {
        if self.status.is_some() && !child::signal_group(self.service.pid, None) {
            self.ladder = Ladder::Done;
        }
    }

    fn log_stderr(&mut self) {
        if self
            .stderr
            .as_mut()
            .is_some_and(|stderr| !stderr.log_lines())
        {
            self.stderr = None;
        }
    }

    /// Whether anything waits for room towards the client.
    fn is_queued(&self) -> bool {
        self.outbound.is_queued() || self.client.is_pending()
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Gone) && matches!(self.ladder, Ladder::Done)
    }

    fn outcome(mut self) -> Outcome {
        self.log_stderr();
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
        }
    }
}
