use super::*;

#[test]
fn line_is_payload_and_newline_text_or_binary_alike() {
    for kind in [Kind::Text, Kind::Binary] {
        let run = Run::whole(kind, b"1+1");
        assert_eq!(encoded(Record::Line, &[run]), b"1+1\n");
    }
}

#[test]
fn a_newline_inside_a_message_is_a_newline() {
    let run = Run::whole(Kind::Text, b"a\nb");
    assert_eq!(encoded(Record::Line, &[run]), b"a\nb\n");
}

#[test]
fn nul_is_payload_and_nul() {
    let run = Run::whole(Kind::Text, b"a\nb");
    assert_eq!(encoded(Record::Nul, &[run]), b"a\nb\0");
}

#[test]
fn raw_is_payload_alone() {
    let runs = [
        Run::whole(Kind::Text, b"ab"),
        Run::whole(Kind::Binary, b"\0"),
    ];
    assert_eq!(encoded(Record::Raw, &runs), b"ab\0");
}

#[test]
fn typed_is_a_header_of_22_bytes_and_payload() {
    let runs = [
        Run::whole(Kind::Text, b"hello\n"),
        Run::whole(Kind::Binary, &[0; 1203]),
    ];
    let expected = [
        b"t 00000000000000000006hello\nb 00000000000000001203",
        &[0; 1203][..],
    ];
    assert_eq!(encoded(Record::Typed, &runs), expected.concat());
}

#[test]
fn an_empty_message_is_an_empty_record() {
    for (record, expected) in [
        (Record::Line, &b"\n"[..]),
        (Record::Nul, b"\0"),
        (Record::Typed, b"b 00000000000000000000"),
        (Record::Raw, b""),
    ] {
        let run = Run::whole(Kind::Binary, b"");
        assert_eq!(encoded(record, &[run]), expected, "{record:?}");
    }
}

#[test]
fn payload_is_streamed_as_it_arrives() {
    let parts = runs(Kind::Text, &[b"ab", b"cd"], 0);
    for (record, first) in [
        (Record::Line, &b"ab"[..]),
        (Record::Nul, b"ab"),
        (Record::Typed, b"t 00000000000000000004ab"),
        (Record::Raw, b"ab"),
    ] {
        assert_eq!(encoded(record, &parts[..1]), first, "{record:?}");
    }
    let fragments = runs(Kind::Text, &[b"ab", b"cd"], 1);
    assert_eq!(encoded(Record::Line, &fragments[..1]), b"ab");
    assert_eq!(encoded(Record::Line, &fragments), b"abcd\n");
}

#[test]
fn typed_holds_a_fragmented_message_until_its_length_is_known() {
    let runs = runs(Kind::Binary, &[b"ab", b"", b"cd", b"ef"], 2);
    assert_eq!(encoded(Record::Typed, &runs[..2]), b"");
    let begun = b"b 00000000000000000006abcd";
    assert_eq!(encoded(Record::Typed, &runs[..3]), begun);
    let whole = b"b 00000000000000000006abcdef";
    assert_eq!(encoded(Record::Typed, &runs), whole);
}

#[test]
fn typed_holds_no_more_than_its_limit() {
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    let mut encoder = Encoder::new(Record::Typed, 4);
    let short = runs(Kind::Text, &[b"ab", b"cd", b"long enough"], 2);
    for run in short {
        assert_eq!(encoder.encode(run, &mut batch), Ok(()));
    }
    let long = runs(Kind::Text, &[b"ab", b"cde", b"f"], 2);
    assert_eq!(encoder.encode(long[0], &mut batch), Ok(()));
    let too_long = TooLong { max_held_len: 4 };
    assert_eq!(encoder.encode(long[1], &mut batch), Err(too_long));
    assert_eq!(
        batch_bytes(&batch),
        b"t 00000000000000000015abcdlong enough"
    );
}

#[test]
fn a_long_payload_is_lent_not_copied() {
    let payload = vec![b'x'; 100_000];
    for record in [Record::Line, Record::Nul, Record::Typed, Record::Raw] {
        let mut scratch = Vec::new();
        let mut batch = Batch::new(&mut scratch);
        let mut encoder = Encoder::new(record, 0);
        let run = Run::whole(Kind::Text, &payload);
        encoder.encode(run, &mut batch).unwrap();
        let slices = batch.slices(0);
        let is_lent = |slice: &std::io::IoSlice<'_>| slice.as_ptr() == payload.as_ptr();
        assert!(slices.iter().any(is_lent), "{record:?}");
    }
}

#[test]
fn a_length_of_any_size_has_20_digits() {
    for (remaining, digits) in [
        (u64::MAX, "18446744073709551615"),
        (1 << 63, "09223372036854775808"),
        (10, "00000000000000000010"),
    ] {
        let run = Run {
            kind: Kind::Text,
            is_first: true,
            bytes: b"",
            remaining: Some(remaining),
        };
        let expected = format!("t {digits}").into_bytes();
        assert_eq!(encoded(Record::Typed, &[run]), expected);
    }
}
