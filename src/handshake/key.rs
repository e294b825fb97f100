//! The two keys of the opening handshake, which prove that the server speaks WebSocket and did not
//! merely echo: RFC 6455 1.3, 4.1 and 4.2.2.
//!
//! Floor 1. Randomness is an argument.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455 1.3: the string that only a WebSocket server puts behind the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes in a client's nonce.
const NONCE_LEN: usize = 16;

/// What a client sends as Sec-WebSocket-Key: 24 letters for 16 bytes chosen at random for each
/// connection. RFC 6455 4.1.
pub fn request_key(nonce: [u8; NONCE_LEN]) -> String {
    STANDARD.encode(nonce)
}

/// Whether `key` is what a client may send: 16 bytes in base64, padded, no bits left over, nothing
/// around it. RFC 6455 4.2.1.
pub fn is_request_key(key: &[u8]) -> bool {
    STANDARD
        .decode(key)
        .is_ok_and(|nonce| nonce.len() == NONCE_LEN)
}

/// What a server answers as Sec-WebSocket-Accept: 28 letters. `key` is the value of the client's
/// Sec-WebSocket-Key, white space around it cut off. RFC 6455 4.2.2.
///
/// ```
/// use websockd::handshake::key::accept_key;
///
/// assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6455_1_3_holds() {
        let key = request_key(*b"the sample nonce");
        assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept_key(key.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_bytes_of_rfc_6455_4_1_make_its_key() {
        let nonce = core::array::from_fn(|i| u8::try_from(i + 1).unwrap());
        assert_eq!(request_key(nonce), "AQIDBAUGBwgJCgsMDQ4PEA==");
    }

    #[test]
    fn a_request_key_is_sixteen_bytes_in_canonical_base64() {
        assert!(is_request_key(b"AQIDBAUGBwgJCgsMDQ4PEA=="));
        assert!(is_request_key(b"////////////////////+w=="));
        for key in [
            &b""[..],
            b"AQIDBAUGBwgJCgsMDQ4P",         // 15 bytes
            b"AQIDBAUGBwgJCgsMDQ4PEBE=",     // 17 bytes
            b"AQIDBAUGBwgJCgsMDQ4PEA",       // no padding
            b"AQIDBAUGBwgJCgsMDQ4PEA=",      // half of it
            b"AQIDBAUGBwgJCgsMDQ4PEB==",     // bits left over
            b"________________________",     // the other alphabet
            b"AQIDBAUGBwgJ CgsMDQ4PEA==",    // white space within
            b"AQIDBAUGBwgJCgsMDQ4PEA==\xff", // more
        ] {
            assert!(!is_request_key(key), "{}", key.escape_ascii());
        }
    }
}
