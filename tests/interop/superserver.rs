//! Super-servers of others, each started with a configuration of its own that names the built program.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};
use nix::unistd::{Pid, Uid, User};

use super::tools;
use crate::support::log::Log;
use crate::support::process::{Family, MARKER, signal};
use crate::support::wait_for;

/// A super-server in the foreground. At the test's end it is stopped, and nothing of it may be left.
#[derive(Debug)]
pub(super) struct SuperServer {
    child: Child,
    log: Log,
    /// Where its services are: the name of each and its port.
    ports: Vec<(String, u16)>,
    family: Family,
}

impl SuperServer {
    /// `tcpserver` with `websockd` and these arguments; `None` if tcpserver is not there.
    pub(super) fn tcpserver(arguments: &[&str]) -> Option<Self> {
        let tcpserver = tools::find("root/usr/bin/tcpserver")?;
        let mut command = Command::new("sh");
        command
            .arg(tools::data("tcpserver.run"))
            .args(arguments)
            .env("TCPSERVER", tcpserver)
            .env("WEBSOCKD", env!("CARGO_BIN_EXE_websockd"))
            .stdout(Stdio::piped());
        let mut server = Self::spawn(command, Family::new());
        let output = Log::collect(server.child.stdout.take().unwrap());
        let port = output.line("port of tcpserver", |_| true);
        server.ports = vec![(String::new(), port.parse().unwrap())];
        Some(server)
    }

    /// Those `inetd`s that are there, one after the other, with the services of inetd.conf.
    pub(super) fn inetds() -> impl Iterator<Item = Self> {
        let services = tools::data("").display().to_string();
        let configuration = fs::read_to_string(tools::data("inetd.conf"))
            .unwrap()
            .replace("@USER@", &user())
            .replace("@WEBSOCKD@", env!("CARGO_BIN_EXE_websockd"))
            .replace("@SERVICES@/", &services);
        let both = [Self::openbsd_inetd, Self::inetutils_inetd];
        both.into_iter().filter_map(move |start| {
            let mut configuration = configuration.clone();
            let ports = reserve_ports(&mut configuration);
            start(&configuration, &ports)
        })
    }

    /// openbsd-inetd with this configuration; `None` if it is not there.
    pub(super) fn openbsd_inetd(configuration: &str, ports: &[ReservedPort]) -> Option<Self> {
        let inetd = tools::find("root/usr/sbin/inetd")?;
        let family = Family::new();
        let file = file(&family, configuration);
        // In the foreground, telling what it does, and without a pid file.
        let mut command = Command::new(inetd);
        command.arg("-d").arg(file).stdout(Stdio::null());
        Some(Self::listening(command, family, ports))
    }

    /// inetutils-inetd with this configuration; `None` if it is not there.
    pub(super) fn inetutils_inetd(configuration: &str, ports: &[ReservedPort]) -> Option<Self> {
        let inetd = tools::find("root/usr/sbin/inetutils-inetd")?;
        let family = Family::new();
        let file = file(&family, configuration);
        let mut command = Command::new(inetd);
        command.args(["-d", "--pidfile=pid"]).arg(file);
        Some(Self::listening(command, family, ports))
    }

    /// xinetd with this configuration; `None` if it is not there.
    pub(super) fn xinetd(configuration: &str, ports: &[ReservedPort]) -> Option<Self> {
        let xinetd = tools::find("root/usr/sbin/xinetd")?;
        let family = Family::new();
        let file = file(&family, configuration);
        let pid = family.dir().join("pid");
        let mut command = Command::new(xinetd);
        command.args(["-dontfork", "-filelog", "/dev/stderr", "-f"]);
        command.arg(file).arg("-pidfile").arg(pid);
        Some(Self::listening(command, family, ports))
    }

    /// `systemd-socket-activate` with these options, on these ports or paths, and this program; `None` if
    /// it is not there. It passes on no variable that it is not told of.
    pub(super) fn systemd(
        options: &[&str],
        places: &[String],
        ports: &[ReservedPort],
        program: &[&str],
    ) -> Option<Self> {
        let name = "systemd-socket-activate";
        if !tools::has_program(name) {
            return None;
        }
        let mut command = Command::new(name);
        command.args(options).args(["-E", MARKER]);
        for place in places {
            command.args(["-l", place]);
        }
        command.args(program).stdout(Stdio::null());
        Some(Self::listening(command, Family::new(), ports))
    }

