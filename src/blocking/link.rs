//! The stream with what was read and not understood yet, and what was said and has not left yet.

use std::io::{IoSlice, Read, Write};
use std::mem;

use crate::queue::{Batch, Queue};

use super::error::Error;
use super::wait::Wait;

/// Bytes asked for in one read.
const READ_LEN: usize = 16 * 1024;

/// A stream and its two buffers.
#[derive(Debug)]
pub(super) struct Link<S> {
    stream: S,
    /// Without memory until the first read.
    input: Vec<u8>,
    /// What is unread of it: `from <= to <= input.len()`.
    from: usize,
    to: usize,
    queue: Queue,
    scratch: Vec<u8>,
    /// Whether something was written since the stream was last flushed.
    is_unflushed: bool,
    /// Whether the stream has failed to take what was written.
    is_deaf: bool,
}

impl<S> Link<S> {
    /// `received` has been read from the stream by somebody else.
    pub(super) fn new(stream: S, received: &[u8]) -> Self {
        Self {
            stream,
            input: received.to_vec(),
            from: 0,
            to: received.len(),
            queue: Queue::new(),
            scratch: Vec::new(),
            is_unflushed: false,
            is_deaf: false,
        }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, and what was read of it and not understood.
    pub(super) fn into_parts(mut self) -> (S, Vec<u8>) {
        let unread = self.unread().to_vec();
        (self.stream, unread)
    }

    /// What was read and not taken.
    pub(super) fn unread(&mut self) -> &mut [u8] {
        self.input.get_mut(self.from..self.to).unwrap_or_default()
    }

    /// Takes what is unread but for the last `left` bytes.
    pub(super) fn take_all_but(&mut self, left: usize) {
        self.from = self.to.saturating_sub(left);
    }

    /// Whether all that was said has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.queue.is_empty() && !self.is_unflushed
    }

    /// Whether nothing waits to leave but what the stream itself holds.
    pub(super) fn has_room(&self) -> bool {
        self.queue.is_empty()
    }

    /// Puts bytes behind what waits to leave; the end of a frame. None leave once the stream is deaf.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        if self.is_deaf {
            return;
        }
        let mut batch = Batch::new(&mut self.scratch);
        batch.copy(bytes);
        batch.end_frame();
        self.queue.push(&batch, 0);
    }

    /// Lets the stream wait for ever again.
    pub(super) fn disarm(&mut self, wait: &mut Wait<S>) {
        wait.disarm(&mut self.stream);
    }
}

impl<S: Read> Link<S> {
    /// Reads once behind what is unread; false: the stream has ended.
    pub(super) fn fill(&mut self, wait: &mut Wait<S>) -> Result<bool, Error> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
        if self.input.len() < self.to + READ_LEN / 2 {
            self.input.resize(self.to + READ_LEN, 0);
        }
        loop {
            wait.arm(&mut self.stream)?;
            let room = self.input.get_mut(self.to..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(len) => {
                    self.to += len;
                    return Ok(len > 0);
                }
                Err(error) => wait.judge(error).map_or(Ok(()), Err)?,
            }
        }
    }
}

impl<S: Write> Link<S> {
    /// Writes what waits, all of it.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]: the rest goes on waiting. [`Error::Io`]: it never leaves.
    pub(super) fn flush(&mut self, wait: &mut Wait<S>) -> Result<(), Error> {
        while !self.queue.is_empty() {
            let len = write(&mut self.stream, &self.queue.slices(), wait);
            let len = self.note(len)?;
            self.is_unflushed = true;
            self.queue.advance(len);
        }
        while self.is_unflushed {
            let armed = wait.arm(&mut self.stream);
            self.note(armed)?;
            match self.stream.flush() {
                Ok(()) => self.is_unflushed = false,
                Err(error) => {
                    let outcome = wait.judge(error).map_or(Ok(()), Err);
                    self.note(outcome)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what `encode` makes, behind nothing: [`has_room`](Self::has_room) holds. What does not
    /// leave in time waits.
    pub(super) fn transmit<'a>(
        &mut self,
        encode: impl FnOnce(&mut Batch<'a, '_>),
        wait: &mut Wait<S>,
    ) -> Result<(), Error> {
        let mut scratch = mem::take(&mut self.scratch);
        let mut batch = Batch::new(&mut scratch);
        encode(&mut batch);
        let mut written = 0;
        let mut outcome = Ok(0);
        while written < batch.len() && outcome.is_ok() {
            outcome = write(&mut self.stream, &batch.slices(written), wait);
            written += outcome.as_ref().unwrap_or(&0);
        }
        self.is_unflushed |= written > 0;
        self.queue.push(&batch, written);
        self.scratch = scratch;
        match outcome {
            Ok(_) => self.flush(wait),
            Err(error) => self.note(Err(error)),
        }
    }

    /// Remembers that the stream takes nothing more, if that is what the error says.
    fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        if matches!(outcome, Err(Error::Io(_))) {
            self.is_deaf = true;
            self.is_unflushed = false;
            self.queue.clear();
        }
        outcome
    }
}

fn write<S: Write>(
    stream: &mut S,
    slices: &[IoSlice<'_>],
    wait: &mut Wait<S>,
) -> Result<usize, Error> {
    loop {
        wait.arm(stream)?;
        match stream.write_vectored(slices) {
            Ok(0) => return Err(Error::Io(std::io::ErrorKind::WriteZero.into())),
            Ok(len) => return Ok(len),
            Err(error) => wait.judge(error).map_or(Ok(()), Err)?,
        }
    }
}
