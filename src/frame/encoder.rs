//! Frames to bytes: RFC 6455 5.2.

use std::ops::Deref;

use super::{Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode, mask};

/// An encoded header; derefs to its 2 to 14 bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes {
    bytes: [u8; MAX_HEADER_LEN],
    /// `2 <= len <= MAX_HEADER_LEN`.
    len: u8,
}

impl Deref for HeaderBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

/// Encodes a header, the length in its shortest form.
///
/// O(1). RFC 6455 5.2.
#[inline]
pub fn encode_header(header: &Header) -> HeaderBytes {
    let mut out = HeaderBytes {
        bytes: [0; MAX_HEADER_LEN],
        len: 0,
    };
    let fin = if header.is_final { 0x80 } else { 0 };
    let mask = if header.key.is_some() { 0x80 } else { 0 };
    out.put([fin | header.opcode.bits()]);
    if let Some(len) = u8::try_from(header.payload_len)
        .ok()
        .filter(|len| *len < 126)
    {
        out.put([mask | len]);
    } else if let Ok(len) = u16::try_from(header.payload_len) {
        out.put([mask | 126]);
        out.put(len.to_be_bytes());
    } else {
        out.put([mask | 127]);
        out.put(header.payload_len.to_be_bytes());
    }
    if let Some(key) = header.key {
        out.put(key);
    }
    out
}

impl HeaderBytes {
    /// The array that its bytes are the beginning of.
    pub(crate) fn array(&self) -> &[u8; MAX_HEADER_LEN] {
        &self.bytes
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::as_conversions,
        reason = "N is 1, 2, 4 or 8, and all of them together are 14"
    )]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        let at = usize::from(self.len);
        if let Some(room) = self.bytes.get_mut(at..at + N) {
            room.copy_from_slice(&bytes);
            self.len += N as u8;
        }
    }
}

/// A whole control frame, encoded; derefs to its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ControlFrame {
    bytes: [u8; MAX_CONTROL_LEN + 6],
    len: usize,
}

impl ControlFrame {
    /// Encodes a control frame with the first 125 bytes of `payload`, masked if there is a key.
    pub fn new(opcode: Opcode, key: Option<[u8; 4]>, payload: &[u8]) -> Self {
        let payload = payload.get(..MAX_CONTROL_LEN).unwrap_or(payload);
        let header = encode_header(&Header {
            is_final: true,
            opcode,
            key,
            payload_len: u64::try_from(payload.len()).unwrap_or(0),
        });
        let mut frame = Self {
            bytes: [0; MAX_CONTROL_LEN + 6],
            len: header.len() + payload.len(),
        };
        let (head, rest) = frame.bytes.split_at_mut(header.len());
        head.copy_from_slice(&header);
        if let Some(room) = rest.get_mut(..payload.len()) {
            room.copy_from_slice(payload);
            if let Some(key) = key {
                mask::apply(key, room);
            }
        }
        frame
    }
}

impl Deref for ControlFrame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn encoded(is_final: bool, opcode: Opcode, key: Option<[u8; 4]>, payload_len: u64) -> Vec<u8> {
        let header = Header {
            is_final,
            opcode,
            key,
            payload_len,
        };
        encode_header(&header).to_vec()
    }

    #[test]
    fn each_length_takes_its_shortest_form() {
        let len = |len| encoded(true, Opcode::Binary, None, len);
        assert_eq!(len(0), [0x82, 0]);
        assert_eq!(len(125), [0x82, 125]);
        assert_eq!(len(126), [0x82, 126, 0, 126]);
        assert_eq!(len(65535), [0x82, 126, 0xff, 0xff]);
        assert_eq!(len(65536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        let longest = [0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(len(u64::MAX >> 1), longest);
    }

    #[test]
    fn the_key_stands_after_the_length() {
        let len = |len| encoded(true, Opcode::Text, Some(KEY), len);
        assert_eq!(len(5), [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]);
        let medium = [0x81, 0xfe, 0x01, 0x00, 0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(len(256), medium);
        let long = [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(len(65536), long);
        assert_eq!(len(65536).len(), MAX_HEADER_LEN);
    }

    #[test]
    fn fin_and_opcode_are_the_first_byte() {
        let first = |is_final, opcode| encoded(is_final, opcode, None, 0)[0];
        assert_eq!(first(false, Opcode::Text), 0x01);
        assert_eq!(first(false, Opcode::Continuation), 0x00);
        assert_eq!(first(true, Opcode::Continuation), 0x80);
        assert_eq!(first(true, Opcode::Close), 0x88);
        assert_eq!(first(true, Opcode::Ping), 0x89);
        assert_eq!(first(true, Opcode::Pong), 0x8a);
    }

    #[test]
    fn control_frames_are_those_of_the_rfc() {
        // 5.7: an unmasked ping and the masked pong that answers it.
        let ping = ControlFrame::new(Opcode::Ping, None, b"Hello");
        assert_eq!(*ping, *b"\x89\x05Hello");
        let pong = ControlFrame::new(Opcode::Pong, Some(KEY), b"Hello");
        assert_eq!(*pong, *b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    }

    #[test]
    fn a_control_frame_takes_125_bytes_and_no_more() {
        let full = ControlFrame::new(Opcode::Ping, Some(KEY), &[1; 125]);
        assert_eq!(full.len(), 2 + 4 + 125);
        let cut = ControlFrame::new(Opcode::Ping, Some(KEY), &[1; 126]);
        assert_eq!(*cut, *full);
        let empty = ControlFrame::new(Opcode::Ping, None, b"");
        assert_eq!(*empty, *b"\x89\x00");
    }
}
