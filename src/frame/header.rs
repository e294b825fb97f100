//! What stands before the payload: RFC 6455 5.2.

use super::{Kind, Violation};

/// Bytes of the longest header: two, eight of length, four of key.
pub const MAX_HEADER_LEN: usize = 14;

/// Bytes a control frame's payload may have: RFC 6455 5.5.
pub const MAX_CONTROL_LEN: usize = 125;

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Masks what it sends, receives unmasked frames.
    Client,
    /// Receives masked frames, sends unmasked ones.
    Server,
}

/// What a frame is: RFC 6455 5.2 and 11.8.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Opcode {
    /// `0x0`: the next fragment of the message under way.
    Continuation,
    /// `0x1`: a text message or its first fragment.
    Text,
    /// `0x2`: a binary message or its first fragment.
    Binary,
    /// `0x8`: the closing handshake.
    Close,
    /// `0x9`: to be answered with a pong of the same payload.
    Ping,
    /// `0xA`: the answer to a ping, or a heartbeat of its own.
    Pong,
}

impl Opcode {
    /// Whether this is a control frame, which may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// The four bits on the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    /// The opcode of four bits from the wire.
    ///
    /// # Errors
    ///
    /// [`Violation::UnknownOpcode`] for those RFC 6455 reserves.
    pub fn from_bits(bits: u8) -> Result<Self, Violation> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xA => Ok(Self::Pong),
            // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
            // Connection_." (5.2)
            _ => Err(Violation::UnknownOpcode),
        }
    }
}

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Header {
    /// FIN: whether the message ends with this frame.
    pub is_final: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub key: Option<[u8; 4]>,
    /// Bytes of payload; below 2^63.
    pub payload_len: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_opcodes_are_known_and_ten_are_not() {
        for bits in 0..=u8::MAX {
            let opcode = Opcode::from_bits(bits);
            let is_known = matches!(bits, 0x0..=0x2 | 0x8..=0xa);
            assert_eq!(opcode.is_ok(), is_known, "{bits:x}");
            if let Ok(opcode) = opcode {
                assert_eq!(opcode.bits(), bits);
                assert_eq!(opcode.is_control(), bits >= 0x8, "{bits:x}");
            }
        }
    }

    #[test]
    fn a_message_begins_with_the_opcode_of_its_kind() {
        assert_eq!(Opcode::from(Kind::Text).bits(), 0x1);
        assert_eq!(Opcode::from(Kind::Binary).bits(), 0x2);
    }
}
