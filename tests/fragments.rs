//! Messages in several frames, text that is not UTF-8, messages that are too long: RFC 6455 5.4, 8.1.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use support::frame::{self, BINARY, CONTINUATION, FIN, PING, PONG, TEXT};
use support::peer::Peer;
use support::process::{InFlight, written};
use support::server::Server;
use support::{wait_for, wait_until_still};

const KEY: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];

/// Expects the end of a conversation that the client has spoilt.
#[track_caller]
fn expect_failure(peer: &mut Peer, code: u16) {
    let reason = peer.expect_close(code);
    assert!(!reason.is_empty());
    peer.send_fin();
    peer.expect_fin();
}

/// The start of a text frame of 100 bytes that never gets further.
fn unfinished(start: &[u8]) -> Vec<u8> {
    let mut bytes = frame::header(KEY, FIN | TEXT, 100);
    bytes.extend(frame::mask(KEY, start));
    bytes
}

#[test]
fn a_message_in_fragments_is_one_message() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(TEXT, "one");
    peer.send_frame(CONTINUATION, " and");
    peer.send_frame(FIN | CONTINUATION, " two");
    peer.expect_text("one and two");
}

#[test]
fn a_message_in_fragments_keeps_its_type_and_length() {
    let server = Server::cat(&["--record", "typed"]);
    let mut peer = server.open("/");
    for (opcode, payload) in [(TEXT, &b"ab"[..]), (BINARY, &[0xff, 0x00])] {
        peer.send_frame(opcode, payload);
        peer.send_frame(CONTINUATION, payload);
        peer.send_frame(FIN | CONTINUATION, payload);
        let message = peer.message();
        assert_eq!(
            (message.opcode, message.payload),
            (opcode, payload.repeat(3))
        );
    }
}

#[test]
fn a_message_may_be_all_empty_fragments() {
    let server = Server::cat(&["--record", "typed"]);
    let mut peer = server.open("/");
    peer.send_frame(TEXT, "");
    peer.send_frame(CONTINUATION, "");
    peer.send_frame(FIN | CONTINUATION, "");
    peer.expect_text("");
}

#[test]
fn a_message_may_come_in_ten_thousand_fragments() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let mut bytes = frame::masked(TEXT, "x");
    bytes.extend((0..10_000).flat_map(|_| frame::masked(CONTINUATION, "x")));
    bytes.extend(frame::masked(FIN | CONTINUATION, ""));
    peer.send(&bytes);
    peer.expect_text("x".repeat(10_001));
}

#[test]
fn a_ping_between_fragments_is_answered_before_the_message_ends() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(TEXT, "first");
    peer.send_ping("now");
    peer.expect_pong("now");
    peer.send_frame(FIN | CONTINUATION, " last");
    peer.expect_text("first last");
}

#[test]
fn a_ping_is_answered_while_a_frame_of_the_service_is_still_to_come() {
    let server = Server::sh(&[], "printf unfinished; cat");
    let mut peer = server.open("/");
    peer.send_ping("now");
    peer.expect_pong("now");
    peer.send_text(" finished");
    peer.expect_text("unfinished finished");
}

#[test]
fn a_continuation_of_nothing_is_a_violation() {
    let server = Server::cat(&[]);
    for first in [CONTINUATION, FIN | CONTINUATION] {
        let mut peer = server.open("/");
        peer.send_frame(first, "of what?");
        expect_failure(&mut peer, 1002);
    }
}

#[test]
fn a_continuation_after_the_last_fragment_is_a_violation() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(TEXT, "o");
    peer.send_frame(FIN | CONTINUATION, "ver");
    peer.expect_text("over");
    peer.send_frame(FIN | CONTINUATION, "more");
    expect_failure(&mut peer, 1002);
}

#[test]
fn a_new_message_within_an_unfinished_one_is_a_violation() {
    let server = Server::cat(&[]);
    for first in [TEXT, FIN | TEXT, BINARY, FIN | BINARY] {
        let mut peer = server.open("/");
        peer.send_frame(TEXT, "begun");
        peer.send_frame(first, "another");
        expect_failure_after_output(&mut peer, 1002);
    }
}

/// Like [`expect_failure`], whatever `cat` made of what came before.
#[track_caller]
fn expect_failure_after_output(peer: &mut Peer, code: u16) {
    let mut frame = peer.frame();
    while !frame.is_control() {
        frame = peer.frame();
    }
    assert_eq!(frame.opcode, frame::CLOSE, "{frame:?}");
    assert_eq!(frame.payload.get(..2), Some(&code.to_be_bytes()[..]));
    peer.send_fin();
    peer.expect_fin();
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let text = "é€😀";
    peer.send_frame(TEXT, "");
    for byte in text.bytes() {
        peer.send_frame(CONTINUATION, [byte]);
    }
    peer.send_frame(FIN | CONTINUATION, "");
    peer.expect_text(text);
}

