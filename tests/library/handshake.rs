//! The opening handshake at both ends.

use std::io::{Read, Write};
use std::thread;

use websockd::blocking::{Acceptor, Blame, Client, Error, State};
use websockd::frame::Kind;
use websockd::handshake::client::{RequestError, Response, ResponseError};
use websockd::handshake::server::{Origins, Policy};
use websockd::handshake::{Header, Reject};

use super::peer::{masked, read_unmasked};
use super::streams::{self, Stream, over_each_stream};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

over_each_stream!(
    both_ends_know_what_was_agreed_upon,
    a_request_read_by_somebody_else_is_gone_on_with_from_any_byte,
    a_request_that_is_turned_down_is_told_so,
);

fn both_ends_know_what_was_agreed_upon<S: Stream>((here, there): (S, S)) {
    let server = thread::spawn(move || {
        let acceptor = Acceptor::new()
            .policy(Policy {
                origins: Origins::Listed(vec!["example.com".to_owned()]),
                protocols: vec!["v2".to_owned(), "v1".to_owned()],
                ..Policy::default()
            })
            .header(Header::new("X-Server", "here").unwrap())
            .kind(Kind::Binary);
        let mut server = acceptor.attach(there).unwrap();
        server.send([255]).unwrap();
        server
    });
    let client = Client::new("localhost:8080", "/chat?room=1")
        .origin("https://example.com")
        .protocol("v1")
        .protocol("v2")
        .header(Header::new("X-Client", "there").unwrap())
        .kind(Kind::Binary);
    let mut client = client.attach(here).unwrap();
    assert_eq!(client.state(), State::Open);
    assert_eq!(client.recv().unwrap(), Some(vec![255]));
    assert_eq!(client.protocol(), Some("v2"));
    let response = client.response().unwrap();
    assert_eq!(response.header("x-server"), Some(&b"here"[..]));
    assert!(client.request().is_none());
    let server = server.join().unwrap();
    assert_eq!(server.protocol(), Some("v2"));
    let request = server.request().unwrap();
    assert_eq!(request.target(), "/chat?room=1");
    assert_eq!(request.header("x-client"), Some(&b"there"[..]));
    assert!(server.response().is_none());
}

fn a_request_read_by_somebody_else_is_gone_on_with_from_any_byte<S: Stream>((raw, there): (S, S)) {
    let (mut raw, mut there) = (raw, there);
    let sent = [REQUEST, &masked(0x81, b"first"), &masked(0x81, b"second")].concat();
    for split in [
        1,
        REQUEST.len() - 1,
        REQUEST.len(),
        REQUEST.len() + 3,
        sent.len(),
    ] {
        let (received, later) = sent.split_at(split);
        raw.write_all(later).unwrap();
        let mut server = Acceptor::new()
            .attach_received(&mut there, received)
            .unwrap();
        assert_eq!(server.request().unwrap().path(), "/chat");
        assert_eq!(server.recv().unwrap().as_deref(), Some(&b"first"[..]));
        assert_eq!(server.recv().unwrap().as_deref(), Some(&b"second"[..]));
        server.send("answer").unwrap();
        drop(server);
        let head = read_head(&mut raw);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(read_unmasked(&mut raw), (0x81, b"answer".to_vec()));
    }
}

fn a_request_that_is_turned_down_is_told_so<S: Stream>((here, there): (S, S)) {
    let server = thread::spawn(move || Acceptor::new().attach(there).map(drop).unwrap_err());
    let client = Client::new("localhost", "/").origin("http://evil.example");
    let error = client.attach(here).map(drop).unwrap_err();
    let Error::Refused(refusal) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(error.blame(), Blame::Peer);
    assert_eq!(refusal.error(), ResponseError::Status(403));
    let response = Response::parse(refusal.head()).unwrap();
    assert!(response.header("Content-Length").is_some());
    let error = server.join().unwrap();
    assert!(
        matches!(error, Error::Rejected(Reject::Origin)),
        "{error:?}"
    );
    assert_eq!(error.blame(), Blame::Peer);
}

fn read_head(from: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn the_first_call_does_the_handshake() {
    let (here, there) = streams::unix();
    let server = thread::spawn(move || Acceptor::new().start(there, &[]).recv().unwrap());
    let mut client = Client::new("localhost", "/").start(here).unwrap();
    client.send("Hello").unwrap();
    assert_eq!(server.join().unwrap().as_deref(), Some(&b"Hello"[..]));
}

#[test]
fn an_interim_response_is_passed_over_and_frames_may_follow_at_once() {
    let (here, mut raw) = streams::unix();
    let server = thread::spawn(move || {
        let head = read_head(&mut raw);
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = websockd::handshake::key::accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n\
             \u{1}\u{1}a"
        );
        raw.write_all(answer.as_bytes()).unwrap();
        raw.write_all(b"\x80\x01b").unwrap();
        raw
    });
    let mut client = Client::new("localhost", "/").attach(here).unwrap();
    assert_eq!(client.recv().unwrap().as_deref(), Some(&b"ab"[..]));
    server.join().unwrap();
}

#[test]
fn what_is_no_answer_is_refused_and_remembered() {
    for (answer, expected) in [
        (
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            "the server answered with status 200",
        ),
        (
            b"SSH-2.0-OpenSSH_9.9\n",
            "lines must end with CR LF, and neither may stand alone",
        ),
    ] {
        let (here, mut raw) = streams::unix();
        raw.write_all(answer).unwrap();
        let mut client = Client::new("localhost", "/").start(here).unwrap();
        for _ in 0..2 {
            let error = client.handshake().unwrap_err();
            assert!(matches!(error, Error::Refused(_)), "{error:?}");
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(client.state(), State::Closed);
        drop(client.force_close());
    }
}

#[test]
fn a_peer_that_leaves_in_the_midst_of_the_handshake_is_lost() {
    for len in [0, 1, REQUEST.len() - 1] {
        let (mut raw, there) = streams::unix();
        raw.write_all(&REQUEST[..len]).unwrap();
        drop(raw);
        let error = Acceptor::new().attach(there).map(drop).unwrap_err();
        assert!(matches!(error, Error::Lost), "{error:?}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_the_callers_mistake() {
    for (client, expected) in [
        (Client::new("a b", "/"), RequestError::Host),
        (Client::new("localhost", "chat"), RequestError::Resource),
        (Client::new("localhost", "/#a"), RequestError::Resource),
        (
            Client::new("localhost", "/").protocol("a b"),
            RequestError::Protocols,
        ),
        (
            Client::new("localhost", "/").origin(""),
            RequestError::Origin,
        ),
    ] {
        let error = client.attach(streams::unix().0).map(drop).unwrap_err();
        assert!(
            matches!(error, Error::Request(error) if error == expected),
            "{error:?}"
        );
        assert_eq!(error.blame(), Blame::Caller);
    }
}
