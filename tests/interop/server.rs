//! The server under test: alone, and behind the super-servers of others.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};
use nix::unistd::{Pid, Uid, User};

use super::lines::Lines;
use super::tools;

/// Anything that is due is there long before this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server in the foreground, ended with the test.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// What comes on its standard error.
    log: Lines,
    /// Where its services are: the name of each and its port.
    ports: Vec<(String, u16)>,
}

impl Server {
    /// `websockd` on a port of the kernel's choice, listening when this returns.
    pub(super) fn websockd(arguments: &[&str]) -> Self {
        let mut server = Self::spawn(
            Command::new(env!("CARGO_BIN_EXE_websockd"))
                .args(["--port", "0"])
                .args(arguments)
                .stdout(Stdio::null()),
        );
        let line = server.wait_for(" listening address=127.0.0.1:");
        server.ports = vec![(String::new(), port_at_end(&line))];
        server
    }

    /// `tcpserver` with `websockd` and these arguments; `None` if tcpserver is not there.
    pub(super) fn tcpserver(arguments: &[&str]) -> Option<Self> {
        let tcpserver = tools::find("root/usr/bin/tcpserver")?;
        let mut server = Self::spawn(
            Command::new("sh")
                .arg(tools::data("tcpserver.run"))
                .args(arguments)
                .env("TCPSERVER", tcpserver)
                .env("WEBSOCKD", env!("CARGO_BIN_EXE_websockd"))
                .stdout(Stdio::piped()),
        );
        let mut output = Lines::of(server.child.stdout.take().unwrap());
        let port = output.wait_for(PATIENCE, |_| true).parse().unwrap();
        server.ports = vec![(String::new(), port)];
        Some(server)
    }

    /// `inetd` with the services of inetd.conf; `None` if inetd is not there.
    pub(super) fn inetd() -> Option<Self> {
        let inetd = tools::find("root/usr/sbin/inetd")?;
        let mut configuration = fs::read_to_string(tools::data("inetd.conf")).unwrap();
        let user = User::from_uid(Uid::effective()).unwrap().unwrap().name;
        let services = tools::data("").display().to_string();
        for (word, value) in [
            ("@USER@", user.as_str()),
            ("@WEBSOCKD@", env!("CARGO_BIN_EXE_websockd")),
            ("@SERVICES@/", &services),
        ] {
            configuration = configuration.replace(word, value);
        }
        let reserved = reserve_ports(&mut configuration);
        let file = TemporaryFile::with(&configuration);
        // In the foreground, telling what it does, and without a pid file.
        let mut server = Self::spawn(
            Command::new(inetd)
                .arg("-d")
                .arg(&file.path)
                .stdout(Stdio::null()),
        );
        server.ports = reserved.iter().map(|port| port.named()).collect();
        for (_, port) in &server.ports {
            wait_until("inetd listens", || is_listened_on(*port));
        }
        Some(server)
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Lines::of(child.stderr.take().unwrap());
        Self {
            child,
            log,
            ports: Vec::new(),
        }
    }

    /// The address of the only service.
    pub(super) fn address(&self) -> SocketAddrV4 {
        self.address_of("")
    }

    /// The address of the named service.
    pub(super) fn address_of(&self, service: &str) -> SocketAddrV4 {
        let found = self.ports.iter().find(|(name, _)| name == service);
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, found.unwrap().1)
    }

    /// What a client is given to reach the only service.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/", self.address())
    }

    /// What a client is given to reach the named service.
    pub(super) fn url_of(&self, service: &str) -> String {
        format!("ws://{}/", self.address_of(service))
    }

    /// The next line of the log that has this in it.
    ///
    /// # Panics
    /// If none comes in time.
    pub(super) fn wait_for(&mut self, part: &str) -> String {
        self.log.wait_for(PATIENCE, |line| line.contains(part))
    }

    /// Asks it to end, without waiting for that.
    pub(super) fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
    }
}

impl Drop for Server {
    /// Ends it and whatever holds its standard error.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
        }
        let is_gone = self.log.wait_for_end(PATIENCE);
        if !is_gone {
            self.child.kill().unwrap();
        }
        self.child.wait().unwrap();
        if !std::thread::panicking() {
            assert!(is_gone, "it does not end, after\n{}", self.log.seen());
        }
    }
}

/// A port that is ours until inetd listens on it: bound, so that the kernel gives it to nobody else,
/// with SO_REUSEADDR, so that another socket with it may be bound there and listen.
struct ReservedPort {
    name: String,
    socket: OwnedFd,
}

impl ReservedPort {
    fn new(name: &str) -> Self {
        let socket = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        setsockopt(&socket, sockopt::ReuseAddr, &true).unwrap();
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        Self {
            name: name.to_owned(),
            socket,
        }
    }

    fn named(&self) -> (String, u16) {
        let address: SockaddrIn = getsockname(self.socket.as_raw_fd()).unwrap();
        (self.name.clone(), address.port())
    }
}

/// Gives each word in `@` that is left in `configuration` a port.
fn reserve_ports(configuration: &mut String) -> Vec<ReservedPort> {
    let mut reserved = Vec::new();
    while let Some((_, rest)) = configuration.split_once("127.0.0.1:@") {
        let (name, _) = rest.split_once('@').unwrap();
        let port = ReservedPort::new(&name.to_lowercase());
        let word = format!("@{name}@");
        *configuration = configuration.replace(&word, &port.named().1.to_string());
        reserved.push(port);
    }
    reserved
}

/// Whether a socket listens on this port of 127.0.0.1, without connecting to it.
fn is_listened_on(port: u16) -> bool {
    let address = u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets());
    let listening = format!(" {address:08X}:{port:04X} 00000000:0000 0A ");
    fs::read_to_string("/proc/net/tcp")
        .unwrap()
        .contains(&listening)
}

/// Returns as soon as `is_so`.
///
/// # Panics
/// If that is not in time.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn port_at_end(line: &str) -> u16 {
    line.rsplit(':').next().unwrap().parse().unwrap()
}

/// A file that goes with the value.
struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    fn with(text: &str) -> Self {
        let name = format!(
            "{}-{:?}.conf",
            std::process::id(),
            std::thread::current().id()
        );
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).unwrap();
        Self { path }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap();
    }
}
