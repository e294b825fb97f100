//! Whole frames, and control frames between them.

use std::io::Write;

use websockd::blocking::{Error, Frame, Misuse, Options, State, WebSocket};
use websockd::frame::{CloseCode, Opcode, Role};

use super::peer::{masked, read_frame, read_unmasked, unmasked};
use super::streams::{self, Stream, joined, over_each_stream};

over_each_stream!(
    frames_arrive_as_they_were_sent,
    a_ping_between_fragments_is_answered_before_the_message_ends,
);

fn parts(frame: Frame) -> (Opcode, bool, Vec<u8>) {
    (frame.opcode, frame.is_final, frame.payload)
}

fn frames_arrive_as_they_were_sent<S: Stream>(pair: (S, S)) {
    let (mut client, mut server) = joined(pair, &Options::new());
    let long = vec![b'a'; 40_000];
    let frames = [
        (Opcode::Text, false, &b""[..]),
        (Opcode::Continuation, false, &long),
        (Opcode::Ping, true, b"between"),
        (Opcode::Continuation, true, b"\xc3\xa4"),
        (Opcode::Pong, true, b""),
        (Opcode::Binary, true, b"\xff"),
        (Opcode::Close, true, b"\x03\xe8bye"),
    ];
    for (opcode, is_final, payload) in frames {
        client.send_frame(opcode, is_final, payload).unwrap();
    }
    for (opcode, is_final, payload) in frames {
        let frame = server.recv_frame().unwrap().unwrap();
        assert_eq!(parts(frame), (opcode, is_final, payload.to_vec()));
    }
    assert_eq!(server.recv_frame().unwrap(), None);
    assert_eq!(server.state(), State::Closed);
    let pong = client.recv_frame().unwrap().unwrap();
    assert_eq!(parts(pong), (Opcode::Pong, true, b"between".to_vec()));
    let close = client.recv_frame().unwrap().unwrap();
    assert_eq!(parts(close), (Opcode::Close, true, b"\x03\xe8".to_vec()));
    assert_eq!(client.recv_frame().unwrap(), None);
}

fn a_ping_between_fragments_is_answered_before_the_message_ends<S: Stream>(
    (mut raw, there): (S, S),
) {
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    raw.write_all(&masked(0x01, b"one ")).unwrap();
    raw.write_all(&masked(0x89, b"Hello")).unwrap();
    let error = server.recv_until(streams::past()).unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(read_unmasked(&mut raw), (0x8a, b"Hello".to_vec()));
    raw.write_all(&masked(0x80, b"message")).unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"one message"[..]));
}

#[test]
fn frames_that_may_not_stand_there_are_refused_and_not_sent() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    let mut refuse = |opcode, is_final, payload: &[u8], expected| {
        let error = client.send_frame(opcode, is_final, payload).unwrap_err();
        assert!(
            matches!(error, Error::Misuse(misuse) if misuse == expected),
            "{error:?}"
        );
    };
    refuse(
        Opcode::Continuation,
        true,
        b"",
        Misuse::ContinuationOfNothing,
    );
    refuse(Opcode::Ping, false, b"", Misuse::FragmentedControlFrame);
    refuse(Opcode::Pong, true, &[0; 126], Misuse::ControlFrameTooLong);
    refuse(Opcode::Close, true, b"\x03", Misuse::ClosePayload);
    refuse(Opcode::Close, true, b"\x03\xee", Misuse::ClosePayload);
    refuse(Opcode::Text, true, b"\xc3", Misuse::NotUtf8);
    client.send_frame(Opcode::Text, false, b"\xc3").unwrap();
    let error = client.send("inside").unwrap_err();
    assert!(
        matches!(error, Error::Misuse(Misuse::InsideMessage)),
        "{error:?}"
    );
    let error = client
        .send_frame(Opcode::Continuation, true, "a")
        .unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NotUtf8)), "{error:?}");
    client
        .send_frame(Opcode::Continuation, true, b"\xa4")
        .unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some("ä".as_bytes()));
}

#[test]
fn a_message_goes_on_where_its_frames_were_handed_out() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    client.send_frame(Opcode::Text, false, "one ").unwrap();
    client
        .send_frame(Opcode::Continuation, true, "message")
        .unwrap();
    assert_eq!(server.recv_frame().unwrap().unwrap().payload, b"one ");
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"message"[..]));
}

#[test]
fn pings_and_pongs_of_ours_leave_at_once() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    client.ping("are you there").unwrap();
    client.pong("I am").unwrap();
    assert_eq!(server.recv_frame().unwrap().unwrap().opcode, Opcode::Ping);
    let pong = server.recv_frame().unwrap().unwrap();
    assert_eq!(parts(pong), (Opcode::Pong, true, b"I am".to_vec()));
    let pong = client.recv_frame().unwrap().unwrap();
    assert_eq!(parts(pong), (Opcode::Pong, true, b"are you there".to_vec()));
}

#[test]
fn a_client_masks_each_frame_with_another_key_and_a_server_none() {
    let (here, mut raw) = streams::unix();
    let mut client = WebSocket::without_handshake(here, Role::Client, &[], &Options::new());
    let mut keys = Vec::new();
    for _ in 0..8 {
        client.send("Hello").unwrap();
        let (first, key, payload) = read_frame(&mut raw);
        assert_eq!((first, &*payload), (0x81, &b"Hello"[..]));
        keys.push(key.unwrap());
    }
    client.ping("").unwrap();
    keys.push(read_frame(&mut raw).1.unwrap());
    client.start_close(CloseCode::NORMAL, "").unwrap();
    keys.push(read_frame(&mut raw).1.unwrap());
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() >= 9, "{keys:?}");

    let (here, mut raw) = streams::unix();
    let mut server = WebSocket::without_handshake(here, Role::Server, &[], &Options::new());
    server.send("Hello").unwrap();
    assert_eq!(read_unmasked(&mut raw), (0x81, b"Hello".to_vec()));
}

#[test]
fn the_callers_randomness_takes_the_systems_place() {
    let (here, mut raw) = streams::unix();
    let options = Options::new().random(|bytes| {
        bytes.fill(0xa5);
        Ok(())
    });
    let mut client = WebSocket::without_handshake(here, Role::Client, &[], &options);
    client.send("Hello").unwrap();
    assert_eq!(
        read_frame(&mut raw),
        (0x81, Some([0xa5; 4]), b"Hello".to_vec())
    );
}

#[test]
fn without_randomness_a_client_says_nothing_rather_than_something_to_be_foreseen() {
    let (here, mut raw) = streams::unix();
    let options = Options::new().random(|_| Err(std::io::ErrorKind::NotFound.into()));
    let mut client = WebSocket::without_handshake(here, Role::Client, &[], &options);
    let error = client.send("Hello").unwrap_err();
    assert!(matches!(error, Error::Random(_)), "{error:?}");
    raw.write_all(&unmasked(0x81, b"still heard")).unwrap();
    assert_eq!(client.recv().unwrap().as_deref(), Some(&b"still heard"[..]));
    drop(client);
    let mut nothing = Vec::new();
    std::io::Read::read_to_end(&mut raw, &mut nothing).unwrap();
    assert_eq!(nothing, b"");
}
