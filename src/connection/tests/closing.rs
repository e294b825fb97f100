use super::*;

fn closed(connection: &mut Connection, code: Option<CloseCode>, reason: &str) -> Vec<u8> {
    let frame = connection.close(code, reason, KEY);
    frame.map(|frame| frame.to_vec()).unwrap_or_default()
}

#[test]
fn a_close_is_heard_with_code_and_reason() {
    for role in ROLES {
        let mut connection = open(role);
        let input = frame(role, 0x88, b"\x03\xe9bye");
        let outcome = receive_all(&mut connection, &input, &[1]);
        let expected = Heard::Close(Some(CloseCode::GOING_AWAY), "bye".to_owned());
        assert_eq!(outcome.heard, [expected]);
        assert!(!connection.can_receive() && connection.can_send());
        assert!(!connection.is_closed());
    }
}

#[test]
fn an_empty_close_is_heard_without_a_code() {
    for role in ROLES {
        let outcome = heard(role, &[(0x88, b"")]);
        assert_eq!(outcome.heard, [Heard::Close(None, String::new())]);
    }
}

#[test]
fn a_close_of_one_byte_is_refused() {
    for role in ROLES {
        let outcome = heard(role, &[(0x88, b"\x03")]);
        let expected = Violation::TruncatedCloseCode;
        assert_eq!(outcome.fault, Some(Fault::Violation(expected)));
        assert_eq!(outcome.heard, []);
    }
}

#[test]
fn each_code_is_heard_if_it_is_legal_and_refused_if_not() {
    for role in ROLES {
        for code in 0..=5001_u16 {
            let outcome = heard(role, &[(0x88, &code.to_be_bytes())]);
            match code {
                1000..=1003 | 1007..=1014 | 3000..=4999 => {
                    let [Heard::Close(Some(heard), _)] = &*outcome.heard else {
                        panic!("{code}: {outcome:?}");
                    };
                    assert_eq!(heard.as_u16(), code);
                }
                _ => {
                    let expected = Fault::Violation(Violation::IllegalCloseCode);
                    assert_eq!(outcome.fault, Some(expected), "{code}");
                }
            }
        }
    }
}

#[test]
fn a_reason_that_is_not_text_is_refused_with_1007() {
    for role in ROLES {
        let outcome = heard(role, &[(0x88, b"\x03\xe8\xed\xa0\x80")]);
        let fault = outcome.fault.unwrap();
        assert_eq!(fault, Fault::Violation(Violation::InvalidUtf8));
        assert_eq!(fault.close_code(), CloseCode::INVALID_PAYLOAD);
    }
}

#[test]
fn our_close_says_code_and_reason() {
    let mut server = open(Role::Server);
    let bytes = closed(&mut server, Some(CloseCode::NORMAL), "bye");
    assert_eq!(bytes, b"\x88\x05\x03\xe8bye");
    let mut client = open(Role::Client);
    let bytes = closed(&mut client, Some(CloseCode::NORMAL), "");
    assert_eq!(bytes, b"\x88\x82\x37\xfa\x21\x3d\x34\x12");
}

#[test]
fn each_legal_code_can_be_said() {
    for code in (0..=u16::MAX).filter_map(|code| CloseCode::from_wire(code).ok()) {
        let bytes = closed(&mut open(Role::Server), Some(code), "");
        assert_eq!(bytes[..2], [0x88, 2]);
        assert_eq!(bytes[2..], code.as_u16().to_be_bytes());
    }
}

#[test]
fn a_code_that_never_stands_in_a_frame_is_left_out() {
    for code in [
        CloseCode::NO_STATUS,
        CloseCode::ABNORMAL,
        CloseCode::TLS_HANDSHAKE,
    ] {
        let bytes = closed(&mut open(Role::Server), Some(code), "reason");
        assert_eq!(bytes, b"\x88\x00", "{code}");
    }
    assert_eq!(closed(&mut open(Role::Server), None, "reason"), b"\x88\x00");
}

