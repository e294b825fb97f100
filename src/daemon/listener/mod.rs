//! The listener: accepts, forks for each client, if it has not before, reaps, and ends in order.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::signal::{Signal, kill};

use crate::frame::Utf8;
use crate::handshake::key;
use crate::log;
use crate::sys::child::{self, End};
use crate::sys::fd;
use crate::sys::heap;
use crate::sys::pages::give_back_unused;
use crate::sys::signal::{self, Signals};
use crate::sys::table::Table;
use crate::sys::{self, Error};

mod accept;
mod clients;
mod handshakes;
mod pause;
mod spare;

use accept::Child;
use clients::Clients;
pub(super) use clients::Former;
use handshakes::Handshakes;
use pause::Pause;
use spare::Spare;

use super::config::Config;
use super::life::Life;
use super::orphans::Orphans;
use super::restart::Handover;
use super::session::Client;

const SIGNALS: Token = Token(usize::MAX);

/// A connection, and the address at its other end.
type Accepted = (OwnedFd, Option<SocketAddr>);

/// How a process leaves the listener.
#[derive(Debug)]
pub(super) enum Leave {
    /// It is a new one and has a client to serve.
    Session(Box<Client>, Signals),
    /// It is a new one and has none.
    Unneeded,
    /// The listener was told to end, and all sessions have.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Listener<'c> {
    config: &'c Config,
    poll: Poll,
    /// Empty when we were told to end.
    sockets: Vec<OwnedFd>,
    /// At which of them clients wait, as far as we know.
    ready: Table<bool>,
    signals: Signals,
    clients: Clients,
    handshakes: Handshakes,
    spare: Spare,
    orphans: Orphans,
    /// Those that were accepted and have no session yet.
    expected: Vec<Accepted>,
    pause: Pause,
    /// When sessions that have not ended are killed.
    deadline: Option<Instant>,
    life: Life,
}

