//! The end of a conversation: RFC 6455 section 7, and what it means for the service.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::frame::{self, CLOSE, FIN};
use support::http::Request;
use support::inetd::{Inetd, Stderr};
use support::peer::Peer;
use support::process::{self, Process, processor_time, wait_gone};
use support::server::{Server, Setup};
use support::wait_for;

#[test]
fn a_close_is_answered_with_the_same_code() {
    let server = Server::cat(&[]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        let mut peer = server.open("/");
        peer.send_close(code, "so long");
        peer.expect_close(code);
        peer.expect_fin();
    }
}

#[test]
fn a_close_is_answered_though_the_client_goes_on_talking() {
    const ROUNDS: usize = 30;
    let server = Server::cat(&[]);
    for _ in 0..ROUNDS {
        let mut peer = server.open("/");
        let mut writer = peer.writer();
        peer.send_close(1000, "");
        // What is unread when a connection is closed has the kernel reset it.
        let talking = thread::spawn(move || while writer.write_all(&[0; 50_000]).is_ok() {});
        peer.expect_close(1000);
        drop(peer);
        talking.join().unwrap();
    }
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(FIN | CLOSE, "");
    peer.expect_empty_close();
    peer.expect_fin();
}

#[test]
fn a_close_with_a_code_that_is_not_for_the_wire_is_a_violation() {
    let server = Server::cat(&[]);
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        let mut peer = server.open("/");
        peer.send_close(code, "");
        peer.expect_close(1002);
        peer.expect_fin();
    }
}

#[test]
fn a_close_with_half_a_code_is_a_violation() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(FIN | CLOSE, [3]);
    peer.expect_close(1002);
    peer.expect_fin();
}

#[test]
fn a_close_may_have_a_reason_of_123_bytes() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_close(1000, &"é".repeat(61));
    peer.expect_close(1000);
    peer.expect_fin();
    let mut peer = server.open("/");
    peer.send_close(1000, &"x".repeat(123));
    peer.expect_close(1000);
    peer.expect_fin();
}

#[test]
fn a_reason_that_is_not_utf8_is_closed_with_1007() {
    let server = Server::cat(&[]);
    for reason in [&b"\xff"[..], b"\xed\xa0\x80", b"cut \xe2\x82"] {
        let mut peer = server.open("/");
        let mut payload = 1000_u16.to_be_bytes().to_vec();
        payload.extend_from_slice(reason);
        peer.send_frame(FIN | CLOSE, payload);
        peer.expect_close(1007);
        peer.expect_fin();
    }
}

#[test]
fn a_close_within_a_fragmented_message_is_a_close() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_frame(frame::TEXT, "never finished");
    peer.send_close(1001, "");
    let mut frame = peer.frame();
    while !frame.is_control() {
        frame = peer.frame();
    }
    assert_eq!(
        (frame.opcode, frame.payload),
        (CLOSE, 1001_u16.to_be_bytes().to_vec())
    );
    peer.expect_fin();
}

#[test]
fn what_comes_after_a_close_is_ignored() {
    let server = Server::sh(&[], "cat > got; echo end >> got; echo bye");
    let mut peer = server.open("/");
    let mut bytes = frame::text("before");
    bytes.extend(frame::close(1000, ""));
    bytes.extend(frame::text("after"));
    bytes.extend(frame::ping("after"));
    bytes.extend(frame::masked(FIN | 0x3, "wrong, too"));
    peer.send(&bytes);
    peer.expect_text("bye");
    peer.expect_close(1000);
    peer.expect_fin();
    server.expect_file("got", "before\nend\n");
}

#[test]
fn a_service_answers_after_the_clients_close() {
    let server = Server::sh(&[], "sort");
    let mut peer = server.open("/");
    for line in ["pear", "apple", "fig"] {
        peer.send_text(line);
    }
    peer.send_close(1000, "");
    for line in ["apple", "fig", "pear"] {
        peer.expect_text(line);
    }
    peer.expect_close(1000);
    peer.expect_fin();
}

#[test]
fn an_answer_that_takes_its_time_still_leaves_within_the_grace() {
    let server = Server::sh(&["--grace", "8s"], "cat; sleep 0.5; echo 'at last'");
    let mut peer = server.open("/");
    peer.send_text("question");
    peer.send_close(4321, "");
    peer.expect_text("question");
    peer.expect_text("at last");
    peer.expect_close(4321);
    peer.expect_fin();
    let close = server.log().event("close");
    assert_eq!(
        (close.get("code"), close.get("service")),
        ("4321", "exit 0")
    );
}

