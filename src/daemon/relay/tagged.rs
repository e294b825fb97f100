//! Both outputs of a service as one, whose lines say which of the two they are from:
//! `{"stream":"stderr","data":"no such file"}`. The relay reads it as it reads a pipe.
//!
//! Each output's line is kept until it has ended, so that a prompt without newline holds nothing up; one
//! that is too long for that leaves in parts, and then the other output waits for its end.

use std::mem;

use memchr::memchr;
use nix::errno::Errno;

use crate::log;
use crate::sys::stream::Stream;

/// One read.
const CHUNK_LEN: usize = 16 * 1024;

/// A line longer than this leaves in parts.
const MAX_KEPT_LEN: usize = 64 * 1024;

/// A line longer than this is logged in parts.
const MAX_LOGGED_LEN: usize = 1024;

/// The two outputs.
#[derive(Debug)]
pub(super) struct Tagged {
    outputs: [Output; 2],
    /// Which of them is read next.
    turn: usize,
    /// Whether the line at hand, which is the `turn`'s, has left in part.
    is_begun: bool,
    /// What was made of what was read, and how much of it has been taken.
    made: Vec<u8>,
    taken: usize,
}

#[derive(Debug)]
struct Output {
    name: &'static str,
    /// `None`: it is at its end, and so is what was made of it.
    pipe: Option<Stream>,
    is_readable: bool,
    /// The beginning of a line.
    kept: Vec<u8>,
}

impl Output {
    fn new(name: &'static str, pipe: Stream) -> Self {
        Self {
            name,
            pipe: Some(pipe),
            is_readable: false,
            kept: Vec::new(),
        }
    }
}

impl Tagged {
    pub(super) fn new(stdout: Stream, stderr: Stream) -> Self {
        Self {
            outputs: [Output::new("stdout", stdout), Output::new("stderr", stderr)],
            turn: 0,
            is_begun: false,
            made: Vec::new(),
            taken: 0,
        }
    }

    /// The pipes that are still open.
    pub(super) fn pipes(&self) -> [Option<&Stream>; 2] {
        self.outputs.each_ref().map(|output| output.pipe.as_ref())
    }

    /// One of them may have something.
    pub(super) fn note_readable(&mut self, number: usize) {
        if let Some(output) = self.outputs.get_mut(number) {
            output.is_readable = true;
        }
    }

    /// Whether a read may bring something without word from the kernel.
    pub(super) fn has_more(&self) -> bool {
        let is_open = |output: &Output| output.is_readable && output.pipe.is_some();
        self.taken < self.made.len() || self.outputs.iter().any(is_open)
    }

    /// Reads no more of either; what was begun is ended. Whether one was open.
    pub(super) fn close(&mut self) -> bool {
        let mut was_open = false;
        for number in [self.turn, 1 - self.turn] {
            if self.outputs.get(number).is_some_and(|it| it.pipe.is_some()) {
                was_open = true;
                self.end(number);
            }
        }
        was_open
    }

    /// Reads lines: 0 is the end, EAGAIN nothing yet.
    pub(super) fn read(&mut self, into: &mut [u8]) -> nix::Result<usize> {
        while self.taken == self.made.len() {
            self.made.clear();
            self.taken = 0;
            if !self.make()? {
                return Ok(0);
            }
        }
        let rest = self.made.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(into.len());
        for (to, from) in into.iter_mut().zip(rest) {
            *to = *from;
        }
        self.taken += count;
        Ok(count)
    }

    /// Nothing moves: gives back what is not needed for it.
    pub(super) fn release(&mut self) {
        if self.taken == self.made.len() {
            self.made = Vec::new();
            self.taken = 0;
        }
        for output in &mut self.outputs {
            output.kept.shrink_to_fit();
        }
    }

    /// Reads one of the two once; `false` if both are at their end.
    ///
    /// A call of its own: in the relay's loop its chunk would be a part of every session's stack.
    #[inline(never)]
    fn make(&mut self) -> nix::Result<bool> {
        if !self.is_begun {
            self.turn = 1 - self.turn;
        }
        let other = (!self.is_begun).then_some(1 - self.turn);
        let mut is_open = false;
        for number in [Some(self.turn), other].into_iter().flatten() {
            let Some(output) = self.outputs.get_mut(number) else {
                continue;
            };
            let Some(pipe) = &output.pipe else {
                continue;
            };
            is_open = true;
            if !output.is_readable {
                continue;
            }
            let mut chunk = [0; CHUNK_LEN];
            match pipe.read(&mut chunk) {
                Ok(count @ 1..) => self.take(number, chunk.get(..count).unwrap_or_default()),
                Err(Errno::EAGAIN) => {
                    output.is_readable = false;
                    continue;
                }
                Ok(0) | Err(_) => self.end(number),
            }
            return Ok(true);
        }
        if is_open {
            return Err(Errno::EAGAIN);
        }
        Ok(false)
    }

