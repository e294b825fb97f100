//! The built program as a super-server starts it: descriptor 0 is the client.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::Signal;

use super::log::Log;
use super::peer::Peer;
use super::process::{self, Family};
use super::server::Setup;
use super::wait_for;

/// Moves descriptors 0 and 1 to 3 and 4, and says whom they are for.
const PASS: &str =
    "export LISTEN_PID=${LISTEN_PID-$$}; exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null";

/// Where the program's standard error goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stderr {
    Pipe,
    /// To the client, as openbsd-inetd does it.
    Socket,
}

/// A session started by a super-server. At the test's end nothing of it may be left.
#[derive(Debug)]
pub(crate) struct Inetd {
    child: Child,
    log: Option<Log>,
    is_over: bool,
    family: Family,
}

impl Inetd {
    /// Hands over a connection of IPv4 on the loopback interface.
    pub(crate) fn tcp(setup: &Setup, stderr: Stderr) -> (Self, Peer) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let theirs = listener.accept().unwrap().0;
        (Self::serve(setup, theirs.into(), stderr), Peer::over(ours))
    }

    /// Hands over a socket that has no address.
    pub(crate) fn unix(setup: &Setup, stderr: Stderr) -> (Self, Peer) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Self::serve(setup, theirs.into(), stderr), Peer::over(ours))
    }

    /// Hands over one or two sockets as descriptors from 3 on, in the way of sd_listen_fds(3).
    pub(crate) fn passed(setup: &Setup, sockets: Vec<OwnedFd>) -> Self {
        let family = Family::new();
        let count = sockets.len();
        let setup = setup.clone().env("LISTEN_FDS", &count.to_string());
        let mut command = setup.wrapped(&["sh", "-c", PASS, "sh"]).command(&family);
        let mut sockets = sockets.into_iter();
        command.stdin(Stdio::from(sockets.next().unwrap()));
        command.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
        Self::spawn(command, family)
    }

    /// Hands over a socket that listens as descriptor 0.
    pub(crate) fn wait_for_clients(setup: &Setup, listener: impl Into<OwnedFd>) -> Self {
        Self::serve(setup, listener.into(), Stderr::Pipe)
    }

    fn serve(setup: &Setup, socket: OwnedFd, stderr: Stderr) -> Self {
        let family = Family::new();
        let mut command = setup.command(&family);
        if stderr == Stderr::Socket {
            command.stderr(Stdio::from(socket.try_clone().unwrap()));
        }
        command.stdout(Stdio::from(socket.try_clone().unwrap()));
        command.stdin(Stdio::from(socket));
        Self::spawn(command, family)
    }

    fn spawn(mut command: Command, family: Family) -> Self {
        let mut child = command.spawn().unwrap();
        Self {
            log: child.stderr.take().map(Log::collect),
            child,
            is_over: false,
            family,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// What came on standard error; panics if that is the socket.
    pub(crate) fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    /// Ends a listener.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        process::signal(self.pid(), Signal::SIGTERM);
        self.wait()
    }

    /// Waits for its end and for nothing to be left.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = wait_for("the session's exit", || self.child.try_wait().unwrap());
        self.is_over = true;
        self.family.wait_gone();
        status
    }
}

impl Drop for Inetd {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if std::thread::panicking() {
            self.family.kill();
            let _reaped = self.child.wait();
        } else {
            self.wait();
        }
    }
}
