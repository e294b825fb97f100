//! Near to far: pipe, records, messages, frames, transport.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::mem;
use std::num::NonZeroUsize;

use mio::event::Event;

use crate::connection::Connection;
use crate::frame::{CloseCode, Kind, Replacer, Run, Utf8};
use crate::log::Traffic;
use crate::queue::{Batch, Queue};
use crate::record::{Decoder, Fault, More};
use crate::sys::stream::Stream;

use super::super::config::InvalidUtf8;
use super::Goodbye;
use super::buffer::{Buffer, Filled};
use super::ends::Settings;
use super::keys::Keys;
use super::peer::Peer;
use super::tagged::Pipe;

/// One read of the service: a line of 64 KiB and its end, or as much with a typed header.
const BUFFER_LEN: NonZeroUsize = NonZeroUsize::new(64 * 1024 + 4096).unwrap();

/// Frames beyond this wait in the buffer as records.
const HIGH_MARK: usize = 184 * 1024;

#[derive(Debug)]
struct Source {
    pipe: Pipe,
    is_readable: bool,
    /// Nobody holds the other end: the end of the stream is behind what can still be read, and is not
    /// announced again.
    has_ended: bool,
    /// What is in it is the end, whoever holds the other end.
    is_given_up: bool,
}

#[derive(Debug)]
pub(super) struct Outbound {
    buffer: Buffer,
    scratch: Vec<u8>,
    decoder: Decoder,
    text: Text,
    keys: Keys,
    /// Whose output it is, for who is told what is wrong with it.
    whose: &'static str,
    queue: Queue,
    source: Option<Source>,
    /// The source is at its end, and so is what was read of it.
    is_ended: bool,
    /// Nobody listens: what a service says is read, so that it can go on, and dropped.
    is_mute: bool,
    /// The message at hand was begun to another peer: what is left of it is for nobody.
    is_skipping: bool,
    pub(super) traffic: Traffic,
}

impl Outbound {
    pub(super) fn new(settings: &Settings, source: Option<Pipe>, keys: Keys) -> Self {
        Self {
            buffer: Buffer::new(BUFFER_LEN),
            scratch: Vec::new(),
            decoder: Decoder::new(settings.record),
            text: match settings.invalid_utf8 {
                InvalidUtf8::Close => Text::Checked(Utf8::new()),
                InvalidUtf8::Replace => Text::Replaced(Replacer::new()),
            },
            keys,
            whose: settings.words.output,
            queue: Queue::new(),
            is_ended: source.is_none(),
            source: source.map(|pipe| Source {
                pipe,
                is_readable: false,
                has_ended: false,
                is_given_up: false,
            }),
            is_mute: false,
            is_skipping: false,
            traffic: Traffic::default(),
        }
    }

    /// Goes on where another relay has left the source.
    pub(super) fn resume(&mut self, rest: Rest) {
        self.is_skipping = rest.decoder.is_within();
        self.buffer = rest.buffer;
        self.decoder = rest.decoder;
    }

    /// What was not sent, for who goes on.
    pub(super) fn into_rest(self) -> Rest {
        Rest {
            buffer: self.buffer,
            decoder: self.decoder,
        }
    }

