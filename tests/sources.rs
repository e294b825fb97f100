//! Where connections come from: sockets that were passed on, Unix sockets, ports shared with others.
#![cfg(feature = "daemon")]
#![expect(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::{getegid, geteuid};

use support::http::Request;
use support::inetd::{Inetd, Stderr};
use support::peer::Peer;
use support::process::{self, Family};
use support::server::{Server, Setup};
use support::wait_for;

/// One line there and back, then the closing handshake.
#[track_caller]
fn converse(peer: &mut Peer) {
    open(peer);
    echo(peer);
    peer.close();
}

#[track_caller]
fn open(peer: &mut Peer) {
    let response = peer.upgrade(&Request::upgrade("/", 80));
    assert_eq!(response.status, 101);
}

#[track_caller]
fn echo(peer: &mut Peer) {
    peer.send_text("hello");
    peer.expect_text("hello");
}

fn cat() -> Setup {
    Setup::new(&["cat"])
}

/// A listener on a path in its working directory, and nowhere else.
fn unix(setup: Setup) -> Server {
    let server = setup.options(&["--unix", "socket"]).spawn();
    server.log().event("listening");
    server
}

fn connect_to(path: impl AsRef<Path>) -> Peer {
    Peer::over(UnixStream::connect(path).unwrap())
}

fn bound() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

/// What a service says that prints its environment.
fn variables(peer: &mut Peer) -> Vec<String> {
    open(peer);
    let mut lines = Vec::new();
    loop {
        let frame = peer.frame();
        if frame.is_control() {
            return lines;
        }
        lines.push(String::from_utf8(frame.payload).unwrap());
    }
}

#[test]
fn a_unix_socket_is_listened_on_alone() {
    let server = unix(cat());
    converse(&mut connect_to(server.file("socket")));
    assert_eq!(process::listening_port(server.pid()), None);
    let logged = server.stop().join("\n");
    assert_eq!(logged.matches(" listening ").count(), 1, "{logged}");
}

#[test]
fn a_unix_socket_is_listened_on_beside_a_port_that_was_asked_for() {
    let server = cat().options(&["--unix", "socket"]).start();
    let listening = server.log().events("listening", 3);
    let path = server.file("socket").display().to_string();
    assert_eq!(listening.last().unwrap().get("address"), path);
    converse(&mut connect_to(path));
    converse(&mut server.connect());
}

#[test]
fn the_client_of_a_unix_socket_is_known_by_its_process() {
    let server = unix(Setup::new(&["env"]).wrapped(&["env", "UNIXREMOTEPID=1", "TCPREMOTEIP=::"]));
    let path = server.file("socket");
    let (user, group, pid) = (geteuid(), getegid(), std::process::id());
    let ident = format!("{user}:{group}:{pid}");
    // The second has a process that was there before it.
    for count in 1..=2 {
        let lines = variables(&mut connect_to(&path));
        for line in [
            "PROTO=UNIX".to_owned(),
            "REMOTE_ADDR=".to_owned(),
            format!("REMOTE_IDENT={ident}"),
            format!("UNIXLOCALPATH={}", path.display()),
            format!("UNIXREMOTEEGID={group}"),
            format!("UNIXREMOTEEUID={user}"),
            "UNIXREMOTEPATH=".to_owned(),
            format!("UNIXREMOTEPID={pid}"),
        ] {
            assert!(lines.contains(&line), "{line} in {lines:#?}");
        }
        let is_tcp = |line: &String| line.starts_with("TCP");
        assert!(!lines.iter().any(is_tcp), "{lines:#?}");
        let opened = server.log().events("open", count);
        assert_eq!(opened.last().unwrap().get("peer"), format!("unix:{ident}"));
        server.spare();
    }
}

