//! Many clients, some of whom say nothing: who gets a place, who loses it, and what happens when the
//! machine has none left.
#![cfg(feature = "daemon")]
#![expect(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use support::http::Request;
use support::log::Line;
use support::peer::Peer;
use support::process::{processor_time, status as status_of, wait_gone};
use support::server::{Server, Setup};
#[cfg(feature = "site")]
use support::wait_for;

/// A connection from another address of the loopback network.
fn connect_from(last: u8, server: &Server) -> Peer {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, last, 0)).unwrap();
    connect(
        fd.as_raw_fd(),
        &SockaddrIn::new(127, 0, 0, 1, server.port()),
    )
    .unwrap();
    Peer::over(fd)
}

fn status(server: &Server, peer: &mut Peer) -> u16 {
    peer.send(&server.upgrade("/").bytes());
    peer.response().status
}

#[track_caller]
fn expect_echo(peer: &mut Peer, text: &str) {
    peer.send_text(text);
    peer.expect_text(text);
}

/// Connections that say nothing.
fn stalled(server: &Server, count: usize) -> Vec<Peer> {
    (0..count).map(|_| server.connect()).collect()
}

/// What a client reads that has lost its place.
#[track_caller]
fn expect_ousted(peer: &mut Peer) {
    assert_eq!(peer.refusal().status, 503);
}

/// A limit of the listener, set by its own user.
fn limit(server: &Server, name: &str, soft: &str) {
    let pid = server.pid().to_string();
    let limit = format!("--{name}={soft}:");
    let owner = |name| u32::try_from(status_of(server.pid(), name)).unwrap();
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid, &limit]);
    command.uid(owner("Uid")).gid(owner("Gid"));
    assert!(command.status().unwrap().success());
}

fn pauses(server: &Server) -> Vec<Line> {
    let lines = server.log().so_far();
    let parsed = lines.iter().filter_map(|line| Line::parse(line));
    parsed
        .filter(|line| line.event == "error" && line.get("what").ends_with("; pausing"))
        .collect()
}

#[test]
fn an_address_gets_so_many_and_others_get_theirs() {
    let server = Server::cat(&["--max-clients-per-address", "2"]);
    let (mut one, _two) = (server.open("/"), server.open("/"));
    let mut third = server.connect();
    third.send(&server.upgrade("/").bytes());
    let refusal = third.refusal();
    assert_eq!(refusal.status, 429);
    assert_eq!(refusal.field("Retry-After"), Some("5"));
    let refused = server.log().event("refuse");
    assert_eq!(refused.get("remedy"), "--max-clients-per-address");
    let mut other = connect_from(2, &server);
    assert_eq!(status(&server, &mut other), 101);
    one.close();
    drop(one);
    server.expect_sessions(2);
    assert_eq!(status(&server, &mut server.connect()), 101);
}

#[test]
fn a_restart_does_not_forget_whose_the_places_are() {
    let server = Server::cat(&["--max-clients-per-address", "1"]);
    let mut peer = server.open("/");
    server.signal(Signal::SIGHUP);
    server.log().event("restart");
    assert_eq!(server.refusal(&server.upgrade("/")).status, 429);
    assert_eq!(status(&server, &mut connect_from(2, &server)), 101);
    expect_echo(&mut peer, "still here");
}

#[test]
fn those_who_say_nothing_have_a_tenth_of_the_places_at_least_sixteen() {
    let server = Server::cat(&["--max-clients", "100"]);
    let mut peers = stalled(&server, 16);
    server.expect_sessions(16);
    peers.extend(stalled(&server, 4));
    for peer in peers.iter_mut().take(4) {
        expect_ousted(peer);
    }
    server.expect_sessions(16);
    let refused = server.log().events("refuse", 4);
    assert_eq!(refused.last().unwrap().get("remedy"), "--max-clients");
    for peer in peers.iter_mut().skip(4) {
        assert_eq!(status(&server, peer), 101);
    }
    assert_eq!(server.log().events("refuse", 4).len(), 4);
}

#[test]
fn those_who_say_nothing_have_half_of_few_places() {
    let server = Server::cat(&["--max-clients", "4"]);
    let mut peers = stalled(&server, 4);
    for peer in peers.iter_mut().take(2) {
        expect_ousted(peer);
    }
    let mut open = [server.open("/"), server.open("/")];
    for peer in &mut open {
        expect_echo(peer, "hello");
    }
}

#[test]
fn sessions_that_talk_are_not_counted_among_those_who_say_nothing() {
    let server = Server::cat(&["--max-clients", "100"]);
    let mut open: Vec<_> = (0..40).map(|_| server.open("/")).collect();
    let mut silent = stalled(&server, 16);
    server.expect_sessions(56);
    for peer in &mut open {
        expect_echo(peer, "still here");
    }
    for peer in &mut silent {
        assert_eq!(status(&server, peer), 101);
    }
}

