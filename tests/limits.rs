//! What is bounded: time, memory, the number of clients; and who suffers when a bound is reached.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::io::Write;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::frame::{self, BINARY, CLOSE, FIN, PING, PONG};
use support::peer::Peer;
use support::process::{self, InFlight, memory, peak_memory, wait_gone, written};
use support::server::{Server, Setup};
use support::{DEADLINE, wait_for, wait_until_still};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a pipe holds that was full, one queue, and some room for what is on its way from the one to the
/// other.
const PIPE_AND_QUEUE: u64 = 256 * KIB + 256 * KIB + 160 * KIB;

/// Waits until nothing moves from `from` to `to` any more; what the kernel holds between them.
fn at_rest(from: u16, to: u16) -> u64 {
    let rest = wait_until_still("the flow to rest", || InFlight::between(from, to));
    rest.unsent + rest.unread
}

fn binaries(payload: &[u8], count: usize) -> Vec<u8> {
    frame::binary(payload).repeat(count)
}

#[test]
fn a_service_that_does_not_read_makes_us_stop_reading() {
    let server = Server::sh(&["--grace", "200ms"], "exec sleep 1000");
    let peer = server.open("/");
    let session = server.session(&peer);
    let idle = memory(session);
    let sent = peer.flood(&binaries(&[b'x'; 60_000], 20));
    let taken = sent - at_rest(peer.address().port(), server.port());
    assert!(taken <= PIPE_AND_QUEUE, "{} KiB taken", taken / KIB);
    let grown = memory(session).saturating_sub(idle);
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);
}

#[test]
fn a_message_longer_than_every_buffer_makes_us_stop_reading_too() {
    let options = ["--grace", "200ms", "--max-message", "0"];
    let server = Server::sh(&options, "exec sleep 1000");
    let mut peer = server.open("/");
    let idle = memory(server.session(&peer));
    peer.send(&frame::header([0; 4], FIN | BINARY, 1 << 40));
    let sent = peer.flood(&[b'x'; 60_000]);
    let taken = sent - at_rest(peer.address().port(), server.port());
    assert!(taken <= PIPE_AND_QUEUE, "{} KiB taken", taken / KIB);
    let grown = memory(server.session(&peer)).saturating_sub(idle);
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);
}

#[test]
fn a_flood_of_tiny_messages_costs_no_more_than_one_of_long_ones() {
    let server = Server::sh(&["--grace", "200ms"], "exec sleep 1000");
    let peer = server.open("/");
    let idle = memory(server.session(&peer));
    let tiny = binaries(b"x", 10_000);
    let sent = peer.flood(&tiny);
    let taken = sent - at_rest(peer.address().port(), server.port());
    // Seven bytes on the wire are two in the pipe.
    assert!(taken <= PIPE_AND_QUEUE * 7 / 2, "{} KiB taken", taken / KIB);
    let grown = memory(server.session(&peer)).saturating_sub(idle);
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);
}

#[test]
fn pings_are_answered_while_the_service_does_not_read() {
    let server = Server::sh(&["--grace", "200ms"], "exec sleep 1000");
    let mut peer = server.open("/");
    for n in 0..20 {
        peer.send(&binaries(&[b'x'; 10_000], 1));
        peer.send_ping(n.to_string());
        peer.expect_pong(n.to_string());
    }
}

#[test]
fn a_client_that_leaves_is_noticed_while_the_service_does_not_read() {
    let server = Server::sh(&["--grace", "200ms"], "exec sleep 1000");
    let peer = server.open("/");
    peer.writer()
        .write_all(&binaries(&[b'x'; 10_000], 20))
        .unwrap();
    drop(peer);
    assert_eq!(server.log().event("close").get("service"), "signal 15");
}

#[test]
fn a_client_that_leaves_behind_a_full_window_is_noticed() {
    let server = Server::sh(&["--grace", "200ms"], "exec sleep 1000");
    let peer = server.open("/");
    peer.flood(&binaries(&[b'x'; 60_000], 20));
    drop(peer);
    server.log().event("close");
}

#[test]
fn a_client_that_waits_behind_a_full_window_is_pinged() {
    let server = Server::sh(&["--grace", "200ms"], "exec sleep 1000");
    let mut peer = server.open("/");
    peer.flood(&binaries(&[b'x'; 60_000], 20));
    peer.expect_ping();
    peer.reset();
    server.log().event("close");
}

#[test]
fn a_client_is_not_blamed_for_a_service_that_takes_its_time() {
    let server = Server::sh(&["--ping", "200ms"], "sleep 1.5; exec cat");
    let mut peer = server.open("/");
    for _ in 0..60 {
        peer.send_text("x".repeat(10_000));
    }
    for _ in 0..60 {
        peer.expect_text("x".repeat(10_000));
    }
    peer.close();
}

