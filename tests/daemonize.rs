//! What those see who start and supervise: the shell, init scripts, service managers, the system log.
#![cfg(feature = "daemon")]
#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test says by a panic what is wrong"
)]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;

use support::http::Request;
use support::manager::Manager;
use support::peer::Peer;
use support::process::{self, Family, Process, listening_port, wait_gone};
use support::server::{Server, Setup};
use support::wait_for;

/// Runs a command line to the end of what was started, and of everything that holds its output.
fn run(setup: &Setup, family: &Family) -> Output {
    let mut command = setup.command(family);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A daemon that serves `cat` on a port of its own, its pid in `pid`.
fn cat() -> Setup {
    let options = ["--daemon", "--pid-file", "pid", "--port", "0"];
    Setup::new(&["cat"]).options(&options)
}

/// The pid in the file `pid`, if there is one.
fn pid(family: &Family) -> Option<i32> {
    let text = fs::read_to_string(family.dir().join("pid")).ok()?;
    text.strip_suffix('\n')?.parse().ok()
}

#[track_caller]
fn expect_service(daemon: i32) -> Peer {
    let port = listening_port(daemon).unwrap();
    let mut peer = Peer::connect(([127, 0, 0, 1], port).into());
    peer.upgrade(&Request::upgrade("/", port));
    peer.send_text("served");
    peer.expect_text("served");
    peer
}

#[test]
fn a_daemon_serves_when_the_command_has_ended() {
    let family = Family::new();
    let output = run(&cat(), &family);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(said(&output), "");
    let daemon = pid(&family).unwrap();
    let mut peer = expect_service(daemon);
    let found = Process::find(daemon).unwrap();
    assert_eq!(found.session, daemon, "a session of its own: {found:?}");
    let link = |path: &str| fs::read_link(format!("/proc/{daemon}/{path}")).unwrap();
    for number in 0..=2 {
        assert_eq!(link(&format!("fd/{number}")).to_str(), Some("/dev/null"));
    }
    assert_eq!(link("cwd"), family.dir());

    process::signal(daemon, Signal::SIGTERM);
    peer.expect_end(1001);
    wait_gone(daemon);
    assert!(!family.dir().join("pid").exists());
    family.wait_gone();
}

#[test]
fn a_daemon_begins_anew_in_place() {
    let family = Family::new();
    let socket = family.dir().join("notify");
    let manager = Manager::at(&socket);
    let setup = cat().env("NOTIFY_SOCKET", socket.to_str().unwrap());
    assert_eq!(run(&setup, &family).status.code(), Some(0));
    let daemon = pid(&family).unwrap();
    let ready = manager.expect("READY");
    assert_eq!(ready.get("MAINPID"), Some(&daemon.to_string()));

    let mut peer = expect_service(daemon);
    process::signal(daemon, Signal::SIGHUP);
    manager.expect("RELOADING");
    let ready = manager.expect("READY");
    assert_eq!(ready.get("MAINPID"), Some(&daemon.to_string()));
    assert_eq!(pid(&family), Some(daemon));
    peer.send_text("still here");
    peer.expect_text("still here");

    // The lock has come along.
    let second = run(&cat(), &family);
    assert_eq!(second.status.code(), Some(111), "{second:?}");
    process::signal(daemon, Signal::SIGTERM);
    peer.expect_end(1001);
    wait_gone(daemon);
    assert!(!family.dir().join("pid").exists());
    family.wait_gone();
}

#[test]
fn what_hinders_a_daemon_is_told_to_who_started_it() {
    let family = Family::new();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let port = address.port().to_string();
    let options = ["--daemon", "--address", "127.0.0.1", "--port", &port];
    let in_use = run(&Setup::new(&["cat"]).options(&options), &family);
    assert_eq!(in_use.status.code(), Some(111));
    assert!(said(&in_use).contains(&address.to_string()), "{in_use:?}");

    let absent = run(&Setup::new(&["./absent"]).options(&["--daemon"]), &family);
    assert_eq!(absent.status.code(), Some(127));
    assert!(said(&absent).contains("./absent"), "{absent:?}");

    let options = ["--daemon", "--no-such-option"];
    let wrong = run(&Setup::new(&["cat"]).options(&options), &family);
    assert_eq!(wrong.status.code(), Some(100));

    let options = ["--daemon", "--pid-file", "no/such/directory", "--port", "0"];
    let nowhere = run(&Setup::new(&["cat"]).options(&options), &family);
    assert_eq!(nowhere.status.code(), Some(111));
    assert!(said(&nowhere).contains("no/such/directory"), "{nowhere:?}");
    family.wait_gone();
}

#[test]
fn a_pid_file_allows_no_second_one() {
    let setup = Setup::new(&["cat"]).options(&["--pid-file", "pid"]);
    let mut server = setup.start();
    let family = server.family();
    assert_eq!(pid(family), Some(server.pid()));
    let second = run(&cat(), family);
    assert_eq!(second.status.code(), Some(111));
    let holder = format!("process {}", server.pid());
    assert!(said(&second).contains(&holder), "{second:?}");
    assert_eq!(pid(family), Some(server.pid()));
    server.open("/").close();

    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!server.file("pid").exists());
}

