//! What becomes of the service, and of its whole process group, when client or service goes.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use support::http::Request;
use support::inetd::{Inetd, Stderr};
use support::process::{self, Process};
use support::server::{Server, Setup};
use support::wait_for;

#[test]
fn a_client_that_sends_fin_gives_the_service_eof() {
    let server = Server::sh(
        &[],
        "trap 'echo TERM >> got' TERM; cat > got; echo EOF >> got",
    );
    let mut peer = server.open("/");
    peer.send_text("last words");
    peer.send_fin();
    server.log().event("close");
    server.expect_file("got", "last words\nEOF\n");
}

#[test]
fn a_client_that_resets_gives_the_service_eof() {
    let server = Server::sh(&[], "echo ready; cat; echo EOF > got");
    let mut peer = server.open("/");
    peer.expect_text("ready");
    peer.reset();
    server.log().event("close");
    server.expect_file("got", "EOF\n");
}

#[test]
fn all_that_was_sent_before_fin_reaches_a_service_that_takes_its_time() {
    let server = Server::sh(&[], "sleep 0.5; wc -c > got");
    let mut peer = server.open("/");
    for _ in 0..30 {
        peer.send_text("x".repeat(9_999));
    }
    drop(peer);
    server.expect_file("got", "300000\n");
}

#[test]
fn what_is_said_to_a_client_that_has_gone_is_drained() {
    let server = Server::sh(&[], "read go; seq 200000; echo finished > got");
    let mut peer = server.open("/");
    peer.send_text("go");
    drop(peer);
    server.expect_file("got", "finished\n");
    assert_eq!(server.log().event("close").get("service"), "exit 0");
}

