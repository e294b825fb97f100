//! Masking: RFC 6455 5.3.

/// Bytes combined at a time: what the compiler makes two vector registers of, everywhere.
const WIDE: usize = 32;

/// Masks or unmasks `payload` in place.
///
/// `key` is the masking key turned so that its first byte meets the first byte of `payload`. Returns
/// it turned for the byte that follows, so that a payload can be done in runs of any length.
///
/// O(n); 32 bytes a step.
pub fn apply(key: [u8; 4], payload: &mut [u8]) -> [u8; 4] {
    let key_word = u32::from_ne_bytes(key);
    let wide_key = u64::from(key_word) | u64::from(key_word) << 32;
    let mut wide = payload.chunks_exact_mut(WIDE);
    for chunk in wide.by_ref() {
        for eight in chunk.chunks_exact_mut(8) {
            if let Ok(bytes) = <&mut [u8; 8]>::try_from(eight) {
                *bytes = (u64::from_ne_bytes(*bytes) ^ wide_key).to_ne_bytes();
            }
        }
    }
    let mut words = wide.into_remainder().chunks_exact_mut(4);
    for word in words.by_ref() {
        if let Ok(bytes) = <&mut [u8; 4]>::try_from(word) {
            *bytes = (u32::from_ne_bytes(*bytes) ^ key_word).to_ne_bytes();
        }
    }
    let rest = words.into_remainder();
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
    turn(key, rest.len())
}

/// `key` as it stands `count` bytes later.
fn turn(key: [u8; 4], count: usize) -> [u8; 4] {
    let [a, b, c, d] = key;
    match count % 4 {
        0 => key,
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    }
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
            let next = apply(key, head);
            apply(next, tail);
            prop_assert_eq!(masked, expected);
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
