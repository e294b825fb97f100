//! `--static-dir` and what goes with it: files as curl and a raw connection see them, and what is not
//! shown.
#![cfg(feature = "site")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs;

use support::curl;
use support::http::{Request, Response};
use support::peer::Peer;
use support::server::{Server, Setup};

const PAGE: &str = "<!DOCTYPE html><title>a page</title>";

fn setup(options: &[&str]) -> Setup {
    Setup::new(&["cat"])
        .options(options)
        .text("www/index.html", PAGE)
        .text("www/digits.txt", "0123456789")
        .text("www/sub/index.html", "below")
        .text("www/empty/.hidden", "secret")
        .text("www/bare/a b&c.png", "x")
        .text("www/bare/deeper/x", "x")
        .text("www/with space.js", "1")
        .text("secret", "secret")
        .link("www/link.txt", "digits.txt")
        .link("www/out", "../secret")
        .link("www/out-to-nothing", "../nothing")
        .link("www/up", "..")
}

fn served() -> Server {
    setup(&["--static-dir", "www"]).start()
}

#[track_caller]
fn status(server: &Server, target: &str) -> u16 {
    let (response, body) = curl::get(server, target, &[]);
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(!body.contains("secret"), "{target}: {body}");
    response.status
}

#[test]
fn a_file_is_served_with_its_type_length_and_validators() {
    let server = served();
    let (response, body) = curl::get(&server, "/", &[]);
    assert_eq!((response.status, body.as_slice()), (200, PAGE.as_bytes()));
    for (name, value) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", &*PAGE.len().to_string()),
        ("X-Content-Type-Options", "nosniff"),
        ("Accept-Ranges", "bytes"),
    ] {
        assert_eq!(response.field(name), Some(value), "{name}");
    }
    for name in ["Date", "Last-Modified", "ETag"] {
        assert!(response.field(name).is_some(), "{name}");
    }
    for (target, media) in [
        ("/digits.txt", "text/plain; charset=utf-8"),
        ("/with%20space.js", "text/javascript; charset=utf-8"),
        ("/digits.txt?query", "text/plain; charset=utf-8"),
        ("/link.txt", "text/plain; charset=utf-8"),
        ("/bare/deeper/x", "application/octet-stream"),
    ] {
        let (response, _) = curl::get(&server, target, &[]);
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.field("Content-Type"), Some(media), "{target}");
    }
    let request = server.log().event("request");
    assert_eq!((request.get("method"), request.get("path")), ("GET", "/"));
    assert_eq!(request.number::<usize>("bytes"), PAGE.len());
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let server = served();
    let (first, _) = curl::get(&server, "/digits.txt", &[]);
    let etag = first.field("ETag").unwrap();
    let modified = first.field("Last-Modified").unwrap();
    for condition in [
        format!("If-None-Match: {etag}"),
        format!("If-Modified-Since: {modified}"),
    ] {
        let (response, body) = curl::get(&server, "/digits.txt", &["-H", &condition]);
        assert_eq!((response.status, body.len()), (304, 0), "{condition}");
        assert_eq!(response.field("ETag"), Some(etag));
        assert_eq!(response.field("Content-Length"), None);
    }
    server.put("www/digits.txt", "another");
    let condition = format!("If-None-Match: {etag}");
    let (response, body) = curl::get(&server, "/digits.txt", &["-H", &condition]);
    assert_eq!((response.status, body.as_slice()), (200, &b"another"[..]));
    let condition = format!("If-Match: {etag}");
    let (response, _) = curl::get(&server, "/digits.txt", &["-H", &condition]);
    assert_eq!(response.status, 412);
}

