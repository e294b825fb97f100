//! Records that end with a byte of their own: line (`\n`) and nul (NUL).
//!
//! Floor 0. Inbound a payload that holds the byte is more than one record to the service; where that
//! matters, use typed records.

use memchr::memchr;

use super::More;
use crate::frame::{Kind, Run};
use crate::queue::Batch;

#[inline]
pub(super) fn encode<'a>(end: u8, run: Run<'a>, batch: &mut Batch<'a, '_>) {
    batch.lend(run.bytes);
    if run.is_last() {
        batch.copy(&[end]);
        batch.end_frame();
    }
}

#[derive(Debug)]
pub(super) struct Decoder {
    end: u8,
    /// Whether a part of the record at hand has been given out.
    is_begun: bool,
    /// How many bytes of the next input are known not to hold `end`.
    searched: usize,
    /// Which of the next input's first bytes are ends, as far as that is known, the first byte's bit the
    /// lowest. 0: nothing is known.
    ends: u64,
    /// Whether the last record was short: then so is the next one, mostly.
    is_short: bool,
}

/// Bytes that are looked at together for the ends of short records: one for each bit of a mask.
const WINDOW_LEN: usize = 64;

/// From this length on a record is not short: a search for its end alone takes no longer then.
const LONG: usize = 32;

impl Decoder {
    pub(super) fn new(end: u8) -> Self {
        Self {
            end,
            is_begun: false,
            searched: 0,
            ends: 0,
            is_short: false,
        }
    }

    #[inline]
    pub(super) fn decode<'a>(&mut self, input: &'a [u8], more: More) -> Option<(Run<'a>, usize)> {
        let Some(at) = self.find(input) else {
            return self.decode_unended(input, more);
        };
        let record = input.get(..at)?;
        let record = match record.split_last() {
            Some((b'\r', line)) if self.end == b'\n' => line,
            _ => record,
        };
        Some((self.run(record, Some(0)), at + 1))
    }

    pub(super) fn is_within(&self) -> bool {
        self.is_begun
    }

    /// Where the record at the beginning of `input` ends. Short ones are found several at a time: a
    /// search for each of them would take a third of the time that all else takes.
    #[inline]
    fn find(&mut self, input: &[u8]) -> Option<usize> {
        if self.ends == 0 && self.is_short {
            self.ends = input
                .first_chunk()
                .map_or(0, |window| ends_in(window, self.end));
        }
        if self.ends == 0 {
            let found = memchr(self.end, input.get(self.searched..)?);
            let at = found.map(|at| self.searched + at);
            self.is_short = at.is_some_and(|at| at < LONG);
            return at;
        }
        let at = self.ends.trailing_zeros();
        // What is behind it begins the next input.
        self.ends = self.ends >> at >> 1;
        usize::try_from(at).ok()
    }

    /// `input` holds no end.
    fn decode_unended<'a>(&mut self, input: &'a [u8], more: More) -> Option<(Run<'a>, usize)> {
        match more {
            More::Possible => {
                self.searched = input.len();
                None
            }
            More::NoRoom => {
                // A `\r` is held back: the next byte decides whether it is a part of the line.
                let part = match input.split_last() {
                    Some((b'\r', line)) if self.end == b'\n' => line,
                    _ => input,
                };
                (!part.is_empty()).then(|| (self.run(part, None), part.len()))
            }
            More::Ended if input.is_empty() && !self.is_begun => None,
            More::Ended => Some((self.run(input, Some(0)), input.len())),
        }
    }

    fn run<'a>(&mut self, bytes: &'a [u8], remaining: Option<u64>) -> Run<'a> {
        let is_first = !self.is_begun;
        self.is_begun = remaining.is_none();
        self.searched = 0;
        Run {
            kind: Kind::Text,
            is_first,
            bytes,
            remaining,
        }
    }
}

/// Which of these bytes are ends, the first one's bit the lowest.
#[inline]
fn ends_in(window: &[u8; WINDOW_LEN], end: u8) -> u64 {
    let are_ends = window.map(|byte| u8::from(byte == end));
    let mut masks = [0; WINDOW_LEN / 8];
    for (mask, eight) in masks.iter_mut().zip(are_ends.chunks_exact(8)) {
        let eight = u64::from_le_bytes(eight.try_into().unwrap_or_default());
        // Brings the lowest bits of eight bytes together in the highest byte.
        [.., *mask] = eight.wrapping_mul(0x0102_0408_1020_4080).to_le_bytes();
    }
    u64::from_le_bytes(masks)
}
