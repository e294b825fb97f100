//! The process that waits for the next client: who gets it, and what becomes of it when nobody does.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use nix::sys::signal::Signal;

use support::peer::Peer;
use support::process::{Process, signal, wait_gone};
use support::server::Server;

#[track_caller]
fn expect_echo(peer: &mut Peer, text: &str) {
    peer.send_text(text);
    peer.expect_text(text);
}

/// A server that has had a client, and the process that waits for the next.
fn with_spare(options: &[&str]) -> (Server, Process) {
    let server = Server::cat(options);
    expect_echo(&mut server.open("/"), "first");
    let spare = server.spare();
    (server, spare)
}

#[test]
fn nobody_waits_until_a_client_has_come() {
    let server = Server::cat(&[]);
    assert_eq!(Process::children(server.pid()).len(), 0);
}

#[test]
fn who_comes_alone_has_the_process_that_waits() {
    let (server, mut spare) = with_spare(&[]);
    let name = Process::find(server.pid()).unwrap().name;
    for text in ["one", "two", "three"] {
        let mut peer = server.open("/");
        assert_eq!(server.session(&peer), spare.pid);
        expect_echo(&mut peer, text);
        assert_eq!(Process::find(spare.pid).unwrap().name, name);
        spare = server.spare();
        peer.close();
    }
}

#[test]
fn a_spare_process_that_was_ended_costs_nobody_anything() {
    for way in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT] {
        let (server, spare) = with_spare(&[]);
        signal(spare.pid, way);
        wait_gone(spare.pid);
        expect_echo(&mut server.open("/"), way.as_str());
        assert_ne!(server.spare().pid, spare.pid);
    }
}

#[test]
fn one_that_does_not_move_does_not_keep_the_listener() {
    for way in [Signal::SIGTERM, Signal::SIGQUIT] {
        let (mut server, spare) = with_spare(&[]);
        signal(spare.pid, Signal::SIGSTOP);
        server.signal(way);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn signals_for_the_listener_do_not_end_it() {
    let (server, spare) = with_spare(&[]);
    for others in [Signal::SIGUSR1, Signal::SIGHUP, Signal::SIGQUIT] {
        signal(spare.pid, others);
    }
    let mut peer = server.open("/");
    assert_eq!(server.session(&peer), spare.pid);
    expect_echo(&mut peer, "still there");
}

#[test]
fn it_goes_with_the_listener_however_that_ends() {
    for way in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGKILL] {
        let (mut server, spare) = with_spare(&[]);
        server.signal(way);
        let is_orderly = server.wait().code() == Some(0);
        assert_eq!(is_orderly, way != Signal::SIGKILL);
        wait_gone(spare.pid);
    }
}

#[test]
fn a_restart_leaves_none_of_the_old_program() {
    let (server, spare) = with_spare(&[]);
    server.signal(Signal::SIGHUP);
    server.log().event("restart");
    wait_gone(spare.pid);
    let mut peer = server.open("/");
    assert_ne!(server.session(&peer), spare.pid);
    expect_echo(&mut peer, "new");
}

#[test]
fn it_is_no_client_and_takes_no_place() {
    let (server, spare) = with_spare(&["--max-clients", "1"]);
    server.expect_sessions(0);
    let mut peer = server.open("/");
    assert_eq!(server.session(&peer), spare.pid);
    server.spare();
    assert_eq!(server.refusal(&server.upgrade("/")).status, 503);
    server.expect_sessions(1);
    server.signal(Signal::SIGUSR1);
    assert_eq!(server.log().event("status").get("sessions"), "1");
    expect_echo(&mut peer, "the only one");
}