#[test]
fn a_unix_socket_has_the_permissions_that_were_asked_for() {
    for (options, mode) in [(&[][..], 0o660), (&["--unix-mode", "0600"], 0o600)] {
        let server = unix(cat().options(options));
        let found = fs::metadata(server.file("socket")).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_unix_socket_is_gone_when_it_is_not_listened_on_any_more() {
    let mut server = unix(cat());
    converse(&mut connect_to(server.file("socket")));
    let mut peer = connect_to(server.file("socket"));
    open(&mut peer);
    assert!(server.file("socket").exists());
    server.signal(Signal::SIGQUIT);
    wait_for("the file to go", || {
        (!server.file("socket").exists()).then_some(())
    });
    echo(&mut peer);
    peer.close();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_a_server_left_that_is_no_more_is_replaced() {
    let family = Family::new();
    let path = family.dir().join("socket");
    let options = ["--unix", path.to_str().unwrap()];
    drop(UnixListener::bind(&path).unwrap());
    let server = cat().options(&options).spawn();
    server.log().event("listening");
    converse(&mut connect_to(&path));
    drop(server);
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_of_a_server_that_listens_is_refused() {
    let server = unix(cat());
    let path = server.file("socket");
    let mut second = cat().options(&["--unix", path.to_str().unwrap()]).spawn();
    assert_eq!(second.wait().code(), Some(111));
    let said = second.log().complete().join("\n");
    assert!(said.contains(path.to_str().unwrap()), "{said}");
    assert!(said.contains("ddress already in use"), "{said}");
    converse(&mut connect_to(path));
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let family = Family::new();
    let path = family.dir().join("file");
    fs::write(&path, "precious").unwrap();
    let mut server = cat().options(&["--unix", path.to_str().unwrap()]).spawn();
    assert_eq!(server.wait().code(), Some(111));
    assert_eq!(fs::read_to_string(path).unwrap(), "precious");
}

#[test]
fn a_file_that_another_server_made_in_its_place_stays() {
    let mut server = unix(cat());
    let path = server.file("socket");
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(path.exists());
}

#[test]
fn a_start_that_fails_leaves_no_unix_socket() {
    let family = Family::new();
    let path = family.dir().join("socket");
    let options = ["--unix", path.to_str().unwrap(), "--pid-file", "/"];
    let mut server = cat().options(&options).spawn();
    assert_eq!(server.wait().code(), Some(111));
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_stays_through_a_restart_and_goes_at_the_end() {
    let mut server = unix(cat());
    let path = server.file("socket");
    let inode = fs::metadata(&path).unwrap().ino();
    server.signal(Signal::SIGHUP);
    server.log().event("restart");
    converse(&mut connect_to(&path));
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_daemon_keeps_its_unix_socket_and_removes_it() {
    let family = Family::new();
    let (path, pid) = (family.dir().join("socket"), family.dir().join("pid"));
    let options = ["--daemon", "--unix", "socket", "--pid-file", "pid"];
    let status = cat().options(&options).command(&family).status().unwrap();
    assert_eq!(status.code(), Some(0));
    converse(&mut connect_to(&path));
    let pid = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    process::signal(pid, Signal::SIGTERM);
    family.wait_gone();
    assert!(!path.exists());
}

#[test]
fn no_more_connections_wait_than_backlog_says() {
    let server = unix(cat().options(&["--backlog", "2"]));
    let path = server.file("socket");
    server.signal(Signal::SIGSTOP);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let address = UnixAddr::new(&path).unwrap();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
            let outcome = connect(fd.as_raw_fd(), &address);
            (fd, outcome)
        })
        .collect();
    server.signal(Signal::SIGCONT);
    // Linux lets one more wait than it is told.
    let outcomes: Vec<_> = waiting.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes, [Ok(()), Ok(()), Ok(()), Err(Errno::EAGAIN)]);
}

#[test]
fn two_listeners_share_a_port_if_both_say_so() {
    let first = Server::cat(&["--reuse-port"]);
    let port = first.port().to_string();
    let second = Server::cat(&["--reuse-port", "--port", &port]);
    assert_eq!(second.port(), first.port());
    converse(&mut first.connect());
    let mut third = cat().options(&["--port", &port]).spawn();
    assert_eq!(third.wait().code(), Some(111));
}

#[test]
fn a_listener_that_is_passed_on_is_listened_on() {
    let (listener, address) = bound();
    let setup = Setup::new(&["env"]).env("LISTEN_FDNAMES", "web");
    let mut server = Inetd::passed(&setup, vec![listener]);
    let listening = server.log().event("listening");
    assert_eq!(listening.get("address"), address.to_string());
    assert_eq!(listening.get("name"), "web");
    let lines = variables(&mut Peer::connect(address));
    assert!(
        !lines.iter().any(|line| line.starts_with("LISTEN_")),
        "{lines:?}"
    );
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn several_listeners_that_are_passed_on_are_listened_on() {
    let family = Family::new();
    let path = family.dir().join("socket");
    let (tcp, address) = bound();
    let unix = UnixListener::bind(&path).unwrap();
    let mut server = Inetd::passed(&cat(), vec![tcp, unix.into()]);
    let listening = server.log().events("listening", 2);
    let addresses: Vec<_> = listening.iter().map(|line| line.get("address")).collect();
    assert_eq!(addresses, [&address.to_string(), path.to_str().unwrap()]);
    converse(&mut Peer::connect(address));
    converse(&mut connect_to(&path));
    process::signal(server.pid(), Signal::SIGHUP);
    server.log().event("restart");
    converse(&mut Peer::connect(address));
    converse(&mut connect_to(&path));
    assert_eq!(server.stop().code(), Some(0));
    // It is not ours.
    assert!(path.exists());
}

#[test]
fn a_client_that_is_passed_on_is_served_alone() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut server = Inetd::passed(&cat(), vec![theirs.into()]);
    converse(&mut Peer::over(ours));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn clients_that_are_passed_on_are_all_served() {
    let (one, theirs) = UnixStream::pair().unwrap();
    let (other, others) = UnixStream::pair().unwrap();
    let mut server = Inetd::passed(&cat(), vec![theirs.into(), others.into()]);
    let (mut one, mut other) = (Peer::over(one), Peer::over(other));
    open(&mut one);
    converse(&mut other);
    echo(&mut one);
    one.close();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_client_and_a_listener_are_passed_on_together() {
    let (listener, address) = bound();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut server = Inetd::passed(&cat(), vec![theirs.into(), listener]);
    let mut early = Peer::over(ours);
    open(&mut early);
    converse(&mut Peer::connect(address));
    echo(&mut early);
    early.close();
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn what_is_passed_on_to_another_process_is_not_taken() {
    let (listener, address) = bound();
    let setup = Setup::new(&["env"]).env("LISTEN_PID", "1");
    let mut server = Inetd::passed(&setup.options(&["--port", "0"]), vec![listener]);
    let listening = server.log().event("listening").get("address").to_owned();
    assert_ne!(listening, address.to_string());
    let lines = variables(&mut Peer::connect(listening.parse().unwrap()));
    assert!(
        !lines.iter().any(|line| line.starts_with("LISTEN_")),
        "{lines:?}"
    );
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn an_option_for_listening_goes_before_what_is_passed_on() {
    let (listener, address) = bound();
    let options = ["--address", "127.0.0.1", "--port", "0"];
    let mut server = Inetd::passed(&cat().options(&options), vec![listener]);
    let listening = server.log().event("listening").get("address").to_owned();
    assert_ne!(listening, address.to_string());
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn what_is_passed_on_and_is_no_socket_is_refused() {
    let file = fs::File::open("/dev/null").unwrap();
    let mut server = Inetd::passed(&cat(), vec![file.into()]);
    assert_eq!(server.wait().code(), Some(111));
    let said = server.log().complete().join("\n");
    assert!(said.contains("descriptor 3"), "{said}");
}

#[test]
fn a_listener_on_descriptor_0_is_listened_on() {
    let (listener, address) = bound();
    for options in [&[][..], &["--inetd"]] {
        let listener = listener.try_clone().unwrap();
        let mut server = Inetd::wait_for_clients(&cat().options(options), listener);
        server.log().event("listening");
        converse(&mut Peer::connect(address));
        converse(&mut Peer::connect(address));
        assert_eq!(server.stop().code(), Some(0));
    }
}

#[test]
fn a_listener_is_not_the_service_s() {
    let (listener, address) = bound();
    let script = "for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c socket";
    let mut server = Inetd::passed(&Setup::sh(script), vec![listener]);
    let mut peer = Peer::connect(address);
    open(&mut peer);
    peer.expect_text("0");
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn what_a_super_server_tells_of_the_client_is_passed_on() {
    let setup = Setup::new(&["env"])
        .env("PROTO", "TCP")
        .env("TCPREMOTEHOST", "client.example")
        .env("TCPREMOTEINFO", "alice");
    let (_session, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
    let lines = variables(&mut peer);
    for line in ["REMOTE_HOST=client.example", "REMOTE_IDENT=alice"] {
        assert!(lines.iter().any(|it| it == line), "{line} in {lines:#?}");
    }
}

#[test]
fn a_standard_error_that_is_another_socket_is_the_log() {
    let (ours, theirs) = TcpListener::bind("127.0.0.1:0")
        .map(|it| {
            (
                TcpStream::connect(it.local_addr().unwrap()).unwrap(),
                it.accept().unwrap().0,
            )
        })
        .unwrap();
    let (log, stderr) = UnixStream::pair().unwrap();
    let family = Family::new();
    let mut child = cat()
        .command(&family)
        .stdin(OwnedFd::from(theirs))
        .stderr(OwnedFd::from(stderr))
        .spawn()
        .unwrap();
    let log = support::log::Log::collect(log);
    converse(&mut Peer::over(ours));
    log.event("close");
    assert!(child.wait().unwrap().success());
    family.wait_gone();
}
