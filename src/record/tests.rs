mod inbound;
mod outbound;

use super::fuzz::decode_all;
use super::*;
use crate::frame::Kind;
use proptest::prelude::*;

type Message = (Kind, Vec<u8>);

fn text(payload: &[u8]) -> Message {
    (Kind::Text, payload.to_vec())
}

fn binary(payload: &[u8]) -> Message {
    (Kind::Binary, payload.to_vec())
}

/// A message in runs of these bytes, of which the length is known from the run `known` on.
fn runs<'a>(kind: Kind, parts: &[&'a [u8]], known: usize) -> Vec<Run<'a>> {
    let mut left: u64 = parts.iter().map(|part| count(part.len())).sum();
    let mut runs = Vec::new();
    for (i, bytes) in parts.iter().enumerate() {
        left -= count(bytes.len());
        let is_last = i + 1 == parts.len();
        runs.push(Run {
            kind,
            is_first: i == 0,
            bytes,
            remaining: (i >= known || is_last).then_some(left),
        });
        if i >= known && left == 0 {
            break;
        }
    }
    runs
}

fn batch_bytes(batch: &Batch<'_, '_>) -> Vec<u8> {
    let slices = batch.slices(0);
    slices.iter().flat_map(|slice| slice.to_vec()).collect()
}

/// What the service reads, each run in a batch of its own.
fn encoded(record: Record, runs: &[Run<'_>]) -> Vec<u8> {
    let mut encoder = Encoder::new(record, usize::MAX);
    let mut scratch = Vec::new();
    let mut bytes = Vec::new();
    for run in runs {
        let mut batch = Batch::new(&mut scratch);
        encoder.encode(*run, &mut batch).unwrap();
        bytes.extend(batch_bytes(&batch));
    }
    bytes
}

/// What the client gets when the service's output is read at once.
fn decoded(record: Record, output: &[u8]) -> Vec<Message> {
    let (messages, end) = decode_all(record, output, output.len() + 30, &[output.len() + 1]);
    assert_eq!(end, Ok(()));
    messages
}

fn fault(output: &[u8]) -> Fault {
    let at_once = decode_all(
        Record::Typed,
        output,
        output.len() + 30,
        &[output.len() + 1],
    );
    let bytewise = decode_all(Record::Typed, output, output.len() + 30, &[1]);
    assert_eq!(at_once, bytewise);
    at_once.1.unwrap_err()
}

#[test]
fn the_sentences_name_the_place() {
    for (sentence, expected) in [
        (
            Fault::Header { offset: 7 }.to_string(),
            "service output has no typed header at byte 7",
        ),
        (
            Fault::Truncated { offset: 9 }.to_string(),
            "service output ends within a record at byte 9",
        ),
        (
            TooLong { max_held_len: 4 }.to_string(),
            "a fragmented message is longer than 4 bytes",
        ),
    ] {
        assert_eq!(sentence, expected);
    }
    assert!(size_of::<Fault>() <= 16);
}

fn reads() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![Just(1_usize), 1_usize..200], 1..8)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(prop::sample::select(&b"\n\r\0tb 0"[..]), 0..60),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

/// A message and how it comes: the length of each of its parts but the last, and from which on its
/// length is known.
fn message() -> impl Strategy<Value = (Kind, Vec<u8>, Vec<usize>, usize)> {
    let kind = prop::sample::select(&[Kind::Text, Kind::Binary][..]);
    let cuts = prop::collection::vec(0_usize..100, 0..4);
    (kind, payload(), cuts, 0_usize..5)
}

fn parts<'a>(payload: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = payload;
    let mut parts = Vec::new();
    for &cut in cuts {
        let (part, after) = rest.split_at(cut.min(rest.len()));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

proptest! {
    #[test]
    fn typed_records_give_back_the_messages(
        messages in prop::collection::vec(message(), 0..8),
        buffer_len in Decoder::MIN_BUFFER_LEN..200,
        reads in reads(),
    ) {
        let all: Vec<_> = messages
            .iter()
            .flat_map(|(kind, payload, cuts, known)| runs(*kind, &parts(payload, cuts), *known))
            .collect();
        let output = encoded(Record::Typed, &all);
        let expected: Vec<_> = messages.iter().map(|(kind, p, ..)| (*kind, p.clone())).collect();
        let seen = decode_all(Record::Typed, &output, buffer_len, &reads);
        prop_assert_eq!(seen, (expected, Ok(())));
    }

    #[test]
    fn lines_are_those_of_a_plain_split(
        pieces in prop::collection::vec(prop_oneof![
            // The ends, and what differs from one by a bit or by one.
            20 => prop::sample::select(&b"ab\r\n\0\x01\x0B\x80\x8A"[..]).prop_map(|byte| vec![byte]),
            1 => (0..90_usize).prop_map(|len| vec![b'x'; len]),
        ], 0..300),
        buffer_len in Decoder::MIN_BUFFER_LEN..300,
        reads in reads(),
    ) {
        let output = pieces.concat();
        for (record, end) in [(Record::Line, b'\n'), (Record::Nul, 0)] {
            let mut expected: Vec<_> = output
                .split_inclusive(|&byte| byte == end)
                .map(|line| match line {
                    [line @ .., b'\r', b'\n'] if record == Record::Line => text(line),
                    [line @ .., last] if *last == end => text(line),
                    line => text(line),
                })
                .collect();
            let seen = decode_all(record, &output, buffer_len, &reads);
            prop_assert_eq!(seen, (std::mem::take(&mut expected), Ok(())));
        }
    }

    #[test]
    fn any_output_in_any_reads_gives_the_same(
        choice in any::<[u8; 4]>(),
        pieces in prop::collection::vec(prop_oneof![
            payload(),
            (0_u8..60).prop_map(|len| format!("t {len:020}{}", "x".repeat(len.into())).into_bytes()),
            Just(b"b 00000000000000000003".to_vec()),
        ], 0..8),
    ) {
        fuzz_records(&[&choice[..], &pieces.concat()].concat());
    }

    #[test]
    fn a_message_that_fits_the_buffer_is_one_run(lines in prop::collection::vec("[ab]{0,20}", 1..9)) {
        let output = lines.join("\n").into_bytes();
        let mut decoder = Decoder::new(Record::Line);
        let mut at = 0;
        let mut end = 0;
        loop {
            let more = match end - at {
                _ if end == output.len() => More::Ended,
                23 => More::NoRoom,
                _ => More::Possible,
            };
            match decoder.decode(&output[at..end], more).unwrap() {
                Some((run, done)) => {
                    prop_assert!(run.is_first && run.is_last());
                    at += done;
                }
                None if more == More::Ended => break,
                None => end += 1,
            }
        }
        prop_assert_eq!(at, output.len());
    }
}
