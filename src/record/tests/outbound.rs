use super::*;

#[test]
fn a_line_is_one_text_message() {
    let expected = [text(b"a"), text(b""), text(b"b c")];
    assert_eq!(decoded(Record::Line, b"a\n\nb c\n"), expected);
}

#[test]
fn the_last_record_needs_no_end() {
    assert_eq!(decoded(Record::Line, b"a\nbye"), [text(b"a"), text(b"bye")]);
    assert_eq!(decoded(Record::Nul, b"a\0bye"), [text(b"a"), text(b"bye")]);
    assert_eq!(decoded(Record::Line, b"a\n"), [text(b"a")]);
    assert_eq!(decoded(Record::Nul, b""), []);
}

#[test]
fn a_cr_directly_before_the_newline_is_dropped_and_no_other() {
    let expected = [text(b"a"), text(b"b\rc\r"), text(b""), text(b"d\r")];
    assert_eq!(decoded(Record::Line, b"a\r\nb\rc\r\r\n\r\nd\r"), expected);
    assert_eq!(decoded(Record::Nul, b"a\r\0"), [text(b"a\r")]);
    assert_eq!(decoded(Record::Nul, b"a\nb\0"), [text(b"a\nb")]);
}

#[test]
fn a_line_longer_than_the_buffer_leaves_in_runs() {
    let mut decoder = Decoder::new(Record::Line);
    let run = |is_first, bytes, remaining| Run {
        kind: Kind::Text,
        is_first,
        bytes,
        remaining,
    };
    let first = decoder.decode(b"abcd", More::NoRoom);
    assert_eq!(first, Ok(Some((run(true, b"abcd", None), 4))));
    assert_eq!(decoder.decode(b"", More::Possible), Ok(None));
    let held_back = decoder.decode(b"efg\r", More::NoRoom);
    assert_eq!(held_back, Ok(Some((run(false, b"efg", None), 3))));
    assert_eq!(decoder.decode(b"\r", More::Possible), Ok(None));
    let last = decoder.decode(b"\r\nx", More::Possible);
    assert_eq!(last, Ok(Some((run(false, b"", Some(0)), 2))));
    let next = decoder.decode(b"x", More::Ended);
    assert_eq!(next, Ok(Some((Run::whole(Kind::Text, b"x"), 1))));
    assert_eq!(decoder.decode(b"", More::Ended), Ok(None));
}

#[test]
fn a_long_last_line_without_end_ends_its_message() {
    let mut decoder = Decoder::new(Record::Line);
    decoder.decode(b"abcd", More::NoRoom).unwrap().unwrap();
    let (last, done) = decoder.decode(b"", More::Ended).unwrap().unwrap();
    assert!(last.is_last() && !last.is_first && last.bytes.is_empty());
    assert_eq!(done, 0);
    assert_eq!(decoder.decode(b"", More::Ended), Ok(None));
}

#[test]
fn nothing_is_searched_twice() {
    let mut decoder = delimited::Decoder::new(b'\n');
    assert_eq!(decoder.decode(b"abc", More::Possible), None);
    // What was searched is not looked at again, so this end is not seen.
    let mut found = |input| decoder.decode(input, More::Possible);
    assert_eq!(found(b"\n\n\nde"), None);
    let line = Run::whole(Kind::Text, b"\n\n\nde");
    assert_eq!(found(b"\n\n\nde\nf"), Some((line, 6)));
    assert_eq!(found(b"\n"), Some((Run::whole(Kind::Text, b""), 1)));
}

#[test]
fn raw_makes_each_read_a_binary_message() {
    let mut decoder = Decoder::new(Record::Raw);
    for more in [More::Possible, More::NoRoom, More::Ended] {
        let run = Run::whole(Kind::Binary, b"a\n");
        assert_eq!(decoder.decode(b"a\n", more), Ok(Some((run, 2))));
        assert_eq!(decoder.decode(b"", more), Ok(None));
    }
}

#[test]
fn typed_keeps_types_newlines_and_empty_messages() {
    let output = b"t 00000000000000000003a\n\0b 00000000000000000000b 00000000000000000001\xFF";
    let expected = [text(b"a\n\0"), binary(b""), binary(b"\xFF")];
    assert_eq!(decoded(Record::Typed, output), expected);
    assert_eq!(decoded(Record::Typed, b""), []);
}

#[test]
fn typed_runs_say_how_much_follows() {
    let mut decoder = Decoder::new(Record::Typed);
    let begun = b"b 00000000000000000009abcd";
    assert_eq!(decoder.decode(begun, More::Possible), Ok(None));
    let run = |is_first, bytes, remaining| Run {
        kind: Kind::Binary,
        is_first,
        bytes,
        remaining: Some(remaining),
    };
    let first = decoder.decode(begun, More::NoRoom);
    assert_eq!(first, Ok(Some((run(true, b"abcd", 5), 26))));
    assert_eq!(decoder.decode(b"", More::NoRoom), Ok(None));
    let last = decoder.decode(b"efghit 0", More::Possible);
    assert_eq!(last, Ok(Some((run(false, b"efghi", 0), 5))));
    assert_eq!(decoder.decode(b"t 0", More::Possible), Ok(None));
}

#[test]
fn a_wrong_typed_header_is_told_with_its_place() {
    for (output, offset) in [
        (&b"hello\n"[..], 0),
        (b"T 00000000000000000000", 0),
        (b"t_00000000000000000000", 1),
        (b"t +0000000000000000001", 2),
        (b"t 0000000000000000000 ", 21),
        (b"t 00000000000000000001x\n", 23),
        (b"t 18446744073709551616", 21),
        (b"t 99999999999999999999", 21),
    ] {
        assert_eq!(fault(output), Fault::Header { offset }, "{output:?}");
    }
}

#[test]
fn an_output_that_ends_within_a_typed_record_is_a_fault() {
    for output in [
        &b"t"[..],
        b"t 0000000000000000000",
        b"b 00000000000000000001",
        b"t 18446744073709551615x",
        b"t 00000000000000000001xb 00000000000000000002y",
    ] {
        let offset = count(output.len());
        assert_eq!(fault(output), Fault::Truncated { offset }, "{output:?}");
    }
}

#[test]
fn a_long_typed_record_that_is_cut_is_a_fault_after_its_runs() {
    let output = b"t 00000000000000000100 and so on, but not for 100 bytes";
    let (messages, end) = decode_all(Record::Typed, output, 23, &[23]);
    assert_eq!(messages, [text(&output[22..46])]);
    let offset = count(output.len());
    assert_eq!(end, Err(Fault::Truncated { offset }));
}