impl<'c> Listener<'c> {
    /// A listener on sockets that listen, with the sessions there are already.
    pub(super) fn new(
        config: &'c Config,
        sockets: Vec<OwnedFd>,
        signals: Signals,
        life: Life,
        (sessions, orphans): (Vec<Former>, Orphans),
    ) -> Result<Self, Box<dyn std::error::Error>> {
        know_the_processor();
        let orphaned = "what services leave behind";
        child::adopt_orphans()
            .map_err(|errno| Error::new("become the parent of", orphaned, errno))?;
        let failed = |error| Error::new("wait for", "connections", sys::errno(error));
        let poll = Poll::new().map_err(failed)?;
        let mut ready = Table::new();
        for (number, socket) in sockets.iter().enumerate() {
            ready.push(false)?;
            let fd = socket.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), Token(number), Interest::READABLE)?;
        }
        let fd = signals.as_fd().as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), SIGNALS, Interest::READABLE)?;
        let clients = Clients::new(config, &sessions)?;
        let mut handshakes = Handshakes::new(config.max_clients);
        let now = Instant::now();
        for session in clients.iter() {
            handshakes.reserve()?;
            handshakes.begin(session, now);
        }
        Ok(Self {
            config,
            poll,
            sockets,
            ready,
            signals,
            clients,
            handshakes,
            spare: Spare::default(),
            orphans,
            expected: Vec::new(),
            pause: Pause::default(),
            deadline: None,
            life,
        })
    }

    /// Serves these, too, from the beginning on.
    pub(super) fn expect(&mut self, clients: Vec<OwnedFd>) {
        self.expected.extend(clients.into_iter().map(|socket| {
            let address = fd::peer_address(&socket).ok().flatten();
            (socket, address)
        }));
    }

    /// Listens until told to end. Returns in every session's process, too, with its client.
    pub(super) fn run(mut self) -> io::Result<Leave> {
        let mut events = Events::with_capacity(64);
        // Sessions taken over may have ended in between.
        self.reap();
        self.life.ready();
        // What only the start has used is not for every fork to share out.
        give_back_unused();
        heap::prepare();
        if !self.expected.is_empty() {
            self.pause.give_way(Instant::now());
        }
        loop {
            // Whoever is expected was accepted: the new program would not know of them.
            if self.life.has_to_restart() && self.expected.is_empty() {
                self.restart();
            }
            let deadlines = [
                self.pause.until(),
                self.deadline,
                self.life.deadline(),
                self.orphans.deadline(),
                self.spare.deadline(),
            ];
            let timeout = deadlines.into_iter().flatten().min();
            let timeout = timeout.map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => answer?,
            }
            for event in &events {
                match self.ready.get_mut(event.token().0) {
                    Some(is_ready) => *is_ready = true,
                    None => self.heed_signals(),
                }
            }
            let now = Instant::now();
            self.life.look_at_clock(now);
            if self.deadline.is_some_and(|at| now >= at) {
                self.signal_sessions(Signal::SIGKILL);
                self.deadline = None;
            }
            self.orphans.climb(now);
            self.spare.look_at_clock(now);
            if self.sockets.is_empty() && self.is_alone() {
                return Ok(Leave::Stopped);
            }
            if self.pause.is_over(now) {
                if let Some(child) = self.serve(now) {
                    return Ok(self.leave(child));
                }
            }
        }
    }

    /// Whether all that it has forked is gone, and nobody is left to fork for.
    fn is_alone(&self) -> bool {
        let is_served = self.clients.is_empty() && self.orphans.is_empty();
        is_served && self.spare.is_empty() && self.expected.is_empty()
    }

    /// A session's process goes its way.
    fn leave(self, child: Child) -> Leave {
        let signals = self.into_signals();
        match child {
            Child::Session(client) => Leave::Session(client, signals),
            Child::Spare(post) => match post.wait(&signals) {
                Some(client) => Leave::Session(Box::new(client), signals),
                None => Leave::Unneeded,
            },
        }
    }

    /// What a session has of it. A hang-up is the listener's affair, and so is the end of the last
    /// session.
    fn into_signals(mut self) -> Signals {
        self.signals.ignore(&[Signal::SIGHUP, Signal::SIGQUIT]);
        self.signals
    }

    fn heed_signals(&mut self) {
        for signal in self.signals.take() {
            if signal == Signal::SIGCHLD {
                self.reap();
            } else if signal == Signal::SIGUSR1 {
                self.signal_sessions(Signal::SIGUSR1);
                self.life.log(self.clients.len());
            } else if self.deadline.is_none() {
                self.heed_order(signal);
            }
        }
    }

    /// Heeds a signal that is about our own end. Who leaves slowly can still be told to hurry.
    fn heed_order(&mut self, signal: Signal) {
        let is_hang_up = signal == Signal::SIGHUP && !self.life.has_lost_terminal();
        let is_leaving = self.sockets.is_empty();
        if is_hang_up && !is_leaving {
            self.life.try_restart(&self.signals);
        } else if signal == Signal::SIGQUIT && !is_leaving {
            self.drain();
        } else if !is_hang_up && signal != Signal::SIGQUIT {
            self.stop(signal);
        }
    }

    /// Takes note of the ends of sessions, and of whom sessions left us.
    fn reap(&mut self) {
        let now = Instant::now();
        while let Some((pid, end)) = child::reap() {
            // What it had is free again.
            self.pause.end();
            let slot = if let Some(session) = self.clients.end(pid) {
                self.handshakes.end(&session);
                session.slot
            } else if let Some(slot) = self.spare.end(pid) {
                self.orphans.give(slot);
                continue;
            } else {
                self.life.note_end(pid, end, &self.signals);
                continue;
            };
            if let Some(slot) = slot {
                self.orphans.take_over(slot, now);
            }
            if let End::Signal(number) = end {
                let sandboxed = match number == signal::number(Signal::SIGSYS) {
                    true => ", a system call that its sandbox does not allow",
                    false => "",
                };
                log::session_died(pid.as_raw(), &format!("{end}{sandboxed}"));
            }
        }
        self.orphans.forget_gone();
    }

    /// Becomes the new program, which finds what signals have come in the meantime, or stays.
    fn restart(&mut self) {
        let handover = Handover {
            sessions: self.clients.words(),
            noted: self.clients.noted(),
            orphans: self.orphans.words(Instant::now()),
            ..Handover::default()
        };
        let sockets: Vec<_> = self.sockets.iter().map(AsFd::as_fd).collect();
        let Err(why) = self.life.execute(&sockets, self.orphans.slots(), handover);
        self.life.stays(&why);
    }

    /// Listens no more, and leaves the sessions to themselves.
    fn drain(&mut self) {
        log::stop(Signal::SIGQUIT.as_str());
        self.life.stopping("draining");
        self.sockets.clear();
        self.spare.dismiss();
        self.pause.end();
    }

    /// Listens no more, and has every session end.
    fn stop(&mut self, signal: Signal) {
        log::stop(signal.as_str());
        self.life.stopping("stopping");
        self.sockets.clear();
        self.spare.dismiss();
        self.expected.clear();
        self.pause.end();
        self.signal_sessions(Signal::SIGTERM);
        // The sessions take twice the grace for their services.
        let patience = self.config.grace * 2 + Duration::from_secs(1);
        self.deadline = Some(Instant::now() + patience);
    }

    fn signal_sessions(&self, signal: Signal) {
        for session in self.clients.iter() {
            // One that has just ended and is not reaped yet takes it without harm.
            let _ended = kill(session.pid, signal);
        }
    }
}

/// Has the libraries with code for several processors find out which this one is. They keep the answer
/// in memory, which sessions inherit; each of them asking again costs more than its fork where a
/// hypervisor answers (measured: 0.5 ms of 0.8 ms a connection).
fn know_the_processor() {
    let sample = black_box([b'x'; 256]);
    black_box(key::accept_key(&sample));
    black_box(Utf8::new().check(&sample).is_ok());
    black_box(memchr::memchr_iter(b'\n', &sample).count());
    black_box(memchr::memchr(b'\n', &sample));
}