    /// The source is always ready.
    pub(super) fn note_ready(&mut self) {
        if let Some(source) = &mut self.source {
            source.is_readable = true;
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        if let Some(source) = &mut self.source {
            source.pipe.note(0);
            source.is_readable = true;
            source.has_ended |= event.is_read_closed();
        }
    }

    /// Standard error has something for the peer.
    pub(super) fn note_stderr(&mut self) {
        if let Some(source) = &mut self.source {
            source.pipe.note(1);
            source.is_readable = true;
        }
    }

    /// Whether all that was said has been framed; no more will come.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether the source alone is waited for: all that has come of it has left, and it is open. Where the
    /// peer is waited for, what the source has said is not known.
    pub(super) fn awaits_source(&self) -> bool {
        let is_quiet = self.source.as_ref().is_some_and(|it| !it.is_readable);
        is_quiet && self.queue.is_empty()
    }

    /// Whether frames wait for the peer.
    pub(super) fn is_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What is still said is for nobody; what is queued still leaves.
    pub(super) fn mute(&mut self) {
        self.is_mute = true;
        let unread = self.buffer.unread().len();
        self.buffer.consume(unread);
    }

    /// What is said from here on, and what was read and not framed, is left to who reads it next; what
    /// is queued still leaves.
    pub(super) fn leave(&mut self) {
        self.is_mute = true;
        self.source = None;
    }

    /// Nobody is left to read what is queued.
    pub(super) fn drop_queue(&mut self) {
        self.queue.clear();
    }

    /// Closes our direction after everything else that waits.
    pub(super) fn close(&mut self, connection: &mut Connection, goodbye: &Goodbye) {
        let key = self.keys.draw();
        let Some(frame) = connection.close(goodbye.code, &goodbye.reason, key) else {
            return;
        };
        let mut batch = Batch::new(&mut self.scratch);
        batch.copy(&frame);
        batch.end_frame();
        self.queue.push(&batch, 0);
    }

    /// One step: write what waits, control frames first; then frame what was read; then read.
    ///
    /// # Errors
    ///
    /// Why the output cannot be sent.
    pub(super) fn step(
        &mut self,
        peer: &mut Peer,
        connection: &mut Connection,
    ) -> Result<Moved, Goodbye> {
        let mut moved = Moved {
            written: self.flush(peer, connection),
            ..Moved::default()
        };
        if self.is_mute {
            moved.read = self.read();
            if moved.read {
                let unread = self.buffer.unread().len();
                self.buffer.consume(unread);
            }
            self.is_ended |= self.source.is_none();
            return Ok(moved);
        }
        if !self.queue.is_empty() {
            return Ok(moved);
        }
        moved.read = self.read();
        if moved.read || connection.has_control() || !self.is_ended {
            let before = self.traffic.messages;
            moved.written += self.frame(peer, connection)?;
            moved.message = self.traffic.messages > before;
        }
        Ok(moved)
    }

    pub(super) fn release(&mut self) {
        let pipes = self.pipe().map(Pipe::descriptors).unwrap_or_default();
        pipes.into_iter().flatten().for_each(Stream::narrow);
        if let Some(Source {
            pipe: Pipe::Tagged(both),
            ..
        }) = &mut self.source
        {
            both.release();
        }
        self.buffer.release();
        self.scratch = Vec::new();
    }

    pub(super) fn pipe(&self) -> Option<&Pipe> {
        self.source.as_ref().map(|source| &source.pipe)
    }

    /// What has been said is still read, no more is waited for: by who holds the output of a service open
    /// that has ended. Whether it was waited for.
    pub(super) fn give_up_source(&mut self) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        source.is_readable = true;
        match &mut source.pipe {
            // A record that was begun is ended.
            Pipe::Tagged(both) => both.close(),
            Pipe::Plain(_) => !mem::replace(&mut source.is_given_up, true),
        }
    }

