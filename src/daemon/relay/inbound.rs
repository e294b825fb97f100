//! Far to near: transport, frames, messages, records, pipe.

use nix::errno::Errno;
use std::io;
use std::mem;
use std::num::NonZeroUsize;

use crate::connection::{Connection, Event, Fault, Limit};
use crate::log::Traffic;
use crate::queue::{Batch, Queue};
use crate::record::{Encoder, Record};
use crate::sys::stream::Stream;

use super::buffer::{Buffer, Filled};
use super::peer::Peer;

/// One read of the client.
const BUFFER_LEN: NonZeroUsize = NonZeroUsize::new(64 * 1024).unwrap();

/// From here on no more frames are decoded. One more run may come on top, of at most a buffer: all in
/// all it stays below 256 KiB.
const HIGH_MARK: usize = 184 * 1024;

/// Where records go: a pipe, and what the kernel said of it.
#[derive(Debug)]
struct Sink {
    pipe: Stream,
    is_writable: bool,
}

/// What a look at the peer's bytes brought, beside data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Heard {
    /// Something was taken or delivered: it is worth looking again.
    pub(super) progress: bool,
    /// At least one message ended.
    pub(super) message: bool,
    /// Bytes came from the peer.
    pub(super) bytes: bool,
    /// The peer's Close frame.
    pub(super) close: bool,
    /// The stream ended.
    pub(super) ended: bool,
    /// Bytes had nowhere to go: nobody will ever read them.
    pub(super) undelivered: bool,
}

#[derive(Debug)]
pub(super) struct Inbound {
    buffer: Buffer,
    scratch: Vec<u8>,
    encoder: Encoder,
    queue: Queue,
    sink: Option<Sink>,
    /// No more is coming: the sink is closed when the queue is empty.
    is_ended: bool,
    /// Why what came cannot be written.
    pub(super) error: Option<Errno>,
    pub(super) traffic: Traffic,
}

impl Inbound {
    pub(super) fn new(record: Record, max_held_len: usize, sink: Option<Stream>) -> Self {
        Self {
            buffer: Buffer::new(BUFFER_LEN),
            scratch: Vec::new(),
            encoder: Encoder::new(record, max_held_len),
            queue: Queue::new(),
            // There is room, or the first write tells that there is none.
            sink: sink.map(|pipe| Sink {
                pipe,
                is_writable: true,
            }),
            is_ended: false,
            error: None,
            traffic: Traffic::default(),
        }
    }

    /// Bytes that came with the handshake.
    pub(super) fn preload(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.append(bytes)
    }

