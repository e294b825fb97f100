//! From the peer: parts of frames become runs of messages, and control frames whole ones.

use crate::frame::{Close, Kind, MAX_CONTROL_LEN, Opcode, Part, Run, Utf8, Violation};

use super::{Connection, Event, Fault, Limit, kind_of};

/// The message under way.
#[derive(Debug)]
pub(super) struct Message {
    kind: Kind,
    /// Bytes declared so far, by all frame headers.
    len: u64,
    utf8: Utf8,
}

/// A control frame's payload, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Control {
    bytes: [u8; MAX_CONTROL_LEN],
    /// `len <= MAX_CONTROL_LEN`.
    len: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_CONTROL_LEN],
            len: 0,
        }
    }
}

impl Control {
    /// The first 125 bytes of `payload`.
    pub(super) fn of(payload: &[u8]) -> Self {
        let mut control = Self::default();
        control.append(payload);
        control
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let len = bytes.len().min(room.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..len), bytes.get(..len)) {
            room.copy_from_slice(bytes);
            self.len += len;
        }
    }
}

// Inlined always, as their caller is: apart from it a part and its event travel through memory.
impl Connection {
    #[inline(always)]
    pub(super) fn receive_control<'a>(
        &mut self,
        part: Part<'a>,
    ) -> Result<Option<Event<'a>>, Fault> {
        if part.is_first {
            self.control.clear();
        }
        self.control.append(part.bytes);
        if part.remaining > 0 {
            return Ok(None);
        }
        Ok(Some(match part.header.opcode {
            Opcode::Ping => {
                self.pong = Some(self.control);
                Event::Ping
            }
            Opcode::Close => {
                Close::decode(self.control.payload())?;
                self.closing = self.closing.after_peers();
                Event::Close
            }
            Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => Event::Pong,
        }))
    }

    #[inline(always)]
    pub(super) fn receive_data<'a>(&mut self, part: Part<'a>) -> Result<Option<Event<'a>>, Fault> {
        let begins = kind_of(part.header.opcode);
        if part.is_first {
            self.admit_frame(begins, part.header.payload_len)?;
        }
        let Some(message) = &mut self.message else {
            return Ok(None);
        };
        let run = Run {
            kind: message.kind,
            is_first: part.is_first && begins.is_some(),
            bytes: part.bytes,
            remaining: part.header.is_final.then_some(part.remaining),
        };
        if run.kind == Kind::Text {
            let is_checked = part.is_ascii && message.utf8.is_between_characters();
            if !is_checked {
                let checked = message.utf8.check(run.bytes);
                checked.map_err(|_| Violation::InvalidUtf8)?;
            }
            if run.is_last() {
                message.utf8.finish().map_err(|_| Violation::InvalidUtf8)?;
            }
        }
        if run.is_last() {
            self.message = None;
        }
        let says_nothing = run.bytes.is_empty() && !run.is_first && !run.is_last();
        Ok((!says_nothing).then_some(Event::Data(run)))
    }

    #[inline(always)]
    fn admit_frame(&mut self, begins: Option<Kind>, len: u64) -> Result<(), Fault> {
        let so_far = match (begins, &self.message) {
            // "A fragmented message consists of a single frame with the FIN bit clear and an opcode
            // other than 0, followed by zero or more frames with the FIN bit clear and the opcode set
            // to 0" (5.4)
            (None, None) => return Err(Violation::ContinuationOfNothing.into()),
            (Some(_), Some(_)) => return Err(Violation::DataInsideMessage.into()),
            (Some(_), None) => 0,
            (None, Some(message)) => message.len,
        };
        let len = so_far.saturating_add(len);
        if self.limits.max_message_len.is_some_and(|max| len > max) {
            return Err(Limit::MessageTooBig.into());
        }
        match (begins, &mut self.message) {
            (Some(kind), _) => {
                self.message = Some(Message {
                    kind,
                    len,
                    utf8: Utf8::default(),
                });
            }
            (None, Some(message)) => message.len = len,
            (None, None) => {}
        }
        Ok(())
    }
}
