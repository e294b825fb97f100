//! The client of these tests in Rust: the crate tungstenite on the other end.
//!
//! What [`talk`] and [`echo`](super::exchange::echo) do and return is told in peer.py.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::error::{ProtocolError, SubProtocolError};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket, client};

/// Nobody may be silent longer than this.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) type Socket = WebSocket<TcpStream>;

/// One conversation of the caller's choosing; `words` as peer.py takes them.
pub(super) fn talk(url: &str, words: &[&str]) -> String {
    let options: Vec<_> = words
        .iter()
        .map(|word| word.split_once('=').unwrap())
        .collect();
    let all = |name| move |option: &&(&str, _)| option.0 == name;
    let one = |name| options.iter().find(all(name)).map(|option| option.1);

    let mut told = String::new();
    let Some(mut socket) = open(url, &options, &mut told) else {
        return told;
    };
    for (_, text) in options.iter().filter(all("send")) {
        socket.send(Message::text(*text)).unwrap();
    }
    let wanted = one("receive").map_or(usize::MAX, |count| count.parse().unwrap());
    for _ in 0..wanted {
        if !report_message(&mut told, &mut socket) {
            return told;
        }
    }
    if let Some(code) = one("close") {
        let frame = close_frame(code.parse().unwrap(), "enough");
        socket.close(Some(frame)).unwrap();
    }
    report_close(&mut told, &mut socket);
    told
}

/// Asks to be let in and writes down the answer; `None` if the conversation ends with that.
fn open(url: &str, options: &[(&str, &str)], told: &mut String) -> Option<Socket> {
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    // Tungstenite knows no extension; it offers this one as the others do, and would break if it were
    // taken.
    headers.append(
        "Sec-WebSocket-Extensions",
        "permessage-deflate".parse().unwrap(),
    );
    let protocols: Vec<_> = options
        .iter()
        .filter(|option| option.0 == "protocol")
        .map(|option| option.1)
        .collect();
    if !protocols.is_empty() {
        headers.append(
            "Sec-WebSocket-Protocol",
            protocols.join(", ").parse().unwrap(),
        );
    }
    if let Some((_, origin)) = options.iter().find(|option| option.0 == "origin") {
        headers.append("Origin", origin.parse().unwrap());
    }
    match connect(request) {
        Ok((socket, response)) => {
            let header = |name| {
                response
                    .headers()
                    .get(name)
                    .map_or("-", |value| value.to_str().unwrap())
            };
            writeln!(told, "status {}", response.status().as_u16()).unwrap();
            writeln!(told, "protocol {}", header("Sec-WebSocket-Protocol")).unwrap();
            writeln!(told, "extensions {}", header("Sec-WebSocket-Extensions")).unwrap();
            Some(socket)
        }
        Err(Error::Http(response)) => {
            writeln!(told, "status {}", response.status().as_u16()).unwrap();
            None
        }
        // Like ws it does not go on without one of the subprotocols it asked for.
        Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol,
        ))) => {
            told.push_str("status 101\nprotocol -\nextensions -\nclose lost\n");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn connect(request: Request) -> Result<(Socket, Response), Error> {
    let address = request.uri().authority().unwrap().as_str();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    client(request, stream).map_err(|error| match error {
        HandshakeError::Failure(error) => error,
        HandshakeError::Interrupted(_) => panic!("no answer to the handshake"),
    })
}

pub(super) fn close_frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }
}

/// Writes down all that comes up to the end.
pub(super) fn report_close(told: &mut String, socket: &mut Socket) {
    while report_message(told, socket) {}
}

/// Writes down what comes next; `false`: that was the end.
fn report_message(told: &mut String, socket: &mut Socket) -> bool {
    match socket.read() {
        Ok(Message::Close(frame)) => {
            let frame = frame.unwrap_or_else(|| close_frame(1005, ""));
            let line = format!("close {} {}", u16::from(frame.code), frame.reason);
            writeln!(told, "{}", line.trim_end()).unwrap();
            // The closing handshake goes on to the end of the stream.
            assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
            false
        }
        Ok(Message::Text(text)) => writeln!(told, "text {text}").is_ok(),
        Ok(Message::Binary(bytes)) => {
            writeln!(told, "binary {}", String::from_utf8_lossy(&bytes)).is_ok()
        }
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => true,
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
            told.push_str("close lost\n");
            false
        }
        Err(error) => panic!("{error}, after\n{told}"),
    }
}
