//! What was asked for, checked: the command line's outcome.

use std::path::PathBuf;
use std::time::Duration;

use crate::daemon::{InvalidUtf8, Program};
use crate::handshake::Header;
use crate::record::Record;

use super::proxy::Choice;
use super::say::Voice;
use super::url::Url;

/// All that a connection needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to connect to.
    pub url: Url,
    /// What is joined to it; `None`: our standard input and output.
    pub program: Option<Program>,
    /// The Unix socket behind which the server is; `None`: it is where the URL says.
    pub unix: Option<PathBuf>,
    /// Which proxy leads there.
    pub proxy: Choice,
    /// Whom we believe, and what we show of ourselves.
    pub trust: Trust,
    /// How messages look on standard input and output.
    pub record: Record,
    /// What becomes of text that is not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Subprotocols, the preferred one first.
    pub protocols: Vec<String>,
    /// Header lines added to the request.
    pub headers: Vec<Header>,
    /// The origin to name.
    pub origin: Option<String>,
    /// Who we are, to a server that asks for a password.
    pub user: Option<String>,
    /// How long the server may take: until the handshake is done, and to answer our Close.
    pub timeout: Duration,
    /// Between pings to a silent server, which is given up after two; `None`: no pings.
    pub ping: Option<Duration>,
    /// Bytes a message may have; `None`: any number.
    pub max_message: Option<u64>,
    /// Whether the end of standard input closes the connection.
    pub close_on_eof: bool,
    /// Whether a lost connection is taken up again.
    pub reconnect: bool,
    /// Whether a line on standard output tells that messages follow.
    pub ready: bool,
    /// How much is said on standard error.
    pub voice: Voice,
}

/// Whom a connection over TLS believes, and what it shows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trust {
    /// Certificates whose word is taken; `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// Our certificate with those behind it, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Any server is believed.
    pub is_insecure: bool,
}