    /// Makes lines of what came from one output.
    fn take(&mut self, number: usize, mut bytes: &[u8]) {
        while let Some(at) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            self.keep(number, line);
            self.end_line(number, true);
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.keep(number, bytes);
        let is_long = |output: &Output| output.kept.len() > MAX_KEPT_LEN;
        if self.outputs.get(number).is_some_and(is_long) {
            self.send(number);
        }
    }

    fn keep(&mut self, number: usize, bytes: &[u8]) {
        if let Some(output) = self.outputs.get_mut(number) {
            output.kept.extend_from_slice(bytes);
        }
    }

    /// Ends the line at hand; `has_newline`: then a carriage return before it is no part of it.
    fn end_line(&mut self, number: usize, has_newline: bool) {
        let Some(output) = self.outputs.get_mut(number) else {
            return;
        };
        if has_newline && output.kept.last() == Some(&b'\r') {
            output.kept.pop();
        }
        let mut kept = mem::take(&mut output.kept);
        self.add(number, &kept);
        self.made.extend_from_slice(b"\"}\n");
        self.is_begun = false;
        kept.clear();
        self.give_back(number, kept);
    }

    /// Sends a part of a line that is too long to be kept. What may be half of its end is not sent.
    fn send(&mut self, number: usize) {
        let Some(output) = self.outputs.get_mut(number) else {
            return;
        };
        let mut kept = mem::take(&mut output.kept);
        let is_half = kept.last() == Some(&b'\r');
        kept.truncate(kept.len() - usize::from(is_half));
        self.add(number, &kept);
        self.is_begun = true;
        self.turn = number;
        kept.clear();
        kept.extend(is_half.then_some(b'\r'));
        self.give_back(number, kept);
    }

    fn give_back(&mut self, number: usize, kept: Vec<u8>) {
        if let Some(output) = self.outputs.get_mut(number) {
            output.kept = kept;
        }
    }

    /// No more comes from this output: a line without end is one all the same.
    fn end(&mut self, number: usize) {
        let Some(output) = self.outputs.get_mut(number) else {
            return;
        };
        output.pipe = None;
        let is_begun = self.is_begun && self.turn == number;
        if is_begun || !output.kept.is_empty() {
            self.end_line(number, false);
        }
    }

    /// Adds a part of a line, with what stands before the first.
    fn add(&mut self, number: usize, part: &[u8]) {
        let name = self.outputs.get(number).map_or("", |output| output.name);
        if name == "stderr" {
            if part.is_empty() && !self.is_begun {
                log::service(part);
            }
            part.chunks(MAX_LOGGED_LEN).for_each(log::service);
        }
        if !self.is_begun {
            for text in ["{\"stream\":\"", name, "\",\"data\":\""] {
                self.made.extend_from_slice(text.as_bytes());
            }
        }
        escape(part, &mut self.made);
    }
}

/// A string of JSON, RFC 8259 7, without its quotes. What is not UTF-8 is the relay's to judge.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
}

/// What the relay reads: a pipe, or both outputs as one.
#[derive(Debug)]
pub(super) enum Pipe {
    Plain(Stream),
    Tagged(Box<Tagged>),
}

impl Pipe {
    pub(super) fn read(&mut self, into: &mut [u8]) -> nix::Result<usize> {
        match self {
            Self::Plain(pipe) => pipe.read(into),
            Self::Tagged(both) => both.read(into),
        }
    }

    /// Whether a read may bring more without word from the kernel; `is_full`: the last one used all its
    /// room.
    pub(super) fn has_more(&self, is_full: bool) -> bool {
        match self {
            Self::Plain(pipe) => pipe.has_more(is_full),
            Self::Tagged(both) => is_full || both.has_more(),
        }
    }

    /// The descriptors to be watched: of the output, and of standard error if it is in here.
    pub(super) fn descriptors(&self) -> [Option<&Stream>; 2] {
        match self {
            Self::Plain(pipe) => [Some(pipe), None],
            Self::Tagged(both) => both.pipes(),
        }
    }

    /// The kernel has word of one of them.
    pub(super) fn note(&mut self, number: usize) {
        if let Self::Tagged(both) = self {
            both.note_readable(number);
        }
    }
}
