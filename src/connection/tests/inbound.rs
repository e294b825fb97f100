use proptest::prelude::*;

use super::super::fuzz_connection;
use super::*;

fn violation(violation: Violation) -> Option<Fault> {
    Some(Fault::Violation(violation))
}

#[test]
fn messages_of_both_kinds_and_none_of_their_bytes_are_changed() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for role in ROLES {
        let outcome = heard(role, &[(0x81, b"Hello"), (0x82, &bytes), (0x81, b"")]);
        let expected = [text("Hello"), binary(&bytes), text("")];
        assert_eq!(outcome.heard, expected);
        assert_eq!(outcome.fault, None);
    }
}

#[test]
fn fragments_are_one_message() {
    for role in ROLES {
        let outcome = heard(
            role,
            &[
                (0x01, b"He"),
                (0x00, b""),
                (0x00, b"l"),
                (0x80, b"lo"),
                (0x02, b""),
                (0x80, b""),
            ],
        );
        assert_eq!(outcome.heard, [text("Hello"), binary(b"")]);
        assert_eq!(outcome.under_way, None);
    }
}

#[test]
fn an_empty_last_fragment_ends_the_message() {
    for role in ROLES {
        let outcome = heard(role, &[(0x01, b"Hello"), (0x00, b""), (0x80, b"")]);
        assert_eq!(outcome.heard, [text("Hello")]);
    }
}

#[test]
fn a_run_tells_how_much_of_its_message_follows() {
    let mut connection = open(Role::Client);
    let mut input = frames(Role::Client, &[(0x02, b"ab"), (0x80, b"cdef")]);
    let (now, later) = input.split_at_mut(7);

    let (event, rest) = connection.receive(now).unwrap();
    let first = Run {
        kind: Kind::Binary,
        is_first: true,
        bytes: b"ab",
        remaining: None,
    };
    assert_eq!(event, Some(Event::Data(first)), "a fragment may follow");
    assert!(connection.is_inside_message());

    let (event, rest) = connection.receive(rest).unwrap();
    let second = Run {
        is_first: false,
        bytes: b"c",
        remaining: Some(3),
        ..first
    };
    assert_eq!(event, Some(Event::Data(second)), "three bytes follow");
    assert!(rest.is_empty());

    let (event, _) = connection.receive(later).unwrap();
    let last = Run {
        bytes: b"def",
        remaining: Some(0),
        ..second
    };
    assert_eq!(event, Some(Event::Data(last)));
    assert!(!connection.is_inside_message());
}

#[test]
fn nothing_received_is_nothing_heard() {
    for role in ROLES {
        let mut connection = open(role);
        let (event, rest) = connection.receive(&mut []).unwrap();
        assert_eq!((event, rest.len()), (None, 0));
    }
}

#[test]
fn a_continuation_of_nothing_is_refused() {
    for role in ROLES {
        for first in [0x00, 0x80] {
            let outcome = heard(role, &[(0x81, b"whole"), (first, b"x")]);
            let expected = violation(Violation::ContinuationOfNothing);
            assert_eq!(outcome.fault, expected);
            assert_eq!(outcome.heard, [text("whole")], "what was right is heard");
        }
    }
}

#[test]
fn data_inside_a_message_is_refused() {
    for role in ROLES {
        for first in [0x01, 0x02, 0x81, 0x82] {
            let outcome = heard(role, &[(0x01, b"begun"), (first, b"x")]);
            assert_eq!(outcome.fault, violation(Violation::DataInsideMessage));
            assert_eq!(outcome.heard, []);
        }
    }
}

#[test]
fn a_violation_of_a_header_is_the_connections() {
    for role in ROLES {
        let outcome = heard(role, &[(0xc1, b"x")]);
        assert_eq!(outcome.fault, violation(Violation::ReservedBits));
        let other = match role {
            Role::Client => (Role::Server, Violation::MaskedByServer),
            Role::Server => (Role::Client, Violation::UnmaskedByClient),
        };
        let input = frame(other.0, 0x81, b"x");
        let outcome = receive_all(&mut open(role), &input, &[1]);
        assert_eq!(outcome.fault, violation(other.1));
    }
}

#[test]
fn nothing_is_heard_after_a_fault() {
    for role in ROLES {
        let mut connection = open(role);
        let input = frame(role, 0x83, b"");
        assert!(receive_all(&mut connection, &input, &[1]).fault.is_some());
        assert!(!connection.can_receive() && connection.can_send());
        let input = frames(role, &[(0x81, b"more"), (0x89, b""), (0x88, b"")]);
        let outcome = receive_all(&mut connection, &input, &[usize::MAX]);
        assert_eq!(outcome, Outcome::default());
        assert_eq!(connection.peer_close(), None);
    }
}

#[test]
fn control_frames_stand_between_fragments() {
    for role in ROLES {
        let outcome = heard(
            role,
            &[
                (0x01, b"He"),
                (0x89, b"ping"),
                (0x00, b"l"),
                (0x8a, b"pong"),
                (0x80, b"lo"),
            ],
        );
        let ping = Heard::Ping(b"ping".to_vec());
        let pong = Heard::Pong(b"pong".to_vec());
        assert_eq!(outcome.heard, [ping, pong, text("Hello")]);
    }
}

#[test]
fn control_frames_of_0_and_125_bytes_are_heard_whole() {
    for role in ROLES {
        let payload = [0xfe; 125];
        let outcome = heard(role, &[(0x89, b""), (0x8a, &payload), (0x89, &payload)]);
        let (empty, full) = (Vec::new(), payload.to_vec());
        let expected = [
            Heard::Ping(empty),
            Heard::Pong(full.clone()),
            Heard::Ping(full),
        ];
        assert_eq!(outcome.heard, expected);
    }
}

