//! Messages as records, both ways.

use nix::sys::signal::Signal;

use crate::support::frame::{BINARY, CONTINUATION, FIN, TEXT};
use crate::support::host::Host;
use crate::support::server::{Server, Setup};
use crate::support::websock::Websock;
use crate::url;

#[test]
fn a_line_is_a_message_and_a_message_is_a_line() {
    let server = Server::cat(&[]);
    let mut websock = Websock::start(&[&url(&server)]);
    for line in ["one\n", "\n", "two three\n"] {
        websock.put(line);
    }
    websock.expect("one\n\ntwo three\n");
    websock.end_input();
    websock.signal(Signal::SIGTERM);
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn a_question_by_a_pipe_has_its_answer() {
    let server = Setup::new(&["bc"]).start();
    let ended = Websock::run(&["-e", &url(&server)], "1+1\n6*7\n");
    assert_eq!((ended.status, &*ended.output), (Some(0), "2\n42\n"));
    assert_eq!(ended.said, "");
}

#[test]
fn the_last_line_needs_no_end() {
    let server = Server::cat(&[]);
    let ended = Websock::run(&["--close-on-eof", &url(&server)], "one\r\ntwo");
    assert_eq!((ended.status, &*ended.output), (Some(0), "one\ntwo\n"));
}

#[test]
fn every_record_goes_to_the_server_and_comes_back() {
    for (record, input) in [
        ("line", "a\nb\n"),
        ("nul", "a\nb\0\0c\0"),
        (
            "typed",
            "t 00000000000000000003a\nbb 00000000000000000000t 00000000000000000001c",
        ),
        ("raw", "any\0thing\n"),
    ] {
        let server = Server::cat(&["--record", record]);
        let ended = Websock::run(&["-e", "--record", record, &url(&server)], input);
        assert_eq!((ended.status, &*ended.output), (Some(0), input), "{record}");
    }
}

#[test]
fn what_is_sent_is_masked_each_frame_with_a_key_of_its_own() {
    let host = Host::new();
    let mut websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.welcome();
    let lines: String = (0..200).map(|number| format!("{number}\n")).collect();
    websock.put(lines);
    for number in 0..200 {
        guest.expect_text(&number.to_string());
    }
    let mut keys = guest.keys.clone();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() > 190, "{} of 200 differ", keys.len());
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn raw_input_is_binary_and_the_others_are_text() {
    let host = Host::new();
    for (record, input, opcode) in [("raw", "x", BINARY), ("nul", "x\0", TEXT)] {
        let mut websock = Websock::start(&["--record", record, &host.url("/")]);
        let mut guest = host.welcome();
        websock.put(input);
        let frame = guest.frame();
        assert_eq!((frame.opcode, &*frame.payload), (opcode, &b"x"[..]));
        guest.close(1000, "");
        assert_eq!(websock.ended().status, Some(0));
    }
}

#[test]
fn pings_are_answered_and_fragments_put_together() {
    let host = Host::new();
    let websock = Websock::start(&["--record", "typed", &host.url("/")]);
    let mut guest = host.welcome();
    guest.send_frame(TEXT, "half ");
    guest.send_frame(FIN | 0x9, "are you there?");
    guest.send_frame(FIN | CONTINUATION, "whole");
    let pong = guest.frame();
    assert_eq!((pong.opcode, &*pong.payload), (0xa, &b"are you there?"[..]));
    websock.expect("t 00000000000000000010half whole");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn what_comes_right_behind_the_handshake_is_not_lost() {
    let host = Host::new();
    let websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.guest();
    let request = guest.request();
    let key = crate::support::host::field(&request, "Sec-WebSocket-Key");
    assert!(key.is_some());
    guest.grant(&request, "");
    guest.send_text("first");
    websock.expect("first\n");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

// -- 9front's form

#[test]
fn readiness_is_told_before_the_first_record() {
    let server = Server::cat(&["--record", "typed"]);
    let input = "t 00000000000000000018First message sent";
    let words = ["-e", "--record", "typed", "--ready", &url(&server)];
    let ended = Websock::run(&words, input);
    assert_eq!(ended.output, format!("websocket ready\n{input}"));
    assert_eq!(ended.status, Some(0));
}

#[test]
fn input_that_is_no_record_is_told_with_its_place_and_not_sent() {
    let host = Host::new();
    for (input, place, whole) in [
        ("x", "has no typed header at byte 0", 0),
        (
            "t 0000000000000000000x",
            "has no typed header at byte 21",
            0,
        ),
        ("t-00000000000000000000", "has no typed header at byte 1", 0),
        (
            "t 99999999999999999999",
            "has no typed header at byte 21",
            0,
        ),
        (
            "t 00000000000000000003ab",
            "ends within a record at byte 24",
            0,
        ),
        ("t 0000000", "ends within a record at byte 9", 0),
        (
            "t 00000000000000000001ax",
            "has no typed header at byte 23",
            1,
        ),
        (
            "b 00000000000000000001at ",
            "ends within a record at byte 25",
            1,
        ),
    ] {
        let mut websock = Websock::start(&["--record", "typed", &host.url("/")]);
        let mut guest = host.welcome();
        websock.put(input);
        websock.end_input();
        for _ in 0..whole {
            assert_eq!(guest.frame().payload, b"a");
        }
        let reason = guest.expect_close(1007);
        assert_eq!(reason, format!("input {place}"), "{input}");
        guest.send_close(1007, "");
        let ended = websock.ended();
        assert_eq!(ended.status, Some(1), "{input}");
        assert_eq!(ended.said, format!("closed 1007: input {place}\n"));
    }
}

#[test]
fn text_that_is_not_utf8_is_replaced_or_ends_it() {
    let host = Host::new();
    let mut websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.welcome();
    websock.put(b"a\xff\n");
    guest.expect_text("a\u{fffd}");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));

    let mut websock = Websock::start(&["--invalid-utf8", "close", &host.url("/")]);
    let mut guest = host.welcome();
    websock.put(b"a\xff\n");
    guest.expect_close(1007);
    guest.send_close(1007, "");
    let ended = websock.ended();
    assert_eq!(ended.status, Some(1));
    assert_eq!(ended.said, "closed 1007: input is not UTF-8\n");
}
