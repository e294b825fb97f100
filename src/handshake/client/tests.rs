//! Tests of the client's side.

use super::*;

const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn request() -> ClientRequest {
    let protocols = vec!["chat".to_owned(), "superchat".to_owned()];
    ClientRequest::new("example.com", "/", NONCE)
        .unwrap()
        .with_protocols(protocols)
        .unwrap()
}

/// Judges a response of this status line and these header lines.
fn judge(status_line: &str, lines: &[&str]) -> Result<Option<String>, ResponseError> {
    let mut head = format!("{status_line}\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let request = request();
    let granted = request.judge(&Response::parse(head.as_bytes())?)?;
    Ok(granted.protocol.map(str::to_owned))
}

/// Judges a 101 with these header lines.
fn judge_101(lines: &[&str]) -> Result<Option<String>, ResponseError> {
    judge("HTTP/1.1 101 Switching Protocols", lines)
}

#[test]
fn the_request_is_written_in_one_piece() {
    let request = request()
        .with_origin("http://example.com")
        .unwrap()
        .with_headers(vec![Header::new("Authorization", "Basic YTpi").unwrap()]);
    let mut out = Vec::new();
    request.write(&mut out);
    let expected = "GET / HTTP/1.1\r\n\
         Host: example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Origin: http://example.com\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         Authorization: Basic YTpi\r\n\
         \r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn what_could_end_a_line_of_the_request_is_refused() {
    for host in ["", "a b", "a\r\nX: y", "user@a", "a/"] {
        let refused = ClientRequest::new(host, "/", NONCE);
        assert_eq!(refused, Err(RequestError::Host), "{host}");
    }
    for resource in [
        "",
        "chat",
        "/a b",
        "/a\r\nX: y",
        "/a#b",
        "/\u{e9}",
        "*",
        "http://a/",
    ] {
        let refused = ClientRequest::new("a", resource, NONCE);
        assert_eq!(refused, Err(RequestError::Resource), "{resource}");
    }
    for origin in ["", "http://a b", "http://a\r\nX: y"] {
        let refused = request().with_origin(origin);
        assert_eq!(refused, Err(RequestError::Origin), "{origin}");
    }
    for protocols in [&[""][..], &["a b"], &["a\r\nX: y"], &["a", "a"]] {
        let protocols = protocols.iter().map(|name| (*name).to_owned()).collect();
        let refused = request().with_protocols(protocols);
        assert_eq!(refused, Err(RequestError::Protocols));
    }
}

#[test]
fn an_answer_to_the_key_is_granted() {
    let lines = ["Upgrade: websocket", "Connection: Upgrade", ACCEPT];
    assert_eq!(judge_101(&lines), Ok(None));
    let lines = [
        "connection: keep-alive, UPGRADE",
        "upgrade: WebSocket",
        ACCEPT,
        "Sec-WebSocket-Protocol: superchat",
        "Sec-WebSocket-Extensions:",
    ];
    assert_eq!(judge_101(&lines), Ok(Some("superchat".to_owned())));
}

#[test]
fn each_rule_for_the_answer_has_its_error() {
    let (upgrade, connection) = ("Upgrade: websocket", "Connection: Upgrade");
    for (lines, expected) in [
        (&[connection, ACCEPT][..], ResponseError::Upgrade),
        (
            &["Upgrade: h2c", connection, ACCEPT],
            ResponseError::Upgrade,
        ),
        (
            &["Upgrade: websocket, h2c", connection, ACCEPT],
            ResponseError::Upgrade,
        ),
        (
            &[upgrade, upgrade, connection, ACCEPT],
            ResponseError::Upgrade,
        ),
        (&[upgrade, ACCEPT], ResponseError::Connection),
        (
            &[upgrade, "Connection: close", ACCEPT],
            ResponseError::Connection,
        ),
        (&[upgrade, connection], ResponseError::Accept),
        (
            &[upgrade, connection, ACCEPT, ACCEPT],
            ResponseError::Accept,
        ),
        (
            &[
                upgrade,
                connection,
                "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==",
            ],
            ResponseError::Accept,
        ),
        (
            &[
                upgrade,
                connection,
                "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ],
            ResponseError::Accept,
        ),
        (
            &[upgrade, connection, ACCEPT, "Sec-WebSocket-Extensions: x-a"],
            ResponseError::Extension,
        ),
        (
            &[upgrade, connection, ACCEPT, "Sec-WebSocket-Protocol: Chat"],
            ResponseError::Protocol,
        ),
        (
            &[
                upgrade,
                connection,
                ACCEPT,
                "Sec-WebSocket-Protocol: chat, superchat",
            ],
            ResponseError::Protocol,
        ),
        (
            &[
                upgrade,
                connection,
                ACCEPT,
                "Sec-WebSocket-Protocol: chat",
                "Sec-WebSocket-Protocol: chat",
            ],
            ResponseError::Protocol,
        ),
        (
            &[upgrade, connection, ACCEPT, "X : y"],
            ResponseError::Head(HeadError::HeaderName),
        ),
    ] {
        assert_eq!(judge_101(lines), Err(expected), "{lines:?}");
    }
}

#[test]
fn a_protocol_nobody_asked_for_is_refused() {
    let request = ClientRequest::new("a", "/", NONCE).unwrap();
    let head = format!(
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n\
         Sec-WebSocket-Protocol: chat\r\n\r\n"
    );
    let response = Response::parse(head.as_bytes()).unwrap();
    assert_eq!(request.judge(&response), Err(ResponseError::Protocol));
}

#[test]
fn another_status_leaves_the_headers_to_the_caller() {
    let head = b"HTTP/1.1 302 Found\r\nLocation: wss://example.com/\r\n\r\n<html>";
    let response = Response::parse(head).unwrap();
    assert_eq!(request().judge(&response), Err(ResponseError::Status(302)));
    assert_eq!(
        response.header("location"),
        Some(&b"wss://example.com/"[..])
    );
    assert_eq!(response.headers().count(), 1);
    assert!(!response.is_interim());
    let response = Response::parse(b"HTTP/1.1 404 Non trouv\xe9\r\n\r\n").unwrap();
    assert_eq!(response.status(), 404);
    let response = Response::parse(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1").unwrap();
    assert!(response.is_interim());
    let response = Response::parse(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
    assert!(!response.is_interim());
}

#[test]
fn a_response_must_be_one_of_http_1_1() {
    let lines = ["Upgrade: websocket", "Connection: Upgrade", ACCEPT];
    assert_eq!(
        judge("HTTP/1.0 101 Switching Protocols", &lines),
        Err(ResponseError::OldHttp)
    );
    for status_line in [
        "SSH-2.0-OpenSSH_9.2",
        "HTTP/2 101 ",
        "HTTP/1.1 1 OK",
        "HTTP/1.1  101 OK",
        "220 a ESMTP",
    ] {
        let expected = ResponseError::Head(HeadError::FirstLine);
        assert_eq!(judge(status_line, &lines), Err(expected), "{status_line}");
    }
    let tls_alert = [0x15, 3, 1, 0, 2, 2, 22];
    let outcome = Response::parse(&tls_alert).map(|response| response.status());
    assert_eq!(outcome, Err(ResponseError::Head(HeadError::Tls)));
    let outcome = Response::parse(b"HTTP/1.1 101 \r\n").map(|response| response.status());
    assert_eq!(outcome, Err(ResponseError::Head(HeadError::Incomplete)));
}

#[test]
fn errors_are_small_and_say_what_is_wrong() {
    assert!(size_of::<ResponseError>() <= 16);
    assert_eq!(
        ResponseError::Status(403).to_string(),
        "the server answered with status 403"
    );
    assert_eq!(
        ResponseError::from(HeadError::LineEnd).to_string(),
        HeadError::LineEnd.to_string()
    );
}
