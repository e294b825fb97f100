//! Records: what messages are on the service's pipes.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use nix::sys::signal::Signal;
use support::frame::{BINARY, CONTINUATION, FIN, TEXT};
use support::peer::Peer;
use support::process;
use support::server::{Server, Setup};

/// What the service got on standard input, to the byte.
#[track_caller]
fn input_of_service(options: &[&str], send: impl FnOnce(&mut Peer)) -> Vec<u8> {
    let server = Server::sh(options, "cat > got");
    let mut peer = server.open("/");
    send(&mut peer);
    peer.close();
    server.got("got")
}

/// Serves a file's bytes as standard output.
fn output_of_service(options: &[&str], output: &[u8]) -> (Server, Peer) {
    let server = Setup::new(&["cat", "output"]).options(options).start();
    server.put("output", output);
    let peer = server.open("/");
    (server, peer)
}

/// The header and payload of a typed record.
fn typed(kind: char, payload: &str) -> String {
    format!("{kind} {:020}{payload}", payload.len())
}

#[test]
fn a_line_service_gets_each_message_and_a_newline() {
    let got = input_of_service(&[], |peer| {
        peer.send_text("one");
        peer.send_text("");
        peer.send_binary([0xff, 0x00, 0x80]);
        peer.send_text("with\nnewline");
        peer.send_text("ends in newline\n");
    });
    assert_eq!(
        got,
        b"one\n\n\xff\0\x80\nwith\nnewline\nends in newline\n\n"
    );
}

#[test]
fn a_line_service_gets_one_newline_for_a_message_in_fragments() {
    let got = input_of_service(&["--record", "line"], |peer| {
        peer.send_frame(TEXT, "a");
        peer.send_frame(CONTINUATION, "");
        peer.send_frame(FIN | CONTINUATION, "b");
    });
    assert_eq!(got, b"ab\n");
}

#[test]
fn a_line_is_a_text_message_without_its_end() {
    let (_server, mut peer) = output_of_service(&[], b"one\n\ntwo\r\n\r\nthree\n");
    for line in ["one", "", "two", "", "three"] {
        peer.expect_text(line);
    }
    peer.expect_end(1000);
}

#[test]
fn only_the_last_carriage_return_before_a_newline_is_dropped() {
    let (_server, mut peer) = output_of_service(&[], b"a\rb\r\nc\r\r\n\rd\n");
    for line in ["a\rb", "c\r", "\rd"] {
        peer.expect_text(line);
    }
    peer.expect_end(1000);
}

#[test]
fn a_carriage_return_that_came_before_its_newline_is_dropped_too() {
    let server = Server::sh(&[], "printf 'split\\r'; read go; printf '\\n'");
    let mut peer = server.open("/");
    peer.send_text("go");
    peer.expect_text("split");
}

#[test]
fn lines_around_64_kib_keep_their_length_with_either_ending() {
    let lengths = [
        65_533, 65_534, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073,
    ];
    for ending in ["\n", "\r\n"] {
        let output: String = lengths.map(|length| "x".repeat(length) + ending).concat();
        let (_server, mut peer) = output_of_service(&[], output.as_bytes());
        for length in lengths {
            let message = peer.message();
            assert_eq!((message.opcode, message.payload.len()), (TEXT, length));
        }
        peer.expect_end(1000);
    }
}

#[test]
fn a_long_line_leaves_as_fragments_of_one_message() {
    let line = "0123456789".repeat(100_000);
    let (_server, mut peer) = output_of_service(&[], format!("{line}\nshort\n").as_bytes());
    let message = peer.message();
    assert!(message.payload == line.as_bytes());
    assert!(message.frames > 1, "one frame of 1 MB");
    peer.expect_text("short");
    peer.expect_end(1000);
}

#[test]
fn a_long_line_begins_to_leave_before_it_ends() {
    let server = Server::sh(
        &[],
        "head -c 300000 /dev/zero | tr '\\0' x; read go; echo end",
    );
    let mut peer = server.open("/");
    let first = peer.frame();
    assert_eq!((first.opcode, first.is_last), (TEXT, false));
    peer.send_text("go");
    let mut length = first.payload.len();
    loop {
        let frame = peer.frame();
        assert_eq!(frame.opcode, CONTINUATION);
        length += frame.payload.len();
        if frame.is_last {
            break;
        }
    }
    assert_eq!(length, 300_003);
}

