//! Close frames and their status codes: RFC 6455 5.5.1 and 7.4.

use std::fmt;

use super::{MAX_CONTROL_LEN, Violation};

/// Why a connection closes: RFC 6455 7.4 and the registry it began (11.7).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: its purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an end goes away: a server stops, a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of message this end does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1004: reserved, without a meaning yet. Never on the wire.
    pub const RESERVED: Self = Self(1004);
    /// 1005: no code was in the Close frame. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection was lost without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: payload that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated, and no other code says which.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension the server did not accept.
    pub const EXTENSION_REQUIRED: Self = Self(1010);
    /// 1011: the server met a condition that kept it from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway had a bad answer from behind.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// The code that may stand in a Close frame.
    ///
    /// # Errors
    ///
    /// [`Violation::IllegalCloseCode`] outside 1000–1003, 1007–1014 and 3000–4999.
    pub fn from_wire(code: u16) -> Result<Self, Violation> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            // "1005 is a reserved value and MUST NOT be set as a status code in a Close control
            // frame by an endpoint." (7.4.1, likewise 1006 and 1015; 1004 and the rest are undefined)
            _ => Err(Violation::IllegalCloseCode),
        }
    }

    /// The number.
    pub fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether a Close frame may carry it.
    pub fn is_sendable(self) -> bool {
        Self::from_wire(self.0).is_ok()
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Close<'a> {
    /// The status code; `None`: the frame was empty.
    pub code: Option<CloseCode>,
    /// The reason, for a person or a log; empty if none was given.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// Decodes a Close frame's whole payload.
    ///
    /// # Errors
    ///
    /// [`Violation::TruncatedCloseCode`], [`Violation::IllegalCloseCode`], [`Violation::InvalidUtf8`].
    pub fn decode(payload: &'a [u8]) -> Result<Self, Violation> {
        match payload {
            [] => Ok(Self {
                code: None,
                reason: "",
            }),
            // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned
            // integer" (5.5.1)
            [_] => Err(Violation::TruncatedCloseCode),
            [high, low, reason @ ..] => Ok(Self {
                code: Some(CloseCode::from_wire(u16::from_be_bytes([*high, *low]))?),
                reason: std::str::from_utf8(reason).map_err(|_| Violation::InvalidUtf8)?,
            }),
        }
    }

    /// Encodes the payload: nothing without a code; a reason that is too long is cut at a character.
    pub fn encode(&self) -> Vec<u8> {
        let Some(code) = self.code else {
            return Vec::new();
        };
        let mut payload = Vec::with_capacity(MAX_CONTROL_LEN);
        payload.extend_from_slice(&code.0.to_be_bytes());
        for c in self.reason.chars() {
            if payload.len() + c.len_utf8() > MAX_CONTROL_LEN {
                break;
            }
            payload.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzz::fuzz_close;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_code_is_legal_or_not_as_the_registry_says() {
        for code in 0..=u16::MAX {
            let is_legal =
                matches!(code, 1000..=1003 | 1007..=1014) || (3000..5000).contains(&code);
            assert_eq!(CloseCode::from_wire(code).is_ok(), is_legal, "{code}");
        }
    }

    #[test]
    fn the_codes_that_never_stand_in_a_frame_are_not_sendable() {
        let all = [
            (CloseCode::NORMAL, true),
            (CloseCode::GOING_AWAY, true),
            (CloseCode::PROTOCOL_ERROR, true),
            (CloseCode::UNSUPPORTED, true),
            (CloseCode::RESERVED, false),
            (CloseCode::NO_STATUS, false),
            (CloseCode::ABNORMAL, false),
            (CloseCode::INVALID_PAYLOAD, true),
            (CloseCode::POLICY, true),
            (CloseCode::TOO_BIG, true),
            (CloseCode::EXTENSION_REQUIRED, true),
            (CloseCode::INTERNAL_ERROR, true),
            (CloseCode::SERVICE_RESTART, true),
            (CloseCode::TRY_AGAIN_LATER, true),
            (CloseCode::BAD_GATEWAY, true),
            (CloseCode::TLS_HANDSHAKE, false),
        ];
        for (code, is_sendable) in all {
            assert_eq!(code.is_sendable(), is_sendable, "{code}");
        }
    }

    #[test]
    fn an_illegal_code_is_refused_whatever_follows() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            let mut payload = code.to_be_bytes().to_vec();
            assert_eq!(Close::decode(&payload), Err(Violation::IllegalCloseCode));
            payload.extend(b"reason");
            assert_eq!(Close::decode(&payload), Err(Violation::IllegalCloseCode));
        }
    }

    #[test]
    fn the_longest_reason_is_kept_whole() {
        let close = Close {
            code: Some(CloseCode::NORMAL),
            reason: &"x".repeat(123),
        };
        let payload = close.encode();
        assert_eq!(payload.len(), MAX_CONTROL_LEN);
        assert_eq!(Close::decode(&payload), Ok(close));
    }

    #[test]
    fn an_empty_close_has_no_code() {
        let close = Close::decode(b"").unwrap();
        assert_eq!(close.code, None);
        assert_eq!(close.encode(), b"");
    }

    #[test]
    fn one_byte_is_no_code() {
        assert_eq!(Close::decode(b"\x03"), Err(Violation::TruncatedCloseCode));
    }

    #[test]
    fn a_reason_must_be_text() {
        assert_eq!(Close::decode(b"\x03\xe8\xff"), Err(Violation::InvalidUtf8));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let close = Close {
            code: Some(CloseCode::NORMAL),
            reason: &"é".repeat(100),
        };
        let payload = close.encode();
        assert_eq!(payload.len(), 2 + 122);
        let decoded = Close::decode(&payload).unwrap();
        assert_eq!(decoded.code, Some(CloseCode::NORMAL));
        assert_eq!(decoded.reason, "é".repeat(61));
    }

    proptest! {
        #[test]
        fn any_payload_is_decoded_as_it_is_encoded(
            code in prop_oneof![990_u16..1030, any::<u16>()],
            reason in prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..140),
            ],
        ) {
            fuzz_close(&reason);
            fuzz_close(&[&code.to_be_bytes()[..], &reason].concat());
        }
    }
}
