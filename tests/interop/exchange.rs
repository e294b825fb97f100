//! The long exchange of the Rust client: more than a thousand messages, compared as they come back.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message};

use super::peer::{PATIENCE, Socket, close_frame, connect, report_close};

/// Every length of UTF-8, both ends of each, what ends a record elsewhere, a BOM, a non-character.
const ALPHABET: &str =
    "a\n\r\n\0~\x7f\u{80}ß\u{7ff}\u{800}€\u{d7ff}\u{e000}\u{feff}\u{ffff}\u{10000}𝄞\u{10ffff}";
/// Around each form of the length on the wire, then what fills every buffer on the way.
const EDGES: [usize; 11] = [
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    65_537,
    1 << 18,
    1 << 20,
    10 << 20,
];
const RANDOM_MESSAGES: usize = 1000;
const WINDOW_MESSAGES: usize = 64;
const WINDOW_BYTES: usize = 1 << 20;

/// Sends about 1,100 messages through an echo service and compares what comes back.
///
/// # Panics
/// On the first difference, and after [`PATIENCE`] without progress.
pub(super) fn echo(url: &str, seed: u32) -> String {
    let (mut socket, _) = connect(url.into_client_request().unwrap()).unwrap();
    socket.get_ref().set_nonblocking(true).unwrap();
    let mut exchange = Exchange::new(seed);
    while exchange.fill(&mut socket) {
        exchange.drain(&mut socket);
    }
    socket.get_ref().set_nonblocking(false).unwrap();
    socket.close(Some(close_frame(1000, "compared"))).unwrap();
    let mut told = exchange.told();
    report_close(&mut told, &mut socket);
    told
}

/// A message as it went.
struct Sent {
    is_text: bool,
    payload: Vec<u8>,
}

/// A sender that stays within the window and a receiver that compares, in turns on one thread.
struct Exchange {
    dice: Dice,
    shapes: Vec<Shape>,
    awaited: VecDeque<Sent>,
    waiting_bytes: usize,
    last_pong: usize,
    facts: Facts,
}

#[derive(Default)]
struct Facts {
    messages: usize,
    bytes: usize,
    texts: usize,
    empty: usize,
    fragmented: usize,
    pings: usize,
}

impl Exchange {
    fn new(seed: u32) -> Self {
        let mut dice = Dice(seed);
        let shapes = shapes(&mut dice);
        Self {
            dice,
            shapes,
            awaited: VecDeque::new(),
            waiting_bytes: 0,
            last_pong: 0,
            facts: Facts::default(),
        }
    }

    /// Sends what the window has room for; `false`: all is sent and has come back.
    fn fill(&mut self, socket: &mut Socket) -> bool {
        while let Some(shape) = self.shapes.last() {
            let is_alone = self.awaited.is_empty();
            if self.awaited.len() >= WINDOW_MESSAGES
                || !is_alone && self.waiting_bytes + shape.len > WINDOW_BYTES
            {
                break;
            }
            let shape = self.shapes.pop().unwrap();
            self.send(&shape, socket);
        }
        // The pong of the last ping stands for those before it: RFC 6455 5.5.3.
        !self.shapes.is_empty() || !self.awaited.is_empty() || self.last_pong < self.facts.pings
    }

    fn send(&mut self, shape: &Shape, socket: &mut Socket) {
        let payload = if shape.is_text {
            text_of(&mut self.dice, shape.len)
        } else {
            binary_of(&mut self.dice, shape.len)
        };
        let mut cuts = vec![payload.len()];
        if shape.is_fragmented {
            // Cuts fall inside characters, pieces may be empty.
            cuts.extend((0..=self.dice.up_to(7)).map(|_| self.dice.up_to(payload.len())));
            cuts.sort_unstable();
        }
        let mut opcode = if shape.is_text {
            Data::Text
        } else {
            Data::Binary
        };
        let mut from = 0;
        for (ordinal, to) in cuts.iter().enumerate() {
            let piece = payload[from..*to].to_vec();
            let is_final = ordinal + 1 == cuts.len();
            let frame = Frame::message(piece, OpCode::Data(opcode), is_final);
            write(socket, Message::Frame(frame));
            self.ping_at_times(socket);
            (from, opcode) = (*to, Data::Continue);
        }
        self.facts.messages += 1;
        self.facts.bytes += payload.len();
        self.facts.texts += usize::from(shape.is_text);
        self.facts.empty += usize::from(payload.is_empty());
        self.facts.fragmented += usize::from(shape.is_fragmented);
        self.waiting_bytes += payload.len();
        self.awaited.push_back(Sent {
            is_text: shape.is_text,
            payload,
        });
    }