#[test]
fn a_client_that_ends_its_stream_behind_its_close_still_gets_the_answers() {
    let server = Server::sh(&[], "sort; sleep 0.3; echo end");
    let mut peer = server.open("/");
    peer.send_text("b");
    peer.send_text("a");
    peer.send_close(1000, "");
    peer.send_fin();
    for line in ["a", "b", "end"] {
        peer.expect_text(line);
    }
    peer.expect_close(1000);
    peer.expect_fin();
}

#[test]
fn all_that_was_sent_before_a_close_reaches_a_service_that_takes_its_time() {
    let server = Server::sh(&[], "sleep 0.5; exec wc -c");
    let mut peer = server.open("/");
    for _ in 0..200 {
        peer.send_text("x".repeat(9_999));
    }
    peer.send_close(1000, "");
    peer.expect_text("2000000");
    peer.expect_close(1000);
    peer.expect_fin();
}

#[test]
fn a_close_is_answered_when_the_grace_has_passed_whatever_the_service_does() {
    let server = Server::sh(&["--grace", "300ms"], "exec sleep 1000");
    let mut peer = server.open("/");
    let start = Instant::now();
    peer.send_close(1000, "");
    peer.expect_close(1000);
    assert!(start.elapsed() >= Duration::from_millis(300));
    peer.expect_fin();
    let close = server.log().event("close");
    assert_eq!(close.get("service"), "signal 15");
}

#[test]
fn exit_0_is_closed_with_1000() {
    let server = Server::sh(&[], "exit 0");
    let reason = server.open("/").expect_end(1000);
    assert_eq!(reason, "");
}

#[test]
fn another_exit_status_is_closed_with_1011_and_told() {
    let server = Server::sh(&[], "exit 3");
    let reason = server.open("/").expect_end(1011);
    assert_eq!(reason, "exit status 3");
}

#[test]
fn a_service_killed_by_a_signal_is_closed_with_1011_and_told() {
    let server = Server::sh(&[], "read number; kill -$number $$");
    for number in ["9", "15", "11"] {
        let mut peer = server.open("/");
        peer.send_text(number);
        let reason = peer.expect_end(1011);
        assert_eq!(reason, format!("killed by signal {number}"));
    }
}

#[test]
fn a_last_line_without_a_newline_is_sent() {
    let server = Server::sh(&[], "printf 'one\\ntwo'");
    let mut peer = server.open("/");
    peer.expect_text("one");
    peer.expect_text("two");
    peer.expect_end(1000);
}

#[test]
fn the_last_output_of_a_service_that_fails_comes_before_the_close() {
    let server = Server::sh(&[], "echo 'I am afraid'; exit 1");
    let mut peer = server.open("/");
    peer.expect_text("I am afraid");
    peer.expect_end(1011);
}

/// Fills whatever lies between it and a client that does not read, a few times over, as some of it takes its
/// time, and ends with its pipe full. Says to the log how many lines it wrote.
const FILL: &str = r#"
    for round in 1 2 3 4 5; do
        count=$(yes "$LINE" | dd bs=1000 iflag=fullblock oflag=nonblock 2>&1 >&3 | sed -n 's/+.*out$//p')
        total=$((total + count))
        sleep 0.1
    done 3>&1
    echo "$total" >&2
"#;