#[test]
fn a_client_that_does_not_read_stalls_its_own_service() {
    let server = Setup::new(&["cat", "/dev/zero"])
        .options(&["-b", "--grace", "200ms"])
        .start();
    let peer = server.open("/");
    let session = server.session(&peer);
    let idle = memory(session);
    let service = server.service(&peer);
    let produced = wait_until_still("a full socket", || written(service.pid));
    let taken = produced - at_rest(server.port(), peer.address().port()).min(produced);
    assert!(taken <= PIPE_AND_QUEUE, "{} KiB taken", taken / KIB);
    let grown = memory(session).saturating_sub(idle);
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);

    let mut other = server.open("/");
    assert_eq!(other.message().opcode, BINARY);
}

#[test]
fn a_client_that_does_not_read_its_pongs_costs_nothing() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let session = server.session(&peer);
    let idle = memory(session);
    let pings = frame::ping([b'x'; 125]).repeat(1000);
    for _ in 0..100 {
        peer.send(&pings);
    }
    wait_for("every ping to be read", || {
        let in_flight = InFlight::between(peer.address().port(), server.port());
        (in_flight == InFlight::NONE).then_some(())
    });
    let grown = memory(session).saturating_sub(idle);
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);
}

#[test]
fn a_client_that_does_not_read_is_dropped_after_the_write_timeout() {
    let options = ["--write-timeout", "500ms", "--grace", "200ms"];
    let server = Server::sh(&options, "exec yes");
    let mut peer = server.open("/");
    let (session, service) = (server.session(&peer), server.service(&peer));
    server.log().event("close");
    wait_gone(service.pid);
    wait_gone(session);
    peer.drain();
}

