//! What was read and not yet done with: memory that is there only while bytes move, and only as much
//! as they need.

use std::io;
use std::num::NonZeroUsize;

use crate::sys::pages::Pages;

/// What is read into as long as no more comes at once. Most sessions never need more, and a mapping of
/// their own for a few bytes costs them more than the bytes.
const SMALL_LEN: usize = 1024;

/// A buffer that grows once, to a fixed length.
#[derive(Debug)]
pub(super) struct Buffer {
    max_len: NonZeroUsize,
    memory: Memory,
    /// `start <= end <= max_len`: what is unread.
    start: usize,
    end: usize,
}

#[derive(Debug)]
enum Memory {
    None,
    /// Of `SMALL_LEN`.
    Small(Vec<u8>),
    /// Of `max_len`.
    Large(Pages),
}

impl Memory {
    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::None => &mut [],
            Self::Small(bytes) => bytes,
            Self::Large(pages) => pages,
        }
    }
}

impl Buffer {
    pub(super) fn new(max_len: NonZeroUsize) -> Self {
        Self {
            max_len,
            memory: Memory::None,
            start: 0,
            end: 0,
        }
    }

    /// What was read and not consumed.
    pub(super) fn unread(&mut self) -> &mut [u8] {
        let (start, end) = (self.start, self.end);
        self.memory.bytes().get_mut(start..end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether `count` unread bytes are all that ever fits: nothing can be read before some are
    /// consumed.
    pub(super) fn is_filled_by(&self, count: usize) -> bool {
        count == self.max_len.get()
    }

    /// Has `read` append to what is unread. Where a small buffer was all the room there was, the large one is
    /// filled as well: what was written at once is had at once.
    pub(super) fn fill(
        &mut self,
        read: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Filled> {
        self.make_room()?;
        let is_small = matches!(self.memory, Memory::Small(_));
        let filled = self.fill_room(read)?;
        if !is_small || filled != Filled::Some {
            return Ok(filled);
        }
        self.grow()?;
        match self.fill_room(read) {
            // It is behind what there is.
            Ok(Filled::Ended) => Ok(Filled::Some),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::All),
            outcome => outcome,
        }
    }

    fn fill_room(
        &mut self,
        read: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Filled> {
        let end = self.end;
        let room = self.memory.bytes().get_mut(end..).unwrap_or_default();
        let asked = room.len();
        let count = read(room)?;
        self.end += count.min(asked);
        Ok(match count {
            0 => Filled::Ended,
            count if count < asked => Filled::All,
            _ => Filled::Some,
        })
    }

    /// Appends `bytes`, or says that they do not fit.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.make_room()?;
        if bytes.len() > SMALL_LEN - self.end.min(SMALL_LEN) {
            self.grow()?;
        }
        let end = self.end;
        let room = self.memory.bytes().get_mut(end..end + bytes.len());
        room.ok_or(io::ErrorKind::StorageFull)?
            .copy_from_slice(bytes);
        self.end += bytes.len();
        Ok(())
    }

    /// Forgets the first `count` unread bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.memory = Memory::None;
        }
    }

    /// Moves what is unread to the front and sees that there is memory behind it.
    fn make_room(&mut self) -> io::Result<()> {
        if let Memory::None = self.memory {
            self.memory = Memory::Small(vec![0; SMALL_LEN]);
        }
        if self.start > 0 {
            let (start, end) = (self.start, self.end);
            self.memory.bytes().copy_within(start..end, 0);
            (self.start, self.end) = (0, end - start);
        }
        if self.end == self.memory.bytes().len() {
            self.grow()?;
        }
        Ok(())
    }

    /// Goes over to the large memory, if it is not in use already.
    fn grow(&mut self) -> io::Result<()> {
        if let Memory::Small(bytes) = &self.memory {
            let mut pages = Pages::new(self.max_len)?;
            if let Some(room) = pages.get_mut(..SMALL_LEN) {
                room.copy_from_slice(bytes);
            }
            self.memory = Memory::Large(pages);
        }
        Ok(())
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Filled {
    /// The end of the stream.
    Ended,
    /// All that had come: it was less than the room.
    All,
    /// As much as there was room for; there may be more.
    Some,
}