#[test]
fn a_network_with_most_of_the_places_loses_one() {
    let server = Server::cat(&["--max-clients", "100"]);
    let mut lonely = connect_from(2, &server);
    let mut crowd = stalled(&server, 40);
    for peer in crowd.iter_mut().take(25) {
        expect_ousted(peer);
    }
    assert_eq!(status(&server, &mut lonely), 101);
}

#[test]
fn who_has_said_nothing_for_long_makes_room_when_all_places_are_taken() {
    let server = Server::cat(&["--max-clients", "2"]);
    let mut peer = server.open("/");
    let mut silent = server.connect();
    server.expect_sessions(2);
    let begun = Instant::now();
    // Until then it may be only slow.
    let mut refused = 0;
    let mut late = loop {
        let mut late = server.connect();
        match status(&server, &mut late) {
            503 => refused += 1,
            status => {
                assert_eq!(status, 101);
                break late;
            }
        }
    };
    assert!(refused > 0);
    assert!(begun.elapsed() > Duration::from_millis(900));
    expect_ousted(&mut silent);
    expect_echo(&mut late, "hello");
    expect_echo(&mut peer, "hello");
}

#[test]
#[cfg(feature = "site")]
fn a_page_s_connection_makes_room_when_all_places_are_taken() {
    let server = Server::cat(&["--console", "--max-clients", "2"]);
    let mut peer = server.open("/");
    let mut page = server.connect();
    page.send(&Request::plain("/", server.port()).bytes());
    assert_eq!(page.response().status, 200);
    server.expect_sessions(2);
    // It begins to wait when its answer has left, which may be a moment after that has come.
    let mut late = wait_for("the page's place", || {
        let mut late = server.connect();
        late.send(&server.upgrade("/").bytes());
        (late.response().status == 101).then_some(late)
    });
    expect_echo(&mut late, "hello");
    expect_echo(&mut peer, "hello");
    assert_eq!(server.refusal(&server.upgrade("/")).status, 503);
}

#[test]
fn a_restart_does_not_forget_who_says_nothing() {
    let server = Server::cat(&["--max-clients", "100"]);
    let mut silent = stalled(&server, 16);
    server.expect_sessions(16);
    server.signal(Signal::SIGHUP);
    server.log().event("restart");
    let mut peer = server.open("/");
    expect_echo(&mut peer, "hello");
    expect_ousted(&mut silent[0]);
    assert_eq!(status(&server, &mut silent[1]), 101);
}

#[test]
fn a_thousand_who_say_nothing_do_not_keep_a_client_waiting() {
    const SILENT: usize = 1000;
    const ROUNDS: usize = 200;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let server = Server::cat(&[]);
    let peers = stalled(&server, SILENT);
    server.log().events("refuse", SILENT - 102);
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            let mut peer = server.open("/");
            expect_echo(&mut peer, "hello");
            let time = begun.elapsed();
            peer.close();
            time
        })
        .collect();
    times.sort();
    let (median, p99) = (times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
    eprintln!("time to echo beside {SILENT}: p50 {median:?}, p99 {p99:?}");
    // On a machine that is not busy with other tests it is a hundredth of that: see benches/load.
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
    drop(peers);
}

#[test]
fn a_listener_without_descriptors_waits_for_one() {
    let server = Server::cat(&[]);
    server.open("/").close();
    server.expect_sessions(0);
    limit(&server, "nofile", "3");
    let mut peer = server.connect();
    peer.send(&server.upgrade("/").bytes());
    let told = server.log().event("error");
    assert_eq!(
        told.get("what"),
        "cannot accept: Too many open files; pausing"
    );
    expect_idleness(&server);
    limit(&server, "nofile", "1000");
    assert_eq!(peer.response().status, 101);
    expect_echo(&mut peer, "at last");
}

#[test]
fn a_listener_that_cannot_fork_keeps_the_client_and_waits() {
    let Some(server) = of_another_user(&[]) else {
        return;
    };
    limit(&server, "nproc", "1");
    let mut peer = server.connect();
    peer.send(&server.upgrade("/").bytes());
    let told = server.log().event("error");
    let what = told.get("what");
    assert!(
        what.starts_with("cannot fork: ") && what.ends_with("; pausing"),
        "{what}"
    );
    expect_idleness(&server);
    limit(&server, "nproc", "1000");
    assert_eq!(peer.response().status, 101);
    expect_echo(&mut peer, "at last");
}

