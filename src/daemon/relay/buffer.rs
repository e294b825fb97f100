//! What was read and not yet done with: memory that is there only while bytes move.

use std::io;
use std::num::NonZeroUsize;

use crate::sys::pages::Pages;

/// A buffer of fixed length, mapped when first filled.
#[derive(Debug)]
pub(super) struct Buffer {
    len: NonZeroUsize,
    pages: Option<Pages>,
    /// `start <= end <= len`: what is unread.
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn new(len: NonZeroUsize) -> Self {
        Self {
            len,
            pages: None,
            start: 0,
            end: 0,
        }
    }

    /// What was read and not consumed.
    pub(super) fn unread(&mut self) -> &mut [u8] {
        self.pages
            .as_deref_mut()
            .and_then(|pages| pages.get_mut(self.start..self.end))
            .unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether `count` unread bytes are all that fits: nothing can be read before some are consumed.
    pub(super) fn is_filled_by(&self, count: usize) -> bool {
        count == self.len.get()
    }

    /// Has `read` append to what is unread; whether it used all the room there was.
    pub(super) fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Filled> {
        let pages = match &mut self.pages {
            Some(pages) => pages,
            none => none.insert(Pages::new(self.len)?),
        };
        if self.start > 0 {
            pages.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = pages.get_mut(self.end..).unwrap_or_default();
        let asked = room.len();
        let count = read(room)?;
        self.end += count.min(asked);
        Ok(match count {
            0 => Filled::Ended,
            count if count < asked => Filled::All,
            _ => Filled::Some,
        })
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
            self.pages = None;
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.pages.is_some() && self.is_empty()
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
