//! What a fuzzer does with frames: any bytes, in any pieces, must give the same frames as at once, and
//! frames that were decoded must encode to the bytes they came as.
//!
//! Floor 0. Public, though hidden, so that a fuzz target is one line; the tests run it too.

use std::mem;

use super::{
    Close, Decoder, Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Part, Role, Violation, encode_header,
    mask,
};

/// What a decoder made of its input.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Decoded {
    /// Headers and payloads, the last one as far as it has come.
    pub(super) frames: Vec<(Header, Vec<u8>)>,
    /// Why it ended early.
    pub(super) violation: Option<Violation>,
}

/// The first bytes choose the role and the pieces, the rest is what the peer sends.
///
/// Panics if a promise of [`Decoder`] or [`encode_header`] is broken.
#[doc(hidden)]
pub fn fuzz_decoder(data: &[u8]) {
    let Some((&[role, a, b], input)) = data.split_first_chunk() else {
        return;
    };
    let role = match role & 1 {
        0 => Role::Client,
        _ => Role::Server,
    };
    let whole = decode_all(role, input, &[usize::MAX]);
    let lens = [usize::from(a) + 1, usize::from(b) + 1];
    assert_eq!(decode_all(role, input, &lens), whole, "a split matters");
    let encoded = encode_all(&whole.frames);
    assert!(input.starts_with(&encoded), "other bytes than came");
    let is_header = input.len() - encoded.len() < MAX_HEADER_LEN;
    assert!(is_header || whole.violation.is_some(), "bytes are lost");
}

/// Decodes any bytes as a Close frame's payload, and what they say as a reason of our own.
///
/// Panics if a promise of [`Close`] is broken.
#[doc(hidden)]
pub fn fuzz_close(data: &[u8]) {
    let payload = data.get(..MAX_CONTROL_LEN).unwrap_or(data);
    if let Ok(close) = Close::decode(payload) {
        assert_eq!(close.encode(), payload, "other bytes than came");
        assert!(close.code.is_none_or(|code| code.is_sendable()));
    }
    let Some((code, reason)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(Some(code)) = Close::decode(code).map(|close| close.code) else {
        return;
    };
    let reason = String::from_utf8_lossy(reason);
    let payload = Close {
        code: Some(code),
        reason: &reason,
    }
    .encode();
    assert!(payload.len() <= MAX_CONTROL_LEN, "longer than a frame");
    let decoded = Close::decode(&payload);
    let is_same = |close: Close<'_>| close.code == Some(code) && reason.starts_with(close.reason);
    assert!(decoded.is_ok_and(is_same), "says something else");
}

/// Decodes `input` in pieces of `lens` bytes, in turn. None of `lens` is zero.
pub(super) fn decode_all(role: Role, input: &[u8], lens: &[usize]) -> Decoded {
    let mut decoder = Decoder::new(role);
    let mut decoded = Decoded::default();
    let mut bytes = input.to_vec();
    let mut unread = &mut *bytes;
    let mut lens = lens.iter().copied().cycle();
    while !unread.is_empty() {
        let len = lens.next().unwrap_or(1).min(unread.len());
        let (mut now, later) = mem::take(&mut unread).split_at_mut(len);
        loop {
            match decoder.decode(now) {
                Ok((Some(part), rest)) => {
                    decoded.add(&part);
                    now = rest;
                }
                Ok((None, rest)) => {
                    assert!(rest.is_empty(), "bytes are left");
                    break;
                }
                Err(violation) => {
                    decoded.violation = Some(violation);
                    return decoded;
                }
            }
        }
        unread = later;
    }
    decoded
}

/// The bytes of frames, the last one as far as it has come.
pub(super) fn encode_all(frames: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (header, payload) in frames {
        let mut payload = payload.clone();
        if let Some(key) = header.key {
            mask::apply(key, &mut payload);
        }
        encoded.extend_from_slice(&encode_header(header));
        encoded.append(&mut payload);
    }
    encoded
}

impl Decoded {
    fn add(&mut self, part: &Part<'_>) {
        if part.is_first {
            self.frames.push((part.header, Vec::new()));
        }
        let Some((header, payload)) = self.frames.last_mut() else {
            return assert!(part.is_first, "a frame without a beginning");
        };
        assert_eq!(*header, part.header, "the header changes");
        payload.extend_from_slice(part.bytes);
        let come = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        assert_eq!(come + part.remaining, header.payload_len, "bytes are lost");
    }
}
