//! Messages both ways, over every sort of stream.

use std::thread;

use websockd::blocking::{Blame, Error, Misuse, Options, State};
use websockd::frame::{CloseCode, Kind};

use super::streams::{self, Stream, joined, over_each_stream};

over_each_stream!(
    messages_of_every_size_come_back_as_they_went,
    two_threads_hold_many_short_conversations,
    a_message_of_the_other_kind_is_an_error_and_not_the_end,
);

fn messages_of_every_size_come_back_as_they_went<S: Stream>(pair: (S, S)) {
    let options = Options::new().kind(Kind::Binary);
    let (mut client, mut server) = joined(pair, &options);
    let echo = thread::spawn(move || {
        while let Some(message) = server.recv().unwrap() {
            server.send(message).unwrap();
        }
        server
    });
    for len in [0, 1, 125, 126, 127, 65535, 65536, 200_000] {
        let message: Vec<u8> = (0..=255).cycle().take(len).collect();
        client.send(&message).unwrap();
        let back = client.recv().unwrap().unwrap();
        assert!(back == message, "{len} bytes");
    }
    client.close(CloseCode::NORMAL, "enough").unwrap();
    assert_eq!(client.state(), State::Closed);
    let server = echo.join().unwrap();
    assert_eq!(server.state(), State::Closed);
    let close = server.peer_close().unwrap();
    assert_eq!(
        (close.code, close.reason),
        (Some(CloseCode::NORMAL), "enough")
    );
}

fn two_threads_hold_many_short_conversations<S: Stream>(pair: (S, S)) {
    let (mut client, mut server) = joined(pair, &Options::new());
    let echo = thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Some(len) = server.recv_into(&mut buffer).unwrap() {
            server.send(&buffer[..len]).unwrap();
        }
    });
    for i in 0..200 {
        let message = format!("message {i}");
        client.send(&message).unwrap();
        assert_eq!(client.recv().unwrap().unwrap(), message.as_bytes());
    }
    client.close(None, "").unwrap();
    echo.join().unwrap();
}

fn a_message_of_the_other_kind_is_an_error_and_not_the_end<S: Stream>(pair: (S, S)) {
    let (mut client, mut server) = joined(pair, &Options::new());
    client.send_message(Kind::Binary, b"\xff").unwrap();
    client.send("text").unwrap();
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::OtherKind(Kind::Binary)), "{error:?}");
    assert_eq!(error.blame(), Blame::Peer);
    assert_eq!(server.state(), State::Open);
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"text"[..]));
}

#[test]
fn a_message_of_either_kind_tells_which_it_is() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    client.send_message(Kind::Binary, [0, 255]).unwrap();
    client.send_message(Kind::Text, "ä").unwrap();
    let binary = server.recv_message().unwrap().unwrap();
    assert_eq!(
        (binary.kind, &*binary.payload),
        (Kind::Binary, &[0, 255][..])
    );
    assert_eq!(binary.text(), None);
    let text = server.recv_message().unwrap().unwrap();
    assert_eq!((text.kind, text.text()), (Kind::Text, Some("ä")));
}

#[test]
fn a_buffer_that_is_too_small_loses_nothing() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    client.send("twelve bytes").unwrap();
    client.send("next").unwrap();
    let mut small = [0; 11];
    for _ in 0..2 {
        let error = server.recv_into(&mut small).unwrap_err();
        assert!(matches!(error, Error::BufferTooSmall(12)), "{error:?}");
        assert_eq!(error.blame(), Blame::Caller);
    }
    let mut enough = [0; 12];
    assert_eq!(server.recv_into(&mut enough).unwrap(), Some(12));
    assert_eq!(&enough, b"twelve bytes");
    assert_eq!(server.recv_into(&mut small).unwrap(), Some(4));
}

#[test]
fn text_that_is_not_utf_8_is_the_callers_mistake_and_is_not_sent() {
    let (mut client, mut server) = joined(streams::unix(), &Options::new());
    let error = client.send(b"\xff").unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NotUtf8)), "{error:?}");
    client.send("right").unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"right"[..]));
}

#[test]
fn a_message_beyond_the_limit_ends_with_1009() {
    let options = Options::new().max_message_len(5);
    let (mut client, mut server) = joined(streams::unix(), &options);
    client.send("12345").unwrap();
    client.send("123456").unwrap();
    assert!(server.recv().unwrap().is_some());
    for _ in 0..2 {
        let error = server.recv().unwrap_err();
        assert!(matches!(error, Error::Fault(_)), "{error:?}");
    }
    assert_eq!(server.state(), State::Closed);
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(client.peer_close().unwrap().code, Some(CloseCode::TOO_BIG));
}
