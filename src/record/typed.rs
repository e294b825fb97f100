//! Records that say their type and length: `t ` or `b `, 20 decimal digits, then the payload.
//!
//! Floor 0. Lossless: types, newlines and empty messages survive. The header has one length, so that a
//! shell's `read -N 22` or a C program's `fread` gets it whole.
//!
//! ```text
//! Encoder  ExpectMessage ──length known──▶ header, run ──last──▶ ExpectMessage
//!                        ──unknown──▶ Holding ──known──▶ header, held, run ──▶ the same
//! Decoder  ExpectHeader ──22 bytes──▶ ExpectPayload {kind, left} ──left == 0──▶ ExpectHeader
//! ```

use super::{Fault, More, TooLong, count};
use crate::frame::{Kind, Run};
use crate::queue::Batch;

/// The type letter, a space, and as many digits as 2^64 has.
pub(super) const HEADER_LEN: usize = 22;

fn header(kind: Kind, len: u64) -> [u8; HEADER_LEN] {
    let mut header = match kind {
        Kind::Text => *b"t 00000000000000000000",
        Kind::Binary => *b"b 00000000000000000000",
    };
    let mut rest = len;
    for digit in header.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    header
}

#[derive(Debug)]
enum Phase {
    ExpectMessage,
    /// What came of a message of which only fragments came that were not the last.
    Holding(Vec<u8>),
    /// The header has been written.
    ExpectPayload,
}

#[derive(Debug)]
pub(super) struct Encoder {
    phase: Phase,
    max_held_len: usize,
}

impl Encoder {
    pub(super) fn new(max_held_len: usize) -> Self {
        Self {
            phase: Phase::ExpectMessage,
            max_held_len,
        }
    }

    pub(super) fn encode<'a>(
        &mut self,
        run: Run<'a>,
        batch: &mut Batch<'a, '_>,
    ) -> Result<(), TooLong> {
        if let Phase::ExpectPayload = self.phase {
            batch.lend(run.bytes);
        } else if let Some(remaining) = run.remaining {
            self.begin(run, remaining, batch);
        } else {
            return self.hold(run.bytes);
        }
        if run.is_last() {
            self.phase = Phase::ExpectMessage;
            batch.end_frame();
        }
        Ok(())
    }

    fn begin<'a>(&mut self, run: Run<'a>, remaining: u64, batch: &mut Batch<'a, '_>) {
        let held = match std::mem::replace(&mut self.phase, Phase::ExpectPayload) {
            Phase::Holding(held) => held,
            Phase::ExpectMessage | Phase::ExpectPayload => Vec::new(),
        };
        let len = count(held.len() + run.bytes.len()).saturating_add(remaining);
        batch.copy(&header(run.kind, len));
        batch.give(held);
        batch.lend(run.bytes);
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if let Phase::ExpectMessage = self.phase {
            self.phase = Phase::Holding(Vec::new());
        }
        if let Phase::Holding(held) = &mut self.phase {
            if bytes.len() > self.max_held_len.saturating_sub(held.len()) {
                self.phase = Phase::ExpectMessage;
                let max_held_len = self.max_held_len;
                return Err(TooLong { max_held_len });
            }
            held.extend_from_slice(bytes);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Expect {
    Header,
    Payload { kind: Kind, left: u64 },
}

#[derive(Debug)]
pub(super) struct Decoder {
    expect: Expect,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            expect: Expect::Header,
        }
    }

    pub(super) fn is_within(&self) -> bool {
        matches!(self.expect, Expect::Payload { .. })
    }

    /// `offset` is where `input` begins in the service's output.
    pub(super) fn decode<'a>(
        &mut self,
        input: &'a [u8],
        more: More,
        offset: u64,
    ) -> Result<Option<(Run<'a>, usize)>, Fault> {
        let (is_first, kind, left, payload) = match self.expect {
            Expect::Payload { kind, left } => (false, kind, left, input),
            Expect::Header => match input.split_first_chunk::<HEADER_LEN>() {
                Some((header, payload)) => {
                    let (kind, left) = parse(header, offset)?;
                    (true, kind, left, payload)
                }
                None if input.is_empty() => return Ok(None),
                None => {
                    check(input, offset)?;
                    return unfinished(input, more, offset);
                }
            },
        };
        let len = usize::try_from(left).map_or(payload.len(), |left| left.min(payload.len()));
        let remaining = left - count(len);
        let bytes = match more {
            _ if remaining == 0 => payload.get(..len).unwrap_or_default(),
            More::NoRoom if !payload.is_empty() => payload,
            More::NoRoom | More::Possible => return Ok(None),
            More::Ended => return unfinished(input, more, offset),
        };
        self.expect = match remaining {
            0 => Expect::Header,
            left => Expect::Payload { kind, left },
        };
        let run = Run {
            kind,
            is_first,
            bytes,
            remaining: Some(remaining),
        };
        Ok(Some((run, input.len() - payload.len() + bytes.len())))
    }
}

/// There is not enough input, which is right as long as more may come.
fn unfinished<T>(input: &[u8], more: More, offset: u64) -> Result<Option<T>, Fault> {
    match more {
        More::Ended => Err(Fault::Truncated {
            offset: offset + count(input.len()),
        }),
        More::Possible | More::NoRoom => Ok(None),
    }
}

/// Checks the beginning of a header, so that a service that writes none is told so at once.
fn check(input: &[u8], offset: u64) -> Result<(), Fault> {
    let is_right = |(at, byte): (usize, &u8)| match at {
        0 => matches!(byte, b't' | b'b'),
        1 => *byte == b' ',
        _ => byte.is_ascii_digit(),
    };
    match input.iter().enumerate().position(|byte| !is_right(byte)) {
        Some(at) => Err(Fault::Header {
            offset: offset + count(at),
        }),
        None => Ok(()),
    }
}

fn parse(header: &[u8; HEADER_LEN], offset: u64) -> Result<(Kind, u64), Fault> {
    check(header, offset)?;
    let kind = match header {
        [b't', ..] => Kind::Text,
        _ => Kind::Binary,
    };
    let mut len = 0_u64;
    for (&digit, at) in header.iter().zip(offset..).skip(2) {
        len = len
            .checked_mul(10)
            .and_then(|len| len.checked_add(u64::from(digit - b'0')))
            .ok_or(Fault::Header { offset: at })?;
    }
    Ok((kind, len))
}
