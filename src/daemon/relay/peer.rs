//! The far end of the relay: its transport, and what the kernel said of it.

use std::io::{self, IoSlice};

use mio::event::Event;

use crate::sys::socket;
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
    /// Nothing can be written any more. What the peer sent before can still be read.
    pub(super) is_broken: bool,
    /// It is broken, and all that came of it has been read.
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
            is_broken: false,
            is_lost: false,
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.is_readable |= event.is_readable();
        self.is_writable |= event.is_writable();
        self.has_ended |= event.is_read_closed();
        if event.is_error() || event.is_write_closed() {
            self.break_off();
        }
    }

    /// Nothing can be written any more; the end is behind what can still be read.
    fn break_off(&mut self) {
        self.is_broken = true;
        self.is_writable = false;
        self.is_readable = true;
        self.has_ended = true;
    }

    /// Reads into `buffer`; `None` if there is nothing, or nothing any more.
    pub(super) fn read(&mut self, buffer: &mut Buffer) -> Option<Filled> {
        let transport = self.transport.as_mut()?;
        match buffer.fill(&mut |room| transport.read(room)) {
            Ok(filled) => {
                // The transport knows whether it is empty; the end may still be behind that.
                self.is_readable = transport.has_more(filled == Filled::Some) || self.has_ended;
                if filled == Filled::Ended {
                    self.is_readable = false;
                    self.has_ended = true;
                    self.is_lost = self.is_broken;
                }
                Some(filled)
            }
            Err(error) => {
                self.is_readable = false;
                self.is_lost = self.is_broken || error.kind() != io::ErrorKind::WouldBlock;
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
            Err(error) => self.note_error(&error),
        }
    }

    /// Nothing was written.
    fn note_error(&mut self, error: &io::Error) -> usize {
        self.is_writable = false;
        if error.kind() != io::ErrorKind::WouldBlock {
            self.break_off();
        }
        0
    }

    /// Whether bytes that the transport took have not left yet, and can.
    pub(super) fn is_pending(&self) -> bool {
        let transport = self.transport.as_ref().filter(|_| !self.is_broken);
        transport.is_some_and(Transport::is_pending)
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
            Err(error) => self.note_error(&error),
        }
    }

    /// Bytes that have left and that the peer has not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.transport.as_ref().map_or(0, socket::unacknowledged)
    }

    /// Says that nothing more is written.
    pub(super) fn finish(&mut self) {
        if let Some(transport) = &mut self.transport {
            if transport.finish().is_err() {
                self.break_off();
            }
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
