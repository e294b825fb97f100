//! Signals to the listener and to sessions: how all of it ends.
#![cfg(feature = "daemon")]
#![expect(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use support::http::Request;
use support::log::Line;
use support::peer::{End, Peer};
use support::process::{self, Family, Process, written};
use support::server::{Server, Setup};
use support::{wait_for, wait_until_still};

/// Ends a server with two sessions by a signal; what they and the log see of it.
#[track_caller]
fn expect_stop(mut server: Server, stop: impl FnOnce(&Server), name: &str) {
    let mut peers = [server.open("/"), server.open("/")];
    stop(&server);
    for peer in &mut peers {
        peer.expect_end(1001);
    }
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.log().event("stop").get("signal"), name);
    for close in server.log().events("close", 2) {
        assert_eq!(close.get("code"), "1001");
    }
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
}

#[test]
fn sigterm_ends_every_session_with_1001_and_the_listener_with_0() {
    expect_stop(
        Server::cat(&[]),
        |server| server.signal(Signal::SIGTERM),
        "SIGTERM",
    );
}

#[test]
fn sigint_ends_every_session_with_1001_and_the_listener_with_0() {
    expect_stop(
        Server::cat(&[]),
        |server| server.signal(Signal::SIGINT),
        "SIGINT",
    );
}

#[test]
fn ctrl_c_at_the_terminal_ends_every_session_with_1001_too() {
    let stop = |server: &Server| killpg(Pid::from_raw(server.pid()), Signal::SIGINT).unwrap();
    expect_stop(Server::cat(&[]), stop, "SIGINT");
}

#[test]
fn a_listener_without_sessions_stops_at_once() {
    let mut server = Server::cat(&[]);
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "it waited for nobody"
    );
}

#[test]
fn signals_that_were_ignored_or_blocked_at_start_work_all_the_same() {
    let wrapper = [
        "env",
        "--ignore-signal=CHLD,PIPE",
        "--block-signal=TERM,CHLD,INT",
    ];
    let server = Setup::sh("read line; exit 3").wrapped(&wrapper).start();
    let mut peer = server.open("/");
    peer.send_text("");
    assert_eq!(peer.expect_end(1011), "exit status 3");
    wait_for("the session to be reaped", || {
        server.sessions().is_empty().then_some(())
    });
    expect_stop_without_sessions(server);
}

