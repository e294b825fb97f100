//! Signals to the listener and to sessions: how all of it ends.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use support::peer::End;
use support::process::{self, Process, written};
use support::server::{Server, Setup};
use support::{wait_for, wait_until_still};

/// Ends a server with two sessions by a signal; what they and the log see of it.
#[track_caller]
fn expect_stop(mut server: Server, stop: impl FnOnce(&Server), name: &str) {
    let mut peers = [server.open("/"), server.open("/")];
    stop(&server);
    for peer in &mut peers {
        peer.expect_end(1001);
    }
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.log().event("stop").get("signal"), name);
    for close in server.log().events("close", 2) {
        assert_eq!(close.get("code"), "1001");
    }
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
}

#[test]
fn sigterm_ends_every_session_with_1001_and_the_listener_with_0() {
    expect_stop(
        Server::cat(&[]),
        |server| server.signal(Signal::SIGTERM),
        "SIGTERM",
    );
}

#[test]
fn sigint_ends_every_session_with_1001_and_the_listener_with_0() {
    expect_stop(
        Server::cat(&[]),
        |server| server.signal(Signal::SIGINT),
        "SIGINT",
    );
}

#[test]
fn ctrl_c_at_the_terminal_ends_every_session_with_1001_too() {
    let stop = |server: &Server| killpg(Pid::from_raw(server.pid()), Signal::SIGINT).unwrap();
    expect_stop(Server::cat(&[]), stop, "SIGINT");
}

#[test]
fn a_listener_without_sessions_stops_at_once() {
    let mut server = Server::cat(&[]);
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "it waited for nobody"
    );
}

#[test]
fn signals_that_were_ignored_or_blocked_at_start_work_all_the_same() {
    let wrapper = [
        "env",
        "--ignore-signal=CHLD,PIPE",
        "--block-signal=TERM,CHLD,INT",
    ];
    let server = Setup::sh("read line; exit 3").wrapped(&wrapper).start();
    let mut peer = server.open("/");
    peer.send_text("");
    assert_eq!(peer.expect_end(1011), "exit status 3");
    wait_for("the session to be reaped", || {
        Process::children(server.pid()).is_empty().then_some(())
    });
    expect_stop_without_sessions(server);
}

#[track_caller]
fn expect_stop_without_sessions(mut server: Server) {
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn nobody_new_is_let_in_while_the_last_ones_leave() {
    let mut server = Server::sh(&[], "while [ ! -e go ]; do sleep 0.02; done");
    let mut peer = server.open("/");
    server.signal(Signal::SIGTERM);
    wait_for("the door to close", || {
        TcpStream::connect(("127.0.0.1", server.port()))
            .is_err()
            .then_some(())
    });
    assert!(Process::find(server.pid()).is_some_and(|listener| listener.state != 'Z'));
    server.put("go", "");
    peer.expect_end(1001);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_service_that_heeds_nothing_does_not_keep_the_listener() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.02; done";
    let mut server = Server::sh(&["--grace", "200ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_client_that_neither_reads_nor_answers_does_not_keep_the_listener() {
    let mut server = Server::sh(&["--grace", "200ms"], "yes 'to somebody who does not read'");
    let peer = server.open("/");
    let service = server.service(&peer);
    wait_until_still("a full socket", || written(service.pid));
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_client_that_is_still_asking_does_not_keep_the_listener() {
    let mut server = Server::cat(&["--grace", "200ms"]);
    let mut peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\n");
    wait_for("the session", || {
        (!Process::children(server.pid()).is_empty()).then_some(())
    });
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_client_that_is_being_refused_is_told_so_though_the_listener_stops() {
    let mut server = Server::cat(&[]);
    let mut peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n");
    wait_for("the session", || {
        (!Process::children(server.pid()).is_empty()).then_some(())
    });
    server.signal(Signal::SIGTERM);
    let (_, end) = peer.drain();
    assert_eq!(end, End::Fin);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_session_told_to_end_ends_alone() {
    let server = Server::cat(&[]);
    let mut ended = server.open("/");
    let mut other = server.open("/");
    process::signal(server.session(&ended), Signal::SIGTERM);
    ended.expect_end(1001);
    other.send_text("unharmed");
    other.expect_text("unharmed");
    server.open("/").close();
    other.close();
}

#[test]
fn a_session_that_is_killed_takes_nobody_with_it() {
    let server = Server::cat(&[]);
    let killed = server.open("/");
    let mut other = server.open("/");
    let session = server.session(&killed);
    process::signal(session, Signal::SIGKILL);
    wait_for("it to be reaped", || {
        Process::find(session).is_none().then_some(())
    });
    other.send_text("unharmed");
    other.expect_text("unharmed");
    server.open("/").close();
    other.close();
}

#[test]
fn a_place_is_free_again_when_a_session_was_killed() {
    let server = Server::cat(&["--max-clients", "1"]);
    let killed = server.open("/");
    process::signal(server.session(&killed), Signal::SIGKILL);
    wait_for("a free place", || {
        let mut peer = server.connect();
        peer.send(&server.upgrade("/").bytes());
        (peer.response().status == 101).then_some(())
    });
}
