//! `websockd` behind a real openbsd-inetd, and a real inetutils-inetd, as inetd.conf has it. Descriptor 2
//! is the connection there.

use std::net::SocketAddrV4;

use super::client::{Client, six_at_a_time};
use super::superserver::SuperServer;
use crate::support::http::Request;
use crate::support::peer::Peer;

#[test]
fn inetd_serves_many_messages() {
    for inetd in SuperServer::inetds() {
        let url = format!("ws://{}/", inetd.address_of("echo"));
        let told = Client::Tungstenite.echo(&url, 20_261_125);
        assert!(told.ends_with("close 1000\n"), "{told}");
        inetd.wait_for_lines(1, " reaped, status 0");
    }
}

#[test]
fn inetd_serves_several_clients_at_a_time() {
    for inetd in SuperServer::inetds() {
        six_at_a_time(inetd.address_of("lines"));
        inetd.wait_for_lines(6, " reaped, status 0");
    }
}

#[test]
fn the_service_behind_inetd_knows_whom_it_serves() {
    for inetd in SuperServer::inetds() {
        let mut peer = open(&inetd, "who");
        expect_who(&mut peer, inetd.address_of("who"));
    }
}

#[test]
fn inetd_starts_one_for_all_clients_with_the_first() {
    for inetd in SuperServer::inetds() {
        let mut first = open(&inetd, "shared");
        let mut second = open(&inetd, "shared");
        for peer in [&mut first, &mut second] {
            peer.send_text("hello");
            peer.expect_text("hello");
        }
        inetd.wait_for_lines(1, "someone wants ");
        first.close();
        second.close();
    }
}

/// What who.sh tells: the client twice, by the names of CGI and of UCSPI, then the server.
pub(super) fn expect_who(peer: &mut Peer, server: SocketAddrV4) {
    let us = peer.address();
    peer.expect_text(format!("{us} {us}"));
    peer.expect_text(format!("{} {server} TCP", server.port()));
    peer.expect_end(1000);
}

#[test]
fn the_wire_behind_inetd_carries_messages_and_nothing_else() {
    for inetd in SuperServer::inetds() {
        for service in ["noisy", "inherit"] {
            let mut peer = open(&inetd, service);
            peer.expect_text("one");
            peer.expect_text("two");
            peer.expect_end(1000);
        }
        inetd.wait_for_lines(2, " reaped, status 0");
    }
}

#[test]
fn the_wire_behind_inetd_carries_a_refusal_and_nothing_else() {
    for inetd in SuperServer::inetds() {
        let (mut peer, port) = connect(&inetd, "noisy");
        peer.send(&Request::plain("/", port).bytes());
        assert_eq!(peer.refusal().status, 426);
    }
}

#[test]
fn the_wire_behind_inetd_carries_nothing_of_a_mistake_in_its_configuration() {
    for inetd in SuperServer::inetds() {
        // 100 << 8 and 127 << 8: exit statuses as wait(2) has them.
        for (service, status) in [("misused", "6400"), ("absent", "7f00")] {
            let (mut peer, port) = connect(&inetd, service);
            peer.send(&Request::upgrade("/", port).bytes());
            let (bytes, _) = peer.drain();
            assert_eq!(String::from_utf8_lossy(&bytes), "", "{service}");
            inetd.log().line(status, |line| {
                line.contains(" reaped, status ") && line.ends_with(status)
            });
        }
    }
}

fn open(inetd: &SuperServer, service: &str) -> Peer {
    let (mut peer, port) = connect(inetd, service);
    assert_eq!(peer.upgrade(&Request::upgrade("/", port)).status, 101);
    peer
}

fn connect(inetd: &SuperServer, service: &str) -> (Peer, u16) {
    let address = inetd.address_of(service);
    (Peer::connect(address.into()), address.port())
}