#[test]
fn a_client_that_reads_slowly_is_not_dropped() {
    let server = Server::sh(&["--write-timeout", "1s", "--grace", "200ms"], "exec yes");
    let mut peer = server.open("/");
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        peer.skip(1_000_000);
        // This is what is slow about it: between the reads there is no room for what is written.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads two megabytes, for a second at least, and says nothing: no ping has been seen yet.
fn read_slowly(peer: &mut Peer) {
    for _ in 0..20 {
        peer.skip(100_000);
        // This is what is slow about it.
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn expect_open(server: &Server) {
    server.signal(Signal::SIGUSR1);
    server.log().event("status");
    assert_eq!(server.log().event("session").get("state"), "open");
}

#[test]
fn frames_that_wait_for_a_slow_client_excuse_its_silence() {
    let server = Server::sh(&["--ping", "300ms", "--grace", "0"], "exec yes");
    let mut peer = server.open("/");
    read_slowly(&mut peer);
    expect_open(&server);
}

#[test]
fn what_a_slow_client_acknowledges_is_a_sign_of_life() {
    // All of it is the kernel's from the beginning; a ping is behind it.
    let script = "head -c 2000000 /dev/zero; exec sleep 1000";
    let server = Server::sh(&["-b", "--ping", "300ms", "--grace", "0"], script);
    let mut peer = server.connect();
    peer.hold_little();
    peer.upgrade(&server.upgrade("/"));
    read_slowly(&mut peer);
    expect_open(&server);
}

#[test]
fn a_session_that_did_not_run_does_not_blame_its_client() {
    let server = Server::cat(&["--ping", "100ms"]);
    let mut peer = server.open("/");
    let session = server.session(&peer);
    peer.send_text("hello");
    peer.expect_text("hello");
    process::stop(session);
    peer.send_text("hello again");
    // Nothing is waited for: this is how long it does not run.
    std::thread::sleep(Duration::from_millis(500));
    process::signal(session, Signal::SIGCONT);
    peer.expect_text("hello again");
}

#[test]
fn a_session_in_which_nothing_is_said_ends_with_1001() {
    let server = Server::cat(&["--idle-timeout", "400ms"]);
    let start = Instant::now();
    let mut peer = server.open("/");
    peer.expect_end(1001);
    assert!(start.elapsed() >= Duration::from_millis(400));
}

#[test]
fn pings_do_not_put_the_idle_timeout_off() {
    let server = Server::cat(&["--idle-timeout", "500ms"]);
    let mut peer = server.open("/");
    let end = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < end, "the talk kept it alive");
        peer.send_ping("idle talk");
        let frame = peer.frame();
        if frame.opcode == CLOSE {
            assert_eq!(frame.payload.get(..2), Some(&1001_u16.to_be_bytes()[..]));
            break;
        }
        assert_eq!(frame.opcode, PONG);
        // Idle talk is no flood, but never as far apart as the timeout.
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn messages_of_the_service_put_the_idle_timeout_off() {
    let server = Server::sh(
        &["--idle-timeout", "1500ms"],
        "for n in 1 2 3 4 5; do sleep 0.5; echo $n; done",
    );
    let mut peer = server.open("/");
    for n in 1..=5 {
        peer.expect_text(n.to_string());
    }
    peer.expect_end(1000);
}

#[test]
fn messages_of_the_client_put_the_idle_timeout_off() {
    let server = Server::sh(&["--idle-timeout", "1500ms"], "exec cat >/dev/null");
    let mut peer = server.open("/");
    for _ in 0..5 {
        // Never as long as the timeout, all together longer.
        std::thread::sleep(Duration::from_millis(500));
        peer.send_text("busy");
    }
    peer.close();
}

#[test]
fn an_idle_client_is_pinged_and_stays_as_long_as_it_answers() {
    let server = Server::cat(&["--ping", "200ms"]);
    let mut peer = server.open("/");
    for _ in 0..6 {
        let payload = peer.expect_ping();
        peer.send_frame(FIN | PONG, payload);
    }
    peer.send_text("still here");
    peer.expect_text("still here");
    peer.close();
}

#[test]
fn whatever_an_idle_client_says_is_a_sign_of_life() {
    let server = Server::sh(&["--ping", "300ms"], "exec cat >/dev/null");
    let mut peer = server.open("/");
    for _ in 0..5 {
        peer.expect_ping();
        peer.send_text("not a pong");
    }
    peer.send_close(1000, "");
    let mut frame = peer.frame();
    while frame.opcode == PING {
        frame = peer.frame();
    }
    assert_eq!(frame.payload, 1000_u16.to_be_bytes());
}

#[test]
fn a_client_that_does_not_answer_pings_is_dropped_after_two() {
    let server = Server::sh(&["--ping", "300ms"], "cat; echo EOF > got");
    let mut peer = server.open("/");
    let start = Instant::now();
    peer.expect_ping();
    let mut frame = peer.frame();
    while frame.opcode == PING {
        frame = peer.frame();
    }
    assert!(
        start.elapsed() >= Duration::from_millis(550),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(frame.opcode, CLOSE);
    assert_eq!(frame.payload.get(..2), Some(&1001_u16.to_be_bytes()[..]));
    server.expect_file("got", "EOF\n");
    server.log().event("close");
}

#[test]
fn a_session_at_rest_holds_no_buffer() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_text("the first one");
    peer.expect_text("the first one");
    let session = server.session(&peer);
    let idle = memory(session);
    for _ in 0..20 {
        peer.send_text("x".repeat(500_000));
        peer.expect_text("x".repeat(500_000));
    }
    wait_for("the buffers to go", || {
        // What a C library keeps of what it was given back is up to 128 KiB.
        (memory(session) <= idle + 192 * KIB).then_some(())
    });
    peer.close();
}

#[test]
fn a_message_of_a_gibibyte_passes_in_constant_memory() {
    const LENGTH: u64 = 1 << 30;
    let script = format!("head -c {LENGTH} | wc -c; cat");
    let server = Server::sh(&["--max-message", "0"], &script);
    let mut peer = server.open("/");
    let session = server.session(&peer);
    let idle = peak_memory(session);

    let key = [0x12, 0x34, 0x56, 0x78];
    let chunk: Vec<u8> = frame::mask(key, &[b'x'; 64 * 1024]).collect();
    peer.send(&frame::header(key, FIN | BINARY, LENGTH));
    for _ in 0..LENGTH / (64 * KIB) {
        peer.send(&chunk);
    }
    peer.expect_text(LENGTH.to_string());
    let grown = peak_memory(session) - idle;
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);
    peer.send_text("behind it");
    peer.expect_text("");
    peer.expect_text("behind it");
    peer.close();
}

#[test]
fn a_line_of_a_gibibyte_passes_in_constant_memory() {
    const LENGTH: u64 = 1 << 30;
    let script = format!("read go; head -c {LENGTH} /dev/zero | tr '\\0' x; echo; cat");
    // A slow machine may take longer than a client is left without a ping, which this one ignores.
    let server = Server::sh(&["--ping", "0"], &script);
    let mut peer = server.open("/");
    let session = server.session(&peer);
    let idle = peak_memory(session);

    peer.send_text("go");
    assert_eq!(peer.skim_message(), LENGTH);
    let grown = peak_memory(session) - idle;
    assert!(grown < 2 * MIB, "{} KiB more", grown / KIB);
    peer.send_text("behind it");
    peer.expect_text("behind it");
    peer.close();
}
