//! Who may connect, under which name, with which subprotocol: RFC 6455 4.2.2, RFC 6454.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use support::http::Response;
use support::peer::Peer;
use support::server::Server;

/// The answer to an upgrade from a page of this origin.
fn from_origin(server: &Server, origin: &str) -> Response {
    let mut peer = server.connect();
    peer.send(&server.upgrade("/").with("Origin", origin).bytes());
    peer.response()
}

/// The answer to an upgrade at this host.
fn at_host(server: &Server, host: &str) -> Response {
    let mut peer = server.connect();
    peer.send(&server.upgrade("/").set("Host", host).bytes());
    peer.response()
}

#[test]
fn a_page_of_the_same_origin_may_connect() {
    let server = Server::cat(&[]);
    let port = server.port();
    for origin in [
        format!("http://localhost:{port}"),
        format!("http://LOCALHOST:{port}"),
    ] {
        assert_eq!(from_origin(&server, &origin).status, 101, "{origin}");
    }
}

#[test]
fn a_page_of_another_origin_may_not_connect() {
    let server = Server::cat(&[]);
    let port = server.port();
    for origin in [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://localhost:{}", port ^ 1),
        "http://localhost".to_owned(),
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}.evil.example"),
        format!("http://evil.example/localhost:{port}"),
        format!("http://localhost:{port}@evil.example"),
    ] {
        let request = server.upgrade("/").with("Origin", &origin);
        assert_eq!(server.refusal(&request).status, 403, "{origin}");
    }
}

#[test]
fn a_page_that_may_not_connect_is_logged_with_the_option_that_would_allow_it() {
    let server = Server::cat(&[]);
    server.refusal(&server.upgrade("/").with("Origin", "http://evil.example"));
    let refuse = server.log().event("refuse");
    assert_eq!(refuse.level, "info");
    assert_eq!(refuse.get("status"), "403");
    assert_eq!(refuse.get("origin"), "http://evil.example");
    assert_eq!(refuse.get("remedy"), "--origin http://evil.example");
}

#[test]
fn a_page_that_may_not_connect_starts_no_service() {
    let server = Server::sh(&[], "echo started > started; cat");
    server.refusal(&server.upgrade("/").with("Origin", "http://evil.example"));
    server.log().event("refuse");
    assert!(!server.file("started").exists());
}

#[test]
fn a_client_that_is_no_browser_may_connect() {
    let server = Server::cat(&[]);
    server.open("/").close();
}

#[test]
fn a_client_that_is_no_browser_may_not_connect_where_an_origin_is_required() {
    for allow in ["--any-origin", "--same-origin"] {
        let server = Server::cat(&["--require-origin", allow]);
        let origin = format!("http://localhost:{}", server.port());
        assert_eq!(from_origin(&server, &origin).status, 101);
        let refusal = server.refusal(&server.upgrade("/"));
        assert_eq!(refusal.status, 403);
        assert!(refusal.body.contains("Origin"), "{}", refusal.body);
        let refuse = server.log().event("refuse");
        assert_eq!(refuse.get("remedy"), "--require-origin=false");
    }
}

#[test]
fn any_page_may_connect_if_the_operator_says_so() {
    let server = Server::cat(&["--any-origin"]);
    for origin in ["http://evil.example", "null", "https://localhost:1"] {
        assert_eq!(from_origin(&server, origin).status, 101, "{origin}");
    }
}

#[test]
fn pages_named_by_the_operator_may_connect_and_no_others() {
    let server = Server::cat(&["--origin", "good.example,https://secure.example:8443"]);
    for (origin, status) in [
        ("http://good.example", 101),
        ("https://good.example", 101),
        ("https://secure.example:8443", 101),
        ("http://secure.example:8443", 403),
        ("https://secure.example", 403),
        ("http://sub.good.example", 403),
        ("http://notgood.example", 403),
        ("null", 403),
    ] {
        assert_eq!(from_origin(&server, origin).status, status, "{origin}");
    }
}

#[test]
fn pages_that_are_named_and_of_the_same_origin_may_connect_where_both_are_asked_for() {
    let server = Server::cat(&["--sameorigin", "--origin", "localhost", "--host=*"]);
    let port = server.port();
    for (host, origin, status) in [
        ("localhost", "http://localhost", 101),
        ("localhost", "https://localhost", 403),
        ("localhost", "http://evil.example", 403),
        ("rebound.example", "http://rebound.example", 403),
    ] {
        let request = server.upgrade("/").set("Host", &format!("{host}:{port}"));
        let mut peer = server.connect();
        let origin = format!("{origin}:{port}");
        peer.send(&request.with("Origin", &origin).bytes());
        assert_eq!(peer.response().status, status, "{host} {origin}");
    }
}

