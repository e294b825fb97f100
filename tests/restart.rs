//! SIGHUP: the listener becomes a new program in place, and nobody notices.
#![cfg(feature = "daemon")]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test says by a panic what is wrong"
)]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use support::http::Request;
use support::log::Log;
use support::manager::Manager;
use support::peer::Peer;
use support::process::{self, Family};
use support::server::{Server, Setup};
use support::wait_for;

/// Starts from a copy of the program in the working directory, by a name without a directory.
const COPIED: [&str; 4] = [
    "sh",
    "-c",
    r#"cp "$1" websockd; shift; PATH="$PWD:$PATH" exec websockd "$@""#,
    "sh",
];

/// Has the listener begin anew, for the `count`th time, and waits until it has.
#[track_caller]
fn restart(server: &Server, count: usize) {
    server.signal(Signal::SIGHUP);
    server.log().events("restart", count);
}

/// Has the listener try to begin anew and fail; returns why.
#[track_caller]
fn fail_to_restart(server: &Server, count: usize) -> String {
    server.signal(Signal::SIGHUP);
    let errors = server.log().events("error", count);
    let what = errors[count - 1].get("what").to_owned();
    assert!(what.starts_with("not restarted: "), "{what}");
    what
}

#[track_caller]
fn expect_echo(peer: &mut Peer, text: &str) {
    peer.send_text(text);
    peer.expect_text(text);
}

/// Puts a file in the place of another in one step, as installers do.
fn install(server: &Server, name: &str, bytes: &[u8]) {
    let new = server.file("new");
    fs::write(&new, bytes).unwrap();
    fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, server.file(name)).unwrap();
}

fn program() -> Vec<u8> {
    fs::read(env!("CARGO_BIN_EXE_websockd")).unwrap()
}

/// The file that the listener runs from.
fn inode(path: impl Into<PathBuf>) -> u64 {
    fs::metadata(path.into()).unwrap().ino()
}

fn descriptors(pid: i32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let links = links.map(|link| link.display().to_string());
    let kind = |link: String| link.split(':').next().unwrap_or_default().to_owned();
    let mut kinds: Vec<_> = links.map(kind).collect();
    kinds.sort();
    kinds
}

#[test]
fn it_is_the_same_process_with_the_same_sessions_and_port() {
    let server = Server::cat(&[]);
    let mut before = server.open("/");
    let session = server.session(&before);
    restart(&server, 1);
    expect_echo(&mut before, "still here");
    let mut after = server.open("/");
    expect_echo(&mut after, "new here");
    let sessions = wait_for("two sessions", || {
        Some(server.sessions()).filter(|sessions| sessions.len() == 2)
    });
    assert!(sessions.iter().any(|it| it.pid == session));
    let event = server.log().event("restart");
    assert_eq!(event.number::<i32>("pid"), server.pid());
    assert_eq!(event.get("sessions"), "1");
}

