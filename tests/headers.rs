//! `--header`, `--header-ws`, `--header-http`: lines that the operator adds to responses.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::net::Ipv4Addr;

use support::http::{Request, Response};
use support::peer::Peer;
use support::server::{Server, Setup};

const OPTIONS: [&str; 8] = [
    "--header",
    "X-All: a:b  ",
    "--header=X-More:",
    "--header-ws",
    "X-Upgrade:\tws",
    "--header-http",
    "X-Other: http",
    "--header-http=X-Last: \u{fc}",
];

/// What is added to a response: to all, to a 101, to others.
#[track_caller]
fn expect_added(response: &Response, is_upgrade: bool) {
    assert_eq!(response.field("X-All"), Some("a:b"), "{response:?}");
    assert_eq!(response.field("X-More"), Some(""), "{response:?}");
    let upgrade = is_upgrade.then_some("ws");
    assert_eq!(response.field("X-Upgrade"), upgrade, "{response:?}");
    let other = (!is_upgrade).then_some("http");
    assert_eq!(response.field("X-Other"), other, "{response:?}");
    let last = (!is_upgrade).then_some("\u{fc}");
    assert_eq!(response.field("X-Last"), last, "{response:?}");
}

#[test]
fn a_websocket_begins_with_the_headers_for_all_and_for_websockets() {
    let server = Server::cat(&OPTIONS);
    let (mut peer, response) = server.open_with(&server.upgrade("/"));
    expect_added(&response, true);
    peer.close();
}

#[test]
fn a_refusal_has_the_headers_for_all_and_for_others() {
    let server = Server::cat(&OPTIONS);
    let upgrade = server.upgrade("/");
    for (request, status) in [
        (Request::plain("/", server.port()), 426),
        (upgrade.clone().with("Origin", "http://evil.example"), 403),
        (upgrade.clone().set("Host", "evil.example"), 421),
        (upgrade.clone().without("Sec-WebSocket-Key"), 400),
        (upgrade.clone().line("no request"), 400),
        (upgrade.line("POST / HTTP/1.1"), 405),
    ] {
        let refusal = server.refusal(&request);
        assert_eq!(refusal.status, status, "{request:?}");
        expect_added(&refusal, false);
    }
}

#[test]
fn whoever_comes_when_it_is_full_gets_them_too() {
    let server = Setup::new(&["cat"])
        .options(&OPTIONS)
        .options(&["--max-clients", "1"])
        .start();
    let mut first = server.open("/");
    let refusal = server.refusal(&server.upgrade("/"));
    assert_eq!(refusal.status, 503);
    expect_added(&refusal, false);
    first.close();
}

#[cfg(feature = "site")]
#[test]
fn the_console_has_them_too() {
    let server = Setup::new(&["cat"])
        .options(&OPTIONS)
        .options(&["--console"])
        .start();
    let mut peer = server.connect();
    peer.send(&Request::plain("/", server.port()).bytes());
    let page = peer.response();
    assert_eq!(page.status, 200);
    expect_added(&page, false);
}

#[cfg(feature = "site")]
#[test]
fn a_file_has_them_too() {
    let server = Setup::new(&["cat"])
        .file("page.txt", "text")
        .options(&OPTIONS)
        .options(&["--static-dir", "."])
        .start();
    for (target, status) in [("/page.txt", 200), ("/none", 404)] {
        let mut peer = server.connect();
        peer.send(&Request::plain(target, server.port()).bytes());
        let answer = peer.response();
        assert_eq!(answer.status, status, "{answer:?}");
        expect_added(&answer, false);
    }
}

#[test]
fn a_redirection_has_them_too() {
    // An address that no other test uses, so that ports can be chosen beforehand.
    let [.., a, b] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 78, a, b);
    let server = Setup::new(&["cat"])
        .options(&OPTIONS)
        .options(&["--address", &address.to_string(), "--port", "8443"])
        .options(&["--redirect-port", "8080"])
        .start();
    server.log().events("listening", 2);
    let mut peer = Peer::connect((address, 8080).into());
    peer.send(&Request::plain("/a%20b?c=d", 8080).bytes());
    let answer = peer.response();
    assert_eq!(answer.status, 301);
    let location = "http://localhost:8443/a%20b?c=d";
    assert_eq!(answer.field("Location"), Some(location));
    expect_added(&answer, false);
}
