//! The byte stream to the peer. Nobody above knows whether it is plain or encrypted.
//!
//! Floor 2.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::PollFlags;

use crate::sys::fd;
use crate::sys::patience::Patience;

/// A connected, non-blocking stream.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: OwnedFd,
}

impl Transport {
    /// A stream over a connected socket, which is non-blocking.
    pub(crate) fn plain(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Reads what has come: 0 is the end. `WouldBlock` if nothing has.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(fd::read(&self.socket, into)?)
    }

    /// Writes what there is room for. `WouldBlock` if there is none.
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(fd::write_vectored(&self.socket, slices)?)
    }

    /// Writes all of `bytes`, waiting for room as long as there is patience.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8], patience: Patience<'_>) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(&[IoSlice::new(bytes)]) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience.wait(self, PollFlags::POLLOUT)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads and forgets until the peer has ended its direction, as long as there is patience.
    pub(crate) fn read_to_end(&mut self, patience: Patience<'_>) -> io::Result<()> {
        let mut bytes = [0; 4096];
        loop {
            match self.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(_) if patience.is_over() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience.wait(self, PollFlags::POLLIN)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Says that nothing more is written; the peer may still be heard.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        Ok(fd::shutdown_write(&self.socket)?)
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