#[test]
fn a_part_is_sent_where_one_is_asked_for() {
    let server = served();
    for (range, content_range, part) in [
        ("2-4", "bytes 2-4/10", "234"),
        ("8-", "bytes 8-9/10", "89"),
        ("-3", "bytes 7-9/10", "789"),
    ] {
        let (response, body) = curl::get(&server, "/digits.txt", &["-r", range]);
        assert_eq!((response.status, body.as_slice()), (206, part.as_bytes()));
        assert_eq!(response.field("Content-Range"), Some(content_range));
        assert_eq!(
            response.field("Content-Length"),
            Some(&*part.len().to_string())
        );
    }
    let (response, _) = curl::get(&server, "/digits.txt", &["-r", "10-"]);
    assert_eq!(response.status, 416);
    assert_eq!(response.field("Content-Range"), Some("bytes */10"));
    let (response, body) = curl::get(&server, "/digits.txt", &["-r", "0-1,3-4"]);
    assert_eq!((response.status, body.len()), (200, 10));
    // A transfer is taken up where it ended.
    let begun = server.file("begun");
    fs::write(&begun, "012").unwrap();
    let url = format!("http://localhost:{}/digits.txt", server.port());
    let begun = begun.to_str().unwrap();
    curl::run(["-sS", "-C", "-", "-o", begun, &url]);
    assert_eq!(server.got("begun"), b"0123456789");
}

#[test]
fn head_gets_the_head_alone() {
    let server = served();
    let (get, _) = curl::get(&server, "/digits.txt", &[]);
    let (head, body) = curl::get(&server, "/digits.txt", &["-I"]);
    assert_eq!((head.status, body.len()), (200, 0));
    for name in ["Content-Length", "Content-Type", "ETag", "Last-Modified"] {
        assert_eq!(head.field(name), get.field(name), "{name}");
    }
    let (head, body) = curl::get(&server, "/nothing", &["-I"]);
    assert_eq!((head.status, body.len()), (404, 0));
}

#[test]
fn other_methods_are_refused_and_the_right_ones_named() {
    let server = served();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let (response, _) = curl::get(&server, "/digits.txt", &["-X", method]);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.field("Allow"), Some("GET, HEAD"), "{method}");
    }
}

#[test]
fn a_directory_is_its_index_and_has_a_slash() {
    let server = served();
    assert_eq!(curl::get(&server, "/sub/", &[]).1, b"below");
    for (target, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=%20", "/sub/?a=%20"),
        ("/%73ub", "/%73ub/"),
    ] {
        let (response, _) = curl::get(&server, target, &[]);
        assert_eq!(response.status, 301, "{target}");
        assert_eq!(response.field("Location"), Some(location));
    }
    for target in [
        "//sub",
        "/sub//",
        "//example.org/..",
        "/digits.txt/",
        "/bare/",
        "/empty/",
    ] {
        let status = status(&server, target);
        assert!(matches!(status, 403 | 404), "{target}: {status}");
    }
}

#[test]
fn a_directory_is_listed_if_that_is_wanted() {
    let server = setup(&["--static-dir", "www", "--list"]).start();
    let (response, body) = curl::get(&server, "/bare/", &[]);
    let body = String::from_utf8(body).unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(
        response.field("Content-Security-Policy"),
        Some("default-src 'none'")
    );
    let references: Vec<_> = body
        .split("href=\"")
        .skip(1)
        .map(|it| it.split('"').next().unwrap())
        .collect();
    assert_eq!(references, ["../", "./deeper/", "./a%20b%26c.png"]);
    assert!(body.contains(">a b&amp;c.png</a><td>1<td>"), "{body}");
    assert_eq!(curl::get(&server, "/bare/a%20b%26c.png", &[]).1, b"x");
    // What is hidden, and what leads out, is not in the list.
    assert!(
        !curl::get(&server, "/empty/", &[])
            .1
            .windows(6)
            .any(|it| it == b"hidden")
    );
    fs::remove_file(server.file("www/index.html")).unwrap();
    let (_, body) = curl::get(&server, "/", &[]);
    let body = String::from_utf8(body).unwrap();
    assert!(
        body.contains("./link.txt") && !body.contains("out") && !body.contains("./up"),
        "{body}"
    );
}

