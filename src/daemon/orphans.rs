//! Services whose session ended before they did: killed, or by a fault. The listener takes them to
//! their end, by the same steps: end of file, which they have already, time, SIGTERM, time, SIGKILL.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child;
use crate::sys::signal;
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
    left: Vec<Orphan>,
}

impl Orphans {
    pub(super) fn new(grace: Duration) -> nix::Result<Self> {
        Ok(Self {
            grace,
            slots: Slots::new()?,
            left: Vec::new(),
        })
    }

    /// Those of our former self: the file of its slots, and the numbers of those that are taken.
    pub(super) fn inherited(grace: Duration, file: OwnedFd, taken: &[usize]) -> nix::Result<Self> {
        Ok(Self {
            grace,
            slots: Slots::inherited(file, taken)?,
            left: Vec::new(),
        })
    }

    /// Those that are ours already, for who takes over: each group, and its [next step](Self::go_on).
    pub(super) fn words(&self, now: Instant) -> Vec<(Pid, String)> {
        let words = self.left.iter().map(|it| {
            let left = it.at.saturating_duration_since(now).as_millis();
            (it.group, format!("{} {left}", signal::number(it.next)))
        });
        words.collect()
    }

    /// Goes on with those that our former self has not taken to their end: a signal's number, and the
    /// milliseconds until then.
    pub(super) fn go_on(&mut self, with: &[(Pid, String)], now: Instant) {
        self.left.extend(with.iter().filter_map(|(group, words)| {
            let (number, left) = words.split_once(' ')?;
            Some(Orphan {
                group: *group,
                next: Signal::try_from(number.parse::<i32>().ok()?).ok()?,
                at: now.checked_add(Duration::from_millis(left.parse().ok()?))?,
            })
        }));
    }

    /// The slot of this number.
    pub(super) fn slot(&self, number: usize) -> Option<Slot> {
        self.slots.slot(number)
    }

    /// The file of the slots.
    pub(super) fn slots(&self) -> BorrowedFd<'_> {
        self.slots.as_fd()
    }

    /// Where the next session's service will be noted.
    pub(super) fn prepare(&mut self) -> nix::Result<Slot> {
        self.slots.take()
    }

    /// There is no such session.
    pub(super) fn give(&mut self, slot: Slot) {
        self.slots.give(slot);
    }

    /// The session of this slot has ended. If its service is still noted, it becomes ours.
    pub(super) fn take_over(&mut self, slot: Slot, now: Instant) {
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
