//! The bound on connections that are still in their opening handshake. Whoever connects and says nothing
//! has a place of these, and loses it to who comes later: the places of those who talk are not theirs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::daemon::network::Network;
use crate::sys::slot::Slot;
use crate::sys::table::Table;

use super::clients::{Clients, Session, Task};

/// A handshake that takes longer holds a place that somebody else can use better.
const STALLED: Duration = Duration::from_secs(1);

/// A session that was in its handshake when it was last looked at.
#[derive(Clone, Copy, Debug)]
struct Pending {
    pid: Pid,
    slot: Slot,
    network: Option<Network>,
    since: Instant,
}

/// Those in their handshake, the oldest first, among them some who are known to have left it only when
/// somebody looks: their slot tells, in memory that we share with them, and nobody is looked at as long
/// as there is room.
#[derive(Debug)]
pub(super) struct Handshakes {
    max: Option<usize>,
    pending: Table<Pending>,
}

impl Pending {
    fn is_over(&self) -> bool {
        !self.slot.is_in_handshake()
    }
}

impl Handshakes {
    /// A tenth of the clients there may be, at least sixteen, but not more than half of them.
    pub(super) fn new(max_clients: Option<usize>) -> Self {
        Self {
            max: max_clients.map(|max| Clients::aside(max).min(max.div_ceil(2))),
            pending: Table::new(),
        }
    }

    /// Makes room for one more to be noted.
    pub(super) fn reserve(&mut self) -> nix::Result<()> {
        self.pending.reserve()
    }

    /// A session has begun, and there is room to note it.
    pub(super) fn begin(&mut self, session: &Session, since: Instant) {
        let Session {
            pid, slot, network, ..
        } = *session;
        if let (Some(slot), Some(_), Task::Serve) = (slot, self.max, session.task) {
            let _in_its_room = self.pending.push(Pending {
                pid,
                slot,
                network,
                since,
            });
        }
    }

    /// A session has ended.
    pub(super) fn end(&mut self, session: &Session) {
        self.pending.retain(|it| it.pid != session.pid);
    }

    /// Makes room for one more: `Some` is the session whose place is taken from it for that.
    ///
    /// It is one of the network that has most of the places, the oldest of its: who has one place among
    /// a thousand of somebody else's keeps it, and where all come from one network, who has just come
    /// has all the time that it takes to be the oldest.
    ///
    /// Costs a look at the oldest as long as there is room, at all of them if there is none.
    pub(super) fn make_room(&mut self) -> Option<Pid> {
        let max = self.max?;
        self.forget_oldest();
        if self.pending.len() < max {
            return None;
        }
        self.pending.retain(|it| !it.is_over());
        if self.pending.len() < max {
            return None;
        }
        let at = self.most_expendable()?;
        let pending = self.pending.remove(at)?;
        // It may have left its handshake this moment.
        pending.slot.cut().then_some(pending.pid)
    }

    /// Takes the place of the one that has been in its handshake for longest, if that is long, as for
    /// [`Handshakes::make_room`].
    pub(super) fn oust(&mut self, now: Instant) -> Option<Pid> {
        self.forget_oldest();
        let oldest = self.pending.first()?;
        if now.saturating_duration_since(oldest.since) < STALLED {
            return None;
        }
        let pending = self.pending.remove(0)?;
        pending.slot.cut().then_some(pending.pid)
    }

    fn forget_oldest(&mut self) {
        while self.pending.first().is_some_and(|it| it.is_over()) {
            self.pending.remove(0);
        }
    }

    fn most_expendable(&self) -> Option<usize> {
        let mut counts = HashMap::new();
        for pending in self.pending.iter() {
            *counts.entry(pending.network).or_insert(0_usize) += 1;
        }
        let most = counts.values().max()?;
        let has_most = |it: &Pending| counts.get(&it.network) == Some(most);
        self.pending.iter().position(has_most)
    }
}
