//! `websockd` behind a real openbsd-inetd, as inetd.conf has it. Descriptor 2 is the connection there.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use super::client::{Client, six_at_a_time};
use super::server::Server;

/// A request with nothing wrong; the key is that of RFC 6455 1.3.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
/// Close with 1000 from a client whose masking key is zero.
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

#[test]
fn inetd_serves_many_messages() {
    let Some(mut inetd) = Server::inetd() else {
        return;
    };
    let told = Client::Tungstenite.echo(&inetd.url_of("echo"), 20_261_125);
    assert!(told.ends_with("close 1000\n"), "{told}");
    inetd.wait_for(" reaped, status 0");
}

#[test]
fn inetd_serves_several_clients_at_a_time() {
    let Some(mut inetd) = Server::inetd() else {
        return;
    };
    six_at_a_time(&inetd.url_of("lines"));
    for _ in 0..6 {
        inetd.wait_for(" reaped, status 0");
    }
}

#[test]
fn the_service_behind_inetd_knows_whom_it_serves() {
    let Some(inetd) = Server::inetd() else {
        return;
    };
    let told = Client::Tungstenite.talk(&inetd.url_of("who"), &[]);
    check_who(&told, inetd.address_of("who"));
}

/// What who.sh tells must be one client on the loopback address, twice, and us.
pub(super) fn check_who(told: &str, server: SocketAddrV4) {
    let texts: Vec<_> = told
        .lines()
        .filter_map(|line| line.strip_prefix("text "))
        .collect();
    let [client, own] = texts[..] else {
        panic!("{told}");
    };
    let (by_cgi, by_ucspi) = client.split_once(' ').unwrap();
    assert_eq!(by_cgi, by_ucspi);
    let peer: SocketAddrV4 = by_cgi.parse().unwrap();
    assert!(peer.ip().is_loopback() && peer.port() != 0);
    assert_eq!(own, format!("{} {server} TCP", server.port()));
}

#[test]
fn the_wire_behind_inetd_carries_messages_and_nothing_else() {
    let Some(inetd) = Server::inetd() else {
        return;
    };
    for service in ["noisy", "inherit"] {
        let mut wire = connect(inetd.address_of(service));
        wire.write_all(REQUEST.as_bytes()).unwrap();
        let head = read_head(&mut wire);
        assert!(head.starts_with("HTTP/1.1 101 "), "{service}: {head}");
        let mut frames = [0; 14];
        wire.read_exact(&mut frames).unwrap();
        assert_eq!(
            frames, *b"\x81\x03one\x81\x03two\x88\x02\x03\xe8",
            "{service}"
        );
        wire.write_all(&CLOSE).unwrap();
        assert_eq!(read_rest(&mut wire), "", "{service}");
    }
}

#[test]
fn the_wire_behind_inetd_carries_a_refusal_and_nothing_else() {
    let Some(inetd) = Server::inetd() else {
        return;
    };
    let mut wire = connect(inetd.address_of("noisy"));
    wire.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let head = read_head(&mut wire);
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
    let body = read_rest(&mut wire);
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    assert_eq!(length, Some(body.len()), "{head}{body}");
}

#[test]
fn the_wire_behind_inetd_carries_nothing_of_a_mistake_in_its_configuration() {
    let Some(mut inetd) = Server::inetd() else {
        return;
    };
    // 100 << 8 and 127 << 8: a wait status as wait(2) has it.
    for (service, status) in [("misused", "6400"), ("absent", "7f00")] {
        let mut wire = connect(inetd.address_of(service));
        wire.write_all(REQUEST.as_bytes()).unwrap();
        assert_eq!(read_rest(&mut wire), "", "{service}");
        inetd.wait_for(&format!(" reaped, status {status}"));
    }
}

fn connect(address: SocketAddrV4) -> TcpStream {
    let wire = TcpStream::connect(address).unwrap();
    wire.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    wire
}

/// Reads to the blank line and not a byte more.
fn read_head(wire: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        wire.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// Reads to the end, which a server that did not read all of ours may have made a reset.
fn read_rest(wire: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = wire.read(&mut piece) {
        rest.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&rest).into_owned()
}
