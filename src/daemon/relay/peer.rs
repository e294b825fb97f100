//! The far end of the relay: its transport, and what the kernel said of it.

use std::io::{self, IoSlice};

use mio::event::Event;

use crate::transport::Transport;

use super::buffer::{Buffer, Filled};

/// A transport with its readiness: work is done where what the kernel said and what we want meet, and
/// an edge is forgotten only when the kernel has answered that there is no more.
#[derive(Debug)]
pub(super) struct Peer {
    /// `None` when the connection is closed.
    pub(super) transport: Option<Transport>,
    pub(super) is_readable: bool,
    pub(super) is_writable: bool,
    /// The peer has ended its direction: what it sent before can still be read.
    pub(super) has_ended: bool,
    /// The connection is closed as soon as all is written.
    pub(super) is_ending: bool,
    /// The connection is broken: nothing can be read or written any more.
    pub(super) is_lost: bool,
}

impl Peer {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            // Of the socket the kernel says so when it is registered.
            is_readable: transport.has_more(false),
            transport: Some(transport),
            is_writable: true,
            has_ended: false,
            is_ending: false,
            is_lost: false,
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.is_readable |= event.is_readable();
        self.is_writable |= event.is_writable();
        self.has_ended |= event.is_read_closed();
        self.is_lost |= event.is_error() || event.is_write_closed();
    }

    /// Reads into `buffer`; `None` if there is nothing, or nothing any more.
    pub(super) fn read(&mut self, buffer: &mut Buffer) -> Option<Filled> {
        let transport = self.transport.as_mut()?;
        match buffer.fill(|room| transport.read(room)) {
            Ok(filled) => {
                // The transport knows whether it is empty; the end may still be behind that.
                self.is_readable = transport.has_more(filled == Filled::Some) || self.has_ended;
                if filled == Filled::Ended {
                    self.is_readable = false;
                    self.has_ended = true;
                }
                Some(filled)
            }
            Err(error) => {
                self.is_readable = false;
                self.is_lost |= error.kind() != io::ErrorKind::WouldBlock;
                None
            }
        }
    }

    /// Writes what there is room for, of `asked` bytes.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>], asked: usize) -> usize {
        let Some(transport) = self
            .transport
            .as_mut()
            .filter(|_| self.is_writable && asked > 0)
        else {
            return 0;
        };
        let written = match self.is_ending {
            false => transport.write(slices),
            true => transport.write_last(slices),
        };
        match written {
            Ok(written) => {
                self.is_writable = transport.has_room(written == asked);
                written
            }
            Err(error) => {
                self.is_writable = false;
                self.is_lost |= error.kind() != io::ErrorKind::WouldBlock;
                0
            }
        }
    }

    /// Whether bytes that the transport took have not left yet.
    pub(super) fn is_pending(&self) -> bool {
        self.transport.as_ref().is_some_and(Transport::is_pending)
    }

    /// Writes what is pending as far as there is room; how much went.
    pub(super) fn flush(&mut self) -> usize {
        let Some(transport) = self
            .transport
            .as_mut()
            .filter(|transport| self.is_writable && transport.is_pending())
        else {
            return 0;
        };
        match transport.flush() {
            Ok(written) => {
                self.is_writable = transport.has_room(true);
                written
            }
            Err(error) => {
                self.is_writable = false;
                self.is_lost |= error.kind() != io::ErrorKind::WouldBlock;
                0
            }
        }
    }

    /// Says that nothing more is written.
    pub(super) fn finish(&mut self) {
        if let Some(transport) = &mut self.transport {
            self.is_lost |= transport.finish().is_err();
        }
    }

    /// Closes the connection.
    pub(super) fn close(&mut self) {
        if let Some(transport) = self.transport.take() {
            transport.close();
        }
        self.is_readable = false;
        self.is_writable = false;
    }

    /// Gives memory back that has been idle.
    pub(super) fn release(&mut self) {
        if let Some(transport) = &mut self.transport {
            transport.release();
        }
    }
}