#[test]
fn nothing_leaves_after_our_close() {
    for role in ROLES {
        let mut connection = open(role);
        assert_ne!(closed(&mut connection, None, ""), b"");
        assert!(!connection.can_send() && connection.can_receive());

        let input = frames(role, &[(0x89, b"ping"), (0x81, b"still heard")]);
        let outcome = receive_all(&mut connection, &input, &[1]);
        assert_eq!(outcome.heard.len(), 2);

        connection.ping(b"");
        assert!(!connection.has_control());
        assert_eq!(controls(&mut connection), b"");
        assert_eq!(sent(&mut connection, &[Run::whole(Kind::Text, b"x")]), b"");
        let mut scratch = Vec::new();
        let mut batch = Batch::new(&mut scratch);
        connection.send_copy(Run::whole(Kind::Text, b"x"), KEY, &mut batch);
        assert!(batch.is_empty());
        assert_eq!(closed(&mut connection, None, ""), b"", "a second Close");
    }
}

#[test]
fn the_peer_is_heard_after_our_close_until_its_own() {
    for role in ROLES {
        let mut connection = open(role);
        closed(&mut connection, Some(CloseCode::NORMAL), "");
        let peer: [(u8, &[u8]); 4] = [
            (0x81, b"late"),
            (0x88, b"\x03\xe8"),
            (0x81, b"too late"),
            (0x89, b"too late"),
        ];
        let outcome = receive_all(&mut connection, &frames(role, &peer), &[4]);
        let close = Heard::Close(Some(CloseCode::NORMAL), String::new());
        assert_eq!(outcome.heard, [text("late"), close]);
        assert_eq!(outcome.fault, None);
        assert!(connection.is_closed());
        assert!(connection.peer_close().is_some());
    }
}

#[test]
fn whatever_follows_the_peers_close_is_ignored() {
    for role in ROLES {
        let mut input = frame(role, 0x88, b"");
        input.extend(frame(role, 0x81, b"more"));
        input.extend([0xff; 20]);
        for lens in [[1], [usize::MAX]] {
            let mut connection = open(role);
            let outcome = receive_all(&mut connection, &input, &lens);
            assert_eq!(outcome.heard.len(), 1);
            assert_eq!(outcome.fault, None);
            assert_eq!(connection.peer_close().unwrap().code, None);
        }
    }
}

#[test]
fn we_may_go_on_after_the_peers_close_and_then_close() {
    let mut connection = open(Role::Server);
    let input = frames(Role::Server, &[(0x89, b"p"), (0x88, b"\x03\xe8")]);
    receive_all(&mut connection, &input, &[usize::MAX]);
    assert_eq!(controls(&mut connection), b"\x8a\x01p");
    let answer = sent(&mut connection, &[Run::whole(Kind::Text, b"last")]);
    assert_eq!(answer, b"\x81\x04last");
    let code = connection.peer_close().unwrap().code;
    assert_eq!(closed(&mut connection, code, ""), b"\x88\x02\x03\xe8");
    assert!(connection.is_closed());
}

#[test]
fn a_close_inside_a_message_is_heard_and_the_message_does_not_end() {
    for role in ROLES {
        let outcome = heard(role, &[(0x01, b"begun"), (0x88, b""), (0x80, b"end")]);
        assert_eq!(outcome.heard, [Heard::Close(None, String::new())]);
        assert_eq!(outcome.under_way, Some((Kind::Text, b"begun".to_vec())));
    }
}

#[test]
fn a_fault_is_answered_with_its_code_and_then_all_is_closed() {
    for role in ROLES {
        let mut connection = open(role);
        let input = frame(role, 0x80, b"");
        let fault = receive_all(&mut connection, &input, &[1]).fault.unwrap();
        let waiting = sent(&mut connection, &[Run::whole(Kind::Text, b"")]);
        assert_ne!(waiting, b"", "what waits may still be said");
        let bytes = closed(
            &mut connection,
            Some(fault.close_code()),
            &fault.to_string(),
        );
        assert_eq!(bytes[0], 0x88);
        assert!(connection.is_closed());
        assert_eq!(connection.peer_close(), None);
    }
}

#[test]
fn a_fault_after_our_close_closes() {
    for role in ROLES {
        let mut connection = open(role);
        closed(&mut connection, None, "");
        let outcome = receive_all(&mut connection, &frame(role, 0x83, b""), &[1]);
        assert!(outcome.fault.is_some());
        assert!(connection.is_closed());
    }
}

#[test]
fn a_fault_of_the_callers_ends_what_is_heard() {
    let mut connection = open(Role::Client);
    let fault = Fault::Limit(Limit::MessageTooBig);
    assert_eq!(connection.fail(fault), fault);
    let outcome = receive_all(&mut connection, b"\x81\x01x", &[1]);
    assert_eq!(outcome, Outcome::default());
    assert!(connection.can_send());
}
