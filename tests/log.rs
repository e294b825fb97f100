//! The log, and what the program says before there is one: one line an event, whatever clients send.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs::File;
use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::unistd::pipe2;

use support::http::Request;
use support::log::{Line, Log};
use support::peer::Peer;
use support::process::{self, Family, listening_port};
use support::server::{Server, Setup};
use support::wait_for;

#[test]
fn it_listens_on_both_loopback_addresses_with_one_port() {
    let server = Server::cat(&[]);
    let lines = server.log().events("listening", 2);
    let mut addresses: Vec<SocketAddr> = lines.iter().map(|line| line.number("address")).collect();
    addresses.sort();
    let port = server.port();
    assert_eq!(
        addresses,
        [
            ([127, 0, 0, 1], port).into(),
            (Ipv6Addr::LOCALHOST, server.port()).into()
        ]
    );
    for address in addresses {
        let mut peer = Peer::connect(address);
        peer.upgrade(&server.upgrade("/"));
        peer.close();
    }
}

/// It listens on two addresses of IPv4, on each once.
#[track_caller]
fn expect_both(server: &Server) {
    let lines = server.log().events("listening", 2);
    let addresses: Vec<_> = lines.iter().map(|line| line.get("address")).collect();
    let port = server.port();
    assert_eq!(
        addresses,
        [format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}")]
    );
}

#[test]
fn it_listens_only_where_it_is_told_to() {
    let server = Server::cat(&["--address", "127.0.0.1", "--address", "127.0.0.2"]);
    expect_both(&server);
    assert!(std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, server.port())).is_err());
}

#[test]
fn an_address_that_is_said_twice_is_listened_on_once() {
    let server = Server::cat(&["-a", "127.0.0.1", "-a", "127.0.0.1", "-a", "127.0.0.2"]);
    expect_both(&server);
}

#[test]
fn a_name_that_is_none_is_told() {
    // Of an interface that is not there, which no name server is asked for.
    let options = ["--address", "fe80::1%nowhere", "--port", "0"];
    let mut server = Setup::new(&["cat"]).options(&options).spawn();
    assert_eq!(server.wait().code(), Some(111));
    let what = server.log().event("error").get("what").to_owned();
    assert!(what.contains("fe80::1%nowhere"), "{what}");
    assert!(what.ends_with("not known"), "{what}");
}

#[test]
fn an_address_in_use_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let port = listener.local_addr().unwrap().port().to_string();
    let setup = Setup::new(&["cat"]).options(&["--address", "127.0.0.1", "--port", &port]);
    let mut server = setup.spawn();
    assert_eq!(server.wait().code(), Some(111));
    let said = server.log().complete();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(&address), "{said:?}");
    assert!(said[0].to_lowercase().contains("in use"), "{said:?}");
}

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let family = Family::new();
    let (read, write) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let len = fcntl(&write, FcntlArg::F_GETPIPE_SZ).unwrap();
    let mut filling = vec![b'\n'; usize::try_from(len).unwrap()];
    assert_eq!(nix::unistd::write(&write, &filling), Ok(filling.len()));
    let setup = Setup::sh("echo complaint >&2; exec cat").options(&["--port", "0"]);
    let mut command = setup.command(&family);
    let mut child = command.stderr(write).spawn().unwrap();
    drop(command);
    let pid = i32::try_from(child.id()).unwrap();
    let port = wait_for("the port", || listening_port(pid));
    let serve = || {
        let mut peer = Peer::connect(([127, 0, 0, 1], port).into());
        peer.upgrade(&Request::upgrade("/", port));
        peer.send_text("served");
        peer.expect_text("served");
        peer.close();
    };
    let start = Instant::now();
    (0..5).for_each(|_| serve());
    assert!(start.elapsed() < Duration::from_secs(5));
    // Who begins to read gets what comes from then on.
    let mut read = File::from(read);
    read.read_exact(&mut filling).unwrap();
    serve();
    let log = Log::collect(read);
    log.event("open");
    process::signal(pid, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(log.event("stop").get("signal"), "SIGTERM");
}

#[test]
fn wrong_usage_is_told() {
    let mut server = Setup::new(&["cat"]).options(&["--no-such-option"]).spawn();
    assert_eq!(server.wait().code(), Some(100));
    let said = server.log().complete().join("\n");
    assert!(said.contains("--no-such-option"), "{said}");
}

#[test]
fn a_session_logs_how_it_began_and_how_it_ended() {
    let server = Server::cat(&[]);
    let request = server.upgrade("/chat/a%20b?secret=1");
    let origin = format!("http://localhost:{}", server.port());
    let (mut peer, _) = server.open_with(&request.with("Origin", &origin));
    for message in ["one", "two2", "three"] {
        peer.send_text(message);
        peer.expect_text(message);
    }
    peer.send_ping("not a message");
    peer.expect_pong("not a message");
    peer.close();

    let open = server.log().event("open");
    assert_eq!(open.level, "info");
    assert_eq!(open.get("peer"), peer.address().to_string());
    assert!(open.get("path").starts_with("/chat/a%20b"), "{open:?}");
    assert_eq!(open.get("origin"), origin);
    assert_eq!(open.find("protocol"), None);

    let close = server.log().event("close");
    assert_eq!(close.level, "info");
    assert_eq!(close.get("pid"), open.get("pid"));
    assert_eq!(close.get("peer"), open.get("peer"));
    for (key, value) in [
        ("in_messages", "3"),
        ("in_bytes", "12"),
        ("out_messages", "3"),
        ("out_bytes", "12"),
        ("code", "1000"),
        ("reason", ""),
        ("service", "exit 0"),
    ] {
        assert_eq!(close.get(key), value, "{key} in {close:?}");
    }
    let seconds: f64 = close.number("seconds");
    assert!((0.0..60.0).contains(&seconds), "{close:?}");
}

