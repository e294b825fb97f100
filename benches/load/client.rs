//! The client's end of one connection: frames built once and sent again and again, answers looked at no
//! further than their headers. Blocking, with a deadline on everything, so that a server that is stuck
//! makes a measure fail instead of hang.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server may be silent while something is due.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What one read asks for.
pub(crate) const BLOCK: usize = 256 << 10;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The header of a masked frame with `length` bytes of payload (RFC 6455 5.2).
pub(crate) fn header(opcode: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes
}

/// One whole masked frame.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(opcode, payload.len() as u64);
    bytes.extend(masked(payload));
    bytes
}

/// The payload as it stands in a frame of ours; continues at any multiple of four.
pub(crate) fn masked(payload: &[u8]) -> impl Iterator<Item = u8> {
    payload
        .iter()
        .zip(MASK.into_iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
}

/// A line of `size` bytes without its newline: text, and no two neighbours alike.
pub(crate) fn line(size: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(size).collect()
}

/// Text frames of one size behind one another, as many as make a block.
pub(crate) struct Flood {
    bytes: Vec<u8>,
    frame: usize,
}

impl Flood {
    pub(crate) fn new(size: usize) -> Self {
        let frame = frame(TEXT, &line(size));
        let count = (BLOCK / frame.len()).max(1);
        Self {
            bytes: frame.repeat(count),
            frame: frame.len(),
        }
    }

    /// The block, and how many frames it holds.
    pub(crate) fn block(&self) -> (&[u8], u64) {
        (&self.bytes, (self.bytes.len() / self.frame) as u64)
    }

    pub(crate) fn frame_length(&self) -> usize {
        self.frame
    }
}

/// The frame types a measure sends or meets.
pub(crate) const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;

/// Counts what a server sends, by the headers alone; takes any split of it.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Whole messages.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Bytes of the frames so far of a message whose last frame is still to come.
    pub(crate) begun: u64,
    /// Whether a Close frame came.
    pub(crate) is_closed: bool,
    header: [u8; 10],
    header_length: usize,
    /// The current frame's first byte, its length, and how much of that is still to come.
    current: Option<(u8, u64, u64)>,
}

impl Answers {
    /// Takes the next bytes of the stream; hands `payload` what they hold of messages' payload.
    fn feed<'a>(
        &mut self,
        mut bytes: &'a [u8],
        mut payload: impl FnMut(&'a [u8]),
    ) -> io::Result<()> {
        loop {
            // Most of what small messages bring: whole frames with two-byte headers.
            while let [first @ (0x81 | 0x82), length @ 0..126, rest @ ..] = bytes
                && self.current.is_none()
                && self.header_length == 0
                && let Some((now, next)) = rest.split_at_checked(usize::from(*length))
            {
                payload(now);
                self.count(*first, u64::from(*length));
                bytes = next;
            }
            if let Some((first, length, rest)) = &mut self.current {
                let now = bytes
                    .len()
                    .min(usize::try_from(*rest).unwrap_or(usize::MAX));
                let (now, next) = bytes.split_at(now);
                bytes = next;
                *rest -= now.len() as u64;
                if is_data(*first) {
                    payload(now);
                }
                if *rest == 0 {
                    let (first, length) = (*first, *length);
                    self.current = None;
                    self.count(first, length);
                }
            } else if let Some((byte, next)) = bytes.split_first() {
                bytes = next;
                self.take_header(*byte)?;
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    fn take_header(&mut self, byte: u8) -> io::Result<()> {
        self.header[self.header_length] = byte;
        self.header_length += 1;
        let [first, second, ..] = self.header;
        let length = match (self.header_length, second) {
            (1, _) => return Ok(()),
            (2, 0..126) => u64::from(second),
            (4, 126) => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            (10, 127) => self.long_length(),
            (_, 126 | 127) => return Ok(()),
            _ => return Err(io::Error::other("the server masks its frames")),
        };
        self.header_length = 0;
        match length {
            0 => self.count(first, 0),
            _ => self.current = Some((first, length, length)),
        }
        Ok(())
    }

    fn long_length(&self) -> u64 {
        self.header[2..]
            .iter()
            .fold(0, |length, byte| length << 8 | u64::from(*byte))
    }

    fn count(&mut self, first: u8, length: u64) {
        if is_data(first) {
            self.begun += length;
            if first & 0x80 != 0 {
                self.messages += 1;
                self.bytes += mem::take(&mut self.begun);
            }
        } else if first & 0xf == CLOSE {
            self.is_closed = true;
        }
    }
}

fn is_data(first: u8) -> bool {
    first & 0xf < 3
}

/// One connection after its handshake.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) answers: Answers,
}

impl Client {
    /// Connects and performs the handshake.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut client = Self {
            stream,
            answers: Answers::default(),
        };
        client.stream.write_all(REQUEST)?;
        client.read_response()?;
        Ok(client)
    }