#[test]
fn sigterm_goes_to_the_whole_group() {
    let script = "sh -c \"trap 'echo TERM > got; exit' TERM; echo ready; \
                  while :; do sleep 0.02; done\" & wait";
    let server = Server::sh(&["--grace", "300ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    drop(peer);
    server.expect_file("got", "TERM\n");
}

#[test]
fn a_service_that_does_not_heed_eof_gets_a_signal_after_the_grace() {
    let script = "trap 'echo TERM > got; exit' TERM; echo ready; while :; do sleep 0.02; done";
    let server = Server::sh(&["--grace", "300ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let start = Instant::now();
    drop(peer);
    server.log().event("close");
    assert!(start.elapsed() >= Duration::from_millis(300));
    server.expect_file("got", "TERM\n");
}

#[test]
fn a_service_that_heeds_nothing_is_killed_with_all_its_group() {
    let script = "trap '' TERM; sleep 1000 & sleep 1000 & echo ready; while :; do sleep 0.02; done";
    let server = Server::sh(&["--grace", "300ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let group = server.service(&peer).pid;
    let start = Instant::now();
    drop(peer);
    let close = server.log().event("close");
    assert!(start.elapsed() >= Duration::from_millis(600));
    assert_eq!(close.get("service"), "signal 9");
    wait_for("the end of the group", || {
        let is_over = |process: &Process| process.group != group || process.state == 'Z';
        Process::all().iter().all(is_over).then_some(())
    });
}

#[test]
fn a_grandchild_that_ignores_term_is_killed_though_the_service_is_gone() {
    let script = "(trap '' TERM; exec sleep 1000) & echo ready; cat";
    let server = Server::sh(&["--grace", "200ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    drop(peer);
    server.log().event("close");
    server.family().wait_gone_by_name("sleep");
}

#[test]
fn a_grandchild_that_holds_standard_output_keeps_the_session_for_the_grace_only() {
    let server = Server::sh(&["--grace", "300ms"], "sleep 1000 & echo bye");
    let mut peer = server.open("/");
    peer.expect_text("bye");
    peer.expect_end(1000);
    server.log().event("close");
    server.family().wait_gone_by_name("sleep");
}

#[test]
fn what_a_grandchild_says_within_the_grace_is_sent() {
    let server = Server::sh(&["--grace", "8s"], "(sleep 0.3; echo late) & echo early");
    let mut peer = server.open("/");
    peer.expect_text("early");
    peer.expect_text("late");
    peer.expect_end(1000);
}

#[test]
fn a_service_that_closes_its_output_still_reads() {
    let server = Server::sh(&[], "exec >&- 2>&-; cat > got; echo EOF >> got");
    let mut peer = server.open("/");
    peer.send_text("one way");
    peer.close();
    // The client is not kept waiting for a service that can say no more; the session is there for it.
    server.expect_file("got", "one way\nEOF\n");
}

#[test]
fn a_service_that_closes_its_input_and_is_spoken_to_is_given_up_after_the_grace() {
    let server = Server::sh(
        &["--grace", "300ms"],
        "exec <&-; echo closed; exec sleep 1000",
    );
    let mut peer = server.open("/");
    peer.expect_text("closed");
    peer.send_text("cannot be delivered");
    let reason = peer.expect_end(1011);
    assert!(!reason.is_empty());
    server.log().event("close");
}

#[test]
fn much_that_nobody_reads_does_not_keep_a_service_from_being_heard() {
    let script = "exec <&-; echo closed; while [ ! -e go ]; do sleep 0.02; done; seq 50000";
    let server = Server::sh(&["--grace", "15s"], script);
    let mut peer = server.open("/");
    peer.expect_text("closed");
    for _ in 0..100 {
        peer.send_text("x".repeat(20_000));
    }
    peer.send_ping("heard?");
    peer.expect_pong("heard?");
    server.put("go", "");
    for n in 1..=50_000 {
        peer.expect_text(n.to_string());
    }
    peer.expect_end(1000);
}

#[test]
fn a_service_that_closes_its_input_still_writes() {
    let server = Server::sh(
        &[],
        "exec <&-; echo closed; while [ ! -e go ]; do sleep 0.02; done; echo done",
    );
    let mut peer = server.open("/");
    peer.expect_text("closed");
    for _ in 0..3 {
        peer.send_text("to nobody");
    }
    peer.send_ping("");
    peer.expect_pong("");
    server.put("go", "");
    peer.expect_text("done");
    peer.expect_end(1000);
}

/// Waits until nobody is left of a process group.
fn wait_group_gone(group: i32) {
    wait_for("the end of the group", || {
        let is_over = |process: &Process| process.group != group || process.state == 'Z';
        Process::all().iter().all(is_over).then_some(())
    });
}

#[test]
fn the_service_of_a_killed_session_is_given_eof_and_time() {
    let script = "trap 'echo TERM >> got' TERM; echo ready; cat; echo EOF >> got";
    let server = Server::sh(&[], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    process::signal(server.session(&peer), Signal::SIGKILL);
    server.family().wait_gone_by_name("sh");
    server.expect_file("got", "EOF\n");
}

#[test]
fn the_service_of_a_killed_session_is_signalled_after_the_grace() {
    let script = "trap 'echo TERM > got; exit' TERM; echo ready; while :; do sleep 0.02; done";
    // The pipe for the log is gone with the session: a shell that says "Terminated" there would die of it.
    let server = Server::sh(&["--grace", "300ms", "--stderr", "null"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let start = Instant::now();
    process::signal(server.session(&peer), Signal::SIGKILL);
    server.expect_file("got", "TERM\n");
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn the_service_of_a_killed_session_is_killed_with_all_its_group_if_it_heeds_nothing() {
    let script = "trap '' TERM; sleep 1000 & sleep 1000 & echo ready; while :; do sleep 0.02; done";
    let server = Server::sh(&["--grace", "300ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let mut other = server.open("/");
    other.expect_text("ready");
    let group = server.service(&peer).pid;
    let start = Instant::now();
    process::signal(server.session(&peer), Signal::SIGKILL);
    wait_group_gone(group);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(600), "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(Process::find(server.service(&other).pid).is_some());
    assert_eq!(server.log().events("died", 1).len(), 1);
}

#[test]
fn the_grandchildren_of_a_killed_session_are_killed_though_the_service_is_gone() {
    let script = "(trap '' TERM; exec sleep 1000) & echo ready; cat";
    let server = Server::sh(&["--grace", "200ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    process::signal(server.session(&peer), Signal::SIGKILL);
    server.family().wait_gone_by_name("sleep");
}

#[test]
fn a_listener_that_stops_takes_what_a_killed_session_left_to_its_end() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.02; done";
    let mut server = Server::sh(&["--grace", "300ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    process::signal(server.session(&peer), Signal::SIGKILL);
    server.log().event("died");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_service_of_a_killed_session_of_inetd_is_signalled_at_once() {
    let script = "trap 'echo TERM > got; exit' TERM; echo ready; while :; do sleep 0.02; done";
    let setup = Setup::sh(script).options(&["--stderr", "null"]);
    let (mut session, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    peer.expect_text("ready");
    process::signal(session.pid(), Signal::SIGKILL);
    // Nothing may be left, with a grace of 5 s.
    let start = Instant::now();
    session.wait();
    assert!(start.elapsed() < Duration::from_secs(4));
}
