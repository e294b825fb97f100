//! A word that two processes see alike: a session's, in which the kernel notes its service's process,
//! and from which the listener learns it when the session is no more. Before that it says whether the
//! session is in its opening handshake, and may stay.
#![expect(unsafe_code, reason = "mmap, and references into it")]

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::sys::stat::fstat;
use nix::unistd::{Pid, ftruncate};

use super::table::Table;

/// Slots mapped at a time. They fill whole pages, whatever a page is.
const CHUNK: usize = 16 * 1024;

/// Their bytes.
const CHUNK_LEN: i64 = 64 * 1024;

/// Not a process: the session is in its handshake.
const HANDSHAKE: i32 = 0;

/// Not a process: the session is past its handshake.
const PAST_HANDSHAKE: i32 = -1;

/// Not a process: the session's place was taken from it.
const CUT: i32 = -2;

/// Not a process: the session has answered a request and waits for another.
const IDLE: i32 = -3;

/// One word: a process, if it is positive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    number: usize,
    word: &'static AtomicI32,
}

impl Slot {
    /// Who is noted here. A process that shares the slot can write what it likes.
    pub(crate) fn read(self) -> Option<Pid> {
        let pid = self.word.load(Ordering::Relaxed);
        (pid > 0).then(|| Pid::from_raw(pid))
    }

    /// Notes nobody.
    pub(crate) fn clear(self) {
        self.word.store(PAST_HANDSHAKE, Ordering::Relaxed);
    }

    /// Whether the session is in its handshake and may stay.
    pub(crate) fn is_in_handshake(self) -> bool {
        self.word.load(Ordering::Relaxed) == HANDSHAKE
    }

    /// Whether the session waits for another request, and may stay.
    pub(crate) fn is_idle(self) -> bool {
        self.word.load(Ordering::Relaxed) == IDLE
    }

    /// Takes the session's place from it; whether it was in its handshake or idle, else it keeps it.
    pub(crate) fn cut(self) -> bool {
        self.exchange(CUT)
    }

    /// For the session: leaves the handshake; whether it may, for its place may have been taken.
    pub(crate) fn leave_handshake(self) -> bool {
        self.exchange(PAST_HANDSHAKE) || !self.is_cut()
    }

    /// For the session: waits for another request.
    #[cfg(feature = "site")]
    pub(crate) fn return_to_handshake(self) {
        self.word.store(IDLE, Ordering::Relaxed);
    }

    /// Whether the session's place was taken from it.
    pub(crate) fn is_cut(self) -> bool {
        self.word.load(Ordering::Relaxed) == CUT
    }

    fn exchange(self, new: i32) -> bool {
        let order = Ordering::Relaxed;
        let is_left = |old| self.word.compare_exchange(old, new, order, order).is_ok();
        is_left(HANDSHAKE) || is_left(IDLE)
    }

    /// Which of all slots it is.
    pub(crate) fn number(self) -> usize {
        self.number
    }

    pub(super) fn word(self) -> &'static AtomicI32 {
        self.word
    }
}

/// All slots: a file in memory, shared with the processes forked from this one, and with the program
/// that it becomes. Memory is used for as many as are taken at a time.
#[derive(Debug)]
pub(crate) struct Slots {
    file: OwnedFd,
    chunks: Vec<&'static [AtomicI32; CHUNK]>,
    free: Table<Slot>,
    /// Those behind have never been taken.
    next: usize,
}

impl Slots {
    pub(crate) fn new() -> nix::Result<Self> {
        Self::of(memfd_create("websockd-services", MFdFlags::MFD_CLOEXEC)?)
    }

    /// The slots in a file of our former self, of which those with the `taken` numbers are in use.
    pub(crate) fn inherited(file: OwnedFd, taken: &[usize]) -> nix::Result<Self> {
        let len = fstat(&file)?.st_size;
        let mut slots = Self::of(file)?;
        for _ in 0..len / CHUNK_LEN {
            slots.map()?;
        }
        slots.next = taken.iter().max().map_or(0, |last| last + 1);
        let taken: HashSet<_> = taken.iter().collect();
        for number in (0..slots.next).filter(|number| !taken.contains(number)) {
            if let Some(slot) = slots.slot(number) {
                slots.free.push(slot)?;
            }
        }
        Ok(slots)
    }

    fn of(file: OwnedFd) -> nix::Result<Self> {
        Ok(Self {
            file,
            chunks: Vec::new(),
            free: Table::new(),
            next: 0,
        })
    }

    /// The slot of this number, if there is one.
    pub(crate) fn slot(&self, number: usize) -> Option<Slot> {
        let word = self.chunks.get(number / CHUNK)?.get(number % CHUNK)?;
        Some(Slot { number, word })
    }

