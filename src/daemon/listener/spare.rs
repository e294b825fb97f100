//! A session's process that is there before its client: who comes alone does not wait for a fork.
//!
//! There is one at most. It is forked when a client has come alone, for the next, which may come soon;
//! where clients come together, forking for each when it is there costs less. One that has waited for
//! long leaves, for the machine may have another use for what it is made of. What was tried as well: a
//! rehearsal of a handshake while it waits (2 percent more connections, for 6 percent more processor time).

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::peer::Peer;
use crate::daemon::session::Client;
use crate::sys::signal::Signals;
use crate::sys::slot::Slot;
use crate::sys::{fd, pass, retry};

/// How long it waits for a client.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any address has as text.
const MAX_ADDRESS_LEN: usize = 128;

/// What is said of a client without an address.
const NO_ADDRESS: &[u8] = b"unix";

/// The spare process, if there is one, as the listener knows it.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<Waiting>);

#[derive(Debug)]
struct Waiting {
    pid: Pid,
    slot: Slot,
    since: Instant,
    /// By which the client gets there. `None`: none will, and the process is on its way out.
    way: Option<OwnedFd>,
}

/// Where the process itself waits.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) way: OwnedFd,
    pub(super) slot: Slot,
}

impl Spare {
    /// A process has begun to wait.
    pub(super) fn begin(&mut self, pid: Pid, slot: Slot, way: OwnedFd, since: Instant) {
        self.0 = Some(Waiting {
            pid,
            slot,
            since,
            way: Some(way),
        });
    }

    /// Whether there is none, not even one on its way out.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Sends it a client: which process that is, for it is a session's now. `None`: the client needs
    /// another.
    pub(super) fn send(
        &mut self,
        socket: &OwnedFd,
        remote: Option<SocketAddr>,
    ) -> Option<(Pid, Slot)> {
        let waiting = self.0.as_mut()?;
        let mut words = [0; MAX_ADDRESS_LEN];
        match pass::send(waiting.way.as_ref()?, words_of(remote, &mut words), socket) {
            Ok(()) => self.0.take().map(|it| (it.pid, it.slot)),
            // It has died and will be reaped.
            Err(_) => {
                waiting.way = None;
                None
            }
        }
    }

    /// Has it end, however it is: nobody loses anything.
    pub(super) fn dismiss(&mut self) {
        if let Some(waiting) = &mut self.0 {
            waiting.way = None;
            let _ended = kill(waiting.pid, Signal::SIGKILL);
        }
    }

    /// Has it end if it has waited for long.
    pub(super) fn look_at_clock(&mut self, now: Instant) {
        if self.deadline().is_some_and(|at| now >= at) {
            self.dismiss();
        }
    }

    /// When that is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiting = self.0.as_ref().filter(|it| it.way.is_some());
        waiting.map(|it| it.since + PATIENCE)
    }

    /// A process has ended; if it was this one, the slot that it had.
    pub(super) fn end(&mut self, pid: Pid) -> Option<Slot> {
        self.0.take_if(|it| it.pid == pid).map(|it| it.slot)
    }
}

impl Post {
    /// Waits for the client, under a name by which an operator knows what this process is. `None`: none
    /// will come, or we were told to leave before.
    pub(super) fn wait(self, signals: &Signals) -> Option<Client> {
        let name = prctl::get_name();
        let _unnamed = prctl::set_name(c"websockd-spare");
        self.stand(signals).ok()?;
        let client = self.receive()?;
        if let Ok(name) = name {
            let _unnamed = prctl::set_name(&name);
        }
        Some(client)
    }

    /// Waits until a client is there, or none will come any more.
    fn stand(&self, signals: &Signals) -> nix::Result<()> {
        loop {
            let mut fds = [
                PollFd::new(self.way.as_fd(), PollFlags::POLLIN),
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            ];
            retry(|| poll(&mut fds, PollTimeout::NONE))?;
            let [way, _] = fds;
            if way.any() == Some(true) {
                return Ok(());
            }
            let told = signals.take();
            if told.contains(Signal::SIGTERM) || told.contains(Signal::SIGINT) {
                // From here on the listener finds another process for its client. One that it has sent
                // already is ours.
                return fd::shutdown(&self.way);
            }
        }
    }