#[test]
fn text_may_be_cut_within_a_character() {
    for role in ROLES {
        let [a, b, c] = "€".as_bytes() else {
            panic!()
        };
        let outcome = heard(role, &[(0x01, &[*a]), (0x00, &[*b]), (0x80, &[*c, b'!'])]);
        assert_eq!(outcome.heard, [text("€!")]);
    }
}

#[test]
fn text_fails_at_its_first_wrong_byte() {
    for role in ROLES {
        let payload = b"\xf4\x90\x80\x80 and what is never waited for";
        let input = frame(role, 0x01, payload);
        let head = input.len() - payload.len();
        let mut connection = open(role);
        let right = receive_all(&mut connection, &input[..head + 1], &[1]);
        assert_eq!(right.fault, None, "F4 may begin a character");
        let wrong = receive_all(&mut connection, &input[head + 1..head + 2], &[1]);
        assert_eq!(wrong.fault, violation(Violation::InvalidUtf8));
    }
}

#[test]
fn text_fails_across_fragments() {
    for role in ROLES {
        let outcome = heard(role, &[(0x01, b"\xed"), (0x89, b""), (0x00, b"\xa0")]);
        assert_eq!(outcome.fault, violation(Violation::InvalidUtf8));
        assert_eq!(outcome.heard, [Heard::Ping(Vec::new())]);
    }
}

#[test]
fn text_that_ends_within_a_character_fails() {
    for role in ROLES {
        for peer in [
            &[(0x81, &b"a\xe2\x82"[..])][..],
            &[(0x01, b"a\xe2\x82"), (0x80, b"")],
        ] {
            let outcome = heard(role, peer);
            assert_eq!(outcome.fault, violation(Violation::InvalidUtf8));
        }
    }
}

#[test]
fn one_text_is_checked_apart_from_the_next() {
    for role in ROLES {
        let outcome = heard(role, &[(0x81, "é".as_bytes()), (0x81, b"\xa9")]);
        assert_eq!(outcome.heard, [text("é")]);
        assert_eq!(outcome.fault, violation(Violation::InvalidUtf8));
    }
}

#[test]
fn binary_is_not_checked() {
    for role in ROLES {
        let outcome = heard(role, &[(0x02, b"\xff\xc0"), (0x80, b"\x80")]);
        assert_eq!(outcome.heard, [binary(b"\xff\xc0\x80")]);
    }
}

fn limited(role: Role) -> Connection {
    let max_message_len = Some(10);
    Connection::new(role, Limits { max_message_len })
}

#[test]
fn a_message_of_just_the_limit_is_heard() {
    for role in ROLES {
        let peer: [(u8, &[u8]); 3] = [(0x82, &[1; 10]), (0x02, &[1; 9]), (0x80, &[1])];
        let input = frames(role, &peer);
        let outcome = receive_all(&mut limited(role), &input, &[3]);
        assert_eq!(outcome.heard, [binary(&[1; 10]), binary(&[1; 10])]);
        assert_eq!(outcome.fault, None);
    }
}

#[test]
fn a_message_over_the_limit_is_refused_at_its_declared_length() {
    let too_big = Some(Fault::Limit(Limit::MessageTooBig));
    for role in ROLES {
        let input = frame(role, 0x82, &[1; 11]);
        let head = input.len() - 11;
        let outcome = receive_all(&mut limited(role), &input[..head], &[1]);
        assert_eq!(outcome.fault, too_big, "before any payload");
    }
}

#[test]
fn fragments_count_together_towards_the_limit() {
    let too_big = Some(Fault::Limit(Limit::MessageTooBig));
    for role in ROLES {
        let peer: [(u8, &[u8]); 3] = [(0x02, &[1; 6]), (0x89, &[0; 100]), (0x00, &[1; 5])];
        let input = frames(role, &peer);
        let outcome = receive_all(&mut limited(role), &input[..input.len() - 5], &[1]);
        assert_eq!(outcome.fault, too_big, "before the fragment's payload");
        assert_eq!(outcome.heard, [Heard::Ping(vec![0; 100])]);
    }
}

#[test]
fn lengths_do_not_wrap_around() {
    let mut longest = vec![0x00, 0x7f, 0x7f];
    longest.extend([0xff; 7]);
    let mut input = frame(Role::Client, 0x02, b"x");
    input.extend(longest);
    let max_message_len = Some(u64::MAX >> 1);
    let mut connection = Connection::new(Role::Client, Limits { max_message_len });
    let outcome = receive_all(&mut connection, &input, &[usize::MAX]);
    assert_eq!(outcome.fault, Some(Fault::Limit(Limit::MessageTooBig)));
}

/// Frames as peers send them, right or nearly so.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(&[0x01_u8, 0x02, 0x00, 0x80, 0x81, 0x82, 0x89, 0x8a][..]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "[a-zé€😀]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => Just(b"\x03\xe8bye".to_vec()),
        1 => Just(b"\xe2".to_vec()),
        1 => Just(vec![b'x'; 200]),
    ];
    let role = prop_oneof![9 => Just(None), 1 => Just(Some(Role::Client))];
    let frames = prop::collection::vec((first, payload, role), 0..10);
    (prop::sample::select(&ROLES[..]), any::<[u8; 3]>(), frames).prop_map(
        |(role, choice, frames)| {
            let mut data = vec![u8::from(role == Role::Server)];
            data.extend(choice);
            for (first, payload, other) in frames {
                data.extend(frame(other.unwrap_or(role), first, &payload));
            }
            data
        },
    )
}

proptest! {
    #[test]
    fn any_split_of_frames_gives_the_same_events(data in nearly_frames()) {
        fuzz_connection(&data);
    }

    #[test]
    fn random_bytes_are_no_harm(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_connection(&data);
    }
}
