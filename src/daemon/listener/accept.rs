//! From a connection that waits to a session's process, or to the decision that there is none.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::network::Network;
use crate::daemon::peer::Peer;
use crate::daemon::session::Client;
use crate::handshake::Reject;
use crate::sys::fork::{Fork, fork};
use crate::sys::slot::Slot;
use crate::sys::{fd, heap, pass};

use super::clients::{self, Session, Task, Verdict};
use super::spare::Post;
use super::{Accepted, Listener};

/// Connections taken before signals are looked at again.
const MAX_ACCEPTS: usize = 64;

/// Sessions that were asked to leave and have not yet: then nobody new is accepted. They need nothing
/// but the processor for that, so this only says who gets it.
const MAX_LEAVING: usize = 64;

/// A new process.
#[derive(Debug)]
pub(super) enum Child {
    /// With a client to serve.
    Session(Box<Client>),
    /// Its client is still to come.
    Spare(Post),
}

/// Which process it is, and the slot of the new one; else what could not be done.
type Forked = Result<(Fork, Slot), (&'static str, Errno)>;

/// What has become of a client.
#[derive(Debug)]
enum Begun {
    /// This is its process.
    Here(Box<Client>),
    /// Another one is, or nobody.
    Elsewhere,
    /// It waits for better times.
    Not,
}

impl Listener<'_> {
    /// Accepts what waits, and forks a spare process where one has come alone. `Some` in a new process.
    pub(super) fn serve(&mut self, now: Instant) -> Option<Child> {
        let before = self.life.served();
        if let Some(client) = self.accept_all(now) {
            return Some(Child::Session(client));
        }
        let has_come_alone = self.life.served() - before == 1;
        let comes_another = !self.sockets.is_empty() && self.expected.is_empty();
        let is_due = has_come_alone && comes_another && self.spare.is_empty();
        is_due.then(|| self.fork_spare(now))?.map(Child::Spare)
    }

    /// Accepts what waits, at most so many that signals are not kept waiting. `Some` in a session's
    /// process.
    fn accept_all(&mut self, now: Instant) -> Option<Box<Client>> {
        while let Some(accepted) = self.expected.pop() {
            match self.begin_session(accepted, now) {
                Begun::Here(client) => return Some(client),
                Begun::Elsewhere => {}
                Begun::Not => return None,
            }
        }
        for number in 0..self.sockets.len() {
            for count in 1.. {
                let (socket, is_ready) = (self.sockets.get(number)?, self.ready.get_mut(number)?);
                if !*is_ready {
                    break;
                }
                if self.clients.count(Task::Leave) >= MAX_LEAVING {
                    // The end of one of them brings us back.
                    return None;
                }
                if count > MAX_ACCEPTS {
                    // Others have their turn, and there will be no other edge: come back without one.
                    self.pause.give_way(now);
                    break;
                }
                match fd::accept(socket) {
                    Ok(accepted) => match self.begin_session(accepted, now) {
                        Begun::Here(client) => return Some(client),
                        Begun::Elsewhere => {}
                        Begun::Not => return None,
                    },
                    Err(Errno::EAGAIN) => *is_ready = false,
                    // The client went before its turn came, or the way to it did.
                    Err(errno) if is_the_clients(errno) => {}
                    Err(errno) => {
                        self.lack("accept", errno, now);
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Gives a client a process, if it is to be told anything.
    fn begin_session(&mut self, (socket, remote): Accepted, now: Instant) -> Begun {
        let network = clients::network(remote, self.config);
        let (task, refusal) = match self.judge(network, now) {
            Verdict::Serve => (Task::Serve, None),
            Verdict::Refuse(reject) => (Task::Refuse, Some(reject)),
            Verdict::Drop => return Begun::Elsewhere,
        };
        let found = self.make_room().and_then(|()| match refusal {
            None => self.find_process(&socket, remote),
            Some(_) => self.fork(),
        });
        match found {
            Ok((Fork::Parent(pid), slot)) => {
                let session = Session {
                    pid,
                    slot: Some(slot),
                    task,
                    network,
                };
                self.clients.begin(session);
                self.handshakes.begin(&session, now);
                self.life.note_session();
                Begun::Elsewhere
            }
            Ok((Fork::Child, slot)) => Begun::Here(Box::new(Client {
                peer: Peer::with_remote(&socket, remote),
                socket,
                refusal,
                slot: Some(slot),
            })),
            Err((doing, errno)) => {
                self.lack(doing, errno, now);
                self.expected.push((socket, remote));
                Begun::Not
            }
        }
    }

    /// The machine has run out of something. What is held in reserve goes first.
    fn lack(&mut self, doing: &str, errno: Errno, now: Instant) {
        self.spare.dismiss();
        self.pause.begin(doing, errno, now);
    }

    /// A process for a client: the spare one, which has the client then, or a new one.
    fn find_process(&mut self, socket: &OwnedFd, remote: Option<SocketAddr>) -> Forked {
        match self.spare.send(socket, remote) {
            Some((pid, slot)) => Ok((Fork::Parent(pid), slot)),
            None => self.fork(),
        }
    }

    /// Forks, with a slot for what the new process has to tell.
    fn fork(&mut self) -> Forked {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.config.tls {
            acceptor.prepare();
        }
        let slot = self.orphans.prepare().map_err(no_memory)?;
        match fork() {
            Ok(forked) => {
                if forked == Fork::Child {
                    heap::begin();
                }
                Ok((forked, slot))
            }
            Err(errno) => {
                self.orphans.give(slot);
                Err(("fork", errno))
            }
        }
    }

    /// What a session needs of us before it is there: when it is, nothing may fail.
    fn make_room(&mut self) -> Result<(), (&'static str, Errno)> {
        self.clients.reserve().map_err(no_memory)?;
        self.handshakes.reserve().map_err(no_memory)
    }

    /// Forks for who comes next. `Some` in that process. If there can be none, the next client finds out
    /// why.
    fn fork_spare(&mut self, now: Instant) -> Option<Post> {
        let (ours, way) = pass::way().ok()?;
        match self.fork().ok()? {
            (Fork::Parent(pid), slot) => {
                self.spare.begin(pid, slot, ours, now);
                None
            }
            (Fork::Child, slot) => Some(Post { way, slot }),
        }
    }

    /// Judges a client from this network, and takes their place from those in their handshake who have
    /// to leave for that.
    fn judge(&mut self, network: Option<Network>, now: Instant) -> Verdict {
        let verdict = self.clients.judge(network);
        let ousted = match verdict {
            Verdict::Serve => self.handshakes.make_room(),
            Verdict::Refuse(Reject::TooManyFromAddress) => None,
            Verdict::Refuse(_) | Verdict::Drop => {
                let stalled = self.handshakes.oust(now);
                stalled.or_else(|| self.oust_idle())
            }
        };
        let Some(pid) = ousted else {
            return verdict;
        };
        self.clients.dismiss(pid);
        let _ended = kill(pid, Signal::SIGTERM);
        // There is a place again, though perhaps not for this network.
        self.clients.judge(network)
    }

    /// Takes the place of one that has had an answer to a request and waits for another.
    fn oust_idle(&self) -> Option<Pid> {
        let mut idle = self.clients.idle();
        idle.find_map(|(pid, slot)| slot.cut().then_some(pid))
    }
}

fn no_memory(errno: Errno) -> (&'static str, Errno) {
    ("get memory", errno)
}

/// Errors of accept(2) that tell of the connection, which is no more, and not of us.
fn is_the_clients(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ECONNABORTED
            | Errno::EHOSTDOWN
            | Errno::EHOSTUNREACH
            | Errno::ENETDOWN
            | Errno::ENETUNREACH
            | Errno::ENONET
            | Errno::ENOPROTOOPT
            | Errno::EOPNOTSUPP
            | Errno::EPERM
            | Errno::EPROTO
            | Errno::ETIMEDOUT
    )
}
