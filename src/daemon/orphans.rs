//! Services whose session ended before they did: killed, or by a fault. The listener takes them to
//! their end, by the same steps: end of file, which they have already, time, SIGTERM, time, SIGKILL.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child;
use crate::sys::slot::{Slot, Slots};

/// A process group that nobody else looks after.
#[derive(Clone, Copy, Debug)]
struct Orphan {
    group: Pid,
    /// What it is sent next, and when.
    next: Signal,
    at: Instant,
}

/// The services of all sessions, as far as they concern the listener.
#[derive(Debug)]
pub(super) struct Orphans {
    grace: Duration,
    slots: Slots,
    /// Where each session's service is noted.
    noted: HashMap<Pid, Slot>,
    left: Vec<Orphan>,
}

impl Orphans {
    pub(super) fn new(grace: Duration) -> nix::Result<Self> {
        Ok(Self {
            grace,
            slots: Slots::new()?,
            noted: HashMap::new(),
            left: Vec::new(),
        })
    }

    /// Those of our former self: the file of its slots, and the number of each session's.
    pub(super) fn inherited(
        grace: Duration,
        file: OwnedFd,
        noted: &[(Pid, usize)],
    ) -> nix::Result<Self> {
        let numbers: Vec<_> = noted.iter().map(|(_, number)| *number).collect();
        let slots = Slots::inherited(file, &numbers)?;
        let slot_of = |(session, number): &(Pid, usize)| Some((*session, slots.slot(*number)?));
        Ok(Self {
            grace,
            noted: noted.iter().filter_map(slot_of).collect(),
            slots,
            left: Vec::new(),
        })
    }

    /// Each session, and the number of its slot.
    pub(super) fn noted(&self) -> Vec<(Pid, usize)> {
        let noted = self.noted.iter();
        noted.map(|(pid, slot)| (*pid, slot.number())).collect()
    }

    /// A session's slot.
    pub(super) fn slot(&self, session: Pid) -> Option<Slot> {
        self.noted.get(&session).copied()
    }

    /// Each session that has answered a request and waits for another.
    pub(super) fn idle(&self) -> impl Iterator<Item = (Pid, Slot)> {
        let noted = self.noted.iter().map(|(pid, slot)| (*pid, *slot));
        noted.filter(|(_, slot)| slot.is_idle())
    }

    /// The file of the slots.
    pub(super) fn slots(&self) -> BorrowedFd<'_> {
        self.slots.as_fd()
    }

    /// Where the next session's service will be noted.
    pub(super) fn prepare(&mut self) -> nix::Result<Slot> {
        self.slots.take()
    }

    /// A session has begun; `None`: it could not.
    pub(super) fn begin(&mut self, session: Option<Pid>, slot: Slot) {
        match session {
            Some(session) => drop(self.noted.insert(session, slot)),
            None => self.slots.give(slot),
        }
    }

    /// A session has ended. If its service is still noted, it becomes ours.
    pub(super) fn end(&mut self, session: Pid, now: Instant) {
        let Some(slot) = self.noted.remove(&session) else {
            return;
        };
        self.left.extend(slot.read().map(|group| Orphan {
            group,
            next: Signal::SIGTERM,
            at: now + self.grace,
        }));
        self.slots.give(slot);
    }

    /// Forgets those of which nobody is left. What a session noted is believed only as far as we are
    /// the parent of somebody in that group, as we are of all orphans of our sessions.
    pub(super) fn forget_gone(&mut self) {
        self.left.retain(|it| child::is_parent_in(it.group));
    }

    /// When the next step is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.left.iter().map(|orphan| orphan.at).min()
    }

    /// Takes the steps that are due.
    pub(super) fn climb(&mut self, now: Instant) {
        if self.deadline().is_none_or(|at| now < at) {
            return;
        }
        self.forget_gone();
        for orphan in self.left.iter_mut().filter(|orphan| orphan.at <= now) {
            child::signal_group(orphan.group, orphan.next);
            orphan.next = Signal::SIGKILL;
            orphan.at = now + self.grace;
        }
    }

    /// Whether nobody is left to be taken to the end.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }
}