    /// The near end can take more.
    pub(super) fn note_writable(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.is_writable = true;
        }
    }

    /// Whether the peer is not read because the near end does not take what it said.
    pub(super) fn is_stalled(&self) -> bool {
        self.sink.is_some() && self.queue.len() >= HIGH_MARK
    }

    /// Whether everything that came has been handed on.
    pub(super) fn is_delivered(&self) -> bool {
        self.queue.is_empty() && self.buffer.is_empty()
    }

    /// Nothing more comes from the peer: the near end gets EOF after what is queued.
    pub(super) fn end(&mut self) {
        self.is_ended = true;
        self.close_when_done();
    }

    /// The near end gets EOF now; what is queued is dropped.
    pub(super) fn abandon(&mut self) {
        self.sink = None;
        self.queue.clear();
    }

    /// One step: deliver what waits, then decode what was read, then read.
    pub(super) fn step(
        &mut self,
        peer: &mut Peer,
        connection: &mut Connection,
    ) -> (Heard, Option<Fault>) {
        let mut heard = Heard::default();
        heard.progress |= self.flush(&mut heard);
        if self.is_stalled() {
            return (heard, None);
        }
        if self.buffer.is_empty() && peer.is_readable {
            match peer.read(&mut self.buffer) {
                Some(Filled::Ended) => heard.ended = true,
                Some(Filled::All | Filled::Some) => heard.bytes = true,
                None => {}
            }
        }
        if self.buffer.is_empty() {
            return (heard, None);
        }
        heard.progress = true;
        let fault = self.decode(connection, &mut heard).err();
        self.close_when_done();
        (heard, fault)
    }

    /// Gives memory back that has been idle.
    pub(super) fn release(&mut self) {
        if let Some(sink) = &self.sink {
            sink.pipe.narrow();
        }
        self.buffer.release();
        self.scratch = Vec::new();
    }

    /// Decodes the buffer up to the high mark and hands the records to the pipe in one write.
    fn decode(&mut self, connection: &mut Connection, heard: &mut Heard) -> Result<(), Fault> {
        let mut batch = Batch::new(&mut self.scratch);
        let mut rest = self.buffer.unread();
        let count = rest.len();
        let mut outcome = Ok(());
        while !rest.is_empty() && !batch.is_full() && self.queue.len() + batch.len() < HIGH_MARK {
            match connection.receive(mem::take(&mut rest)) {
                Err(fault) => outcome = Err(fault),
                Ok((event, next)) => {
                    rest = next;
                    match event {
                        Some(Event::Data(run)) => {
                            self.traffic.bytes += u64::try_from(run.bytes.len()).unwrap_or(0);
                            if run.is_last() {
                                self.traffic.messages += 1;
                                heard.message = true;
                            }
                            if self.encoder.encode(run, &mut batch).is_err() {
                                outcome = Err(connection.fail(Limit::MessageTooBig.into()));
                                rest = &mut [];
                            }
                        }
                        Some(Event::Close) => {
                            heard.close = true;
                            rest = &mut [];
                        }
                        Some(Event::Ping | Event::Pong) | None => {}
                    }
                }
            }
        }
        let consumed = count - rest.len();
        let written = match &mut self.sink {
            Some(sink) if self.queue.is_empty() => sink.write(|| batch.slices(0), batch.len()),
            Some(_) => Ok(0),
            None => Err(Errno::EPIPE),
        };
        match written {
            Ok(written) => self.queue.push(&batch, written),
            Err(errno) => {
                heard.undelivered |= !batch.is_empty();
                self.note_error(errno);
                self.sink = None;
            }
        }
        self.buffer.consume(consumed);
        outcome
    }

    /// Writes what is queued; whether any of it went.
    fn flush(&mut self, heard: &mut Heard) -> bool {
        let mut progress = false;
        while let Some(sink) = self.sink.as_mut().filter(|sink| sink.is_writable) {
            if self.queue.is_empty() {
                break;
            }
            let slices = self.queue.slices();
            let asked = slices.iter().map(|slice| slice.len()).sum();
            match sink.write(|| slices, asked) {
                Ok(written) => {
                    progress |= written > 0;
                    self.queue.advance(written);
                }
                Err(errno) => {
                    heard.undelivered = true;
                    self.note_error(errno);
                    self.abandon();
                }
            }
        }
        self.close_when_done();
        progress
    }

    /// A reader that has gone wants no more of it, which is no failure.
    fn note_error(&mut self, errno: Errno) {
        if errno != Errno::EPIPE {
            self.error.get_or_insert(errno);
        }
    }

    fn close_when_done(&mut self) {
        if self.is_ended && self.is_delivered() {
            self.sink = None;
        }
    }

    /// The pipe to register for readiness.
    pub(super) fn pipe(&self) -> Option<&Stream> {
        self.sink.as_ref().map(|sink| &sink.pipe)
    }
}

impl Sink {
    /// Writes what the pipe takes; an error means that nobody will ever read it.
    fn write<'b>(
        &mut self,
        slices: impl FnOnce() -> Vec<io::IoSlice<'b>>,
        asked: usize,
    ) -> nix::Result<usize> {
        if !self.is_writable || asked == 0 {
            return Ok(0);
        }
        match self.pipe.write(&slices()) {
            Ok(written) => {
                self.is_writable = self.pipe.has_room(written == asked);
                Ok(written)
            }
            Err(Errno::EAGAIN) => {
                self.is_writable = false;
                Ok(0)
            }
            Err(errno) => Err(errno),
        }
    }
}
