//! What a service manager is told, as sd_notify(3) has it: over a socket of its own, named in the
//! environment.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// The manager, if there is one. A message that it does not take is lost: nobody waits for it.
#[derive(Debug)]
pub(super) struct Notify {
    socket: Option<UnixDatagram>,
    /// How often it wants a sign of life.
    interval: Option<Duration>,
    /// When the next one is due.
    due: Option<Instant>,
}

impl Notify {
    /// The manager of `NOTIFY_SOCKET`; a sign of life is sent twice in the time of `WATCHDOG_USEC`, if
    /// that is meant for us.
    pub(super) fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET");
        let socket = name.and_then(|name| connect(&name).ok());
        let interval = watchdog().filter(|_| socket.is_some());
        Self {
            socket,
            interval,
            due: interval.map(|_| Instant::now()),
        }
    }

    /// We serve.
    pub(super) fn ready(&self, status: &str) {
        let pid = process::id();
        self.send(&format!("READY=1\nMAINPID={pid}\nSTATUS={status}\n"));
    }

    /// We begin anew, and will be ready again.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
        let now = now.unwrap_or_default().as_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}\n"));
    }

    /// We serve nobody new any more.
    pub(super) fn stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={status}\n"));
    }

    /// Sends a sign of life if one is due.
    pub(super) fn beat(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.send("WATCHDOG=1\n");
            self.due = self.interval.map(|interval| now + interval);
        }
    }

    /// When the next sign of life is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            let _lost = socket.send(message.as_bytes());
        }
    }
}

/// A path, or behind an `@` a name without one.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Half of the time in which a sign of life is wanted from this process.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = env::var_os("WATCHDOG_PID").is_none()
        || number("WATCHDOG_PID") == Some(process::id().into());
    let time = number("WATCHDOG_USEC").filter(|time| is_ours && *time > 0)?;
    Some(Duration::from_micros(time) / 2)
}
