//! Bytes to frames: a state machine that takes a header a byte at a time and a payload in runs.
//!
//! ```text
//! awaited        then
//! FirstByte  ──► SecondByte                                   5.2  FIN, RSV, opcode
//! SecondByte ──► Length | Key | Payload                       5.2  MASK, length
//! Length     ──► Length | Key | Payload                       5.2  extended length, 2 or 8 bytes
//! Key        ──► Key | Payload                                5.3  4 bytes
//! Payload    ──► Payload | FirstByte                          5.2  runs, unmasked in place
//! ```
//!
//! The law: any split of the input gives the same frames, and the same payload in them.
//!
//! Each state of the header is a function that takes the state's byte and goes on to the next state's
//! function; only where the bytes end is the state stored. So a header that comes at once is decoded
//! in registers, by the same code as one that comes in pieces.

use std::mem;

use super::{Header, MAX_CONTROL_LEN, Opcode, Role, Violation, mask};

/// A frame, or the part of one that has come: its header and consecutive bytes of its payload.
#[derive(Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// The frame's header, the same in all its parts.
    pub header: Header,
    /// Whether the frame begins with this part.
    pub is_first: bool,
    /// Payload, unmasked; empty if none has come yet or there is none.
    pub bytes: &'a mut [u8],
    /// Whether `bytes` are known to be ASCII: unmasking tells. Of what came unmasked it is not known.
    pub is_ascii: bool,
    /// Bytes of the frame's payload that follow this part.
    pub remaining: u64,
}

/// What a frame that has begun goes on with.
#[derive(Clone, Copy, Debug)]
enum Expect {
    SecondByte {
        is_final: bool,
        opcode: Opcode,
    },
    Length {
        frame: Frame,
        /// Bytes of length to come, of `of`: 2 or 8.
        missing: u8,
        of: u8,
    },
    Key {
        frame: Frame,
        /// Bytes of key to come.
        missing: u8,
    },
    Payload {
        frame: Frame,
        /// Bytes of payload to come.
        remaining: u64,
    },
}

/// A frame's header as far as it has come.
// Not a Header: its optional key is five bytes, which are copied through memory wherever two ways meet.
#[derive(Clone, Copy, Debug)]
struct Frame {
    is_final: bool,
    opcode: Opcode,
    /// What has come of the length, its latest byte lowest.
    payload_len: u64,
    /// What has come of the key, its latest byte lowest; 0 in a frame without one.
    key: u32,
}

/// A frame whose payload is next.
struct Begun {
    frame: Frame,
    /// Whether no part of it has been returned.
    is_first: bool,
    /// Bytes of payload to come.
    remaining: u64,
}

/// The bytes of one call, taken one at a time as long as a header lasts.
struct Input<'a> {
    rest: &'a mut [u8],
}

impl Input<'_> {
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = mem::take(&mut self.rest).split_first_mut()?;
        self.rest = rest;
        Some(*byte)
    }
}

/// The state machine. One for each connection; holds no payload.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Whether the peer masks: it is a client.
    expects_masked: bool,
    /// `None` between frames.
    expect: Option<Expect>,
}

impl Decoder {
    /// A decoder of what the peer of `role` sends.
    pub fn new(role: Role) -> Self {
        Self {
            expects_masked: role == Role::Server,
            expect: None,
        }
    }

    /// Whether the last frame is complete: an end of the stream would be between frames.
    pub fn is_between_frames(&self) -> bool {
        self.expect.is_none()
    }