#[track_caller]
fn expect_stop_without_sessions(mut server: Server) {
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn nobody_new_is_let_in_while_the_last_ones_leave() {
    let mut server = Server::sh(&[], "while [ ! -e go ]; do sleep 0.02; done");
    let mut peer = server.open("/");
    server.signal(Signal::SIGTERM);
    expect_closed_door(&server);
    assert!(Process::find(server.pid()).is_some_and(|listener| listener.state != 'Z'));
    server.put("go", "");
    peer.expect_end(1001);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_service_that_heeds_nothing_does_not_keep_the_listener() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.02; done";
    let mut server = Server::sh(&["--grace", "200ms"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_client_that_neither_reads_nor_answers_does_not_keep_the_listener() {
    let mut server = Server::sh(&["--grace", "200ms"], "yes 'to somebody who does not read'");
    let peer = server.open("/");
    let service = server.service(&peer);
    wait_until_still("a full socket", || written(service.pid));
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_client_that_is_still_asking_does_not_keep_the_listener() {
    let mut server = Server::cat(&["--grace", "200ms"]);
    let mut peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\n");
    wait_for("the session", || {
        (!server.sessions().is_empty()).then_some(())
    });
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_client_that_is_being_refused_is_told_so_though_the_listener_stops() {
    let mut server = Server::cat(&[]);
    let mut peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n");
    wait_for("the session", || {
        (!server.sessions().is_empty()).then_some(())
    });
    server.signal(Signal::SIGTERM);
    let (_, end) = peer.drain();
    assert_eq!(end, End::Fin);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_session_told_to_end_ends_alone() {
    let server = Server::cat(&[]);
    let mut ended = server.open("/");
    let mut other = server.open("/");
    process::signal(server.session(&ended), Signal::SIGTERM);
    ended.expect_end(1001);
    other.send_text("unharmed");
    other.expect_text("unharmed");
    server.open("/").close();
    other.close();
}

#[test]
fn a_session_that_is_killed_takes_nobody_with_it() {
    let server = Server::cat(&[]);
    let killed = server.open("/");
    let mut other = server.open("/");
    let session = server.session(&killed);
    process::signal(session, Signal::SIGKILL);
    wait_for("it to be reaped", || {
        Process::find(session).is_none().then_some(())
    });
    other.send_text("unharmed");
    other.expect_text("unharmed");
    server.open("/").close();
    other.close();
}

#[test]
fn a_place_is_free_again_when_a_session_was_killed() {
    let server = Server::cat(&["--max-clients", "1"]);
    let killed = server.open("/");
    process::signal(server.session(&killed), Signal::SIGKILL);
    wait_for("a free place", || {
        let mut peer = server.connect();
        peer.send(&server.upgrade("/").bytes());
        (peer.response().status == 101).then_some(())
    });
}

#[test]
fn sigquit_leaves_the_sessions_to_themselves() {
    let mut server = Server::cat(&[]);
    let mut peers = [server.open("/"), server.open("/")];
    server.signal(Signal::SIGQUIT);
    expect_closed_door(&server);
    let [first, last] = &mut peers;
    first.send_text("still served");
    first.expect_text("still served");
    first.close();
    last.send_text("the last one");
    last.expect_text("the last one");
    assert!(Process::find(server.pid()).is_some_and(|listener| listener.state != 'Z'));
    last.close();
    assert_eq!(server.wait().code(), Some(0));
    let stops = server.log().events("stop", 1);
    assert_eq!(stops[0].get("signal"), "SIGQUIT");
}

#[track_caller]
fn expect_closed_door(server: &Server) {
    wait_for("the door to close", || {
        TcpStream::connect(("127.0.0.1", server.port()))
            .is_err()
            .then_some(())
    });
}

#[test]
fn a_listener_without_sessions_has_nothing_to_wait_for_at_sigquit() {
    let mut server = Server::cat(&[]);
    server.signal(Signal::SIGQUIT);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_keyboards_sigquit_does_not_end_sessions_either() {
    let mut server = Server::cat(&[]);
    let mut peer = server.open("/");
    killpg(Pid::from_raw(server.pid()), Signal::SIGQUIT).unwrap();
    expect_closed_door(&server);
    peer.send_text("still served");
    peer.expect_text("still served");
    peer.close();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn who_leaves_slowly_can_be_told_to_hurry() {
    let mut server = Server::cat(&[]);
    let mut peer = server.open("/");
    server.signal(Signal::SIGQUIT);
    expect_closed_door(&server);
    // Neither changes anything.
    server.signal(Signal::SIGQUIT);
    server.signal(Signal::SIGHUP);
    server.signal(Signal::SIGTERM);
    peer.expect_end(1001);
    assert_eq!(server.wait().code(), Some(0));
    let stops = server.log().events("stop", 2);
    let signals: Vec<_> = stops.iter().map(|stop| stop.get("signal")).collect();
    assert_eq!(signals, ["SIGQUIT", "SIGTERM"]);
}

#[test]
fn who_is_in_a_hurry_stays_so() {
    let mut server = Server::sh(&[], "while [ ! -e go ]; do sleep 0.02; done");
    let mut peer = server.open("/");
    server.signal(Signal::SIGTERM);
    expect_closed_door(&server);
    for signal in [
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGUSR1,
    ] {
        server.signal(signal);
    }
    server.log().event("status");
    server.put("go", "");
    peer.expect_end(1001);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.log().events("stop", 1).len(), 1);
}

#[test]
fn sigusr1_logs_every_session_and_the_totals() {
    let server = Server::cat(&[]);
    let mut busy = server.open("/");
    busy.send_text("four");
    busy.expect_text("four");
    let idle = server.open("/");
    server.open("/").close();
    server.log().event("close");
    wait_for("the third to be gone", || {
        (server.sessions().len() == 2).then_some(())
    });
    let mut asking = server.connect();
    asking.send(b"GET / HTTP/1.1\r\n");
    wait_for("three sessions", || {
        (server.sessions().len() == 3).then_some(())
    });
    server.signal(Signal::SIGUSR1);

    let status = server.log().event("status");
    assert_eq!(status.number::<i32>("pid"), server.pid());
    assert_eq!((status.get("sessions"), status.get("served")), ("3", "4"));
    let lines = server.log().events("session", 3);
    let of = |peer: &Peer| {
        let address = peer.address().to_string();
        lines
            .iter()
            .find(|line| line.get("peer") == address)
            .unwrap()
    };
    let line = of(&busy);
    assert_eq!(line.number::<i32>("pid"), server.session(&busy));
    let keys = [
        "state",
        "in_messages",
        "in_bytes",
        "out_messages",
        "out_bytes",
    ];
    let values = |line: &Line| keys.map(|key| line.get(key).to_owned());
    assert_eq!(values(line), ["open", "1", "4", "1", "4"]);
    assert_eq!(values(of(&idle)), ["open", "0", "0", "0", "0"]);
    assert_eq!(values(of(&asking)), ["handshake", "0", "0", "0", "0"]);

    // And nobody was disturbed.
    let rest = server.upgrade("/").bytes();
    let rest = rest.strip_prefix(b"GET / HTTP/1.1\r\n".as_slice()).unwrap();
    asking.send(rest);
    asking.accepted();
    for mut peer in [busy, idle, asking] {
        peer.send_text("unharmed");
        peer.expect_text("unharmed");
        peer.close();
    }
}

#[test]
fn a_session_says_that_it_waits_for_its_service() {
    let server = Server::sh(&[], "cat; while [ ! -e go ]; do sleep 0.02; done");
    let mut peer = server.open("/");
    peer.send_close(1000, "");
    wait_for("the session to answer", || {
        server.signal(Signal::SIGUSR1);
        server.log().event("session");
        let lines = server.log().so_far();
        lines
            .iter()
            .any(|line| line.contains("state=answering"))
            .then_some(())
    });
    server.put("go", "");
    peer.expect_close(1000);
    peer.expect_fin();
}

#[test]
fn services_find_every_signal_at_its_default() {
    let server = Server::sh(&[], "grep -E '^Sig(Ign|Blk)' /proc/self/status");
    let mut peer = server.open("/");
    for name in ["SigBlk", "SigIgn"] {
        let text = String::from_utf8(peer.message().payload).unwrap();
        let (found, mask) = text.split_once(":\t").unwrap();
        // Those from 32 on are the C library's own.
        let mask = u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
        assert_eq!((found, mask), (name, 0));
    }
}

/// Starts a listener on a terminal of its own, with its log in a file; its pid and its port.
fn on_a_terminal(family: &Family) -> (Child, i32, u16) {
    let in_terminal = r#"exec script -qec "exec $* 2>log" /dev/null"#;
    let setup = Setup::new(&["cat"]).options(&["--port", "0"]);
    let setup = setup.wrapped(&["sh", "-c", in_terminal, "sh"]);
    let mut command = setup.command(family);
    let terminal = command
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let line = logged(family, "listening");
    let address: SocketAddr = line.number("address");
    let parent = i32::try_from(terminal.id()).unwrap();
    let listener = wait_for("the listener", || {
        let child = Process::children(parent).pop();
        child.filter(|child| child.name == "websockd")
    });
    (terminal, listener.pid, address.port())
}

/// The first event of a name in the file `log`.
fn logged(family: &Family, event: &str) -> Line {
    wait_for(event, || {
        let log = fs::read_to_string(family.dir().join("log")).ok()?;
        let mut lines = log.lines().filter_map(Line::parse);
        lines.find(|line| line.event == event)
    })
}

#[test]
fn the_end_of_the_terminal_is_the_end_but_a_persons_hang_up_is_not() {
    let family = Family::new();
    let (mut terminal, listener, port) = on_a_terminal(&family);
    let mut peer = Peer::connect(([127, 0, 0, 1], port).into());
    peer.upgrade(&Request::upgrade("/", port));
    process::signal(listener, Signal::SIGHUP);
    logged(&family, "restart");
    peer.send_text("still here");
    peer.expect_text("still here");

    terminal.kill().unwrap();
    peer.expect_end(1001);
    assert_eq!(logged(&family, "stop").get("signal"), "SIGHUP");
    terminal.wait().unwrap();
    family.wait_gone();
}
