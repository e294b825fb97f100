//! Masking: RFC 6455 5.3.

/// Bytes combined at a time in a long payload: what the compiler makes two vector registers of,
/// everywhere.
const WIDE: usize = 32;

/// The bits that are set in no byte of ASCII, of eight.
const NOT_ASCII: u64 = u64::from_ne_bytes([0x80; 8]);

/// Masks or unmasks `payload` in place.
///
/// `key` is the masking key turned so that its first byte meets the first byte of `payload`: a payload can
/// be done in runs of any length, each with the key [turned](turn) by the bytes before it.
///
/// Returns whether `payload` is ASCII now. That is learned in passing, where another look would wait for
/// the bytes just written.
///
/// O(n); 32 bytes a step.
// Inlined always: a short payload is done in fewer instructions than its caller's registers take to save.
#[inline(always)]
pub fn apply(key: [u8; 4], payload: &mut [u8]) -> bool {
    let four = u32::from_ne_bytes(key);
    let key = u64::from(four) | u64::from(four) << 32;
    let (wide, rest) = payload.split_at_mut(payload.len() - payload.len() % WIDE);
    let mut seen = if wide.is_empty() {
        0
    } else {
        apply_wide(key, wide)
    };
    let rest = apply_words::<16>(key, rest, &mut seen);
    let rest = apply_words::<8>(key, rest, &mut seen);
    for (byte, key) in rest.iter_mut().zip(key.to_ne_bytes()) {
        *byte ^= key;
        seen |= u64::from(*byte);
    }
    seen & NOT_ASCII == 0
}

/// `key` as it stands `count` bytes later.
#[inline]
pub fn turn(key: [u8; 4], count: u64) -> [u8; 4] {
    let bytes = u32::try_from(count % 4).unwrap_or(0);
    u32::from_be_bytes(key).rotate_left(8 * bytes).to_be_bytes()
}

/// [`apply`] for whole chunks of [`WIDE`] bytes; returns the bits that any byte has.
// Byte by byte, and apart from its caller: vectors are made of this form only.
#[inline(never)]
fn apply_wide(key: u64, payload: &mut [u8]) -> u64 {
    let mut wide_key = [0; WIDE];
    for (wide, key) in wide_key.iter_mut().zip(key.to_ne_bytes().iter().cycle()) {
        *wide = *key;
    }
    let mut seen = [0; WIDE];
    for chunk in payload.chunks_exact_mut(WIDE) {
        for ((byte, key), seen) in chunk.iter_mut().zip(&wide_key).zip(&mut seen) {
            *byte ^= key;
            *seen |= *byte;
        }
    }
    seen.iter().fold(0, |all, seen| all | u64::from(*seen))
}

/// [`apply`] for whole chunks of `LEN` bytes, a word at a time; returns the rest, which is shorter than
/// a chunk, and adds to `seen` the bits that any word has.
#[inline(always)]
fn apply_words<'a, const LEN: usize>(
    key: u64,
    payload: &'a mut [u8],
    seen: &mut u64,
) -> &'a mut [u8] {
    let mut chunks = payload.chunks_exact_mut(LEN);
    for chunk in chunks.by_ref() {
        for word in chunk.chunks_exact_mut(8) {
            if let Ok(word) = <&mut [u8; 8]>::try_from(word) {
                let masked = u64::from_ne_bytes(*word) ^ key;
                *word = masked.to_ne_bytes();
                *seen |= masked;
            }
        }
    }
    chunks.into_remainder()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_rfc() {
        // 5.7: a masked "Hello".
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply([0x37, 0xfa, 0x21, 0x3d], &mut payload);
        assert_eq!(&payload, b"Hello");
    }

    proptest! {
        #[test]
        fn any_split_is_the_same_as_byte_by_byte(
            key: [u8; 4],
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at: prop::sample::Index,
        ) {
            let expected: Vec<u8> =
                bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            let mut masked = bytes.clone();
            let at = at.index(bytes.len() + 1);
            let (head, tail) = masked.split_at_mut(at);
            apply(key, head);
            apply(turn(key, u64::try_from(head.len()).unwrap()), tail);
            prop_assert_eq!(masked, expected);
        }

        #[test]
        fn a_byte_that_is_not_ascii_is_seen_wherever_it_stands(
            key: [u8; 4],
            text in proptest::collection::vec(0..0x80u8, 1..300),
            other in 0x80u8..,
            at: prop::sample::Index,
        ) {
            let mut masked = text.clone();
            apply(key, &mut masked);
            prop_assert!(apply(key, &mut masked));
            prop_assert_eq!(&masked, &text);
            masked[at.index(text.len())] = other;
            apply(key, &mut masked);
            prop_assert!(!apply(key, &mut masked));
        }

        #[test]
        fn twice_is_identity(key: [u8; 4], bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut twice = bytes.clone();
            apply(key, &mut twice);
            apply(key, &mut twice);
            prop_assert_eq!(twice, bytes);
        }
    }
}