#[test]
fn a_pid_file_that_was_left_behind_is_taken() {
    let family = Family::new();
    let setup = Setup::new(&["cat"]).options(&["--pid-file", "pid", "--port", "0"]);
    fs::write(family.dir().join("pid"), "1\nand more than there was\n").unwrap();
    let mut child = setup.command(&family).spawn().unwrap();
    let own = i32::try_from(child.id()).unwrap();
    wait_for("the pid", || (pid(&family) == Some(own)).then_some(()));
    // As if it had been killed: the lock goes, the file stays.
    wait_for("the port", || listening_port(own));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(pid(&family), Some(own));
    let mut child = setup.command(&family).spawn().unwrap();
    let own = i32::try_from(child.id()).unwrap();
    wait_for("the pid", || (pid(&family) == Some(own)).then_some(()));
    process::signal(own, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_no_file_is_no_pid_file_and_stays() {
    let setup = Setup::new(&["cat"]).options(&["--pid-file", "pid", "--port", "0"]);
    let mut server = setup
        .wrapped(&["sh", "-c", r#"mkfifo pid; exec "$@""#, "sh"])
        .spawn();
    assert_eq!(server.wait().code(), Some(111));
    let what = server.log().event("error").get("what").to_owned();
    assert!(what.ends_with(r#"/pid": not a file"#), "{what}");
    assert!(server.file("pid").exists());
}

#[test]
fn a_session_does_not_hold_the_pid_file_of_a_listener_that_was_killed() {
    let family = Family::new();
    let setup = Setup::new(&["cat"]).options(&["--pid-file", "pid", "--port", "0"]);
    let mut child = setup.command(&family).spawn().unwrap();
    let own = i32::try_from(child.id()).unwrap();
    wait_for("the pid", || (pid(&family) == Some(own)).then_some(()));
    wait_for("the port", || listening_port(own));
    let mut peer = expect_service(own);
    child.kill().unwrap();
    child.wait().unwrap();
    let second = run(&cat(), &family);
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    peer.close();
    process::signal(pid(&family).unwrap(), Signal::SIGTERM);
    family.wait_gone();
}

#[test]
fn a_check_says_what_is_wrong_and_serves_nobody() {
    let family = Family::new();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    // Nothing is bound: so a port in use is no mistake.
    let options = ["--check", "--daemon", "--pid-file", "pid", "--port", &port];
    let right = run(&Setup::new(&["cat"]).options(&options), &family);
    assert_eq!((right.status.code(), said(&right).as_str()), (Some(0), ""));
    assert!(!family.dir().join("pid").exists());
    let wrong = run(&Setup::new(&["./absent"]).options(&options), &family);
    assert_eq!(wrong.status.code(), Some(127));
    assert!(said(&wrong).contains("./absent"), "{wrong:?}");
}

// -- service managers

/// A server with a manager that listens in another directory.
fn managed(setup: Setup) -> (Server, Manager, Family) {
    let elsewhere = Family::new();
    let socket = elsewhere.dir().join("notify");
    let manager = Manager::at(&socket);
    let server = setup.env("NOTIFY_SOCKET", socket.to_str().unwrap()).start();
    (server, manager, elsewhere)
}

#[test]
fn a_manager_learns_of_every_turn() {
    let setup = Setup::new(&["./service"]).file("service", "#!/bin/sh\n");
    let (mut server, manager, _elsewhere) = managed(setup);
    let own = server.pid().to_string();
    let ready = manager.expect("READY");
    assert_eq!(ready.get("MAINPID"), Some(&own));
    assert_eq!(ready.get("STATUS").map(String::as_str), Some("serving"));

    server.signal(Signal::SIGHUP);
    let reloading = manager.expect("RELOADING");
    let first: u128 = reloading.get("MONOTONIC_USEC").unwrap().parse().unwrap();
    assert!(first > 0);
    assert_eq!(manager.expect("READY").get("MAINPID"), Some(&own));

    fs::remove_file(server.file("service")).unwrap();
    server.signal(Signal::SIGHUP);
    let reloading = manager.expect("RELOADING");
    let second: u128 = reloading.get("MONOTONIC_USEC").unwrap().parse().unwrap();
    assert!(second > first);
    let ready = manager.expect("READY");
    assert!(
        ready.get("STATUS").unwrap().contains("./service"),
        "{ready:?}"
    );

    server.signal(Signal::SIGTERM);
    manager.expect("STOPPING");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_manager_learns_that_the_last_sessions_are_awaited() {
    let (mut server, manager, _elsewhere) = managed(Setup::new(&["cat"]));
    let mut peer = server.open("/");
    manager.expect("READY");
    server.signal(Signal::SIGQUIT);
    let stopping = manager.expect("STOPPING");
    assert_eq!(stopping.get("STATUS").map(String::as_str), Some("draining"));
    peer.close();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_manager_without_a_path_is_found() {
    let name = format!("websockd-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager::over(UnixDatagram::bind_addr(&address).unwrap());
    let setup = Setup::new(&["cat"]).env("NOTIFY_SOCKET", &format!("@{name}"));
    let _server = setup.start();
    manager.expect("READY");
}

#[test]
fn a_watchdog_gets_its_signs_of_life_also_after_a_restart() {
    let setup = Setup::new(&["cat"]).env("WATCHDOG_USEC", "50000");
    let (server, manager, _elsewhere) = managed(setup);
    let signs_until = |name: &str| {
        let mut count = 0;
        loop {
            let message = manager.message();
            if message.contains_key(name) {
                return count;
            }
            assert!(message.contains_key("WATCHDOG"), "{message:?}");
            count += 1;
        }
    };
    signs_until("READY");
    for _ in 0..5 {
        manager.expect("WATCHDOG");
    }
    server.signal(Signal::SIGHUP);
    signs_until("RELOADING");
    signs_until("READY");
    for _ in 0..5 {
        manager.expect("WATCHDOG");
    }
}

#[test]
fn another_process_s_watchdog_gets_none() {
    let setup = Setup::new(&["cat"]).env("WATCHDOG_USEC", "1000");
    let (server, manager, _elsewhere) = managed(setup.env("WATCHDOG_PID", "1"));
    manager.expect("READY");
    server.open("/").close();
    server.signal(Signal::SIGHUP);
    manager.expect("RELOADING");
    manager.expect("READY");
}

#[test]
fn services_do_not_speak_to_the_manager() {
    let script = "env | grep -E '^(NOTIFY|WATCHDOG|LISTEN|WEBSOCKD_R)'; echo none";
    let setup = Setup::sh(script).env("WATCHDOG_USEC", "60000000");
    let (server, manager, _elsewhere) = managed(setup);
    server.open("/").expect_text("none");
    manager.expect("READY");
    server.signal(Signal::SIGHUP);
    server.log().event("restart");
    server.open("/").expect_text("none");
}

// -- the system log

/// Runs with a `/dev` of its own, in which `log` is the socket of that name in the directory.
const OWN_DEV: [&str; 6] = [
    "unshare",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    r#"mkdir dev && touch dev/null && mount --bind /dev/null dev/null &&
       ln -s "$PWD/log" dev/log && mount --rbind dev /dev && exec "$0" "$@""#,
];

/// Whether the machine lets us have one. Some containers do not, and no tool helps there.
fn may_mount() -> bool {
    let probe = [
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ];
    let status = Command::new("unshare").args(probe).status();
    let may = status.is_ok_and(|status| status.success());
    if !may {
        eprintln!("left out: no right to mount");
    }
    may
}

#[test]
fn the_system_log_gets_what_happens_once_it_serves() {
    if !may_mount() {
        return;
    }
    let family = Family::new();
    let log = UnixDatagram::bind(family.dir().join("log")).unwrap();
    log.set_read_timeout(Some(support::DEADLINE)).unwrap();
    let line = |event: &str| {
        let mut bytes = [0; 2048];
        let len = log.recv(&mut bytes).expect(event);
        let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
        // Facility daemon, severity info; then name and pid: the time is the system log's to write.
        let rest = text.strip_prefix("<30>websockd[").expect(&text);
        let (pid, rest) = rest.split_once("]: ").expect(&text);
        assert!(rest.starts_with(event), "{text}");
        pid.parse::<i32>().unwrap()
    };
    let setup = cat().options(&["--address", "127.0.0.1"]).wrapped(&OWN_DEV);
    let output = run(&setup, &family);
    assert_eq!(
        (output.status.code(), said(&output).as_str()),
        (Some(0), "")
    );
    let daemon = pid(&family).unwrap();
    assert_eq!(line("listening"), daemon);
    let mut peer = expect_service(daemon);
    let session = line("open");
    process::signal(daemon, Signal::SIGHUP);
    assert_eq!(line("restart"), daemon);
    peer.close();
    assert_eq!(line("close"), session);
    process::signal(daemon, Signal::SIGTERM);
    assert_eq!(line("stop"), daemon);
    family.wait_gone();
}
