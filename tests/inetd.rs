//! Descriptor 0 is the client: inetd, tcpserver and their kin.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use nix::sys::signal::Signal;

use support::http::Request;
use support::inetd::{Inetd, Stderr};
use support::peer::Peer;
use support::process;
use support::server::Setup;

fn cat() -> Setup {
    Setup::new(&["cat"])
}

/// One line there and back, then the closing handshake.
#[track_caller]
fn converse(peer: &mut Peer) {
    peer.upgrade(&Request::upgrade("/", 80));
    peer.send_text("hello");
    peer.expect_text("hello");
    peer.close();
}

#[test]
fn a_client_on_descriptor_0_is_served() {
    let setup = cat().options(&["--inetd"]);
    let (mut session, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
    converse(&mut peer);
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn the_end_is_told_though_who_started_us_has_the_socket_too() {
    let keeping = ["sh", "-c", "\"$@\"; exec sleep 1000", "sh"];
    let setup = cat().options(&["--inetd"]).wrapped(&keeping);
    let (mut keeper, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
    converse(&mut peer);
    process::signal(keeper.pid(), Signal::SIGTERM);
    keeper.wait();
}

#[test]
fn a_client_on_descriptor_0_is_found_without_being_asked_for() {
    let (mut session, mut peer) = Inetd::tcp(&cat(), Stderr::Pipe);
    converse(&mut peer);
    assert_eq!(session.wait().code(), Some(0));
    let log = session.log().complete().join("\n");
    assert!(!log.contains("listening"), "{log}");
}

#[test]
fn nothing_but_the_protocol_goes_to_a_client_that_is_standard_error_too() {
    for options in [&["--inetd"][..], &[], &["--log-level", "debug"]] {
        let setup = Setup::sh("echo oops >&2; cat").options(options);
        let (mut session, mut peer) = Inetd::tcp(&setup, Stderr::Socket);
        converse(&mut peer);
        assert_eq!(session.wait().code(), Some(0));
    }
}

#[test]
fn a_refusal_is_all_that_a_refused_client_gets() {
    let (mut session, mut peer) = Inetd::tcp(&cat(), Stderr::Socket);
    peer.send(&Request::plain("/", 80).bytes());
    assert_eq!(peer.refusal().status, 426);
    session.wait();
}

#[test]
fn a_service_that_inherits_standard_error_does_not_get_the_client() {
    let setup = Setup::sh("echo oops >&2; cat").options(&["--stderr", "inherit"]);
    let (_session, mut peer) = Inetd::tcp(&setup, Stderr::Socket);
    converse(&mut peer);
}

#[test]
fn the_clients_address_is_that_of_the_socket() {
    let setup = Setup::sh("echo $REMOTE_ADDR $REMOTE_PORT").env("TCPREMOTEIP", "192.0.2.7");
    let (_session, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
    let ours = peer.address();
    peer.upgrade(&Request::upgrade("/", 80));
    peer.expect_text(format!("{} {}", ours.ip(), ours.port()));
    peer.expect_end(1000);
}

#[test]
fn the_client_of_a_socket_without_address_has_the_one_that_ucspi_tells() {
    let setup = Setup::sh("echo $REMOTE_ADDR $REMOTE_PORT").options(&["--inetd"]);
    let setup = setup
        .env("PROTO", "TCP")
        .env("TCPREMOTEIP", "192.0.2.7")
        .env("TCPREMOTEPORT", "4711");
    let (_session, mut peer) = Inetd::unix(&setup, Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    peer.expect_text("192.0.2.7 4711");
    peer.expect_end(1000);
}

#[test]
fn a_socket_without_address_is_served() {
    let (mut session, mut peer) = Inetd::unix(&cat(), Stderr::Pipe);
    converse(&mut peer);
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn a_service_has_no_descriptor_of_the_client() {
    let setup = Setup::sh("readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; ls /proc/$$/fd");
    let (_session, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    for _ in 0..3 {
        assert!(peer.message().payload.starts_with(b"pipe:"));
    }
    for line in ["0", "1", "2"] {
        peer.expect_text(line);
    }
    peer.expect_end(1000);
}

#[test]
fn a_client_that_leaves_ends_it_all() {
    let (mut session, mut peer) = Inetd::tcp(&cat(), Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    drop(peer);
    session.wait();
}

#[test]
fn sigterm_closes_with_1001() {
    let (mut session, mut peer) = Inetd::tcp(&cat(), Stderr::Pipe);
    peer.upgrade(&Request::upgrade("/", 80));
    process::signal(session.pid(), Signal::SIGTERM);
    peer.expect_end(1001);
    assert_eq!(session.wait().code(), Some(0));
}

#[test]
fn inetd_without_a_socket_is_told() {
    let mut server = cat().options(&["--inetd"]).spawn();
    let status = server.wait();
    assert!(matches!(status.code(), Some(100 | 111)), "{status:?}");
    let said = server.log().complete().join("\n");
    assert!(said.contains("inetd"), "{said}");
}
