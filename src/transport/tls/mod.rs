//! TLS 1.2 and 1.3 over a socket: RFC 5246, RFC 8446.
//!
//! rustls is the protocol, and without I/O; here is what moves its bytes. What it holds is bounded:
//! inbound one read of the socket and one record, outbound [`MAX_PENDING_LEN`].
//!
//! ```text
//! socket ─► Source ─► rustls ─► reader, whole records decrypted      read
//! socket ◄─────────── rustls ◄─ writer, pending until there is room  write, flush
//! ```

mod certificate;
#[cfg(any(feature = "client", test))]
mod client;
mod fault;
mod files;
mod identity;
mod name;
mod server;
mod source;

#[cfg(test)]
mod tests;

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::PollFlags;
use rustls::Connection;

use crate::sys::fd;
use crate::sys::patience::Patience;

use source::Source;

#[cfg(feature = "client")]
pub(crate) use client::{Connector, Trust};
pub(crate) use fault::HandshakeEnd;
pub(crate) use files::{Material, Reason};
pub(crate) use identity::Security;
pub(crate) use server::Acceptor;

/// Encrypted bytes that wait for room in the socket, at most; records add some to that.
const MAX_PENDING_LEN: usize = 64 * 1024;

/// What a peer that speaks TLS begins with: a record of the handshake, of a server perhaps an alert
/// (RFC 8446 5.1).
const ALERT_RECORD: u8 = 0x15;
const HANDSHAKE_RECORD: u8 = 0x16;

/// A connected, non-blocking socket and the connection on it.
#[derive(Debug)]
pub(crate) struct Stream {
    source: Source,
    connection: Connection,
    /// The last read used all the room it was given: there may be more behind it.
    was_filled: bool,
    /// The peer says no more than what is decrypted: its close_notify, or the end of the stream.
    has_ended: bool,
    /// What it said is no TLS: told by the next read.
    failure: Option<rustls::Error>,
    /// The socket's direction is to be ended when nothing is pending.
    is_finishing: bool,
}

impl Stream {
    fn new(socket: OwnedFd, mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(MAX_PENDING_LEN));
        Self {
            source: Source::new(socket),
            connection,
            was_filled: false,
            has_ended: false,
            failure: None,
            is_finishing: false,
        }
    }

    /// Goes through the handshake, as long as there is patience.
    ///
    /// # Errors
    ///
    /// See [`HandshakeEnd`]. The peer has been told as far as it can be.
    pub(crate) fn handshake(&mut self, patience: Patience<'_>) -> Result<(), HandshakeEnd> {
        let is_server = matches!(self.connection, Connection::Server(_));
        let is_tls = |first| first == HANDSHAKE_RECORD || first == ALERT_RECORD && !is_server;
        let mut is_first = true;
        loop {
            while self.is_pending() {
                self.flush_or_wait(patience)?;
            }
            if !self.connection.is_handshaking() {
                return Ok(());
            }
            match self.source.fill() {
                Ok([]) => return Err(HandshakeEnd::Left),
                Ok([first, ..]) if is_first && !is_tls(*first) => {
                    return Err(HandshakeEnd::NotTls);
                }
                Ok(_) => {
                    is_first = false;
                    if let Err(error) = self.process() {
                        return Err(HandshakeEnd::Failed(fault::sentence(&error, is_server)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience.wait(&self.source, PollFlags::POLLIN)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush_or_wait(&mut self, patience: Patience<'_>) -> io::Result<()> {
        match self.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                patience.wait(&self.source, PollFlags::POLLOUT)
            }
            outcome => outcome.map(drop),
        }
    }

    /// What became known of the peer in the handshake.
    pub(crate) fn security(&self) -> Security {
        Security::of(&self.connection)
    }

    /// The socket alone, for a peer that turned out to speak no TLS.
    pub(crate) fn into_socket(self) -> OwnedFd {
        self.source.into_socket()
    }

    /// Decrypts what has come, and reads the socket no more often than it takes to have something.
    ///
    /// An end of the stream without close_notify is an end like any other: a WebSocket has a Close of
    /// its own, by which it is known whether all was said.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut total = 0;
        loop {
            let room = into.get_mut(total..).unwrap_or_default();
            total += match self.connection.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                outcome => outcome?,
            };
            self.was_filled = total == into.len();
            if self.was_filled || self.has_ended || total > 0 && self.source.is_empty() {
                return Ok(total);
            }
            match &self.failure {
                Some(_) if total > 0 => return Ok(total),
                Some(error) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error.clone()));
                }
                None => {}
            }
            if self.source.fill()?.is_empty() {
                self.has_ended = true;
            } else {
                // A failure is told when what was right before it has been handed out.
                let _noted = self.process();
            }
        }
    }

    /// Hands to the connection what is unread of the socket, as much as it takes at a time.
    fn process(&mut self) -> Result<(), rustls::Error> {
        if let Err(error) = self.connection.read_tls(&mut self.source) {
            return self.fail(rustls::Error::General(error.to_string()));
        }
        match self.connection.process_new_packets() {
            Ok(state) => {
                self.has_ended |= state.peer_has_closed();
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }

    /// The connection is of no use any more; the peer is told why if there is room to.
    fn fail(&mut self, error: rustls::Error) -> Result<(), rustls::Error> {
        let _best_effort = self.flush();
        self.failure = Some(error.clone());
        Err(error)
    }

    /// Whether another read may bring something without word from the kernel.
    pub(super) fn has_more(&self) -> bool {
        self.was_filled
            || !self.source.is_empty()
            || !self.source.is_dry()
            || self.has_ended
            || self.failure.is_some()
    }

    /// Encrypts as much as may be pending, over and over while all of it leaves.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_pending() {
            self.flush()?;
        }
        let mut total = 0;
        let mut rest = slices.to_vec();
        let mut rest = rest.as_mut_slice();
        while !rest.is_empty() && !self.is_pending() {
            let count = self.connection.writer().write_vectored(rest)?;
            total += count;
            IoSlice::advance_slices(&mut rest, count);
            match self.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
                Ok(_) if count == 0 => break,
                Ok(_) => {}
            }
        }
        match total {
            0 if self.is_pending() => Err(io::ErrorKind::WouldBlock.into()),
            total => Ok(total),
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.connection.wants_write()
    }

    /// Writes what is pending until it is gone or the socket is full.
    pub(super) fn flush(&mut self) -> io::Result<usize> {
        let mut total = 0;
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Sink(self.source.socket())) {
                Ok(count) => total += count,
                Err(error) if total > 0 && error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.is_finishing && !self.is_pending() {
            self.is_finishing = false;
            fd::shutdown_write(self.source.socket())?;
        }
        Ok(total)
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        self.is_finishing = true;
        match self.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Says close_notify to a peer that is not waited for.
    pub(super) fn say_close(&mut self) {
        self.connection.send_close_notify();
        let _best_effort = self.flush();
    }

    pub(super) fn release(&mut self) {
        self.source.release();
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// A socket as rustls writes to it: all the records there are in one call.
struct Sink<'s>(&'s OwnedFd);

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(fd::write(self.0, bytes)?)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(fd::write_vectored(self.0, slices)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