    fn receive(&self) -> Option<Client> {
        let mut address = [0; MAX_ADDRESS_LEN];
        let (len, socket) = pass::receive(&self.way, &mut address).ok()??;
        let address = std::str::from_utf8(address.get(..len)?).ok()?;
        Some(Client {
            peer: Peer::with_remote(&socket, address.parse().ok()),
            socket,
            refusal: None,
            slot: Some(self.slot),
        })
    }
}

/// An address as text. Not on the heap, where a page that the listener writes to is copied: it shares
/// them with all that it has forked.
fn words_of(remote: Option<SocketAddr>, words: &mut [u8; MAX_ADDRESS_LEN]) -> &[u8] {
    let mut room = words.as_mut_slice();
    let _whole = match remote {
        Some(remote) => write!(room, "{remote}"),
        None => room.write_all(NO_ADDRESS),
    };
    let left = room.len();
    words.get(..MAX_ADDRESS_LEN - left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;
    use crate::sys::slot::Slots;

    /// A process that is not there.
    const PID: Pid = Pid::from_raw(0x3fff_fff0);

    /// One that has begun to wait at some time, and its end of the way.
    fn spare(since: Instant) -> (Spare, Post) {
        let slot = Slots::new().unwrap().take().unwrap();
        let (ours, way) = pass::way().unwrap();
        let mut spare = Spare::default();
        spare.begin(PID, slot, ours, since);
        (spare, Post { way, slot })
    }

    #[test]
    fn it_waits_for_a_minute_and_is_there_until_it_has_ended() {
        let now = Instant::now();
        let (mut spare, post) = spare(now);
        assert_eq!(spare.deadline(), Some(now + PATIENCE));
        spare.look_at_clock(now + PATIENCE - Duration::from_millis(1));
        assert_eq!(spare.deadline(), Some(now + PATIENCE));
        spare.look_at_clock(now + PATIENCE);
        assert_eq!(spare.deadline(), None);
        assert!(post.receive().is_none());
        assert!(spare.send(&post.way, None).is_none());
        assert!(spare.end(Pid::from_raw(8)).is_none() && !spare.is_empty());
        assert!(spare.end(PID).is_some() && spare.is_empty());
    }

    #[test]
    fn every_address_arrives_as_it_was() {
        let addresses = ["192.0.2.1:80", "[2001:db8::1]:65535", "[fe80::1%7]:1"];
        for address in addresses.map(|it| it.parse::<SocketAddr>().unwrap()) {
            let (mut spare, post) = spare(Instant::now());
            let (socket, _other) = pass::way().unwrap();
            assert!(spare.send(&socket, Some(address)).is_some() && spare.is_empty());
            let peer = post.receive().unwrap().peer;
            assert_eq!(peer.to_string(), address.to_string());
        }
    }

    #[test]
    fn one_that_was_told_to_leave_has_who_was_sent_before_and_nobody_else() {
        let signals = Signals::handle(&[Signal::SIGTERM, Signal::SIGUSR1]).unwrap();
        let (socket, _other) = pass::way().unwrap();
        for is_first in [false, true] {
            let (mut spare, post) = spare(Instant::now());
            assert_eq!(is_first, is_first && spare.send(&socket, None).is_some());
            raise(Signal::SIGUSR1).unwrap();
            raise(Signal::SIGTERM).unwrap();
            post.stand(&signals).unwrap();
            assert!(spare.send(&socket, None).is_none());
            assert_eq!(post.receive().is_some(), is_first);
        }
    }

    #[test]
    fn who_does_not_reach_it_needs_another() {
        let (mut spare, post) = spare(Instant::now());
        let (socket, _other) = pass::way().unwrap();
        drop(post);
        assert!(spare.send(&socket, None).is_none() && !spare.is_empty());
    }
}