    fn read_response(&mut self) -> io::Result<()> {
        let mut response = [0; 4096];
        let mut length = 0;
        loop {
            let count = self.stream.read(&mut response[length..])?;
            length += count;
            let response = &response[..length];
            if let Some(end) = response.windows(4).position(|four| four == b"\r\n\r\n") {
                if !response.starts_with(b"HTTP/1.1 101 ") {
                    return Err(io::Error::other("the handshake was refused"));
                }
                return self.answers.feed(&response[end + 4..], |_| ());
            }
            if count == 0 || length == 4096 {
                return Err(io::Error::other("no end of the response's head"));
            }
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).map_err(explain)
    }

    /// Reads once and counts what came.
    ///
    /// # Errors
    /// `UnexpectedEof` at the stream's end.
    pub(crate) fn receive(&mut self, memory: &mut [u8]) -> io::Result<()> {
        self.receive_with(memory, |_| ())
    }

    fn receive_with<'a>(
        &mut self,
        memory: &'a mut [u8],
        payload: impl FnMut(&'a [u8]),
    ) -> io::Result<()> {
        let count = self.stream.read(memory).map_err(explain)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.answers.feed(&memory[..count], payload)
    }

    /// Reads until one more message has come.
    pub(crate) fn await_message(&mut self, memory: &mut [u8]) -> io::Result<()> {
        let due = self.answers.messages + 1;
        while self.answers.messages < due {
            self.receive(memory)?;
            self.expect_open()?;
        }
        Ok(())
    }

    /// Reads until one more message has come, and returns its payload, without a newline at the end.
    pub(crate) fn read_message(&mut self, memory: &mut [u8]) -> io::Result<Vec<u8>> {
        let due = self.answers.messages + 1;
        let mut message = Vec::new();
        while self.answers.messages < due {
            self.receive_with(memory, |bytes| message.extend_from_slice(bytes))?;
            self.expect_open()?;
        }
        message.pop_if(|last| *last == b'\n');
        Ok(message)
    }

    /// Whether all messages were of this size, or one byte longer where the server leaves newlines in.
    pub(crate) fn expect_size(&self, size: usize) -> io::Result<()> {
        let (messages, size) = (self.answers.messages, size as u64);
        match self.answers.bytes {
            bytes if bytes == messages * size || bytes == messages * (size + 1) => Ok(()),
            bytes => {
                let message = format!("{bytes} bytes in {messages} messages of {size}");
                Err(io::Error::other(message))
            }
        }
    }

    fn expect_open(&self) -> io::Result<()> {
        match self.answers.is_closed {
            true => Err(io::Error::other("the server closed")),
            false => Ok(()),
        }
    }

    /// The closing handshake, then the end of the stream, which is the server's to make first
    /// (RFC 6455 7.1.1).
    pub(crate) fn close(mut self, memory: &mut [u8]) -> io::Result<()> {
        self.send(&frame(CLOSE, &1000_u16.to_be_bytes()))?;
        loop {
            match self.receive(memory) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        match self.answers.is_closed {
            true => Ok(()),
            false => Err(io::Error::other(
                "no Close frame before the end of the stream",
            )),
        }
    }
}

fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(format!("nothing moved for {PATIENCE:?}")),
        _ => error,
    }
}

/// When one connection reached what.
pub(crate) struct Times {
    pub(crate) opened: Duration,
    pub(crate) answered: Duration,
}

/// A whole life: connect, one line out and back, close, to the end of the stream.
pub(crate) fn visit(address: SocketAddr, line: &[u8], memory: &mut [u8]) -> io::Result<Times> {
    let start = Instant::now();
    let mut client = Client::connect(address)?;
    let opened = start.elapsed();
    client.send(line)?;
    client.await_message(memory)?;
    let answered = start.elapsed();
    client.close(memory)?;
    Ok(Times { opened, answered })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ping between the fragments of a message of 5 bytes, one of 300, an empty one, a Close.
    fn stream() -> Vec<u8> {
        let mut bytes = b"\x01\x02ab\x89\x01p\x80\x03cde\x81\x7e\x01\x2c".to_vec();
        bytes.extend([b'x'; 300]);
        bytes.extend(b"\x82\x00\x88\x02\x03\xe8");
        bytes
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_answers() {
        let stream = stream();
        for length in 1..=stream.len() {
            let (mut answers, mut payload) = (Answers::default(), 0);
            for part in stream.chunks(length) {
                assert!(!answers.is_closed);
                answers.feed(part, |bytes| payload += bytes.len()).unwrap();
            }
            let found = (answers.messages, answers.bytes, answers.is_closed, payload);
            assert_eq!(found, (3, 305, true, 305), "in parts of {length}");
        }
    }

    #[test]
    fn a_message_counts_when_its_last_byte_is_there() {
        let mut answers = Answers::default();
        answers.feed(b"\x81\x7e\x00\x80", |_| ()).unwrap();
        answers.feed(&[b'x'; 127], |_| ()).unwrap();
        assert_eq!((answers.messages, answers.bytes), (0, 0));
        answers.feed(b"x", |_| ()).unwrap();
        assert_eq!((answers.messages, answers.bytes), (1, 128));
    }

    #[test]
    fn a_masked_answer_is_refused() {
        assert!(Answers::default().feed(b"\x81\x81", |_| ()).is_err());
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        let lengths = [125, 126, 65535, 65536].map(|length| header(TEXT, length).len());
        assert_eq!(lengths, [6, 8, 8, 14]);
    }
}