    /// Reads the pipe, if there is something and room for it.
    fn read(&mut self) -> bool {
        let Some(source) = self.source.as_mut().filter(|it| it.is_readable) else {
            return false;
        };
        let unread = self.buffer.unread().len();
        if self.buffer.is_filled_by(unread) {
            return false;
        }
        match self.buffer.fill(&mut |room| Ok(source.pipe.read(room)?)) {
            Ok(Filled::Ended) => self.source = None,
            Ok(filled) => {
                let may_have_more = source.pipe.has_more(filled == Filled::Some);
                source.is_readable = may_have_more || source.has_ended || source.is_given_up;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !source.is_given_up => {
                source.is_readable = false;
                return false;
            }
            Err(_) => self.source = None,
        }
        true
    }

    /// Frames what is in the buffer and writes it; what the peer does not take is queued.
    fn frame(&mut self, peer: &mut Peer, connection: &mut Connection) -> Result<usize, Goodbye> {
        let mut batch = Batch::new(&mut self.scratch);
        if peer.is_writable {
            while let Some(frame) = connection.poll_control(self.keys.draw()) {
                batch.copy(&frame);
                batch.end_frame();
            }
        }
        let has_source = self.source.is_some();
        let length = self.buffer.unread().len();
        let is_filled = self.buffer.is_filled_by(length);
        let whose = self.whose;
        let mut rest: &[u8] = self.buffer.unread();
        // One look at all of it costs a tenth of a look at each of its short lines.
        let is_ascii = rest.is_ascii();
        let mut outcome = Ok(());
        while !batch.is_full() && batch.len() < HIGH_MARK {
            let more = match (has_source, is_filled && rest.len() == length) {
                (false, _) => More::Ended,
                (true, true) => More::NoRoom,
                (true, false) => More::Possible,
            };
            match self.decoder.decode(rest, more) {
                Ok(Some((run, used))) => {
                    rest = rest.get(used..).unwrap_or_default();
                    if self.is_skipping {
                        self.is_skipping = !run.is_last();
                        continue;
                    }
                    self.traffic.bytes += u64::try_from(run.bytes.len()).unwrap_or(0);
                    self.traffic.messages += u64::from(run.is_last());
                    let key = self.keys.draw();
                    if is_ascii && self.text.is_between_characters() {
                        connection.send(run, key, &mut batch);
                    } else {
                        let sent = self.text.send(run, connection, key, &mut batch);
                        outcome = sent.map_err(|what| wrong(whose, what));
                    }
                }
                Ok(None) => {
                    self.is_ended |= !has_source;
                    break;
                }
                Err(fault) => {
                    self.is_ended = true;
                    outcome = Err(no_record(whose, fault));
                }
            }
            if outcome.is_err() {
                break;
            }
        }
        let consumed = length - rest.len();
        let written = peer.write(&batch.slices(0), batch.len());
        self.queue.push(&batch, written);
        self.buffer.consume(consumed);
        outcome.map(|()| written)
    }

    /// Writes what is queued; how many bytes of it went.
    fn flush(&mut self, peer: &mut Peer, connection: &mut Connection) -> usize {
        let mut total = peer.flush();
        while !self.queue.is_empty() && peer.is_writable {
            while let Some(frame) = connection.poll_control(self.keys.draw()) {
                self.queue.overtake(&frame);
            }
            let slices = self.queue.slices();
            let asked = slices.iter().map(|slice| slice.len()).sum();
            let written = peer.write(&slices, asked);
            self.queue.advance(written);
            total += written;
        }
        total
    }
}

/// What was read of a source and not sent: the beginning of what another relay reads on.
#[derive(Debug)]
pub(crate) struct Rest {
    buffer: Buffer,
    decoder: Decoder,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Moved {
    /// The pipe gave something, its end perhaps.
    pub(super) read: bool,
    /// Bytes that went to the peer.
    pub(super) written: usize,
    /// At least one message was framed to its end.
    pub(super) message: bool,
}

/// What is wrong with an output, as the Close says it.
fn wrong(whose: &str, what: impl fmt::Display) -> Goodbye {
    Goodbye::new(CloseCode::INVALID_PAYLOAD, format!("{whose} {what}"))
}

/// Why an output is no record.
fn no_record(whose: &str, fault: Fault) -> Goodbye {
    match fault {
        Fault::Header { offset } => {
            wrong(whose, format_args!("has no typed header at byte {offset}"))
        }
        Fault::Truncated { offset } => {
            wrong(whose, format_args!("ends within a record at byte {offset}"))
        }
    }
}

/// What makes sure that text is UTF-8 (RFC 6455 8.1).
#[derive(Debug)]
enum Text {
    Checked(Utf8),
    Replaced(Replacer),
}

impl Text {
    fn is_between_characters(&self) -> bool {
        match self {
            Self::Checked(utf8) => utf8.is_between_characters(),
            Self::Replaced(replacer) => replacer.is_between_characters(),
        }
    }

    /// Adds one run to the batch as a frame.
    fn send<'a>(
        &mut self,
        run: Run<'a>,
        connection: &mut Connection,
        key: [u8; 4],
        batch: &mut Batch<'a, '_>,
    ) -> Result<(), &'static str> {
        let bytes = match self {
            _ if run.kind == Kind::Binary => Cow::Borrowed(run.bytes),
            Self::Replaced(replacer) => replacer.replace(run.bytes, run.is_last()),
            Self::Checked(utf8) => {
                let checked = utf8.check(run.bytes).and_then(|()| match run.is_last() {
                    true => utf8.finish(),
                    false => Ok(()),
                });
                checked.map_err(|_| "is not UTF-8")?;
                Cow::Borrowed(run.bytes)
            }
        };
        match bytes {
            Cow::Borrowed(bytes) => connection.send(Run { bytes, ..run }, key, batch),
            Cow::Owned(bytes) => {
                let run = Run {
                    bytes: &bytes,
                    ..run
                };
                connection.send_copy(run, key, batch);
            }
        }
        Ok(())
    }
}
