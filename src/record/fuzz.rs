//! What a fuzzer does with records: any output of a service, read in any pieces, must give the same
//! messages as read at once.
//!
//! Floor 0. Public, though hidden, so that a fuzz target is one line; the tests run it too.

use super::{Decoder, Fault, More, Record};
use crate::frame::Kind;

/// Messages, and how the output ended.
pub(super) type Outcome = (Vec<(Kind, Vec<u8>)>, Result<(), Fault>);

/// The first bytes choose record, buffer and reads, the rest is what the service writes.
///
/// Panics if a promise of [`Decoder`] is broken.
#[doc(hidden)]
pub fn fuzz_records(data: &[u8]) {
    let Some((&[record, room, a, b], output)) = data.split_first_chunk() else {
        return;
    };
    let record = match record % 3 {
        0 => Record::Line,
        1 => Record::Nul,
        _ => Record::Typed,
    };
    let buffer_len = Decoder::MIN_BUFFER_LEN + usize::from(room);
    let reads = [usize::from(a) + 1, usize::from(b) + 1];
    let split = decode_all(record, output, buffer_len, &reads);
    let whole_len = output.len() + Decoder::MIN_BUFFER_LEN + 1;
    let whole = decode_all(record, output, whole_len, &[whole_len]);
    assert_eq!(split.1, whole.1, "the output ends differently");
    let finished = whole.0.len();
    assert_eq!(split.0.get(..finished), Some(&*whole.0), "other messages");
    // Of a record that turns out to be truncated a part may have left.
    assert!(split.0.len() <= finished + usize::from(split.1.is_err()));
}

/// Decodes `output` as a relay does that has one buffer of `buffer_len` bytes and whose reads bring at
/// most `reads` bytes each, in turn. None of `reads` is zero.
pub(super) fn decode_all(
    record: Record,
    output: &[u8],
    buffer_len: usize,
    reads: &[usize],
) -> Outcome {
    let mut decoder = Decoder::new(record);
    let mut messages = Messages::default();
    let mut buffer: Vec<u8> = Vec::new();
    let mut unread = output;
    let mut reads = reads.iter().copied().cycle();
    let result = loop {
        let more = match buffer.len() {
            _ if unread.is_empty() => More::Ended,
            len if len == buffer_len => More::NoRoom,
            _ => More::Possible,
        };
        match decoder.decode(&buffer, more) {
            Err(fault) => break Err(fault),
            Ok(Some((run, done))) => {
                assert!(run.bytes.len() <= done, "more bytes than were done with");
                messages.add(run.kind, run.is_first, run.bytes, run.is_last());
                buffer.drain(..done);
            }
            Ok(None) if more == More::Ended => break Ok(()),
            Ok(None) => {
                assert!(more == More::Possible, "no progress in a full buffer");
                let len = reads.next().unwrap_or(1).min(buffer_len - buffer.len());
                let (now, later) = unread.split_at_checked(len).unwrap_or((unread, &[]));
                buffer.extend_from_slice(now);
                unread = later;
            }
        }
    };
    assert!(result.is_err() || buffer.is_empty(), "output is left");
    assert!(result.is_err() || !messages.is_open, "a message is left");
    (messages.all, result)
}

#[derive(Default)]
struct Messages {
    all: Vec<(Kind, Vec<u8>)>,
    is_open: bool,
}

impl Messages {
    fn add(&mut self, kind: Kind, is_first: bool, bytes: &[u8], is_last: bool) {
        assert_eq!(is_first, !self.is_open, "a message begins within another");
        if is_first {
            self.all.push((kind, Vec::new()));
        }
        if let Some((begun, payload)) = self.all.last_mut() {
            assert_eq!(*begun, kind, "a message changes its type");
            payload.extend_from_slice(bytes);
        }
        self.is_open = !is_last;
    }
}
