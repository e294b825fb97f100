//! The byte stream to the peer. Nobody above knows whether it is plain or encrypted.
//!
//! Floor 2. Two words keep an edge-triggered loop honest, because over TLS neither follows from a
//! count: [`Transport::has_more`] after a read, [`Transport::has_room`] after a write.

#[cfg(feature = "tls")]
mod tls;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::PollFlags;
#[cfg(feature = "site")]
use nix::sys::sendfile::sendfile;
#[cfg(all(feature = "site", feature = "tls"))]
use nix::sys::uio::pread;

use crate::sys::fd;
use crate::sys::patience::Patience;

#[cfg(feature = "tls")]
pub(crate) use tls::{Acceptor, HandshakeEnd, Material, Reason, Security};
#[cfg(all(feature = "tls", feature = "client"))]
pub(crate) use tls::{Connector, Trust};

/// What is read of a file at a time where it has to be encrypted.
#[cfg(all(feature = "site", feature = "tls"))]
const FILE_READ_LEN: usize = 16 * 1024;

/// A connected, non-blocking stream.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(OwnedFd),
    #[cfg(feature = "tls")]
    Tls(Box<tls::Stream>),
}

/// What a server needs for TLS: without the feature there is none.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug)]
pub(crate) enum Acceptor {}

impl Transport {
    /// A stream over a connected socket, which is non-blocking.
    pub(crate) fn plain(socket: OwnedFd) -> Self {
        Self::Plain(socket)
    }

    /// A server's end of a connection just accepted: over TLS, which its [handshake](Self::handshake)
    /// has to follow, if there is something to accept it with.
    pub(crate) fn accept(socket: OwnedFd, acceptor: Option<&Acceptor>) -> io::Result<Self> {
        match acceptor {
            None => Ok(Self::plain(socket)),
            #[cfg(feature = "tls")]
            Some(acceptor) => Ok(Self::Tls(Box::new(acceptor.accept(socket)?))),
            #[cfg(not(feature = "tls"))]
            Some(acceptor) => match *acceptor {},
        }
    }

    /// Goes through the handshake of TLS, as long as there is patience. A plain stream has none.
    ///
    /// # Errors
    ///
    /// Why there is no connection, and the bare socket.
    #[cfg(feature = "tls")]
    pub(crate) fn handshake(self, patience: Patience<'_>) -> Result<Self, (Self, HandshakeEnd)> {
        match self {
            Self::Plain(socket) => Ok(Self::Plain(socket)),
            Self::Tls(mut stream) => match stream.handshake(patience) {
                Ok(()) => Ok(Self::Tls(stream)),
                Err(end) => Err((Self::Plain(stream.into_socket()), end)),
            },
        }
    }

    /// What is known of the peer by TLS; `None` for a plain stream.
    #[cfg(feature = "tls")]
    pub(crate) fn security(&self) -> Option<Security> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(stream.security()),
        }
    }

    /// Reads what has come: 0 is the end. `WouldBlock` if nothing has.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => Ok(fd::read(socket, into)?),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(into),
        }
    }

    /// Whether a read may bring something without word from the kernel. `is_full`: the last one brought
    /// something and used all the room it was given.
    pub(crate) fn has_more(&self, is_full: bool) -> bool {
        match self {
            // A short read has emptied the socket.
            Self::Plain(_) => is_full,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.has_more(),
        }
    }

    /// Writes what there is room for. `WouldBlock` if there is none.
    ///
    /// Over TLS what was taken may still be [pending](Self::is_pending).
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => Ok(fd::write_vectored(socket, slices)?),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(slices),
        }
    }

    /// Writes what there is room for, to leave with what follows: more, or the end.
    pub(crate) fn write_last(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(socket), [only]) => Ok(fd::send_with_next(socket, only)?),
            (this, _) => this.write(slices),
        }
    }

    /// Writes what there is room for of a file's bytes, `from` there and at most `len`; 0 if it has no
    /// more. `WouldBlock` if there is no room.
    ///
    /// Over TLS what was taken may still be [pending](Self::is_pending).
    #[cfg(feature = "site")]
    pub(crate) fn send_file(&mut self, file: &OwnedFd, from: u64, len: u64) -> io::Result<u64> {
        let mut offset = i64::try_from(from).map_err(io::Error::other)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let sent = match self {
            Self::Plain(socket) => sendfile(socket, file, Some(&mut offset), len)?,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => {
                let mut bytes = [0; FILE_READ_LEN];
                let room = len.min(FILE_READ_LEN);
                let count = pread(file, bytes.get_mut(..room).unwrap_or_default(), offset)?;
                match bytes.get(..count) {
                    None | Some([]) => 0,
                    Some(bytes) => stream.write(&[IoSlice::new(bytes)])?,
                }
            }
        };
        u64::try_from(sent).map_err(io::Error::other)
    }

    /// Whether there may be room after a write, without word from the kernel. `is_whole`: it took all
    /// it was given.
    pub(crate) fn has_room(&self, is_whole: bool) -> bool {
        match self {
            Self::Plain(_) => is_whole,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => !stream.is_pending(),
        }
    }

    /// Whether bytes that were taken have not left yet: [`flush`](Self::flush) when there is room.
    pub(crate) fn is_pending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.is_pending(),
        }
    }

    /// Writes what is pending as far as there is room; how many bytes went. `WouldBlock` if none did.
    pub(crate) fn flush(&mut self) -> io::Result<usize> {
        match self {
            Self::Plain(_) => Ok(0),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }

    /// Writes all of `bytes`, waiting for room as long as there is patience.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8], patience: Patience<'_>) -> io::Result<()> {
        while !bytes.is_empty() || self.is_pending() {
            let outcome = match bytes {
                [] => self.flush(),
                _ => self.write(&[IoSlice::new(bytes)]).inspect(|count| {
                    bytes = bytes.get(*count..).unwrap_or_default();
                }),
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience.wait(self, PollFlags::POLLOUT)?;
                }
                outcome => drop(outcome?),
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

    /// Says that nothing more is written; the peer may still be heard. Over TLS that is the
    /// close_notify, and the end of the socket's direction once all has left.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => Ok(fd::shutdown_write(socket)?),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.finish(),
        }
    }

    /// Closes the connection. A peer over TLS is told so, if there is room to.
    ///
    /// The end is told before the descriptor is closed: somebody else may have the socket, too, and what
    /// is unread in it would have the kernel forget what has not left yet.
    pub(crate) fn close(self) {
        let socket = match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(mut stream) => {
                stream.say_close();
                stream.into_socket()
            }
        };
        let _ended = fd::shutdown_write(&socket);
    }

    /// Gives memory back that has been idle.
    pub(crate) fn release(&mut self) {
        match self {
            Self::Plain(_) => {}
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.release(),
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.as_fd(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.as_fd(),
        }
    }
}
