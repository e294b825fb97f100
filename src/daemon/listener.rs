//! The listener: accepts, forks for each client, reaps, and ends in order.

use std::collections::HashMap;
use std::hint::black_box;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::frame::Utf8;
use crate::handshake::{Reject, key};
use crate::log;
use crate::sys::child::{self, End};
use crate::sys::fd;
use crate::sys::fork::{Fork, fork};
use crate::sys::signal::{self, Signals};

use super::config::Config;
use super::life::Life;
use super::orphans::Orphans;
use super::peer::Peer;
use super::restart::Handover;
use super::session::Client;

const SIGNALS: Token = Token(usize::MAX);

/// Connections taken before signals are looked at again.
const MAX_ACCEPTS: usize = 64;

/// How long nothing is accepted when the machine has nothing to accept with.
const PAUSE: Duration = Duration::from_millis(200);

/// What a session process is there for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Task {
    Serve,
    /// To say that there are too many.
    Refuse,
}

/// A socket that listens, and what the kernel said of it.
#[derive(Debug)]
struct Socket {
    listener: OwnedFd,
    /// Clients wait, as far as we know.
    is_ready: bool,
}

impl Socket {
    fn new(listener: OwnedFd) -> Self {
        Self {
            listener,
            is_ready: false,
        }
    }
}

impl Task {
    const ALL: [(&str, Self); 2] = [("serve", Self::Serve), ("refuse", Self::Refuse)];

    /// Its name, for who takes over.
    fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, task)| *task == self);
        named.map_or("", |(name, _)| name)
    }

    /// The task of this name.
    fn named(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(it, _)| *it == name);
        named.map(|(_, task)| *task)
    }
}

