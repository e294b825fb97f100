//! Who the client is when a proxy stands between it and us.
#![cfg(feature = "proxy")]
#![expect(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

#[cfg(all(test, feature = "tls"))]
#[path = "interop/tools.rs"]
#[allow(dead_code, reason = "every test file uses its own part")]
mod tools;

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::os::unix::net::UnixStream;

use support::http::{Request, Response};
use support::peer::Peer;
use support::server::{Server, Setup};

/// Tells whom it serves.
const WHO: &str = r#"echo "$REMOTE_ADDR [$REMOTE_PORT] ${HTTPS-plain} $PROTO""#;

/// What the service is told of the client of this request.
#[track_caller]
fn who(peer: &mut Peer, request: &Request) -> String {
    assert_eq!(peer.upgrade(request).status, 101);
    String::from_utf8(peer.message().payload).unwrap()
}

fn forwarded(server: &Server, name: &str, value: &str) -> Request {
    server.upgrade("/").with(name, value)
}

/// A connection that begins with these bytes.
fn introduced(server: &Server, header: &[u8]) -> Peer {
    let mut peer = server.connect();
    peer.send(header);
    peer
}

const TCP4: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";

/// The same in version 2, with this command and these bytes behind it.
fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, family, 0, u8::try_from(rest.len()).unwrap()]);
    header.extend(rest);
    header
}

const ADDRESSES: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 187];

fn refusal(peer: &mut Peer) -> Response {
    let response = peer.refusal();
    assert_eq!(response.status, 400);
    response
}

#[test]
fn both_versions_of_the_header_say_who_the_client_is() {
    let server = Server::sh(&["--proxy-protocol"], WHO);
    let request = server.upgrade("/");
    for header in [TCP4.to_vec(), version_2(1, 0x11, &ADDRESSES)] {
        let mut peer = introduced(&server, &header);
        assert_eq!(who(&mut peer, &request), "192.0.2.7 [4711] plain TCP");
        let opened = server.log().event("open");
        assert_eq!(opened.get("peer"), "192.0.2.7:4711");
    }
}

#[test]
fn a_header_may_come_byte_by_byte_and_with_all_that_follows() {
    let server = Server::sh(&["--proxy-protocol"], WHO);
    let request = server.upgrade("/");
    for header in [TCP4.to_vec(), version_2(1, 0x11, &ADDRESSES)] {
        let mut slow = server.connect();
        slow.send_byte_by_byte(&header);
        assert_eq!(who(&mut slow, &request), "192.0.2.7 [4711] plain TCP");
        let mut fast = introduced(&server, &[header, request.bytes()].concat());
        assert_eq!(fast.response().status, 101);
        fast.expect_text("192.0.2.7 [4711] plain TCP");
    }
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_client() {
    let server = Server::sh(&["--proxy-protocol"], WHO);
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), version_2(0, 0, &[])] {
        let mut peer = introduced(&server, &header);
        let port = peer.address().port();
        let expected = format!("127.0.0.1 [{port}] plain TCP");
        assert_eq!(who(&mut peer, &server.upgrade("/")), expected);
    }
}

#[test]
fn a_client_of_a_proxy_that_ends_tls_is_secure() {
    let server = Server::sh(&["--proxy-protocol"], WHO);
    let tlv = [0x20, 0, 5, 1, 0, 0, 0, 0];
    let header = version_2(1, 0x11, &[&ADDRESSES[..], &tlv].concat());
    let mut peer = introduced(&server, &header);
    let origin = format!("https://localhost:{}", server.port());
    let request = server.upgrade("/").with("Origin", &origin);
    assert_eq!(who(&mut peer, &request), "192.0.2.7 [4711] on TCP");
}

#[test]
fn a_connection_without_a_header_is_refused_where_one_has_to_come() {
    let server = Server::sh(&["--proxy-protocol"], WHO);
    let request = server.upgrade("/").bytes();
    let tls = b"\x16\x03\x01\x02\x00".to_vec();
    let wrong = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443000\r\n".to_vec();
    for (count, bytes) in [request, tls, wrong].iter().enumerate() {
        refusal(&mut introduced(&server, bytes));
        let refused = server.log().events("refuse", count + 1);
        assert!(refused[count].get("reason").contains("PROXY protocol"));
        assert!(refused[count].get("peer").starts_with("127.0.0.1:"));
    }
}

#[test]
fn a_header_that_does_not_come_in_time_is_told_of() {
    let options = ["--proxy-protocol", "--handshake-timeout", "300ms"];
    let server = Server::sh(&options, WHO);
    assert_eq!(introduced(&server, b"PROXY TCP4 ").refusal().status, 408);
}

#[test]
fn who_is_no_trusted_proxy_is_refused_whatever_it_says() {
    let options = ["--proxy-protocol", "--trust-proxy", "192.0.2.0/24"];
    let server = Server::sh(&options, WHO);
    refusal(&mut introduced(&server, TCP4));
    refusal(&mut server.connect());
    let refused = server.log().event("refuse");
    assert_eq!(refused.get("remedy"), "--trust-proxy");
    assert!(refused.get("peer").starts_with("127.0.0.1:"));
}

#[test]
fn a_trusted_proxy_is_believed() {
    let options = [
        "--proxy-protocol",
        "--trust-proxy",
        "192.0.2.0/24,127.0.0.1",
    ];
    let server = Server::sh(&options, WHO);
    let mut peer = introduced(&server, TCP4);
    // The client that it names is in a trusted network as well.
    let request = forwarded(&server, "X-Forwarded-For", "6.6.6.6, 198.51.100.1");
    assert_eq!(who(&mut peer, &request), "198.51.100.1 [] plain TCP");
}