    /// Decodes up to the end of the first frame in `input`.
    ///
    /// `input` is whatever came after the bytes of earlier calls. Returns the part of one frame that it
    /// begins with, its payload unmasked in place, and the rest of `input`, which is the next call's;
    /// `None` when the bytes ended within a header, all of them taken, or there were none.
    ///
    /// A frame's first part is returned as soon as its header is complete, so that its length can be
    /// judged before its payload comes.
    ///
    /// # Errors
    ///
    /// The [`Violation`]s that one header can show. The decoder is of no use afterwards.
    ///
    /// O(n) in the bytes taken; copies and allocates nothing. RFC 6455 5.2, 5.3, 5.5.
    // Inlined always: called, it gives its part back through memory.
    #[inline(always)]
    pub fn decode<'a>(
        &mut self,
        input: &'a mut [u8],
    ) -> Result<(Option<Part<'a>>, &'a mut [u8]), Violation> {
        let mut input = Input { rest: input };
        let begun = match self.expect {
            None => self.first_byte(&mut input)?,
            Some(expect) => self.resume(expect, &mut input)?,
        };
        Ok(match begun {
            Some(begun) => self.take_payload(begun, input.rest),
            None => (None, input.rest),
        })
    }

    /// Goes on with a frame that an earlier call left unfinished.
    #[inline(never)]
    fn resume(
        &mut self,
        expect: Expect,
        input: &mut Input<'_>,
    ) -> Result<Option<Begun>, Violation> {
        if input.rest.is_empty() {
            return Ok(None);
        }
        self.expect = None;
        match expect {
            Expect::SecondByte { is_final, opcode } => self.second_byte(is_final, opcode, input),
            Expect::Length { frame, missing, of } => self.length(frame, missing, of, input),
            Expect::Key { frame, missing } => Ok(self.key(frame, missing, input)),
            Expect::Payload { frame, remaining } => Ok(Some(Begun {
                frame,
                is_first: false,
                remaining,
            })),
        }
    }

    #[inline(always)]
    fn first_byte(&mut self, input: &mut Input<'_>) -> Result<Option<Begun>, Violation> {
        let Some(byte) = input.next() else {
            return Ok(None);
        };
        // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
        // (5.2)
        if byte & 0x70 != 0 {
            return Err(Violation::ReservedBits);
        }
        let opcode = Opcode::from_bits(byte & 0x0f)?;
        let is_final = byte & 0x80 != 0;
        // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be
        // fragmented." (5.5)
        if opcode.is_control() && !is_final {
            return Err(Violation::FragmentedControlFrame);
        }
        self.second_byte(is_final, opcode, input)
    }

    #[inline(always)]
    fn second_byte(
        &mut self,
        is_final: bool,
        opcode: Opcode,
        input: &mut Input<'_>,
    ) -> Result<Option<Begun>, Violation> {
        let Some(byte) = input.next() else {
            return Ok(self.store(Expect::SecondByte { is_final, opcode }));
        };
        let is_masked = byte & 0x80 != 0;
        // "The server MUST close the connection upon receiving a frame that is not masked. […] A client
        // MUST close a connection if it detects a masked frame." (5.1)
        match (self.expects_masked, is_masked) {
            (true, false) => return Err(Violation::UnmaskedByClient),
            (false, true) => return Err(Violation::MaskedByServer),
            _ => {}
        }
        let len = byte & 0x7f;
        if opcode.is_control() && usize::from(len) > MAX_CONTROL_LEN {
            return Err(Violation::ControlFrameTooLong);
        }
        let frame = Frame {
            is_final,
            opcode,
            payload_len: 0,
            key: 0,
        };
        match len {
            126 => self.length(frame, 2, 2, input),
            127 => self.length(frame, 8, 8, input),
            _ => {
                let payload_len = len.into();
                Ok(self.after_length(
                    Frame {
                        payload_len,
                        ..frame
                    },
                    input,
                ))
            }
        }
    }

    #[inline(always)]
    fn length(
        &mut self,
        mut frame: Frame,
        mut missing: u8,
        of: u8,
        input: &mut Input<'_>,
    ) -> Result<Option<Begun>, Violation> {
        while missing > 0 {
            let Some(byte) = input.next() else {
                return Ok(self.store(Expect::Length { frame, missing, of }));
            };
            // "the most significant bit MUST be 0" (5.2)
            if missing == 8 && byte & 0x80 != 0 {
                return Err(Violation::LengthOutOfRange);
            }
            frame.payload_len = frame.payload_len << 8 | u64::from(byte);
            missing -= 1;
        }
        // "in all cases, the minimal number of bytes MUST be used to encode the length" (5.2)
        let least = if of == 2 { 126 } else { 0x1_0000 };
        if frame.payload_len < least {
            return Err(Violation::NonMinimalLength);
        }
        Ok(self.after_length(frame, input))
    }

    #[inline(always)]
    fn after_length(&mut self, frame: Frame, input: &mut Input<'_>) -> Option<Begun> {
        self.key(frame, if self.expects_masked { 4 } else { 0 }, input)
    }

    #[inline(always)]
    fn key(&mut self, mut frame: Frame, mut missing: u8, input: &mut Input<'_>) -> Option<Begun> {
        while missing > 0 {
            let Some(byte) = input.next() else {
                return self.store(Expect::Key { frame, missing });
            };
            frame.key = frame.key << 8 | u32::from(byte);
            missing -= 1;
        }
        Some(Begun {
            frame,
            is_first: true,
            remaining: frame.payload_len,
        })
    }

    /// Stores what a frame goes on with: of its payload, nothing has come.
    // Never inlined: a frame that comes at once passes by, and keeps its registers. To one that comes in
    // pieces a call is little beside a piece.
    #[cold]
    #[inline(never)]
    fn store(&mut self, expect: Expect) -> Option<Begun> {
        self.expect = Some(expect);
        None
    }

    #[inline(always)]
    fn take_payload<'a>(
        &mut self,
        begun: Begun,
        input: &'a mut [u8],
    ) -> (Option<Part<'a>>, &'a mut [u8]) {
        let Begun {
            frame,
            is_first,
            remaining: awaited,
        } = begun;
        let count = usize::try_from(awaited).map_or(input.len(), |len| len.min(input.len()));
        let (bytes, rest) = input.split_at_mut(count);
        let key = self.expects_masked.then_some(frame.key.to_be_bytes());
        let done = frame.payload_len - awaited;
        let is_ascii = key.is_some_and(|key| mask::apply(mask::turn(key, done), bytes));
        let remaining = awaited - u64::try_from(count).unwrap_or(awaited);
        if remaining > 0 {
            self.store(Expect::Payload { frame, remaining });
        }
        let header = Header {
            is_final: frame.is_final,
            opcode: frame.opcode,
            key,
            payload_len: frame.payload_len,
        };
        let part = Part {
            header,
            is_first,
            bytes,
            is_ascii,
            remaining,
        };
        (Some(part), rest)
    }
}

#[cfg(test)]
mod tests;
