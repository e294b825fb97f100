//! The servers under load: how each is started for a service, which processes it consists of, and how
//! nothing of it is left.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A program that makes a service of another program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Websockd,
    Websocketd,
    Websocat,
    /// `floor/main.rs`: for short lines, one after the other.
    Floor,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Websockd => "websockd",
            Self::Websocketd => "websocketd",
            Self::Websocat => "websocat",
            Self::Floor => "floor",
        })
    }
}

/// A server as installed.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    /// For the table; may be empty.
    pub(crate) version: String,
    path: PathBuf,
    /// Whatever else it is started with.
    options: Vec<String>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            [self.kind.to_string().as_str(), &self.version]
                .join(" ")
                .trim_end(),
        )
    }
}

impl Program {
    /// `KIND[@VERSION]=PATH[,OPTION]...`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, started) = text.split_once('=')?;
        let mut started = started.split(',');
        let path = started.next()?;
        let (name, version) = name.split_once('@').unwrap_or((name, ""));
        let kinds = [
            Kind::Websockd,
            Kind::Websocketd,
            Kind::Websocat,
            Kind::Floor,
        ];
        Some(Self {
            kind: kinds.into_iter().find(|kind| kind.to_string() == name)?,
            version: version.to_owned(),
            path: fs::canonicalize(path).ok()?,
            options: started.map(str::to_owned).collect(),
        })
    }

    /// Each server's own way to say: this address, this program for each client, lines, silence.
    fn command(&self, port: u16, service: &Path, arguments: &[String], record: usize) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.options);
        match self.kind {
            Kind::Websockd => command
                .args(["--address", "127.0.0.1", "--log-level", "error"])
                .args(["--port", &port.to_string()])
                .args((record > 16 << 20).then_some("--max-message=0"))
                .arg("--")
                .arg(service)
                .args(arguments),
            Kind::Websocketd => command
                .args(["--address=127.0.0.1", "--loglevel=fatal"])
                .arg(format!("--port={port}"))
                .arg(service)
                .args(arguments),
            // It splits what its buffer does not hold. Its answers keep their newlines: told to strip
            // them, it makes messages of their own of them.
            Kind::Websocat => command
                .args(["--text", "-q", "--buffer-size"])
                .arg((record + 2).max(65536).to_string())
                .arg(format!("ws-listen:127.0.0.1:{port}"))
                .arg(format!("exec:{}", service.display()))
                .arg("--exec-args")
                .args(arguments),
            Kind::Floor => command.arg(port.to_string()).arg(service),
        };
        command
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    service: PathBuf,
}

impl Server {
    /// Starts it on a free port of the loopback address and waits until it listens.
    ///
    /// `record` is the longest line it will have to carry, in bytes.
    pub(crate) fn start(
        program: &Program,
        service: &Path,
        arguments: &[String],
        record: usize,
    ) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let child = program
            .command(port, service, arguments, record)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            child,
            service: service.to_owned(),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(server.address).is_err() {
            if Instant::now() > deadline || !matches!(server.child.try_wait(), Ok(None)) {
                return Err(io::Error::other("it does not listen"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// Its processes, those of the services left out.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut processes = descendants(self.child.id());
        processes.push(self.child.id());
        processes.retain(|process| {
            fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|exe| exe != self.service)
        });
        processes
    }
}

impl Drop for Server {
    /// Asks it to stop, makes it stop, and takes what it has left behind (orphans are given to us).
    fn drop(&mut self) {
        signal(self.child.id(), Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(2));
        }
        loop {
            for process in descendants(std::process::id()) {
                signal(process, Signal::SIGKILL);
            }
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(2)),
                Err(Errno::ECHILD) => return,
                _ => {}
            }
        }
    }
}

fn signal(process: u32, signal: Signal) {
    // Gone already is what is wanted.
    let _ = i32::try_from(process).map(|process| kill(Pid::from_raw(process), signal));
}

/// The processes that come from this one, whatever their generation.
fn descendants(ancestor: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some(parent) = parent(process) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = Vec::new();
    let mut unseen = vec![ancestor];
    while let Some(process) = unseen.pop() {
        let children = children.remove(&process).unwrap_or_default();
        found.extend(&children);
        unseen.extend(children);
    }
    found
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before the parenthesis may hold anything; state and parent follow it.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