#[test]
fn text_fails_at_the_first_wrong_byte_of_a_frame_that_goes_on() {
    let server = Server::cat(&[]);
    let wrong: [&[u8]; 12] = [
        b"ok\xff",
        b"ok\x80",
        b"\xc0",
        b"\xc1",
        b"\xc3(",
        b"\xe0\x80",
        b"\xe2\x82(",
        b"\xed\xa0",
        b"\xf0\x80",
        b"\xf4\x90",
        b"\xf5",
        b"\xf0\x9f\x98a",
    ];
    for start in wrong {
        let mut peer = server.open("/");
        peer.send(&unfinished(start));
        expect_failure_after_output(&mut peer, 1007);
    }
}

#[test]
fn text_fails_at_the_first_wrong_byte_of_a_message_that_goes_on() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(TEXT, b"\xce\xba\xe1");
    peer.send_frame(CONTINUATION, b"\xbd");
    peer.send_ping("so far so good");
    peer.expect_pong("so far so good");
    peer.send_frame(CONTINUATION, b"\xff");
    expect_failure_after_output(&mut peer, 1007);
}

#[test]
fn text_that_ends_within_a_character_fails() {
    let server = Server::cat(&[]);
    for (first, payload) in [(FIN | TEXT, &b"\xe2\x82"[..]), (TEXT, b"\xf0\x9f\x98")] {
        let mut peer = server.open("/");
        peer.send_frame(first, payload);
        if first == TEXT {
            peer.send_frame(FIN | CONTINUATION, "");
        }
        expect_failure_after_output(&mut peer, 1007);
    }
}

#[test]
fn an_unfinished_character_alone_is_not_yet_wrong() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let (start, end) = "😀".as_bytes().split_at(3);
    peer.send_frame(TEXT, start);
    peer.send_ping("waiting");
    peer.expect_pong("waiting");
    peer.send_frame(FIN | CONTINUATION, end);
    peer.expect_text("😀");
}

#[test]
fn binary_messages_are_not_looked_at() {
    let server = Server::cat(&["--record", "typed"]);
    let mut peer = server.open("/");
    peer.send_binary([0xff, 0xc0, 0x80]);
    peer.expect_binary([0xff, 0xc0, 0x80]);
}

#[test]
fn what_came_before_bad_text_is_answered_first() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_text("good");
    peer.send_text(b"\xffbad");
    peer.expect_text("good");
    expect_failure_after_output(&mut peer, 1007);
}

#[test]
fn a_message_of_exactly_the_limit_passes() {
    let server = Server::cat(&["--max-message", "1K"]);
    let mut peer = server.open("/");
    peer.send_text("x".repeat(1024));
    peer.expect_text("x".repeat(1024));
    peer.send_frame(TEXT, "y".repeat(1000));
    peer.send_frame(FIN | CONTINUATION, "y".repeat(24));
    peer.expect_text("y".repeat(1024));
    peer.close();
}

#[test]
fn a_message_over_the_limit_is_closed_with_1009() {
    let server = Server::cat(&["--max-message", "1K"]);
    let mut peer = server.open("/");
    peer.send_text("x".repeat(1025));
    expect_failure_after_output(&mut peer, 1009);
}

#[test]
fn fragments_that_are_together_over_the_limit_are_closed_with_1009() {
    let server = Server::cat(&["--max-message", "1K"]);
    let mut peer = server.open("/");
    peer.send_frame(BINARY, [b'x'; 1000]);
    peer.send_frame(CONTINUATION, [b'x'; 24]);
    peer.send_ping("just right");
    loop {
        let frame = peer.frame();
        if frame.opcode == PONG {
            break;
        }
    }
    peer.send_frame(CONTINUATION, "x");
    expect_failure_after_output(&mut peer, 1009);
}

#[test]
fn a_declared_length_over_the_limit_is_enough() {
    let server = Server::cat(&[]);
    for length in [(16 << 20) + 1, 1 << 40, (1 << 63) - 1] {
        let mut peer = server.open("/");
        peer.send(&frame::header(KEY, FIN | BINARY, length));
        expect_failure_after_output(&mut peer, 1009);
    }
}

#[test]
fn sixteen_mebibytes_are_the_limit_unless_another_is_given() {
    let server = Server::sh(&[], "head -c 16777217 | wc -c; cat");
    let mut peer = server.open("/");
    peer.send_binary(vec![b'x'; 16 << 20]);
    peer.expect_text("16777217");
    peer.close();
}

#[test]
fn a_client_that_does_not_read_gets_the_newest_pong_only() {
    const PINGS: u32 = 3000;
    let server = Server::sh(&["--grace", "100ms"], "yes 'to somebody who does not read'");
    let mut peer = server.open("/");
    let service = server.service(&peer);
    wait_until_still("a full socket", || written(service.pid));

    for n in 1..=PINGS {
        peer.send_frame(FIN | PING, n.to_string());
    }
    wait_for("the server to have read every ping", || {
        let in_flight = InFlight::between(peer.address().port(), server.port());
        (in_flight == InFlight::NONE).then_some(())
    });
    let mut pongs = 0;
    loop {
        let frame = peer.frame();
        if frame.opcode == PONG {
            pongs += 1;
            if frame.payload == PINGS.to_string().as_bytes() {
                break;
            }
        }
    }
    assert!(pongs < PINGS / 2, "{pongs} pongs waited");
}
