//! `websockd` started by a real systemd-socket-activate, in all the ways it has.

use std::os::unix::net::UnixStream;

use super::superserver::{ReservedPort, SuperServer};
use crate::support::http::Request;
use crate::support::peer::Peer;
use crate::support::process::Family;

/// A service that shows what it has of the protocol, which is nothing, and comes back.
const PROGRAM: [&str; 5] = [
    env!("CARGO_BIN_EXE_websockd"),
    "--",
    "sh",
    "-c",
    "echo [$LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES]; exec cat",
];

#[track_caller]
fn converse(mut peer: Peer) {
    assert_eq!(peer.upgrade(&Request::upgrade("/", 80)).status, 101);
    peer.expect_text("[]");
    peer.send_text("hello");
    peer.expect_text("hello");
    peer.close();
}

fn place(port: &ReservedPort) -> String {
    format!("127.0.0.1:{}", port.named().1)
}

#[test]
fn systemd_starts_one_for_each_client_or_one_for_all() {
    for options in [
        &["--fdname", "web"][..],
        &["--accept"],
        &["--inetd"],
        &["--accept", "--inetd"],
    ] {
        let port = ReservedPort::new("");
        let Some(systemd) = SuperServer::systemd(options, &[place(&port)], &[port], &PROGRAM)
        else {
            return;
        };
        for _ in 0..3 {
            converse(Peer::connect(systemd.address().into()));
        }
        systemd.log().events("open", 3);
        let said = systemd.log().so_far().join("\n");
        assert_eq!(
            said.contains("info listening"),
            !options.contains(&"--accept")
        );
        assert_eq!(said.contains("name=web"), options.contains(&"--fdname"));
    }
}

#[test]
fn systemd_passes_on_several_sockets_at_a_time() {
    for options in [&["--fdname", "tcp:local"][..], &["--accept"]] {
        let port = ReservedPort::new("");
        let family = Family::new();
        let path = family.dir().join("socket");
        let places = [place(&port), path.display().to_string()];
        let Some(systemd) = SuperServer::systemd(options, &places, &[port], &PROGRAM) else {
            return;
        };
        converse(Peer::over(UnixStream::connect(&path).unwrap()));
        converse(Peer::connect(systemd.address().into()));
        converse(Peer::over(UnixStream::connect(&path).unwrap()));
        if options.contains(&"--accept") {
            continue;
        }
        let listening = systemd.log().events("listening", 2);
        let names: Vec<_> = listening.iter().map(|line| line.get("name")).collect();
        assert_eq!(names, ["tcp", "local"]);
    }
}
