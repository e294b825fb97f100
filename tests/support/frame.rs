//! Frames by hand: RFC 6455 5.2, written from the RFC and from nothing of the crate.

use std::sync::atomic::{AtomicU32, Ordering};

/// The bit that says that a frame ends its message.
pub(crate) const FIN: u8 = 0x80;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A frame as a server sends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) is_last: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Whether it is a Close, Ping or Pong.
    pub(crate) fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    /// Reads the frame that `bytes` begin with and says how long it was; `None` while it is incomplete.
    /// Panics on whatever a server must not send.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let header = Header::parse(bytes)?;
        let frame_len = header.len + usize::try_from(header.payload_len).unwrap();
        let frame = Self {
            is_last: header.first & FIN != 0,
            opcode: header.first & 0x0f,
            payload: bytes.get(header.len..frame_len)?.to_vec(),
        };
        Some((frame, frame_len))
    }
}

/// A frame without its payload, as a server sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) first: u8,
    pub(crate) payload_len: u64,
    /// Bytes of the header itself.
    pub(crate) len: usize,
}

impl Header {
    /// Reads the header that `bytes` begin with; `None` while it is incomplete. Panics on a mask, a
    /// reserved bit, an unknown opcode, a length written too long, a control frame that is long or
    /// fragmented.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let (&second, rest) = rest.split_first()?;
        assert_eq!(first & 0x70, 0, "reserved bit in first byte {first:#04x}");
        assert_eq!(second & 0x80, 0, "a server's frame is masked");
        let (payload_len, len) = match second {
            126 => {
                let length = u64::from(u16::from_be_bytes(*rest.first_chunk()?));
                assert!(length > 125, "16-bit length {length}");
                (length, 4)
            }
            127 => {
                let length = u64::from_be_bytes(*rest.first_chunk()?);
                assert!(length > 0xffff, "64-bit length {length}");
                (length, 10)
            }
            short => (u64::from(short), 2),
        };
        let header = Self {
            first,
            payload_len,
            len,
        };
        header.check();
        Some(header)
    }

    fn check(self) {
        match self.first & 0x0f {
            CONTINUATION | TEXT | BINARY => {}
            CLOSE | PING | PONG => {
                assert_ne!(self.first & FIN, 0, "fragmented control frame {self:?}");
                assert!(self.payload_len <= 125, "long control frame {self:?}");
            }
            opcode => panic!("unknown opcode {opcode:#x}"),
        }
    }
}

/// A whole message in one masked frame.
pub(crate) fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(FIN | TEXT, payload)
}

/// A whole message in one masked frame.
pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(FIN | BINARY, payload)
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(FIN | PING, payload)
}

/// A Close with a status code and a reason.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    masked(FIN | CLOSE, payload)
}

/// A frame with any first byte, masked with the next key, its length in the shortest form.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked_with(next_key(), first, payload)
}

/// [`masked`] with this key.
pub(crate) fn masked_with(key: [u8; 4], first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = header(key, first, u64::try_from(payload.len()).unwrap());
    bytes.extend(mask(key, payload));
    bytes
}

/// The header alone of a masked frame, its length in the shortest form.
pub(crate) fn header(key: [u8; 4], first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < 126) {
        bytes.push(0x80 | short);
    } else if let Ok(medium) = u16::try_from(length) {
        bytes.push(0x80 | 126);
        bytes.extend(medium.to_be_bytes());
    } else {
        bytes.push(0x80 | 127);
        bytes.extend(length.to_be_bytes());
    }
    bytes.extend(key);
    bytes
}

/// RFC 6455 5.3.
pub(crate) fn mask(key: [u8; 4], payload: &[u8]) -> impl Iterator<Item = u8> {
    payload
        .iter()
        .zip(key.into_iter().cycle())
        .map(|(byte, key)| byte ^ key)
}

/// Keys that differ from frame to frame.
fn next_key() -> [u8; 4] {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    COUNT
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9e37_79b9)
        .to_be_bytes()
}