#[test]
fn a_session_without_an_origin_says_so() {
    let server = Server::cat(&[]);
    server.open("/").close();
    assert_eq!(server.log().event("open").get("origin"), "-");
}

#[test]
fn a_session_logs_how_its_service_failed() {
    let server = Server::sh(&[], "exit 7");
    server.open("/").expect_end(1011);
    let close = server.log().event("close");
    assert_eq!(close.get("service"), "exit 7");
    assert_eq!(
        (close.get("code"), close.get("reason")),
        ("1011", "exit status 7")
    );
}

#[test]
fn a_client_cannot_write_lines_of_its_own() {
    let server = Server::cat(&[]);
    let evil = "/\"%0a2026-01-01T00:00:00Z%20info%20open=\\x";
    server.open(evil).close();
    let request = server
        .upgrade("/")
        .with("Origin", "http://a\"b\\c d=e\u{9b}\u{fc}");
    server.refusal(&request);
    server.open("/").close();

    server.log().events("close", 2);
    let lines = server.stop();
    for line in &lines {
        let parsed = Line::parse(line).unwrap_or_else(|| panic!("{line}"));
        let is_known = ["listening", "open", "close", "refuse", "stop"].contains(&&*parsed.event);
        assert!(is_known, "{line}");
        assert!(!line.contains(char::is_control), "{line}");
    }
    let opens = lines
        .iter()
        .filter(|line| line.contains(" info open "))
        .count();
    assert_eq!(opens, 2, "{lines:?}");
}

#[test]
fn a_clients_reason_is_escaped_and_cut() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    peer.send_close(1000, "bye\n\"\u{1b}[31m");
    peer.expect_close(1000);
    peer.expect_fin();
    let lines = {
        server.log().event("close");
        server.stop()
    };
    for line in lines {
        assert!(Line::parse(&line).is_some(), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn times_are_utc_with_milliseconds_and_do_not_run_backwards() {
    let server = Server::cat(&[]);
    server.open("/").close();
    server.log().event("close");
    let lines = server.stop();
    let times: Vec<_> = lines
        .iter()
        .map(|line| Line::parse(line).unwrap().time)
        .collect();
    for time in &times {
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        assert_eq!(shape, "9999-99-99T99:99:99.999Z");
    }
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn json_has_the_same_events_and_keys() {
    let options = ["--log-format", "json", "--port", "0"];
    let setup = Setup::sh("echo \"tab\there \\\"quoted\\\"\" >&2; cat").options(&options);
    let server = setup.spawn();
    let listening = server
        .log()
        .line("listening", |line| line.contains("127.0.0.1"));
    let address: SocketAddr = Line::parse_json(&listening).number("address");

    let mut peer = Peer::connect(address);
    peer.upgrade(&Request::upgrade("/chat", address.port()));
    peer.send_text("hi");
    peer.expect_text("hi");
    peer.close();
    server
        .log()
        .line("close", |line| line.contains("\"close\""));

    let events: Vec<_> = server
        .stop()
        .iter()
        .map(|line| Line::parse_json(line))
        .collect();
    let find = |name: &str| events.iter().find(|line| line.event == name).unwrap();
    assert_eq!(find("open").get("path"), "/chat");
    assert_eq!(find("open").get("pid"), find("close").get("pid"));
    assert_eq!(find("close").get("in_bytes"), "2");
    assert_eq!(find("close").get("service"), "exit 0");
    assert_eq!(find("service").get("line"), "tab\there \"quoted\"");
    assert_eq!(find("stop").get("signal"), "SIGTERM");
    assert!(events.iter().all(|line| line.level == "info"), "{events:?}");
}

#[test]
fn a_quiet_log_says_nothing_of_sessions() {
    let options = ["--log-level", "error", "--port", "0"];
    let server = Setup::new(&["cat"]).options(&options).spawn();
    let port = wait_for("the listener", || listening_port(server.pid()));
    let mut peer = Peer::connect(([127, 0, 0, 1], port).into());
    peer.upgrade(&Request::upgrade("/", port));
    peer.close();
    assert_eq!(server.stop(), Vec::<String>::new());
}

#[test]
fn a_debugging_log_is_still_a_log() {
    let server = Server::cat(&["--log-level", "debug"]);
    let mut peer = server.open("/");
    peer.send_text("a secret");
    peer.expect_text("a secret");
    peer.close();
    server.log().event("close");
    for line in server.stop() {
        assert!(Line::parse(&line).is_some(), "{line}");
        assert!(!line.contains("secret"), "payload in the log: {line}");
    }
}