#[test]
fn a_start_with_too_few_descriptors_says_what_it_could_not_do() {
    // The program itself is loaded with four.
    for count in 4.. {
        let limit = format!("--nofile={count}");
        let setup = Setup::new(&["cat"]).wrapped(&["prlimit", &limit]);
        let mut server = setup.options(&["--port", "0"]).spawn();
        let line = Line::parse(&server.log().line("the first", |_| true)).unwrap();
        if line.event == "listening" {
            assert!(count > 4, "nothing was refused");
            break;
        }
        let what = line.get("what");
        assert!(
            what.starts_with("cannot ") && what.ends_with(": Too many open files"),
            "{what}"
        );
        assert_eq!(server.wait().code(), Some(111));
    }
}

/// A listener of another user's, for whose processes there is a number that can be reached. `None`: only
/// root can have one.
fn of_another_user(options: &[&str]) -> Option<Server> {
    geteuid().is_root().then(|| {
        let setup = Setup::new(&["cat"]).wrapped(&["sh", "-c", SHARED, "sh"]);
        let setup = setup.options(&["--user", "61234:61234"]);
        setup.options(options).start()
    })
}

#[test]
fn a_spare_process_makes_room_for_one_that_is_needed() {
    let Some(server) = of_another_user(&["--max-clients", "1"]) else {
        return;
    };
    let mut peer = server.open("/");
    expect_echo(&mut peer, "hello");
    let spare = server.spare();
    // The listener, the session and its service, and the spare one.
    limit(&server, "nproc", "4");
    assert_eq!(server.refusal(&server.upgrade("/")).status, 503);
    wait_gone(spare.pid);
    expect_echo(&mut peer, "still here");
}

#[test]
fn the_last_client_is_the_last_though_it_had_to_wait() {
    let Some(mut server) = of_another_user(&[]) else {
        return;
    };
    limit(&server, "nproc", "1");
    let mut peer = server.connect();
    peer.send(&server.upgrade("/").bytes());
    server.log().event("error");
    server.signal(Signal::SIGQUIT);
    server.log().event("stop");
    limit(&server, "nproc", "1000");
    assert_eq!(peer.response().status, 101);
    expect_echo(&mut peer, "at last");
    peer.close();
    assert_eq!(server.wait().code(), Some(0));
}

/// Runs from a copy in the working directory, where the other user may look.
const COPIED: &str =
    r#"chmod 755 . && cp "$1" websockd && shift && PATH="$PWD:$PATH" exec websockd "$@""#;

/// Lets its trial take until it is let go on, and is the real one then.
const TRIED_AT_LENGTH: &str = r#"#!/bin/sh
[ "$1" != --check ] || read -r line < "${0%/*}/go"
exec "${0%/*}/real" "$@"
"#;

#[test]
fn who_waits_for_a_process_has_it_before_the_program_begins_anew() {
    if !geteuid().is_root() {
        return;
    }
    let setup = Setup::new(&["cat"]).file("trial", TRIED_AT_LENGTH);
    let setup = setup.wrapped(&["sh", "-c", COPIED, "sh"]);
    let server = setup.options(&["--user", "61234:61234"]).start();
    fs::copy(env!("CARGO_BIN_EXE_websockd"), server.file("real")).unwrap();
    mkfifo(&server.file("go"), Mode::from_bits_truncate(0o644)).unwrap();
    fs::rename(server.file("trial"), server.file("websockd")).unwrap();
    server.signal(Signal::SIGHUP);
    // The trial is the one process that there may be beside the listener.
    server.expect_sessions(1);
    limit(&server, "nproc", "2");
    let mut peer = server.connect();
    peer.send(&Request::plain("/", server.port()).bytes());
    let told = server.log().event("error").get("what").to_owned();
    assert!(told.starts_with("cannot fork: "), "{told}");
    server.put("go", "\n");
    assert_eq!(peer.response().status, 426);
    server.log().event("restart");
}

/// Lets the other user in.
const SHARED: &str = "chmod 755 . && exec \"$@\"";

/// For a while nothing happens but a line a second.
#[track_caller]
fn expect_idleness(server: &Server) {
    const WHILE: Duration = Duration::from_millis(2500);
    let (before, begun) = (processor_time(server.pid()), Instant::now());
    // Nothing is waited for: this is how long it is watched.
    std::thread::sleep(WHILE);
    let used = processor_time(server.pid()) - before;
    let (told, seconds) = (pauses(server).len(), begun.elapsed().as_secs() + 2);
    assert!(used <= 50, "{used} ms of processor time");
    let most = usize::try_from(seconds).unwrap();
    assert!((2..=most).contains(&told), "{told} lines in {seconds} s");
}