#[test]
fn a_hundred_restarts_under_load_cost_nobody_anything() {
    const RESTARTS: usize = 100;
    const STAYING: usize = 50;
    const CONNECTING: usize = 50;
    const THREADS: usize = 5;
    // Between the rounds of one thread: what is tested is not who gets the processor.
    const PACE: Duration = Duration::from_millis(10);
    let dir = Family::new();
    let socket = dir.dir().join("notify");
    let manager = Manager::at(&socket);
    let setup = Setup::new(&["cat"]).options(&["--max-clients", "0"]);
    let server = setup.env("NOTIFY_SOCKET", socket.to_str().unwrap()).start();
    manager.expect("READY");
    // What it was started with and had no use for stays behind with the first program.
    restart(&server, 1);
    manager.expect("RELOADING");
    manager.expect("READY");
    let fds = descriptors(server.pid());
    let is_over = AtomicBool::new(false);
    let (exchanged, connected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut staying: Vec<_> = (0..STAYING).map(|_| server.open("/")).collect();
    thread::scope(|scope| {
        for peers in staying.chunks_mut(STAYING / THREADS) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let number = exchanged.fetch_add(1, Ordering::Relaxed);
                    for peer in &mut *peers {
                        peer.send_text(format!("message {number}"));
                    }
                    for peer in &mut *peers {
                        peer.expect_text(format!("message {number}"));
                    }
                    thread::sleep(PACE);
                }
            });
        }
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let peers = (0..CONNECTING / THREADS).map(|_| server.connect());
                    let mut peers: Vec<_> = peers.collect();
                    for peer in &mut peers {
                        peer.upgrade(&server.upgrade("/"));
                        expect_echo(peer, "hello");
                        peer.close();
                        connected.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::sleep(PACE);
                }
            });
        }
        // A restart that fails must not keep the others waiting for it.
        let done = thread::Builder::new().spawn_scoped(scope, || {
            for _ in 0..RESTARTS {
                server.signal(Signal::SIGHUP);
                manager.expect("RELOADING");
                manager.expect("READY");
            }
        });
        let done = done.unwrap().join();
        is_over.store(true, Ordering::Relaxed);
        done.unwrap();
    });
    assert!(exchanged.load(Ordering::Relaxed) > RESTARTS);
    let connected = connected.load(Ordering::Relaxed);
    assert!(connected > RESTARTS, "{connected} clients");
    wait_for("all but those who stay to be reaped", || {
        (server.sessions().len() == STAYING).then_some(())
    });
    server.signal(Signal::SIGUSR1);
    let status = server.log().event("status");
    assert_eq!(status.number::<usize>("sessions"), STAYING);
    assert_eq!(status.number::<usize>("served"), STAYING + connected);
    // The new program has none to a process that waits for a client.
    restart(&server, RESTARTS + 2);
    manager.expect("RELOADING");
    manager.expect("READY");
    assert_eq!(descriptors(server.pid()), fds);
    for peer in &mut staying {
        expect_echo(peer, "last words");
        peer.close();
    }
}

#[test]
fn sessions_count_across_a_restart_and_are_reaped_after_it() {
    let server = Server::cat(&["--max-clients", "1"]);
    let mut peer = server.open("/");
    restart(&server, 1);
    assert_eq!(server.refusal(&server.upgrade("/")).status, 503);
    peer.close();
    wait_for("a free place", || {
        let mut peer = server.connect();
        peer.send(&server.upgrade("/").bytes());
        (peer.response().status == 101).then_some(())
    });
    wait_for("the sessions to be reaped", || {
        server.sessions().is_empty().then_some(())
    });
}