#[test]
fn no_path_leads_out_and_none_tells_what_is_there() {
    let server = served();
    for target in [
        "/../secret",
        "/../nothing",
        "/./digits.txt",
        "/sub/../digits.txt",
        "/%2e%2e/secret",
        "/.%2E/secret",
        "/..%2fsecret",
        "/sub%2findex.html",
        "/out",
        "/out-to-nothing",
        "/up/secret",
        "/up/nothing",
        "/up/",
        "/empty/.hidden",
        "/empty/.nothing",
        "/.htaccess",
        "/..\\secret",
        "/.../x",
    ] {
        assert_eq!(status(&server, target), 403, "{target}");
    }
    for target in [
        "/%252e%252e/secret",
        "/nothing",
        "/digits.txt/x",
        "/INDEX.html",
        "/C:/x",
    ] {
        assert_eq!(status(&server, target), 404, "{target}");
    }
    assert_eq!(status(&server, "/digits.txt%00.html"), 400);
    let nul = b"GET /a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut peer = server.connect();
    peer.send(nul);
    assert_eq!(peer.refusal().status, 400);
}

#[test]
fn what_is_no_file_is_not_opened() {
    let server = served();
    let pipe = server.file("www/pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(status(&server, "/pipe"), 404);
}

#[test]
fn no_source_of_a_program_is_shown() {
    let script = "#!/bin/sh\necho secret\n";
    // A directory of programs below the pages: nothing in it.
    let below = setup(&["--static-dir", "www"])
        .file("www/programs/run", script)
        .text("www/programs/text.inc", "secret")
        .link("www/other-name", "programs")
        .link("www/one.txt", "programs/run");
    let mut below = below.options(&["--dir", "www/programs"]);
    below = below.without_program();
    let server = below.start();
    for target in [
        "/programs/run",
        "/programs/text.inc",
        "/programs/",
        "/programs",
    ] {
        assert_eq!(status(&server, target), 404, "{target}");
    }
    for target in ["/other-name/run", "/one.txt"] {
        assert!(matches!(status(&server, target), 403 | 404), "{target}");
    }
    assert_eq!(status(&server, "/digits.txt"), 200);

    // The same directory, or one above: pages, but nothing that is run or could be.
    for dir in ["www", "."] {
        let side = setup(&["--static-dir", "www", "--dir", dir])
            .file("www/run", script)
            .text("www/forgotten.sh", script)
            .link("www/one.txt", "run")
            .without_program();
        let server = side.start();
        for target in ["/run", "/forgotten.sh", "/one.txt"] {
            assert!(matches!(status(&server, target), 403 | 404), "{target}");
        }
        assert_eq!(status(&server, "/digits.txt"), 200);
    }

    // The program itself, by whatever name.
    let server = Setup::new(&["./www/run"])
        .options(&["--static-dir", "www"])
        .file("www/run", script)
        .link("www/link", "run")
        .start();
    for target in ["/run", "/link"] {
        assert_eq!(status(&server, target), 404, "{target}");
    }
}

#[test]
fn pages_need_no_program() {
    let server = setup(&["--static-dir", "www"]).without_program().start();
    assert_eq!(status(&server, "/digits.txt"), 200);
    assert_eq!(server.refusal(&server.upgrade("/")).status, 404);
}

#[test]
fn the_console_is_at_the_root_if_nothing_else_is() {
    let server = setup(&["--static-dir", "www", "--console"]).start();
    assert_eq!(curl::get(&server, "/", &[]).1, PAGE.as_bytes());
    assert_eq!(status(&server, "/nothing"), 404);
    fs::remove_file(server.file("www/index.html")).unwrap();
    let (response, _) = curl::get(&server, "/", &[]);
    assert_eq!(response.field("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(status(&server, "/nothing"), 404);
}

#[test]
fn a_host_that_is_not_answered_gets_no_page() {
    let server = served();
    let (response, _) = curl::get(&server, "/", &["-H", "Host: rebound.example"]);
    assert_eq!(response.status, 421);
}

#[test]
fn headers_of_the_operator_are_on_every_answer() {
    let options = ["--static-dir", "www", "--header-http", "X-Ours: yes"];
    let server = setup(&options).start();
    for target in ["/", "/sub", "/nothing", "/../x"] {
        let (response, _) = curl::get(&server, target, &[]);
        assert_eq!(response.field("X-Ours"), Some("yes"), "{target}");
    }
}

// -- several requests on a connection

fn plain(server: &Server, target: &str) -> Request {
    Request::plain(target, server.port())
}

#[track_caller]
fn ask(peer: &mut Peer, request: &Request) -> Response {
    peer.send(&request.bytes());
    peer.response()
}

#[test]
fn a_connection_brings_several_requests_and_then_a_session() {
    let server = served();
    let mut peer = server.connect();
    for _ in 0..3 {
        let response = ask(&mut peer, &plain(&server, "/digits.txt"));
        assert_eq!(response.body, "0123456789");
        assert_eq!(response.field("Connection"), None);
        let response = ask(&mut peer, &plain(&server, "/nothing"));
        assert_eq!(response.status, 404);
    }
    peer.upgrade(&server.upgrade("/"));
    peer.send_text("hello");
    peer.expect_text("hello");
    peer.close();
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = served();
    let mut peer = server.connect();
    let mut bytes = plain(&server, "/digits.txt").bytes();
    bytes.extend(plain(&server, "/sub/").bytes());
    bytes.extend(server.upgrade("/").bytes());
    bytes.extend(support::frame::text("hello"));
    peer.send(&bytes);
    assert_eq!(peer.response().body, "0123456789");
    assert_eq!(peer.response().body, "below");
    assert_eq!(peer.response().status, 101);
    peer.expect_text("hello");
    peer.close();
}

#[test]
fn a_request_in_pieces_behind_another_is_read_to_its_end() {
    let server = served();
    let mut peer = server.connect();
    ask(&mut peer, &plain(&server, "/digits.txt"));
    peer.send_byte_by_byte(&plain(&server, "/sub/").bytes());
    assert_eq!(peer.response().body, "below");
}

#[test]
fn a_connection_ends_when_the_client_wants_it_so() {
    let server = served();
    for request in [
        plain(&server, "/digits.txt").with("Connection", "close"),
        plain(&server, "/digits.txt").line("GET /digits.txt HTTP/1.0"),
        plain(&server, "/digits.txt").with("Content-Length", "3"),
    ] {
        let mut peer = server.connect();
        let response = ask(&mut peer, &request);
        assert_eq!(response.status, 200);
        assert_eq!(response.field("Connection"), Some("close"));
        peer.expect_fin();
    }
}

#[test]
fn a_connection_brings_a_hundred_requests_and_no_more() {
    let server = served();
    let mut peer = server.connect();
    for count in 1..=100 {
        let response = ask(&mut peer, &plain(&server, "/digits.txt"));
        let expected = (count == 100).then_some("close");
        assert_eq!(response.field("Connection"), expected, "{count}");
    }
    peer.expect_fin();
}

#[test]
fn a_connection_that_brings_nothing_more_is_closed_without_a_word() {
    let server = served();
    let mut peer = server.connect();
    ask(&mut peer, &plain(&server, "/digits.txt"));
    let (rest, _) = peer.drain();
    assert_eq!(rest, b"");
}

#[test]
fn each_request_has_the_time_of_a_handshake() {
    let options = ["--static-dir", "www", "--handshake-timeout", "300ms"];
    let server = setup(&options).start();
    let mut peer = server.connect();
    ask(&mut peer, &plain(&server, "/digits.txt"));
    peer.send(b"GET / HTTP/1.1\r\n");
    assert_eq!(peer.refusal().status, 408);
}

#[test]
fn a_stop_ends_a_connection_that_waits() {
    let server = served();
    let mut peer = server.connect();
    ask(&mut peer, &plain(&server, "/digits.txt"));
    server.stop();
    let (rest, _) = peer.drain();
    assert_eq!(rest, b"");
}

#[test]
fn a_large_file_arrives_whole_and_a_client_that_does_not_read_is_dropped() {
    let options = ["--static-dir", "www", "--write-timeout", "500ms"];
    let server = setup(&options).start();
    let large: Vec<u8> = (0..20_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    server.put("www/large", &large);
    let (response, body) = curl::get(&server, "/large", &[]);
    assert_eq!(response.status, 200);
    assert!(body == large, "{} bytes", body.len());
    let mut peer = server.connect();
    peer.send(&plain(&server, "/large").bytes());
    let session = server.log().events("request", 2)[1].number("pid");
    support::process::wait_gone(session);
}
