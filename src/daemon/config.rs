//! What the operator asked for, checked: the command line's outcome and the daemon's only input.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::handshake::Header;
use crate::handshake::server::Policy;
use crate::record::Record;
use crate::sys::limit::Limit;
use crate::sys::user::Identity;
use crate::transport::Acceptor;

use super::proxy::Trusted;

use super::relay::{Settings, Words};

/// All that a listener and its sessions need to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections come from.
    pub source: Source,
    /// Connections that the kernel completes for us before they are accepted.
    pub backlog: i32,
    /// Whether other processes may listen on the same ports.
    pub reuse_port: bool,
    /// What connections are encrypted with; `None`: they are not.
    pub(crate) tls: Option<Acceptor>,
    /// Whether connections begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Proxies whose word on who the client is we take.
    pub trust_proxy: Trusted,
    /// The port at which plain HTTP is answered with 301 to the main one; `None`: there is none.
    pub redirect_port: Option<u16>,
    /// What runs for each client.
    pub services: Services,
    /// How messages look to the service.
    pub record: Record,
    /// What becomes of service output in a text record that is not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Where the service's standard error goes.
    pub stderr: ServiceStderr,
    /// Who may connect, under which host names, with which subprotocols.
    pub policy: Policy,
    /// Lines that are added to responses.
    pub headers: ExtraHeaders,
    /// Whether clients' names are looked up for the service.
    pub reverse_lookup: bool,
    /// Variables added to the service's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Names of the inherited variables the service keeps; `None`: all.
    pub pass_env: Option<Vec<OsString>>,
    /// The service's working directory; `None`: ours.
    pub chdir: Option<PathBuf>,
    /// The directory whose files answer plain requests; absolute. `None`: there is none.
    pub static_dir: Option<PathBuf>,
    /// The directory of CGI scripts; absolute. `None`: there is none.
    pub cgi_dir: Option<PathBuf>,
    /// Whether directories of files are listed.
    pub list: bool,
    /// Whether a plain GET is answered with the console page.
    pub console: bool,
    /// EOF to SIGTERM, and SIGTERM to SIGKILL.
    pub grace: Duration,
    /// Bytes an inbound message may have; `None`: any number.
    pub max_message: Option<u64>,
    /// From accept to the complete request.
    pub handshake_timeout: Duration,
    /// Without a message either way; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// Without progress towards a client that does not read; `None`: for ever.
    pub write_timeout: Option<Duration>,
    /// Between pings to an idle client, which is dropped after two; `None`: no pings.
    pub ping: Option<Duration>,
    /// Sessions at a time; `None`: any number.
    pub max_clients: Option<usize>,
    /// Sessions at a time of one network; `None`: any number.
    pub max_clients_per_address: Option<usize>,
    /// Whether the listener leaves the terminal.
    pub daemon: bool,
    /// Where its pid is written, and locked; absolute.
    pub pid_file: Option<PathBuf>,
    /// Whether the log goes to syslog as soon as we serve.
    pub syslog: bool,
    /// Whose rights sessions and services have; `None`: ours.
    pub user: Option<Identity>,
    /// The root directory of sessions and services; `None`: ours.
    pub chroot: Option<PathBuf>,
    /// The service's limits, at most one of a name.
    pub limits: Vec<Limit>,
    /// Whether sessions confine themselves, where that is built in.
    pub sandbox: bool,
}

/// The header lines that the operator adds to responses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExtraHeaders {
    /// To the 101.
    pub upgrade: Vec<Header>,
    /// To every other, refusals among them.
    pub others: Vec<Header>,
}

/// A typed record of a fragmented message is held until its length is known: at most so much of it
/// where messages may have any size.
const MAX_HELD_LEN: u64 = 16 << 20;

/// How much of a message may be held if it may have `max_message` bytes, or any number.
pub(crate) fn max_held_len(max_message: Option<u64>) -> usize {
    let max = max_message.unwrap_or(MAX_HELD_LEN).min(MAX_HELD_LEN);
    usize::try_from(max).unwrap_or(usize::MAX)
}

impl Config {
    /// The scheme of our own addresses.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// What of it a session's relay looks at.
    pub(super) fn relay(&self) -> Settings {
        Settings {
            record: self.record,
            invalid_utf8: self.invalid_utf8,
            max_held_len: max_held_len(self.max_message),
            words: Words {
                vanished: "client vanished",
                stopping: "server is stopping",
                output: "service output",
            },
            grace: self.grace,
            write_timeout: self.write_timeout,
            idle_timeout: self.idle_timeout,
            ping: self.ping,
            close_at_end: None,
        }
    }
}

/// Where connections come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// No listening option was given: descriptor 0 if it is a socket, else the default addresses.
    Auto {
        /// The port to listen on if it comes to that.
        port: u16,
    },
    /// `--inetd`: descriptor 0 is the client.
    Inetd,
    /// `--address`, `--port`, `--unix`: these, and nothing else.
    Listen {
        /// As given: names or literal addresses; `*` is all of both families. Empty: none.
        addresses: Vec<String>,
        /// 0: one the kernel chooses, the same for all addresses.
        port: u16,
        /// A path to listen on, too.
        unix: Option<UnixSocket>,
    },
}

/// A socket that is a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnixSocket {
    /// Absolute.
    pub path: PathBuf,
    /// The file's permissions: who may write may connect.
    pub mode: u32,
}

impl Source {
    /// The port that was asked for; 0 where there is none to tell.
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Auto { port } | Self::Listen { port, .. } => *port,
            Self::Inetd => 0,
        }
    }

    /// The path that is listened on.
    pub(super) fn unix(&self) -> Option<&UnixSocket> {
        match self {
            Self::Listen { unix, .. } => unix.as_ref(),
            Self::Auto { .. } | Self::Inetd => None,
        }
    }
}

/// Where the program for a client comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Services {
    /// One for all of them.
    Program(Program),
    /// `--dir`: the request's path names it below this directory, which is absolute.
    Dir(PathBuf),
    /// There is none: only plain requests are answered.
    None,
}

/// A program, looked up at start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// The file, found by PATH if the name has no slash. Absolute, so that `--chdir` does not move it.
    pub path: PathBuf,
    /// Its name as typed, then its arguments.
    pub argv: Vec<OsString>,
}

/// What becomes of service output that is not UTF-8 where text is due.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum InvalidUtf8 {
    /// U+FFFD stands for what is wrong.
    #[default]
    Replace,
    /// The session closes with 1007.
    Close,
}

/// Where the service's standard error goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ServiceStderr {
    /// Each line becomes a line of the log.
    #[default]
    Log,
    /// Wherever ours goes.
    Inherit,
    /// `/dev/null`.
    Null,
    /// The log, and the client: then each of its messages says from which of the two outputs it is.
    Tagged,
}
