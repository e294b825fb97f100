//! The built program as a super-server starts it: descriptor 0 is the client.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus, Stdio};

use super::log::Log;
use super::peer::Peer;
use super::process::Family;
use super::server::Setup;
use super::wait_for;

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

    fn serve(setup: &Setup, socket: OwnedFd, stderr: Stderr) -> Self {
        let family = Family::new();
        let mut command = setup.command(&family);
        if stderr == Stderr::Socket {
            command.stderr(Stdio::from(socket.try_clone().unwrap()));
        }
        command.stdout(Stdio::from(socket.try_clone().unwrap()));
        let mut child = command.stdin(Stdio::from(socket)).spawn().unwrap();
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
