//! The real websocketd beside the built program: what a service is told and who is let in must be the
//! same on the same command line, except for what the manual's migration table says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::superserver::{ReservedPort, is_listened_on};
use super::tools;
use crate::support::http::Request;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::process::{Family, signal};
use crate::support::server::Setup;
use crate::support::wait_for;

/// The real one, on a port of its own. At the test's end it is stopped.
#[derive(Debug)]
struct Websocketd {
    child: Child,
    log: Log,
    port: u16,
    family: Family,
}

impl Websocketd {
    /// `None` if it is not there.
    fn start(options: &[&str], program: &[&str]) -> Option<Self> {
        let file = tools::find("root/usr/bin/websocketd")?;
        let family = Family::new();
        let reserved = ReservedPort::new("");
        let (_, port) = reserved.named();
        let mut child = Command::new(file)
            .args(["--address", "127.0.0.1", "--port", &port.to_string()])
            .args(options)
            .args(program)
            .current_dir(family.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = Log::collect(child.stdout.take().unwrap());
        wait_for("websocketd to listen", || {
            is_listened_on(port).then_some(())
        });
        Some(Self {
            child,
            log,
            port,
            family,
        })
    }
}

impl Drop for Websocketd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log.so_far().join("\n"));
        }
        signal(i32::try_from(self.child.id()).unwrap(), Signal::SIGTERM);
        wait_for("websocketd's exit", || self.child.try_wait().unwrap());
        self.family.wait_gone();
    }
}

fn connect(port: u16) -> Peer {
    Peer::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())
}

/// What `env` prints, with the ports of this connection by name.
fn environment(port: u16, request: &Request) -> BTreeMap<String, String> {
    let mut peer = connect(port);
    peer.send(&request.bytes());
    let response = peer.response();
    assert_eq!(response.status, 101, "{response:?}");
    let ours = peer.address().port().to_string();
    let mut variables = BTreeMap::new();
    // websocketd ends without a Close, between any two bytes that it still had to send.
    while !variables.contains_key("END") {
        let line = String::from_utf8(peer.frame().payload).unwrap();
        let (name, value) = line.split_once('=').unwrap();
        let value = value
            .replace(&port.to_string(), "PORT")
            .replace(&ours, "CLIENT");
        variables.insert(name.to_owned(), value);
    }
    variables
}

/// Requests that have shown a difference, or might.
fn requests(port: u16) -> Vec<Request> {
    let upgrade = |target: &str| Request::upgrade(target, port);
    vec![
        upgrade("/"),
        upgrade("/a%20b/%C3%BC/..;x/~c?q=%20+x&r=%"),
        upgrade("/a/?"),
        upgrade("/").line("GET http://other.example:81/a?b HTTP/1.1"),
        upgrade("/").set("Host", "name.example"),
        upgrade("/").set("Host", "name.example:8443"),
        upgrade("/").set("Host", "[::1]:8443"),
        upgrade("/").set("Host", "[::1]"),
        upgrade("/").set("Host", "192.0.2.1"),
        upgrade("/")
            .with("User-Agent", "test/1.0 (ü)")
            .with("x-a-1b", "=\"$v\"")
            .with("X-Empty", "")
            .with("X-Many", "one")
            .with("X-Many", "two, three")
            .with("Accept-Language", "  de ,en  "),
        upgrade("/")
            .with("Origin", "http://name.example")
            .with("Cookie", "a=b; c=d")
            .with("Authorization", "Basic YTpi")
            .with("Sec-WebSocket-Extensions", "permessage-deflate"),
    ]
}

/// Ours alone.
const MORE: &[&str] = &[
    "HTTP_HOST",
    "PROTO",
    "TCPLOCALIP",
    "TCPLOCALPORT",
    "TCPREMOTEIP",
    "TCPREMOTEPORT",
    "WEBSOCKET_PROTOCOL",
];

/// Which of two servers it is, which request of theirs: never the same.
const UNLIKE: &[&str] = &["SERVER_SOFTWARE", "UNIQUE_ID"];

#[test]
fn a_service_finds_the_variables_that_websocketd_sets() {
    let program = ["sh", "-c", "unset PWD; env; echo END=; cat"];
    let Some(websocketd) = Websocketd::start(&[], &program) else {
        return;
    };
    let options = ["--host=*", "--any-origin", "--passenv=PATH,LD_LIBRARY_PATH"];
    let server = Setup::new(&program).options(&options).start();
    let pairs = requests(websocketd.port)
        .into_iter()
        .zip(requests(server.port()));
    for (asked, same) in pairs {
        let mut theirs = environment(websocketd.port, &asked);
        let mut ours = environment(server.port(), &same);
        for name in UNLIKE {
            assert!(
                ours.remove(*name).is_some() && theirs.remove(*name).is_some(),
                "{name}"
            );
        }
        let more: BTreeSet<_> = ours
            .keys()
            .filter(|it| !theirs.contains_key(*it))
            .cloned()
            .collect();
        assert!(
            more.iter().all(|name| MORE.contains(&name.as_str())),
            "{more:?}"
        );
        ours.retain(|name, _| !more.contains(name));
        // As websocketd 0.5 has it; before it was its own word.
        theirs.insert("GATEWAY_INTERFACE".into(), "CGI/1.1".into());
        // RFC 3875 4.1.14 wants the brackets, which websocketd drops where a port follows.
        let name = theirs["SERVER_NAME"].replace("::1", "[::1]");
        theirs.insert(
            "SERVER_NAME".into(),
            name.replace("[[", "[").replace("]]", "]"),
        );
        assert_eq!(ours, theirs, "{asked:?}");
    }
}

