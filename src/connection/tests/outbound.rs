use super::*;

fn run(is_first: bool, bytes: &[u8], remaining: Option<u64>) -> Run<'_> {
    Run {
        kind: Kind::Text,
        is_first,
        bytes,
        remaining,
    }
}

#[test]
fn a_whole_message_is_one_frame() {
    // 5.7: "Hello", unmasked and masked.
    let hello = [Run::whole(Kind::Text, b"Hello")];
    assert_eq!(sent(&mut open(Role::Server), &hello), b"\x81\x05Hello");
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(sent(&mut open(Role::Client), &hello), masked);
}

#[test]
fn each_length_has_its_form() {
    for (len, head) in [
        (0, &b"\x82\x00"[..]),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        let payload = vec![0x5a; len];
        let whole = [Run::whole(Kind::Binary, &payload)];
        let expected = [head, &payload].concat();
        assert_eq!(sent(&mut open(Role::Server), &whole), expected, "{len}");

        let masked = sent(&mut open(Role::Client), &whole);
        let head_len = head.len() + KEY.len();
        assert_eq!(masked.len(), head_len + len);
        assert_eq!(masked[..2], [0x82, 0x80 | head[1]]);
        assert_eq!(masked[head.len()..head_len], KEY);
        assert!(
            (masked.iter().skip(head_len))
                .zip(KEY.iter().cycle())
                .all(|(byte, key)| byte ^ key == 0x5a)
        );
    }
}

#[test]
fn runs_are_fragments() {
    let runs = [
        run(true, b"He", None),
        run(false, b"l", Some(2)),
        run(false, b"lo", Some(0)),
    ];
    let expected = b"\x01\x02He\x00\x01l\x80\x02lo";
    assert_eq!(sent(&mut open(Role::Server), &runs), expected);
}

#[test]
fn a_message_may_end_with_an_empty_run() {
    let runs = [run(true, b"Hello", None), run(false, b"", Some(0))];
    let expected = b"\x01\x05Hello\x80\x00";
    assert_eq!(sent(&mut open(Role::Server), &runs), expected);
}

#[test]
fn a_server_lends_long_payload_and_a_client_copies_it() {
    let payload = vec![7; 100_000];
    let run = Run::whole(Kind::Binary, &payload);
    for (role, is_lent) in [(Role::Server, true), (Role::Client, false)] {
        let mut scratch = Vec::new();
        let mut batch = Batch::new(&mut scratch);
        open(role).send(run, KEY, &mut batch);
        let slices = batch.slices(0);
        let here = payload.as_ptr_range();
        let is_here = slices.iter().any(|slice| here.contains(&slice.as_ptr()));
        assert_eq!(is_here, is_lent, "{role:?}");
        drop(slices);
        assert!(!scratch.is_empty() && payload == vec![7; 100_000]);
    }
}

#[test]
fn a_copied_run_is_the_same_frame() {
    for role in ROLES {
        let mut scratch = Vec::new();
        let mut batch = Batch::new(&mut scratch);
        let payload = vec![b'x'; 5000];
        open(role).send_copy(Run::whole(Kind::Text, &payload), KEY, &mut batch);
        let copied = written(&batch);
        let lent = sent(&mut open(role), &[Run::whole(Kind::Text, &payload)]);
        assert_eq!(copied, lent);
    }
}

#[test]
fn a_ping_is_answered_between_the_fragments_of_its_message() {
    let mut connection = open(Role::Server);
    let input = frames(
        Role::Server,
        &[(0x01, b"He"), (0x89, b"there?"), (0x00, b"l")],
    );
    receive_all(&mut connection, &input, &[usize::MAX]);
    assert!(connection.is_inside_message() && connection.has_control());
    assert_eq!(controls(&mut connection), b"\x8a\x06there?");
    assert!(!connection.has_control());
    let mut rest = frame(Role::Server, 0x80, b"lo");
    let (event, _) = connection.receive(&mut rest).unwrap();
    assert!(matches!(event, Some(Event::Data(run)) if run.is_last()));
    assert_eq!(controls(&mut connection), b"", "a ping has one pong");
}

#[test]
fn a_client_masks_its_pong() {
    let mut connection = open(Role::Client);
    receive_all(&mut connection, b"\x89\x05Hello", &[1]);
    let expected = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(controls(&mut connection), expected);
}

#[test]
fn only_the_newest_pong_waits() {
    for role in ROLES {
        let mut connection = open(role);
        let input = frames(role, &[(0x89, b"older"), (0x89, b"new"), (0x8a, b"a pong")]);
        receive_all(&mut connection, &input, &[usize::MAX]);
        let other = match role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        assert_eq!(controls(&mut connection), frame(other, 0x8a, b"new"));
    }
}

#[test]
fn a_pong_is_not_answered() {
    let mut connection = open(Role::Client);
    receive_all(&mut connection, b"\x8a\x02hi", &[1]);
    assert_eq!(connection.control_payload(), b"hi");
    assert!(!connection.has_control());
    assert_eq!(controls(&mut connection), b"");
}

#[test]
fn a_pong_leaves_before_our_ping_and_only_the_newest_ping_of_ours_waits() {
    let mut connection = open(Role::Server);
    connection.ping(b"1");
    connection.ping(b"2");
    receive_all(&mut connection, &frame(Role::Server, 0x89, b"3"), &[1]);
    assert_eq!(controls(&mut connection), b"\x8a\x013\x89\x012");
}

#[test]
fn a_ping_of_ours_takes_125_bytes() {
    let mut connection = open(Role::Server);
    connection.ping(&[9; 126]);
    assert_eq!(
        controls(&mut connection),
        [&[0x89, 125][..], &[9; 125]].concat()
    );
}

#[test]
fn a_control_frame_stands_between_our_fragments() {
    let mut server = open(Role::Server);
    let mut client = open(Role::Client);
    server.ping(b"p");
    let mut bytes = sent(&mut server, &[run(true, b"He", None)]);
    bytes.extend(controls(&mut server));
    bytes.extend(sent(&mut server, &[run(false, b"llo", Some(0))]));
    let outcome = receive_all(&mut client, &bytes, &[2]);
    assert_eq!(outcome.heard, [Heard::Ping(b"p".to_vec()), text("Hello")]);
}
