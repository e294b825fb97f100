//! `websockd` behind a real unixserver and behind s6's, on Unix sockets.

use std::os::unix::net::UnixStream;
use std::process::Command;

use nix::unistd::{getegid, geteuid};

use super::superserver::SuperServer;
use super::tools;
use crate::support::http::Request;
use crate::support::peer::Peer;

const WEBSOCKD: &str = env!("CARGO_BIN_EXE_websockd");

/// A service that tells whom it serves.
const WHO: [&str; 4] = ["--", "sh", "-c", "echo $PROTO $REMOTE_IDENT $UNIXREMOTEPID"];

fn expect_who(server: &SuperServer) {
    let mut peer = Peer::over(UnixStream::connect(server.path()).unwrap());
    assert_eq!(peer.upgrade(&Request::upgrade("/", 80)).status, 101);
    let (user, group, pid) = (geteuid(), getegid(), std::process::id());
    peer.expect_text(format!("UNIX {user}:{group}:{pid} {pid}"));
    peer.expect_end(1000);
    let peer = server
        .log()
        .event_where("open", |_| true)
        .get("peer")
        .to_owned();
    assert_eq!(peer, format!("unix:{user}:{group}:{pid}"));
}

#[test]
fn unixserver_tells_whom_it_serves() {
    let Some(unixserver) = tools::find("root/usr/bin/unixserver") else {
        return;
    };
    let mut command = Command::new(unixserver);
    command.args(["socket", WEBSOCKD]).args(WHO);
    expect_who(&SuperServer::unix(command));
}

#[test]
fn s6_ipcserver_tells_whom_it_serves() {
    if !tools::has_program("s6-ipcserver") {
        return;
    }
    let mut command = Command::new("s6-ipcserver");
    command.args(["socket", WEBSOCKD]).args(WHO);
    expect_who(&SuperServer::unix(command));
}

#[test]
fn s6_hands_over_a_socket_that_listens() {
    if !tools::has_program("s6-ipcserver-socketbinder") {
        return;
    }
    let mut command = Command::new("s6-ipcserver-socketbinder");
    command.args(["--", "socket", WEBSOCKD]).args(WHO);
    let server = SuperServer::unix(command);
    expect_who(&server);
    let listening = server.log().event("listening");
    assert_eq!(listening.get("address"), "socket");
}