/// Lists of origins, and the pages that are let in or not.
const LISTS: &[&str] = &[
    "a.example",
    "a.example:80",
    "a.example:8080",
    "http://a.example",
    "https://a.example",
    "https://a.example:8443",
    "http://a.example:80",
    "https://a.example:443",
    "b.example,a.example",
    "b.example:1,https://a.example",
    "[::1]:8080",
    "192.0.2.1",
];

const ORIGINS: &[&str] = &[
    "http://a.example",
    "http://a.example:80",
    "http://a.example:8080",
    "https://a.example",
    "https://a.example:443",
    "https://a.example:8443",
    "http://b.example",
    "http://b.example:1",
    "http://sub.a.example",
    "http://a.example.evil.example",
    "http://a.example@evil.example",
    "http://192.0.2.1:5",
    "http://[::1]:8080",
    "http://[::1]",
    "null",
    "",
    "a.example",
];

fn status(port: u16, request: &Request) -> u16 {
    let mut peer = connect(port);
    peer.send(&request.bytes());
    peer.response().status
}

#[test]
fn the_pages_that_websocketd_lets_in_are_let_in() {
    for list in LISTS {
        let option = format!("--origin={list}");
        let Some(websocketd) = Websocketd::start(&[&option], &["cat"]) else {
            return;
        };
        let server = Setup::new(&["cat"]).options(&[&option]).start();
        for origin in ORIGINS {
            let ask = |port| status(port, &Request::upgrade("/", port).with("Origin", origin));
            let (ours, theirs) = (ask(server.port()), ask(websocketd.port));
            assert_eq!(ours, theirs, "{list} {origin}");
        }
    }
}

#[test]
fn the_same_origin_is_what_it_is_for_websocketd() {
    for options in [
        &["--sameorigin"][..],
        &["--sameorigin", "--origin=a.example:8080"],
    ] {
        let Some(websocketd) = Websocketd::start(options, &["cat"]) else {
            return;
        };
        let server = Setup::new(&["cat"])
            .options(options)
            .options(&["--host=*"])
            .start();
        for (host, origin) in [
            ("a.example", "http://a.example"),
            ("a.example:80", "http://a.example"),
            ("a.example", "http://a.example:80"),
            ("a.example:8080", "http://a.example:8080"),
            ("a.example:8080", "http://a.example"),
            ("a.example:8080", "http://b.example:8080"),
            ("b.example:8080", "http://b.example:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("a.example", "null"),
        ] {
            let ask = |port| {
                let request = Request::upgrade("/", port).set("Host", host);
                status(port, &request.with("Origin", origin))
            };
            let (ours, theirs) = (ask(server.port()), ask(websocketd.port));
            assert_eq!(ours, theirs, "{options:?} {host} {origin}");
        }
    }
}

/// The columns of a line, its values by name.
fn columns(line: &str, port: u16) -> (Vec<String>, BTreeMap<String, String>) {
    let line = line.replace(&port.to_string(), "PORT");
    let mut columns: Vec<_> = line.split(" | ").map(str::to_owned).collect();
    let pairs = columns.remove(3);
    let pairs = pairs.split("' ").filter_map(|pair| pair.split_once(":'"));
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.trim_end_matches('\'').to_owned()));
    (columns, pairs.collect())
}

#[test]
fn the_log_has_the_lines_of_websocketd() {
    let Some(websocketd) = Websocketd::start(&[], &["/bin/cat"]) else {
        return;
    };
    let ours = Setup::new(&["/bin/cat"])
        .options(&["-address", "127.0.0.1", "-port", "0"])
        .wrapped(&[
            "sh",
            "-c",
            r#"ln -s "$0" websocketd && exec ./websocketd "$@" 1>&2 2>/dev/null"#,
        ])
        .spawn();
    let start = ours
        .log()
        .line("a start", |line| line.contains(" Starting "));
    let port = start.rsplit_once(':').unwrap().1.parse().unwrap();
    for port in [websocketd.port, port] {
        let mut peer = connect(port);
        peer.upgrade(&Request::upgrade("/a?b=c", port).with("Origin", "http://a.example"));
        peer.send_fin();
    }
    for message in ["| CONNECT", "| DISCONNECT"] {
        let line = |log: &Log| log.line(message, |line| line.ends_with(message));
        let (theirs, their_pairs) = columns(&line(&websocketd.log), websocketd.port);
        let (ours, our_pairs) = columns(&line(ours.log()), port);
        assert_eq!(ours[1..], theirs[1..]);
        assert_eq!(ours[0].len(), theirs[0].len(), "{ours:?}");
        for (key, value) in &their_pairs {
            match key.as_str() {
                "id" | "pid" => assert!(our_pairs.contains_key(key), "{our_pairs:?}"),
                _ => assert_eq!(our_pairs.get(key), Some(value), "{key}"),
            }
        }
    }
}
