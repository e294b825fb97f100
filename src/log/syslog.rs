//! The system log, without syslog(3): that opens the time zone's file and, when the daemon was started
//! anew, a socket, neither of which a session in its sandbox may do.

use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::time::Duration;

use super::Level;

/// Where the daemon listens.
const PATH: &str = "/dev/log";

/// Facility daemon, as the number on the line has it.
const DAEMON: u8 = 3 << 3;

/// How long a daemon that does not read is waited for. Then the line is lost.
const PATIENCE: Duration = Duration::from_secs(1);

static SOCKET: OnceLock<UnixDatagram> = OnceLock::new();

/// Opens the way to the daemon, which stays open in another root directory.
pub(super) fn open() {
    if SOCKET.get().is_some() {
        return;
    }
    let Ok(socket) = UnixDatagram::unbound() else {
        return;
    };
    let _waits_longer = socket.set_write_timeout(Some(PATIENCE));
    // Nobody there yet: each line looks again.
    let _later = socket.connect(PATH);
    let _open_before = SOCKET.set(socket);
}

/// Sends one line.
pub(super) fn send(level: Level, text: &str) {
    let Some(socket) = SOCKET.get() else {
        return;
    };
    let severity = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug => 7,
    };
    let (priority, pid) = (DAEMON | severity, std::process::id());
    let line = format!("<{priority}>websockd[{pid}]: {text}");
    if socket.send(line.as_bytes()).is_err() {
        // The daemon has been started anew.
        let _lost = socket.send_to(line.as_bytes(), PATH);
    }
}
