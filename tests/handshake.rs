//! The opening handshake: RFC 6455 4.2, and the HTTP statuses before the 101.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::time::{Duration, Instant};

use support::frame;
use support::http::{KEY, Request};
use support::peer::Peer;
use support::server::{Server, Setup};
use support::wait_for;

/// A request is refused with this status, and the log says so too.
#[track_caller]
fn expect_refusal(server: &Server, request: &Request, status: u16) {
    let mut peer = server.connect();
    peer.send(&request.bytes());
    let response = peer.refusal();
    assert_eq!(response.status, status, "{request:?}: {response:?}");
    let address = peer.address().to_string();
    let logged = server
        .log()
        .event_where("refuse", |line| line.get("peer") == address);
    assert_eq!(logged.number::<u16>("status"), status);
    assert!(!logged.get("reason").is_empty());
}

/// A request that is none, or a smuggler's, is refused with 400 and never opens a session.
#[track_caller]
fn expect_bad(server: &Server, bytes: &[u8]) {
    let mut peer = server.connect();
    peer.send(bytes);
    let response = peer.refusal();
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(response.status, 400, "{shown:?}: {response:?}");
}

/// The head of a correct upgrade with one more line, as it is.
fn with_line(server: &Server, line: &str) -> Vec<u8> {
    let mut head = server.upgrade("/").bytes();
    head.truncate(head.len() - 2);
    head.extend_from_slice(line.as_bytes());
    head.extend_from_slice(b"\r\n\r\n");
    head
}