    /// A slot that notes nobody, for a session in its handshake, to be given back.
    pub(crate) fn take(&mut self) -> nix::Result<Slot> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.take_new()?,
        };
        slot.word.store(HANDSHAKE, Ordering::Relaxed);
        Ok(slot)
    }

    /// Takes a slot back. Where there is no memory for that, it stays unused.
    pub(crate) fn give(&mut self, slot: Slot) {
        let _lost = self.free.push(slot);
    }

    fn take_new(&mut self) -> nix::Result<Slot> {
        if self.chunks.len() * CHUNK == self.next {
            ftruncate(&self.file, fstat(&self.file)?.st_size + CHUNK_LEN)?;
            self.map()?;
        }
        let slot = self.slot(self.next).ok_or(Errno::ENOMEM)?;
        self.next += 1;
        Ok(slot)
    }

    /// Maps the next chunk of the file, for good: as many slots as were ever in use at a time are needed
    /// again.
    fn map(&mut self) -> nix::Result<()> {
        let len = NonZeroUsize::new(size_of::<[AtomicI32; CHUNK]>()).ok_or(Errno::EINVAL)?;
        let at = i64::try_from(self.chunks.len()).map_err(|_| Errno::ENOMEM)? * CHUNK_LEN;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a mapping at an address of the kernel's choice touches no memory that is in use.
        let start = unsafe { mmap(None, len, protection, MapFlags::MAP_SHARED, &self.file, at) }?;
        // SAFETY: the mapping has the array's length, a page's alignment, and the file's bytes, any of
        // which are integers; it is never unmapped nor the file cut, and whoever shares it changes it by
        // atomic stores or in the kernel.
        self.chunks.push(unsafe { start.cast().as_ref() });
        Ok(())
    }
}

impl AsFd for Slots {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(slot: Slot, pid: i32) {
        slot.word().store(pid, Ordering::Relaxed);
    }

    #[test]
    fn a_slot_notes_nobody_until_somebody_is_noted() {
        let mut slots = Slots::new().expect("memory");
        let slot = slots.take().expect("a slot");
        assert_eq!(slot.read(), None);
        note(slot, 4711);
        assert_eq!(slot.read(), Some(Pid::from_raw(4711)));
        note(slot, -1);
        assert_eq!(slot.read(), None);
        note(slot, 4711);
        slots.give(slot);
        assert_eq!(slots.take().expect("a slot").read(), None);
    }

    #[test]
    fn a_session_leaves_its_handshake_or_is_cut_whichever_is_first() {
        let mut slots = Slots::new().expect("memory");
        let slot = slots.take().expect("a slot");
        assert!(slot.is_in_handshake());
        assert!(slot.leave_handshake());
        assert!(!slot.is_in_handshake() && !slot.cut() && slot.leave_handshake());
        note(slot, 4711);
        assert!(!slot.is_in_handshake() && !slot.cut());
        slot.clear();
        assert!(!slot.is_in_handshake() && !slot.cut());
        slots.give(slot);
        let slot = slots.take().expect("a slot");
        note(slot, IDLE);
        assert!(slot.is_idle() && !slot.is_in_handshake() && slot.leave_handshake());
        note(slot, IDLE);
        assert!(slot.cut() && slot.is_cut());
        slots.give(slot);
        let slot = slots.take().expect("a slot");
        assert!(slot.cut() && slot.is_cut());
        assert!(!slot.leave_handshake() && !slot.is_in_handshake());
        assert_eq!(slot.read(), None);
    }

    #[test]
    fn there_are_as_many_as_are_wanted_and_no_two_are_one() {
        let mut slots = Slots::new().expect("memory");
        for number in 0..CHUNK + 7 {
            let slot = slots.take().expect("a slot");
            assert_eq!((slot.number(), slot.read()), (number, None));
            note(slot, 1);
        }
    }

    #[test]
    fn who_inherits_them_finds_what_was_noted() {
        let mut slots = Slots::new().expect("memory");
        let numbers: Vec<_> = (0..CHUNK + 2)
            .map(|_| slots.take().expect("a slot"))
            .collect();
        note(numbers[CHUNK], 4711);
        let file = slots.as_fd().try_clone_to_owned().expect("a descriptor");
        let mut inherited = Slots::inherited(file, &[3, CHUNK]).expect("memory");
        let slot = inherited.slot(CHUNK).expect("the slot");
        assert_eq!(slot.read(), Some(Pid::from_raw(4711)));
        for _ in 0..CHUNK + 10 {
            let number = inherited.take().expect("a slot").number();
            assert!(number != 3 && number != CHUNK);
        }
    }
}
