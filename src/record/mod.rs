//! Records: what one message is on the service's pipe.
//!
//! Floor 0; knows [`frame`](crate::frame)'s words and [`queue`](crate::queue)'s batches, no I/O.
//!
//! [`Encoder`] turns inbound messages into records, [`Decoder`] outbound records into messages; both
//! work on runs, so that a message may be longer than any buffer. Each of the three shapes has a file
//! of its own with both directions: `delimited` (line and nul), `typed`, `raw`.

mod delimited;
mod fuzz;
mod raw;
mod typed;

use std::fmt;

use crate::frame::Run;
use crate::queue::Batch;

#[doc(hidden)]
pub use fuzz::fuzz_records;

/// How messages look to the service.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Record {
    /// Payload and `\n`; from the service, up to `\n` is one text message.
    #[default]
    Line,
    /// Payload and NUL; from the service, up to NUL is one text message.
    Nul,
    /// A header of 22 bytes, then the payload; lossless.
    Typed,
    /// Payload bytes alone; from the service, each read is one binary message.
    Raw,
}

/// A fragmented message is too long to be held until its length is known: Close 1009.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLong {
    /// The limit, in bytes.
    pub max_held_len: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.max_held_len;
        write!(f, "a fragmented message is longer than {limit} bytes")
    }
}

impl std::error::Error for TooLong {}

/// Writes messages as records, for the service's standard input.
#[derive(Debug)]
pub struct Encoder {
    shape: EncoderShape,
}

#[derive(Debug)]
enum EncoderShape {
    Delimited(u8),
    Typed(typed::Encoder),
    Raw,
}

impl Encoder {
    /// An encoder before the first message. `max_held_len` is how many bytes of a message it may keep;
    /// only typed records of a fragmented message need that.
    pub fn new(record: Record, max_held_len: usize) -> Self {
        let shape = match record {
            Record::Line => EncoderShape::Delimited(b'\n'),
            Record::Nul => EncoderShape::Delimited(0),
            Record::Typed => EncoderShape::Typed(typed::Encoder::new(max_held_len)),
            Record::Raw => EncoderShape::Raw,
        };
        Self { shape }
    }

    /// Adds the next run of a message to `batch`: its bytes, and what the record has before and after.
    /// The runs are those of whole messages, one message after another.
    ///
    /// # Errors
    /// [`TooLong`] if the message has to be held and cannot be. What was held is dropped; the
    /// message's later runs must not be given.
    ///
    /// Copies nothing but short runs and held ones.
    #[inline]
    pub fn encode<'a>(&mut self, run: Run<'a>, batch: &mut Batch<'a, '_>) -> Result<(), TooLong> {
        match &mut self.shape {
            EncoderShape::Delimited(end) => delimited::encode(*end, run, batch),
            EncoderShape::Typed(encoder) => return encoder.encode(run, batch),
            EncoderShape::Raw => raw::encode(run, batch),
        }
        Ok(())
    }
}

/// What else the buffer with the service's output can be expected to hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum More {
    /// More bytes may come, and there is room for them, or there will be when the bytes done with are
    /// moved away.
    Possible,
    /// The input fills the whole buffer: a record that does not fit must leave in parts.
    NoRoom,
    /// The pipe is at its end.
    Ended,
}

/// The service wrote what is no record; nothing after it can be understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// A typed header is not a type letter, a space and 20 digits of a number below 2^64.
    Header {
        /// The first wrong byte, counted from the start of the service's output.
        offset: u64,
    },
    /// The output ends within a typed record.
    Truncated {
        /// How many bytes the service wrote.
        offset: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { offset } => {
                write!(f, "service output has no typed header at byte {offset}")
            }
            Self::Truncated { offset } => {
                write!(f, "service output ends within a record at byte {offset}")
            }
        }
    }
}

impl std::error::Error for Fault {}

/// Finds messages in the service's standard output.
#[derive(Debug)]
pub struct Decoder {
    shape: DecoderShape,
    /// Where the next input begins in the service's output.
    offset: u64,
}

#[derive(Debug)]
enum DecoderShape {
    Delimited(delimited::Decoder),
    Typed(typed::Decoder),
    Raw,
}

impl Decoder {
    /// The shortest buffer in which there is always progress: a typed header and a byte of payload.
    pub const MIN_BUFFER_LEN: usize = typed::HEADER_LEN + 1;

    /// A decoder at the start of a service's output.
    pub fn new(record: Record) -> Self {
        let shape = match record {
            Record::Line => DecoderShape::Delimited(delimited::Decoder::new(b'\n')),
            Record::Nul => DecoderShape::Delimited(delimited::Decoder::new(0)),
            Record::Typed => DecoderShape::Typed(typed::Decoder::new()),
            Record::Raw => DecoderShape::Raw,
        };
        Self { shape, offset: 0 }
    }

    /// Takes the next run of a message from `input` and says how many bytes of it are done with.
    ///
    /// `input` is everything that was read and not yet done with, in a buffer of at least
    /// [`MIN_BUFFER_LEN`](Self::MIN_BUFFER_LEN) bytes; call again with the rest until there is `None`.
    /// Then read more, or, after [`More::Ended`], stop: all has left. A message is one run if it fits
    /// the buffer.
    ///
    /// # Errors
    /// [`Fault`] if the output is no record; the decoder is of no use then.
    ///
    /// No byte is searched more than three times, however often `decode` is called; nothing is copied.
    #[inline]
    pub fn decode<'a>(
        &mut self,
        input: &'a [u8],
        more: More,
    ) -> Result<Option<(Run<'a>, usize)>, Fault> {
        let found = match &mut self.shape {
            DecoderShape::Delimited(decoder) => decoder.decode(input, more),
            DecoderShape::Typed(decoder) => decoder.decode(input, more, self.offset)?,
            DecoderShape::Raw => raw::decode(input),
        };
        if let Some((_, done)) = found {
            self.offset += count(done);
        }
        Ok(found)
    }

    /// Whether the next run goes on with a message.
    pub fn is_within(&self) -> bool {
        match &self.shape {
            DecoderShape::Delimited(decoder) => decoder.is_within(),
            DecoderShape::Typed(decoder) => decoder.is_within(),
            DecoderShape::Raw => false,
        }
    }
}

/// A number of bytes in memory as one of the wire's.
fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