#[test]
fn the_origin_null_may_connect_if_it_is_named() {
    let server = Server::cat(&["--origin", "null"]);
    assert_eq!(from_origin(&server, "null").status, 101);
    assert_eq!(from_origin(&server, "http://null.example").status, 403);
}

#[test]
fn two_origins_are_bad() {
    let server = Server::cat(&["--any-origin"]);
    let request = server
        .upgrade("/")
        .with("Origin", "null")
        .with("Origin", "null");
    assert_eq!(server.refusal(&request).status, 400);
}

#[test]
fn on_loopback_the_names_of_loopback_are_answered() {
    let server = Server::cat(&[]);
    let port = server.port();
    for host in [
        format!("localhost:{port}"),
        "localhost".to_owned(),
        format!("LocalHost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
        "127.1.2.3".to_owned(),
    ] {
        assert_eq!(at_host(&server, &host).status, 101, "{host}");
    }
}

#[test]
fn on_loopback_a_name_that_was_made_to_resolve_to_us_is_misdirected() {
    let server = Server::cat(&[]);
    let port = server.port();
    for host in [
        format!("rebound.example:{port}"),
        "localhost.evil.example".to_owned(),
        "192.0.2.1".to_owned(),
    ] {
        let request = server.upgrade("/").set("Host", &host);
        assert_eq!(server.refusal(&request).status, 421, "{host}");
    }
    let refuse = server.log().event("refuse");
    assert!(refuse.get("remedy").starts_with("--host"), "{refuse:?}");
}

#[test]
fn only_the_hosts_named_by_the_operator_are_answered() {
    let server = Server::cat(&["--host", "chat.example,other.example"]);
    let port = server.port();
    for (host, status) in [
        ("chat.example".to_owned(), 101),
        (format!("CHAT.example:{port}"), 101),
        ("other.example".to_owned(), 101),
        ("more.example".to_owned(), 421),
    ] {
        assert_eq!(at_host(&server, &host).status, status, "{host}");
    }
}

#[test]
fn the_subprotocol_the_service_likes_best_is_chosen_and_told() {
    let server = Server::sh(
        &["--protocol", "superchat,chat"],
        "echo \"$WEBSOCKET_PROTOCOL\"; cat",
    );
    let request = server.upgrade("/");
    let request = request.with("Sec-WebSocket-Protocol", "chat, superchat");
    let (mut peer, response) = server.open_with(&request);
    assert_eq!(response.field("Sec-WebSocket-Protocol"), Some("superchat"));
    peer.expect_text("superchat");
    assert_eq!(server.log().event("open").get("protocol"), "superchat");
}

#[test]
fn a_subprotocol_may_be_offered_on_several_lines() {
    let server = Server::cat(&["--protocol", "chat"]);
    let request = server.upgrade("/");
    let request = request
        .with("Sec-WebSocket-Protocol", "a, b")
        .with("Sec-WebSocket-Protocol", "chat");
    let (_, response) = server.open_with(&request);
    assert_eq!(response.field("Sec-WebSocket-Protocol"), Some("chat"));
}

#[test]
fn no_subprotocol_is_named_that_the_client_did_not_offer() {
    let server = Server::sh(
        &["--protocol", "chat"],
        "echo \"[${WEBSOCKET_PROTOCOL-unset}]\"; cat",
    );
    let expect_none = |(mut peer, response): (Peer, Response)| {
        assert_eq!(response.field("Sec-WebSocket-Protocol"), None);
        peer.expect_text("[]");
    };
    expect_none(server.open_with(&server.upgrade("/")));
    for offer in ["other", "Chat"] {
        let request = server.upgrade("/").with("Sec-WebSocket-Protocol", offer);
        expect_none(server.open_with(&request));
    }
}

#[test]
fn an_offer_is_ignored_where_the_service_has_no_subprotocol() {
    let server = Server::cat(&[]);
    let request = server.upgrade("/").with("Sec-WebSocket-Protocol", "chat");
    let (_, response) = server.open_with(&request);
    assert_eq!(response.field("Sec-WebSocket-Protocol"), None);
}
