//! What is left after an orderly close: the stream, for another protocol.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::Instant;

use super::{Deadline, Error, WebSocket};

/// The stream of a WebSocket that was closed in order, at the byte behind the peer's Close.
///
/// Reading begins with what has already been read of the stream.
#[derive(Debug)]
pub struct Detached<S> {
    stream: S,
    unread: Vec<u8>,
    /// `taken <= unread.len()`.
    taken: usize,
}

impl<S> Detached<S> {
    pub(super) fn new((stream, unread): (S, Vec<u8>)) -> Self {
        Self {
            stream,
            unread,
            taken: 0,
        }
    }

    /// The bytes that have been read of the stream and follow the WebSocket.
    pub fn unread(&self) -> &[u8] {
        self.unread.get(self.taken..).unwrap_or_default()
    }

    /// The stream, and the bytes that have been read of it and follow the WebSocket.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        let unread = self.unread().to_vec();
        (self.stream, unread)
    }
}

impl<S: Read> Read for Detached<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut unread = self.unread();
        if unread.is_empty() {
            return self.stream.read(into);
        }
        let len = unread.read(into)?;
        self.taken += len;
        Ok(len)
    }
}

impl<S: Write> Write for Detached<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Deadline> Deadline for Detached<S> {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.stream.set_deadline(deadline)
    }
}

/// Why a stream could not be detached, and the WebSocket, with which one may go on: wait longer after
/// [`Error::TimedOut`], or take the stream by [`force_close`](WebSocket::force_close).
pub struct DetachError<S>(Box<(Error, WebSocket<S>)>);

impl<S> DetachError<S> {
    pub(super) fn new(error: Error, websocket: WebSocket<S>) -> Self {
        Self(Box::new((error, websocket)))
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.0.0
    }

    /// What went wrong, and the WebSocket.
    pub fn into_parts(self) -> (Error, WebSocket<S>) {
        *self.0
    }
}

impl<S> From<DetachError<S>> for Error {
    fn from(error: DetachError<S>) -> Self {
        error.into_parts().0
    }
}

// Not derived: streams that show nothing of themselves must not keep the error from being shown.
impl<S> fmt::Debug for DetachError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DetachError").field(self.error()).finish()
    }
}

impl<S> fmt::Display for DetachError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl<S> std::error::Error for DetachError<S> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.error())
    }
}