/// A session whose service has ended with its pipe full, and how many lines it wrote.
fn ended_unread(grace: &str) -> (Inetd, Peer, String, usize) {
    let line = "0".repeat(999);
    let setup = Setup::sh(FILL).env("LINE", &line).env("LC_ALL", "C");
    let (session, mut peer) = Inetd::unix(&setup.options(&["--grace", grace]), Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    let total = session.log().event("service").number("line");
    wait_for("the service's end", || {
        Process::children(session.pid()).is_empty().then_some(())
    });
    (session, peer, line, total)
}

#[test]
fn all_output_comes_before_the_close_however_late_it_is_read() {
    let (_session, mut peer, line, total) = ended_unread("50ms");
    // Nothing is waited for: this is how long the output lies there.
    thread::sleep(Duration::from_millis(250));
    for _ in 0..total {
        peer.expect_text(&line);
    }
    peer.expect_end(1000);
}

#[test]
fn without_a_grace_what_was_written_before_the_end_still_comes() {
    let server = Setup::new(&["echo", "all of it"])
        .options(&["--grace", "0"])
        .start();
    // In one of ten the end was known before the output.
    for _ in 0..200 {
        let mut peer = server.open("/");
        peer.expect_text("all of it");
        peer.expect_close(1000);
    }
}

#[test]
fn output_that_waits_for_the_client_takes_no_processor_time() {
    const WHILE: Duration = Duration::from_secs(1);
    let (session, _peer, ..) = ended_unread("0");
    let before = processor_time(session.pid());
    // Nothing is waited for: this is how long it is watched.
    thread::sleep(WHILE);
    let used = processor_time(session.pid()) - before;
    assert!(used <= 50, "{used} ms of processor time");
}

/// Twenty messages and a Close.
fn said_at_once() -> Vec<u8> {
    let mut bytes = frame::text("0".repeat(999)).repeat(20);
    bytes.extend(frame::close(1000, ""));
    bytes
}

#[test]
fn what_a_client_said_before_it_left_its_unix_socket_is_delivered() {
    let (mut session, mut peer) = Inetd::unix(&Setup::sh("wc -l >&2"), Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    peer.send(&said_at_once());
    drop(peer);
    let count: usize = session.log().event("service").number("line");
    assert_eq!(count, 20);
    assert_eq!(session.log().event("close").get("code"), "1000");
    session.wait();
}

#[test]
fn what_a_client_said_before_its_connection_was_reset_is_delivered() {
    let server = Server::sh(&[], "echo welcome; wc -l >&2");
    let mut peer = server.open("/");
    let session = server.session(&peer);
    peer.expect_text("welcome");
    process::stop(session);
    peer.send(&said_at_once());
    peer.reset();
    process::signal(session, Signal::SIGCONT);
    let count: usize = server.log().event("service").number("line");
    assert_eq!(count, 20);
}

#[test]
fn a_close_is_followed_by_the_end_when_the_client_has_answered() {
    let server = Server::sh(&[], "exit 0");
    let mut peer = server.open("/");
    peer.expect_close(1000);
    let start = Instant::now();
    peer.send_close(1000, "");
    peer.expect_fin();
    assert!(start.elapsed() < Duration::from_millis(1900), "it lingered");
}

#[test]
fn a_client_that_does_not_answer_the_close_is_waited_for_two_seconds() {
    let server = Server::sh(&[], "exit 0");
    let mut peer = server.open("/");
    let session = server.session(&peer);
    peer.expect_close(1000);
    let start = Instant::now();
    wait_gone(session);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(1500), "only {waited:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    peer.expect_fin();
}

#[test]
fn a_client_that_goes_on_talking_after_our_close_is_left_after_two_seconds() {
    let server = Server::sh(&[], "exit 0");
    let mut peer = server.open("/");
    let session = server.session(&peer);
    peer.expect_close(1000);
    let start = Instant::now();
    let mut writer = peer.writer();
    let talking = thread::spawn(move || {
        let message = frame::text("and another thing");
        while writer.write_all(&message).is_ok() {
            // There is always something new to read, and always room to write it.
            thread::sleep(Duration::from_millis(5));
        }
    });
    wait_gone(session);
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    talking.join().unwrap();
}

#[test]
fn data_after_the_servers_close_is_ignored() {
    let server = Server::sh(&[], "exit 0");
    let mut peer = server.open("/");
    peer.expect_close(1000);
    peer.send_text("too late");
    peer.send_ping("too late");
    peer.send_close(1000, "");
    peer.expect_fin();
}

#[test]
fn data_nobody_reads_does_not_turn_the_end_into_a_reset() {
    let server = Server::sh(&[], "read line; seq 20000; exit 0");
    let mut peer = server.open("/");
    peer.send_text("go");
    let mut writer = peer.writer();
    let writing = thread::spawn(move || {
        let ignored = frame::text("x".repeat(1000));
        for _ in 0..2000 {
            writer.write_all(&ignored).unwrap();
        }
    });
    for n in 1..=20_000 {
        peer.expect_text(n.to_string());
    }
    peer.expect_close(1000);
    writing.join().unwrap();
    peer.send_close(1000, "");
    peer.expect_fin();
}

#[test]
fn a_violation_with_more_behind_it_does_not_turn_the_end_into_a_reset() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let mut bytes = frame::masked(FIN | 0x3, "");
    bytes.resize(500_000, 0);
    peer.send(&bytes);
    peer.expect_close(1002);
    peer.send_fin();
    peer.expect_fin();
}
