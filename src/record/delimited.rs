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
}

impl Decoder {
    pub(super) fn new(end: u8) -> Self {
        Self {
            end,
            is_begun: false,
            searched: 0,
        }
    }

    #[inline]
    pub(super) fn decode<'a>(&mut self, input: &'a [u8], more: More) -> Option<(Run<'a>, usize)> {
        let found = memchr(self.end, input.get(self.searched..)?);
        let Some(at) = found.map(|at| self.searched + at) else {
            return self.decode_unended(input, more);
        };
        let record = input.get(..at)?;
        let record = match record.split_last() {
            Some((b'\r', line)) if self.end == b'\n' => line,
            _ => record,
        };
        Some((self.run(record, Some(0)), at + 1))
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
