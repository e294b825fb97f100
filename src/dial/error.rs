//! Why there is no connection: every sentence that names what failed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;

/// Why there is no connection, or why it does not go on.
#[derive(Debug)]
pub(super) enum Error {
    /// The answer is no WebSocket's.
    Answer { from: String, why: Why },
    /// No address of the host takes a connection.
    Connect { to: String, why: String },
    /// The handshake of TLS failed, at the check that is named.
    Encryption { with: String, why: Why },
    /// The program does not run. `is_there`: it has not gone since it was found.
    Program {
        path: PathBuf,
        is_there: bool,
        why: Errno,
    },
    /// The proxy does not lead there.
    Proxy { proxy: String, why: Why },
    /// A redirection that is not followed.
    Redirect { to: String, why: &'static str },
    /// The server answered with another status than 101.
    Refused(Refusal),
    /// The host's name has no address.
    Resolve { host: String, why: String },
    /// A signal told us to end.
    Stopped,
    /// Something on this side: what, and why.
    Here { doing: String, why: String },
}

/// An answer with another status than 101.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) from: String,
    pub(super) status: u16,
    /// The first line of its body.
    pub(super) line: Option<String>,
    /// When it would be worth trying again.
    pub(super) retry_after: Option<Duration>,
}

/// Why a conversation before the first frame came to nothing.
#[derive(Debug)]
pub(super) struct Why {
    sentence: String,
    /// Whether it may be otherwise later.
    is_temporary: bool,
}

impl Why {
    pub(super) fn new(sentence: impl Into<String>, is_temporary: bool) -> Self {
        let sentence = sentence.into();
        Self {
            sentence,
            is_temporary,
        }
    }

    /// It would be the same again.
    pub(super) fn lasting(sentence: impl Into<String>) -> Self {
        Self::new(sentence, false)
    }

    /// Another status than the one that was asked for.
    pub(super) fn of_status(status: u16) -> Self {
        Self::new(format!("it answered {status}"), is_temporary(status))
    }

    /// Of a call that failed: by what the peer said (`InvalidData`), or by the connection, which the
    /// next may outlast. `None` if a signal told us to end.
    pub(super) fn of_call(error: &io::Error) -> Option<Self> {
        let is_temporary = error.kind() != io::ErrorKind::InvalidData;
        reason(error).map(|sentence| Self::new(sentence, is_temporary))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Whether a status says that it may be another later.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

impl Error {
    /// Whether it may be otherwise later.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Resolve { .. } => true,
            Self::Answer { why, .. } | Self::Encryption { why, .. } | Self::Proxy { why, .. } => {
                why.is_temporary
            }
            Self::Refused(refusal) => is_temporary(refusal.status),
            Self::Here { .. } | Self::Program { .. } | Self::Redirect { .. } | Self::Stopped => {
                false
            }
        }
    }

    /// When it would be worth trying again, as the server says.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let Self::Refused(refusal) = self else {
            return None;
        };
        refusal.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { from, why } => write!(f, "no WebSocket at {from}: {why}"),
            Self::Connect { to, why } => write!(f, "cannot connect to {to}: {why}"),
            Self::Encryption { with, why } => write!(f, "no TLS with {with}: {why}"),
            Self::Program { path, why, .. } => {
                write!(f, "cannot run {}: {}", path.display(), why.desc())
            }
            Self::Proxy { proxy, why } => write!(f, "proxy {proxy}: {why}"),
            Self::Redirect { to, why } => write!(f, "redirected to {to}: {why}"),
            Self::Refused(refusal) => {
                write!(f, "{} answered {}", refusal.from, refusal.status)?;
                match &refusal.line {
                    Some(line) => write!(f, ": {line}"),
                    None => Ok(()),
                }
            }
            Self::Resolve { host, why } => write!(f, "cannot resolve {host}: {why}"),
            Self::Stopped => f.write_str("told to end"),
            Self::Here { doing, why } => write!(f, "cannot {doing}: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Why a call failed; `None` if a signal told us to end.
pub(super) fn reason(error: &io::Error) -> Option<String> {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::Interrupted, _) => None,
        (io::ErrorKind::TimedOut, None) => Some("no answer in time (--timeout)".to_owned()),
        (io::ErrorKind::UnexpectedEof, _) => Some("the connection ended".to_owned()),
        (_, Some(number)) => Some(Errno::from_raw(number).desc().to_owned()),
        (_, None) => Some(error.to_string()),
    }
}
