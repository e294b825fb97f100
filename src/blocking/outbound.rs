//! What we say: messages, frames, control frames.

use std::io::{Read, Write};

use crate::frame::{Close, ControlFrame, Kind, MAX_CONTROL_LEN, Opcode, Role, Run, Utf8};

use super::error::{Error, Misuse};
use super::wait::Wait;
use super::websocket::WebSocket;

impl<S: Read + Write> WebSocket<S> {
    /// Sends a message of the attached kind, in one frame. A client copies its bytes, to mask them; a
    /// server copies none.
    ///
    /// # Errors
    ///
    /// [`Misuse::NotUtf8`] if it should be text, [`Misuse::InsideMessage`] while one of
    /// [`send_frame`](Self::send_frame) is under way; [`Error::Closed`] once one of the ends has closed;
    /// [`Error::Io`], [`Error::Lost`], [`Error::Random`]; those of [`handshake`](Self::handshake);
    /// [`Error::TimedOut`] if the stream itself does not wait, as in [`send_until`](Self::send_until).
    pub fn send(&mut self, message: impl AsRef<[u8]>) -> Result<(), Error> {
        let kind = self.options.own_kind();
        self.send_within(kind, message.as_ref(), &mut Wait::for_ever())
    }

    /// Sends a message of either kind.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_message(&mut self, kind: Kind, message: impl AsRef<[u8]>) -> Result<(), Error> {
        self.send_within(kind, message.as_ref(), &mut Wait::for_ever())
    }

    /// Sends one frame. A message is a text or binary frame and any number of continuations, of which the
    /// last is final; control frames may stand between them. A Close is sent as by
    /// [`start_close`](Self::start_close).
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # use websockd::blocking::{Options, WebSocket};
    /// # use websockd::frame::Role;
    /// use websockd::frame::Opcode;
    ///
    /// # let (here, there) = UnixStream::pair()?;
    /// # let mut client = WebSocket::without_handshake(here, Role::Client, &[], &Options::new());
    /// # let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    /// client.send_frame(Opcode::Text, false, "one message, ")?;
    /// client.send_frame(Opcode::Ping, true, "")?;
    /// client.send_frame(Opcode::Continuation, true, "two frames")?;
    /// assert_eq!(server.recv()?.as_deref(), Some(&b"one message, two frames"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] where such a frame may not stand; else as [`send`](Self::send).
    pub fn send_frame(
        &mut self,
        opcode: Opcode,
        is_final: bool,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        self.send_frame_within(opcode, is_final, payload.as_ref(), &mut Wait::for_ever())
    }

    /// Sends a ping with at most 125 bytes of payload. The pong shows in
    /// [`recv_frame`](Self::recv_frame).
    ///
    /// # Errors
    ///
    /// [`Misuse::ControlFrameTooLong`]; else as [`send`](Self::send).
    pub fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.send_frame(Opcode::Ping, true, payload)
    }

    /// Sends a pong that answers no ping, with at most 125 bytes of payload: a sign of life (RFC 6455
    /// 5.5.3). Pings are answered without being asked.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.send_frame(Opcode::Pong, true, payload)
    }

    /// Hands to the stream what was sent and has not left, and flushes it. There is nothing to do but
    /// after calls with a deadline, or on a stream that does not wait.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], after which it is dropped; those of [`handshake`](Self::handshake);
    /// [`Error::TimedOut`] if the stream itself does not wait.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.handshake()
    }

    pub(super) fn send_within(
        &mut self,
        kind: Kind,
        message: &[u8],
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        self.send_frame_within(kind.into(), true, message, wait)
    }

    pub(super) fn send_frame_within(
        &mut self,
        opcode: Opcode,
        is_final: bool,
        payload: &[u8],
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        match opcode {
            Opcode::Text => self.send_data(Some(Kind::Text), is_final, payload, wait),
            Opcode::Binary => self.send_data(Some(Kind::Binary), is_final, payload, wait),
            Opcode::Continuation => self.send_data(None, is_final, payload, wait),
            Opcode::Close | Opcode::Ping | Opcode::Pong if !is_final => {
                Err(Misuse::FragmentedControlFrame.into())
            }
            Opcode::Close | Opcode::Ping | Opcode::Pong if payload.len() > MAX_CONTROL_LEN => {
                Err(Misuse::ControlFrameTooLong.into())
            }
            Opcode::Close => {
                let close = Close::decode(payload).map_err(|_| Misuse::ClosePayload)?;
                self.start_close_within(close, wait)
            }
            Opcode::Ping | Opcode::Pong => self.send_control(opcode, payload, wait),
        }
    }

    /// Sends a data frame; `begins` is the kind of the message that begins with it.
    fn send_data(
        &mut self,
        begins: Option<Kind>,
        is_final: bool,
        payload: &[u8],
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        let (kind, mut utf8) = match (begins, self.speaking) {
            (Some(kind), None) => (kind, Utf8::new()),
            (None, Some(speaking)) => speaking,
            (Some(_), Some(_)) => return Err(Misuse::InsideMessage.into()),
            (None, None) => return Err(Misuse::ContinuationOfNothing.into()),
        };
        if kind == Kind::Text {
            let is_right = utf8.check(payload).is_ok() && (!is_final || utf8.finish().is_ok());
            if !is_right {
                return Err(Misuse::NotUtf8.into());
            }
        }
        self.make_room(wait)?;
        let key = self.draw_key()?;
        let run = Run {
            kind,
            is_first: begins.is_some(),
            bytes: payload,
            remaining: is_final.then_some(0),
        };
        let connection = &mut self.connection;
        let sent = self
            .link
            .transmit(|batch| connection.send(run, key, batch), wait);
        self.speaking = (!is_final).then_some((kind, utf8));
        taken(sent)
    }

    fn send_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        self.make_room(wait)?;
        let key = self.draw_key()?;
        let key = (self.role == Role::Client).then_some(key);
        self.link.queue(&ControlFrame::new(opcode, key, payload));
        taken(self.link.flush(wait))
    }

    /// Waits until all that was said before has left, so that at most one frame waits at any time.
    pub(super) fn make_room(&mut self, wait: &mut Wait<S>) -> Result<(), Error> {
        self.settle(wait)?;
        if !self.connection.can_send() {
            return Err(Error::Closed);
        }
        match self.speak_up(wait) {
            Err(Error::TimedOut) if self.link.has_room() => Ok(()),
            outcome => outcome,
        }
    }

    /// Writes what waits, and the pong that is due behind it.
    pub(super) fn speak_up(&mut self, wait: &mut Wait<S>) -> Result<(), Error> {
        self.link.flush(wait)?;
        while self.connection.has_control() {
            let key = self.draw_key()?;
            if let Some(frame) = self.connection.poll_control(key) {
                self.link.queue(&frame);
            }
            self.link.flush(wait)?;
        }
        Ok(())
    }
}

/// What waits to leave has been taken from the caller all the same.
pub(super) fn taken(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(Error::TimedOut) => Ok(()),
        outcome => outcome,
    }
}