#[test]
fn the_key_of_the_rfc_gets_the_answer_of_the_rfc() {
    let server = Server::cat(&[]);
    let (mut peer, response) = server.open_with(&server.upgrade("/chat"));
    assert_eq!(
        response.field("Sec-WebSocket-Accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(response.field("Content-Length"), None);
    peer.close();
}

#[test]
fn another_key_gets_another_answer() {
    let server = Server::cat(&[]);
    let request = server
        .upgrade("/")
        .set("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw==");
    let mut peer = server.connect();
    peer.send(&request.bytes());
    let response = peer.response();
    assert_eq!(response.status, 101);
    assert_eq!(
        response.field("Sec-WebSocket-Accept"),
        Some("Bz3qJYTGdOe8gUSpLosEdiLKDrk=")
    );
}

#[test]
fn frames_in_the_same_segment_as_the_request_are_kept() {
    let server = Server::cat(&[]);
    let mut peer = server.connect();
    let mut bytes = server.upgrade("/").bytes();
    bytes.extend(frame::text("early"));
    bytes.extend(frame::ping("bird"));
    let (now, later) = bytes.split_at(bytes.len() - 3);
    peer.send(now);
    peer.accepted();
    peer.send(later);
    let mut seen = [peer.frame().payload, peer.frame().payload];
    seen.sort();
    assert_eq!(seen, [b"bird".to_vec(), b"early".to_vec()]);
    peer.close();
}

#[test]
fn a_whole_conversation_in_one_segment_is_answered_whole() {
    let server = Server::cat(&[]);
    let mut peer = server.connect();
    let mut bytes = server.upgrade("/").bytes();
    bytes.extend(frame::text("hail"));
    bytes.extend(frame::text("farewell"));
    bytes.extend(frame::close(1000, ""));
    peer.send(&bytes);
    peer.accepted();
    peer.expect_text("hail");
    peer.expect_text("farewell");
    peer.expect_close(1000);
    peer.expect_fin();
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = Server::cat(&[]);
    let mut peer = server.connect();
    peer.send_byte_by_byte(&server.upgrade("/a?b").bytes());
    peer.accepted();
    peer.send_text("patience");
    peer.expect_text("patience");
}

#[test]
fn connection_and_upgrade_may_be_lists_in_any_case_and_on_several_lines() {
    let server = Server::cat(&[]);
    for (connection, upgrade) in [
        ("keep-alive, Upgrade", "websocket"),
        ("upgrade", "WebSocket"),
        ("UPGRADE,close", "WEBSOCKET"),
        (" ,, x-thing ,\tUpgrade ,", "h2c, websocket"),
    ] {
        let request = server
            .upgrade("/")
            .set("Connection", connection)
            .set("Upgrade", upgrade);
        server.open_with(&request).0.close();
    }
    let request = server
        .upgrade("/")
        .set("Connection", "keep-alive")
        .with("Connection", "Upgrade");
    server.open_with(&request).0.close();
}

#[test]
fn field_names_may_be_in_any_case_and_blanks_around_values_are_nothing() {
    let server = Server::cat(&[]);
    let mut peer = server.connect();
    let head = format!(
        "GET / HTTP/1.1\r\nhOsT:localhost:{}\r\nUPGRADE:\twebsocket \r\nconnection:  upgrade\t\r\n\
         SEC-WEBSOCKET-KEY:{KEY} \r\nsec-websocket-version: \t13\r\n\r\n",
        server.port()
    );
    peer.send(head.as_bytes());
    peer.accepted();
}

#[test]
fn a_target_in_absolute_form_is_a_target() {
    let server = Server::sh(&[], "echo \"$PATH_INFO?$QUERY_STRING\"");
    let line = format!("GET http://localhost:{}/chat?x=1 HTTP/1.1", server.port());
    let (mut peer, _) = server.open_with(&server.upgrade("/").line(&line));
    peer.expect_text("/chat?x=1");
}

#[test]
fn a_plain_request_is_told_to_upgrade() {
    let server = Server::cat(&[]);
    let response = server.refusal(&Request::plain("/", server.port()));
    assert_eq!(response.status, 426);
    assert_eq!(response.field("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(response.field("Upgrade"), Some("websocket"));
    assert!(response.body.contains("WebSocket"), "{response:?}");
}

#[test]
fn an_upgrade_to_something_else_is_told_to_upgrade() {
    let server = Server::cat(&[]);
    let request = Request::plain("/", server.port());
    let request = request.with("Upgrade", "h2c").with("Connection", "Upgrade");
    expect_refusal(&server, &request, 426);
}

#[test]
fn another_version_of_the_protocol_is_told_which_one_is_spoken() {
    let server = Server::cat(&[]);
    for version in ["8", "14", "012", "13, 8", "thirteen"] {
        let request = server.upgrade("/").set("Sec-WebSocket-Version", version);
        let response = server.refusal(&request);
        assert_eq!(response.status, 426, "{version}");
        assert_eq!(response.field("Sec-WebSocket-Version"), Some("13"));
    }
}

#[test]
fn another_method_is_not_allowed_and_told_which_one_is() {
    let server = Server::cat(&[]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        let request = server.upgrade("/").line(&format!("{method} / HTTP/1.1"));
        let response = server.refusal(&request);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.field("Allow"), Some("GET"));
    }
}

#[test]
fn an_upgrade_without_a_key_is_bad() {
    let server = Server::cat(&[]);
    expect_refusal(
        &server,
        &server.upgrade("/").without("Sec-WebSocket-Key"),
        400,
    );
}

#[test]
fn a_key_that_is_not_sixteen_bytes_in_base64_is_bad() {
    let server = Server::cat(&[]);
    for key in [
        "",
        "AAECAwQFBgcICQoLDA0O",
        "AAECAwQFBgcICQoLDA0ODxA=",
        "AAECAwQFBgcICQoLDA0OD?==",
    ] {
        expect_refusal(
            &server,
            &server.upgrade("/").set("Sec-WebSocket-Key", key),
            400,
        );
    }
}

#[test]
fn a_request_without_a_host_is_bad() {
    let server = Server::cat(&[]);
    expect_refusal(&server, &server.upgrade("/").without("Host"), 400);
}

#[test]
fn host_key_and_version_are_allowed_once() {
    let server = Server::cat(&[]);
    let host = format!("localhost:{}", server.port());
    let twice = [
        ("Host", host.as_str()),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ];
    for (name, value) in twice {
        expect_refusal(&server, &server.upgrade("/").with(name, value), 400);
    }
}

#[test]
fn an_upgrade_with_a_body_is_bad() {
    let server = Server::cat(&[]);
    for (name, value) in [("Content-Length", "5"), ("Transfer-Encoding", "chunked")] {
        expect_refusal(&server, &server.upgrade("/").with(name, value), 400);
    }
}

#[test]
fn what_smugglers_write_is_bad() {
    let server = Server::cat(&[]);
    for line in [
        "X-A: b\rX-C: d",
        "X-A : b",
        "X-A: b\r\n folded",
        "X-A: b\r\n\tfolded",
        " X-A: b",
        "X-A",
        ": b",
        "X(A): b",
        "X-A: b\0c",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
    ] {
        expect_bad(&server, &with_line(&server, line));
    }
}

#[test]
fn what_is_no_http_request_is_bad() {
    let server = Server::cat(&[]);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        expect_bad(&server, bytes);
    }
}

#[test]
fn a_path_that_no_environment_can_hold_is_bad() {
    let server = Server::cat(&[]);
    expect_refusal(&server, &server.upgrade("/a%00b"), 400);
}

#[test]
fn a_head_that_is_too_large_is_told_so_whole() {
    let server = Server::cat(&[]);
    expect_refusal(
        &server,
        &server.upgrade("/").with("X-Long", &"x".repeat(100_000)),
        431,
    );
    let many = (0..2000).fold(server.upgrade("/"), |request, n| {
        request.with(&format!("X-{n}"), "y")
    });
    expect_refusal(&server, &many, 431);
}

#[test]
fn a_client_that_says_nothing_is_told_that_time_is_up() {
    let server = Server::cat(&["--handshake-timeout", "300ms"]);
    let start = Instant::now();
    let mut peer = server.connect();
    assert_eq!(peer.refusal().status, 408);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_request_that_drips_does_not_put_the_deadline_off() {
    let server = Server::cat(&["--handshake-timeout", "500ms"]);
    let mut peer = server.connect();
    let mut writer = peer.writer();
    let dripping = std::thread::spawn(move || {
        let endless =
            std::iter::once(&b"GET / HTTP/1.1\r\nX: "[..]).chain(std::iter::repeat(&b"x"[..]));
        for bytes in endless {
            if std::io::Write::write_all(&mut writer, bytes).is_err() {
                return;
            }
            // A drop, and long before the deadline the next.
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert_eq!(peer.response().status, 408);
    peer.send_fin();
    dripping.join().unwrap();
}

#[test]
fn a_client_that_says_nothing_holds_nobody_up() {
    let server = Server::cat(&[]);
    let _silent = [server.connect(), server.connect(), server.connect()];
    let mut peer = server.open("/");
    peer.send_text("meanwhile");
    peer.expect_text("meanwhile");
    peer.close();
}

#[test]
fn a_client_that_leaves_before_its_request_is_whole_leaves_nothing() {
    let server = Server::cat(&[]);
    let mut peer = server.connect();
    peer.send(b"GET / HT");
    wait_for("the session", || {
        (!server.sessions().is_empty()).then_some(())
    });
    drop(peer);
    wait_for("its end", || server.sessions().is_empty().then_some(()));
}

#[test]
fn a_program_that_has_vanished_is_told_before_any_101() {
    let server = Setup::new(&["./program"])
        .file("program", "#!/bin/sh\ncat\n")
        .start();
    server.open("/").close();
    std::fs::rename(server.file("program"), server.file("elsewhere")).unwrap();
    expect_refusal(&server, &server.upgrade("/"), 500);

    std::fs::rename(server.file("elsewhere"), server.file("program")).unwrap();
    server.open("/").close();
}

#[test]
fn a_program_whose_interpreter_is_missing_is_told_before_any_101() {
    let script = "#!/no/such/interpreter\n";
    let server = Setup::new(&["./program"]).file("program", script).start();
    expect_refusal(&server, &server.upgrade("/"), 500);
}

#[test]
fn a_refusal_is_read_whole_by_a_client_that_has_already_said_more() {
    let server = Setup::new(&["./program"])
        .file("program", "#!/bin/sh\ncat\n")
        .start();
    std::fs::remove_file(server.file("program")).unwrap();
    let mut head = server.upgrade("/").bytes();
    for _ in 0..10 {
        let mut peer = server.connect();
        head.extend(frame::binary([b'x'; 20_000]));
        peer.send(&head);
        assert_eq!(peer.refusal().status, 500);
    }
}

#[test]
fn a_client_too_many_is_told_to_come_again() {
    let server = Server::cat(&["--max-clients", "2"]);
    let mut first = server.open("/");
    let second = server.open("/");
    let response = server.refusal(&server.upgrade("/"));
    assert_eq!(response.status, 503);
    let seconds = response.field("Retry-After").unwrap();
    assert!(seconds.parse::<u32>().is_ok(), "{seconds}");

    drop(second);
    let mut third = wait_for("a free place", || opened(&server));
    third.close();
    first.close();
}

/// A session, unless there are too many.
fn opened(server: &Server) -> Option<Peer> {
    let mut peer = server.connect();
    peer.send(&server.upgrade("/").bytes());
    (peer.response().status == 101).then_some(peer)
}

#[test]
fn extensions_are_declined() {
    let server = Server::cat(&[]);
    let offer = "permessage-deflate; client_max_window_bits, x-unheard-of; a=\"b\"";
    let request = server.upgrade("/").with("Sec-WebSocket-Extensions", offer);
    let (mut peer, response) = server.open_with(&request);
    assert_eq!(response.field("Sec-WebSocket-Extensions"), None);
    peer.send_frame(frame::FIN | 0x40 | frame::TEXT, "compressed");
    peer.expect_close(1002);
}
