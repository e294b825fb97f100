//! The sandbox around sessions, on the built program: what is in it and what is not, and how it ends.
#![cfg(feature = "sandbox")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use nix::sys::signal::Signal;

use support::http::Request;
use support::inetd::{Inetd, Stderr};
use support::peer::Peer;
use support::process::{self, Process};
use support::server::{Server, Setup};
use support::wait_for;

/// `Seccomp` of a process under a list of system calls.
const FILTERED: u64 = 2;

/// The sandbox is entered after the answer to the request has left.
fn wait_confined(session: i32) {
    wait_for("the sandbox", || {
        (process::status(session, "Seccomp") == FILTERED).then_some(())
    });
    assert_eq!(process::status(session, "NoNewPrivs"), 1);
    assert_eq!(process::limit(session, "Max open files"), "0");
}

#[track_caller]
fn assert_free(pid: i32) {
    assert_eq!(process::status(pid, "Seccomp"), 0);
    assert_eq!(process::status(pid, "NoNewPrivs"), 0);
    assert_ne!(process::limit(pid, "Max open files"), "0");
}

fn echo(peer: &mut Peer, text: &str) {
    peer.send_text(text);
    peer.expect_text(text);
}

#[test]
fn a_session_is_confined_and_neither_service_nor_listener_is() {
    let server = Server::cat(&["--log-level", "debug"]);
    let mut peer = server.open("/");
    wait_confined(server.session(&peer));
    assert_free(server.service(&peer).pid);
    assert_free(server.pid());
    echo(&mut peer, "in the sandbox");
    peer.close();
    let log = server.stop();
    assert!(
        !log.iter().any(|line| line.contains(" sandbox ")),
        "{log:?}"
    );
}

#[test]
fn a_session_is_not_confined_if_the_operator_says_so() {
    let server = Server::cat(&["--no-sandbox"]);
    let mut peer = server.open("/");
    // When the echo is there, so were all arrangements.
    echo(&mut peer, "free");
    assert_free(server.session(&peer));
    peer.close();
}

#[test]
fn a_session_of_inetd_is_confined() {
    let setup = Setup::new(&["cat"]);
    let (mut session, mut peer) = Inetd::tcp(&setup, Stderr::Socket);
    peer.upgrade(&Request::upgrade("/", 80));
    wait_confined(session.pid());
    let service = wait_for("the service", || Process::children(session.pid()).pop());
    assert_free(service.pid);
    echo(&mut peer, "in the sandbox");
    peer.close();
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn a_session_that_its_sandbox_ends_is_told_and_the_listener_serves_on() {
    let server = Server::cat(&[]);
    let victim = server.open("/");
    let mut other = server.open("/");
    let pid = server.session(&victim);
    process::signal(pid, Signal::SIGSYS);
    let died = server.log().event("died");
    assert_eq!(died.number::<i32>("pid"), pid);
    let how = died.get("how");
    assert!(
        how.starts_with("signal 31") && how.contains("sandbox"),
        "{how}"
    );
    echo(&mut other, "unharmed");
    echo(&mut server.open("/"), "and open");
    assert_eq!(server.log().events("died", 1).len(), 1);
}

#[test]
fn a_session_that_others_end_does_not_blame_the_sandbox() {
    let server = Server::cat(&[]);
    let victim = server.open("/");
    process::signal(server.session(&victim), Signal::SIGKILL);
    assert_eq!(server.log().event("died").get("how"), "signal 9");
}
