//! What the codecs are fed with and what they write to: memory that stands for a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Payload sizes.
pub(crate) const SIZES: [usize; 5] = [16, 128, 1024, 64 << 10, 1 << 20];

/// Frames in an iteration: a power of ten, so that its time reads as time of a frame.
pub(crate) fn frames(size: usize) -> usize {
    match size {
        0..128 => 1000,
        128..1024 => 100,
        1024..0x1_0000 => 10,
        _ => 1,
    }
}

/// Letters. Masked with [`KEY`] they are text as well, so that a buffer that is unmasked in place can be
/// decoded again and again.
pub(crate) fn letters(size: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(size).collect()
}

/// Words in several scripts, cut at a character.
pub(crate) fn scripts(size: usize) -> Vec<u8> {
    let text = "Grüße, Ελλάδα, Привет, 日本語 と 中文, 🦀 and plain words; ".repeat(1 + size / 64);
    let end = (0..=size).rev().find(|end| text.is_char_boundary(*end));
    text.as_bytes()[..end.unwrap_or(0)].to_vec()
}

pub(crate) const KEY: [u8; 4] = [0x05, 0x0a, 0x03, 0x0c];

/// Masked text frames, as many as an iteration has.
pub(crate) fn wire(size: usize) -> Vec<u8> {
    let mut frame = vec![0x81];
    match size {
        0..126 => frame.push(0x80 | size as u8),
        126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(
        letters(size)
            .iter()
            .zip(KEY.into_iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame.repeat(frames(size))
}

/// A stream that brings the same bytes for ever and takes whatever is written.
pub(crate) struct Wire {
    bytes: Vec<u8>,
    at: usize,
}

impl Wire {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    fn next(&mut self, most: usize) -> &[u8] {
        if self.at == self.bytes.len() {
            self.at = 0;
        }
        let rest = &self.bytes[self.at..];
        let now = &rest[..rest.len().min(most)];
        self.at += now.len();
        now
    }
}

impl io::Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let now = self.next(buffer.len());
        buffer[..now.len()].copy_from_slice(now);
        Ok(now.len())
    }
}

impl io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        divan::black_box(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let now = self.next(buffer.remaining());
        buffer.put_slice(now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        divan::black_box(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        divan::black_box(slices);
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The outcome of what never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("memory is always ready"),
    }
}
