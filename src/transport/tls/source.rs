//! Encrypted bytes on their way in: one read of the socket serves as many records as it brought.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::fd;
use crate::sys::pages::Pages;

/// One read of the socket: two of the largest records.
const BUFFER_LEN: NonZeroUsize = NonZeroUsize::new(36 * 1024).unwrap();

/// A socket with a buffer in front, and what the socket said last.
#[derive(Debug)]
pub(super) struct Source {
    socket: OwnedFd,
    /// Mapped when first filled.
    pages: Option<Pages>,
    /// `start <= end`: what is unread.
    start: usize,
    end: usize,
    /// The last read has emptied the socket: more is announced by the kernel.
    is_dry: bool,
}

impl Source {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            pages: None,
            start: 0,
            end: 0,
            is_dry: false,
        }
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    pub(super) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// What was read and not handed on.
    pub(super) fn unread(&self) -> &[u8] {
        self.pages
            .as_deref()
            .and_then(|pages| pages.get(self.start..self.end))
            .unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// Reads the socket if nothing is unread; what there is then, nothing at the end of the stream.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.is_empty() {
            let pages = match &mut self.pages {
                Some(pages) => pages,
                none => none.insert(Pages::new(BUFFER_LEN)?),
            };
            let outcome = fd::read(&self.socket, pages);
            self.is_dry = outcome.is_ok_and(|count| count < BUFFER_LEN.get()) || outcome.is_err();
            (self.start, self.end) = (0, outcome?);
        }
        Ok(self.unread())
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.pages = None;
        }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill()?.read(into)?;
        self.start += count;
        Ok(count)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
