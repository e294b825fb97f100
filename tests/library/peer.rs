//! Frames made and read by hand, without the code under test.

use std::io::Read;

pub(super) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame of a server: its first byte and a payload of up to 65535 bytes.
pub(super) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0, payload.len());
    frame.extend(payload);
    frame
}

/// A frame of a client.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0x80, payload.len());
    frame.extend(KEY);
    frame.extend(
        payload
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

fn header(first: u8, mask: u8, len: usize) -> Vec<u8> {
    match u8::try_from(len) {
        Ok(len @ 0..126) => vec![first, mask | len],
        _ => {
            let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
            vec![first, mask | 126, high, low]
        }
    }
}

/// The next frame of at most 65535 bytes: first byte, masking key and unmasked payload.
pub(super) fn read_frame(from: &mut impl Read) -> (u8, Option<[u8; 4]>, Vec<u8>) {
    let [first, second] = read(from);
    let len = match second & 0x7f {
        126 => u16::from_be_bytes(read(from)).into(),
        127 => panic!("a test reads no such frames"),
        len => usize::from(len),
    };
    let key = (second & 0x80 != 0).then(|| read(from));
    let mut payload = vec![0; len];
    from.read_exact(&mut payload).unwrap();
    for (byte, key) in payload
        .iter_mut()
        .zip(key.unwrap_or_default().iter().cycle())
    {
        *byte ^= key;
    }
    (first, key, payload)
}

/// The next frame of a server, which masks none.
pub(super) fn read_unmasked(from: &mut impl Read) -> (u8, Vec<u8>) {
    let (first, key, payload) = read_frame(from);
    assert_eq!(key, None);
    (first, payload)
}

fn read<const N: usize>(from: &mut impl Read) -> [u8; N] {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).unwrap();
    bytes
}
