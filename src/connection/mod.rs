//! The conversation after the handshake: frames to messages, control frames, closing, limits.
//! RFC 6455 sections 5 to 8.
//!
//! Floor 1. No I/O, no clock, no randomness: bytes and masking keys are arguments.
//!
//! The canonical loop over a [`Connection`]:
//!
//! 1. read bytes from the transport into a buffer;
//! 2. call [`receive`](Connection::receive) until it returns no event and the buffer is used up; hand
//!    each [`Event::Data`] on;
//! 3. call [`poll_control`](Connection::poll_control) until it returns `None` and write each frame
//!    before any data that has not begun to leave;
//! 4. write what there is to say with [`send`](Connection::send);
//! 5. after [`Event::Close`] or an error: say what is left to say, then write the frame of
//!    [`close`](Connection::close) after it;
//! 6. when [`is_closed`](Connection::is_closed), end the transport (the server first, 7.1.1).
//!
//! The [crate's example](crate#the-loop) is this loop, with the same numbers.

mod closing;
mod fault;
mod fuzz;
mod inbound;

use crate::frame::{
    Close, CloseCode, ControlFrame, Decoder, Header, Kind, Opcode, Role, Run, encode_header, mask,
};
use crate::queue::Batch;

use closing::Closing;
pub use fault::{Fault, Limit};
#[doc(hidden)]
pub use fuzz::fuzz_connection;
use inbound::{Control, Message};

/// What the peer may ask for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Bytes a message may have, all fragments together; `None`: any number. Nothing is ever reserved
    /// by a declared length, so this guards whoever receives the messages.
    pub max_message_len: Option<u64>,
}

/// What the peer said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// The next bytes of a message.
    Data(Run<'a>),
    /// A ping; its pong waits in [`Connection::poll_control`].
    Ping,
    /// A pong; its payload is [`Connection::control_payload`].
    Pong,
    /// The peer has closed: it sends no more. What it said is [`Connection::peer_close`]. Answer with
    /// [`Connection::close`] when all has been sent that is to be.
    Close,
}

/// One end of a WebSocket.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    limits: Limits,
    decoder: Decoder,
    closing: Closing,
    /// The message under way from the peer.
    message: Option<Message>,
    /// The control frame under way from the peer, or the last one.
    control: Control,
    /// The newest ping that has no pong yet. "If an endpoint receives a Ping frame and has not yet
    /// sent Pong frame(s) in response to previous Ping frame(s), the endpoint MAY elect to send a Pong
    /// frame for only the most recently processed Ping frame." (5.5.3)
    pong: Option<Control>,
    /// A ping of ours that waits to leave.
    ping: Option<Control>,
}