    /// A program that listens on the Unix socket `socket` in its directory.
    pub(super) fn unix(mut command: Command) -> Self {
        command.stdout(Stdio::null());
        let server = Self::spawn(command, Family::new());
        let path = server.path();
        wait_for("a Unix socket", || UnixStream::connect(&path).ok());
        server
    }

    /// A program that listens on these ports.
    pub(super) fn listening(command: Command, family: Family, ports: &[ReservedPort]) -> Self {
        let mut server = Self::spawn(command, family);
        server.ports = ports.iter().map(ReservedPort::named).collect();
        for (name, port) in &server.ports {
            let what = format!("somebody to listen for {name}");
            wait_for(&what, || is_listened_on(*port).then_some(()));
        }
        server
    }

    fn spawn(mut command: Command, family: Family) -> Self {
        let mut child = command
            .env(MARKER, family.id())
            .current_dir(family.dir())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            log: Log::collect(child.stderr.take().unwrap()),
            child,
            ports: Vec::new(),
            family,
        }
    }

    /// The path `socket` in its directory.
    pub(super) fn path(&self) -> PathBuf {
        self.family.dir().join("socket")
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

    /// What is written on its standard error, by itself and by those who inherit it.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Waits until `count` lines of its log hold `part`.
    pub(super) fn wait_for_lines(&self, count: usize, part: &str) {
        wait_for(&format!("{count} times {part:?}"), || {
            let lines = self.log.so_far();
            let found = lines.iter().filter(|line| line.contains(part)).count();
            (found >= count).then_some(())
        });
    }
}

impl Drop for SuperServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.family.kill();
            let _reaped = self.child.wait();
            eprintln!("{}", self.log.so_far().join("\n"));
            return;
        }
        signal(i32::try_from(self.child.id()).unwrap(), Signal::SIGTERM);
        wait_for("the super-server's exit", || self.child.try_wait().unwrap());
        // A listener that it has started for several clients is nobody's then.
        for process in self.family.members() {
            let _gone = kill(Pid::from_raw(process.pid), Signal::SIGTERM);
        }
        self.family.wait_gone();
    }
}

/// The user of this test, by name.
pub(super) fn user() -> String {
    User::from_uid(Uid::effective()).unwrap().unwrap().name
}

fn file(family: &Family, configuration: &str) -> PathBuf {
    let file = family.dir().join("configuration");
    fs::write(&file, configuration).unwrap();
    file
}

/// A port that is ours until another program listens on it: bound, so that the kernel gives it to nobody else,
/// with SO_REUSEADDR, so that another socket with it may be bound there and listen.
#[derive(Debug)]
pub(super) struct ReservedPort {
    service: String,
    socket: OwnedFd,
}

impl ReservedPort {
    pub(super) fn new(service: &str) -> Self {
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
            service: service.to_owned(),
            socket,
        }
    }

    pub(super) fn named(&self) -> (String, u16) {
        let address: SockaddrIn = getsockname(self.socket.as_raw_fd()).unwrap();
        (self.service.clone(), address.port())
    }
}

/// Gives each service whose port is a word in `@` a port.
fn reserve_ports(configuration: &mut String) -> Vec<ReservedPort> {
    let mut reserved = Vec::new();
    while let Some((_, rest)) = configuration.split_once("127.0.0.1:@") {
        let (word, _) = rest.split_once('@').unwrap();
        let port = ReservedPort::new(&word.to_lowercase());
        let word = format!("@{word}@");
        *configuration = configuration.replace(&word, &port.named().1.to_string());
        reserved.push(port);
    }
    reserved
}

/// Whether a socket listens on this port of 127.0.0.1, without connecting to it.
pub(super) fn is_listened_on(port: u16) -> bool {
    let address = u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets());
    let listening = format!(" {address:08X}:{port:04X} 00000000:0000 0A ");
    fs::read_to_string("/proc/net/tcp")
        .unwrap()
        .contains(&listening)
}
