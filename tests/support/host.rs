//! A server in the test's hands: raw bytes, written from the RFC and from nothing of the crate.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::DEADLINE;
use super::frame::{self, FIN, Frame, TEXT};

/// RFC 6455 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// It listens on a port of its own.
#[derive(Debug)]
pub(crate) struct Host {
    listener: TcpListener,
}

impl Host {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.port())
    }

    /// The next connection.
    #[track_caller]
    pub(crate) fn guest(&self) -> Guest {
        let stream = super::wait_for("a connection", || match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Guest {
            stream,
            received: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The next connection, its handshake done.
    #[track_caller]
    pub(crate) fn welcome(&self) -> Guest {
        let mut guest = self.guest();
        let request = guest.request();
        guest.grant(&request, "");
        guest
    }
}

/// A client that has come.
#[derive(Debug)]
pub(crate) struct Guest {
    stream: TcpStream,
    received: Vec<u8>,
    /// The masking keys so far.
    pub(crate) keys: Vec<[u8; 4]>,
}

impl Guest {
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads one head.
    #[track_caller]
    pub(crate) fn request(&mut self) -> String {
        loop {
            let end = self.received.windows(4).position(|it| it == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.received.split_off(end + 4);
                let head = std::mem::replace(&mut self.received, rest);
                return String::from_utf8(head).unwrap();
            }
            assert!(self.read(), "the end instead of a request");
        }
    }

    /// Answers 101, with whatever other lines.
    #[track_caller]
    pub(crate) fn grant(&mut self, request: &str, lines: &str) {
        let key = field(request, "Sec-WebSocket-Key").unwrap();
        let accept = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
        self.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
        ));
    }

    #[track_caller]
    pub(crate) fn send_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(unmasked(first, payload));
    }

    #[track_caller]
    pub(crate) fn send_text(&mut self, payload: &str) {
        self.send_frame(FIN | TEXT, payload);
    }

    #[track_caller]
    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        self.send_frame(FIN | frame::CLOSE, payload);
    }

    /// The next frame, unmasked. Panics on one that is not masked.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        self.frame_or_end().expect("a frame")
    }

    /// The next frame; `None` at the end.
    #[track_caller]
    pub(crate) fn frame_or_end(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, key, len)) = parse(&self.received) {
                self.received.drain(..len);
                self.keys.push(key);
                return Some(frame);
            }
            if !self.read() {
                assert!(self.received.is_empty(), "half a frame");
                return None;
            }
        }
    }

    #[track_caller]
    pub(crate) fn expect_text(&mut self, payload: &str) {
        let frame = self.frame();
        let shown = String::from_utf8_lossy(&frame.payload);
        assert_eq!(
            (frame.is_last, frame.opcode, &*shown),
            (true, TEXT, payload)
        );
    }

    /// Expects a Close with this code and returns its reason.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) -> String {
        let frame = self.frame();
        assert_eq!(frame.opcode, frame::CLOSE, "{frame:?}");
        let (got, reason) = frame.payload.split_first_chunk().expect("a code");
        assert_eq!(u16::from_be_bytes(*got), code, "{frame:?}");
        String::from_utf8(reason.to_vec()).unwrap()
    }

    /// Expects the end of the stream.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.frame_or_end(), None);
    }

    /// The closing handshake begun here, to its end.
    #[track_caller]
    pub(crate) fn close(mut self, code: u16, reason: &str) {
        self.send_close(code, reason);
        self.expect_close(code);
        self.expect_end();
    }

    /// Ends our direction.
    pub(crate) fn send_fin(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Sends as many bytes as are taken before nothing moves for a while, at most `max`; how many.
    pub(crate) fn flood(&mut self, max: u64) -> u64 {
        let chunk = vec![b'x'; 64 * 1024];
        self.stream.set_write_timeout(Some(super::QUIET)).unwrap();
        let mut total = 0;
        while total < max {
            match self.stream.write(&chunk) {
                Ok(count) => total += u64::try_from(count).unwrap(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.stream.set_write_timeout(Some(DEADLINE)).unwrap();
        total
    }

    /// Carries bytes between it and a port of this machine until both have ended.
    #[track_caller]
    pub(crate) fn lead_to(self, port: u16) {
        let there = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let carry = |mut from: TcpStream, mut to: TcpStream| {
            move || {
                let _broken = std::io::copy(&mut from, &mut to);
                let _gone = to.shutdown(Shutdown::Write);
            }
        };
        let (ours, theirs) = (self.stream, there);
        let back = carry(theirs.try_clone().unwrap(), ours.try_clone().unwrap());
        let back = std::thread::spawn(back);
        carry(ours, theirs)();
        back.join().unwrap();
    }

    /// Reads and drops as many bytes.
    #[track_caller]
    pub(crate) fn skip(&mut self, mut count: u64) {
        while count > 0 {
            if self.received.is_empty() {
                assert!(self.read(), "the end, and {count} bytes are missing");
            }
            let now = self.received.len().min(usize::try_from(count).unwrap());
            self.received.drain(..now);
            count -= u64::try_from(now).unwrap();
        }
    }

    /// One read; `false` at the end.
    #[track_caller]
    fn read(&mut self) -> bool {
        let until = Instant::now() + DEADLINE;
        let mut bytes = [0; 64 * 1024];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came");
            self.stream.set_read_timeout(Some(left)).unwrap();
            match self.stream.read(&mut bytes) {
                Ok(count) => {
                    self.received.extend_from_slice(&bytes[..count]);
                    return count > 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// The value of a header line.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A frame as a server sends it, its length in the shortest form.
pub(crate) fn unmasked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = unmasked_header(first, u64::try_from(payload.len()).unwrap());
    bytes.extend_from_slice(payload);
    bytes
}

/// The header of such a frame alone.
pub(crate) fn unmasked_header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(u8::try_from(len).unwrap()),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes
}

/// The frame that `bytes` begin with, its key, and how long it was.
fn parse(bytes: &[u8]) -> Option<(Frame, [u8; 4], usize)> {
    let (header, rest) = bytes.split_first_chunk::<2>()?;
    assert_eq!(header[0] & 0x70, 0, "a reserved bit in {header:?}");
    assert_ne!(header[1] & 0x80, 0, "a client's frame is not masked");
    let (len, rest) = match header[1] & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*len), rest)
        }
        short => (u64::from(short), rest),
    };
    let (key, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..usize::try_from(len).unwrap())?;
    let frame = Frame {
        is_last: header[0] & FIN != 0,
        opcode: header[0] & 0x0f,
        payload: frame::mask(*key, payload).collect(),
    };
    let left = rest.len() - payload.len();
    Some((frame, *key, bytes.len() - left))
}