impl Connection {
    /// An open connection: the handshake is done.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            decoder: Decoder::new(role),
            closing: Closing::Open,
            message: None,
            control: Control::default(),
            pong: None,
            ping: None,
        }
    }

    /// Takes bytes from the peer, up to the first event in them.
    ///
    /// `input` is whatever followed the bytes of earlier calls: any part of a frame, or many frames.
    /// Returns the event and the rest of `input`, which is the next call's; without an event all of
    /// `input` has been taken. After the peer's Close whatever follows is taken and ignored.
    ///
    /// Payload is unmasked in place and lent: a run ends where the frame or `input` ends.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the peer, found in the frame's header or in the run at hand, which is not handed on.
    /// What came before was right; nothing more is taken from the peer. Go on with
    /// [`close`](Self::close) and the fault's code.
    ///
    /// O(n) in the bytes taken; allocates nothing.
    // Inlined always: the loop around it keeps the run in registers, which takes a frame of 16 bytes from
    // 14 ns to 9.
    #[inline(always)]
    pub fn receive<'a>(
        &mut self,
        mut input: &'a mut [u8],
    ) -> Result<(Option<Event<'a>>, &'a mut [u8]), Fault> {
        while self.closing.can_receive() {
            let (part, rest) = self
                .decoder
                .decode(input)
                .map_err(|it| self.fail(it.into()))?;
            let Some(part) = part else {
                return Ok((None, rest));
            };
            let event = if part.header.opcode.is_control() {
                self.receive_control(part)
            } else {
                self.receive_data(part)
            };
            if let Some(event) = event.map_err(|it| self.fail(it))? {
                return Ok((Some(event), rest));
            }
            input = rest;
        }
        Ok((None, &mut []))
    }

    /// Writes one run of a message as one frame.
    ///
    /// The runs of a message follow one another; control frames may stand between them. `text` is
    /// trusted to be UTF-8. `key` is the masking key a client draws for each frame (5.3); a server's
    /// is not used. After our Close nothing is written: "The application MUST NOT send any more data
    /// frames after sending a Close frame." (5.5.1)
    ///
    /// A server lends the payload to the batch; a client's is copied and masked.
    #[inline(always)]
    pub fn send<'a>(&mut self, run: Run<'a>, key: [u8; 4], batch: &mut Batch<'a, '_>) {
        match self.role {
            Role::Client => self.send_copy(run, key, batch),
            Role::Server => {
                if self.begin_frame(&run, None, batch) {
                    batch.lend(run.bytes);
                    batch.end_frame();
                }
            }
        }
    }

    /// [`send`](Self::send) for a run that does not outlive the batch: its payload is copied.
    pub fn send_copy(&mut self, run: Run<'_>, key: [u8; 4], batch: &mut Batch<'_, '_>) {
        let key = self.key(key);
        if self.begin_frame(&run, key, batch) {
            let payload = batch.copy_mut(run.bytes);
            if let Some(key) = key {
                mask::apply(key, payload);
            }
            batch.end_frame();
        }
    }

    /// Asks for a ping with this payload, of at most 125 bytes; it leaves by
    /// [`poll_control`](Self::poll_control). One that still waits is replaced.
    pub fn ping(&mut self, payload: &[u8]) {
        self.ping = Some(Control::of(payload));
    }

    /// The control frame to write next, before all data that has not begun to leave: a pong, then a
    /// ping. `None` when none is due, and after our Close.
    pub fn poll_control(&mut self, key: [u8; 4]) -> Option<ControlFrame> {
        if !self.closing.can_send() {
            return None;
        }
        let key = self.key(key);
        let frame = |opcode, control: Control| ControlFrame::new(opcode, key, control.payload());
        if let Some(pong) = self.pong.take() {
            return Some(frame(Opcode::Pong, pong));
        }
        self.ping.take().map(|ping| frame(Opcode::Ping, ping))
    }

    /// Whether [`poll_control`](Self::poll_control) has a frame to give.
    pub fn has_control(&self) -> bool {
        self.closing.can_send() && (self.pong.is_some() || self.ping.is_some())
    }

    /// Closes our direction: the Close frame to write after everything else. `None` if that was done
    /// before. A code that may not stand in a Close frame is left out.
    ///
    /// RFC 6455 5.5.1 and 7.1.2.
    pub fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
        key: [u8; 4],
    ) -> Option<ControlFrame> {
        if !self.closing.can_send() {
            return None;
        }
        self.closing = self.closing.after_ours();
        let code = code.filter(|code| code.is_sendable());
        let payload = Close { code, reason }.encode();
        Some(ControlFrame::new(Opcode::Close, self.key(key), &payload))
    }

    /// Whether the peer may still say something we listen to.
    pub fn can_receive(&self) -> bool {
        self.closing.can_receive()
    }

    /// Whether we may still say something.
    pub fn can_send(&self) -> bool {
        self.closing.can_send()
    }

    /// Whether both directions are closed: "the WebSocket closing handshake is started" and done
    /// (7.1.3, 7.1.4), or the peer failed and was told.
    pub fn is_closed(&self) -> bool {
        !self.can_receive() && !self.can_send()
    }

    /// What the peer's Close frame said; `None` until one has come.
    pub fn peer_close(&self) -> Option<Close<'_>> {
        self.closing
            .has_peer_close()
            .then(|| Close::decode(self.control.payload()).ok())
            .flatten()
    }

    /// The payload of the control frame that came last.
    pub fn control_payload(&self) -> &[u8] {
        self.control.payload()
    }

    /// Whether the peer has begun a message and not ended it.
    pub fn is_inside_message(&self) -> bool {
        self.message.is_some()
    }

    /// Whether the peer's last frame is complete. Right after [`Event::Data`] it tells that the run ended a
    /// frame, for who has to do with frames and not with messages.
    pub fn is_between_frames(&self) -> bool {
        self.decoder.is_between_frames()
    }

    /// Writes the header of a run's frame, if we may still speak.
    fn begin_frame(&self, run: &Run<'_>, key: Option<[u8; 4]>, batch: &mut Batch<'_, '_>) -> bool {
        if !self.closing.can_send() {
            return false;
        }
        let header = encode_header(&Header {
            is_final: run.is_last(),
            opcode: if run.is_first {
                run.kind.into()
            } else {
                Opcode::Continuation
            },
            key,
            payload_len: u64::try_from(run.bytes.len()).unwrap_or(u64::MAX >> 1),
        });
        batch.copy_start(header.array(), header.len());
        true
    }

    fn key(&self, key: [u8; 4]) -> Option<[u8; 4]> {
        (self.role == Role::Client).then_some(key)
    }

    /// Takes nothing more from the peer, as after a fault that [`receive`](Self::receive) found: what
    /// it sends cannot be held or handed on. Returns `fault`.
    pub fn fail(&mut self, fault: Fault) -> Fault {
        self.closing = self.closing.after_fault();
        fault
    }
}

/// The kind of the message that `opcode` begins.
fn kind_of(opcode: Opcode) -> Option<Kind> {
    match opcode {
        Opcode::Text => Some(Kind::Text),
        Opcode::Binary => Some(Kind::Binary),
        Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
    }
}

#[cfg(test)]
mod tests;