#[test]
fn a_stop_after_a_restart_ends_the_sessions_from_before_it() {
    let mut server = Server::cat(&[]);
    let mut peer = server.open("/");
    restart(&server, 1);
    server.signal(Signal::SIGTERM);
    peer.expect_end(1001);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_service_of_a_session_killed_before_a_restart_is_taken_to_its_end_after_it() {
    let script = "trap 'echo TERM > got' TERM; echo ready; while :; do sleep 0.02; done";
    let mut server = Server::sh(&["--grace", "1s", "--stderr", "null"], script);
    let mut peer = server.open("/");
    peer.expect_text("ready");
    let start = Instant::now();
    process::signal(server.session(&peer), Signal::SIGKILL);
    server.log().event("died");
    restart(&server, 1);
    server.expect_file("got", "TERM\n");
    restart(&server, 2);
    server.family().wait_gone_by_name("sh");
    let took = start.elapsed();
    assert!(took > Duration::from_millis(1900), "{took:?}");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_new_program_under_the_old_name_is_run() {
    let setup = Setup::new(&["cat"]).wrapped(&COPIED);
    let server = setup.start();
    let mut peer = server.open("/");
    let running = || inode(format!("/proc/{}/exe", server.pid()));
    let old = running();
    install(&server, "websockd", &program());
    assert_eq!(running(), old);
    for count in 1..=2 {
        restart(&server, count);
        assert_eq!(running(), inode(server.file("websockd")));
    }
    assert_ne!(running(), old);
    expect_echo(&mut peer, "over two programs");
}

#[test]
fn a_program_that_cannot_be_run_is_told_and_the_old_one_serves_on() {
    let server = Setup::new(&["cat"]).wrapped(&COPIED).start();
    let mut peer = server.open("/");
    install(&server, "websockd", b"\x7fELF and then nothing");
    let why = fail_to_restart(&server, 1);
    assert!(why.contains("websockd"), "{why}");
    install(
        &server,
        "websockd",
        b"#!/bin/sh\necho 'no such luck' >&2; exit 3\n",
    );
    assert!(fail_to_restart(&server, 2).ends_with("no such luck"));
    install(&server, "websockd", b"#!/bin/sh\nkill -SEGV $$\n");
    assert!(fail_to_restart(&server, 3).ends_with("signal 11"));
    fs::remove_file(server.file("websockd")).unwrap();
    assert!(fail_to_restart(&server, 4).contains("No such file"));
    expect_echo(&mut peer, "unharmed");
    server.open("/").close();

    install(&server, "websockd", &program());
    restart(&server, 1);
    expect_echo(&mut peer, "at last");
}

#[test]
fn a_program_that_does_not_answer_is_given_up() {
    let server = Setup::new(&["cat"]).wrapped(&COPIED).start();
    install(&server, "websockd", b"#!/bin/sh\nsleep 1000\n");
    let why = fail_to_restart(&server, 1);
    assert!(why.contains("took longer"), "{why}");
    server.open("/").close();
    server.family().wait_gone_by_name("sleep");
}

#[test]
fn a_stop_does_not_wait_for_a_program_that_does_not_answer() {
    let mut server = Setup::new(&["cat"]).wrapped(&COPIED).start();
    install(&server, "websockd", b"#!/bin/sh\nsleep 1000\n");
    server.signal(Signal::SIGHUP);
    wait_for("the check", || {
        let members = server.family().members();
        members.iter().any(|it| it.name == "sleep").then_some(())
    });
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_service_that_is_gone_is_told_and_the_old_program_serves_on() {
    let setup = Setup::new(&["./service"]).file("service", "#!/bin/sh\necho ready\nexec cat\n");
    let server = setup.start();
    let mut peer = server.open("/");
    // Before that the shell has not read its script.
    peer.expect_text("ready");
    fs::rename(server.file("service"), server.file("elsewhere")).unwrap();
    let why = fail_to_restart(&server, 1);
    assert!(why.contains("./service"), "{why}");
    expect_echo(&mut peer, "unharmed");
    fs::rename(server.file("elsewhere"), server.file("service")).unwrap();
    restart(&server, 1);
    server.open("/").expect_text("ready");
}

#[test]
fn a_restart_asked_of_the_whole_group_ends_no_session() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let mut asking = server.connect();
    asking.send(b"GET /");
    wait_for("the second session", || {
        (server.sessions().len() == 2).then_some(())
    });
    killpg(Pid::from_raw(server.pid()), Signal::SIGHUP).unwrap();
    server.log().events("restart", 1);
    expect_echo(&mut peer, "still here");
    asking.send(b" HTTP/1.1\r\n\r\n");
    assert_eq!(asking.response().status, 400);
}

#[test]
fn restarts_asked_for_all_at_once_leave_a_listener() {
    let server = Server::cat(&[]);
    for _ in 0..50 {
        server.signal(Signal::SIGHUP);
    }
    server.log().events("restart", 1);
    server.open("/").close();
}

#[test]
fn a_listener_that_was_inherited_stays_the_same() {
    let family = Family::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = Setup::new(&["cat"]).command(&family);
    let stdin = Stdio::from(OwnedFd::from(listener));
    let mut child = command.stdin(stdin).spawn().unwrap();
    let log = Log::collect(child.stderr.take().unwrap());
    drop(command);
    let serve = || {
        let mut peer = Peer::connect(address);
        peer.upgrade(&Request::upgrade("/", address.port()));
        expect_echo(&mut peer, "served");
        peer
    };
    let mut before = serve();
    let pid = i32::try_from(child.id()).unwrap();
    for count in 1..=2 {
        process::signal(pid, Signal::SIGHUP);
        log.events("restart", count);
        serve().close();
    }
    expect_echo(&mut before, "over two restarts");
    before.close();
    process::signal(pid, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_service_does_not_learn_of_the_restart() {
    let server =
        Setup::sh("env | grep -E '^(LISTEN|WEBSOCKD_RESTART)'; ls /proc/self/fd | wc -l").start();
    let text = |server: &Server| server.open("/").message().payload;
    let before = text(&server);
    restart(&server, 1);
    assert_eq!(text(&server), before);
}

#[test]
fn a_variable_of_a_restart_that_was_none_is_no_harm() {
    let setup = Setup::new(&["cat"]).env("WEBSOCKD_RESTART", "1");
    setup
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "9")
        .start()
        .open("/")
        .close();
}
