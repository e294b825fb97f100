//! What the peer says: messages, or frames.

use std::io::{Read, Write};
use std::mem;

use crate::connection::{Event, Fault};
use crate::frame::{Kind, Opcode, Run};

use super::error::Error;
use super::wait::Wait;
use super::websocket::WebSocket;

/// Memory for messages beyond this is given back after each.
const MAX_KEPT_LEN: usize = 64 * 1024;

/// A whole message: RFC 6455 5.6.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Whether it is text.
    pub kind: Kind,
    /// Its bytes; UTF-8 if it is text.
    pub payload: Vec<u8>,
}

impl Message {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        let is_text = self.kind == Kind::Text;
        is_text
            .then(|| std::str::from_utf8(&self.payload).ok())
            .flatten()
    }
}

/// A whole frame: RFC 6455 5.2.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// FIN: whether the message ends with it.
    pub is_final: bool,
    /// Its bytes, unmasked. Those of a text message are UTF-8 only together.
    pub payload: Vec<u8>,
}

/// What has come of the message under way and was not handed out.
#[derive(Debug)]
pub(super) struct Gathered {
    /// That of the first frame in it.
    opcode: Opcode,
    kind: Kind,
    payload: Vec<u8>,
    /// Whether there is anything, if only an empty frame.
    has_begun: bool,
    /// Whether the message ends here, so that nothing may be added.
    is_final: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            opcode: Opcode::Continuation,
            kind: Kind::Binary,
            payload: Vec::new(),
            has_begun: false,
            is_final: false,
        }
    }
}

impl Gathered {
    fn add(&mut self, run: &Run<'_>, is_frame_end: bool) {
        if !self.has_begun {
            self.has_begun = true;
            self.kind = run.kind;
            self.opcode = if run.is_first {
                run.kind.into()
            } else {
                Opcode::Continuation
            };
        }
        self.payload.extend_from_slice(run.bytes);
        self.is_final = is_frame_end && run.is_last();
    }

    /// Makes room for the next message.
    pub(super) fn clear(&mut self) {
        self.payload.clear();
        self.payload.shrink_to(MAX_KEPT_LEN);
        self.has_begun = false;
        self.is_final = false;
    }

    fn take(&mut self) -> Vec<u8> {
        let payload = mem::take(&mut self.payload);
        self.clear();
        payload
    }
}

/// At what a call stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    Message,
    Frame,
}

/// What has been heard; the payload stands in `gathered` or is the connection's control payload.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    Data,
    Control(Opcode),
}