#[test]
fn a_proxy_s_clients_are_not_counted_as_its_own() {
    let options = ["--proxy-protocol", "--max-clients-per-address", "1"];
    let server = Server::cat(&options);
    let mut peers = [introduced(&server, TCP4), introduced(&server, TCP4)];
    for peer in &mut peers {
        assert_eq!(peer.upgrade(&server.upgrade("/")).status, 101);
    }
}

/// curl sends a header of its own, then speaks TLS.
#[test]
#[cfg(feature = "tls")]
fn the_header_comes_before_tls() {
    if !tools::has_program("curl") || !tools::has_program("openssl") {
        return;
    }
    let pki = support::tls::Pki::new();
    let pair = pki.pair("server");
    let options: Vec<_> = pair.iter().map(String::as_str).collect();
    let setup = Setup::sh(WHO).options(&options);
    let server = setup.options(&["--proxy-protocol"]).start();
    let output = std::process::Command::new("curl")
        .args([
            "-sS",
            "-4",
            "--haproxy-protocol",
            "--cacert",
            &pki.path("ca.pem"),
        ])
        .args(["-w", "%{http_code} %{local_port}", "-o", "/dev/null"])
        .arg(format!("https://localhost:{}/", server.port()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let port = said
        .strip_prefix("426 ")
        .unwrap_or_else(|| panic!("{output:?}"));
    let refused = server.log().event("refuse");
    assert_eq!(refused.get("peer"), format!("127.0.0.1:{port}"));
    assert_eq!(refused.get("path"), "/");
}

#[test]
fn nobody_is_believed_unless_trusted() {
    let server = Server::sh(&[], WHO);
    for (name, value) in [
        ("X-Forwarded-For", "192.0.2.7"),
        ("Forwarded", "for=192.0.2.7;proto=https"),
        ("X-Forwarded-For", "no address at all"),
    ] {
        let mut peer = server.connect();
        let expected = format!("127.0.0.1 [{}] plain TCP", peer.address().port());
        assert_eq!(who(&mut peer, &forwarded(&server, name, value)), expected);
    }
    introduced(&server, TCP4).refusal();
}

#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    let server = Server::sh(&["--trust-proxy", "127.0.0.0/8,10.0.0.0/8"], WHO);
    for (name, value, expected) in [
        ("X-Forwarded-For", "192.0.2.7", "192.0.2.7 [] plain TCP"),
        (
            "X-Forwarded-For",
            "6.6.6.6, 192.0.2.7:4711, 10.1.1.1",
            "192.0.2.7 [4711] plain TCP",
        ),
        (
            "Forwarded",
            "for=\"[2001:db8::7]\";proto=https",
            "2001:db8::7 [] on TCP",
        ),
    ] {
        let mut peer = server.connect();
        assert_eq!(who(&mut peer, &forwarded(&server, name, value)), expected);
    }
    let opened = server.log().events("open", 3);
    assert_eq!(opened[0].get("peer"), "192.0.2.7");
}

#[test]
fn a_page_that_a_proxy_serves_by_tls_is_of_the_same_origin() {
    let server = Server::sh(&["--trust-proxy", "127.0.0.1"], WHO);
    let origin = format!("https://localhost:{}", server.port());
    let request = server.upgrade("/").with("Origin", &origin);
    assert_eq!(server.refusal(&request).status, 403);
    let mut peer = server.connect();
    let request = request.with("X-Forwarded-Proto", "https");
    let port = peer.address().port();
    assert_eq!(
        who(&mut peer, &request),
        format!("127.0.0.1 [{port}] on TCP")
    );
}

#[test]
fn lines_that_are_wrong_are_refused_and_told_of_once() {
    let server = Server::sh(&["--trust-proxy", "127.0.0.1"], WHO);
    let request = forwarded(&server, "X-Forwarded-For", "192.0.2.7; DROP TABLE");
    assert_eq!(server.refusal(&request).status, 400);
    let request = forwarded(&server, "Forwarded", "for=6.6.6.6");
    let request = request.with("X-Forwarded-For", "192.0.2.7");
    assert_eq!(server.refusal(&request).status, 400);
    let refused = server.log().events("refuse", 2);
    for line in &refused {
        assert!(line.get("reason").contains("X-Forwarded-For"), "{line:?}");
        assert!(line.get("peer").starts_with("127.0.0.1:"), "{line:?}");
    }
    assert_eq!(
        server
            .stop()
            .iter()
            .filter(|line| line.contains(" refuse "))
            .count(),
        2
    );
}

#[test]
fn a_proxy_on_a_unix_socket_is_trusted_by_that_name() {
    for (trusted, expected) in [
        ("unix", "192.0.2.7 [] plain TCP"),
        ("127.0.0.1", " [] plain UNIX"),
    ] {
        let options = ["--unix", "socket", "--trust-proxy", trusted];
        let server = Setup::sh(WHO).options(&options).spawn();
        server.log().event("listening");
        let stream = UnixStream::connect(server.file("socket")).unwrap();
        let request = forwarded(&server, "X-Forwarded-For", "192.0.2.7");
        assert_eq!(who(&mut Peer::over(stream), &request), expected);
    }
}
