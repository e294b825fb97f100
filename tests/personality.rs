//! The program under the name `websocketd`: a link that a user makes, and the command lines that this
//! user has.
#![cfg(feature = "daemon")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use support::http::Request;
use support::peer::Peer;
use support::server::{Server, Setup};

/// Runs by a link of that name, and has standard output collected instead of standard error.
const LINK: [&str; 3] = [
    "sh",
    "-c",
    r#"ln -s "$0" websocketd && exec ./websocketd "$@" 1>&2 2>/dev/null"#,
];

/// A listener under that name, and its port.
fn start(setup: Setup) -> (Server, u16) {
    let server = setup.wrapped(&LINK).spawn();
    let line = server
        .log()
        .line("listener", |line| line.contains(" Starting "));
    let (_, port) = line.rsplit_once(':').unwrap();
    let port = port.parse().unwrap();
    (server, port)
}

fn connect(ip: &str, port: u16) -> Peer {
    let ip: IpAddr = ip.parse().unwrap();
    Peer::connect(SocketAddr::new(ip, port))
}

#[test]
fn any_page_at_any_name_may_connect_to_any_address() {
    let setup = Setup::new(&["cat"]).options(&["-port", "0"]);
    let (_server, port) = start(setup);
    for ip in ["127.0.0.1", "::1", "127.9.9.9"] {
        let mut peer = connect(ip, port);
        let request = Request::upgrade("/", port).set("Host", "rebound.example");
        peer.upgrade(&request.with("Origin", "https://evil.example"));
        peer.send_text("line");
        peer.expect_text("line");
        peer.close();
    }
}

#[test]
fn options_with_one_dash_are_understood() {
    let setup = Setup::new(&["env"]).options(&[
        "-port=0",
        "-address=127.0.0.1",
        "-sameorigin=1",
        "-passenv",
        "COLOUR",
        "-loglevel=access",
        "-binary=F",
        "-header-ws",
        "X-A: b",
    ]);
    let setup = setup.env("COLOUR", "red").env("SHAPE", "round");
    let (server, port) = start(setup);
    let mut peer = connect("127.0.0.1", port);
    let response = peer.upgrade(&Request::upgrade("/", port));
    assert_eq!(response.field("X-A"), Some("b"));
    let mut lines = Vec::new();
    loop {
        let frame = peer.frame();
        if frame.is_control() {
            break;
        }
        lines.push(String::from_utf8(frame.payload).unwrap());
    }
    assert!(lines.iter().any(|line| line == "COLOUR=red"), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("SHAPE=")),
        "{lines:?}"
    );
    let mut other = connect("127.0.0.1", port);
    other.send(
        &Request::upgrade("/", port)
            .with("Origin", "http://evil.example")
            .bytes(),
    );
    assert_eq!(other.refusal().status, 403);
    server
        .log()
        .line("refusal", |line| line.contains("| ACCESS | http "));
}

#[test]
fn the_log_is_on_standard_output_in_websocketds_lines() {
    let script = "echo it\\'s wrong >&2; read -r line";
    let setup = Setup::new(&["/bin/sh", "-c", script]).options(&[
        "--port=0",
        "--address",
        "127.0.0.1",
        "-loglevel=trace",
    ]);
    let (server, port) = start(setup);
    let mut peer = connect("127.0.0.1", port);
    peer.upgrade(&Request::upgrade("/a'b?c=d", port).with("Origin", "http://a.example"));
    peer.send_text("end");
    peer.expect_end(1000);
    let lines = ["CONNECT", "it\\'s wrong", "DISCONNECT"].map(|message| {
        let end = format!("| {message}");
        server.log().line(message, |line| line.ends_with(&end))
    });
    let columns = lines
        .each_ref()
        .map(|line| line.split(" | ").collect::<Vec<_>>());
    for (columns, [level, category]) in columns.iter().zip([
        ["ACCESS", "session   "],
        ["ERROR ", "stderr    "],
        ["ACCESS", "session   "],
    ]) {
        assert_eq!((columns[1], columns[2]), (level, category));
        // As RFC 1123 has it, with a zone that is a number.
        assert_eq!(columns[0].len(), "Sat, 21 Nov 2026 11:29:32 +0000".len());
        assert!(columns[0].ends_with(" +0000"), "{columns:?}");
        let about = format!(r"url:'http://localhost:{port}/a\'b?c=d' remote:'127.0.0.1' ");
        assert!(columns[3].starts_with(&about), "{columns:?}");
        assert!(
            columns[3].contains(" origin:'http://a.example' command:'/bin/sh' id:'"),
            "{columns:?}"
        );
    }
}

#[test]
fn a_hang_up_does_not_change_the_name() {
    let setup = Setup::new(&["cat"]).options(&["-port=0", "-address=127.0.0.1"]);
    let (server, port) = start(setup);
    server.signal(Signal::SIGHUP);
    server
        .log()
        .line("restart", |line| line.ends_with("| restart"));
    let mut peer = connect("127.0.0.1", port);
    let request = Request::upgrade("/", port).set("Host", "rebound.example");
    peer.upgrade(&request.with("Origin", "https://evil.example"));
    peer.close();
}

#[test]
fn under_its_own_name_it_takes_no_such_option() {
    let output = Command::new(env!("CARGO_BIN_EXE_websockd"))
        .args(["-port=0", "cat"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(100));
}

#[test]
fn its_lines_can_be_had_under_its_own_name() {
    let setup = Setup::new(&["cat"])
        .options(&["--log-format", "websocketd", "--port", "0"])
        .wrapped(&["sh", "-c", r#"exec "$0" "$@" 1>&2 2>/dev/null"#]);
    let server = setup.spawn();
    server.log().line("listener", |line| {
        line.contains(" | INFO   | server     |  | Starting WebSocket server   : 127.0.0.1:")
    });
}

#[cfg(feature = "site")]
#[test]
fn a_directory_is_listed() {
    let setup = Setup::new(&["cat"]).file("page.txt", "text").options(&[
        "-port=0",
        "-address=127.0.0.1",
        "-staticdir=.",
    ]);
    let (_server, port) = start(setup);
    let mut peer = connect("127.0.0.1", port);
    peer.send(&Request::plain("/", port).bytes());
    let listing = peer.response();
    assert_eq!(listing.status, 200);
    assert!(listing.body.contains("page.txt"), "{}", listing.body);
}