impl<S: Read + Write> WebSocket<S> {
    /// Receives a message of the attached kind into memory of its own. `None`: the peer has closed, and
    /// been answered; see [`peer_close`](Self::peer_close).
    ///
    /// Its bytes are copied once. Of a message whose first frames [`recv_frame`](Self::recv_frame) has
    /// handed out, this is the rest.
    ///
    /// # Errors
    ///
    /// [`Error::OtherKind`]; [`Error::Fault`] when the peer broke a rule, of which it has been told;
    /// [`Error::Lost`], [`Error::Io`]; those of [`handshake`](Self::handshake); [`Error::TimedOut`] if the
    /// stream itself does not wait.
    pub fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.recv_within(&mut Wait::for_ever())
    }

    /// Receives a message of the attached kind into `buffer`; returns its length. `None`: the peer has
    /// closed, and been answered.
    ///
    /// Its bytes are copied twice, and no memory is asked for once there is enough for such a message.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); [`Error::BufferTooSmall`] with the length of the message, which is kept
    /// for the next call.
    pub fn recv_into(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Error> {
        self.recv_into_within(buffer, &mut Wait::for_ever())
    }

    /// Receives a message of either kind. `None`: the peer has closed, and been answered.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), but for [`Error::OtherKind`].
    pub fn recv_message(&mut self) -> Result<Option<Message>, Error> {
        self.recv_message_within(&mut Wait::for_ever())
    }

    /// Receives a frame of any kind, control frames too. Pings and Close have already been answered.
    /// `None`: the peer's Close was handed out.
    ///
    /// An empty frame in the midst of a message says nothing and is not handed out. Of a message that
    /// [`recv_until`](Self::recv_until) has begun, all that came so far is in the first frame.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), but for [`Error::OtherKind`].
    pub fn recv_frame(&mut self) -> Result<Option<Frame>, Error> {
        self.recv_frame_within(&mut Wait::for_ever())
    }

    pub(super) fn recv_within(&mut self, wait: &mut Wait<S>) -> Result<Option<Vec<u8>>, Error> {
        let is_there = self.await_own_kind(wait)?;
        Ok(is_there.then(|| self.gathered.take()))
    }

    pub(super) fn recv_into_within(
        &mut self,
        buffer: &mut [u8],
        wait: &mut Wait<S>,
    ) -> Result<Option<usize>, Error> {
        if !self.await_own_kind(wait)? {
            return Ok(None);
        }
        let len = self.gathered.payload.len();
        let room = buffer.get_mut(..len).ok_or(Error::BufferTooSmall(len))?;
        room.copy_from_slice(&self.gathered.payload);
        self.gathered.clear();
        Ok(Some(len))
    }

    pub(super) fn recv_message_within(
        &mut self,
        wait: &mut Wait<S>,
    ) -> Result<Option<Message>, Error> {
        Ok(self.hear(Unit::Message, wait)?.map(|_| Message {
            kind: self.gathered.kind,
            payload: self.gathered.take(),
        }))
    }

    pub(super) fn recv_frame_within(&mut self, wait: &mut Wait<S>) -> Result<Option<Frame>, Error> {
        Ok(self.hear(Unit::Frame, wait)?.map(|heard| match heard {
            Heard::Data => Frame {
                opcode: self.gathered.opcode,
                is_final: self.gathered.is_final,
                payload: self.gathered.take(),
            },
            Heard::Control(opcode) => Frame {
                opcode,
                is_final: true,
                payload: self.connection.control_payload().to_vec(),
            },
        }))
    }

    /// Waits until a message of the attached kind is there; false: the peer has closed.
    fn await_own_kind(&mut self, wait: &mut Wait<S>) -> Result<bool, Error> {
        if self.hear(Unit::Message, wait)?.is_none() {
            return Ok(false);
        }
        let kind = self.gathered.kind;
        if kind != self.options.own_kind() {
            self.gathered.clear();
            return Err(Error::OtherKind(kind));
        }
        Ok(true)
    }

    /// Waits for the next `unit`. What is due to be answered is answered first.
    pub(super) fn hear(&mut self, unit: Unit, wait: &mut Wait<S>) -> Result<Option<Heard>, Error> {
        self.settle(wait)?;
        loop {
            let heard = match self.understand(unit) {
                Ok(heard) => heard,
                Err(fault) => return Err(self.tell_fault(fault, wait)),
            };
            // A peer that takes no answer may have something to say nevertheless.
            let spoken = self.speak_up(wait);
            if heard.is_some() {
                return Ok(heard);
            }
            match spoken {
                Err(error @ Error::Random(_)) => return Err(error),
                Err(Error::TimedOut) if !self.connection.can_receive() => {
                    return Err(Error::TimedOut);
                }
                _ => {}
            }
            if !self.connection.can_receive() {
                return Ok(None);
            }
            match self.link.fill(wait) {
                Ok(true) => {}
                Ok(false) => return Err(self.fail(Error::Lost)),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Takes from what was read, up to the end of a `unit`; `None`: more is needed, or the peer has
    /// closed.
    fn understand(&mut self, unit: Unit) -> Result<Option<Heard>, Fault> {
        while !self.gathered.is_final {
            // What follows the peer's Close is no frame.
            if !self.connection.can_receive() {
                return Ok(None);
            }
            let (event, rest) = self.connection.receive(self.link.unread())?;
            let left = rest.len();
            let mut is_frame_end = false;
            let mut control = None;
            match event {
                None => {
                    self.link.take_all_but(0);
                    return Ok(None);
                }
                Some(Event::Data(run)) => {
                    is_frame_end = self.connection.is_between_frames();
                    self.gathered.add(&run, is_frame_end);
                }
                Some(Event::Ping) => control = Some(Opcode::Ping),
                Some(Event::Pong) => control = Some(Opcode::Pong),
                Some(Event::Close) => control = Some(Opcode::Close),
            }
            self.link.take_all_but(left);
            if control == Some(Opcode::Close) {
                self.answer_close();
            }
            if unit == Unit::Frame {
                if let Some(opcode) = control {
                    return Ok(Some(Heard::Control(opcode)));
                }
                if is_frame_end {
                    return Ok(Some(Heard::Data));
                }
            }
        }
        Ok(Some(Heard::Data))
    }
}
