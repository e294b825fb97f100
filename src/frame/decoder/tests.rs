use proptest::prelude::*;

use super::super::fuzz::{decode_all, encode_all, fuzz_decoder};
use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What is wrong with `input`, the same for every split of it, and found at its last byte.
fn violation_at_the_end(role: Role, input: &[u8]) -> Option<Violation> {
    let before = decode_all(role, &input[..input.len() - 1], &[1]);
    assert_eq!(before.violation, None, "{input:02x?} is wrong earlier");
    let whole = decode_all(role, input, &[usize::MAX]);
    for len in 1..input.len() {
        assert_eq!(decode_all(role, input, &[len]), whole, "{input:02x?}");
    }
    whole.violation
}

/// A server hears masked frames, a client others: the second byte for `role` to hear.
fn second(role: Role, len: u8) -> u8 {
    match role {
        Role::Client => len,
        Role::Server => 0x80 | len,
    }
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn each_reserved_bit_is_refused_at_the_first_byte() {
    for role in ROLES {
        for first in [0x90, 0xa0, 0xc0, 0xf0, 0x11, 0x21, 0x41, 0xf8, 0xd9, 0x7f] {
            let expected = Some(Violation::ReservedBits);
            assert_eq!(violation_at_the_end(role, &[first]), expected, "{first:x}");
        }
    }
}

#[test]
fn each_reserved_opcode_is_refused_at_the_first_byte() {
    for role in ROLES {
        for opcode in (0x3..=0x7).chain(0xb..=0xf) {
            for first in [opcode, 0x80 | opcode] {
                let expected = Some(Violation::UnknownOpcode);
                assert_eq!(violation_at_the_end(role, &[first]), expected, "{first:x}");
            }
        }
    }
}

#[test]
fn a_fragmented_control_frame_is_refused_at_the_first_byte() {
    for role in ROLES {
        for first in [0x08, 0x09, 0x0a] {
            let expected = Some(Violation::FragmentedControlFrame);
            assert_eq!(violation_at_the_end(role, &[first]), expected, "{first:x}");
        }
    }
}

#[test]
fn a_server_refuses_an_unmasked_frame() {
    for input in [[0x81, 0x05], [0x89, 0x00], [0x82, 0x7f]] {
        let violation = violation_at_the_end(Role::Server, &input);
        assert_eq!(violation, Some(Violation::UnmaskedByClient));
    }
}

#[test]
fn a_client_refuses_a_masked_frame() {
    for input in [[0x81, 0x85], [0x89, 0x80], [0x82, 0xff]] {
        let violation = violation_at_the_end(Role::Client, &input);
        assert_eq!(violation, Some(Violation::MaskedByServer));
    }
}

#[test]
fn a_control_frame_over_125_bytes_is_refused_at_the_second_byte() {
    for role in ROLES {
        for first in [0x88, 0x89, 0x8a] {
            for len in [126, 127] {
                let violation = violation_at_the_end(role, &[first, second(role, len)]);
                assert_eq!(violation, Some(Violation::ControlFrameTooLong));
            }
        }
    }
}

#[test]
fn a_control_frame_of_125_bytes_is_decoded() {
    let mut input = vec![0x89, 125];
    input.extend([7; 125]);
    let decoded = decode_all(Role::Client, &input, &[3]);
    assert_eq!(decoded.frames.len(), 1);
    assert_eq!(decoded.frames[0].1, [7; 125]);
}

#[test]
fn a_length_below_126_in_16_bits_is_refused() {
    for role in ROLES {
        for len in [0, 1, 125_u16] {
            let [high, low] = len.to_be_bytes();
            let violation = violation_at_the_end(role, &[0x82, second(role, 126), high, low]);
            assert_eq!(violation, Some(Violation::NonMinimalLength), "{len}");
        }
    }
}

#[test]
fn a_length_below_65536_in_64_bits_is_refused() {
    for role in ROLES {
        for len in [0, 125, 126, 65535_u64] {
            let mut input = vec![0x82, second(role, 127)];
            input.extend(len.to_be_bytes());
            let violation = violation_at_the_end(role, &input);
            assert_eq!(violation, Some(Violation::NonMinimalLength), "{len}");
        }
    }
}

#[test]
fn a_length_of_two_to_the_63_is_refused_at_its_first_byte() {
    for role in ROLES {
        let violation = violation_at_the_end(role, &[0x82, second(role, 127), 0x80]);
        assert_eq!(violation, Some(Violation::LengthOutOfRange));
    }
}

#[test]
fn the_longest_length_is_told_before_its_payload_comes() {
    let mut input = [0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let mut decoder = Decoder::new(Role::Client);
    let (part, rest) = decoder.decode(&mut input).unwrap();
    let part = part.unwrap();
    assert!(part.is_first && part.bytes.is_empty() && rest.is_empty());
    assert_eq!(part.header.payload_len, u64::MAX >> 1);
    assert_eq!(part.remaining, u64::MAX >> 1);
    assert!(!decoder.is_between_frames());
}

#[test]
fn the_least_lengths_of_each_form_are_decoded() {
    for len in [0, 1, 125, 126, 127, 65535, 65536, 65537] {
        let header = Header {
            is_final: true,
            opcode: Opcode::Binary,
            key: Some(KEY),
            payload_len: len,
        };
        let frames = [(header, vec![0xa5; usize::try_from(len).unwrap()])];
        let input = encode_all(&frames);
        for lens in [[usize::MAX, 1], [1, 1], [1000, 7]] {
            let decoded = decode_all(Role::Server, &input, &lens);
            assert_eq!(decoded.frames, frames, "{len}");
        }
    }
}

#[test]
fn a_header_is_told_once_and_then_payload_as_it_comes() {
    // 5.7: a masked "Hello".
    let mut input = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x01";
    let (head, rest) = input.split_at_mut(6);
    let (payload, rest) = rest.split_at_mut(2);
    let mut decoder = Decoder::new(Role::Server);
    assert!(decoder.is_between_frames());

    let (part, _) = decoder.decode(head).unwrap();
    let part = part.unwrap();
    assert_eq!((part.is_first, part.remaining), (true, 5));
    assert_eq!(part.header.key, Some(KEY));
    let header = part.header;

    assert_eq!(decoder.decode(&mut []).unwrap().0, None);

    let (part, _) = decoder.decode(payload).unwrap();
    let part = part.unwrap();
    assert_eq!((&*part.bytes, part.is_first), (&b"He"[..], false));
    assert_eq!((part.header, part.remaining), (header, 3));

    let (part, rest) = decoder.decode(rest).unwrap();
    assert_eq!(&*part.unwrap().bytes, b"llo");
    assert!(decoder.is_between_frames());
    assert_eq!(*rest, *b"\x01", "the next frame is the next call's");

    assert_eq!(decoder.decode(rest).unwrap(), (None, &mut [][..]));
    assert!(!decoder.is_between_frames());
}

#[test]
fn an_empty_frame_is_one_empty_part() {
    for (role, mut input) in [
        (Role::Client, vec![0x81, 0x00]),
        (Role::Server, vec![0x81, 0x80, 1, 2, 3, 4]),
    ] {
        let mut decoder = Decoder::new(role);
        let (part, _) = decoder.decode(&mut input).unwrap();
        let part = part.unwrap();
        assert!(part.is_first && part.bytes.is_empty());
        assert_eq!(part.remaining, 0);
        assert!(decoder.is_between_frames());
    }
}

fn header(role: Role) -> impl Strategy<Value = (Header, Vec<u8>)> {
    let payload = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..40),
        2 => prop::collection::vec(any::<u8>(), 100..400),
        1 => (65530_usize..65545).prop_map(|len| vec![0x5a; len]),
    ];
    let opcode = prop::sample::select(&[0x0_u8, 0x1, 0x2, 0x8, 0x9, 0xa][..]);
    (opcode, any::<bool>(), any::<[u8; 4]>(), payload).prop_map(
        move |(opcode, is_final, key, mut payload)| {
            let opcode = Opcode::from_bits(opcode).unwrap();
            if opcode.is_control() {
                payload.truncate(MAX_CONTROL_LEN);
            }
            let header = Header {
                is_final: is_final || opcode.is_control(),
                opcode,
                key: (role == Role::Server).then_some(key),
                payload_len: u64::try_from(payload.len()).unwrap(),
            };
            (header, payload)
        },
    )
}

fn frames() -> impl Strategy<Value = (Role, Vec<(Header, Vec<u8>)>)> {
    prop::sample::select(&ROLES[..])
        .prop_flat_map(|role| (Just(role), prop::collection::vec(header(role), 0..8)))
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_for_any_split(
        (role, frames) in frames(),
        lens in prop::collection::vec(prop_oneof![1_usize..8, 1_usize..70000], 1..20),
    ) {
        let input = encode_all(&frames);
        let decoded = decode_all(role, &input, &lens);
        prop_assert_eq!(decoded.violation, None);
        prop_assert_eq!(decoded.frames, frames);
    }

    #[test]
    fn any_bytes_in_any_pieces_are_the_same_frames(
        data in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&[0_u8, 1, 2, 3, 0x81, 0x82, 0x89, 0xfe][..])],
            0..200,
        ),
    ) {
        fuzz_decoder(&data);
    }
}
