//! Payload on its way: what the engine hands to the records and takes from them.

/// What a message is: RFC 6455 5.6.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Opcode `0x1`: UTF-8 text.
    Text,
    /// Opcode `0x2`: bytes.
    Binary,
}

/// Consecutive payload bytes of one message, unmasked.
///
/// A message is one or more runs. The first has `is_first`, the last has `remaining == Some(0)`; an
/// empty message is one empty run that is both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
// In this order an error in place of a run lies over `kind`. In the compiler's it lies over the low byte of
// `remaining`, which is then put together from pieces: 4 ns of a short frame's 13.
#[repr(C)]
pub struct Run<'a> {
    /// The message's type, the same in all its runs.
    pub kind: Kind,
    /// Whether the message begins here.
    pub is_first: bool,
    /// The bytes, possibly none; never the whole of a message that is longer than the reader's buffer.
    pub bytes: &'a [u8],
    /// How many bytes of the message follow this run; `None` while a later fragment may add more.
    pub remaining: Option<u64>,
}

impl<'a> Run<'a> {
    /// A whole message in one run.
    pub fn whole(kind: Kind, bytes: &'a [u8]) -> Self {
        Self {
            kind,
            is_first: true,
            bytes,
            remaining: Some(0),
        }
    }

    /// Whether the message ends with this run.
    pub fn is_last(&self) -> bool {
        self.remaining == Some(0)
    }
}
