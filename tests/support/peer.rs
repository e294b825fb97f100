//! The other end of the wire: raw bytes, with a deadline for everything.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use super::frame::{self, CONTINUATION, FIN, Frame, Header, PING, PONG, TEXT};
use super::http::Response;
use super::{DEADLINE, QUIET};

/// What one read may bring.
const CHUNK: usize = 64 * 1024;

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Fin,
    Reset,
}

/// A client in the test's hands.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
    /// `taken <= received.len()`.
    taken: usize,
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&address, DEADLINE).unwrap())
    }

    /// Any connected stream socket, of whatever family.
    pub(crate) fn over(socket: impl Into<OwnedFd>) -> Self {
        let stream = TcpStream::from(socket.into());
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        // What a test writes apart is sent apart; a Unix socket has no such option and needs none.
        let _not_tcp = stream.set_nodelay(true);
        Self {
            stream,
            received: Vec::new(),
            taken: 0,
        }
    }

    /// Our address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// A second hold on the connection, for a thread that writes while the test reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Sends bytes. Panics if they cannot be sent within the deadline.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends each byte in a segment of its own.
    #[track_caller]
    pub(crate) fn send_byte_by_byte(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
        }
    }

    #[track_caller]
    pub(crate) fn send_text(&mut self, payload: impl AsRef<[u8]>) {
        self.send(&frame::text(payload));
    }

    #[track_caller]
    pub(crate) fn send_binary(&mut self, payload: impl AsRef<[u8]>) {
        self.send(&frame::binary(payload));
    }

    #[track_caller]
    pub(crate) fn send_ping(&mut self, payload: impl AsRef<[u8]>) {
        self.send(&frame::ping(payload));
    }

    #[track_caller]
    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        self.send(&frame::close(code, reason));
    }

    /// Sends a frame with any first byte, otherwise correct.
    #[track_caller]
    pub(crate) fn send_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(&frame::masked(first, payload));
    }

    /// Sends `bytes` over and over until the connection takes no more for a while; returns how many
    /// bytes it took.
    pub(crate) fn flood(&self, bytes: &[u8]) -> u64 {
        let mut stream = &self.stream;
        stream.set_write_timeout(Some(QUIET)).unwrap();
        let mut total = 0;
        loop {
            match stream.write(&bytes[total % bytes.len()..]) {
                Ok(count) => total += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        u64::try_from(total).unwrap()
    }

    /// Sends FIN: nothing more will come from us.
    pub(crate) fn send_fin(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Has the kernel take little for us before we read it.
    pub(crate) fn hold_little(&self) {
        setsockopt(&self.stream.as_fd(), sockopt::RcvBuf, &65_536).unwrap();
    }

    /// Ends the connection with RST.
    pub(crate) fn reset(self) {
        let at_once = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&self.stream.as_fd(), sockopt::Linger, &at_once).unwrap();
    }

    /// Reads one answer with its body.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        let end = Instant::now() + DEADLINE;
        let head_len = loop {
            let at = self.bytes().windows(4).position(|four| four == b"\r\n\r\n");
            match at {
                Some(at) => break at,
                None => self.must_read(end),
            }
        };
        let head = String::from_utf8(self.take(head_len + 4)).unwrap();
        let mut response = Response::parse(&head[..head_len]);
        if response.status != 101 {
            let length = response.field("Content-Length").unwrap().parse().unwrap();
            while self.bytes().len() < length {
                self.must_read(end);
            }
            response.body = String::from_utf8(self.take(length)).unwrap();
        }
        response
    }

    /// Reads up to `end`, which is the last of what it returns.
    #[track_caller]
    pub(crate) fn read_until(&mut self, end: &[u8]) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut windows = self.bytes().windows(end.len());
            if let Some(at) = windows.position(|window| window == end) {
                let bytes = self.take(at + end.len());
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            self.must_read(deadline);
        }
    }

    /// Reads exactly these bytes.
    #[track_caller]
    pub(crate) fn expect_bytes(&mut self, expected: &[u8]) {
        let read = self.read_until(expected);
        assert_eq!(read.as_bytes(), expected, "{read:?}");
    }

    /// The next frame, whatever it is.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        let end = Instant::now() + DEADLINE;
        self.frame_or_end(end)
            .unwrap_or_else(|end| panic!("{end:?} instead of a frame"))
    }

    /// Reads to the end, whatever it is; returns what came before and how it ended.
    #[track_caller]
    pub(crate) fn drain(&mut self) -> (Vec<u8>, End) {
        let until = Instant::now() + DEADLINE;
        let end = loop {
            if let Err(end) = self.read(until) {
                break end;
            }
        };
        (self.take(self.bytes().len()), end)
    }

    /// Reads one text message of any length and keeps none of it; returns its length. Pings within it
    /// are answered, and no read may take longer than the deadline.
    #[track_caller]
    pub(crate) fn skim_message(&mut self) -> u64 {
        let mut total = 0;
        loop {
            let header = loop {
                match Header::parse(self.bytes()) {
                    Some(header) => break header,
                    None => self.must_read(Instant::now() + DEADLINE),
                }
            };
            if header.first == FIN | PING {
                let ping = self.frame();
                self.send(&frame::masked(FIN | PONG, ping.payload));
                continue;
            }
            let opcode = if total == 0 { TEXT } else { CONTINUATION };
            assert_eq!(header.first & 0x0f, opcode, "{header:?} after {total}");
            self.take(header.len);
            self.skip(header.payload_len);
            total += header.payload_len;
            if header.first & FIN != 0 {
                return total;
            }
        }
    }

    /// Reads `count` bytes and forgets them. Panics if the connection ends.
    #[track_caller]
    pub(crate) fn skip(&mut self, mut count: u64) {
        while count > 0 {
            if self.bytes().is_empty() {
                self.must_read(Instant::now() + DEADLINE);
            }
            let now = usize::try_from(count).unwrap().min(self.bytes().len());
            self.taken += now;
            count -= u64::try_from(now).unwrap();
        }
    }

    #[track_caller]
    fn frame_or_end(&mut self, until: Instant) -> Result<Frame, End> {
        loop {
            if let Some((frame, length)) = Frame::parse(self.bytes()) {
                self.take(length);
                return Ok(frame);
            }
            self.read(until)?;
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.received[self.taken..]
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.bytes()[..count].to_vec();
        self.taken += count;
        bytes
    }

    #[track_caller]
    fn must_read(&mut self, until: Instant) {
        if let Err(end) = self.read(until) {
            panic!("{end:?} after {:?}", String::from_utf8_lossy(self.bytes()));
        }
    }

    /// One read. Panics when the deadline has passed.
    #[track_caller]
    fn read(&mut self, until: Instant) -> Result<(), End> {
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing came; before: {:?}", self.bytes());
        self.stream.set_read_timeout(Some(left)).unwrap();
        self.received.drain(..self.taken);
        self.taken = 0;
        let old_len = self.received.len();
        self.received.resize(old_len + CHUNK, 0);
        let outcome = self.stream.read(&mut self.received[old_len..]);
        self.received
            .truncate(old_len + outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(0) => Err(End::Fin),
            Ok(_) => Ok(()),
            // A read with a timeout is not taken up again by the kernel.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing came; before: {:?}", self.bytes())
            }
            Err(error) => panic!("{error}"),
        }
    }
}