/// How a process leaves the listener.
#[derive(Debug)]
pub(super) enum Leave {
    /// It is a new one and has a client to serve.
    Session(Box<Client>, Signals),
    /// The listener was told to end, and all sessions have.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Listener<'c> {
    config: &'c Config,
    poll: Poll,
    /// Empty when we were told to end.
    sockets: Vec<Socket>,
    signals: Signals,
    sessions: HashMap<Pid, Task>,
    orphans: Orphans,
    /// Clients that were there before us.
    expected: Vec<OwnedFd>,
    /// Until then nothing is accepted.
    paused: Option<Instant>,
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
        (sessions, orphans): (Vec<(Pid, String)>, Orphans),
    ) -> io::Result<Self> {
        know_the_processor();
        child::adopt_orphans()?;
        let poll = Poll::new()?;
        let sockets: Vec<_> = sockets.into_iter().map(Socket::new).collect();
        for (number, socket) in sockets.iter().enumerate() {
            let fd = socket.listener.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), Token(number), Interest::READABLE)?;
        }
        let fd = signals.as_fd().as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), SIGNALS, Interest::READABLE)?;
        Ok(Self {
            config,
            poll,
            sockets,
            signals,
            sessions: sessions
                .into_iter()
                .filter_map(|(pid, task)| Some((pid, Task::named(&task)?)))
                .collect(),
            orphans,
            expected: Vec::new(),
            paused: None,
            deadline: None,
            life,
        })
    }

    /// Serves these, too, from the beginning on.
    pub(super) fn expect(&mut self, clients: Vec<OwnedFd>) {
        self.expected = clients;
    }

    /// Listens until told to end. Returns in every session's process, too, with its client.
    pub(super) fn run(mut self) -> io::Result<Leave> {
        let mut events = Events::with_capacity(64);
        // Sessions taken over may have ended in between.
        self.reap();
        self.life.ready();
        while let Some(client) = self.expected.pop() {
            if let Some(client) = self.begin_session(client, Instant::now()) {
                return self.leave_as_session(client);
            }
        }
        loop {
            let deadlines = [self.life.deadline(), self.orphans.deadline()];
            let timeout = [self.paused, self.deadline].into_iter().chain(deadlines);
            let timeout = timeout.flatten().min();
            let timeout = timeout.map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => answer?,
            }
            for event in &events {
                match self.sockets.get_mut(event.token().0) {
                    Some(socket) => socket.is_ready = true,
                    None => self.heed_signals(),
                }
            }
            let now = Instant::now();
            self.life.look_at_clock(now);
            if self.life.has_to_restart() {
                self.restart();
            }
            if self.deadline.is_some_and(|at| now >= at) {
                self.signal_sessions(Signal::SIGKILL);
                self.deadline = None;
            }
            self.orphans.climb(now);
            let is_served = self.sessions.is_empty() && self.orphans.is_empty();
            if self.sockets.is_empty() && is_served {
                self.life.end();
                return Ok(Leave::Stopped);
            }
            if self.paused.is_none_or(|until| now >= until) {
                self.paused = None;
                if let Some(client) = self.accept_all(now) {
                    return self.leave_as_session(client);
                }
            }
        }
    }

    /// A session's process goes its way: a hang-up is the listener's affair, and so is the end of the
    /// last session.
    fn leave_as_session(mut self, client: Client) -> io::Result<Leave> {
        self.signals.ignore(&[Signal::SIGHUP, Signal::SIGQUIT])?;
        Ok(Leave::Session(Box::new(client), self.signals))
    }

    /// Accepts what waits, at most so many that signals are not kept waiting. `Some` in a session's
    /// process.
    fn accept_all(&mut self, now: Instant) -> Option<Client> {
        for number in 0..self.sockets.len() {
            for count in 1.. {
                let socket = self.sockets.get_mut(number)?;
                if !socket.is_ready {
                    break;
                }
                if count > MAX_ACCEPTS {
                    // Others have their turn, and there will be no other edge: come back without one.
                    self.paused = Some(now);
                    break;
                }
                match fd::accept(&socket.listener) {
                    Ok(client) => {
                        if let Some(client) = self.begin_session(client, now) {
                            return Some(client);
                        }
                    }
                    Err(Errno::EAGAIN) => socket.is_ready = false,
                    // The client went before its turn came.
                    Err(Errno::ECONNABORTED | Errno::EPROTO) => {}
                    Err(errno) => {
                        self.pause("accept", errno, now);
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Forks. `Some` in the new process.
    fn begin_session(&mut self, socket: OwnedFd, now: Instant) -> Option<Client> {
        let refusals = self.count(Task::Refuse);
        let is_full = self
            .config
            .max_clients
            .is_some_and(|max| self.sessions.len() - refusals >= max);
        let task = if is_full { Task::Refuse } else { Task::Serve };
        // Refusing takes a process, too; beyond a few the connection is simply closed.
        if is_full && refusals >= max_refusals(self.config.max_clients) {
            return None;
        }
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.config.tls {
            acceptor.prepare();
        }
        let slot = match self.orphans.prepare() {
            Ok(slot) => slot,
            Err(errno) => {
                self.pause("share memory", errno, now);
                return None;
            }
        };
        match fork() {
            Ok(Fork::Parent(pid)) => {
                self.sessions.insert(pid, task);
                self.orphans.begin(Some(pid), slot);
                self.life.note_session();
                None
            }
            Ok(Fork::Child) => Some(Client {
                peer: Peer::of(&socket),
                socket,
                refusal: is_full.then_some(Reject::TooManyClients),
                slot: Some(slot),
            }),
            Err(errno) => {
                self.orphans.begin(None, slot);
                self.pause("fork", errno, now);
                None
            }
        }
    }

    fn count(&self, task: Task) -> usize {
        self.sessions.values().filter(|it| **it == task).count()
    }

    /// Nothing is accepted for a moment: the machine has run out of something.
    fn pause(&mut self, doing: &str, errno: Errno, now: Instant) {
        log::error(format!("cannot {doing}: {}; pausing", errno.desc()));
        self.paused = Some(now + PAUSE);
    }

    fn heed_signals(&mut self) {
        for signal in self.signals.take() {
            if signal == Signal::SIGCHLD {
                self.reap();
            } else if signal == Signal::SIGUSR1 {
                self.signal_sessions(Signal::SIGUSR1);
                self.life.log(self.sessions.len());
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
            if self.sessions.remove(&pid).is_none() {
                self.life.note_end(pid, end, &self.signals);
                continue;
            }
            self.orphans.end(pid, now);
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
            sessions: self
                .sessions
                .iter()
                .map(|(pid, task)| (*pid, task.name().to_owned()))
                .collect(),
            noted: self.orphans.noted(),
            ..Handover::default()
        };
        let sockets: Vec<_> = self.sockets.iter().map(|it| it.listener.as_fd()).collect();
        let Err(why) = self.life.execute(&sockets, self.orphans.slots(), handover);
        self.life.stays(&why);
    }

    /// Listens no more, and leaves the sessions to themselves.
    fn drain(&mut self) {
        log::stop(Signal::SIGQUIT.as_str());
        self.life.stopping("draining");
        self.sockets.clear();
        self.paused = None;
    }

    /// Listens no more, and has every session end.
    fn stop(&mut self, signal: Signal) {
        log::stop(signal.as_str());
        self.life.stopping("stopping");
        self.sockets.clear();
        self.paused = None;
        self.signal_sessions(Signal::SIGTERM);
        // The sessions take twice the grace for their services.
        let patience = self.config.grace * 2 + Duration::from_secs(1);
        self.deadline = Some(Instant::now() + patience);
    }

    fn signal_sessions(&self, signal: Signal) {
        for pid in self.sessions.keys() {
            // One that has just ended and is not reaped yet takes it without harm.
            let _ended = kill(*pid, signal);
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
    black_box(memchr::memchr(b'\n', &sample));
}

/// How many clients at a time are told that there are too many.
fn max_refusals(max_clients: Option<usize>) -> usize {
    max_clients.map_or(0, |max| (max / 10).max(16))
}
