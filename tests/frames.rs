//! Frames: RFC 6455 section 5.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use support::frame::{self, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};
use support::server::Server;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Sends something that breaks the protocol after a correct message: that one is answered, then
/// comes Close 1002, then the end.
#[track_caller]
fn expect_violation(server: &Server, bytes: &[u8]) {
    let mut peer = server.open("/");
    let mut both = frame::text("before");
    both.extend(bytes);
    peer.send(&both);
    peer.expect_text("before");
    let reason = peer.expect_close(1002);
    assert!(!reason.is_empty(), "no reason for {bytes:02x?}");
    peer.send_fin();
    peer.expect_fin();
}

#[test]
fn a_text_message_comes_back() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_text("Grüße, 世界 \u{10ffff}");
    peer.expect_text("Grüße, 世界 \u{10ffff}");
    peer.close();
}

#[test]
fn payloads_at_the_edges_of_the_three_length_forms_pass_unaltered() {
    let server = Server::cat(&["--record", "typed"]);
    let mut peer = server.open("/");
    for length in [
        0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 1_000_003,
    ] {
        let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
        peer.send_binary(&payload);
        peer.expect_binary(&payload);
    }
    peer.close();
}

#[test]
fn the_rfcs_own_masked_hello_is_understood() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send(&[
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ]);
    peer.expect_text("Hello");
}

#[test]
fn a_masking_key_of_zeros_is_a_key() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send(&frame::masked_with([0; 4], FIN | TEXT, "plain to see"));
    peer.expect_text("plain to see");
}

#[test]
fn frames_may_arrive_byte_by_byte() {
    let server = Server::cat(&["--record", "typed"]);
    let mut peer = server.open("/");
    let long = "x".repeat(300);
    for payload in ["", "a", "four", "fiver", long.as_str()] {
        peer.send_byte_by_byte(&frame::text(payload));
        peer.expect_text(payload);
        peer.send_byte_by_byte(&frame::ping("between"));
        peer.expect_pong("between");
    }
}

#[test]
fn many_frames_in_one_segment_are_all_answered_in_order() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let segment: Vec<u8> = (0..1000).flat_map(|n| frame::text(n.to_string())).collect();
    peer.send(&segment);
    for n in 0..1000 {
        peer.expect_text(n.to_string());
    }
    peer.close();
}

#[test]
fn a_split_at_any_byte_makes_no_difference() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let mut bytes = frame::text("first");
    bytes.extend(frame::masked(BINARY, "sec"));
    bytes.extend(frame::masked(FIN | CONTINUATION, "ond"));
    for at in 1..bytes.len() {
        let (start, end) = bytes.split_at(at);
        peer.send(start);
        peer.send(end);
        peer.expect_text("first");
        peer.expect_text("second");
    }
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    for payload in [vec![], vec![0], b"are you there?".to_vec(), vec![0xff; 125]] {
        peer.send_ping(&payload);
        peer.expect_pong(&payload);
    }
}

#[test]
fn a_pong_nobody_asked_for_is_ignored() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(FIN | PONG, "unasked");
    peer.send_text("still here");
    peer.expect_text("still here");
    peer.close();
}

#[test]
fn a_16_bit_length_that_fits_7_bits_is_a_violation() {
    let server = Server::cat(&[]);
    for length in [0_u16, 1, 125] {
        let mut bytes = vec![FIN | TEXT, 0x80 | 126];
        bytes.extend(length.to_be_bytes());
        bytes.extend(KEY);
        bytes.resize(bytes.len() + usize::from(length), b'x');
        expect_violation(&server, &bytes);
    }
}

#[test]
fn a_64_bit_length_that_fits_16_bits_is_a_violation() {
    let server = Server::cat(&[]);
    for length in [0_u64, 125, 65535] {
        let mut bytes = vec![FIN | TEXT, 0x80 | 127];
        bytes.extend(length.to_be_bytes());
        bytes.extend(KEY);
        expect_violation(&server, &bytes);
    }
}

#[test]
fn a_64_bit_length_with_its_top_bit_set_is_a_violation() {
    let server = Server::cat(&["--max-message", "0"]);
    for length in [1_u64 << 63, u64::MAX] {
        let mut bytes = vec![FIN | BINARY, 0x80 | 127];
        bytes.extend(length.to_be_bytes());
        bytes.extend(KEY);
        expect_violation(&server, &bytes);
    }
}

#[test]
fn a_reserved_bit_is_a_violation() {
    let server = Server::cat(&[]);
    for bit in [0x40, 0x20, 0x10] {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            expect_violation(&server, &frame::masked(FIN | bit | opcode, ""));
        }
    }
}

#[test]
fn an_unknown_opcode_is_a_violation() {
    let server = Server::cat(&[]);
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        expect_violation(&server, &frame::masked(FIN | opcode, "x"));
    }
}

#[test]
fn a_frame_without_a_mask_is_a_violation() {
    let server = Server::cat(&[]);
    expect_violation(&server, &[FIN | TEXT, 5, b'h', b'e', b'l', b'l', b'o']);
    expect_violation(&server, &[FIN | PING, 0]);
}

#[test]
fn a_fragmented_control_frame_is_a_violation() {
    let server = Server::cat(&[]);
    for opcode in [CLOSE, PING, PONG] {
        expect_violation(&server, &frame::masked(opcode, ""));
    }
}

#[test]
fn a_control_frame_of_more_than_125_bytes_is_a_violation() {
    let server = Server::cat(&[]);
    for opcode in [CLOSE, PING, PONG] {
        expect_violation(&server, &frame::masked(FIN | opcode, [3; 126]));
        expect_violation(&server, &frame::header(KEY, FIN | opcode, 70_000));
    }
}

#[test]
fn a_violation_is_told_before_the_frame_is_complete() {
    let server = Server::cat(&[]);
    for first in [FIN | 0x40 | TEXT, FIN | 0x3, PING] {
        expect_violation(&server, &[first, 0x80 | 4]);
    }
}

#[test]
fn what_was_right_before_a_violation_reaches_the_service_and_nothing_after_it() {
    let server = Server::sh(&[], "cat > got; echo end >> got");
    let mut peer = server.open("/");
    let mut bytes = frame::text("right");
    bytes.extend(frame::masked(FIN | 0x3, "wrong"));
    bytes.extend(frame::text("late"));
    peer.send(&bytes);
    peer.expect_close(1002);
    server.expect_file("got", "right\nend\n");
}

#[test]
fn a_violation_hurts_no_other_session() {
    let server = Server::cat(&[]);
    let mut other = server.open("/");
    expect_violation(&server, &frame::masked(FIN | 0x3, ""));
    other.send_text("unharmed");
    other.expect_text("unharmed");
    other.close();
}