    fn ping_at_times(&mut self, socket: &mut Socket) {
        if self.dice.one_in(8) {
            self.facts.pings += 1;
            let payload = self.facts.pings.to_string();
            write(socket, Message::Ping(payload.into()));
        }
    }

    /// Takes what has come and compares it; waits if nothing has.
    fn drain(&mut self, socket: &mut Socket) {
        let is_flushed = is_done(socket.flush());
        match socket.read() {
            Ok(Message::Text(text)) => self.compare(true, text.as_bytes()),
            Ok(Message::Binary(bytes)) => self.compare(false, &bytes),
            Ok(Message::Pong(payload)) => self.check_pong(&payload),
            Ok(other) => panic!("{other:?} came"),
            error => {
                assert!(!is_done(error));
                wait(socket, is_flushed);
            }
        }
    }

    fn compare(&mut self, is_text: bool, received: &[u8]) {
        let ordinal = self.facts.messages - self.awaited.len();
        let sent = self.awaited.pop_front().expect("it never went");
        assert_eq!(is_text, sent.is_text, "type of message {ordinal}");
        assert_eq!(
            received.len(),
            sent.payload.len(),
            "length of message {ordinal}"
        );
        let difference = received.iter().zip(&sent.payload).position(|(a, b)| a != b);
        assert_eq!(
            difference, None,
            "first byte of message {ordinal} that differs"
        );
        self.waiting_bytes -= received.len();
    }

    /// Pongs may be left out, but neither repeated nor made up.
    fn check_pong(&mut self, payload: &[u8]) {
        let ordinal = str::from_utf8(payload).unwrap().parse().unwrap();
        assert!(self.last_pong < ordinal && ordinal <= self.facts.pings);
        self.last_pong = ordinal;
    }

    fn told(&self) -> String {
        let facts = &self.facts;
        let mut told = String::new();
        for (name, value) in [
            ("messages", facts.messages),
            ("bytes", facts.bytes),
            ("texts", facts.texts),
            ("empty", facts.empty),
            ("fragmented", facts.fragmented),
            ("pings", facts.pings),
        ] {
            writeln!(told, "{name} {value}").unwrap();
        }
        told
    }
}

/// Hands a message to tungstenite, which keeps what the kernel does not take.
fn write(socket: &mut Socket, message: Message) {
    is_done(socket.write(message));
}

/// `false`: the kernel wants us to come back.
fn is_done<T>(result: Result<T, Error>) -> bool {
    match result {
        Ok(_) => true,
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

fn wait(socket: &Socket, is_flushed: bool) {
    let mut events = PollFlags::POLLIN;
    events.set(PollFlags::POLLOUT, !is_flushed);
    let mut ends = [PollFd::new(socket.get_ref().as_fd(), events)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    assert_ne!(poll(&mut ends, patience), Ok(0), "no progress");
}

struct Shape {
    is_text: bool,
    len: usize,
    is_fragmented: bool,
}

/// What is sent, in an order that chance has chosen: every edge in every form, then lengths as likely
/// to be small as large.
fn shapes(dice: &mut Dice) -> Vec<Shape> {
    let forms = [(true, true), (true, false), (false, true), (false, false)];
    let edges = EDGES
        .iter()
        .flat_map(|len| forms.map(|(is_text, is_fragmented)| (is_text, *len, is_fragmented)));
    let mut shapes: Vec<_> = edges
        .map(|(is_text, len, is_fragmented)| Shape {
            is_text,
            len,
            is_fragmented,
        })
        .collect();
    for _ in 0..RANDOM_MESSAGES {
        let bits = dice.up_to(16);
        shapes.push(Shape {
            is_text: dice.one_in(2),
            len: dice.up_to((1 << bits) - 1),
            is_fragmented: dice.one_in(4),
        });
    }
    for at in (1..shapes.len()).rev() {
        shapes.swap(at, dice.up_to(at));
    }
    shapes
}

/// Text of `len` bytes that nowhere repeats itself.
fn text_of(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut text = String::with_capacity(len + 80);
    let mut ordinal = dice.up_to(65_535);
    while text.len() < len {
        write!(text, "{ordinal:x}{ALPHABET}").unwrap();
        ordinal += 1;
    }
    let mut whole = len;
    while !text.is_char_boundary(whole) {
        whole -= 1;
    }
    let mut bytes = text.into_bytes();
    bytes.truncate(whole);
    bytes.resize(len, b'x');
    bytes
}

fn binary_of(dice: &mut Dice, len: usize) -> Vec<u8> {
    let words = (0..len.div_ceil(4)).flat_map(|_| dice.next().to_ne_bytes());
    words.take(len).collect()
}

/// Marsaglia's xorshift; the state is never zero.
struct Dice(u32);

impl Dice {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn up_to(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % (limit + 1)
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.up_to(sides - 1) == 0
    }
}
