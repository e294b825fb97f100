//! The end, in order and otherwise.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use websockd::blocking::{Blame, Error, Misuse, Options, State, WebSocket};
use websockd::frame::{CloseCode, Opcode, Role};

use super::peer::{masked, read_frame, read_unmasked, unmasked};
use super::streams::{self, Stream, joined, over_each_stream};

over_each_stream!(
    both_closing_at_once_is_in_order,
    after_detaching_the_stream_speaks_another_protocol,
    what_came_right_behind_the_close_is_not_lost,
    a_peer_that_vanishes_is_lost_wherever_it_was,
    a_fault_is_told_to_the_peer_and_remembered,
);

fn both_closing_at_once_is_in_order<S: Stream>(pair: (S, S)) {
    let (mut client, mut server) = joined(pair, &Options::new());
    client.start_close(CloseCode::NORMAL, "client").unwrap();
    server.start_close(CloseCode::GOING_AWAY, "server").unwrap();
    assert_eq!(
        (client.state(), server.state()),
        (State::Closing, State::Closing)
    );
    client.close(CloseCode::NORMAL, "ignored").unwrap();
    server.close(CloseCode::NORMAL, "ignored").unwrap();
    assert_eq!(
        (client.state(), server.state()),
        (State::Closed, State::Closed)
    );
    assert_eq!(client.peer_close().unwrap().reason, "server");
    assert_eq!(server.peer_close().unwrap().reason, "client");
    assert!(matches!(client.send("late"), Err(Error::Closed)));
    assert!(matches!(client.ping("late"), Err(Error::Closed)));
    assert_eq!(client.recv().unwrap(), None);
    client.close(None, "").unwrap();
}

fn after_detaching_the_stream_speaks_another_protocol<S: Stream>(pair: (S, S)) {
    let (client, mut server) = joined(pair, &Options::new());
    let peer = thread::spawn(move || {
        assert_eq!(server.recv().unwrap(), None);
        let mut stream = server.detach().unwrap();
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(&asked).unwrap();
    });
    let mut stream = client.detach().unwrap();
    stream.write_all(b"PING").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"PING");
    peer.join().unwrap();
}

fn what_came_right_behind_the_close_is_not_lost<S: Stream>((here, mut raw): (S, S)) {
    let client = WebSocket::without_handshake(here, Role::Client, &[], &Options::new());
    // \x81 would begin a frame.
    let behind = b"\x81\xff and so on";
    raw.write_all(
        &[
            &unmasked(0x81, b"dropped")[..],
            &unmasked(0x88, b""),
            behind,
        ]
        .concat(),
    )
    .unwrap();
    let mut stream = client.detach().unwrap();
    assert_eq!(read_frame(&mut raw).0, 0x88);
    raw.write_all(b" on").unwrap();
    drop(raw);
    let mut told = Vec::new();
    stream.read_to_end(&mut told).unwrap();
    assert_eq!(told, [&behind[..], b" on"].concat());
}

fn a_peer_that_vanishes_is_lost_wherever_it_was<S: Stream>((mut raw, there): (S, S)) {
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    raw.write_all(&masked(0x81, b"whole")).unwrap();
    raw.write_all(&masked(0x81, b"half of it")[..9]).unwrap();
    drop(raw);
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"whole"[..]));
    for _ in 0..2 {
        let error = server.recv().unwrap_err();
        assert!(matches!(error, Error::Lost), "{error:?}");
        assert_eq!(error.blame(), Blame::Machine);
    }
    assert_eq!(server.state(), State::Closed);
    assert!(matches!(server.send("too late"), Err(Error::Lost)));
    assert!(matches!(
        server.close(CloseCode::NORMAL, ""),
        Err(Error::Lost)
    ));
    assert_eq!(server.peer_close(), None);
}

fn a_fault_is_told_to_the_peer_and_remembered<S: Stream>((mut raw, there): (S, S)) {
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    raw.write_all(&[&masked(0x81, b"right")[..], &masked(0x83, b"wrong")].concat())
        .unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"right"[..]));
    for _ in 0..2 {
        let error = server.recv().unwrap_err();
        assert_eq!(error.to_string(), "unknown opcode");
        assert_eq!(error.blame(), Blame::Peer);
    }
    assert_eq!(server.state(), State::Closed);
    let told = (0x88, b"\x03\xeaunknown opcode".to_vec());
    assert_eq!(read_unmasked(&mut raw), told);
}

#[test]
fn after_our_close_messages_still_arrive() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    client.start_close(CloseCode::NORMAL, "").unwrap();
    server.send("said before I knew").unwrap();
    assert_eq!(
        client.recv().unwrap().as_deref(),
        Some(&b"said before I knew"[..])
    );
    assert_eq!(server.recv().unwrap(), None);
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(client.state(), State::Closed);
}

#[test]
fn a_forced_close_says_nothing() {
    let (client, mut server) = joined(streams::unix(), &Options::new());
    let mut stream = client.force_close();
    stream.write_all(&masked(0x82, b"")).unwrap();
    assert_eq!(server.recv_frame().unwrap().unwrap().opcode, Opcode::Binary);
    stream.shutdown(Shutdown::Both).unwrap();
    assert!(matches!(server.recv(), Err(Error::Lost)));
}

#[test]
fn a_code_that_may_not_be_sent_is_refused() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    for code in [
        CloseCode::NO_STATUS,
        CloseCode::ABNORMAL,
        CloseCode::TLS_HANDSHAKE,
    ] {
        let error = client.close(code, "").unwrap_err();
        assert!(
            matches!(error, Error::Misuse(Misuse::CloseCode)),
            "{error:?}"
        );
    }
    client.send("still open").unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"still open"[..]));
}

#[test]
fn the_peers_close_is_read_although_it_takes_nothing_more() {
    let (mut raw, there) = streams::tcp();
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    raw.write_all(&masked(0x89, b"")).unwrap();
    raw.write_all(&masked(0x88, b"\x03\xe9")).unwrap();
    raw.shutdown(Shutdown::Both).unwrap();
    assert_eq!(server.recv().unwrap(), None);
    assert_eq!(
        server.peer_close().unwrap().code,
        Some(CloseCode::GOING_AWAY)
    );
}
