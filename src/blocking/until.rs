//! The same calls with a deadline.

use std::io::{Read, Write};
use std::time::Instant;

use crate::frame::{Close, CloseCode, Kind, Opcode};

use super::detached::{DetachError, Detached};
use super::wait::Wait;
use super::{Deadline, Error, Frame, Message, WebSocket};

/// Each is its namesake, and fails with [`Error::TimedOut`] when it cannot be done by the deadline; what
/// has been done of it stands. `None` is for ever. An instant that has passed is now: what can be done
/// without waiting is done.
impl<S: Read + Write + Deadline> WebSocket<S> {
    /// [`handshake`](Self::handshake) until a deadline. Called again, it goes on.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`].
    pub fn handshake_until(&mut self, deadline: impl Into<Option<Instant>>) -> Result<(), Error> {
        self.within(deadline, Self::handshake_within)
    }

    /// [`send`](Self::send) until a deadline: up to then it waits for what was sent before to leave, and
    /// then for this message.
    ///
    /// When this returns, the message has been taken, even if the end of it could not leave in time. Then
    /// [`is_flushed`](Self::is_flushed) is false, and every later call first sends the rest, as
    /// [`flush_until`](Self::flush_until) does alone.
    ///
    /// # Errors
    ///
    /// As its namesake; [`Error::TimedOut`] if what was sent before has not left: of this message
    /// nothing was taken, send it again.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # use websockd::blocking::{Options, WebSocket};
    /// # use websockd::frame::Role;
    /// use std::time::Instant;
    ///
    /// # let (here, there) = UnixStream::pair()?;
    /// # let mut client = WebSocket::without_handshake(here, Role::Client, &[], &Options::new());
    /// # let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    /// let now = Instant::now(); // do not wait
    /// let long = "a".repeat(1_000_000);
    /// client.send_until(&long, now)?; // nobody reads it: the end of it stays here
    /// assert!(!client.is_flushed());
    /// assert!(client.send_until("next", now).unwrap_err().is_timeout());
    ///
    /// let message = loop {
    ///     match server.recv_until(now) {
    ///         Err(error) if error.is_timeout() => {} // half of it has come, and is kept
    ///         outcome => break outcome?,
    ///     }
    ///     let _still_waiting = client.flush_until(now);
    /// };
    /// assert_eq!(message.as_deref(), Some(long.as_bytes()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_until(
        &mut self,
        message: impl AsRef<[u8]>,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        let kind = self.options.own_kind();
        self.send_message_until(kind, message, deadline)
    }

    /// [`send_message`](Self::send_message) until a deadline, as [`send_until`](Self::send_until).
    ///
    /// # Errors
    ///
    /// As [`send_until`](Self::send_until).
    pub fn send_message_until(
        &mut self,
        kind: Kind,
        message: impl AsRef<[u8]>,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        let message = message.as_ref();
        self.within(deadline, |it, wait| it.send_within(kind, message, wait))
    }

    /// [`send_frame`](Self::send_frame) until a deadline, as [`send_until`](Self::send_until).
    ///
    /// # Errors
    ///
    /// As its namesake; [`Error::TimedOut`] as [`send_until`](Self::send_until).
    pub fn send_frame_until(
        &mut self,
        opcode: Opcode,
        is_final: bool,
        payload: impl AsRef<[u8]>,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        let payload = payload.as_ref();
        self.within(deadline, |it, wait| {
            it.send_frame_within(opcode, is_final, payload, wait)
        })
    }

    /// [`ping`](Self::ping) until a deadline, as [`send_until`](Self::send_until).
    ///
    /// # Errors
    ///
    /// As its namesake; [`Error::TimedOut`] as [`send_until`](Self::send_until).
    pub fn ping_until(
        &mut self,
        payload: impl AsRef<[u8]>,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        self.send_frame_until(Opcode::Ping, true, payload, deadline)
    }

    /// [`pong`](Self::pong) until a deadline, as [`send_until`](Self::send_until).
    ///
    /// # Errors
    ///
    /// As its namesake; [`Error::TimedOut`] as [`send_until`](Self::send_until).
    pub fn pong_until(
        &mut self,
        payload: impl AsRef<[u8]>,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        self.send_frame_until(Opcode::Pong, true, payload, deadline)
    }

    /// [`flush`](Self::flush) until a deadline.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`]: something still waits.
    pub fn flush_until(&mut self, deadline: impl Into<Option<Instant>>) -> Result<(), Error> {
        self.within(deadline, Self::handshake_within)
    }

    /// [`recv`](Self::recv) until a deadline. What has come of a message by then is kept.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`].
    pub fn recv_until(
        &mut self,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.within(deadline, Self::recv_within)
    }

    /// [`recv_into`](Self::recv_into) until a deadline. What has come of a message by then is kept, and
    /// `buffer` is as it was.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`].
    pub fn recv_into_until(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Option<usize>, Error> {
        self.within(deadline, |it, wait| it.recv_into_within(buffer, wait))
    }

    /// [`recv_message`](Self::recv_message) until a deadline. What has come of a message by then is kept.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`].
    pub fn recv_message_until(
        &mut self,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Option<Message>, Error> {
        self.within(deadline, Self::recv_message_within)
    }

    /// [`recv_frame`](Self::recv_frame) until a deadline. What has come of a frame by then is kept.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`].
    pub fn recv_frame_until(
        &mut self,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Option<Frame>, Error> {
        self.within(deadline, Self::recv_frame_within)
    }

    /// [`start_close`](Self::start_close) until a deadline, as [`send_until`](Self::send_until).
    ///
    /// # Errors
    ///
    /// As its namesake; [`Error::TimedOut`] as [`send_until`](Self::send_until).
    pub fn start_close_until(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        let code = code.into();
        self.within(deadline, |it, wait| {
            it.start_close_within(Close { code, reason }, wait)
        })
    }

    /// [`close`](Self::close) until a deadline. Called again, it waits on.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`].
    pub fn close_until(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), Error> {
        let code = code.into();
        self.within(deadline, |it, wait| {
            it.close_within(Close { code, reason }, wait)
        })
    }

    /// [`detach`](Self::detach) until a deadline. The stream may then wait for ever again.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`Error::TimedOut`] with the WebSocket, to wait on.
    pub fn detach_until(
        self,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Detached<S>, DetachError<S>> {
        self.detach_within(&mut Wait::until(deadline.into()))
    }

    fn within<T>(
        &mut self,
        deadline: impl Into<Option<Instant>>,
        act: impl FnOnce(&mut Self, &mut Wait<S>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut wait = Wait::until(deadline.into());
        let outcome = act(self, &mut wait);
        self.link.disarm(&mut wait);
        outcome
    }
}
