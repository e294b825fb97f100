//! What a test expects of the other end: answers, messages, pongs, the closing handshake.

use super::frame::{self, Frame};
use super::http::{ACCEPT, KEY, Request, Response};
use super::peer::{End, Peer};

/// A message, and in how many frames it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
    pub(crate) frames: usize,
}

impl Peer {
    /// Asks for an upgrade and expects 101.
    #[track_caller]
    pub(crate) fn upgrade(&mut self, request: &Request) -> Response {
        self.send(&request.bytes());
        self.accepted()
    }

    /// Expects 101, correct in what RFC 6455 4.2.2 says of it.
    #[track_caller]
    pub(crate) fn accepted(&mut self) -> Response {
        let response = self.response();
        assert_eq!(response.status, 101, "{response:?}");
        let upgrade = response.field("Upgrade").unwrap_or_default();
        assert!(upgrade.eq_ignore_ascii_case("websocket"), "{response:?}");
        let connection = response.field("Connection").unwrap_or_default();
        assert!(connection.eq_ignore_ascii_case("upgrade"), "{response:?}");
        let accept = response.field("Sec-WebSocket-Accept");
        assert_eq!(accept, Some(ACCEPT), "the key was {KEY}");
        response
    }

    /// Expects a refusal: one line of text, then an orderly end.
    #[track_caller]
    pub(crate) fn refusal(&mut self) -> Response {
        let response = self.response();
        assert!(response.status >= 400, "{response:?}");
        let line = response.body.strip_suffix('\n').unwrap_or_default();
        assert!(!line.is_empty() && !line.contains('\n'), "{response:?}");
        let kind = response.field("Content-Type").unwrap_or_default();
        assert!(kind.starts_with("text/plain"), "{response:?}");
        let connection = response.field("Connection").unwrap_or_default();
        assert!(
            connection.split(", ").any(|token| token == "close"),
            "{response:?}"
        );
        self.expect_fin();
        response
    }

    /// The next message. Pings before and within it are answered; a Close is a failure.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Message {
        let mut message: Option<Message> = None;
        loop {
            let frame = self.frame_but_pings();
            match (&mut message, frame.opcode) {
                (None, frame::TEXT | frame::BINARY) => {
                    message = Some(Message {
                        opcode: frame.opcode,
                        payload: frame.payload,
                        frames: 1,
                    });
                }
                (Some(message), frame::CONTINUATION) => {
                    message.payload.extend(frame.payload);
                    message.frames += 1;
                }
                _ => panic!("{} instead of data", shown(&frame)),
            }
            if frame.is_last {
                return message.unwrap();
            }
        }
    }

    #[track_caller]
    pub(crate) fn expect_text(&mut self, payload: impl AsRef<[u8]>) {
        self.expect_message(frame::TEXT, payload.as_ref());
    }

    #[track_caller]
    pub(crate) fn expect_binary(&mut self, payload: impl AsRef<[u8]>) {
        self.expect_message(frame::BINARY, payload.as_ref());
    }

    /// Expects a pong as the very next frame.
    #[track_caller]
    pub(crate) fn expect_pong(&mut self, payload: impl AsRef<[u8]>) {
        let frame = self.frame();
        assert_eq!(frame.opcode, frame::PONG, "{}", shown(&frame));
        assert_eq!(frame.payload, payload.as_ref());
    }

    /// Expects a ping as the very next frame and returns its payload.
    #[track_caller]
    pub(crate) fn expect_ping(&mut self) -> Vec<u8> {
        let frame = self.frame();
        assert_eq!(frame.opcode, frame::PING, "{}", shown(&frame));
        frame.payload
    }

    /// Expects a Close with this code and returns its reason.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) -> String {
        let frame = self.frame_but_pings();
        assert_eq!(frame.opcode, frame::CLOSE, "{}", shown(&frame));
        let (got, reason) = frame
            .payload
            .split_first_chunk()
            .expect("a Close with a code");
        let reason = String::from_utf8(reason.to_vec()).unwrap();
        assert_eq!(u16::from_be_bytes(*got), code, "{reason:?}");
        reason
    }

    /// Expects a Close without code or reason.
    #[track_caller]
    pub(crate) fn expect_empty_close(&mut self) {
        let frame = self.frame_but_pings();
        assert_eq!((frame.opcode, frame.payload), (frame::CLOSE, Vec::new()));
    }

    /// Expects the closing handshake begun by the server, answers it, expects FIN; returns the reason.
    #[track_caller]
    pub(crate) fn expect_end(&mut self, code: u16) -> String {
        let reason = self.expect_close(code);
        self.send_close(code, "");
        self.expect_fin();
        reason
    }

    /// Begins the closing handshake and expects it to be answered, then FIN.
    #[track_caller]
    pub(crate) fn close(&mut self) {
        self.send_close(1000, "");
        self.expect_close(1000);
        self.expect_fin();
    }

    /// Expects FIN as the next thing: neither bytes nor RST.
    #[track_caller]
    pub(crate) fn expect_fin(&mut self) {
        let end = self.drain();
        assert_eq!(end, (Vec::new(), End::Fin), "something came before the end");
    }

    #[track_caller]
    fn expect_message(&mut self, opcode: u8, payload: &[u8]) {
        let message = self.message();
        assert_eq!(message.opcode, opcode, "{message:?}");
        assert!(
            message.payload == payload,
            "{:?} instead of {:?}",
            String::from_utf8_lossy(&message.payload),
            String::from_utf8_lossy(payload)
        );
    }

    #[track_caller]
    fn frame_but_pings(&mut self) -> Frame {
        loop {
            let frame = self.frame();
            if frame.opcode != frame::PING {
                return frame;
            }
            self.send_frame(frame::FIN | frame::PONG, &frame.payload);
        }
    }
}

fn shown(frame: &Frame) -> String {
    let start = &frame.payload[..frame.payload.len().min(80)];
    let start = String::from_utf8_lossy(start);
    format!("opcode {:#x} with {start:?}", frame.opcode)
}
