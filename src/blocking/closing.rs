//! The end: RFC 6455 7.1.

use std::io::{Read, Write};

use crate::connection::Fault;
use crate::frame::{Close, CloseCode};

use super::detached::{DetachError, Detached};
use super::error::{Error, Misuse};
use super::inbound::Unit;
use super::outbound::taken;
use super::wait::Wait;
use super::websocket::WebSocket;

impl<S: Read + Write> WebSocket<S> {
    /// Closes in order: sends a Close, unless one was sent, and waits for the peer's. Messages that come
    /// before it are dropped; to have them, call [`start_close`](Self::start_close) and receive on.
    ///
    /// The stream stays open: drop it, at the server first (RFC 6455 7.1.1).
    ///
    /// # Errors
    ///
    /// [`Misuse::CloseCode`]; [`Error::Fault`], [`Error::Lost`], [`Error::Io`], [`Error::Random`]; those of
    /// [`handshake`](Self::handshake); [`Error::TimedOut`] if the stream itself does not wait.
    pub fn close(&mut self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<(), Error> {
        let code = code.into();
        self.close_within(Close { code, reason }, &mut Wait::for_ever())
    }

    /// Sends a Close: nothing more can be sent, and what the peer still says is received until `None`
    /// tells that it has closed too. Does nothing once a Close was sent. A reason without code, or what
    /// of it is beyond 123 bytes, is left out.
    ///
    /// # Errors
    ///
    /// [`Misuse::CloseCode`]; else as [`send`](Self::send), but for [`Error::Closed`].
    pub fn start_close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        let code = code.into();
        self.start_close_within(Close { code, reason }, &mut Wait::for_ever())
    }

    /// Closes in order, with 1000, and gives back the stream, on which both may then speak another
    /// protocol.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # use std::thread;
    /// # use websockd::blocking::{Options, WebSocket};
    /// # use websockd::frame::Role;
    /// use std::io::{Read, Write};
    ///
    /// # let (here, there) = UnixStream::pair()?;
    /// # let mut client = WebSocket::without_handshake(here, Role::Client, &[], &Options::new());
    /// # let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    /// let peer = thread::spawn(move || {
    ///     assert_eq!(server.recv().unwrap(), None); // the client has closed
    ///     server.detach().unwrap().write_all(b"something else").unwrap();
    /// });
    ///
    /// let mut stream = client.detach()?; // what came behind the Close is read first
    /// let mut told = String::new();
    /// stream.read_to_string(&mut told)?;
    /// assert_eq!(told, "something else");
    /// # peer.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close), together with the WebSocket.
    pub fn detach(self) -> Result<Detached<S>, DetachError<S>> {
        self.detach_within(&mut Wait::for_ever())
    }

    pub(super) fn close_within(
        &mut self,
        close: Close<'_>,
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        self.start_close_within(close, wait)?;
        while self.hear(Unit::Frame, wait)?.is_some() {
            self.gathered.clear();
        }
        Ok(())
    }

    pub(super) fn start_close_within(
        &mut self,
        close: Close<'_>,
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        if close.code.is_some_and(|code| !code.is_sendable()) {
            return Err(Misuse::CloseCode.into());
        }
        match self.make_room(wait) {
            Ok(()) => {}
            Err(Error::Closed) => return taken(self.link.flush(wait)),
            Err(error) => return Err(error),
        }
        let key = self.draw_key()?;
        if let Some(frame) = self.connection.close(close.code, close.reason, key) {
            self.link.queue(&frame);
        }
        taken(self.link.flush(wait))
    }

    pub(super) fn detach_within(
        mut self,
        wait: &mut Wait<S>,
    ) -> Result<Detached<S>, DetachError<S>> {
        let close = Close {
            code: Some(CloseCode::NORMAL),
            reason: "",
        };
        let outcome = self.close_within(close, wait);
        self.link.disarm(wait);
        match outcome {
            Ok(()) => Ok(Detached::new(self.link.into_parts())),
            Err(error) => Err(DetachError::new(error, self)),
        }
    }

    /// Queues the answer to the peer's Close: "it SHOULD send a Close frame as soon as practical" and
    /// "typically echos the status code it received" (5.5.1).
    pub(super) fn answer_close(&mut self) {
        let code = self.connection.peer_close().and_then(|close| close.code);
        self.queue_close(code, "");
    }

    /// Tells the peer what it did wrong, as far as there is time.
    pub(super) fn tell_fault(&mut self, fault: Fault, wait: &mut Wait<S>) -> Error {
        self.queue_close(Some(fault.close_code()), &fault.to_string());
        // That it could not be told adds nothing to what it did.
        let _untold = self.link.flush(wait);
        self.fail(Error::Fault(fault))
    }

    fn queue_close(&mut self, code: Option<CloseCode>, reason: &str) {
        // The connection is over: there is nothing left that a key that can be foreseen would guard.
        let key = self.draw_key().unwrap_or_default();
        if let Some(frame) = self.connection.close(code, reason, key) {
            self.link.queue(&frame);
        }
    }
}