#[test]
fn a_line_of_characters_of_all_lengths_survives_its_fragments() {
    let line = "xé€😀".repeat(50_000);
    let (_server, mut peer) = output_of_service(&[], format!("{line}\n").as_bytes());
    peer.expect_text(&line);
}

#[test]
fn output_that_is_not_utf8_is_replaced() {
    let cases: [&[u8]; 8] = [
        b"a\xffb",
        b"\xc0\x80",
        b"\xe2\x82",
        b"\xe2\x82x",
        b"\xf0\x9f\x98\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"\x80\x80",
        b"fine",
    ];
    let (_server, mut peer) = output_of_service(&[], &cases.join(&b'\n'));
    for case in cases {
        peer.expect_text(String::from_utf8_lossy(case).as_bytes());
    }
    peer.expect_end(1000);
}

#[test]
fn a_character_that_the_service_writes_in_two_halves_is_whole() {
    let server = Server::sh(&[], "printf '\\342\\202'; read go; printf '\\254\\n'");
    let mut peer = server.open("/");
    peer.send_text("go");
    peer.expect_text("€");
}

#[test]
fn output_that_is_not_utf8_closes_with_1007_if_the_operator_says_so() {
    let options = ["--invalid-utf8", "close"];
    let (server, mut peer) = output_of_service(&options, b"good\nbad\xff\nnever seen\n");
    peer.expect_text("good");
    let mut frame = peer.frame();
    while !frame.is_control() {
        assert!(!frame.payload.contains(&0xff));
        frame = peer.frame();
    }
    assert_eq!(frame.payload.get(..2), Some(&1007_u16.to_be_bytes()[..]));
    peer.send_fin();
    peer.expect_fin();
    assert_eq!(server.log().event("close").get("code"), "1007");
}

#[test]
fn output_is_replaced_or_refused_in_nul_records_too() {
    let (_server, mut peer) = output_of_service(&["-0"], b"a\xff\0");
    peer.expect_text("a\u{fffd}");
    let options = ["-0", "--invalid-utf8", "close"];
    let (_server, mut peer) = output_of_service(&options, b"a\0\xff\0");
    peer.expect_text("a");
    peer.expect_close(1007);
}

#[test]
fn a_nul_service_gets_each_message_and_a_nul() {
    let got = input_of_service(&["--record", "nul"], |peer| {
        peer.send_text("one\ntwo");
        peer.send_text("");
        peer.send_frame(BINARY, [0xff]);
        peer.send_frame(FIN | CONTINUATION, "x");
    });
    assert_eq!(got, b"one\ntwo\0\0\xffx\0");
}

#[test]
fn up_to_a_nul_is_a_text_message() {
    for options in [&["--record", "nul"][..], &["-0"], &["--record=nul"]] {
        let (_server, mut peer) = output_of_service(options, b"one\ntwo\r\n\0\0last");
        for message in ["one\ntwo\r\n", "", "last"] {
            peer.expect_text(message);
        }
        peer.expect_end(1000);
    }
}

#[test]
fn a_typed_service_gets_type_and_length_before_each_message() {
    let got = input_of_service(&["--record", "typed"], |peer| {
        peer.send_text("hello");
        peer.send_binary("\0\n");
        peer.send_text("");
        peer.send_frame(BINARY, "frag");
        peer.send_frame(CONTINUATION, "");
        peer.send_frame(FIN | CONTINUATION, "ments");
    });
    let records = [
        typed('t', "hello"),
        typed('b', "\0\n"),
        typed('t', ""),
        typed('b', "fragments"),
    ];
    assert_eq!(String::from_utf8(got).unwrap(), records.concat());
}

#[test]
fn a_typed_record_of_the_service_is_a_message_of_its_type() {
    let long = "long ".repeat(100_000);
    let records = [
        typed('b', "bytes\n"),
        typed('t', ""),
        typed('b', ""),
        typed('t', "text\r\n"),
        typed('t', &long),
    ];
    let (_server, mut peer) =
        output_of_service(&["--record", "typed"], records.concat().as_bytes());
    peer.expect_binary("bytes\n");
    peer.expect_text("");
    peer.expect_binary("");
    peer.expect_text("text\r\n");
    peer.expect_text(&long);
    peer.expect_end(1000);
}

