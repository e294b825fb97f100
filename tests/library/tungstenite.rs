//! Against an independent implementation, which is client and server in turn.

use std::thread;

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use tungstenite::{Message, client::IntoClientRequest};
use websockd::blocking::{Acceptor, Client, Options};
use websockd::frame::{CloseCode, Kind, Opcode};

use super::streams::{Stream, over_whole_streams};

over_whole_streams!(
    as_their_client_we_get_everything_back,
    as_their_server_we_send_everything_back,
);

/// Payloads at every border of the length's encoding.
const LENS: [usize; 7] = [0, 1, 125, 126, 65535, 65536, 150_000];

fn as_their_client_we_get_everything_back<S: Stream>((here, there): (S, S)) {
    let server = thread::spawn(move || {
        let mut theirs = tungstenite::accept(there).unwrap();
        loop {
            match theirs.read().unwrap() {
                message @ (Message::Text(_) | Message::Binary(_)) => theirs.send(message).unwrap(),
                Message::Close(close) => break (close, theirs.flush()),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    });
    let mut ours = Client::new("localhost", "/").attach(here).unwrap();
    for len in LENS {
        let text = "ä".repeat(len / 2);
        ours.send(&text).unwrap();
        assert!(ours.recv().unwrap().unwrap() == text.as_bytes(), "{len}");
        let bytes = vec![0xff; len];
        ours.send_message(Kind::Binary, &bytes).unwrap();
        assert!(
            ours.recv_message().unwrap().unwrap().payload == bytes,
            "{len}"
        );
    }
    for (opcode, is_final, part) in [
        (Opcode::Text, false, "in "),
        (Opcode::Continuation, false, ""),
        (Opcode::Ping, true, "payload"),
        (Opcode::Continuation, true, "parts"),
    ] {
        ours.send_frame(opcode, is_final, part).unwrap();
    }
    let pong = ours.recv_frame().unwrap().unwrap();
    assert_eq!(
        (pong.opcode, &*pong.payload),
        (Opcode::Pong, &b"payload"[..])
    );
    assert_eq!(ours.recv().unwrap().as_deref(), Some(&b"in parts"[..]));
    ours.close(CloseCode::GOING_AWAY, "that is all").unwrap();
    assert_eq!(ours.peer_close().unwrap().code, Some(CloseCode::GOING_AWAY));
    let (close, _) = server.join().unwrap();
    let close = close.unwrap();
    assert_eq!(
        (close.code, close.reason.as_str()),
        (TheirCode::Away, "that is all")
    );
}

fn as_their_server_we_send_everything_back<S: Stream>((here, there): (S, S)) {
    let server = thread::spawn(move || {
        let acceptor = Acceptor::new().options(Options::new().max_message_len(None));
        let mut ours = acceptor.attach(there).unwrap();
        while let Some(message) = ours.recv_message().unwrap() {
            ours.send_message(message.kind, message.payload).unwrap();
        }
        ours
    });
    let request = "ws://localhost/chat".into_client_request().unwrap();
    let (mut theirs, _) = tungstenite::client(request, here).unwrap();
    for len in LENS {
        for message in [
            Message::text("ä".repeat(len / 2)),
            Message::binary(vec![0xff; len]),
        ] {
            theirs.send(message.clone()).unwrap();
            assert!(theirs.read().unwrap() == message, "{len}");
        }
    }
    theirs.send(Message::Ping("payload".into())).unwrap();
    assert_eq!(theirs.read().unwrap(), Message::Pong("payload".into()));
    let bye = CloseFrame {
        code: TheirCode::Normal,
        reason: "bye".into(),
    };
    theirs.close(Some(bye)).unwrap();
    assert!(theirs.read().unwrap().is_close());
    let ours = server.join().unwrap();
    assert_eq!(ours.request().unwrap().path(), "/chat");
    assert_eq!(ours.peer_close().unwrap().reason, "bye");
}