#[test]
fn a_typed_record_in_pieces_is_one_message() {
    let script = "printf 't 000000000'; read go; printf '00000000004ab'; read go; printf cd";
    let server = Server::sh(&["--record", "typed"], script);
    let mut peer = server.open("/");
    peer.send_text("\n");
    peer.send_text("\n");
    let message = peer.message();
    assert_eq!((message.opcode, message.payload), (TEXT, b"abcd".to_vec()));
}

#[test]
fn a_typed_record_that_is_none_is_closed_with_1007() {
    let wrong = [
        "x 00000000000000000001y",
        "t 0000000000000000000xy",
        "t-00000000000000000001y",
        "hello\n",
    ];
    for record in wrong {
        let output = typed('t', "good") + record + &" ".repeat(22);
        let (_server, mut peer) = output_of_service(&["--record", "typed"], output.as_bytes());
        peer.expect_text("good");
        let reason = peer.expect_close(1007);
        assert!(!reason.is_empty(), "{record}");
    }
}

#[test]
fn a_typed_record_that_ends_too_early_is_closed_with_1007() {
    for record in ["t 0000", "t 00000000000000000005abc"] {
        let (_server, mut peer) = output_of_service(&["--record", "typed"], record.as_bytes());
        let mut frame = peer.frame();
        while !frame.is_control() {
            assert!(!frame.is_last, "half a message passed off as a whole one");
            frame = peer.frame();
        }
        assert_eq!(
            frame.payload.get(..2),
            Some(&1007_u16.to_be_bytes()[..]),
            "{record}"
        );
    }
}

#[test]
fn a_raw_service_gets_payload_and_nothing_else() {
    let got = input_of_service(&["--record", "raw"], |peer| {
        peer.send_text("a");
        peer.send_binary([0, 0xff]);
        peer.send_text("");
        peer.send_frame(TEXT, "b");
        peer.send_frame(FIN | CONTINUATION, "c");
    });
    assert_eq!(got, b"a\0\xffbc");
}

#[test]
fn what_a_raw_service_writes_is_binary_unaltered() {
    let output: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for options in [
        &["--record", "raw"][..],
        &["-b"],
        &["--binary"],
        &["--binary=true"],
    ] {
        let (_server, mut peer) = output_of_service(options, &output);
        let mut got = Vec::new();
        while got.len() < output.len() {
            let message = peer.message();
            assert_eq!(message.opcode, BINARY);
            got.extend(message.payload);
        }
        assert!(got == output);
        peer.expect_end(1000);
    }
}

#[test]
fn what_a_raw_service_writes_at_once_is_one_message() {
    let server = Server::sh(&["--record", "raw"], "read -r len; head -c $len /dev/zero");
    for len in [1, 1023, 1024, 1025, 4096] {
        let mut peer = server.open("/");
        peer.send_binary(format!("{len}\n"));
        assert_eq!(peer.message().payload.len(), len);
    }
}

#[test]
fn what_a_raw_service_writes_leaves_at_once() {
    let server = Server::sh(&["-b"], "printf prompt; read go; printf ok");
    let mut peer = server.open("/");
    peer.expect_binary("prompt");
    peer.send_text("go\n");
    peer.expect_binary("ok");
    peer.expect_end(1000);
}

#[test]
fn ten_thousand_messages_each_way_keep_their_order() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let mut writer = peer.writer();
    let writing = std::thread::spawn(move || {
        for n in 0..10_000_usize {
            let message = support::frame::text(format!("{n} {}", "x".repeat(n % 300)));
            std::io::Write::write_all(&mut writer, &message).unwrap();
        }
    });
    for n in 0..10_000 {
        peer.expect_text(format!("{n} {}", "x".repeat(n % 300)));
    }
    writing.join().unwrap();
    peer.close();
}

#[test]
fn output_that_is_no_record_is_told_at_once_though_the_service_stays() {
    let options = ["--record", "typed", "--grace", "60s"];
    let server = Server::sh(&options, "printf x; exec sleep 1000");
    let mut peer = server.open("/");
    let service = server.service(&peer);
    // Neither its end nor its grace is what brings this.
    peer.expect_end(1007);
    process::signal(service.pid, Signal::SIGKILL);
}
